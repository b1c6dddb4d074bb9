"""Rules as readable text: learn from many variants of a workflow's rules, predict under variants never seen.
Knows declarative worlds and world models by their public names; knows no planner."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.domain.types import FactKey, Facts, Observation, Transition, Value, key_of
from wmagent.errors import InputError
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap
from wmagent.worlds.restricting import restricted
from wmagent.worlds.workflow import WorkflowWorld

NEW_SHARE = 1 / 3  # of a rule's values that training never shows

NOTES = (
    "new values: a third of the values of every rule with a number, inner ones, never seen in training; new "
    "combination: all rules have values that training shows, but not together.",
    "exact: the likeliest next facts are what followed (refused attempts change nothing); ceiling: the likeliest next "
    "facts in truth are; mode: the likeliest next facts are the likeliest in truth; matters: rows whose outcome or "
    "legality depends on a rule's value.",
)


def run(
    world: str | Path,
    seed: int = 0,
    transitions: int = 40_000,
    tests: int = 2_000,
    preset: str = "small",
    text: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Learn with the rules among the facts, and without; score both on rule variants never seen. JSON-ready."""
    import wmagent.worlds as worlds
    from wmagent import WorldModel

    say = progress or (lambda text: None)
    base = worlds.load(world)
    old, new = split_rules(base, seed)
    training = _without_combination(
        worlds.experience(restricted(base, old), transitions=transitions, seed=seed), base, seed
    )
    shown = list(old)
    rows = {
        "new values": _attempts(restricted(base, {**old, **new}), tests, 20_000 + seed),
        "new combination": _held_combination(restricted(base, old), base, tests, 30_000 + seed, seed),
    }
    found: dict[str, Any] = {"eval": "rule-shift", "world": base.name, "seed": seed, "transitions": len(training)}
    found["rules"] = {key: {"seen": [*old[key]], "new": [*new.get(key, [])]} for key in shown}
    for reading, without in (("rules read", []), ("rules not read", shown)):
        model = WorldModel.learn(_less(training, without), preset=preset, seed=seed, text=text)
        say(f"{reading}: learned")
        oracle = base.oracle()
        found[reading] = {
            name: _score(model, _less(asked, without), asked, oracle, base, seed) for name, asked in rows.items()
        }
    found["nothing changes"] = {
        name: float(np.mean([key_of(r.before.facts) == key_of(r.after.facts) for r in asked]))
        for name, asked in rows.items()
    }
    return {**found, "notes": list(NOTES), "versions": versions()}


def policies(world: WorkflowWorld) -> dict[str, tuple[Value, ...]]:
    """Return the rules of a world that are shown as sentences, each with the values it can take."""
    return {key: fact.domain() for key, fact in world.definition.facts.items() if fact.policy is not None}


def split_rules(world: WorkflowWorld, seed: int) -> tuple[dict[str, list[Value]], dict[str, list[Value]]]:
    """Return per rule the values for training, and per rule with numbers the inner ones that are held out."""
    rules = policies(world)
    if not rules:
        raise InputError(
            f"world {world.name!r} has no rules that are shown as text (policy: …), so none can be changed"
        )
    draw = random.Random(f"rules {world.name} {seed}")
    old: dict[str, list[Value]] = {key: list(values) for key, values in rules.items()}
    new: dict[str, list[Value]] = {}
    for key, values in rules.items():
        numbers = sorted(v for v in values if isinstance(v, int | float) and not isinstance(v, bool))
        if len(numbers) >= 5:
            new[key] = draw.sample(numbers[1:-1], max(1, round(NEW_SHARE * len(numbers))))
            old[key] = [value for value in values if value not in new[key]]
    return old, new


def _combination(world: WorkflowWorld, seed: int) -> dict[str, Value]:
    """Return the values of rules without numbers that training never shows together, as sentences."""
    draw = random.Random(f"combination {world.name} {seed}")
    words = {key: values for key, values in policies(world).items() if not isinstance(values[0], int | float)}
    some = dict(list(words.items())[:2])
    return {key: world.domains[key][draw.randrange(len(values))] for key, values in some.items()}


def _without_combination(rows: Sequence[Transition], world: WorkflowWorld, seed: int) -> list[Transition]:
    held = _combination(world, seed)
    return [row for row in rows if len(held) < 2 or any(row.before.facts[k] != v for k, v in held.items())]


def _held_combination(varied: WorkflowWorld, world: WorkflowWorld, n: int, seed: int, split: int) -> list[Transition]:
    held = _combination(world, split)
    raw = {key: world.definition.facts[key].domain()[world.domains[key].index(value)] for key, value in held.items()}
    return _attempts(restricted(varied, {key: [value] for key, value in raw.items()}), n, seed) if held else []


def _attempts(world: WorkflowWorld, n: int, seed: int) -> list[Transition]:
    import wmagent.worlds as worlds

    return worlds.experience(world, transitions=n, seed=seed)


def _less(rows: Sequence[Transition], keys: Sequence[str]) -> list[Transition]:
    if not keys:
        return list(rows)

    def seen(observation: Observation) -> Observation:
        return Observation({key: value for key, value in observation.facts.items() if key not in keys})

    return [replace(row, before=seen(row.before), after=seen(row.after)) for row in rows]


def _score(
    model: Any, given: Sequence[Transition], asked: Sequence[Transition], oracle: Any, world: WorkflowWorld, seed: int
) -> dict[str, Any]:
    if not asked:
        return {"n": 0}
    said = model.forecast([row.before.facts for row in given], [row.action for row in given])
    likeliest = [_mode(oracle, row) for row in asked]
    modes = [_without(mode, given[0].before.facts) for mode in likeliest]
    exact = [float(key_of(s.most_likely) == key_of(g.after.facts)) for s, g in zip(said, given, strict=True)]
    mode = [float(key_of(s.most_likely) == m) for s, m in zip(said, modes, strict=True)]
    ceiling = [float(m == key_of(g.after.facts)) for m, g in zip(modes, given, strict=True)]
    matters = [_matters(oracle, row, world) for row in asked]
    concerned = [m for m, counts in zip(mode, matters, strict=True) if counts]
    return {
        "n": len(asked),
        "exact": float(np.mean(exact)),
        "ceiling": float(np.mean(ceiling)),
        "mode": float(np.mean(mode)),
        "mode_interval": bootstrap(mode, groups=[row.case for row in asked], seed=seed),
        "matters": sum(matters),
        "mode_where_it_matters": float(np.mean(concerned)) if concerned else None,
    }


def _mode(oracle: Any, row: Transition) -> Facts:
    chances: dict[FactKey, float] = {}
    facts: dict[FactKey, Facts] = {}
    for outcome in oracle.outcomes(row.before.facts, row.action):
        key = key_of(outcome.facts)
        chances[key] = chances.get(key, 0.0) + outcome.probability
        facts[key] = outcome.facts
    return facts[max(chances, key=lambda key: chances[key])] if chances else row.before.facts


def _without(facts: Facts, shape: Facts) -> FactKey:
    return key_of({key: value for key, value in facts.items() if key in shape})


def _matters(oracle: Any, row: Transition, world: WorkflowWorld) -> bool:
    """Return whether some other value of one of the rules changes what may follow, or whether it is allowed."""
    rules = policies(world)

    def outcomes(facts: Facts) -> set[tuple[FactKey, float]]:
        found = oracle.outcomes(facts, row.action)
        return {(key_of({k: v for k, v in o.facts.items() if k not in rules}), round(o.probability, 9)) for o in found}

    here = outcomes(row.before.facts)
    return any(outcomes({**row.before.facts, key: value}) != here for key in rules for value in world.domains[key])
