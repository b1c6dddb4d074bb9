"""The tools of a world model: one call proposes, imagines, ranks and decides. Knows the agent; no transport."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wmagent.agent.stages import HOPELESS
from wmagent.domain.answers import Plan, WhatIf
from wmagent.domain.types import Action, Facts, Observation, Transition, Value, canonical
from wmagent.errors import OutOfDomain
from wmagent.latent.protocols import Budget
from wmagent.report.wording import changes, percent
from wmagent.service import answers as told
from wmagent.service import questions as asked
from wmagent.service.answers import MOST_ACTIONS, MOST_WARNINGS, verdict
from wmagent.service.examples import world_examples
from wmagent.service.explaining import explained
from wmagent.service.kept import whole
from wmagent.service.offers import world_documents, world_tools
from wmagent.service.tools import Answered, Toolbox
from wmagent.service.watched import watched

if TYPE_CHECKING:
    from wmagent.agent.agent import Agent
    from wmagent.agent.imagined import ImaginedWorld
    from wmagent.model.world_model import WorldModel

MOST_VALUES, MOST_FORESEEN = 12, 12
KEPT_PLANS = 16  # beside which what-ifs are asked
FAINT = 0.005  # P of outcomes that are not worth telling


class WorldTools:
    """Answers the questions of `questions` with an agent around a learned model."""

    def __init__(self, model: WorldModel, planner: str = "best-first") -> None:
        from wmagent.agent.agent import Agent
        from wmagent.agent.imagined import ImaginedWorld, recorded_starts

        self.model = model
        self.agent: Agent = Agent(watched(model), planner=planner, keep=KEPT_PLANS)
        self.imagined: ImaginedWorld = ImaginedWorld(watched(model), recorded_starts(model))

    def toolbox(self, title: str, version: str) -> Toolbox:
        """Return the tools."""
        box: Toolbox
        runs = {
            "plan": self.plan,
            "what_if": self.what_if,
            "predict": self.predict,
            "check_anomaly": self.check_anomaly,
            "describe_world": self.describe_world,
            "explain": lambda question, key: explained(box, self.agent, question),
            "kept": lambda question, key: whole(box, question),
        }
        examples = partial(world_examples, self.model, self.imagined.starts)
        documents = world_documents({"card": self.model.card_markdown, "examples": examples})
        box = Toolbox(title, world_tools(runs), documents, version, source=self)
        return box

    def plan(self, question: asked.PlanQuestion, key: str) -> Answered:
        """Return the best imagined plan as a decision."""
        budget = Budget(question.simulations, milliseconds=question.seconds * 900)  # some of it is left to explain
        try:
            plan = self.agent.plan(
                question.goal, question.state, seed=question.seed, budget=budget, actions=question.actions
            )
        except OutOfDomain as error:
            return Answered(told.Decision(id=key, decision="abstain", because=str(error)))
        return Answered(decision(plan, key), plan)

    def what_if(self, question: asked.WhatIfQuestion, key: str) -> Answered:
        """Return what becomes of the goal under a change."""
        try:
            answer = self.agent.what_if(
                question.state,
                until=question.until,
                by=question.by,
                force=question.force,
                seed=question.seed,
                **question.changes(),  # type: ignore[arg-type]
            )
        except OutOfDomain as error:
            return Answered(told.Compared(id=key, decision="abstain", because=str(error)))
        return Answered(compared(answer, key), answer)

    def predict(self, question: asked.PredictQuestion, key: str) -> Answered:
        """Return what an action, or every allowed one, leads to."""
        from wmagent.agent.matching import match_action

        try:
            facts = self.agent.grounded(question.state)
            chosen: Sequence[Action]
            if question.action is not None:
                chosen = (match_action(question.action, self.model),)
            else:
                chosen = self.imagined.legal(facts)
            foreseen = [self._foreseen(facts, action) for action in chosen[:MOST_FORESEEN]]
        except OutOfDomain as error:
            return Answered(told.Prediction(id=key, decision="abstain", because=str(error)))
        if not foreseen:
            return Answered(told.Prediction(id=key, decision="told", because="no action is allowed here"))
        first = foreseen[0]
        because = f"{len(chosen)} actions are allowed here"
        if question.action is not None:
            likeliest = f"; most likely {', '.join(first.outcomes[0].changes) or 'nothing'}" if first.outcomes else ""
            because = f"{first.action} is accepted with {percent(first.allowed)}{likeliest}"
        return Answered(told.Prediction(id=key, decision="told", because=because, actions=foreseen))

    def check_anomaly(self, question: asked.AnomalyQuestion, key: str) -> Answered:
        """Return whether a step is odd."""
        from wmagent.agent.matching import match_action
        from wmagent.errors import InputError

        try:
            action = match_action(question.action, self.model)
        except InputError:
            action = Action(question.action)  # a stranger is judged as such
        step = Transition(Observation(question.before), action, Observation(question.after))
        found = self.agent.anomalies([step], question.alpha, every=True)[0]
        odd = [
            told.Odd(
                fact=fact.key,
                expected=fact.expected,
                expected_probability=round(fact.expected_probability, 4),
                seen=fact.seen,
                seen_probability=round(fact.seen_probability, 4),
            )
            for fact in found.odd
        ]
        because = found.note or (
            f"{percent(found.p_value)} of usual steps are at least as surprising"
            + (f"; {odd[0].fact} was expected to be {odd[0].expected}, not {odd[0].seen}" if odd else "")
        )
        decision = "odd" if found.flagged else "usual"
        surprise, p = round(found.surprise, 3), round(found.p_value, 5)
        judged = told.Judged(id=key, decision=decision, because=because, p_value=p, surprise=surprise, odd=odd)
        return Answered(judged, found)

    def describe_world(self, question: asked.WorldQuestion, key: str) -> Answered:
        """Return what facts and actions the model knows."""
        part = (question.about or "").lower()
        facts: dict[str, list[Value]] = {}
        for name in self.model.slots:
            if part in name.lower():
                values = [value for value in self.model.values(name) if value is not None]
                facts[name] = sorted(values, key=canonical)[:MOST_VALUES]
        labels = [action.label() for action in self.model.actions if part in action.label().lower()]
        data = self.model.card.get("data", {})
        learned = f"{data.get('transitions', 0):,} recorded steps of {data.get('cases', 0):,} cases"
        limits = "Values and actions that no record shows are refused; answers are predicted associations."
        world = told.World(
            title="world model",
            kind="transitions",
            learned_from=learned,
            facts=facts,
            actions=labels[:MOST_ACTIONS],
            actions_left_out=max(0, len(labels) - MOST_ACTIONS),
            limits=limits,
        )
        return Answered(world)

    def _foreseen(self, facts: Facts, action: Action) -> told.Foreseen:
        evidence = self.imagined.evidence(facts, action, 1)
        outcomes = self.imagined.outcomes(facts, action)
        return told.Foreseen(
            action=action.label(),
            allowed=round(self.imagined.legality(facts, action), 4),
            outcomes=[
                told.Outcome(
                    probability=round(outcome.probability, 4),
                    changes=differing(facts, outcome.facts),
                    facts={key: outcome.facts.get(key) for key in differing_keys(facts, outcome.facts)},
                    hours=round(outcome.duration, 3),
                    ends_the_case=ends(outcome.facts),
                )
                for outcome in outcomes
                if outcome.probability >= FAINT
            ],
            cost=round(outcomes[0].cost, 3) if outcomes else None,
            support=evidence.support,
            n=evidence.n,
        )


def decision(plan: Plan, key: str) -> told.Decision:
    """Return a plan in short. Beyond the record there is no advice, only the way that was imagined."""
    low, high = plan.interval
    labels = [action.label() for action in plan.actions]
    numbers = {
        "probability": round(plan.probability, 4),
        "interval": (round(low, 4), round(high, 4)),
        "risk": round(1 - low, 4),
        "support": plan.support,
        "plan": labels,
        "hours": round(plan.duration, 3),
        "cost": round(plan.cost, 3),
        "warnings": list(plan.warnings[:MOST_WARNINGS]),
    }
    if not labels and plan.probability >= 1:
        return told.Decision(id=key, decision="done", because="the goal already holds", **numbers)
    if not labels or plan.probability <= HOPELESS:
        because = plan.warnings[0] if plan.warnings else "no imagined way leads to the goal"
        return told.Decision(id=key, decision="impossible", because=because, **numbers)
    if plan.support == "extrapolated":
        because = "the best plan leads beyond what was ever recorded; ask a person"
        return told.Decision(id=key, decision="abstain", because=because, **numbers)
    first = plan.steps[0]
    because = f"{percent(plan.probability)} reach the goal this way; {labels[0]} leads to {changes(first.changes)}"
    return told.Decision(id=key, decision="act", action=labels[0], because=because, **numbers)


def compared(answer: WhatIf, key: str) -> told.Compared:
    """Return a what-if in short."""
    base, p = answer.baseline_probability, answer.probability
    numbers = {
        "probability": rounded(p),
        "interval": None if answer.interval is None else (round(answer.interval[0], 4), round(answer.interval[1], 4)),
        "baseline": rounded(base),
        "best_under_it": rounded(answer.replanned_probability),
        "actions": [action.label() for action in answer.actions],
        "by": [(hours, round(by, 4)) for hours, by in answer.outlook.by] if answer.outlook else [],
        "hours": rounded(answer.duration),
        "cost": rounded(answer.cost),
        "support": answer.support,
        "n": answer.n,
        "propensity": rounded(answer.propensity),
        "wording": answer.wording,
        "warnings": list(answer.warnings[:MOST_WARNINGS]),
    }
    if p is None or answer.interval is None:
        because = answer.warnings[0] if answer.warnings else "the record holds nothing like this"
        return told.Compared(id=key, decision="abstain", because=because, **numbers)
    because = f"{answer.question}: {percent(p)} reach the goal"
    if base is None:
        return told.Compared(id=key, decision="same", because=because, **numbers)
    because = f"{because}, {percent(base)} without it (plans as they stand, not made anew on the way)"
    return told.Compared(id=key, decision=verdict(base, answer.interval), because=because, **numbers)


def rounded(number: float | None) -> float | None:
    """Return a number with four digits after the point."""
    return None if number is None else round(number, 4)


def differing(before: Facts, after: Facts) -> list[str]:
    """Return what is otherwise afterwards, one text per fact."""
    keys = differing_keys(before, after)
    return [f"{key}: {before.get(key, '(none)')} → {after.get(key, '(none)')}" for key in keys]


def differing_keys(before: Facts, after: Facts) -> list[str]:
    """Return the facts that are otherwise afterwards."""
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def ends(facts: object) -> bool:
    """Return whether imagined facts are those of a case that is over."""
    from wmagent.agent.imagined import Ended

    return isinstance(facts, Ended)


def open_world(path: Path, planner: str = "best-first") -> WorldTools:
    """Return the tools of a model folder; CheckpointError where it is none."""
    from wmagent.model.world_model import WorldModel

    return WorldTools(WorldModel.load(path), planner)
