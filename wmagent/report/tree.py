"""The picture of the imagined tree: `TreeNode`s in, one inline SVG out. Knows layout, not search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wmagent.domain.answers import TreeNode
from wmagent.report.markup import Html, join, tag
from wmagent.report.wording import changes, percent

LAYER = 210  # px between a state and what follows it
ROW = 36
MARGIN = 24
RADIUS = 9
MOST_NODES = 45
LABEL = 25  # characters of an action that fit on an edge


@dataclass(frozen=True)
class Placed:
    """One drawn node: its index in the tree, where it lies, and how many of its children are not drawn."""

    index: int
    x: float
    y: float
    hidden: int


def tree_picture(nodes: Sequence[TreeNode], most: int = MOST_NODES) -> Html:
    """Return the tree as SVG, left to right; empty for no tree.

    At most about `most` nodes are drawn: the chosen path always, then the likeliest; what is left out is counted.
    """
    if not nodes:
        return Html("")
    placed = lay_out(nodes, keep(nodes, most))
    width = max(place.x for place in placed.values()) + LAYER * 0.6
    height = max(place.y for place in placed.values()) + MARGIN + 8
    edges = join(
        _edge(nodes[place.index], placed[nodes[place.index].parent], place)
        for place in sorted(placed.values(), key=lambda place: nodes[place.index].chosen)
        if nodes[place.index].parent >= 0
    )
    circles = join(_node(nodes[place.index], place) for place in placed.values())
    labels = join(
        _label(nodes[place.index], placed[nodes[place.index].parent], place)
        for place in placed.values()
        if nodes[place.index].parent >= 0
    )
    return tag(
        "svg",
        tag("title", f"{len(placed)} of {len(nodes)} imagined states"),
        edges,
        circles,
        labels,
        class_="tree",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def keep(nodes: Sequence[TreeNode], most: int) -> set[int]:
    """Return the indices to draw: the root, every chosen node, then by reach, each with its ancestors."""
    kept: set[int] = set()

    def add(index: int) -> None:
        while index >= 0 and index not in kept:
            kept.add(index)
            index = nodes[index].parent

    for index, node in enumerate(nodes):
        if node.parent < 0 or node.chosen:
            add(index)
    for index in sorted(range(len(nodes)), key=lambda i: (-nodes[i].reach, -nodes[i].value, i)):
        if len(kept) >= most:
            break
        add(index)
    return kept


def lay_out(nodes: Sequence[TreeNode], kept: set[int]) -> dict[int, Placed]:
    """Place the kept nodes: depth is x, leaves take one row each, a parent lies beside its first child."""
    below: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        below.setdefault(node.parent, []).append(index)
    placed: dict[int, Placed] = {}
    row = 0
    stack = [(index, 0) for index in reversed(_in_order(nodes, below.get(-1, []), kept))]
    while stack:  # depth first without recursion: a tree may be deeper than Python's stack
        index, depth = stack.pop()
        shown = _in_order(nodes, below.get(index, []), kept)
        hidden = len(below.get(index, [])) - len(shown)
        placed[index] = Placed(index, MARGIN + depth * LAYER, MARGIN + row * ROW, hidden)
        if not shown:
            row += 1
        stack.extend((child, depth + 1) for child in reversed(shown))
    return placed


def _in_order(nodes: Sequence[TreeNode], children: Sequence[int], kept: set[int]) -> list[int]:
    """Return the kept children, the chosen path first (it then runs straight), then the likeliest."""
    return sorted(
        (child for child in children if child in kept), key=lambda i: (not nodes[i].chosen, -nodes[i].reach, i)
    )


def _edge(node: TreeNode, start: Placed, end: Placed) -> Html:
    x0, y0, x1, y1 = start.x + RADIUS, start.y, end.x - RADIUS, end.y
    turn = x0 + 28
    path = f"M{x0:.0f} {y0:.0f} C{turn:.0f} {y0:.0f} {x0:.0f} {y1:.0f} {turn:.0f} {y1:.0f} L{x1:.0f} {y1:.0f}"
    return tag("path", class_="edge chosen" if node.chosen else "edge", d=path)


def _label(node: TreeNode, start: Placed, end: Placed) -> Html:
    action = node.action if len(node.action) <= LABEL else node.action[: LABEL - 1] + "…"
    chance = "" if node.probability >= 0.9995 else f" {percent(node.probability)}"
    return tag(
        "text",
        action + chance,
        tag("title", _tooltip(node)),
        class_="label chosen" if node.chosen else "label",
        x=f"{start.x + RADIUS + 26:.0f}",
        y=f"{end.y - 5:.0f}",
    )


def _node(node: TreeNode, place: Placed) -> Html:
    chosen = " chosen" if node.chosen else ""
    x, y = f"{place.x:.0f}", f"{place.y:.0f}"
    shapes = [tag("circle", class_=f"node{chosen}{' goal' if node.goal else ''}", cx=x, cy=y, r=RADIUS)]
    if node.goal:
        shapes.append(tag("text", "✓", class_="check", x=x, y=f"{place.y + 4:.0f}", text_anchor="middle"))
    elif node.value > 0.02:  # a disc whose area is P(goal) from here
        radius = (RADIUS - 2.5) * min(node.value, 1.0) ** 0.5
        shapes.append(tag("circle", class_=f"value{chosen}", cx=x, cy=y, r=f"{radius:.1f}"))
    if place.hidden:
        below = f"{place.y + RADIUS + 12:.0f}"
        shapes.append(tag("text", f"+{place.hidden}", class_="more", x=x, y=below, text_anchor="middle"))
    return tag("g", tag("title", _tooltip(node)), *shapes)


def _tooltip(node: TreeNode) -> str:
    if node.parent < 0:
        return f"now\nP(goal) from here: {percent(node.value)}"
    lines = [
        node.action,
        changes(node.changes, limit=8),
        f"probability of this outcome: {percent(node.probability)}",
        f"reached with probability: {percent(node.reach)}",
        "the goal holds here" if node.goal else f"P(goal) from here: {percent(node.value)}",
    ]
    return "\n".join(lines)
