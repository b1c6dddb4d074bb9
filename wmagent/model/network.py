"""The trained parts together: interface, predictor and action heads over one fact table. Knows no files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.model.config import ModelConfig
from wmagent.model.losses import action_loss, choice_loss, joint_log_probs, slot_log_probs
from wmagent.model.outcomes import Codebook
from wmagent.model.predictor import ActionHeads, Context, Interface, LatentChange, Predictor, Summary, value_logits
from wmagent.model.tables import FactTable, Rows


@dataclass
class Words:
    """The latents of everything that has a name: values (n, v, d) with their mask (n, v), actions (a, d), each
    action's outcomes (a, k, d) with their mask (a, k)."""

    values: Tensor
    mask: Tensor
    actions: Tensor
    outcomes: Tensor
    possible: Tensor

    def states(self, codes: Tensor) -> Tensor:
        """Return the slot latents (b, n, d) of value codes (b, n) of the slots that vary."""
        return self.values[torch.arange(len(self.values), device=codes.device), codes]


class Network(nn.Module):
    """Everything with weights."""

    def __init__(self, config: ModelConfig, text_width: int, durations: int) -> None:
        super().__init__()
        self.interface = Interface(text_width, config.width)
        self.predictor = Predictor(config, durations)
        self.summary = Summary(config.width)
        self.heads = ActionHeads(config.width)
        self.decode = nn.Linear(config.width, text_width) if config.reconstruction else None

    def words(self, table: FactTable, codebook: Codebook, interface: Interface | None = None) -> Words:
        """Embed all words; `interface` is another one to use, such as a slowly following copy."""
        interface = interface or self.interface
        values = interface.facts(table.values, table.keys.unsqueeze(1))
        outcomes = interface.outcome(codebook.features)
        return Words(values, table.mask, interface.actions(table.actions), outcomes, codebook.mask)

    def losses(self, words: Words, dynamic: Tensor, rows: Rows, weights: Tensor, targets: Words) -> dict[str, Tensor]:
        """Return the one-step losses of a batch; `weights` (h, b) are bootstrap weights, `dynamic` (q,) indexes the
        slots that can change, `targets` are the words that predictions are compared with."""
        z = words.states(rows.before)
        summary = self.summary(z)
        context, change = self.step(z, summary, words, dynamic, rows)
        choice = self.predictor.choices(context, words.outcomes[rows.action], words.possible[rows.action])
        legal, usual = self.heads(summary, words.actions)
        return {
            "facts": self.facts_loss(change, dynamic, rows, targets),
            "outcome": choice_loss(choice, rows.code, weights),
            "actions": 0.1 * action_loss(legal, usual, rows.action, rows.legal, rows.weight),
        }

    def step(
        self, z: Tensor, summary: Tensor, words: Words, dynamic: Tensor, rows: Rows
    ) -> tuple[Context, LatentChange]:
        """Return the context of z (b, n, d), given its summary (b, 2 d), and the change under each row's outcome."""
        context = self.predictor(z, summary, words.actions[rows.action], dynamic)
        outcome = words.outcomes[rows.action, rows.code.clamp(min=0)].unsqueeze(1)
        return context, self.predictor.change(context, outcome)

    @staticmethod
    def facts_loss(change: LatentChange, dynamic: Tensor, rows: Rows, targets: Words) -> Tensor:
        """Return -log p of the next facts, the duration and the end, given the recorded outcome."""
        now, then = rows.before[:, dynamic], rows.after[:, dynamic]
        slots = slot_log_probs(change, targets.values[dynamic], targets.mask[dynamic], now, then)
        return -joint_log_probs(change, slots, rows.duration, rows.done).mean()

    def reconstruction_loss(self, words: Words, table: FactTable) -> Tensor:
        """Return how far words' latents, decoded, are from the features they were made of (1 - cosine)."""
        assert self.decode is not None
        wanted = (table.values + table.keys.unsqueeze(1))[table.mask]
        return (1 - F.cosine_similarity(self.decode(words.values[words.mask]), wanted, dim=-1)).mean()

    def rollout_loss(self, words: Words, dynamic: Tensor, steps: list[Rows]) -> Tensor:
        """Return the loss of later steps of the same cases, predicted from imagined, not observed, latents.

        steps[0] are rows, steps[i] the rows that followed them. Between steps the latent is the expected one under
        the recorded outcome, so gradients flow through the whole rollout.
        """
        z = words.states(steps[0].before)
        total = z.new_zeros(())
        candidates, mask = words.values[dynamic], words.mask[dynamic]
        for i, rows in enumerate(steps):
            _, change = self.step(z, self.summary(z), words, dynamic, rows)
            if i:
                total = total + self.facts_loss(change, dynamic, rows, words)
            read = value_logits(change.latent, candidates, mask).squeeze(1).exp()
            gate = change.gate.squeeze(1).sigmoid().unsqueeze(-1)
            moved = gate * torch.einsum("bqv,qvd->bqd", read, candidates)
            z = z.index_copy(1, dynamic, (1 - gate) * z[:, dynamic] + moved)
        return total / max(1, len(steps) - 1)
