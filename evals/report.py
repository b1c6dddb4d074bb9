"""Results as files: JSON, Markdown tables, pictures. Knows result dicts, and no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wmagent.evals import plots as pictures
from wmagent.evals.measure import write_json, write_text

SCORES = ("exact", "exact_changed", "exact_unchanged", "changed_f1", "ece", "ece_on_changes")


def write(name: str, result: dict[str, object], command: str, folder: Path, plots: bool = True) -> list[Path]:
    """Write <name>.json, <name>.md and pictures into a folder; returns the paths written."""
    written = [write_json(folder / f"{name}.json", {"command": command, **result})]
    kind = str(result.get("eval", ""))
    text = _MARKDOWN.get(kind, plain_markdown)
    written.append(write_text(folder / f"{name}.md", f"# {name}\n\n`{command}`\n\n{text(result)}\n"))
    if plots and kind in PLOTS:
        written.append(PLOTS[kind](result, folder / f"{name}.png"))
    return written


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; numbers with up to four significant places, None as a dash."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def shown(cell: object) -> str:
    """Return one value as text."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    if isinstance(cell, list | tuple):
        return " … ".join(shown(part) for part in cell) if len(cell) == 2 else ", ".join(shown(part) for part in cell)
    return str(cell)


def contract_markdown(result: Mapping[str, Any]) -> str:
    """Return the headline table of a contract evaluation, then its settings."""
    rows = []
    for name, row in result["summary"].items():
        seeds = ", ".join(shown(value) for value in row["per_seed"])
        rows.append([name, row["mean"], seeds, row.get("interval"), row.get("n"), row["target"]])
    head = ("measure", "mean", "per seed", "95 % interval", "n", "must reach")
    settings = table(("setting", "value"), list(result["settings"].items()))
    return f"{table(head, rows)}\n\nSeeds {result['seeds']}.\n\n{settings}"


def transitions_markdown(result: Mapping[str, Any]) -> str:
    """Return scores of the model, floors and controls as one table per training size and seed."""
    parts = []
    for run in result["runs"]:
        rows = [["wmagent", *(run[s] for s in SCORES), run["learn_seconds"]]]
        rows += [[f"floor: {n}", *(f[s] for s in SCORES), f["learn_seconds"]] for n, f in run["floors"].items()]
        rows += [[f"control: {n}", *(c[s] for s in SCORES), None] for n, c in run["controls"].items() if n != "real"]
        ends = run["intervals"]["exact"]
        parts.append(
            f"{run['n_train']} training and {run['n_test']} test rows ({result['split']} held out), "
            f"seed {run['seed']}; exact {shown(run['exact'])} (95 % interval {shown(ends)}); "
            f"peak {run['peak_mib']} MiB\n\n" + table(("model", *SCORES, "learn s"), rows)
        )
    return "\n\n".join(parts)


def suite_markdown(result: Mapping[str, Any]) -> str:
    """Return one row per model, control and planner."""
    head = ("model", "control", "planner", "success", "of optimal", "95 % interval", "imagined", "ms", "n")
    return table(head, [[row.get(key) for key in _SUITE] for row in result["rows"]])


_SUITE = ("model", "control", "planner", "success", "relative", "interval", "imagined", "milliseconds", "n")


def plain_markdown(result: Mapping[str, Any]) -> str:
    """Return the scalars of any result, one row per part of its summary and of every seed, and its notes."""
    rows = [(key, value) for key, value in result.items() if isinstance(value, int | float | str)]
    parts = [table(("measure", "value"), rows)]
    parts += [_parts(name, found) for name in ("summary", "mean") if (found := result.get(name))]
    for place, seed in enumerate(result.get("per_seed", [])):
        where = f"{seed['world']}, " if "world" in seed and "world" not in result else ""
        parts.append(_parts(f"{where}seed {seed.get('seed', place)}", seed))
    return "\n\n".join([*(part for part in parts if part), _noted(result)]).rstrip()


def event_log_markdown(result: Mapping[str, Any]) -> str:
    """Return the scalars of a protocol on a log, then a table for each of its parts."""
    rows = [(key, value) for key, value in result.items() if isinstance(value, int | float | str)]
    told = {
        "next event": result["next_event"],
        "sets": {"90 %": result["sets"]},
        "remaining days": result["remaining"],
        "outcome": result.get("outcome", {}),
        "courses": result.get("courses", {}).get("rollers", {}),
        "action gate": result.get("action_gate", {}),
        "anomalies": result.get("anomalies", {}).get("scores", {}),
        "ablations": result.get("ablations", {}),
        "random split": result.get("random_split", {}),
    }
    parts = [table(("measure", "value"), rows), *(_parts(name, found) for name, found in told.items())]
    return "\n\n".join([*(part for part in parts if part), _noted(result)]).rstrip()


def _parts(title: str, found: Mapping[str, Any]) -> str:
    """Return one row per part that holds numbers, with a column per number or interval that any of them has."""
    rows = dict(_numbers(found))
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    return table((title, *columns), [[name, *map(row.get, columns)] for name, row in rows.items()]) if rows else ""


def _numbers(found: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in found.items():
        if isinstance(part, Mapping):
            row = {key: value for key, value in part.items() if _number(value)}
            if row:
                yield within + name, row
            yield from _numbers(part, f"{within}{name}: ")


def _number(value: object) -> bool:
    ends = value if isinstance(value, list) and len(value) == 2 else [value]
    return all(isinstance(end, int | float) for end in ends)


def search_scaling_markdown(result: Mapping[str, Any]) -> str:
    """Return one table per axis, with a column per arm, floor and ceiling beside, and the notes."""
    parts = []
    for axis, lines in result["summary"].items():
        points = [point for point, _ in next(iter(lines.values()))]
        rows = [[point, *(line[place][1] for line in lines.values())] for place, point in enumerate(points)]
        parts.append(table((axis, *lines), rows))
    head = ("arm", "axis", "point", "relative", "95 % interval", "imagined", "decisions")
    keys = ("arm", "axis", "point", "relative", "relative_interval", "imagined", "decisions")
    parts.append(table(head, [[row.get(key) for key in keys] for row in result["rows"]]))
    parts.append(table(("setting", "value"), list(result["settings"].items())))
    return "\n\n".join([*parts, _noted(result)])


def what_if_markdown(result: Mapping[str, Any]) -> str:
    """Return the tables of a what-if evaluation: of every seed, after the summary where there are several."""
    parts = []
    if "per_seed" in result:
        rows = [[name, row["mean"], *row["per_seed"]] for name, row in result["summary"].items()]
        parts.append(table(("measure", "mean", *(f"seed {seed}" for seed in result["seeds"])), rows))
    for seed in result.get("per_seed", [result]):
        parts.append(f"## {seed['world']}, seed {seed['seed']} ({seed['truth']})")
        parts += [tables(seed[part]) for part, tables in _WHAT_IF.items() if part in seed]
    return "\n\n".join([*parts, _noted(result.get("per_seed", [result])[0])])


def stable_worldmodel_markdown(result: Mapping[str, Any]) -> str:
    """Return a table per goal distance: shares solved by their evaluator and by ours, and how far they agree."""
    parts = [table(("setting", "value"), [["model", result["model"]], ["seed", result["seed"]]])]
    head = ("solved", "theirs", "95 % interval", "ours", "95 % interval", "n", "same", "theirs − ours, 95 %")
    for (goal, found), (_, budget) in zip(result["success"].items(), result["settings"]["offsets"], strict=True):
        rows = []
        for name, row in found.items():
            ways = [row.get(way, {}) for way in ("theirs", "ours")]
            shares = [way.get(key) for way in ways for key in ("solved", "interval")]
            same = row.get("agreement", {}).get("share")
            rows.append([name, *shares, row["ours"]["n"], same, row.get("difference_interval")])
        parts.append(f"## {goal}, {budget} steps allowed\n\n{table(head, rows)}")
    return "\n\n".join([*parts, _noted(result)])


def _interventions(found: Mapping[str, Any]) -> str:
    names = ("n", "answered", "refused", "mae", "mae_interval", "worst", "coverage", "width", "large_errors", "caught")
    names += ("needless", "mae_of_the_mean")
    rows = [["forced, " + support, row["n"], row["mae"]] for support, row in found["by_support"].items()]
    rows += [["baseline: " + name, row["n"], row["mae"]] for name, row in found["baselines"].items()]
    numbers = table(("interventions", "value"), [[name, found.get(name)] for name in names])
    return f"{numbers}\n\n{table(('which', 'n', 'MAE'), rows)}"


def _plans(found: Mapping[str, Any]) -> str:
    keys = ("success", "relative", "relative_interval", "reached", "refused", "lost_per_unseen")
    return table(("plans", *keys), [[name, *(row.get(key) for key in keys)] for name, row in found.items()])


def _controls(found: Mapping[str, Any]) -> str:
    parts = [_plans({f"{way}: {mode}": row for mode, row in found[way].items()}) for way in ("firm", "free")]
    return "\n\n".join([*parts, f"Points over shuffled (firm): {shown(found['points_over_shuffled'])}"])


def _rollouts(found: Mapping[str, Any]) -> str:
    keys = ("accuracy", "accuracy_interval", "accuracy_changed", "distance")
    rows = [
        [name, k, *(row.get(key) for key in keys)]
        for name, steps in found.items()
        if isinstance(steps, Mapping)
        for k, row in steps.items()
    ]
    return table(("rollouts", "k", *keys), rows)


def _flips(found: Mapping[str, Any]) -> str:
    return table(("flips", "value"), list(found.items()))


def _noted(result: Mapping[str, Any]) -> str:
    return "\n".join(f"- {note}" for note in result.get("notes", []))


_WHAT_IF = {
    "interventions": _interventions,
    "plans": _plans,
    "controls": _controls,
    "rollouts": _rollouts,
    "flips": _flips,
}


def two_room_markdown(result: Mapping[str, Any]) -> str:
    """Return shares of solved pairs by planner and task, each with its interval, then probe, surprise and costs."""
    runs = result.get("per_seed", [result])
    tasks = list(runs[0]["success"])
    pooled = result["success"] if "per_seed" not in result else result["summary"]
    rows = []
    for name in pooled[tasks[0]]:
        cells = [pooled[task].get(name) for task in tasks]
        rows.append(
            [name, *(f"{100 * c['solved']:.1f} ({shown([100 * e for e in c['interval']])})" for c in cells if c)]
        )
    sizes = [f"{task} (n = {pooled[task]['ours']['n']})" for task in tasks]
    success = table(("% solved (95 % interval)", *sizes), rows)
    about = ("seed", "probe R², x and y", "teleport", "colour", "through the wall", "away from the door")
    about += ("training CPU-s", "plan CPU-s")
    odd = []
    for run in runs:
        kinds = ("teleport", "colour", "through_wall", "through_wall_away_from_door")
        surprised = [run["surprise"].get(f"{kind}_auroc") for kind in kinds]
        spent = run["training"]["cpu_seconds"], run["plan_cpu_seconds"]
        odd.append([run["seed"], run["probe_r2"], *surprised, *spent])
    notes = "\n".join(f"- {note}" for note in (*runs[0]["notes"], *(runs[0]["words"] or {"notes": ()})["notes"]))
    parts = [success, table(about, odd), _said_goals(runs), notes]
    return "\n\n".join(part for part in parts if part)


def _said_goals(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return how goals in words did beside the same goals as frames, by seed; nothing where they were not asked."""
    rows = []
    for run in runs:
        if said := run["words"]:
            near = [f"{100 * cell['near']['share']:.1f}" for cell in said["success"].values()]
            understood = [f"{100 * cell['right']['share']:.1f}" for cell in said["understood"].values()]
            refused = 100 * said["understood"]["fresh"]["refused_off_topic"]["share"]
            rows.append([run["seed"], said["settings"]["pairs"], *near, *understood, f"{refused:.1f}"])
    if not rows:
        return ""
    first = next(run["words"] for run in runs if run["words"])
    heads = [f"% near, {name}" for name in first["success"]] + [f"% understood, {name}" for name in first["understood"]]
    return table(("seed", "n", *heads, "% off topic refused"), rows)


_MARKDOWN = {
    "contract": contract_markdown,
    "transitions": transitions_markdown,
    "suite": suite_markdown,
    "search-scaling": search_scaling_markdown,
    "what-if": what_if_markdown,
    "event-log": event_log_markdown,
    "two-room": two_room_markdown,
    "stable-worldmodel": stable_worldmodel_markdown,
}
PLOTS = {
    "contract": pictures.contract_plot,
    "transitions": pictures.transitions_plot,
    "search-scaling": pictures.search_scaling_plot,
    "what-if": pictures.what_if_plot,
    "two-room": pictures.two_room_plot,
}
