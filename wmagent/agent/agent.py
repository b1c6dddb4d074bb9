"""The agent: plan, what-if, explain, anomalies, act. Knows how the parts are put together, not how they work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from wmagent.agent.anomalies import Method, find_anomalies
from wmagent.agent.asking import Asking
from wmagent.agent.episode import AgentState, Approve, Deed, Episode, Run
from wmagent.agent.explainer import TemplateExplainer
from wmagent.agent.goals import Understanding, check_goal, understand
from wmagent.agent.grounding import ground as grounded
from wmagent.agent.inputs import facts_of, planner_of, sound_state
from wmagent.agent.ledger import Ledger
from wmagent.agent.matching import match_actions
from wmagent.agent.plain import from_plain, to_plain
from wmagent.agent.protocols import AgentModel, Environment, Explainer, GoalReader, IdempotentEnvironment, Proposer
from wmagent.agent.stages import AgentStages, check_answer, goal_of, run_explanation, run_plan
from wmagent.domain.answers import Anomaly, Explanation, Plan, WhatIf
from wmagent.domain.types import Action, Facts, Goal, Observation, Transition
from wmagent.errors import CheckpointError, InputError, checked_seed
from wmagent.latent.protocols import Budget, Planner

Acts = Environment | IdempotentEnvironment
Ask = Approve | Literal["ask", "each"] | None


class Agent(Asking):
    """Imagines before it acts.

    `model` is a world model (see `AgentModel`), `planner` a registered name or a Planner, `proposer`,
    `explainer` and `goals` replace the behaviour prior, the templates and the rules that read goals, `checkpoint` is a
    SQLite file, or the address postgresql://… of a database, that keeps `act` runs across processes. `keep` plans are
    kept for the next what-ifs beside them. The graph is compiled on first use.
    """

    def __init__(
        self,
        model: AgentModel,
        *,
        planner: str | Planner = "best-first",
        proposer: Proposer | None = None,
        explainer: Explainer | None = None,
        goals: GoalReader | None = None,
        checkpoint: str | Path | None = None,
        keep: int = 0,
    ) -> None:
        self.model, self.goals, self.keep = model, goals, keep
        self.planner = planner_of(planner)
        self.explainer: Explainer = explainer or TemplateExplainer()
        self._stages = AgentStages(model, self.planner, proposer, self.explainer)
        self._ledger, self._saver = Ledger(), None
        if checkpoint is not None:
            from wmagent.agent.checkpoint import open_checkpoint

            self._saver, self._ledger = open_checkpoint(checkpoint)

    def plan(
        self,
        goal: str | Goal,
        state: Facts | Observation,
        *,
        seed: int = 0,
        budget: Budget | None = None,
        actions: Sequence[Action | str] | None = None,
        ground: bool = True,
    ) -> Plan:
        """Return the best imagined plan from the observed state.

        `goal` in words is understood first (see `understand`); `actions` restricts what may be done. Facts in other
        words than the model's are read as those that they clearly mean, which the plan's warnings say, unless `ground`
        is False. Other unknown facts raise OutOfDomain, goals that the model cannot express InputError.
        """
        started = time.perf_counter()
        facts, readings = self._read(state, ground)
        run = Run(allowed=self._allowed(actions), budget=budget, readings=readings)
        self._planning.invoke(self._start(goal, facts, seed), context=run)
        assert run.plan is not None
        return replace(run.plan, milliseconds=(time.perf_counter() - started) * 1000)

    def stream(
        self,
        goal: str | Goal,
        state: Facts | Observation,
        *,
        seed: int = 0,
        budget: Budget | None = None,
        actions: Sequence[Action | str] | None = None,
        ground: bool = True,
    ) -> Iterator[dict[str, Any]]:
        """Yield `{"stage": …, …}` for every stage of planning as it ends; plain JSON."""
        facts, readings = self._read(state, ground)
        run = Run(allowed=self._allowed(actions), budget=budget, readings=readings)
        yield from self._planning.stream(self._start(goal, facts, seed), context=run, stream_mode="custom")

    def explain(self, answer: Plan | WhatIf) -> Explanation:
        """Return the answer in words, every claim of which it entails."""
        return self.explainer.explain(answer)

    def anomalies(
        self,
        source: str | Path | Iterable[Transition | Mapping[str, Any]],
        alpha: float = 0.01,
        *,
        method: Method = "alpha",
        every: bool = False,
    ) -> list[Anomaly]:
        """Return the transitions that the model finds too surprising, the most surprising first.

        `every` returns all transitions in their order instead, with `flagged` set where it applies; see
        `find_anomalies` for what `alpha` means under each method.
        """
        return find_anomalies(self.model, source, alpha, method=method, every=every)

    def understand(self, words: str) -> Goal:
        """Return the goal that words express; see `understanding` for how they were read."""
        return self.understanding(words).goal

    def understanding(self, words: str) -> Understanding:
        """Return the goal with the reading of every phrase and its score."""
        return understand(words, self.model) if self.goals is None else self.goals.understand(words, self.model)

    def act(
        self,
        goal: str | Goal,
        state: Facts | Observation,
        environment: Acts,
        *,
        max_steps: int = 30,
        approve: Ask = None,
        seed: int = 0,
        thread: str | None = None,
    ) -> Episode:
        """Plan, do the first step in the environment, observe, and plan again, until the goal or no hope is left.

        `approve` is asked before anything new is done: a function of the plan and its explanation, or "ask" to
        stop with status `waiting` until `resume` (needs a checkpoint); "each" stops so before every step, whether or
        not it was agreed to before. `thread` names the run in the checkpoint.
        """
        if approve in ("ask", "each") and self._saver is None:
            raise InputError(
                f'approve="{approve}" waits for a person, which needs a checkpoint: Agent(…, checkpoint="runs.db")'
            )
        thread = thread or uuid.uuid4().hex
        if self._saver is not None and self._snapshot(thread).values:
            raise InputError(f"there is a run named {thread!r} already; resume it or choose another name")
        begin = self._start(goal, state, seed)
        begin |= {"acting": True, "max_steps": max_steps, "ask": approve is not None, "each": approve == "each"}
        run = Run(thread=thread, environment=environment, approve=approve, ledger=self._ledger)
        return self._advance(begin, run, max_steps)

    def resume(self, thread: str, environment: Acts, *, answer: Any = None, approve: Ask = "ask") -> Episode:
        """Go on with a run that waits for an answer or was broken off; no action is done twice.

        `answer` answers the episode's question: True or False for a plan, `{"happened": …}` for a deed in doubt.
        """
        from langgraph.types import Command

        snapshot, state = self._kept(thread)
        run = Run(thread=thread, environment=environment, approve=approve, ledger=self._ledger)
        if not snapshot.next:
            return self._episode(state, run, None)
        if snapshot.interrupts and answer is None and not callable(approve):
            return self._episode(state, run, snapshot.interrupts[0].value)
        command = None
        if snapshot.interrupts and answer is not None:
            check_answer(answer, in_doubt="plan" not in snapshot.interrupts[0].value)
            command = Command(resume=answer)
        return self._advance(command, run, state["max_steps"])

    def look(self, thread: str) -> Episode:
        """Return how a kept run stands, without going on with it; `running` means that it was broken off."""
        snapshot, state = self._kept(thread)
        question = snapshot.interrupts[0].value if snapshot.interrupts else None
        return self._episode(state, Run(thread=thread, ledger=self._ledger), question)

    def forget(self, thread: str) -> None:
        """Take a run out of the checkpoint; the ledger keeps its deeds."""
        if self._saver is not None:
            self._saver.delete_thread(thread)

    def close(self) -> None:
        """Close the checkpoint file, if there is one."""
        if self._saver is not None:
            from wmagent.agent.checkpoint import close_checkpoint

            close_checkpoint(self._saver)
            self._ledger.close()
            self._saver = None

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @cached_property
    def _planning(self) -> Any:
        from wmagent.agent.graph import build_graph

        return build_graph(self._stages)

    @cached_property
    def _acting(self) -> Any:
        from wmagent.agent.graph import build_graph

        return build_graph(self._stages, self._saver)

    def _kept(self, thread: str) -> tuple[Any, AgentState]:
        """Return a run's snapshot and its state, checked."""
        if self._saver is None:
            raise InputError('resuming needs the checkpoint the run was started with: Agent(…, checkpoint="runs.db")')
        snapshot = self._snapshot(thread)
        if not snapshot.values:
            raise InputError(f"there is no run named {thread!r} in this checkpoint")
        return snapshot, sound_state(snapshot.values)

    def _snapshot(self, thread: str) -> Any:
        try:
            return self._acting.get_state(self._config(thread, 0))
        except CheckpointError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # what LangGraph meets in a forged one
            raise CheckpointError(
                f"run {thread!r} was not written by this agent ({error!r}); it may be forged"
            ) from None

    def _advance(self, begin: Any, run: Run, max_steps: int) -> Episode:
        config = self._config(run.thread, max_steps)
        durability = {"durability": "sync"} if self._saver is not None else {}
        result = self._acting.invoke(begin, config, context=run, **durability)
        asked = result.pop("__interrupt__", None)
        return self._episode(result, run, asked[0].value if asked else None)

    def _episode(self, state: AgentState, run: Run, question: dict[str, Any] | None) -> Episode:
        deeds = tuple(from_plain(Deed, deed) for deed in state["journal"])
        status: Any = "waiting" if question is not None else state["status"]
        return Episode(
            goal=goal_of(state),
            status=status,
            facts=state["facts"],
            deeds=deeds,
            duration=sum(deed.duration for deed in deeds),
            cost=sum(deed.cost for deed in deeds),
            thread=run.thread,
            plan=run_plan(state, run) if run.plan or state["plan"] else None,
            explanation=run_explanation(state, run),
            question=question,
            note=state.get("note", ""),
        )

    def _start(self, goal: str | Goal, state: Facts | Observation, seed: int) -> AgentState:
        return AgentState(
            goal=to_plain(self._goal(goal)),
            facts=dict(facts_of(state)),
            elapsed=0.0,
            spent=0.0,
            seed=checked_seed(seed),
            acting=False,
            ask=False,
            each=False,
            max_steps=0,
            weights=None,
            plan=None,
            explanation=None,
            approved=[],
            refused=[],
            journal=[],
            status="running",
            note="",
        )

    def grounded(self, state: Facts | Observation) -> Facts:
        """Return the facts of a state in the model's words; OutOfDomain for unknown ones."""
        facts, _ = self._read(state, True)
        self.model.observe(facts)
        return facts

    def _read(self, state: Facts | Observation, ground: bool) -> tuple[Facts, tuple[str, ...]]:
        """Return the facts of a state in the model's words, and how those were read that were said otherwise."""
        facts = facts_of(state)
        if not ground:
            return facts, ()
        found = grounded(facts, self.model)
        return found.facts, found.readings

    def _goal(self, goal: str | Goal) -> Goal:
        if isinstance(goal, str):
            return self.understand(goal)
        if not isinstance(goal, Goal):
            raise InputError(f"a goal is words or a Goal, not {type(goal).__name__}")
        check_goal(goal, self.model)
        return goal

    def _allowed(self, actions: Sequence[Action | str] | None) -> frozenset[int] | None:
        if actions is None:
            return None
        chosen = [match for action in actions for match in match_actions(action, self.model)]
        return frozenset(self.model.action_index(action) for action in chosen)

    @staticmethod
    def _config(thread: str, max_steps: int) -> dict[str, Any]:
        return {"configurable": {"thread_id": thread}, "recursion_limit": 8 * (max_steps + 2)}
