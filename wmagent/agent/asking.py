"""The agent's what-ifs and comparisons: words in, answers with their warrant out.
Knows how a question is put together; must not know how it is answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Unpack, cast

from wmagent.agent.baselines import Baselines
from wmagent.agent.comparing import compare
from wmagent.agent.intervening import Changes, named_interventions, read_changes
from wmagent.agent.policies import hours_of
from wmagent.agent.protocols import AgentModel
from wmagent.agent.whatif import Answered, Plans, Question, answer_what_if
from wmagent.domain.answers import Comparison, WhatIf
from wmagent.domain.interventions import Intervention
from wmagent.domain.types import Facts, Goal, Observation
from wmagent.errors import InputError, checked_seed

if TYPE_CHECKING:
    from wmagent.agent.record import Record, RememberingModel
    from wmagent.planning.behaviour_value import Followed


class Asking(ABC):
    """Answers what would be if something were otherwise; the agent gives model, planning and understanding."""

    model: AgentModel
    plan: Plans
    keep: int  # plans without a change that are kept for the next what-ifs beside them

    def what_if(
        self,
        state: Facts | Observation,
        *,
        until: str | Goal,
        by: Sequence[float | str] = (),
        force: bool = False,
        seed: int = 0,
        ground: bool = True,
        warrant: bool = False,
        identified: str = "",
        **changes: Unpack[Changes],
    ) -> WhatIf:
        """Return P(until) when something is otherwise, beside the plan for `until` without the change.

        `changes` say what (see `Changes`): `do`, `actions`, `skip`, `insert`, `swap`, `replace`, `delay`, `facts`,
        `rules`, `policy`; those that change the plan or its start may be combined. Beside the answer stands the best
        that can be done under it. `by` are hours from now for which P(until by then) is given. Outside recorded
        experience no number is given unless `force`. `ground` is as for `plan`. `warrant` adds what the record itself
        says about the first step that deviates, and how strong an unlogged cause would have to be; `identified` is the
        argument that makes the number more than an association, if there is one.
        """
        interventions = read_changes(changes, self.model)
        asked, readings = self._question(state, until, by, force, seed, ground, identified)
        base = self._baselines.of(asked) if self._baselines is not None else None
        answered = answer_what_if(self.model, replace(asked, interventions=interventions), self.plan, base)
        answer = self._warranted(answered, asked) if warrant else answered.answer
        return replace(answer, warnings=(*readings, *answer.warnings)) if readings else answer

    def compare(
        self,
        state: Facts | Observation,
        interventions: Mapping[str, Intervention | Sequence[Intervention] | Changes],
        *,
        until: str | Goal,
        by: Sequence[float | str] = (),
        force: bool = False,
        seed: int = 0,
        ground: bool = True,
    ) -> Comparison:
        """Return the answers to several named what-ifs, the most promising first, with intervals of the differences.

        An intervention is one of `wmagent.domain.interventions`, several of them, or `what_if`'s keyword arguments.
        """
        if not isinstance(interventions, Mapping):
            raise InputError(f"compare takes {{name: intervention}}, not {type(interventions).__name__}")
        asked, _ = self._question(state, until, by, force, seed, ground, "")
        return compare(self.model, asked, named_interventions(interventions, self.model), self.plan)

    def _question(
        self,
        state: Facts | Observation,
        until: str | Goal,
        by: Sequence[float | str],
        force: bool,
        seed: int,
        ground: bool,
        identified: str,
    ) -> tuple[Question, tuple[str, ...]]:
        """Return a what-if that still lacks its interventions, and how facts in other words were read."""
        facts, readings = self._read(state, ground)
        since = state.time or 0.0 if isinstance(state, Observation) else 0.0
        spans = tuple(hours_of(hours, "by") for hours in by)
        return Question(self._goal(until), facts, (), spans, force, checked_seed(seed), since, identified), readings

    def _warranted(self, answered: Answered, asked: Question) -> WhatIf:
        """Return the answer with its warrant, or with a note why there is none."""
        from wmagent.agent.warrant import warrant

        answer = answered.answer
        if answered.deviation is None:
            return replace(answer, warnings=(*answer.warnings, "no warrant: nothing is done otherwise"))
        if getattr(self.model, "memory", None) is None:
            return replace(answer, warnings=(*answer.warnings, "no warrant: this model keeps no record"))
        facts, action = answered.deviation
        try:
            found = warrant(
                self._remembering,
                facts,
                action,
                asked.goal,
                identification=asked.identified,
                record=self._record,
                followed=self._followed(asked.goal, facts),
                force=asked.force,
            )
        except InputError as error:
            return replace(answer, warnings=(*answer.warnings, f"no warrant: {error}"))
        return replace(answer, warrant=found)

    @property
    def _remembering(self) -> RememberingModel:
        return cast("RememberingModel", self.model)

    @cached_property
    def _record(self) -> Record:
        from wmagent.agent.record import recorded

        return recorded(self._remembering)

    def _followed(self, goal: Goal, facts: Facts) -> Followed:
        """Return what was found out about following behaviour towards the goal; only the last goal's is kept."""
        from wmagent.planning.behaviour_value import following

        if goal not in self._worth:
            self._worth.clear()
            self._worth[goal] = following(self.model, self.model.observe(facts), goal)
        return self._worth[goal]

    @cached_property
    def _baselines(self) -> Baselines | None:
        return Baselines(self.model, self.plan, self.keep) if self.keep else None

    @cached_property
    def _worth(self) -> dict[Goal, Followed]:
        return {}

    @abstractmethod
    def _read(self, state: Facts | Observation, ground: bool) -> tuple[Facts, tuple[str, ...]]:
        """Return the facts of a state in the model's words, and how those were read that were said otherwise."""

    @abstractmethod
    def _goal(self, goal: str | Goal) -> Goal:
        """Return the goal that is meant; InputError where it is not clear."""
