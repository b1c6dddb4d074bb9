"""The trained parts together: interface, predictor and action heads over one fact table. Knows no files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wmagent.model.config import ModelConfig
from wmagent.model.losses import action_loss, joint_log_probs, mixture_nll, slot_log_probs
from wmagent.model.predictor import ActionHeads, Change, Interface, Predictor, value_logits
from wmagent.model.tables import FactTable, Rows


class Network(nn.Module):
    """Everything with weights. `dynamic` (q,) indexes, among the active slots, those that can change."""

    def __init__(self, config: ModelConfig, text_width: int, outcomes: int, durations: int) -> None:
        super().__init__()
        self.config = config
        self.interface = Interface(text_width, config.width)
        self.predictor = Predictor(config, outcomes, durations)
        self.heads = ActionHeads(config.width)

    def latents(self, table: FactTable) -> tuple[Tensor, Tensor]:
        """Return the latents of all values (n, v, d) and of all actions (a, d)."""
        return self.interface.facts(table.values, table.keys.unsqueeze(1)), self.interface.actions(table.actions)

    def losses(self, table: FactTable, dynamic: Tensor, rows: Rows, weights: Tensor) -> dict[str, Tensor]:
        """Return the one-step losses of a batch of rows; `weights` (h, b) are bootstrap weights."""
        values, actions = self.latents(table)
        slots = torch.arange(values.shape[0])
        z = values[slots, rows.before]
        change, joint = self.predict(z, actions[rows.action], values, table.mask, dynamic, rows)
        legal, usual = self.heads(z, actions)
        return {
            "nll": mixture_nll(change, joint, weights),
            "actions": action_loss(legal, usual, rows.action, rows.legal),
        }

    def predict(
        self, z: Tensor, action: Tensor, values: Tensor, mask: Tensor, dynamic: Tensor, rows: Rows
    ) -> tuple[Change, Tensor]:
        """Return the change imagined from z (b, n, d) and (b, k) log p of what happened under each outcome."""
        change = self.predictor(z, action, dynamic)
        now, then = rows.before[:, dynamic], rows.after[:, dynamic]
        slots = slot_log_probs(change, values[dynamic], mask[dynamic], now, then)
        return change, joint_log_probs(change, slots, rows.duration, rows.done)

    def rollout_loss(self, table: FactTable, dynamic: Tensor, steps: list[Rows], weights: Tensor) -> Tensor:
        """Return the loss of later steps of the same cases, predicted from imagined, not observed, latents.

        steps[0] are rows, steps[i] the rows that followed them. Between steps the latent is the expected one of
        the outcome that explains what happened best, so gradients flow through the whole rollout.
        """
        values, actions = self.latents(table)
        z = values[torch.arange(values.shape[0]), steps[0].before]
        total = z.new_zeros(())
        for i, rows in enumerate(steps):
            change, joint = self.predict(z, actions[rows.action], values, table.mask, dynamic, rows)
            if i:
                total = total + mixture_nll(change, joint, weights)
            best = joint.argmax(1)
            z = z.clone()
            z[:, dynamic] = self.expected(change, values[dynamic], table.mask[dynamic], z[:, dynamic], best)
        return total / max(1, len(steps) - 1)

    @staticmethod
    def expected(change: Change, candidates: Tensor, mask: Tensor, z: Tensor, outcome: Tensor) -> Tensor:
        """Return the expected next latents (b, q, d) under one outcome index per row (b,)."""
        row = torch.arange(len(outcome))
        read = value_logits(change.latent[row, outcome].unsqueeze(1), candidates, mask).squeeze(1).exp()
        gate = change.gate[row, outcome].sigmoid().unsqueeze(-1)
        return (1 - gate) * z + gate * torch.einsum("bqv,qvd->bqd", read, candidates)
