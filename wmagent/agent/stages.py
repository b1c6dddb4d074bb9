"""What happens in each step of the agent's graph. Knows model, planner, proposer and explainer; not the graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from wmagent.agent.environment import as_deed
from wmagent.agent.episode import AgentState, Deed, Run
from wmagent.agent.goal_check import unseen
from wmagent.agent.plain import from_plain, to_plain
from wmagent.agent.plans import compose, objective_for
from wmagent.agent.proposer import checked_weights
from wmagent.agent.protocols import AgentModel, Explainer, IdempotentEnvironment, Proposer
from wmagent.agent.reasons import out_of_reach, warnings
from wmagent.agent.restricted import RestrictedDynamics
from wmagent.domain.answers import Explanation, Plan
from wmagent.domain.types import Action, Goal, Observation
from wmagent.errors import InputError, LanguageModelError, OutOfDomain
from wmagent.latent.protocols import Planner
from wmagent.latent.threads import single_thread

HOPELESS = 1e-6  # P(goal) up to which a plan is not worth following
Update = dict[str, Any]


@dataclass(frozen=True)
class AgentStages:
    """The steps of the graph over the agent's parts."""

    model: AgentModel
    planner: Planner
    proposer: Proposer | None
    explainer: Explainer

    def perceive(self, state: AgentState, run: Run) -> Update:
        """Look at the facts: known to the model? goal reached? steps left?"""
        goal, facts = goal_of(state), state["facts"]
        try:
            self.model.observe(facts)
        except OutOfDomain as error:
            if not state["journal"]:
                raise
            return {"status": "outside", "note": str(error)}
        if goal.reached(facts):
            plan = settled(goal)
            run.plan = replace(plan, warnings=(*run.readings, *plan.warnings))
            return {"status": "reached", "plan": to_plain(run.plan)}
        if state["acting"] and len(state["journal"]) >= state["max_steps"]:
            return {"status": "exhausted", "note": f"the goal was not reached in {state['max_steps']} steps"}
        return {"status": "running"}

    def propose(self, state: AgentState, run: Run) -> Update:
        """Ask the proposer, if there is one, which actions are worth imagining."""
        if self.proposer is None:
            return {"weights": None}
        allowed = self._allowed(state, run)
        actions = [action for i, action in enumerate(self.model.actions) if i in allowed]
        try:
            given = self.proposer.propose(Observation(state["facts"]), goal_of(state), actions)
        except LanguageModelError as error:
            run.readings = (*run.readings, f"planned without the language model: {error}")
            return {"weights": None}
        weights = dict(zip(sorted(allowed), checked_weights(given, actions), strict=True))
        return {"weights": [weights.get(i, 0.0) for i in range(len(self.model.actions))]}

    def imagine(self, state: AgentState, run: Run) -> Update:
        """Search imagined futures within what is left of the limits."""
        goal, seed = remaining(goal_of(state), state["elapsed"], state["spent"]), state["seed"]
        allowed = self._allowed(state, run)
        dynamics = self.model
        if len(allowed) < len(self.model.actions):
            dynamics = RestrictedDynamics(self.model, allowed)
        weights = state.get("weights")
        prior = torch.tensor(weights) if weights is not None else None
        with single_thread():
            start = self.model.observe(state["facts"])
            search = self.planner.plan(dynamics, start, objective_for(goal), prior=prior, seed=seed, budget=run.budget)
            plan = compose(self.model, search, goal, self.planner.name)
            if plan.probability <= HOPELESS:
                plan = replace(plan, steps=(), contingencies=(), warnings=out_of_reach(self.model, search, goal))
        run.plan = plan
        return {"plan": to_plain(replace(plan, tree=()))}

    def check(self, state: AgentState, run: Run) -> Update:
        """Hold the plan against support and limits; a plan without hope is not followed."""
        plan = replace(run_plan(state, run), goal=goal_of(state))
        run.plan = replace(
            plan, warnings=(*run.readings, *plan.warnings, *warnings(plan), *unseen(plan.goal, self.model))
        )
        status = "hopeless" if plan.probability <= HOPELESS or not plan.steps else "running"
        return {"plan": to_plain(replace(run.plan, tree=())), "status": status}

    def question(self, state: AgentState, run: Run) -> dict[str, Any] | None:
        """Return what a person is asked before the plan is followed; None when all of it was agreed to already."""
        if not state["ask"]:
            return None
        plan = run_plan(state, run)
        new = sorted(labels(plan) - set(state["approved"]))
        if not new:
            return None
        text = self.explainer.explain(plan).text
        asked = f"may {plan.steps[0].action.label()} be done?" if state.get("each") else "may this plan be followed?"
        return {"question": asked, "actions": new, "plan": state["plan"], "text": text}

    def asked(self, state: AgentState, run: Run) -> bool | None:
        """Return the answer of a callable `approve`; None when a person must be waited for."""
        if not callable(run.approve):
            return None
        plan = run_plan(state, run)
        return bool(run.approve(plan, self.explainer.explain(plan)))

    def answered(self, state: AgentState, run: Run, answer: Any) -> Update:
        """Take down what the person said."""
        check_answer(answer, in_doubt=False)
        if not answer:
            return {"status": "declined", "note": "the plan was not agreed to"}
        if state.get("each"):
            return {}  # nothing is agreed to beyond this step
        return {"approved": sorted({*state["approved"], *labels(run_plan(state, run))})}

    def explain(self, state: AgentState, run: Run) -> Update:
        """Put the plan into words."""
        run.explanation = self.explainer.explain(run_plan(state, run))
        return {"explanation": to_plain(run.explanation)}

    def doubt(self, state: AgentState, run: Run) -> dict[str, Any] | None:
        """Return the question whether a deed happened that was begun before a crash; None when it is clear."""
        action, key = self._next(state, run)
        if isinstance(run.environment, IdempotentEnvironment) or run.ledger.look_up(key)[0] != "begun":
            return None
        return {
            "question": f"{action.label()} was begun and then the run broke off; did it happen?",
            "action": action.label(),
            "answer": "{'happened': False} to do it now; {'happened': True, 'facts': {…}} with the facts after it "
            "(and, where known, duration in hours, cost, error, done: the case is closed)",
        }

    def act(self, state: AgentState, run: Run, told: Any = None) -> Update:
        """Do the plan's next action, once: a finished deed is taken from the ledger."""
        action, key = self._next(state, run)
        progress, result = run.ledger.look_up(key)
        if progress == "finished" and result is not None:
            deed = from_plain(Deed, result)
        elif told is not None and _happened(told):
            hours, cost, error = told.get("duration", 0.0), told.get("cost", 0.0), told.get("error")
            deed = Deed(action, told["facts"], float(hours), float(cost), error, bool(told.get("done", False)))
            run.ledger.finish(key, to_plain(deed))
        else:
            run.ledger.begin(key)
            deed = self._execute(action, key, state, run)
            run.ledger.finish(key, to_plain(deed))
        return {"journal": [*state["journal"], to_plain(deed)]}

    def observe(self, state: AgentState, run: Run) -> Update:
        """Take over the facts after the last deed; a refused action is not tried again in the same facts."""
        deed = from_plain(Deed, state["journal"][-1])
        same = dict(deed.facts) == dict(state["facts"])
        refused = list(state["refused"]) if same else []
        if deed.error is not None:
            refused.append(deed.action.label())
        ended = deed.done and not goal_of(state).reached(deed.facts)
        return {
            "facts": dict(deed.facts),
            "elapsed": state["elapsed"] + deed.duration,
            "spent": state["spent"] + deed.cost,
            "refused": refused,
            "status": "ended" if ended else "running",
            "note": "the environment closed the case" if ended else "",
        }

    def _execute(self, action: Action, key: str, state: AgentState, run: Run) -> Deed:
        environment = run.environment
        if environment is None:
            raise InputError("acting needs an environment")
        if isinstance(environment, IdempotentEnvironment):
            return as_deed(action, environment.execute_once(key, action, state["facts"]))
        return as_deed(action, environment.execute(action, state["facts"]))

    def _next(self, state: AgentState, run: Run) -> tuple[Action, str]:
        """Return the next action and its key; an action that the model does not know is never executed."""
        action = run_plan(state, run).steps[0].action
        self.model.action_index(action)
        return action, f"{run.thread}/{len(state['journal'])}/{action.label()}"

    def _allowed(self, state: AgentState, run: Run) -> frozenset[int]:
        allowed = run.allowed if run.allowed is not None else frozenset(range(len(self.model.actions)))
        return frozenset(i for i in allowed if self.model.actions[i].label() not in state["refused"])


def goal_of(state: AgentState) -> Goal:
    """Return the run's goal."""
    return from_plain(Goal, state["goal"])


def run_plan(state: AgentState, run: Run) -> Plan:
    """Return the plan of this run: the live one, or the one of the checkpoint it was resumed from."""
    if run.plan is None:
        run.plan = from_plain(Plan, state["plan"])
    return run.plan


def run_explanation(state: AgentState, run: Run) -> Explanation | None:
    """Return the explanation of this run, live or from its checkpoint."""
    if run.explanation is None and state.get("explanation"):
        run.explanation = from_plain(Explanation, state["explanation"])
    return run.explanation


def labels(plan: Plan) -> set[str]:
    """Return the labels of every action the plan may take, contingencies included."""
    return {a.label() for a in plan.actions} | {a.label() for c in plan.contingencies for a in c.actions}


def remaining(goal: Goal, elapsed: float, spent: float) -> Goal:
    """Return the goal with what is left of its limits (never below 0)."""
    return replace(
        goal,
        deadline=None if goal.deadline is None else max(goal.deadline - elapsed, 0.0),
        max_cost=None if goal.max_cost is None else max(goal.max_cost - spent, 0.0),
    )


def settled(goal: Goal) -> Plan:
    """Return the plan for a goal that holds already."""
    return Plan(goal, (), 1.0, (1.0, 1.0), 0.0, 0.0, "observed", warnings=("the goal already holds",))


def check_answer(answer: Any, in_doubt: bool) -> None:
    """Raise InputError for an answer that cannot be used: a bool for a plan, `{"happened": …}` for a deed in doubt."""
    if not in_doubt:
        if not isinstance(answer, bool):
            raise InputError(f"whether the plan may be followed is answered with True or False, not {answer!r}")
        return
    if not isinstance(answer, dict) or not isinstance(answer.get("happened"), bool):
        raise InputError(f"say {{'happened': True, 'facts': {{…}}}} or {{'happened': False}}, not {answer!r}")
    if answer["happened"] and not isinstance(answer.get("facts"), dict):
        raise InputError("a deed that happened needs the facts after it: {'happened': True, 'facts': {…}}")


def _happened(told: Any) -> bool:
    check_answer(told, in_doubt=True)
    return told["happened"]
