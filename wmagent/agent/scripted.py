"""A world model whose every number is written down, for people who test what they build on the agent.

Knows the agent's protocols; must not know the learned world model. Nothing here is random.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from wmagent.domain.answers import Evidence, OddFact
from wmagent.domain.types import Action, Condition, Facts, Transition, Value, canonical, same_value
from wmagent.domain.world import Oracle, Outcome
from wmagent.errors import OutOfDomain, unknown
from wmagent.latent.protocols import Latent, Prediction
from wmagent.words.phrases import tokens, trigrams

Rule = Callable[[Facts], Sequence[Outcome]]  # the outcomes of an action in a state; none: the action is refused


@dataclass(frozen=True)
class ScriptedScore:
    """What `ScriptedWorldModel.score` returns for one transition."""

    nll: float
    p_value: float
    odd: tuple[OddFact, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScriptedWorldModel:
    """A world model whose every number is written down: exact rules instead of a learned predictor.

    `domains` lists the known values per fact (None: may be absent), `rules` the outcomes per action. `heads`
    shifts the first outcome's probability per ensemble head; `cases` is the recorded experience per action label
    (50 where nothing is said; 0 means extrapolated).
    """

    domains: Mapping[str, tuple[Value | None, ...]]
    rules: Mapping[Action, Rule]
    hours: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 24.0, 48.0, 72.0)
    heads: tuple[float, ...] = (0.0,)
    cases: Mapping[str, int] = field(default_factory=dict)
    width: int = 4  # outcomes per action at most

    @staticmethod
    def from_oracle(oracle: Oracle, actions: Sequence[Action], start: Facts) -> ScriptedWorldModel:
        """Return the exact model of a world as far as it is reachable from `start`: the ceiling of any model."""
        domains: dict[str, dict[Value | None, None]] = {}
        hours, width = {0.0}, 1
        for facts in oracle.reachable(start):
            for key, value in facts.items():
                domains.setdefault(key, {})[value] = None
            for action in actions:
                outcomes = oracle.outcomes(facts, action)
                hours.update(outcome.duration for outcome in outcomes)
                width = max(width, len(outcomes))
        rules: dict[Action, Rule] = {action: partial(oracle.outcomes, action=action) for action in actions}
        named = {key: tuple(values) for key, values in domains.items()}
        return ScriptedWorldModel(named, rules, hours=tuple(sorted(hours)), width=width)

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(self.rules)

    @property
    def duration_values(self) -> Tensor:
        return torch.tensor(self.hours)

    @property
    def slots(self) -> tuple[str, ...]:
        return tuple(self.domains)

    def values(self, key: str) -> tuple[Value | None, ...]:
        """Return the known values of a fact."""
        if key not in self.domains:
            raise unknown("fact", key, self.domains)
        return self.domains[key]

    def action_index(self, action: Action | str) -> int:
        """Return the index of an action given as such or by its label."""
        label = action if isinstance(action, str) else action.label()
        labels = [known.label() for known in self.actions]
        if label not in labels:
            raise unknown("action", label, labels)
        return labels.index(label)

    def observe(self, facts: Facts | Sequence[Facts]) -> Latent:
        """Encode fact dicts; unknown keys or values raise OutOfDomain."""
        rows = [facts] if isinstance(facts, Mapping) else list(facts)
        codes = torch.tensor([[self._code(row, key) for key in self.domains] for row in rows], dtype=torch.int64)
        for row in rows:
            for key in row:
                if key not in self.domains:
                    raise OutOfDomain(str(unknown("fact", key, self.domains)))
        return Latent(torch.zeros(*codes.shape, 1), codes)

    def _code(self, row: Facts, key: str) -> int:
        given = row.get(key)
        for code, known in enumerate(self.domains[key]):
            if given is None and known is None:
                return code
            if given is not None and known is not None and same_value(given, known):
                return code
        allowed = [canonical(known) for known in self.domains[key] if known is not None]
        raise OutOfDomain(str(unknown(f"value of {key}", str(given), allowed)))

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts of every row."""
        rows: list[dict[str, Value]] = []
        for codes in latent.codes.tolist():
            named = {key: self.domains[key][code] for key, code in zip(self.domains, codes, strict=True)}
            rows.append({key: value for key, value in named.items() if value is not None})
        return rows

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine by the rules; a refused action leaves the state and has legality 0."""
        rules = tuple(self.rules.values())
        facts = self.read(latent)
        b, k, m = len(facts), self.width, len(self.hours)
        probs, durations, costs = torch.zeros(b, k), torch.zeros(b, k, m), torch.zeros(b)
        durations[..., 0] = 1.0
        legal, nexts = torch.ones(b), []
        for i, (state, index) in enumerate(zip(facts, action.tolist(), strict=True)):
            outcomes = tuple(rules[index](state))
            legal[i] = float(bool(outcomes))
            outcomes = outcomes or (Outcome(1.0, state, 0.0, 0.0),)
            for j, outcome in enumerate(outcomes):
                probs[i, j] = outcome.probability
                costs[i] += outcome.probability * outcome.cost
                durations[i, j] = torch.tensor([float(h == outcome.duration) for h in self.hours])
            nexts += [outcome.facts for outcome in outcomes] + [state] * (k - len(outcomes))
        return Prediction(
            probs=probs,
            next=self.observe(nexts),
            head_probs=torch.stack([_shifted(probs, by) for by in self.heads]),
            legal=legal,
            done=torch.zeros(b, k),
            duration_probs=durations,
            cost=costs,
            surprise=torch.tensor([0.0 if self._n(index) else 2.0 for index in action.tolist()]),
        )

    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a): 1 where the rule gives any outcome."""
        return torch.tensor(
            [[float(bool(rule(facts))) for rule in self.rules.values()] for facts in self.read(latent)]
        ).reshape(len(latent), len(self.rules))

    def behaviour(self, latent: Latent) -> Tensor:
        """Return (b, a): even over what is legal."""
        legal = self.legality(latent)
        return legal / legal.sum(-1, keepdim=True).clamp_min(1.0)

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) bool: all conditions hold."""
        return torch.tensor([all(c.holds(facts) for c in conditions) for facts in self.read(latent)])

    def _n(self, index: int) -> int:
        return self.cases.get(self.actions[index].label(), 50)

    def evidence(self, facts: Facts, action: Action, k: int = 3) -> Evidence:
        """Return the written-down number of cases; 0 is extrapolated."""
        n = self._n(self.action_index(action))
        return Evidence("observed" if n else "extrapolated", n)

    def evidences(self, facts: Sequence[Facts], actions: Sequence[Action], k: int = 3) -> list[Evidence]:
        """Return the written-down numbers of several steps."""
        return [self.evidence(before, action, k) for before, action in zip(facts, actions, strict=True)]

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        """Return the cosine of character trigrams."""
        mine = trigrams(text)
        theirs = [trigrams(candidate) for candidate in candidates]
        return [len(mine & other) / math.sqrt(max(len(mine) * len(other), 1)) for other in theirs]

    def meanings(self, phrase: str, facts: Sequence[tuple[str, Value]]) -> list[float] | None:
        """Return nothing: words are read by rules alone."""
        return None

    def fact_sentences(self) -> dict[tuple[str, Value], str]:
        """Return `key words: value words` for every known fact."""
        return {
            (key, value): f"{' '.join(tokens(key))}: {' '.join(tokens(canonical(value)))}"
            for key, values in self.domains.items()
            for value in values
            if value is not None
        }

    def entered(self) -> dict[tuple[str, Value], dict[str, int]]:
        """Return nothing: there is no record."""
        return {}

    def score(self, transitions: Sequence[Transition]) -> list[ScriptedScore]:
        """Return -log p by the rules; what the rules exclude has p-value .001 and names the facts that differ."""
        return [self._score(transition) for transition in transitions]

    def _score(self, transition: Transition) -> ScriptedScore:
        strange = [key for key in transition.after.facts if key not in self.domains]
        if strange:
            return ScriptedScore(math.inf, 1.0, unknown=tuple(strange))
        outcomes = list(self.rules[transition.action](transition.before.facts))
        p = sum(o.probability for o in outcomes if dict(o.facts) == dict(transition.after.facts))
        if p > 0:
            return ScriptedScore(-math.log(p), min(1.0, p))
        expected = max(outcomes, key=lambda o: o.probability).facts if outcomes else transition.before.facts
        keys = sorted({*expected, *transition.after.facts})
        odd = [
            OddFact(key, expected.get(key), 1.0, transition.after.facts.get(key), 0.0)
            for key in keys
            if expected.get(key) != transition.after.facts.get(key)
        ]
        return ScriptedScore(20.0, 0.001, tuple(odd))


def _shifted(probs: Tensor, by: float) -> Tensor:
    """Return the probabilities with the first outcome's moved by `by`, where there is more than one."""
    moved = probs.clone()
    several = (probs > 0).sum(-1) > 1
    moved[several, 0] = (moved[several, 0] + by).clamp(0.01, 0.99)
    return moved / moved.sum(-1, keepdim=True)
