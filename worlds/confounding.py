"""Confounded experience with a known truth: an urgency that sways both what is decided and what comes of it.

Knows definitions, behaviour and the oracle; knows no learning. The design follows SimBank (arXiv 2506.14772): a knob
for how far recorded decisions follow a policy instead of chance, and the outcome under every action known exactly.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from wmagent.domain.types import Action, Facts, Goal, Observation, Transition, Value
from wmagent.domain.world import Policy
from wmagent.errors import InputError, checked_seed
from wmagent.worlds.behaviour import Lead, experience
from wmagent.worlds.expressions import key_text
from wmagent.worlds.language import ActionPart, Effect, Fact, Result
from wmagent.worlds.oracle import WorkflowOracle
from wmagent.worlds.workflow import WorkflowWorld

ROUTINE, URGENT = "routine", "urgent"
_TILTS = (
    3.0,
    6.0,
)  # how many times the odds of the last outcome against the first rise in urgent cases, at least, most
_AGAIN = 6.0  # places down the list for every time an action was done already, as among clerks


def confounded(world: WorkflowWorld, seed: int) -> WorkflowWorld:
    """Return the world with one more fact, `urgency`, that half of the cases have and that makes things go worse.

    The fact is static, `routine` or `urgent`, equally likely, and stands last; where the world already has one of
    that name it is called `urgency 2` (and so on). Wherever an effect has several outcomes, urgent cases have the
    later ones more often and routine cases the earlier ones: in workflow files outcomes are listed from what one
    hopes for to what one fears. The odds of the last against the first outcome are multiplied in urgent cases, and
    divided in routine ones, by a factor of 3 to 6 that the seed draws per effect.
    """
    random = Random(f"{world.name} confounded {checked_seed(seed)}")
    definition = world.definition
    key = next(name for name in _names() if name not in definition.facts)
    urgency = Fact(
        values=(ROUTINE, URGENT),
        start={ROUTINE: 0.5, URGENT: 0.5},
        static=True,
        words=("pressure of time", "haste"),
        value_words={ROUTINE: ("no hurry",), URGENT: ("in a hurry",)},
    )
    changed = {
        "facts": {**definition.facts, key: urgency},
        "actions": {name: _swayed(part, key, random) for name, part in definition.actions.items()},
    }
    return WorkflowWorld(definition.model_copy(update=changed))


def confounder(world: WorkflowWorld) -> str:
    """Return the name of the fact that `confounded` added; InputError where there is none."""
    key, fact = list(world.definition.facts.items())[-1]
    if not fact.static or fact.values != (ROUTINE, URGENT):
        raise InputError(f"world {world.name!r} has no urgency as its last fact; make it with confounded(world, seed)")
    return key


def logged(
    world: WorkflowWorld,
    transitions: int,
    seed: int,
    strength: float,
    hide: bool = False,
    attempts: float = 0.1,
) -> list[Transition]:
    """Return recorded experience of a confounded world in which urgency drives decisions.

    Each choice is made by urgency with the chance `strength`, and by a clerk's usual habits otherwise: urgent cases
    take the actions that are usually done soonest, routine cases those that take longest, both with some taste that
    the seed draws, and what was done already comes later. At 0 it is `experience` itself. `hide` leaves the urgency
    out of what is recorded.
    """
    key = confounder(world)
    rows = experience(world, transitions, seed, attempts, lead=leading(world, seed, strength))
    return [_without(row, key) for row in rows] if hide else rows


def leading(world: WorkflowWorld, seed: int, strength: float) -> Lead:
    """Return how urgency decides, as in `logged` with the same seed and strength."""
    key = confounder(world)
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise InputError(f"strength is a number from 0 to 1, not {strength!r}")
    return _driven_by(world, key, strength, Random(f"{world.name} urgency {checked_seed(seed)}"))


@dataclass(frozen=True)
class Counterfactual:
    """What becomes of a case if one action is done now: P(goal) by urgency, and over what is seen.

    `by_value` has it for each value of the urgency, `chances` their chances at the start of a case that looks like
    this, and `probability` the mixture: what a perfect randomised experiment would find.
    """

    action: Action
    probability: float
    by_value: Mapping[Value, float]
    chances: Mapping[Value, float]


def counterfactuals(
    world: WorkflowWorld,
    facts: Facts,
    goal: Goal,
    then: Policy,
    actions: Sequence[Action] = (),
    oracle: WorkflowOracle | None = None,
) -> tuple[Counterfactual, ...]:
    """Return the exact P(goal) of doing each action now and following `then` after it, urgency unseen.

    `facts` are those of a confounded world; its urgency may be left out and is not looked at. `then` sees facts
    without the urgency, and the hours since now. `actions` are all that are allowed if none is given; InputError for
    one that is not. Pass one `oracle` for many questions: it remembers what it has enumerated.
    """
    key = confounder(world)
    oracle = world.oracle() if oracle is None else oracle
    machine = world.machine
    whole = machine.decode(machine.encode({**facts, key: URGENT}))
    seen = {name: value for name, value in whole.items() if name != key}
    chances = _chances(oracle, key, seen)
    legal = world.legal(whole)
    for action in actions:
        if action not in legal:
            allowed = ", ".join(one.label() for one in legal) or "nothing"
            raise InputError(f"{action.label()!r} is not allowed in this state; allowed: {allowed}")
    found = []
    for action in actions or legal:
        worth = {value: _worth(oracle, {**seen, key: value}, action, goal, _blind(then, key)) for value in chances}
        mixed = sum(chances[value] * worth[value] for value in chances)
        found.append(Counterfactual(action, mixed, worth, chances))
    return tuple(found)


def _names() -> itertools.chain[str]:
    return itertools.chain(["urgency"], (f"urgency {number}" for number in itertools.count(2)))


def _swayed(part: ActionPart, key: str, random: Random) -> ActionPart:
    """Return the action with every effect of several outcomes split into an urgent and a routine one."""
    effects: list[Effect] = []
    for effect in part.effects:
        if len(effect.outcomes) < 2:
            effects.append(effect)
            continue
        factor = random.uniform(*_TILTS)
        urgent = f"{key_text(key)} == {URGENT}"
        when = f"({effect.when}) and {urgent}" if effect.when.strip() else urgent
        effects.append(effect.model_copy(update={"when": when, "outcomes": _tilted(effect.outcomes, factor)}))
        effects.append(effect.model_copy(update={"outcomes": _tilted(effect.outcomes, 1 / factor)}))
    return part.model_copy(update={"effects": tuple(effects)})


def _tilted(outcomes: Sequence[Result], factor: float) -> tuple[Result, ...]:
    """Return the outcomes with the odds of the last against the first multiplied, those between in proportion."""
    last = len(outcomes) - 1
    weights = [result.chance * factor ** (place / last) for place, result in enumerate(outcomes)]
    total = sum(weights)
    return tuple(
        result.model_copy(update={"chance": weight / total}) for result, weight in zip(outcomes, weights, strict=True)
    )


def _driven_by(world: WorkflowWorld, key: str, strength: float, random: Random) -> Lead:
    hours = [_usual_hours(world, place) for place in range(len(world.actions))]
    by_length = sorted(range(len(hours)), key=lambda place: hours[place])
    taste = {action: random.gauss(0, 1.5) for action in world.actions}
    rank = {world.actions[place]: float(at) for at, place in enumerate(by_length)}
    order = {
        URGENT: {action: rank[action] + taste[action] for action in world.actions},
        ROUTINE: {action: -rank[action] - taste[action] for action in world.actions},
    }

    def lead(facts: Facts, legal: tuple[Action, ...], tried: Mapping[Action, int]) -> Action | None:
        if random.random() >= strength:
            return None
        wanted = order[str(facts[key])]
        return min(legal, key=lambda action: wanted[action] + _AGAIN * tried[action])

    return lead


def _usual_hours(world: WorkflowWorld, place: int) -> float:
    return sum(hours * share for hours, share in world.machine.moves[place].hours)


def _without(row: Transition, key: str) -> Transition:
    return dataclasses.replace(row, before=_blinded(row.before, key), after=_blinded(row.after, key))


def _blinded(seen: Observation, key: str) -> Observation:
    return dataclasses.replace(seen, facts={name: value for name, value in seen.facts.items() if name != key})


def _blind(policy: Policy, key: str) -> Policy:
    def blind(facts: Facts, elapsed: float) -> Action | None:
        return policy({name: value for name, value in facts.items() if name != key}, elapsed)

    return blind


def _chances(oracle: WorkflowOracle, key: str, seen: Facts) -> dict[Value, float]:
    """Return how likely each urgency is at the start of cases with the same static facts."""
    static = [name for name, fact in oracle.world.definition.facts.items() if fact.static and name != key]
    found: dict[Value, float] = {}
    for chance, start in oracle.starts():
        if all(start[name] == seen[name] for name in static):
            found[start[key]] = found.get(start[key], 0.0) + chance
    if not found:
        raise InputError("no case starts with these static facts, so nothing is known of its urgency")
    total = sum(found.values())
    return {value: chance / total for value, chance in found.items()}


def _worth(oracle: WorkflowOracle, facts: Facts, action: Action, goal: Goal, then: Policy) -> float:
    """Return P(goal) of one action and then a policy, whose time goes on from where the action left it."""
    if goal.reached(facts) or goal.violated(facts):
        return oracle.plan_value(facts, (), goal).probability
    total = 0.0
    for outcome in oracle.outcomes(facts, action):
        left = dataclasses.replace(
            goal,
            deadline=None if goal.deadline is None else goal.deadline - outcome.duration,
            max_cost=None if goal.max_cost is None else goal.max_cost - outcome.cost,
        )
        passed = 0.0 if goal.deadline is None else outcome.duration

        def later(state: Facts, elapsed: float, passed: float = passed) -> Action | None:
            return then(state, elapsed + passed)

        total += outcome.probability * oracle.policy_value(outcome.facts, later, left).probability
    return total
