"""The world model people hold: observe, imagine, read, forecast, score, evidence. Knows no planner and no agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Condition, Facts, Transition, Value
from wmagent.errors import InputError
from wmagent.latent.protocols import Latent, Prediction
from wmagent.model.config import ModelConfig
from wmagent.model.forecast import Forecast, Score
from wmagent.model.memory import Memory
from wmagent.model.network import Network
from wmagent.model.outcomes import Codebook
from wmagent.model.places import Places
from wmagent.model.precedents import Precedents
from wmagent.model.predictor import Context, LatentChange, value_logits
from wmagent.model.situations import Situations
from wmagent.model.tables import FactTable
from wmagent.model.vocabulary import Vocabulary, fact_sentence

if TYPE_CHECKING:
    from wmagent.model.training import Report
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
        self._active = torch.tensor(vocabulary.active, dtype=torch.long)
        self.dynamic = torch.tensor([vocabulary.active.index(i) for i in vocabulary.dynamic], dtype=torch.long)
        self._dynamic_slots = torch.tensor(vocabulary.dynamic, dtype=torch.long)
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

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (v, w) embeddings by the model's text backend, loaded at the first call."""
        if self._embed is None:
            from wmagent.registry import resolve

            self._embed = resolve("text-source", "auto")(self.text).embed
        return self._embed(sentences)

    def similarity(self, text: str, candidates: Sequence[str]) -> list[float]:
        """Return the cosine of a text with each candidate in the text backend."""
        vectors = self.embed([text, *candidates])
        return (vectors[1:] @ vectors[0]).tolist()

    # --- latents -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Recompute the cached latents of facts and actions, embedding values that were met since."""
        if self._grown():
            self.table = self.table.grown(self.vocabulary, self.embed)
        with torch.no_grad():
            self.words = self.network.words(self.table, self.codebook)
            self._situations = Situations.of(self.network, self.words)
        self._recorded: tuple[object, tuple[Tensor, Tensor]] = None, (torch.zeros(0), torch.zeros(0))
        self._summarised: tuple[Latent | None, Tensor] = None, torch.zeros(0)
        self._candidates, self._mask = self.words.values[self.dynamic], self.table.mask[self.dynamic]
        self._condition_cache: dict[Condition, tuple[int, Tensor]] = {}
        self._range = torch.arange(len(self._active))
        self.places = Places.of(self.vocabulary)
        self._moving = self.places.take(self.dynamic)

    def observe(self, facts: Facts | Sequence[Facts], strict: bool = True) -> Latent:
        """Encode one or more fact mappings; with `strict`, unknown keys or values raise OutOfDomain."""
        given = [facts] if isinstance(facts, dict) or hasattr(facts, "keys") else list(facts)  # type: ignore[arg-type]
        codes = torch.from_numpy(self.vocabulary.encode(given, strict))  # type: ignore[arg-type]
        if not strict:
            self._extend()
        return self.latent(codes)

    def latent(self, codes: Tensor) -> Latent:
        """Return the latent of value codes (b, s) of all slots."""
        return Latent(self.words.values[self._range, self.places.now(codes[:, self._active])], codes)

    def read(self, latent: Latent) -> list[dict[str, Value]]:
        """Return the facts a latent was read as."""
        return self.vocabulary.decode(latent.codes.numpy())

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) bool: all conditions hold. Unknown keys raise InputError."""
        result = torch.ones(len(latent), dtype=torch.bool)
        for condition in conditions:
            slot, accepted = self._accepted(condition)
            result &= accepted[latent.codes[:, slot]]
        return result

    def _accepted(self, condition: Condition) -> tuple[int, Tensor]:
        slot = self.vocabulary.slot_index(condition.key)
        if condition not in self._condition_cache:
            self._condition_cache[condition] = slot, torch.tensor(self.vocabulary.accepted(condition))
        return self._condition_cache[condition]

    def _grown(self) -> bool:
        known = self.table.mask.sum(1).tolist()
        return any(self.vocabulary.told_apart(i) > n for i, n in zip(self.vocabulary.active, known, strict=True))

    def _extend(self) -> None:
        if self._grown():
            self.refresh()
        self._condition_cache.clear()

    # --- imagination -------------------------------------------------------------------------------------------

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine one step for b states and b action indices; see `Prediction` for shapes."""
        parts = [
            self._imagine(latent.take(rows), action[rows]) for rows in torch.arange(len(latent)).split(MICRO_BATCH)
        ]
        return parts[0] if len(parts) == 1 else Prediction.cat(parts)

    @torch.inference_mode()
    def _imagine(self, latent: Latent, action: Tensor) -> Prediction:
        summary = self._summary(latent)
        context = self.network.predictor(latent.z, summary, self.words.actions[action], self.dynamic)
        change = self.network.predictor.change(context, self.words.outcomes[action])
        head_probs = self.choices(context, action).softmax(-1)
        now = latent.codes[:, self._dynamic_slots]
        probs, code = head_probs.mean(0), self._read(change, now)
        hours, done = change.duration.softmax(-1), change.done.sigmoid()
        legal, surprise = self._accepts(latent, action), torch.zeros(len(latent))
        if self.precedents is not None:
            rows = self.rows(latent)
            known, surprise = self.precedents.of_pairs(rows, action), self.precedents.surprise(rows, action)
            probs, head_probs = known.probs(probs), known.heads(head_probs)
            code = torch.where(
                legal[:, None, None] < 0.5, now[:, None, :], known.values(code, now)
            )  # refused: all stays
            hours, done = known.hours(hours), known.endings(done)
        codes = latent.codes.unsqueeze(1).repeat(1, code.shape[1], 1)
        codes[:, :, self._dynamic_slots] = code
        return Prediction(
            probs=probs,
            next=self.latent(codes.flatten(0, 1)),
            head_probs=head_probs,
            legal=legal,
            done=done,
            duration_probs=hours,
            cost=self.costs[action],
            surprise=surprise,
        )

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

    def _read(self, change: LatentChange, now: Tensor) -> Tensor:
        """Return the likeliest value codes (b, k, q): a value moves if that is likelier than what else may be."""
        scores = torch.einsum("bkqd,qvd->bkqv", change.latent, self._candidates) * self.config.width**-0.5
        scores = scores.masked_fill(~self._mask, -1e9)
        best, code = scores.max(-1)
        total, gate = scores.logsumexp(-1), change.gate.sigmoid()
        stay = now.unsqueeze(1).expand_as(code)
        place = self._moving.now(stay).unsqueeze(-1)
        kept = 1 - gate + gate * (scores.gather(-1, place).squeeze(-1) - total).exp()
        return torch.where(gate * (best - total).exp() > kept, code, stay)

    @torch.inference_mode()
    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a) probabilities that each action is accepted."""
        legal = self._situations.legality(self._summary(latent))
        return legal if self.precedents is None else self.precedents.legality(legal, self.rows(latent))

    def _accepts(self, latent: Latent, action: Tensor) -> Tensor:
        """Return the probability (b,) that each state accepts its action."""
        legal = self._situations.legality(self._summary(latent)).gather(1, action[:, None]).squeeze(1)
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
        return self._situations.behaviour(self._summary(latent))

    def _summary(self, latent: Latent) -> Tensor:
        """Return the summaries (b, 2 d) of latents, all of which are made of known values' latents; those of the
        last latent are kept, since legality and behaviour are mostly asked together."""
        last, summary = self._summarised
        if last is not latent:
            summary = self._situations.summary(self.rows(latent))
            self._summarised = latent, summary
        return summary

    @torch.inference_mode()
    def marginals(self, latent: Latent, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outcome probs (b, k), per-outcome value probs (b, k, q, v) and pooled features (b, f)."""
        context = self.context(latent.z, action)
        change = self.network.predictor.change(context, self.words.outcomes[action])
        probs = self.choices(context, action).softmax(-1).mean(0)
        read = value_logits(change.latent, self._candidates, self._mask).exp()
        gate = change.gate.sigmoid().unsqueeze(-1)
        place = self._moving.now(latent.codes[:, self._dynamic_slots])
        now = torch.nn.functional.one_hot(place, read.shape[-1])
        values = (1 - gate) * now.unsqueeze(1) + gate * read
        if self.precedents is not None:
            known = self.precedents.of_pairs(self.rows(latent), action)
            legal = self._accepts(latent, action)[:, None, None, None]
            probs, values = known.probs(probs), legal * known.marginals(values, place) + (1 - legal) * now.unsqueeze(1)
        return probs, values, context.pooled

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
