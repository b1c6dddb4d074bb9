"""Who plans and acts from pixels: observe, be surprised, plan, tell, do some blocks, and again until it is there.
Knows the model, pilots and goals; worlds, words and readers come in as arguments.

A plain loop, no LangGraph: nobody is asked in between, and neither frames nor an environment belong in a checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from wmagent.errors import InputError
from wmagent.latent.threads import single_thread
from wmagent.pixels.goals import Claim, Goal, PixelGoal, Reader, Words, understand
from wmagent.pixels.planning import Course, Pilot
from wmagent.pixels.world_model import PixelModel


class Environment(Protocol):
    """Somewhere to act."""

    def observe(self) -> np.ndarray:
        """Return the present frame (s, s, 3), uint8."""
        ...

    def act(self, action: np.ndarray) -> None:
        """Do one action (a,), in the environment's units."""
        ...


@dataclass(frozen=True)
class PixelPlan:
    """What was imagined: `actions` (blocks, block, a) in the environment's units, and for the start and after every
    block the `positions` (blocks + 1, p) that the probe reads, blocks `to_go` (blocks + 1,) and `frames` that the
    decoder draws. `claims` hold on the positions; `dropped` did not and are not said.
    """

    goal: PixelGoal
    start: np.ndarray
    actions: np.ndarray
    positions: np.ndarray | None
    to_go: np.ndarray
    frames: np.ndarray | None
    claims: tuple[Claim, ...]
    dropped: int
    imagined: int
    milliseconds: float
    extent: float | None = None

    @property
    def explanation(self) -> str:
        """What the plan does, in words; of the way only what was checked."""
        told = ", ".join(claim.text for claim in self.claims)
        now, then = self.to_go[0], self.to_go[-1]
        left = f"About {now:.1f} blocks of {self.actions.shape[1]} steps to go, {then:.1f} after the plan."
        return f"Goal: {self.goal.understood}. " + (f"{told[0].upper()}{told[1:]}. " if told else "") + left

    def to_dict(self) -> dict[str, Any]:
        """Return everything but frames and latents as plain values that JSON holds."""
        where = self.goal.position
        return {
            "goal": {
                "understood": self.goal.understood,
                "position": None if where is None else list(where),
                "score": self.goal.score,
            },
            "explanation": self.explanation,
            "claims": [claim.text for claim in self.claims],
            "dropped": self.dropped,
            "to_go": self.to_go.tolist(),
            "actions": self.actions.tolist(),
            "positions": None if self.positions is None else self.positions.tolist(),
            "imagined": self.imagined,
            "milliseconds": self.milliseconds,
        }

    def _repr_html_(self) -> str:
        from wmagent.pixels.page import shown_plan

        return shown_plan(self)

    def report(self, path: str | Path) -> None:
        """Write the plan as one HTML page without scripts or network."""
        from wmagent.pixels.page import plan_page

        plan_page(self, Path(path))


@dataclass(frozen=True)
class Surprise:
    """That what followed a block was not what was imagined: `p`, the share of usual blocks that are as surprising."""

    block: int
    p: float


@dataclass(frozen=True)
class Journey:
    """What was done: real `frames` (t + 1, s, s, 3) before and after every block, those that were `imagined` for them,
    `actions` (t, block, a), the `plans` made, blocks `to_go` (t + 1,), `positions` (t + 1, p) and `claims` on them.
    `reached` is what the model believes: that the goal is within the agent's `arrived` blocks.
    """

    goal: PixelGoal
    reached: bool
    frames: np.ndarray
    imagined: np.ndarray | None
    actions: np.ndarray
    plans: tuple[PixelPlan, ...]
    to_go: np.ndarray
    positions: np.ndarray | None
    claims: tuple[Claim, ...]
    dropped: int
    surprises: tuple[Surprise, ...]
    extent: float | None = None

    @property
    def explanation(self) -> str:
        """What happened, in words; of the way only what was checked."""
        told = ", ".join(claim.text for claim in self.claims)
        lines = [f"Goal: {self.goal.understood}.", f"{told[0].upper()}{told[1:]}." if told else ""]
        lines += [
            f"Block {odd.block}: not what was imagined (p = {odd.p:.3f}); planned anew." for odd in self.surprises
        ]
        outcome = "Reached" if self.reached else "Not reached"
        done = [
            f"{n} {one}{'' if n == 1 else 's'}" for n, one in ((len(self.actions), "block"), (len(self.plans), "plan"))
        ]
        lines.append(f"{outcome} after {' and '.join(done)}.")
        return " ".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        from wmagent.pixels.page import shown_journey

        return shown_journey(self)

    def report(self, path: str | Path) -> None:
        """Write the journey as one HTML page without scripts or network."""
        from wmagent.pixels.page import journey_page

        journey_page(self, Path(path))


@dataclass(frozen=True)
class PixelAgent:
    """Plans to goals that are frames, positions or sentences, and acts. Settings and parts only; nothing is kept.

    A block whose surprise has a p-value below `alarm` is told and planned anew after. The goal counts as reached from
    `arrived` blocks on, by the learned distance less what it says of the goal itself: that is not 0 and depends on the
    goal (on Two-Room .5 to 1.6; less that, .3 blocks are within 12 pixels in 98.6 % of pairs of remembered frames).
    Without `words` and `reader` they are those of the model's language, if it has one.
    """

    model: PixelModel
    pilot: Pilot = field(default_factory=Pilot)
    words: Words | None = None
    reader: Reader | None = None
    alarm: float = 0.005
    arrived: float = 0.3

    def __post_init__(self) -> None:
        if self.model.language is not None and self.words is None and self.reader is None:
            object.__setattr__(self, "words", self.model.language.words)
            object.__setattr__(self, "reader", self.model.language.reader)

    def understand(self, goal: Goal | PixelGoal, frame: np.ndarray) -> PixelGoal:
        """Return what a goal means to somebody who sees a frame (s, s, 3); InputError as `goals.understand`."""
        if isinstance(goal, PixelGoal):
            return goal
        start = self.model.encode(frame[None])[0]
        return understand(self.model, goal, start, self.words, self.reader)

    def plan(
        self, goal: Goal | PixelGoal, frames: ArrayLike, actions: ArrayLike | None = None, seed: int = 0
    ) -> PixelPlan:
        """Return a plan from frames (t, s, s, 3), one block apart, the last is now; actions (t - 1, block, a) between.

        One frame (s, s, 3) will do. The same frames, goal and seed give the same plan.
        """
        seen = np.asarray(frames)
        seen = seen[None] if seen.ndim == 3 else seen
        meant = self.understand(goal, seen[-1])
        done = None if actions is None else list(np.asarray(actions))
        return self._planned(meant, list(seen), done, seed, None)[0]

    def act(self, environment: Environment, goal: Goal | PixelGoal, budget: int = 100, seed: int = 0) -> Journey:
        """Act until the goal is within `arrived` blocks or another block would exceed `budget` steps."""
        if budget < self.model.config.block:
            raise InputError(f"a budget has room for a block of {self.model.config.block} steps; given {budget}")
        frames, done, imagined = [np.asarray(environment.observe())], [], []
        meant, plans, odd, mean = self.understand(goal, frames[0]), [], [], None
        to_go = [self._distance(frames[0], meant)]
        while to_go[-1] > self.arrived and len(done) < budget // self.model.config.block:
            plan, course = self._planned(meant, frames, done, seed * 9_973 + len(done), mean)
            plans.append(plan)
            mean = self.pilot.rest(course)
            for number, block in enumerate(plan.actions[: self.pilot.execute], 1):
                if to_go[-1] <= self.arrived or len(done) >= budget // self.model.config.block:
                    break
                for action in block:
                    environment.act(action)
                frames.append(np.asarray(environment.observe()))
                done.append(block)
                to_go.append(self._distance(frames[-1], meant))
                if plan.frames is not None:
                    imagined.append(plan.frames[number])
                if (p := self._p_value(frames, done)) < self.alarm:
                    odd.append(Surprise(len(done), p))
                    mean = None
                    break
        return self._journey(meant, frames, imagined, done, plans, to_go, odd)

    def _planned(
        self, goal: PixelGoal, frames: Sequence[np.ndarray], actions: Sequence[np.ndarray] | None, seed: int,
        mean: Tensor | None,
    ) -> tuple[PixelPlan, Course]:  # fmt: skip
        model = self.model
        with single_thread():
            start = model.observe_last(frames, actions)
            course = self.pilot.plan(model, start, goal.latent, seed=seed, mean=mean)
        positions = self._positions(course.path)
        claims, dropped = self._told(positions)
        plan = PixelPlan(
            goal, frames[-1], model.scale.actions(course.blocks).numpy(), positions,
            self._to_go(course.path, goal),
            self._drawn(course.path), claims, dropped, course.imagined, course.milliseconds,
            self.words.extent if self.words is not None else None,
        )  # fmt: skip
        return plan, course

    def _journey(
        self, goal: PixelGoal, frames: Sequence[np.ndarray], imagined: Sequence[np.ndarray],
        done: Sequence[np.ndarray], plans: Sequence[PixelPlan], to_go: Sequence[float], odd: Sequence[Surprise],
    ) -> Journey:  # fmt: skip
        model = self.model
        positions = self._positions(model.encode(np.stack(frames)))
        claims, dropped = self._told(positions)
        first = self._drawn(model.encode(frames[0][None]))
        actions = np.stack(done) if done else np.zeros((0, model.config.block, len(model.scale.mean)), np.float32)
        return Journey(
            goal, to_go[-1] <= self.arrived, np.stack(frames), None if first is None else np.stack([*first, *imagined]),
            actions, tuple(plans), np.array(to_go), positions, claims, dropped, tuple(odd),
            self.words.extent if self.words is not None else None,
        )  # fmt: skip

    def _distance(self, frame: np.ndarray, goal: PixelGoal) -> float:
        return self._to_go(self.model.encode(frame[None]), goal).item()

    def _to_go(self, path: Tensor, goal: PixelGoal) -> np.ndarray:
        """Return how many blocks latents (t, d) are from the goal (t,), 0 at the goal."""
        goals = goal.latent.expand_as(path)
        return (self.model.distance(path, goals) - self.model.distance(goals, goals)).clamp_min(0).numpy()

    def _p_value(self, frames: Sequence[np.ndarray], done: Sequence[np.ndarray]) -> float:
        past = min(self.model.config.history, len(done))
        surprise = self.model.surprise(np.stack(frames[-past - 1 :])[None], np.stack(done[-past:])[None])
        return float(self.model.p_value(surprise))

    def _positions(self, path: Tensor) -> np.ndarray | None:
        return None if self.model.probe is None else self.model.probe.read(path).numpy()

    def _drawn(self, path: Tensor) -> np.ndarray | None:
        return None if self.model.decoder is None else self.model.decoder.frames(path)

    def _told(self, positions: np.ndarray | None) -> tuple[tuple[Claim, ...], int]:
        """Return the claims on a path that hold on it, and how many do not."""
        if self.words is None or positions is None:
            return (), 0
        told = self.words.told(positions)
        kept = tuple(claim for claim in told if claim.holds(positions))
        return kept, len(told) - len(kept)
