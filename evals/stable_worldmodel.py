"""Our model in somebody else's evaluator: stable-worldmodel's `World.evaluate`, beside our own on the same pairs.
Knows both protocols; must not know which of them gives more."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.causal.shares import Z95
from wmagent.errors import InputError
from wmagent.evals.measure import versions
from wmagent.evals.two_room import HELD_OUT, PILOTS, shown
from wmagent.evals.two_room_play import by, play, play_blindly, still
from wmagent.evals.two_room_tasks import drawn, task
from wmagent.integrations.stable_worldmodel import package, policy
from wmagent.latent.threads import single_thread
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import Chance, Episodes, Expert, TwoRoom, collect, shrunk

COMPARED = {"our pilot": PILOTS["ours"], **{name: PILOTS[name] for name in ("reach, summed", "flat LeWM")}}
SET = [
    {"method": "_set_state", "args": {"state": {"value": "state"}}},
    {"method": "_set_goal_state", "args": {"goal_state": {"value": "goal_state"}}},
]
NOTES = (
    "theirs: World.evaluate of stable-worldmodel on swm/TwoRoom-v1, 224 pixels, starts and goals from a dataset in its "
    "HDF5 format, its CEMSolver, WorldModelPolicy, RandomPolicy and ExpertPolicy; ours: wmagent eval two-room.",
    "both: the same checkpoint, pairs, budget and search settings. Theirs does not bound what it samples and executes "
    "the last mean, ours bounds it and executes the best sequence seen; other random numbers.",
    "theirs counts success after a step only, ours also before the first: 'still' is the share that begins solved, "
    "only_ours_begun_solved the pairs of only_ours that do.",
    "interval: 95 % (Wilson). difference: theirs minus ours, 95 % interval for pairs (Agresti and Min 2005).",
)


@dataclass(frozen=True)
class Settings:
    """What is asked: `pairs` for each of `offsets` (steps to the goal, steps allowed); `envs` are evaluated at once."""

    pairs: int = 50
    offsets: tuple[tuple[int, int], ...] = ((25, 50),)
    envs: int = 50

    def __post_init__(self) -> None:
        if min(self.pairs, self.envs) < 1 or any(min(pair) < 1 for pair in self.offsets) or not self.offsets:
            raise InputError("pairs, envs, offsets and budgets are at least 1, and there is one offset or more")


def run(place: Path, settings: Settings, seed: int, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return what a saved model solves by their evaluator and by ours; episodes and pairs follow from the seed."""
    package()  # before the work, if it is missing
    model = PixelModel.load(place)
    with single_thread():
        episodes = collect(TwoRoom(), HELD_OUT, 500_000 + seed)
        success = {
            f"+{offset}": _compared(model, episodes, settings, (offset, budget), seed, note)
            for offset, budget in settings.offsets
        }
    return {
        "eval": "stable-worldmodel",
        "seed": seed,
        "model": place.name,
        "settings": vars(settings) | {"held_out_episodes": HELD_OUT, "trained_with_seed": model.seed},
        "success": success,
        "notes": list(NOTES),
        "versions": versions() | {"stable-worldmodel": metadata.version("stable-worldmodel")},
    }


def _compared(
    model: PixelModel, episodes: Episodes, settings: Settings, span: tuple[int, int], seed: int,
    note: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """Return one offset's shares by name, each by theirs and by ours, with their agreement over the pairs."""
    swm, (offset, budget) = package(), span
    rows = drawn(episodes, offset, settings.pairs, seed)
    asked = task(episodes, rows, offset, budget)
    frames = partial(shrunk, size=model.config.size)
    policies: dict[str, Callable[[int], Any]] = {
        **{name: partial(policy, model, pilot, frames=frames) for name, pilot in COMPARED.items()},
        "random": swm.policy.RandomPolicy,
        "expert": lambda _: their_expert(),
    }
    ours: dict[str, Callable[[], np.ndarray]] = {
        **{name: lambda pilot=pilot: play(model, pilot, asked, seed).solved for name, pilot in COMPARED.items()},
        "random": lambda: play_blindly(asked, seed, by(Chance(), asked)),
        "expert": lambda: play_blindly(asked, seed, by(Expert(0.0, 0.0), asked)),
    }
    found: dict[str, Any] = {}
    begun = play_blindly(asked, seed, still)
    for name in policies:
        began = time.process_time()
        theirs = evaluated(episodes, rows, span, settings.envs, lambda part, name=name: policies[name](seed + part))
        between = time.process_time()
        found[name] = agreement(theirs, ours[name](), begun) | {
            "cpu_seconds": {"theirs": round(between - began, 1), "ours": round(time.process_time() - between, 1)}
        }
        note(f"+{offset} {name}: theirs {found[name]['theirs']['solved']}, ours {found[name]['ours']['solved']}")
    return found | {"still": {"ours": shown(begun)}}


def evaluated(
    episodes: Episodes, rows: np.ndarray, span: tuple[int, int], envs: int, policy_of: Callable[[int], Any]
) -> np.ndarray:
    """Return which pairs (n,) their evaluator finds solved; `policy_of` makes the policy of each part of `envs` pairs.

    Parts bound the memory: their evaluator holds every frame between the starts and the goals at once.
    """
    swm, (offset, budget) = package(), span
    of = np.searchsorted(episodes.first, rows, side="right") - 1
    solved = []
    for part, begin in enumerate(range(0, len(rows), envs)):
        chosen, number = np.unique(of[begin : begin + envs], return_inverse=True)
        steps = rows[begin : begin + envs] - episodes.first[chosen[number]]
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):  # their solver prints
            dataset = written(episodes, chosen, Path(folder).resolve() / "two-room.h5")
            side = episodes.world.size
            world = swm.World("swm/TwoRoom-v1", len(number), (side, side), max_episode_steps=budget)
            world.set_policy(policy_of(part))
            result = world.evaluate(
                dataset=dataset,
                episodes_idx=number.tolist(),
                start_steps=steps.tolist(),
                goal_offset=offset,
                eval_budget=budget,
                callables=SET,
            )
            world.close()
        solved.append(np.asarray(result["episode_successes"], bool))
    return np.concatenate(solved)


def their_expert() -> Any:
    """Return their expert without noise, which knows the state, the goal and the rules."""
    return importlib.import_module("stable_worldmodel.envs.two_room").ExpertPolicy()


def written(episodes: Episodes, chosen: np.ndarray, path: Path) -> Any:
    """Write the chosen episodes as a dataset in their HDF5 format, frames as large as the world, and return it open."""
    form = package().data.get_format("hdf5")
    with form.open_writer(path) as writer:
        for episode in chosen:
            rows = np.arange(*episodes.first[[episode, episode + 1]].tolist())
            frames = episodes.frames(rows, episodes.world.size)
            writer.write_episode(
                {"pixels": frames, "action": episodes.actions[rows], "state": episodes.positions[rows]}
            )
    return form.open_reader(path)


def agreement(theirs: np.ndarray, ours: np.ndarray, begun: np.ndarray) -> dict[str, Any]:
    """Return both shares of pairs (n,) solved, in how many pairs they agree, and their difference with its interval.

    `begun` (n,) are the pairs that begin solved.
    """
    n = len(theirs)
    only_theirs, only_ours = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    more, less, total = only_theirs + 0.5, only_ours + 0.5, n + 2.0
    centre = (more - less) / total
    half = Z95 * math.sqrt((more + less) - (more - less) ** 2 / total) / total
    return {
        "theirs": shown(theirs),
        "ours": shown(ours),
        "agreement": {
            "share": round(float((theirs == ours).mean()), 4),
            "both": int((theirs & ours).sum()),
            "only_theirs": only_theirs,
            "only_ours": only_ours,
            "only_ours_begun_solved": int((ours & ~theirs & begun).sum()),
            "neither": int((~theirs & ~ours).sum()),
        },
        "difference": round((only_theirs - only_ours) / n, 4),
        "difference_interval": [round(centre - half, 4), round(centre + half, 4)],
    }
