"""The world model people hold: observe, imagine, read, forecast, score, evidence. Knows no planner and no agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Condition, Facts, Transition, Value, canonical
from wmagent.errors import InputError
from wmagent.latent.protocols import Latent, Prediction
from wmagent.model.config import ModelConfig
from wmagent.model.forecast import Forecast, Score
from wmagent.model.imagination import imagine
from wmagent.model.memory import Memory
from wmagent.model.network import Network
from wmagent.model.outcomes import Codebook
from wmagent.model.places import Places
from wmagent.model.precedents import Precedents
from wmagent.model.predictor import Context
from wmagent.model.readout import Readout
from wmagent.model.situations import Situations
from wmagent.model.tables import FactTable
from wmagent.model.vocabulary import Vocabulary, fact_sentence
from wmagent.words.thesaurus import blended

if TYPE_CHECKING:
    from wmagent.domain.progress import Report
    from wmagent.model.transfer import Wording

MICRO_BATCH = 256  # pairs per pass of the network: activations stay in cache


class WorldModel:
    """A JEPA world model over fact slots, learned from transitions. Made by `learn` or `load`, not by hand.

    Satisfies `wmagent.latent.protocols.Dynamics`: `imagine`, `legality`, `behaviour`, `holds`.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Vocabulary,
        table: FactTable,
        codebook: Codebook,
        network: Network,
        duration_values: Tensor,
        costs: Tensor,
        *,
        seed: int,
        text: str,
        embed: Callable[[Sequence[str]], Tensor] | None = None,
    ) -> None:
        self.config, self.vocabulary, self.table, self.codebook = config, vocabulary, table, codebook
        self.network = network.eval().requires_grad_(False)
        self.duration_values, self.costs = duration_values, costs
        self.seed, self.text = seed, text
        self.temperature = 1.0
        self.memory: Memory | None = None
        self.precedents: Precedents | None = None
        self.held_out_nll: Tensor = torch.zeros(0)
        self.card: dict[str, Any] = {}
        self._embed = embed
        self._phrases: Any = None
        self._active = torch.tensor(vocabulary.active, dtype=torch.long)
        self.dynamic = torch.tensor([vocabulary.active.index(i) for i in vocabulary.dynamic], dtype=torch.long)
        self.dynamic_slots = torch.tensor(vocabulary.dynamic, dtype=torch.long)
        self.refresh()

    @classmethod
    def learn(
        cls,
        source: Any,
        *,
        preset: str = "small",
        seed: int = 0,
        text: str = "auto",
        limit: int | None = None,
        resume: str | Path | None = None,
        progress: Report | None = None,
        config: ModelConfig | None = None,
    ) -> WorldModel:
        """Learn from a file, frame or sequence of transitions.

        `text` is a backend: auto, minilm, learned, a local folder or a hub id. `resume` is a folder for snapshots
        (a killed run started again ends with the same model). `progress` is called with `Progress` reports.
        Raises InputError for data that cannot be used.
        """
        from wmagent.model.config import preset as named
        from wmagent.model.learning import learn

        return learn(source, config or named(preset), seed, text, limit, Path(resume) if resume else None, progress)

    @classmethod
    def load(cls, path: str | Path) -> WorldModel:
        """Load a saved model; raises CheckpointError when it is missing, foreign, damaged or tampered with."""
        from wmagent.model.checkpoint import load

        return load(Path(path))

    def adapt(self, source: Any, *, words: Wording | None = None, steps: int | None = None) -> WorldModel:
        """Return a model of another workflow of the same kind, from transitions of it that may be few; this model stays
        as it is. `words` are the workflow's whole vocabulary where the transitions show only a part of it."""
        from wmagent.model.adaptation import STEPS, adapt
        from wmagent.registry import resolve

        rows = resolve("source", "transitions")(source)
        return adapt(self, rows, words=words, steps=STEPS if steps is None else steps)

    def save(self, path: str | Path) -> None:
        """Save as a folder of safetensors and JSON with a model card; atomic."""
        from wmagent.model.checkpoint import save

        save(self, Path(path))

    # --- words -------------------------------------------------------------------------------------------------

    @property
    def actions(self) -> tuple[Action, ...]:
        """The known actions, in index order."""
        return self.vocabulary.actions

    @property
    def slots(self) -> tuple[str, ...]:
        """All known fact keys."""
        return self.vocabulary.slots

    @property
    def n_transitions(self) -> int:
        """How many transitions the model remembers."""
        return len(self.memory.action) if self.memory else 0

    def values(self, key: str) -> tuple[Value | None, ...]:
        """Return the known values of a fact; None stands for absent."""
        return self.vocabulary.known(key)

    def action_index(self, action: Action | str) -> int:
        """Return the index of a known action; InputError with the nearest names otherwise."""
        return self.vocabulary.action_index(action)

    def cost_of(self, action: Action | str) -> float:
        """Return the mean recorded cost of an action."""
        return self.costs[self.action_index(action)].item()

    def fact_sentences(self) -> dict[tuple[str, Value], str]:
        """Return how every known fact that has a name of its own is worded for the text backend."""
        return {(self.slots[i], raw): fact_sentence(self.slots[i], text) for i, text, raw in self.vocabulary.named()}

    def entered(self) -> dict[tuple[str, Value], dict[str, int]]:
        """Return for every fact that a recorded step made true how often each action's name did."""
        found: dict[tuple[str, Value], dict[str, int]] = {}
        for slot, code, action, count in self.memory.entered if self.memory is not None else ():
            value, name = self.vocabulary.raw[slot][code], self.actions[action].name
            if value is not None:
                names = found.setdefault((self.slots[slot], value), {})
                names[name] = names.get(name, 0) + count
        return found

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (v, w) embeddings by the model's text backend, loaded at the first call."""
        if self._embed is None:
            from wmagent.registry import resolve

            self._embed = resolve("text-source", "auto")(self.text).embed
        return self._embed(sentences)

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        """Return how alike a text is to each candidate: by the text backend's cosine and the thesaurus of workflows."""
        vectors = self.embed([text, *candidates])
        return blended(text, candidates, (vectors[1:] @ vectors[0]).tolist())

    def meanings(self, phrase: str, facts: Sequence[tuple[str, Value]]) -> list[float] | None:
        """Return P(a phrase means each fact) and, last, P(it means none of them), by a reader that learned how people
        say facts; None where the text backend has no such reader (only MiniLM has)."""
        if self.text != "minilm":
            return None
        if self._phrases is None:
            from wmagent.registry import resolve

            self._phrases = resolve("phrases", "minilm")()
        return self._phrases.read(phrase, [(key, canonical(value)) for key, value in facts])

    # --- latents -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Recompute the cached latents of facts and actions, embedding values that were met since."""
        if self._grown():
            self.table = self.table.grown(self.vocabulary, self.embed)
            if self.precedents is not None:
                self.precedents.meet(self.vocabulary)
        with torch.no_grad():
            self.words = self.network.words(self.table, self.codebook)
            self._situations = Situations.of(self.network, self.words)
        self._recorded: tuple[object, tuple[Tensor, Tensor]] = None, (torch.zeros(0), torch.zeros(0))
        self._summarised: tuple[Latent | None, Tensor] = None, torch.zeros(0)
        self._range = torch.arange(len(self._active))
        self.places = Places.of(self.vocabulary)
        self.readout = Readout(
            self.vocabulary,
            self.words.values[self.dynamic],
            self.table.mask[self.dynamic],
            self.places.take(self.dynamic),
        )

    def observe(self, facts: Facts | Sequence[Facts], strict: bool = True) -> Latent:
        """Encode one or more fact mappings; with `strict`, unknown keys or values raise OutOfDomain."""
        given = [facts] if isinstance(facts, dict) or hasattr(facts, "keys") else list(facts)  # type: ignore[arg-type]
        codes = torch.from_numpy(self.vocabulary.encode(given, strict))  # type: ignore[arg-type]
        if not strict and self._grown():
            self.refresh()
        return self.latent(codes)

    def latent(self, codes: Tensor) -> Latent:
        """Return the latent of value codes (b, s) of all slots."""
        return Latent(self.words.values[self._range, self.places.now(codes[:, self._active])], codes)

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts a latent was read as."""
        return self.vocabulary.decode(latent.codes.numpy())

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) bool: all conditions hold. Unknown keys raise InputError."""
        return self.readout.holds(latent.codes, conditions)

    def _grown(self) -> bool:
        known = self.table.mask.sum(1).tolist()
        return any(self.vocabulary.told_apart(i) > n for i, n in zip(self.vocabulary.active, known, strict=True))

    # --- imagination -------------------------------------------------------------------------------------------

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine one step for b states and b action indices; see `Prediction` for shapes."""
        parts = [
            imagine(self, latent.take(rows), action[rows]) for rows in torch.arange(len(latent)).split(MICRO_BATCH)
        ]
        return parts[0] if len(parts) == 1 else Prediction.cat(parts)

    def context(self, z: Tensor, action: Tensor) -> Context:
        """Return what the trunk makes of slots z (b, n, d) and action indices (b,)."""
        return self.network.predictor(z, self.network.summary(z), self.words.actions[action], self.dynamic)

    @torch.inference_mode()
    def features(self, latent: Latent, action: Tensor) -> Tensor:
        """Return the features (b, f) of pairs, by which memory finds similar ones."""
        return self.context(latent.z, action).pooled

    def choices(self, context: Context, action: Tensor) -> Tensor:
        """Return calibrated outcome logits (h, b, k)."""
        logits = self.network.predictor.choices(context, self.words.outcomes[action], self.words.possible[action])
        return logits / self.temperature

    @torch.inference_mode()
    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a) probabilities that each action is accepted."""
        legal = self._situations.legality(self.summary(latent))
        return legal if self.precedents is None else self.precedents.legality(legal, self.rows(latent))

    def accepts(self, latent: Latent, action: Tensor) -> Tensor:
        """Return the probability (b,) that each state accepts its action."""
        legal = self._situations.legality(self.summary(latent)).gather(1, action[:, None]).squeeze(1)
        return legal if self.precedents is None else self.precedents.accepts(legal, self.rows(latent), action)

    def rows(self, latent: Latent) -> Tensor:
        """Return the rows (b, n) of the slots' values in the network's table."""
        return self.places.now(latent.codes[:, self._active])

    def recorded(self) -> tuple[Tensor, Tensor]:
        """Return the state rows (N, n) of all that is remembered, and its contexts (N,)."""
        assert self.memory is not None
        assert self.precedents is not None
        last, found = self._recorded
        if last is not self.precedents.trees:
            rows = self.places.now(self.memory.before[:, self._active])
            found = rows, self.precedents.leaf(rows, self.memory.action)
            self._recorded = self.precedents.trees, found
        return found

    @torch.inference_mode()
    def behaviour(self, latent: Latent) -> Tensor:
        """Return (b, a) probabilities of what recorded behaviour does next."""
        return self._situations.behaviour(self.summary(latent))

    def summary(self, latent: Latent) -> Tensor:
        """Return the summaries (b, 2 d) of latents, all of which are made of known values' latents; those of the
        last latent are kept, since legality and behaviour are mostly asked together."""
        last, summary = self._summarised
        if last is not latent:
            summary = self._situations.summary(self.rows(latent))
            self._summarised = latent, summary
        return summary

    # --- questions ---------------------------------------------------------------------------------------------

    def forecast(self, facts: Sequence[Facts], actions: Sequence[Action | str]) -> list[Forecast]:
        """Forecast b (facts, action) pairs; values never seen are placed by their words, unknown actions raise."""
        from wmagent.model.questions import forecast

        if len(facts) != len(actions):
            raise InputError(f"forecast needs one action per state; got {len(facts)} states, {len(actions)} actions")
        return forecast(self, facts, actions)

    def score(self, transitions: Iterable[Transition]) -> list[Score]:
        """Score recorded transitions: -log p, p-value against held-out ones, and the odd facts."""
        from wmagent.model.questions import score

        return score(self, list(transitions))

    def evidence(self, facts: Facts, action: Action | str, k: int = 3) -> Evidence:
        """Return the support of a (state, action) pair and its k nearest recorded cases."""
        return self.evidences([facts], [action], k)[0]

    def evidences(self, facts: Sequence[Facts], actions: Sequence[Action | str], k: int = 3) -> list[Evidence]:
        """Return the same for b pairs at once."""
        from wmagent.model.evidence import evidences

        return evidences(self, facts, actions, k)

    def card_markdown(self) -> str:
        """Return the model card as Markdown."""
        from wmagent.model.card import markdown

        return markdown(self)
