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
    dot is where its actions would have taken it without one, in windows in which the wall held it back. Those in which
    the door is out of reach are also told apart: at the door the real frame is often the odd one, since by the lenient
    rule a dot that leaves the opening sideways is put back beside the wall.
    """
    config, world = model.config, episodes.world
    generator = np.random.default_rng(seed)
    rows = episodes.windows(config.block * config.history)
    ends = rows + config.block * config.history
    through = _without_wall(episodes, ends - config.block, config.block)
    held = world.room(through) != world.room(episodes.positions[ends - config.block])
    held &= world.room(episodes.positions[ends]) == world.room(episodes.positions[ends - config.block])
    held &= world.distance(through, episodes.positions[ends]) >= world.success
    chosen = generator.choice(len(rows), min(trials, len(rows)), replace=False)
    walled = generator.permutation(np.flatnonzero(held))[:trials]

    def surprise(which: np.ndarray, last: np.ndarray | None = None) -> list[float]:
        at = rows[which, None] + config.block * np.arange(config.history + 1)
        frames = episodes.frames(at, config.size)
        if last is not None:
            frames[:, -1] = last
        actions = episodes.actions[rows[which, None] + np.arange(config.block * config.history)]
        return model.surprise(frames, actions.reshape(len(which), config.history, config.block, -1)).tolist()

    usual = surprise(chosen)
    elsewhere = world.reset(len(chosen), seed + 1)
    far = world.distance(elsewhere, episodes.positions[ends[chosen]]) >= FAR
    blue = episodes.frames(ends[chosen], config.size)[..., ::-1]
    gone = world.render(through[walled], config.size)
    real, odd = np.array(surprise(walled)), np.array(surprise(walled, gone))
    y, reach = episodes.positions[ends[walled] - config.block, 1], config.block * world.speed
    away = (y < world.opening[0] - reach) | (y > world.opening[1] + reach)
    return {
        "trials": len(chosen),
        "teleport_auroc": auroc(usual, surprise(chosen[far], world.render(elsewhere[far], config.size))),
        "colour_auroc": auroc(usual, surprise(chosen, blue)),
        "through_wall_trials": len(walled),
        "through_wall_auroc": _auroc(real, odd),
        "through_wall_away_from_door_trials": int(away.sum()),
        "through_wall_away_from_door_auroc": _auroc(real[away], odd[away]),
        "usual_mean": float(np.mean(usual)),
    }


def _auroc(usual: np.ndarray, odd: np.ndarray) -> float | None:
    return auroc(usual.tolist(), odd.tolist()) if len(usual) else None


def _without_wall(episodes: Episodes, rows: np.ndarray, steps: int) -> np.ndarray:
    """Return where the actions after rows would have led (rows, 2) if nothing but the border was in the way."""
    world, here = episodes.world, episodes.positions[rows]
    low, high = world.kept
    for step in range(steps):
        here = np.clip(here + world.speed * np.clip(episodes.actions[rows + step], -1, 1), low, high)
    return here
