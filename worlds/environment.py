"""Any world of facts, imagined or true, as a `gymnasium.Env` for a goal. Knows gymnasium and the World protocol only.

Needs the extra `gym`; must not know any model, planner or concrete world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from wmagent.domain.types import Action, Facts, Goal, Value, canonical
from wmagent.domain.world import Step, World
from wmagent.errors import InputError, unknown

try:
    import gymnasium
except ImportError:
    raise InputError("an environment needs gymnasium, which is not installed: pip install 'wmagent[gym]'") from None


class WorldEnv(gymnasium.Env[np.ndarray, np.int64]):
    """A world as an environment in which a goal is to be reached.

    Observation: `MultiDiscrete`, one number per name in `columns`: for a fact 0 where it is absent or has a value
    outside its domain, else 1 + the value's place in `domains`; after the facts, where the goal has a deadline or a
    cost limit, how many of `parts` equal parts of it are used up. Action: `Discrete`, an index into `actions`, which
    are the world's, sorted by label; `info["action_mask"]` (int8) says which are allowed. A refused action changes
    nothing and costs a step.

    Reward: 1 where the goal is reached within its limits, less `step_price` per step, `hour_price` per hour and
    `cost_price` per unit of cost (by default as planners price them). Terminated: the goal is reached or cannot be
    any more (limits passed, something forbidden, the case ended, nothing allowed). Truncated: `max_steps` are over.

    `info` also has `facts`, `hours`, `cost`, `reached`, `error` ("" if accepted), and, where steps of the world tell
    it, their `surprise`. `reset(options={"facts": …})` starts from given facts. `render()` is text ("ansi").
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        world: World[Any],
        goal: Goal,
        *,
        max_steps: int = 100,
        domains: Mapping[str, Sequence[Value]] | None = None,
        actions: Sequence[Action] | None = None,
        parts: int = 10,
        step_price: float = 1e-3,
        hour_price: float = 1e-5,
        cost_price: float = 1e-5,
        render_mode: str | None = None,
    ) -> None:
        """`domains` are needed for a world that has none of its own.

        A policy that is to act in two environments, such as the imagined and the true world, needs the same numbers
        for the same facts and actions in both: give both the same `domains` and `actions`.
        """
        if render_mode not in (None, "ansi"):
            raise InputError(f"an environment renders as text, render_mode='ansi', not {render_mode!r}")
        if max_steps < 1 or parts < 1:
            raise InputError(f"max_steps and parts are at least 1; given {max_steps} and {parts}")
        self.world, self.goal, self.max_steps, self.parts = world, goal, max_steps, parts
        self.step_price, self.hour_price, self.cost_price = step_price, hour_price, cost_price
        self.render_mode = render_mode
        self.domains = _domains(world, goal, domains)
        limits = {"hours used": goal.deadline, "cost used": goal.max_cost}
        self.columns = (*self.domains, *(name for name, limit in limits.items() if limit is not None))
        self._places = {key: {canonical(v): i + 1 for i, v in enumerate(vs)} for key, vs in self.domains.items()}
        sizes = [len(values) + 1 for values in self.domains.values()]
        sizes += [parts + 1] * (len(self.columns) - len(sizes))
        self.observation_space = gymnasium.spaces.MultiDiscrete(sizes)
        self.actions = tuple(sorted(world.actions, key=Action.label) if actions is None else actions)
        self._indices = {action.label(): i for i, action in enumerate(self.actions)}
        absent = [action.label() for action in world.actions if action.label() not in self._indices]
        if absent:
            raise unknown("action of the world", absent[0], self._indices)
        self.action_space = gymnasium.spaces.Discrete(len(self.actions))
        self._state: Any = None
        self._before: Facts = {}
        self._hours = self._spent = 0.0
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start a case; the same seed, start and actions give the same episode."""
        super().reset(seed=seed)
        given = (options or {}).get("facts")
        self._state = self.world.initial(self._draw()) if given is None else dict(given)
        self._before, self._hours, self._spent, self._steps = self._facts, 0.0, 0.0, 0
        return self.coded(self._facts, self._hours, self._spent), self._info(Step(self._state))

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Do the action of this index; see the class for reward, terminated and truncated."""
        if self._state is None:
            raise InputError("the environment has not begun a case; call reset() first")
        step = self.world.step(self._state, self.actions[int(action)], self._draw())
        self._before, self._state = self._facts, step.state
        self._hours, self._spent, self._steps = self._hours + step.duration, self._spent + step.cost, self._steps + 1
        info = self._info(step)
        price = self.step_price + self.hour_price * step.duration + self.cost_price * step.cost
        over = info["reached"] or self._failed() or step.done or not info["action_mask"].any()
        return (
            self.coded(self._facts, self._hours, self._spent),
            float(info["reached"]) - price,
            over,
            not over and self._steps >= self.max_steps,
            info,
        )

    def coded(self, facts: Facts, hours: float, cost: float = 0.0) -> np.ndarray:
        """Return the observation of facts after so many hours and so much cost."""
        codes = [places.get(canonical(facts[key]), 0) if key in facts else 0 for key, places in self._places.items()]
        for used, limit in ((hours, self.goal.deadline), (cost, self.goal.max_cost)):
            if limit is not None:
                codes.append(min(self.parts, max(0, int(self.parts * used / limit))) if limit > 0 else self.parts)
        return np.array(codes, dtype=np.int64)

    def render(self) -> str | None:  # type: ignore[override]
        """Return the facts (changed ones marked with *), what was spent, and the allowed actions."""
        if self.render_mode is None or self._state is None:
            return None
        lines = [f"step {self._steps}, {self._hours:g} hours, cost {self._spent:g}"]
        for key, value in self._facts.items():
            mark = " " if self._before.get(key) == value else "*"
            lines.append(f"{mark} {key}: {canonical(value)}")
        lines += [f"- {key}: absent" for key in self._before if key not in self._facts]
        allowed = ", ".join(action.label() for action in self.world.legal(self._state))
        return "\n".join([*lines, f"allowed: {allowed or 'nothing'}"])

    @property
    def _facts(self) -> Facts:
        return self.world.observe(self._state).facts

    def _draw(self) -> int:
        return int(self.np_random.integers(2**32))

    def _failed(self) -> bool:
        used = ((self._hours, self.goal.deadline), (self._spent, self.goal.max_cost))
        late = any(limit is not None and amount > limit + 1e-9 for amount, limit in used)
        return late or self.goal.violated(self._facts)

    def _info(self, step: Step[Any]) -> dict[str, Any]:
        mask = np.zeros(len(self._indices), dtype=np.int8)
        mask[[self._indices[action.label()] for action in self.world.legal(self._state)]] = 1
        facts = dict(self._facts)
        info: dict[str, Any] = {
            "action_mask": mask,
            "facts": facts,
            "hours": self._hours,
            "cost": self._spent,
            "reached": self.goal.reached(facts) and not self._failed(),
            "error": step.error or "",
        }
        surprise = getattr(step, "surprise", None)
        return info if surprise is None else info | {"surprise": surprise}


def _domains(
    world: World[Any], goal: Goal, given: Mapping[str, Sequence[Value]] | None
) -> dict[str, tuple[Value, ...]]:
    """Return the values of every fact, sorted by key; InputError where nobody says or the goal names another fact."""
    found = given if given is not None else getattr(world, "domains", None)
    if not found:
        raise InputError(
            f"world {world.name!r} does not say which values its facts take; give domains={{fact: values}}"
        )
    missing = [c.key for c in (*goal.conditions, *goal.forbidden) if c.key not in found]
    if missing:
        raise unknown("fact of the goal", missing[0], found)
    return {key: tuple(found[key]) for key in sorted(found)}
