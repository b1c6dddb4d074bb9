"""Teaches an adapter which remembered latents the words of a pixel world mean. Knows the model's memory, the world's
areas and sentences, and the adapter; must not know planning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from wmagent.adapters.goal_text import GoalText, Lessons
from wmagent.errors import InputError
from wmagent.latent.threads import single_thread
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import HELD, LEARNED, TwoRoom, Wording, areas, sentences

SENTENCES, HELD_OUT = 6_000, 400
WITHIN = 0.2  # of an area's sides: how near to its centre what is meant lies, as a standard deviation


def lessons(
    model: PixelModel, world: TwoRoom, seed: int, count: int = SENTENCES, wording: Wording = LEARNED
) -> Lessons:
    """Return so many sentences about areas of a world, each said where some remembered frame was recorded.

    What an area means are the remembered latents in it, those near its centre most. InputError for a model without
    recorded positions, or one that remembers nothing in some area.
    """
    if model.memory.positions is None:
        raise InputError("the model has no recorded positions: its words cannot be taught which latents they mean")
    positions, known = model.memory.positions.numpy(), areas(world)
    sides = np.array([[area.x[1] - area.x[0], area.y[1] - area.y[0]] for area in known])
    away = (positions - np.array([area.centre for area in known])[:, None]) / sides[:, None]
    inside = np.stack([area.contains(positions) for area in known])
    if not inside.any(1).all():
        empty = known[int(np.flatnonzero(~inside.any(1))[0])]
        raise InputError(f"nothing remembered lies in {empty.name}: record more episodes")
    shares = inside * np.exp(-0.5 * (away**2).sum(-1) / WITHIN**2) + inside * 1e-6
    generator = np.random.default_rng(seed)
    said, rows, meant = asked(model, world, generator, count, wording)
    held, _, _ = asked(model, world, generator, HELD_OUT, HELD)
    return Lessons(
        said, model.memory.latents[torch.from_numpy(rows)], torch.from_numpy(meant), model.memory.latents,
        torch.from_numpy(shares / shares.sum(1, keepdims=True)).float(), wording.no_goal, held, HELD.no_goal,
    )  # fmt: skip


def asked(
    model: PixelModel, world: TwoRoom, generator: np.random.Generator, count: int, wording: Wording
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return sentences, the remembered rows (n,) they are said at, and the numbers (n,) of the areas they mean."""
    assert model.memory.positions is not None
    known = areas(world)
    rooms = world.room(model.memory.positions.numpy())
    rows, meant = generator.integers(len(rooms), size=count), generator.integers(len(known), size=count)
    said = [
        sentences(known[area], int(rooms[row]), generator, 1, wording)[0]
        for row, area in zip(rows.tolist(), meant.tolist(), strict=True)
    ]
    return said, rows, meant


def learn_words(
    model: PixelModel, world: TwoRoom, seed: int = 0, *, source: str = "auto",
    said: Callable[[int, int, float], None] | None = None,
) -> GoalText:  # fmt: skip
    """Return an adapter that finds goals for sentences about a world; some two minutes of one core."""
    with single_thread():
        return GoalText.learn(lessons(model, world, seed), seed, source=source, said=said)
