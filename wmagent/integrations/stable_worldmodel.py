"""stable-worldmodel (0.1.1) over a world model from pixels: the cost its solvers ask for, and a policy that plans so.
Knows that package, imported where it is used, and pilots; must not know worlds or evaluations."""

from __future__ import annotations

import importlib
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wmagent.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from wmagent.pixels.planning import Pilot
    from wmagent.pixels.world_model import PixelModel


@dataclass(frozen=True)
class Costs:
    """What stable-worldmodel's solvers take as a model: an object with `get_cost`.

    `pilot` says what imagined latents are compared with the goal by, in how many levels, and whether the cost is summed
    over the steps; the search is theirs. `frames` makes frames (n, side, side, 3) uint8 of their world those the model
    sees, such as `partial(shrunk, size=model.config.size)`; by default they are taken as they are.
    """

    model: PixelModel
    pilot: Pilot
    frames: Callable[[np.ndarray], np.ndarray] | None = None

    def get_cost(self, info: MutableMapping[str, Any], candidates: Tensor) -> Tensor:
        """Return what candidates (b, s, t, block * a) of z-scored blocks cost, (b, s).

        `info` holds frames `pixels` and `goal` (b, s, h, side, side, 3) uint8, alike over s; the last of h counts, so
        that a model with a history starts from one frame, as their policy hands on no more. In place of `goal` it may
        hold `goal_emb` (b, ..., d), the goal as a latent, from wherever. What is encoded is kept in `info` as `emb` and
        `goal_emb`, as their own models do, since a solver asks again at every iteration: give new frames a new mapping.
        Actions beyond the recorded ones are imagined as the nearest of these; the world clips them too.
        """
        model, pilot = self.model, self.pilot
        if candidates.ndim != 4 or candidates.shape[-1] != model.action_width:
            raise InputError(
                f"candidates have the shape (b, samples, horizon, {model.action_width}), each with the actions of "
                f"{model.config.block} steps (action_block); given {tuple(candidates.shape)}"
            )
        b, samples = candidates.shape[:2]
        starts, goals = self._latents(info, "pixels", "emb", b), self._latents(info, "goal", "goal_emb", b)
        within = candidates.clamp(*model.scale.bounds(model.config.block))
        costs = candidates.new_empty(b, samples)
        for row in range(b):
            slots = candidates.new_zeros(1, 1, model.width + model.action_width)
            slots[..., : model.width] = starts[row]
            cost = pilot.priced(model, pilot.aim(model, starts[row], goals[row]))
            costs[row] = pilot.shooting.price(model, model.latent(slots), within[row], cost)
        return costs

    def _latents(self, info: MutableMapping[str, Any], seen: str, known: str, b: int) -> Tensor:
        """Return the latents (b, d) of frames `seen`, or those that are `known`."""
        width = self.model.width
        if known not in info:
            if seen not in info:
                raise InputError(f"info holds neither frames {seen!r} nor latents {known!r}; it has {sorted(info)}")
            frames = np.asarray(info[seen])
            if frames.ndim != 6 or len(frames) != b or 0 in frames.shape:
                wanted = f"({b}, samples, frames, side, side, 3)"
                raise InputError(f"{seen} have the shape {wanted}; given {frames.shape}")
            last = frames[:, 0, -1]
            info[known] = self.model.encode(last if self.frames is None else self.frames(last))[:, None]
        found: Tensor = info[known]
        if found.ndim < 2 or len(found) != b or found.shape[-1] != width or not found.isfinite().all():
            raise InputError(f"{known} are finite latents ({b}, ..., {width}); given {tuple(found.shape)}")
        return found.reshape(b, -1, width)[:, -1]


def policy(
    model: PixelModel, pilot: Pilot, seed: int = 0, frames: Callable[[np.ndarray], np.ndarray] | None = None
) -> Any:
    """Return their `WorldModelPolicy` with their `CEMSolver`, set as the pilot's search is; see `Costs` for `frames`.

    InputError where the pilot's search is another, or where their package is missing.
    """
    search = vars(pilot.shooting)
    if search.get("name") != "gaussian-cem":
        raise InputError(f"their CEMSolver searches as our GaussianCem: give a pilot with it, not {pilot.shooting}")
    swm = package()
    solver = swm.solver.CEMSolver(
        Costs(model, pilot, frames),
        num_samples=search["samples"],
        n_steps=search["iterations"],
        topk=search["elites"],
        var_scale=search["spread"],
        seed=seed,
    )
    config = swm.PlanConfig(search["horizon"], pilot.execute, action_block=model.config.block)
    scaler = swm.data.ZScoreScaler(model.scale.mean.numpy(), model.scale.std.numpy())
    return swm.policy.WorldModelPolicy(solver, config, process={"action": scaler})


def package() -> Any:
    """Return the module `stable_worldmodel`; InputError where it, or something that it needs, is not installed."""
    from wmagent.pixels.operators import import_torchvision

    try:
        import_torchvision()
        return importlib.import_module("stable_worldmodel")
    except ModuleNotFoundError as error:
        raise InputError(
            f"stable-worldmodel cannot be used: {error.name} is not installed; docs/two-room.md says how to install "
            "wmagent[stable-worldmodel]"
        ) from error
