"""The page's look: one inline stylesheet for light and dark, wide and narrow. Knows no content."""

LIGHT = """--ink: #1d2530; --soft: #5d6b7a; --line: #d7dde4; --paper: #ffffff; --card: #f5f7f9;
  --main: #0b6e8a; --good: #1c7c4a; --warn: #a3620a; --bad: #b3372f; --faint: #b9c3cd;"""
DARK = """--ink: #e4e9ee; --soft: #9aa7b4; --line: #36414c; --paper: #14191f;
  --card: #1c232b; --main: #58b9d4; --good: #5cc48c; --warn: #e0a458; --bad: #ec7f76; --faint: #55616d;"""
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
PARTS = """
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .4rem 0; }
.note, .soft { color: var(--soft); font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.figure { background: var(--card); border-radius: .5rem; padding: .7rem .9rem; }
.figure b { display: block; font-size: 1.3rem; line-height: 1.4; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.figure span { color: var(--soft); font-size: .85rem; }
.figure.lead b { color: var(--main); font-size: 1.75rem; line-height: 1.1; }
.warning { border-left: 4px solid var(--warn); padding: .4rem .8rem; background: var(--card); margin: .5rem 0; }
.wide { overflow-x: auto; margin: .5rem 0; }
.wide:focus-visible { outline: 2px solid var(--main); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
td { min-width: 4rem; overflow-wrap: break-word; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.was { color: var(--soft); } .now { font-weight: 600; }
.odd { color: var(--bad); font-weight: 600; }
details { margin: .4rem 0; } summary { cursor: pointer; }
svg { display: block; max-width: none; } svg text { fill: var(--ink); font-size: 12px; font-family: inherit; }
svg.picture { max-width: 100%; height: auto; }
svg.on-frame { --main: #0b6e8a; --bad: #b3372f; }
.beside { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; margin: .5rem 0; }
.beside figure { flex: 0 1 26rem; margin: 0; }
.strips { width: auto; } .strips td { min-width: 0; padding-right: .35rem; }
.strips img { display: block; max-width: none; }
.tree .edge { fill: none; stroke: var(--faint); stroke-width: 1.4; }
.tree .edge.chosen { stroke: var(--main); stroke-width: 3.2; }
.tree .label { fill: var(--soft); font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.tree .label.chosen { fill: var(--ink); font-weight: 600; }
.tree .node { fill: var(--paper); stroke: var(--faint); stroke-width: 1.6; }
.tree .node.chosen { stroke: var(--main); stroke-width: 2.6; }
.tree .node.goal { fill: var(--good); stroke: var(--good); }
.tree .value { fill: var(--faint); } .tree .value.chosen { fill: var(--main); }
.tree .check { fill: #fff; }
.tree .more { fill: var(--soft); font-size: 11px; font-style: italic; }
.track { fill: var(--card); stroke: var(--line); } .bar { fill: var(--main); } .span { fill: var(--main); opacity: .3; }
.dot { fill: var(--main); } .truth { stroke: var(--bad); stroke-width: 2.5; } .axis { stroke: var(--faint); }
.ideal { stroke: var(--faint); stroke-dasharray: 4 4; } .curve { fill: none; stroke: var(--main); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .85rem; color: var(--soft); }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .4em;
  border: 2px solid var(--faint); vertical-align: -.08em; }
.legend .g { background: var(--good); border-color: var(--good); } .legend .c { border-color: var(--main); }
"""  # plain rules only, no @-rule: the notebook's version puts each under its own class
CSS = f"""
:root {{ {LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 {FONT}; overflow-wrap: anywhere; }}
{PARTS}@media print {{ .wide {{ overflow: visible; }} }}
"""
