"""Results as Markdown tables and pictures. Knows result dicts; draws with matplotlib, loaded only when drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wmagent.evals.measure import write_json, write_text

SCORES = ("exact", "exact_changed", "exact_unchanged", "changed_f1", "ece", "ece_on_changes")


def write(name: str, result: dict[str, object], command: str, folder: Path, plots: bool = True) -> list[Path]:
    """Write <name>.json, <name>.md and pictures into a folder; returns the paths written."""
    written = [write_json(folder / f"{name}.json", {"command": command, **result})]
    text = {
        "contract": contract_markdown,
        "transitions": transitions_markdown,
        "suite": suite_markdown,
    }.get(str(result.get("eval", "")), plain_markdown)
    written.append(write_text(folder / f"{name}.md", f"# {name}\n\n`{command}`\n\n{text(result)}\n"))
    if plots and result.get("eval") == "contract":
        written.append(contract_plot(result, folder / f"{name}.png"))
    if plots and result.get("eval") == "transitions":
        written.append(transitions_plot(result, folder / f"{name}.png"))
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
    """Return the scalars of any result as a table, and its notes."""
    rows = [(key, value) for key, value in result.items() if isinstance(value, int | float | str)]
    notes = "\n".join(f"- {note}" for note in result.get("notes", []))
    return f"{table(('measure', 'value'), rows)}\n\n{notes}".rstrip()


def contract_plot(result: Mapping[str, Any], path: Path) -> Path:
    """Draw imagined against true goal probabilities, calibration of facts, and plan success per control."""
    figure, axes = _figure(3)
    for seed in result["per_seed"]:
        said, truth = zip(*seed["goals"]["points"], strict=True)
        axes[0].plot(truth, said, ".", markersize=4, alpha=0.5, label=f"seed {seed['seed']}")
        curve = seed["outcomes"]["calibration"]["uniform"]["curve"]
        axes[1].plot([c[0] for c in curve], [c[1] for c in curve], "o-", markersize=3)
    for axis, labels in zip(
        axes[:2], (("true P(goal)", "imagined P(goal)"), ("said P(fact)", "true P(fact)")), strict=True
    ):
        axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
        axis.set(xlabel=labels[0], ylabel=labels[1])
    axes[0].legend(frameon=False)
    wanted = "success / optimal, replanned, tight goals, a refusal ends it, "
    loop = {name.removeprefix(wanted): row for name, row in result["summary"].items() if name.startswith(wanted)}
    axes[2].barh(list(loop), [row["mean"] for row in loop.values()], color="0.4")
    axes[2].set(xlabel="success / optimal: tight goals, a refusal ends it", xlim=(0, 1.05))
    axes[2].invert_yaxis()
    return _save(figure, path)


def transitions_plot(result: Mapping[str, Any], path: Path) -> Path:
    """Draw exactness against training size for the model and its floors."""
    figure, axes = _figure(1)
    lines: dict[str, list[tuple[int, float]]] = {}
    for run in result["runs"]:
        lines.setdefault("wmagent", []).append((run["n_train"], run["exact"]))
        for name, floor in run["floors"].items():
            lines.setdefault(name, []).append((run["n_train"], floor["exact"]))
    for name, points in lines.items():
        sizes = sorted({n for n, _ in points})
        means = [sum(e for n, e in points if n == s) / sum(n == s for n, _ in points) for s in sizes]
        axes[0].plot(sizes, means, "o-", label=name.replace("_", " "))
    axes[0].set(xlabel="training transitions", ylabel="exact next states", xscale="log", ylim=(0, 1.02))
    axes[0].legend(frameon=False)
    return _save(figure, path)


def _figure(count: int) -> tuple[Any, list[Any]]:
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(4.6 * count, 3.8), squeeze=False)
    return figure, list(axes[0])


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return path
