"""Explanations held against the plan they explain, against the true world, and against a shuffled trajectory.
Knows worlds with an exact oracle, and agents and explainers by their public names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wmagent.domain.answers import Claim, Plan
from wmagent.domain.types import Facts, Goal
from wmagent.domain.world import Oracle
from wmagent.errors import WmagentError
from wmagent.evals.learned import learned
from wmagent.evals.measure import versions
from wmagent.language.corpus import SHIPPED
from wmagent.model.baselines.base import text

log = logging.getLogger(__name__)

SURE = 0.9  # P(goal) from which on claims are held against the world
SLACK = 0.05  # of probabilities
NOTES = (
    "entailed: claims that are read back out of the text and hold in the plan, of all parts of the text that claim "
    "anything (what cannot be read back counts as not entailed).",
    "true: of plans with P(goal) >= .9, claims that hold in the world along the plan's main line: the step is allowed, "
    "the change is among the outcomes with a probability within .05, expected hours and cost of the step within a "
    "tenth (or half an hour, one unit), P(goal) within .05 of the best policy's. Evidence and limits are not about the "
    "world and are left out.",
    "changed: the explanation of the same plan with the imagined changes of its steps exchanged is another text, and "
    "the first text is not entailed by it.",
)


def run(
    worlds: Sequence[str] = SHIPPED,
    seeds: Sequence[int] = (0,),
    lm: str | None = "tiny",
    transitions: int = 20_000,
    preset: str = "small",
    cases: int = 12,
    models: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Explain plans by template and, with `lm`, shortened by a language model; one JSON-ready object."""
    say, per_seed = progress or log.info, []
    for seed in seeds:
        counts: dict[str, _Counts] = {"template": _Counts()} | ({"language model": _Counts()} if lm else {})
        for world in worlds:
            _explain(world, seed, lm, transitions, preset, cases, models, counts)
            say(f"seed {seed}, {world}: { {way: count.shares() for way, count in counts.items()} }")
        per_seed.append({"seed": seed, **{way: count.shares() for way, count in counts.items()}})
    ways = [way for way in per_seed[0] if way != "seed"]
    summary = {
        way: {
            key: _mean([row[way][key] for row in per_seed])
            for key in ("entailed", "true", "changed", "lines", "dropped", "cites")
        }
        for way in ways
    }
    return {
        "eval": "explaining",
        "lm": lm,
        "seeds": list(seeds),
        "targets": {"entailed": "1.0", "true": ">= 0.9", "changed": "1.0"},
        "summary": summary,
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


class _Counts:
    """What was counted over plans."""

    def __init__(self) -> None:
        self.plans = self.claims = self.entailed = self.worldly = self.true = 0
        self.shufflable = self.changed = self.lines = self.dropped = self.cites = 0

    def shares(self) -> dict[str, float | None]:
        """Return shares with the numbers they are of."""
        return {
            "plans": self.plans,
            "entailed": self.entailed / self.claims if self.claims else None,
            "claims": self.claims,
            "true": self.true / self.worldly if self.worldly else None,
            "worldly": self.worldly,
            "changed": self.changed / self.shufflable if self.shufflable else None,
            "shufflable": self.shufflable,
            "lines": self.lines / max(1, self.plans),
            "dropped": self.dropped / max(1, self.plans),
            "cites": self.cites / max(1, self.plans),
        }


def _explain(
    name: str,
    seed: int,
    lm: str | None,
    transitions: int,
    preset: str,
    cases: int,
    models: Path | None,
    counts: dict[str, _Counts],
) -> None:
    import wmagent.worlds as worlds
    from wmagent import Agent
    from wmagent.agent.explainer import TemplateExplainer
    from wmagent.agent.rephrasing import RephrasingExplainer
    from wmagent.registry import resolve
    from wmagent.worlds.sampled import truth

    world = worlds.load(name)
    rows = worlds.experience(world, transitions=transitions, seed=seed)
    model = learned(name, rows, seed, preset, "auto", models)[0]
    agent, oracle, goals = Agent(model), truth(world, 400_000, seed=seed), world.goals()
    explainers: dict[str, Any] = {"template": TemplateExplainer()}
    if lm:
        explainers["language model"] = RephrasingExplainer(resolve("language", "local")(lm))
    for number in range(cases):
        start, goal = world.initial(80_000 + 1_000 * seed + number), goals[number % len(goals)]
        try:
            plan = agent.plan(goal, start)
        except WmagentError as error:
            log.info("no plan to explain: %s", error)
            continue
        if plan.steps:
            for way, explainer in explainers.items():
                _count(counts[way], explainer, plan, start, goal, oracle)


def _count(count: _Counts, explainer: Any, plan: Plan, start: Facts, goal: Goal, oracle: Any) -> None:
    from wmagent.agent.claims import check_claims
    from wmagent.agent.reading import read_claims

    explained = explainer.explain(plan)
    claims, unread = read_claims(explained.text)
    kept, _ = check_claims(claims, plan)
    count.plans += 1
    count.claims += len(claims) + len(unread)
    count.entailed += len(kept)
    count.lines += len(explained.text.splitlines())
    count.dropped += explained.dropped
    count.cites += any(claim.kind == "evidence" and claim.step is not None and claim.before for claim in claims)
    if plan.probability >= SURE and oracle.exact:
        held = [holds(claim, plan, start, goal, oracle) for claim in claims]
        count.worldly += sum(one is not None for one in held)
        count.true += sum(one is True for one in held)
    other = shuffled(plan)
    if other is not None:
        count.shufflable += 1
        again = explainer.explain(other).text
        count.changed += again != explained.text and bool(check_claims(claims, other)[1])


def shuffled(plan: Plan) -> Plan | None:
    """Return the plan with its steps' imagined changes moved on by one step; None where they are all alike."""
    changes = [step.changes for step in plan.steps]
    moved = changes[1:] + changes[:1]
    if moved == changes:
        return None
    return replace(plan, steps=tuple(replace(s, changes=c) for s, c in zip(plan.steps, moved, strict=True)))


def holds(claim: Claim, plan: Plan, start: Facts, goal: Goal, oracle: Oracle) -> bool | None:
    """Return whether a claim is true in the world; None where it is not about the world."""
    if claim.kind == "probability" and claim.key is None:
        return abs((claim.number or 0.0) - oracle.optimal(start, goal).probability) <= SLACK
    if claim.kind == "evidence" or claim.step is None or claim.key == "otherwise" or claim.step >= len(plan.steps):
        return None
    facts = _before(plan, start, claim.step)
    outcomes = oracle.outcomes(facts, plan.steps[claim.step].action)
    if claim.kind == "step":
        return bool(outcomes)
    if claim.kind == "change" and claim.key is not None:
        chance = sum(o.probability for o in outcomes if text(o.facts.get(claim.key)) == text(claim.after))
        return abs(chance - (claim.number or 0.0)) <= SLACK
    amount = sum(o.probability * (o.duration if claim.kind == "duration" else o.cost) for o in outcomes)
    slack = max(0.1 * amount, 0.5 if claim.kind == "duration" else 1.0)
    return abs(amount - (claim.number or 0.0)) <= slack


def _before(plan: Plan, start: Facts, step: int) -> Facts:
    facts = dict(start)
    for done in plan.steps[:step]:
        for change in done.changes:
            if change.after is None:
                facts.pop(change.key, None)
            else:
                facts[change.key] = change.after
    return facts


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
