"""Made-up workflows: stages with checks, rework, resources, events and hidden rules, drawn from a seed.

Knows the workflow language and word lists; knows no simulation. Valid by construction, never by trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from wmagent.errors import InputError, checked_seed
from wmagent.worlds.language import Definition
from wmagent.worlds.making import words
from wmagent.worlds.making.outline import Attribute, Check, Outline
from wmagent.worlds.making.parts import compose
from wmagent.worlds.workflow import WorkflowWorld

Size = Literal["tiny", "small", "medium", "large", "huge"]
MOST_BRANCHING = 4
MOST_POLICIES = 3


@dataclass(frozen=True)
class _Scale:
    """How much of everything a world of one size has; `required` and `optional` are checks."""

    stages: int
    required: int
    optional: int
    attributes: int
    rounds: int
    budget: int
    resources: int


_SCALES: dict[str, _Scale] = {
    "tiny": _Scale(stages=2, required=2, optional=1, attributes=1, rounds=1, budget=0, resources=0),
    "small": _Scale(stages=2, required=3, optional=1, attributes=2, rounds=1, budget=0, resources=0),
    "medium": _Scale(stages=3, required=5, optional=2, attributes=2, rounds=2, budget=2, resources=0),
    "large": _Scale(stages=3, required=6, optional=3, attributes=3, rounds=2, budget=2, resources=2),
    "huge": _Scale(stages=3, required=7, optional=4, attributes=3, rounds=2, budget=2, resources=2),
}


def random_workflow(
    seed: int,
    *,
    size: Size = "small",
    branching: int = 2,
    stochasticity: float = 0.5,
    rule_depth: int = 2,
    policies: int = 0,
) -> WorkflowWorld:
    """Return a random but meaningful workflow; the same seed and knobs give the same world.

    A case goes through stages. Each has checks that pass or fail, some only after others; failed ones are reworked a
    few times and then escalated; a case ends completed or cancelled.

    - `size`: how many states all starts together reach. With the other knobs as they are by default: tiny 340 to 380,
      small 790 to 950, medium 5,200 to 21,000, large 67,000 to 180,000 (counted on 5 or 6 seeds), huge about 300,000 to
      700,000 (3 seeds, from one or two of 8 starts). More `policies` and ways to spend the budget give more.
    - `branching`: how many ways there are to do every check, 1 to 4, of different speed, price and reliability.
    - `stochasticity`: 0 to 1; at 0 every action has one outcome and nothing happens from outside.
    - `rule_depth`: how many hidden rules one action can set off in a row, from 0 up to `most_rules(size)`.
    - `policies`: how many rules, 0 to 3, are facts to be read, so that variants can change them.

    InputError for other values.
    """
    if size not in get_args(Size):
        raise InputError(f"size is one of {', '.join(get_args(Size))}, not {size!r}")
    _whole("branching", branching, 1, MOST_BRANCHING)
    _whole("rule_depth", rule_depth, 0, most_rules(size))
    _whole("policies", policies, 0, MOST_POLICIES)
    if isinstance(stochasticity, bool) or not isinstance(stochasticity, (int, float)) or not 0 <= stochasticity <= 1:
        raise InputError(f"stochasticity is a number from 0 to 1, not {stochasticity!r}")
    random = Random(f"workflow {checked_seed(seed)}")
    outline = _outline(random, _SCALES[size], branching, stochasticity, rule_depth, policies)
    return WorkflowWorld(Definition.model_validate(compose(f"random-{size}-{seed}", outline, random)))


def most_rules(size: Size) -> int:
    """Return the greatest `rule_depth` that a world of this size has room for."""
    return _SCALES[size].required  # the hold, and all required checks but that of the last stage


def _whole(name: str, given: object, least: int, most: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise InputError(f"{name} is a whole number from {least} to {most} here, not {given!r}")


def _outline(
    random: Random, scale: _Scale, branching: int, stochasticity: float, rule_depth: int, policies: int
) -> Outline:
    """Draw the words, the checks, and which of them the hidden rules chain."""
    places = sorted(random.sample(range(len(words.STAGES)), scale.stages))
    attributes = tuple(random.sample(words.ATTRIBUTES, scale.attributes))
    resources = tuple(random.sample(words.RESOURCES, scale.resources)) if stochasticity else ()
    checks = _checks(random, scale, attributes, [name for name, _ in resources])
    early = [check for check in checks if check.required and check.stage < scale.stages - 1]
    chain = sorted(random.sample(range(len(early)), max(rule_depth - 1, 0)))
    return Outline(
        subject=random.choice(words.SUBJECTS),
        stages=tuple(words.STAGES[place] for place in places),
        attributes=attributes,
        resources=resources,
        checks=checks,
        chain=tuple(early[place] for place in chain),
        holds=rule_depth > 0,
        ways=branching,
        luck=float(stochasticity),
        rounds=scale.rounds,
        budget=scale.budget,
        policies=policies,
    )


def _checks(
    random: Random, scale: _Scale, attributes: Sequence[Attribute], resources: Sequence[str]
) -> tuple[Check, ...]:
    """Draw the checks, required ones first, in the order of their stages."""
    last = scale.stages - 1
    spread = [random.randrange(last) for _ in range(scale.required - scale.stages)]
    # leaving out the first optional check must be noticeable later, so it stands before the last stage
    optional = [last - 1, *(random.randint(0, last) for _ in range(scale.optional - 1))]
    stages = sorted([*range(scale.stages), *spread]) + optional
    checks: list[Check] = []
    for stage, (name, paraphrases, kind) in zip(stages, random.sample(words.CHECKS, len(stages)), strict=True):
        before = [check for check in checks if check.stage == stage and check.required]
        checks.append(
            Check(
                name=name,
                words=paraphrases,
                kind=kind,
                stage=stage,
                required=len(checks) < scale.required,
                after=random.choice(before) if before and random.random() < 0.4 else None,
                attribute=random.choice(attributes),
                resource=random.choice(resources) if resources and random.random() < 0.4 else None,
                hours=8 * random.randint(1, 3),
            )
        )
    return tuple(checks)
