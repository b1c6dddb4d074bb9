"""Successor representation: how often facts will hold, discounted, if things go on as they were recorded.
Knows linear features of single facts and closed-form least squares; knows no torch and no world model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.types import Action, FactKey, Facts, Goal, Transition, Value, key_of
from wmagent.errors import InputError
from wmagent.model.baselines.base import Branching, FactProbabilities, RankedPolicy, apply_changes, text
from wmagent.model.baselines.onehot import OneHot

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Successors:
    """What was learned. d features are the values of the facts that vary, one-hot; a actions, by label.

    `matrix` (d, d): row f of it is what feature f adds to the discounted sum of future features, its own moment
    included. `steps` maps an action to its one-step effect (d, d): features after minus features before. `accepted`
    (a, d) gives acceptance likewise.
    """

    codes: OneHot
    actions: tuple[Action, ...]
    usual: tuple[float, ...]  # share of each action among accepted ones
    matrix: Floats
    steps: dict[str, Floats]
    accepted: dict[str, Floats]
    reached: tuple[Facts, ...]  # distinct facts after a step, for rewards
    visits: Floats  # (r,) how often


class SuccessorRepresentation:
    """Linear successor features of recorded behaviour, per action, in closed form.

    Features phi(s) are one-hot values of every fact that varies with at most `most` values. State part: the
    least-squares TD solution M of phi(s) M = phi(s) + discount * E[phi(s') M] over accepted steps, which is
    (I - discount P)^-1 where one fact names the state; after the end of a case nothing follows. Action part: ridge
    regression of phi(s') - phi(s) on phi(s) for each action, so that psi(s, a) = (phi(s) + step_a(s)) M are the
    discounted features from the next state on if behaviour goes on as recorded.

    A goal is a reward: 1 in states where it holds, -1 where something forbidden does, regressed on the features, so
    a goal of several facts is approximated by a sum over facts. Its value is psi(s, a) times those weights: the
    discounted time at the goal, not a probability, and deadlines count only as far as the discount does.

    Next facts are the one-step part: per fact the value of the highest expected feature. Facts are taken to be
    independent given state and action, so there is one outcome. An action never seen changes nothing.
    """

    name = "successor_representation"

    def __init__(self, discount: float = 0.95, ridge: float = 1e-3, most: int = 64) -> None:
        """`discount` per step; `ridge` in recorded rows; facts with more than `most` values are left out."""
        if not 0 <= discount < 1 or ridge <= 0 or most < 2:
            raise InputError(
                f"discount is in [0, 1), ridge above 0, most at least 2; not {discount}, {ridge} and {most}"
            )
        self.discount = discount
        self.ridge = ridge
        self.most = most
        self._learned: Successors | None = None

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> SuccessorRepresentation:
        """Solve for the successor matrix and the steps of every action; `seed` changes nothing."""
        if not transitions:
            raise InputError("the successor representation needs at least one transition to fit")
        codes = _few_valued(OneHot.of(transitions), self.most)
        before = _features(codes, [row.before.facts for row in transitions])
        after = _features(codes, [row.after.facts for row in transitions])
        accepted = np.array([row.error is None for row in transitions])
        done = np.array([row.done for row in transitions])
        labels = np.array([row.action.label() for row in transitions])
        steps, verdicts = {}, {}
        for label in codes.labels:
            mine = labels == label
            targets = np.concatenate([after[mine] - before[mine], accepted[mine, None] - 1.0], 1)
            effect = self._regress(before[mine], targets)
            steps[label], verdicts[label] = effect[:, :-1], effect[:, -1]
        counts = Counter(row.action.label() for row in transitions if row.error is None)
        known = {row.action.label(): row.action for row in transitions}
        states: dict[FactKey, Facts] = {}
        visits = Counter[FactKey]()
        for row in transitions:
            key = key_of(row.after.facts)
            states.setdefault(key, row.after.facts)
            visits[key] += 1
        self._learned = Successors(
            codes=codes,
            actions=tuple(known[label] for label in codes.labels),
            usual=tuple(counts[label] / max(1, counts.total()) for label in codes.labels),
            matrix=self._matrix(before[accepted], after[accepted], done[accepted]),
            steps=steps,
            accepted=verdicts,
            reached=tuple(states.values()),
            visits=np.array([visits[key] for key in states], np.float64),
        )
        return self

    def _matrix(self, before: Floats, after: Floats, done: NDArray[np.bool_]) -> Floats:
        """Return M (d, d) of least-squares TD; a feature that was never left stays for its own moment only."""
        own = before.T @ before + self.ridge * np.eye(before.shape[1])
        goes_on = before.T @ (after * ~done[:, None])
        ends = before.T @ (after * done[:, None])
        return np.linalg.solve(own - self.discount * goes_on, own + self.discount * ends)

    def _regress(self, inputs: Floats, targets: Floats) -> Floats:
        """Return ridge weights (d, columns)."""
        gram = inputs.T @ inputs + self.ridge * np.eye(inputs.shape[1])
        return np.linalg.solve(gram, inputs.T @ targets)

    @property
    def learned(self) -> Successors:
        """The fitted arrays; InputError before fitting."""
        if self._learned is None:
            raise InputError("the successor representation has not been fitted; call fit(transitions) first")
        return self._learned

    def successor_features(self, facts: Sequence[Facts], actions: Sequence[Action]) -> Floats:
        """Return psi (b, d): the discounted features from the next state of each pair on."""
        return self.expected(facts, actions) @ self.learned.matrix

    def expected(self, facts: Sequence[Facts], actions: Sequence[Action]) -> Floats:
        """Return (b, d) expected features after one step."""
        return self._after(self._now(facts), actions)

    def values(self, facts: Sequence[Facts], actions: Sequence[Action], goal: Goal) -> list[float]:
        """Return V(goal | s, a) of each pair: the expected discounted time at the goal under recorded behaviour."""
        return (self.successor_features(facts, actions) @ self.weights(goal)).tolist()

    def weights(self, goal: Goal) -> Floats:
        """Return the (d,) reward of every feature: the goal's indicator regressed on visited states."""
        learned = self.learned
        holds = [(goal.reached(facts) and not goal.violated(facts)) - goal.violated(facts) for facts in learned.reached]
        root = np.sqrt(learned.visits)
        features = _features(learned.codes, learned.reached) * root[:, None]
        return self._regress(features, (np.array(holds, np.float64) * root)[:, None])[:, 0]

    def solve(self, goal: Goal) -> SuccessorPolicy:
        """Return the greedy policy: the action of the highest value among those likely to be accepted."""
        return SuccessorPolicy(self, goal, self.learned.matrix @ self.weights(goal))

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the facts with each fact's likeliest value after one step."""
        shares = self.fact_probabilities(facts, actions)
        tops = ({key: max(values, key=values.__getitem__) for key, values in row.items()} for row in shares)
        return [
            apply_changes(state, [(key, top) for key, top in row.items() if text(top) != text(state.get(key))])
            for state, row in zip(facts, tops, strict=True)
        ]

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return the expected features after one step, clipped and normalised, for each fact that ever changed."""
        codes, offsets = self.learned.codes, _offsets(self.learned.codes)
        now = self._now(facts)
        expected = np.clip(self._after(now, actions), 0.0, 1.0).tolist()
        result: list[FactProbabilities] = []
        for state, before, row in zip(facts, now, expected, strict=True):
            found: FactProbabilities = {}
            for place in codes.targets:
                key, part = codes.keys[place], slice(offsets[place], offsets[place + 1])
                shares = {state.get(key): 0.0} | dict(zip(codes.values[place], row[part], strict=True))
                if not before[part].any():  # a value never recorded: what is not expected to change stays
                    shares[state.get(key)] = max(0.0, 1.0 - sum(row[part]))
                found[key] = _normalised(shares, state.get(key))
            result.append(found)
        return result

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return the predicted next facts as the only outcome."""
        return [(Branching(1.0, state),) for state in self.predict(facts, actions)]

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the regressed acceptance of each pair, clipped to [0, 1]; one for actions never seen."""
        learned = self.learned
        none = np.zeros(len(learned.matrix))
        weights = np.array([learned.accepted.get(action.label(), none) for action in actions])
        now = self._now(facts)
        return np.clip(1.0 + (now * weights.reshape(now.shape)).sum(1), 0.0, 1.0).tolist()

    def _now(self, facts: Sequence[Facts]) -> Floats:
        """Return (b, d) features; a state that is asked several times in a row is coded once."""
        distinct: list[Facts] = []
        rows = []
        for state in facts:
            if not distinct or state is not distinct[-1]:
                distinct.append(state)
            rows.append(len(distinct) - 1)
        return _features(self.learned.codes, distinct)[np.array(rows, np.int64)]

    def _after(self, now: Floats, actions: Sequence[Action]) -> Floats:
        """Return (b, d) expected features one step after the features `now`."""
        expected = now.copy()
        labels = np.array([action.label() for action in actions])
        for label in set(labels.tolist()) & set(self.learned.steps):
            mine = labels == label
            expected[mine] += now[mine] @ self.learned.steps[label]
        return expected


class SuccessorPolicy(RankedPolicy):
    """Greedy in V(goal | s, a) under recorded behaviour; actions likely to be refused come last."""

    def __init__(self, learner: SuccessorRepresentation, goal: Goal, worth: Floats) -> None:
        """`worth` (d,) is what each feature of a state adds to its value."""
        self.learner = learner
        self.goal = goal
        self.worth = worth
        self._ranked: dict[FactKey, tuple[Action, ...]] = {}

    def choices(self, facts: Facts, elapsed: float) -> tuple[Action, ...]:
        """Return the recorded actions, best first; none at the goal, where something forbidden holds and too late."""
        late = self.goal.deadline is not None and elapsed > self.goal.deadline
        if late or self.goal.reached(facts) or self.goal.violated(facts):
            return ()
        key = key_of(facts)
        if key not in self._ranked:
            self._ranked[key] = self._rank(facts)
        return self._ranked[key]

    def value(self, facts: Facts, elapsed: float = 0.0) -> float:
        """Return the highest V(goal | s, a): discounted time at the goal, whatever the time."""
        return max(self._values(facts))

    def _rank(self, facts: Facts) -> tuple[Action, ...]:
        actions, usual = self.learner.learned.actions, self.learner.learned.usual
        values, legality = self._values(facts), self.learner.legality([facts] * len(actions), actions)
        places = sorted(range(len(actions)), key=lambda i: (legality[i] < 0.5, -values[i], -usual[i], i))
        return tuple(actions[place] for place in places)

    def _values(self, facts: Facts) -> list[float]:
        actions = self.learner.learned.actions
        return (self.learner.expected([facts] * len(actions), actions) @ self.worth).tolist()


def _offsets(codes: OneHot) -> list[int]:
    """Return where each fact's features begin, and the end."""
    return np.cumsum([0, *(len(values) for values in codes.values)]).tolist()


def _features(codes: OneHot, facts: Sequence[Facts]) -> Floats:
    """Return (b, d) one-hot facts."""
    return codes.inputs(facts, ())[:, : _offsets(codes)[-1]].astype(np.float64)


def _few_valued(codes: OneHot, most: int) -> OneHot:
    """Return the codes without facts of more than `most` values."""
    kept = [place for place, values in enumerate(codes.values) if len(values) <= most]
    return replace(
        codes,
        keys=tuple(codes.keys[place] for place in kept),
        values=tuple(codes.values[place] for place in kept),
        targets=tuple(new for new, place in enumerate(kept) if place in codes.targets),
    )


def _normalised(shares: dict[Value | None, float], now: Value | None) -> dict[Value | None, float]:
    total = sum(shares.values())
    return {value: share / total for value, share in shares.items()} if total > 1e-9 else {now: 1.0}
