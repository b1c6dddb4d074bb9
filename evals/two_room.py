"""Two-Room from pixels: learn, probe, be surprised, plan to recorded goals, beside floors, ceilings and ablations.
Knows the whole protocol; the parts are in the files beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.domain.progress import Report
from wmagent.evals.measure import versions
from wmagent.evals.metrics import share_interval
from wmagent.evals.two_room_page import said_plan, walks_of, write_page
from wmagent.evals.two_room_play import Exact, Played, by, play, play_blindly, play_exact, still
from wmagent.evals.two_room_surprise import surprises
from wmagent.evals.two_room_tasks import Task, tasks
from wmagent.evals.two_room_words import words
from wmagent.language.pixel_goals import learn_words
from wmagent.latent.threads import single_thread
from wmagent.model.snapshots import remove
from wmagent.pixels.config import PixelConfig, changed
from wmagent.pixels.planning import Pilot
from wmagent.pixels.world_model import PixelModel
from wmagent.planning import GaussianCem, ICem, Mppi
from wmagent.worlds.two_room import Chance, Expert, TwoRoom, collect

HELD_OUT = 1_500  # episodes that pairs are drawn from
FLAT = GaussianCem(iterations=10)  # LeWorldModel's: the straight distance of the last imagined latent
NOTES = (
    "pairs: two frames of one held-out recorded walk, so many steps apart; solved: within 16 pixels at any step.",
    "strict: the first offset by the rule that no point of a move may touch the wall; only unsolved pairs across it.",
    "exact: the same search over the world's own rules, aimed straight at the goal; expert: knows goal and rules.",
    "shuffled: every candidate is judged by what was imagined for another; still: what begins solved.",
    "intervals: 95 % (Wilson) over the pairs of one seed.",
)


@dataclass(frozen=True)
class Settings:
    """How much is learned from and asked. `changes` to a preset make another model of it; `ablations` also runs all
    that the default pilot is compared with; `words` also asks for goals in words."""

    preset: str = "tiny"
    pairs: int = 200
    episodes: int = 3_000
    ablations: bool = False
    words: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The preset and what was changed of it, for names of files."""
        return "-".join([self.preset, *(f"{key}-{value}" for key, value in sorted(self.changes.items()))])

    def config(self) -> PixelConfig:
        """Return the model's settings; InputError for changes that it does not know or that do not fit."""
        return changed(self.preset, self.changes)


PILOTS: dict[str, Pilot] = {
    "ours": Pilot(),
    "flat LeWM": Pilot(FLAT, cost="straight"),
    "straight, summed": Pilot(replace(FLAT, sum_cost=True), cost="straight"),
    "straight, two levels": Pilot(FLAT, cost="straight", levels=2, execute=2),
    "reach, summed": Pilot(replace(FLAT, sum_cost=True)),
    "reach, two levels": Pilot(FLAT, levels=2, execute=2),
    "reach, replanned after 2 blocks": Pilot(execute=2),
    "reach, iCEM": Pilot(ICem(iterations=5, samples=150, elites=15)),
    "reach, MPPI": Pilot(Mppi(iterations=10)),
}


def run(
    settings: Settings, seed: int, models: Path | None = None, report: Report | None = None,
    note: Callable[[str], None] = lambda _: None, page: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return everything that is measured with one seed: world, data, model and pairs all follow from it.

    With `page` it is also written there as HTML, with some of the pairs walked once more to look at.
    """
    world = TwoRoom()
    with single_thread():
        model = _learned(settings, world, seed, models, report)
        held = collect(world, HELD_OUT, 500_000 + seed, size=model.config.size)
        asked = tasks(held, settings.pairs, seed)
        played, results = [], {}
        for task in asked:
            played.append(play(model, PILOTS["ours"], task, seed))
            results[task.name] = _results(model, task, played[-1], seed, settings.ablations, note)
        odd = surprises(model, held, seed)
        reader = learn_words(model, world, seed) if settings.words else None
        said = words(model, held, settings.pairs, seed, reader, note=note) if reader else None
    result = {
        "eval": "two-room",
        "seed": seed,
        "settings": vars(settings) | {"changes": dict(settings.changes), "held_out_episodes": HELD_OUT},
        "success": results,
        "probe_r2": model.card["held_out"].get("probe_r2"),
        "surprise": odd,
        "words": said,
        "training": {
            "cpu_seconds": model.card["learn_cpu_seconds"],
            "parameters": model.card["network"]["parameters"],
            **{name: model.card["network"][name] for name in ("effective_rank", "std_mean", "std_min")},
        },
        "plan_cpu_seconds": round(float(np.mean([row["ours"]["cpu_seconds_per_plan"] for row in results.values()])), 4),
        "notes": list(NOTES),
        "versions": versions(),
    }
    if page is not None:
        walks = [walk for task, ours in zip(asked, played, strict=True) for walk in walks_of(model, task, ours, seed)]
        write_page(page, result, walks, None if reader is None else said_plan(model, world, reader, asked[0], seed))
    return result


def pooled(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the shares solved over the pairs of several seeds together, by task and name."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for task, rows in runs[0]["success"].items():
        found[task] = {}
        for name in rows:
            cells = [run["success"][task][name] for run in runs]
            n = sum(cell["n"] for cell in cells)
            share = sum(cell["n"] * cell["solved"] for cell in cells) / n
            found[task][name] = _interval(share, n) | {"per_seed": [cell["solved"] for cell in cells]}
    return found


def _learned(settings: Settings, world: TwoRoom, seed: int, models: Path | None, report: Report | None) -> PixelModel:
    """Return the model, from `models` where it was kept."""
    place = models / f"two-room-{settings.name}-{settings.episodes}-{seed}.wm" if models else None
    if place is not None and (place / "config.json").is_file():
        return PixelModel.load(place)
    snapshots = place.with_suffix(".training") if place else None
    walks = collect(world, settings.episodes, seed)
    model = PixelModel.learn(walks, settings.config(), seed, resume=snapshots, report=report)
    if place is not None and snapshots is not None:
        model.save(place)
        remove(snapshots)
    return model


def _results(
    model: PixelModel, task: Task, ours: Played, seed: int, ablations: bool, note: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Return the share solved of one task by name: ours, what it is compared with, floors and ceilings."""
    found: dict[str, dict[str, Any]] = {}
    pilots = PILOTS if ablations else {name: PILOTS[name] for name in ("ours", "flat LeWM")}
    for name, pilot in pilots.items():
        played = ours if name == "ours" else play(model, pilot, task, seed)
        found[name] = shown(played.solved) | _cost(played)
        note(f"{task.name} {name}: {found[name]['solved']:.3f}")
    found["ours, shuffled predictions"] = shown(play(model, PILOTS["ours"], task, seed, shuffled=True).solved)
    for name, act in (("random", by(Chance(), task)), ("still", still), ("expert", by(Expert(0.0, 0.0), task))):
        found[name] = shown(play_blindly(task, seed, act))
    exact = Exact(task.world, model.scale, model.config.block)
    found["exact"] = shown(play_exact(exact, FLAT, task, seed))
    note(f"{task.name} exact: {found['exact']['solved']:.3f}, random {found['random']['solved']:.3f}")
    return found


def shown(solved: np.ndarray) -> dict[str, Any]:
    """Return the share of pairs (n,) that is solved, with its interval."""
    return _interval(float(solved.mean()) if len(solved) else 0.0, len(solved))


def _interval(share: float, n: int) -> dict[str, Any]:
    return {"solved": round(share, 4), "n": n, "interval": share_interval(share, n)}


def _cost(played: Played) -> dict[str, Any]:
    return {"plans": played.plans, "cpu_seconds_per_plan": round(played.seconds_per_plan, 4)}
