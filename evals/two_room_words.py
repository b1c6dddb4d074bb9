"""Goals in words in Two-Room, beside the same goals as frames and as positions. One criterion for all of them.
Knows the world, its words, the agent and what is learned for it; must not know how plans are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmagent.adapters.goal_text import GoalText
from wmagent.errors import InputError
from wmagent.evals.metrics import share_interval
from wmagent.language.pixel_goals import asked
from wmagent.pixels.agent import Journey, PixelAgent
from wmagent.pixels.goals import Goal
from wmagent.pixels.planning import Pilot
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import (
    FRESH,
    HELD,
    LEARNED,
    Area,
    Episodes,
    TwoRoom,
    Walk,
    Wording,
    Words,
    areas,
    named,
    sentences,
)  # fmt: skip

OFFSET, BUDGET = 50, 100  # steps between a pair's start and goal, and steps that are allowed
QUESTIONS = 600  # fresh sentences that understanding is measured on
DRAWN = 20  # times as many pairs are drawn as are kept
NOTES = (
    "pairs: start and goal are 50 steps of one held-out walk apart; an area that holds the goal and is at least 16 "
    "pixels from the start is drawn for each; pairs without one are left out. 100 steps are allowed.",
    "near: at some step the dot was less than 16 pixels from the area, for frames, positions and words alike, which "
    "whoever comes within 16 pixels of the frame's goal fulfils; inside: at some step it was in the area.",
    "words: fresh sentences, whose phrases and shapes were written without sight of the learned ones and are not among "
    "them; a refused sentence is a failure. held out: what the adapter's design and its threshold were chosen by.",
    "shuffled words: every start gets the sentence of another pair, the floor; still: no pair begins solved.",
    "understood: the latent that a sentence was read as was recorded in the area that it means.",
)


@dataclass(frozen=True)
class Asked:
    """What is asked: `starts` and `goals` (n, 2), the area that each goal is named by, and fresh sentences for it."""

    starts: np.ndarray
    goals: np.ndarray
    named: tuple[Area, ...]
    fresh: tuple[str, ...]
    learned: tuple[str, ...]


def words(
    model: PixelModel, held: Episodes, pairs: int, seed: int, reader: GoalText, pilot: Pilot | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Return how goals in words do on held-out walks, and how well sentences are understood and refused."""
    world = held.world
    agent = PixelAgent(model, pilot or Pilot(), Words(world), reader)
    found, claims = {}, [0, 0]
    task = tasked(held, pairs, seed)
    frames = world.render(task.goals, model.config.size)
    other = np.roll(np.arange(len(task.starts)), 1)
    goals: dict[str, list[Goal]] = {
        "frames": list(frames),
        "positions": [tuple(goal) for goal in task.goals.tolist()],
        "words": list(task.fresh),
        "words as learned": list(task.learned),
        "shuffled words": [task.fresh[row] for row in other],
    }
    for name, kind in goals.items():
        near, inside = [], []
        for row, goal in enumerate(kind):
            path, journey = _walked(agent, world, task.starts[row], goal, seed + row)
            away = task.named[row].distance(path)
            near.append(bool((away < world.success).any()))
            inside.append(bool((away == 0).any()))
            for plan in journey.plans if journey is not None else ():
                claims[0] += len(plan.claims)
                claims[1] += plan.dropped
        found[name] = {"near": _share(near), "inside": _share(inside)}
        note(f"{name}: near {found[name]['near']['share']:.3f}, inside {found[name]['inside']['share']:.3f}")
    return {
        "success": found,
        "words_minus_frames_points": round(
            100 * (found["words"]["near"]["share"] - found["frames"]["near"]["share"]), 2
        ),
        "understood": {
            "fresh": _understood(model, world, reader, FRESH, seed + 1),
            "as learned": _understood(model, world, reader, LEARNED, seed + 2),
            "held out": _understood(model, world, reader, HELD, seed + 3),
        },
        "claims": {"said": claims[0], "dropped": claims[1]},
        "settings": {"offset": OFFSET, "budget": BUDGET, "pairs": len(task.starts), "areas": len(areas(world))},
        "notes": list(NOTES),
    }  # fmt: skip


def tasked(held: Episodes, pairs: int, seed: int) -> Asked:
    """Return pairs of one held-out walk whose goal lies in an area that is away from the start."""
    world, generator = held.world, np.random.default_rng([seed, OFFSET, 1])
    rows = held.windows(OFFSET)
    rows = generator.choice(rows, min(DRAWN * pairs, len(rows)), replace=False)
    kept: list[tuple[np.ndarray, np.ndarray, Area]] = []
    for start, goal in zip(held.positions[rows], held.positions[rows + OFFSET], strict=True):
        away = [area for area in named(world, goal) if area.distance([start])[0] >= world.success]
        if away:
            kept.append((start, goal, away[int(generator.integers(len(away)))]))
        if len(kept) == pairs:
            break
    if not kept:
        raise InputError("no held-out walk leads into another area; record more episodes")
    starts, goals = np.stack([start for start, _, _ in kept]), np.stack([goal for _, goal, _ in kept])
    rooms = world.room(starts).tolist()

    def said(wording: Wording) -> tuple[str, ...]:
        parts = zip(kept, rooms, strict=True)
        return tuple(sentences(area, room, generator, 1, wording)[0] for (_, _, area), room in parts)

    return Asked(starts, goals, tuple(area for _, _, area in kept), said(FRESH), said(LEARNED))


def _walked(
    agent: PixelAgent, world: TwoRoom, start: np.ndarray, goal: Goal, seed: int
) -> tuple[np.ndarray, Journey | None]:
    """Return where a walk to a goal was, only its start where the goal was refused."""
    walk = Walk(world, start, agent.model.config.size)
    try:
        journey = agent.act(walk, goal, BUDGET, seed)
    except InputError:
        journey = None
    return walk.path, journey


def _understood(model: PixelModel, world: TwoRoom, reader: GoalText, wording: Wording, seed: int) -> dict[str, Any]:
    said, rows, meant = asked(model, world, np.random.default_rng(seed), QUESTIONS, wording)
    remembered, known = model.memory.latents, areas(world)
    assert model.memory.positions is not None
    read = [reader.find(one, remembered[row], remembered) for one, row in zip(said, rows.tolist(), strict=True)]
    where = model.memory.positions.numpy()[[found.row for found in read]]
    right = [
        not found.refused and bool(known[area].contains([position])[0])
        for found, area, position in zip(read, meant.tolist(), where, strict=True)
    ]
    off = reader.on_topic(wording.no_goal) < reader.threshold
    return {
        "right": _share(right),
        "refused_though_asking": _share([found.refused for found in read]),
        "refused_off_topic": _share(off.tolist()),
    }


def _share(hits: list[bool]) -> dict[str, Any]:
    share = float(np.mean(hits))
    return {"share": round(share, 4), "n": len(hits), "interval": share_interval(share, len(hits))}
