"""The LLM-only peer: a language model tuned to write what changes, behind the seam of every baseline. That is how
language models are used as world models today. Knows language models and baselines; knows no world model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from random import Random

from wmagent.adapters.lm_training import Fitting, fit
from wmagent.adapters.local_lm import TINY, LocalLM
from wmagent.agent.language import Message
from wmagent.domain.types import Action, Facts, Transition, Value, canonical
from wmagent.errors import InputError
from wmagent.language.prompts import REFUSED, changes, what_changes
from wmagent.model.baselines.base import NOTHING, ChangeBaseline, Changes, accepted_shares, ranked, text

MOST_TOKENS = 160  # of one answer
AT_ONCE = 32  # answers written together
LONGEST = 4  # steps of one training conversation
FITTING = Fitting(passes=2.0, tokens=4096, rate=1e-3)


class LanguageWorld(ChangeBaseline):
    """A causal language model, trained on recorded steps, that writes the facts that an action changes.

    It is shown the facts that vary in the record and the action, and answers with JSON; `samples` answers are drawn
    for a distribution, with 1 the greedy one counts. What it writes that no record has (`impossible`) is counted: no
    JSON, a fact there is none of, a value that the fact never had. Of such an answer only the possible part is used.
    """

    name = "language_model"

    def __init__(
        self,
        source: str = TINY,
        fitting: Fitting = FITTING,
        samples: int = 1,
        said: Callable[[str], None] | None = None,
    ) -> None:
        if samples < 1:
            raise InputError(f"samples must be at least 1, not {samples}")
        self.lm, self.fitting, self.samples = LocalLM(source, dtype="float32"), fitting, samples
        self.said, self.seed = said or (lambda text: None), 0
        self.written: Counter[str] = Counter()  # answers; impossible; no json; unknown fact; unknown value
        self.training: dict[str, float] = {}
        self._values: dict[str, dict[str | None, Value | None]] = {}
        self._varying: tuple[str, ...] = ()
        self._accepted: dict[str, float] = {}
        self._known: dict[tuple[str, str], Mapping[Changes, float]] = {}

    @property
    def parameters(self) -> int:
        """Weights of the language model."""
        return sum(p.numel() for p in self.lm.model.parameters())

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> LanguageWorld:
        """Tune the language model to recorded steps, refused attempts included."""
        self.seed = seed
        self._meet(transitions)

        def report(read: int, total: int, loss: float) -> None:
            self.said(f"read {read / 1e6:.2f} of {total / 1e6:.2f} million tokens; loss per answer token {loss:.3f}")

        self.training = fit(self.lm, list(self._conversations(transitions, seed)), self.fitting, seed, report)
        self._known.clear()
        return self

    def shares(self, facts: Facts, action: Action) -> Mapping[Changes, float]:
        """Return the sets of changes that were written for one pair, with their shares."""
        return self._answers([facts], [action])[0]

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the most likely next facts of each pair; many pairs are written together."""
        self._answers(facts, actions)
        return super().predict(facts, actions)

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return, per pair, the recorded share of attempts that were accepted."""
        return [self._accepted.get(action.label(), 1.0) for action in actions]

    def write(self, facts: Sequence[Facts], actions: Sequence[str]) -> list[str]:
        """Return what the model writes for each pair, greedily."""
        asked = [what_changes(self._shown(state), label) for state, label in zip(facts, actions, strict=True)]
        return self.lm.complete_all(asked, MOST_TOKENS)

    def _answers(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[Mapping[Changes, float]]:
        pairs = [(json.dumps(self._shown(s), sort_keys=True), a.label()) for s, a in zip(facts, actions, strict=True)]
        states = dict(zip(pairs, facts, strict=True))
        new = sorted((pair for pair in states if pair not in self._known), key=lambda pair: len(pair[0]))
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            drawn: list[Counter[Changes]] = [Counter() for _ in some]
            for answer, place in self._texts([(states[pair], pair[1]) for pair in some]):
                drawn[place][self._read(answer, states[some[place]])] += 1
            for pair, found in zip(some, drawn, strict=True):
                total = sum(found.values())
                self._known[pair] = ranked({change: n / total for change, n in found.items()})
        return [self._known[pair] for pair in pairs]

    def _texts(self, pairs: Sequence[tuple[Facts, str]]) -> Iterator[tuple[str, int]]:
        """Yield the answers written for each pair, with the place of the pair."""
        if self.samples == 1:
            yield from zip(self.write([s for s, _ in pairs], [a for _, a in pairs]), range(len(pairs)), strict=True)
            return
        import torch

        asked = [what_changes(self._shown(state), label) for state, label in pairs]
        torch.manual_seed(self.seed)
        drawn = {"do_sample": True, "temperature": 1.0, "top_k": 0, "num_return_sequences": self.samples}
        for number, answer in enumerate(self.lm.complete_all(asked, MOST_TOKENS, **drawn)):
            yield answer, number // self.samples

    def _read(self, answer: str, facts: Facts) -> Changes:
        """Return the possible changes that an answer names, and count what is impossible."""
        self.written["answers"] += 1
        if answer.strip() == REFUSED:
            return NOTHING
        try:
            said = json.loads(answer)
        except json.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            self.written.update(("impossible", "no json"))
            return NOTHING
        found, strange = dict[str, Value | None](), Counter[str]()
        for key, value in said.items():
            known = self._values.get(key)
            form = None if value is None else canonical(value) if isinstance(value, str | int | float | bool) else "?"
            if known is None:
                strange["unknown fact"] += 1
            elif form not in known:
                strange["unknown value"] += 1
            else:
                found[key] = known[form]
        self.written.update(strange)
        self.written["impossible"] += bool(strange)
        return tuple(sorted((k, v) for k, v in found.items() if text(facts.get(k)) != text(v)))

    def _meet(self, transitions: Sequence[Transition]) -> None:
        for row in transitions:
            for facts in (row.before.facts, row.after.facts):
                for key, value in facts.items():
                    self._values.setdefault(key, {})[canonical(value)] = value
        for key, known in self._values.items():
            if any(key not in facts for row in transitions for facts in (row.before.facts, row.after.facts)):
                known[None] = None
        self._varying = tuple(key for key, known in self._values.items() if len(known) > 1)
        self._accepted = accepted_shares(transitions)

    def _shown(self, facts: Facts) -> dict[str, Value]:
        """Return the facts that vary, and what is said of others; the record's order comes first."""
        return {key: facts[key] for key in (*self._varying, *facts) if key in facts and self._told(key)}

    def _told(self, key: str) -> bool:
        return key in self._varying or key not in self._values

    def _conversations(self, transitions: Sequence[Transition], seed: int) -> Iterator[list[Message]]:
        """Yield the record as conversations of 1 to LONGEST steps; only the first step shows the facts."""
        draw = Random(seed)
        for _, case in groupby(transitions, key=lambda row: row.case):
            turns, last, left = list[Message](), None, 0
            for row in case:
                if not left or last is None or dict(last) != dict(row.before.facts):
                    if turns:
                        yield turns
                    turns, left = list[Message](), draw.randint(1, LONGEST)
                    turns += what_changes(self._shown(row.before.facts), row.action.label())
                else:
                    turns.append(Message("user", f"Action: {row.action.label()}\nWhat changes?"))
                said = REFUSED if row.error is not None else changes(row.before.facts, row.after.facts)
                turns.append(Message("assistant", said))
                last, left = row.after.facts, left - 1
            if turns:
                yield turns
