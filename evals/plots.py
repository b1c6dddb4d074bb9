"""Pictures of evaluation results. Knows result dicts; draws with matplotlib, loaded only when drawing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


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


def two_room_plot(result: Mapping[str, Any], path: Path) -> Path:
    """Draw the shares of solved pairs with their intervals, a panel for each task."""
    tasks = result["summary"] if "per_seed" in result else result["success"]
    figure, axes = _figure(len(tasks))
    for axis, (task, rows) in zip(axes, tasks.items(), strict=True):
        shares = [row["solved"] for row in rows.values()]
        low, high = zip(*(row["interval"] for row in rows.values()), strict=True)
        reach = [[s - e for s, e in zip(shares, low, strict=True)], [e - s for s, e in zip(shares, high, strict=True)]]
        axis.barh(
            list(rows), shares, xerr=reach, color=["0.25", *["0.65"] * (len(rows) - 1)], error_kw={"linewidth": 1}
        )
        axis.set(xlabel=f"solved, {task}", xlim=(0, 1.05))
        axis.invert_yaxis()
        if axis is not axes[0]:
            axis.set_yticklabels([])
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


def search_scaling_plot(result: Mapping[str, Any], path: Path) -> Path:
    """Draw true success against imagined simulations and against horizon, per arm, beside random and optimal."""
    figure, axes = _figure(2)
    for axis, (name, lines) in zip(axes, result["summary"].items(), strict=True):
        for arm, points in lines.items():
            where, worth = [point for point, _ in points], [value for _, value in points]
            if arm in ("random", "optimal"):
                axis.plot(where, worth, color="0.6", linewidth=0.8, linestyle="-" if arm == "optimal" else ":")
                continue
            color, style = ("C1" if "weak" in arm else "C0"), ("--" if "pessimistic" in arm else "-")
            axis.plot(where, worth, style, marker="o", markersize=3, color=color, label=arm)
        axis.set(xlabel=name, ylabel="true success / optimal", ylim=(0, 1.05))
    axes[0].set(xlabel="imagined simulations per decision", xscale="log")
    axes[1].set(xlabel="horizon in steps")
    axes[0].legend(frameon=False)
    return _save(figure, path)


def what_if_plot(result: Mapping[str, Any], path: Path) -> Path:
    """Draw said against true probabilities per support, and the success of plans and controls, of one or more seeds."""
    figure, axes = _figure(2)
    seeds = result.get("per_seed", [result])
    points = [point for seed in seeds for point in seed.get("interventions", {}).get("points", [])]
    for support in ("observed", "interpolated", "extrapolated"):
        mine = [point for point in points if point["support"] == support]
        said, truth = [point["said"] for point in mine], [point["truth"] for point in mine]
        axes[0].plot(truth, said, ".", markersize=4, alpha=0.5, label=f"{support} ({len(mine)})")
    axes[0].plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    axes[0].set(xlabel="true P(goal)", ylabel="imagined P(goal)")
    axes[0].legend(frameon=False)
    bars: dict[str, list[float]] = {}
    for seed in seeds:
        for name, row in seed.get("plans", {}).items():
            bars.setdefault(name, []).append(row.get("relative", row["success"]))
        for mode, row in seed.get("controls", {}).get("firm", {}).items():
            bars.setdefault(f"control: {mode}", []).append(row.get("relative", row["success"]))
    axes[1].barh(list(bars), [sum(values) / len(values) for values in bars.values()], color="0.4")
    axes[1].set(xlabel="true success / optimal (controls: a refusal ends it)", xlim=(0, 1.05))
    axes[1].invert_yaxis()
    return _save(figure, path)
