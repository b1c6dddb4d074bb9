"""Violation of expectation in Two-Room: do impossible frames surprise the model more than real ones?
Knows the world, recorded episodes and a model's surprise; must not know planning."""

from __future__ import annotations

import numpy as np

from wmagent.evals.metrics import auroc
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import Episodes

TRIALS, FAR = 1_000, 50.0  # pixels that a teleported dot is away from where it was


def surprises(model: PixelModel, episodes: Episodes, seed: int, trials: int = TRIALS) -> dict[str, object]:
    """Return AUROCs of the surprise at a teleport, at another colour, and at a dot that went straight through the wall.

    Real and impossible frames follow the same recorded frames and actions of held-out episodes. Through the wall: the
    dot is as far as its actions would have taken it if there was none.
    """
    config, world = model.config, episodes.world
    steps = config.block * config.history
    rows = episodes.windows(steps)
    generator = np.random.default_rng(seed)
    rows = generator.choice(rows, min(trials, len(rows)), replace=False)
    at = rows[:, None] + config.block * np.arange(config.history + 1)
    frames, actions = episodes.frames(at, config.size), episodes.actions[rows[:, None] + np.arange(steps)]
    actions = actions.reshape(len(rows), config.history, config.block, -1)
    usual = model.surprise(frames, actions).tolist()
    last = episodes.positions[at[:, -1]]
    elsewhere = world.reset(len(rows), seed + 1)
    far = world.distance(elsewhere, last) >= FAR

    def surprised(ends: np.ndarray, which: np.ndarray) -> float:
        changed = frames[which].copy()
        changed[:, -1] = ends
        return auroc(usual, model.surprise(changed, actions[which]).tolist())

    size, everyone = config.size, np.ones(len(rows), bool)
    before = episodes.positions[at[:, -2]]
    through = before + world.speed * np.clip(actions[:, -1], -1, 1).sum(1)
    walked = (world.room(through) != world.room(before)) & (world.room(last) == world.room(before))
    walked &= world.distance(through, last) >= world.success
    low, high = world.kept
    through = np.clip(through, low, high)
    blue = frames[:, -1][..., ::-1]
    return {
        "trials": len(rows),
        "teleport_auroc": surprised(world.render(elsewhere[far], size), far),
        "colour_auroc": surprised(blue, everyone),
        "through_wall_auroc": surprised(world.render(through[walked], size), walked) if walked.any() else None,
        "through_wall_trials": int(walked.sum()),
        "usual_mean": float(np.mean(usual)),
    }
