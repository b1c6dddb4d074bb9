"""What the network learns from: the likelihood of what happened, mixed over outcomes. Knows no optimizer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from wmagent.model.predictor import LatentChange, value_logits


def slot_log_probs(change: LatentChange, candidates: Tensor, mask: Tensor, now: Tensor, then: Tensor) -> Tensor:
    """Return (b, k) log p(next values | outcome), summed over the slots that can change.

    Per slot p(v) = (1 - gate) [v is the present value] + gate * softmax(comparison)[v].
    `now`, `then` (b, q) are value codes; candidates (q, v, d), mask (q, v).
    """
    read = value_logits(change.latent, candidates, mask)
    target = then[:, None, :, None].expand(-1, read.shape[1], -1, 1)
    moved = F.logsigmoid(change.gate) + read.gather(-1, target).squeeze(-1)
    kept = torch.where((now == then).unsqueeze(1), F.logsigmoid(-change.gate), -torch.inf)
    return torch.logaddexp(moved, kept).sum(-1)


def joint_log_probs(change: LatentChange, slots: Tensor, duration: Tensor, done: Tensor) -> Tensor:
    """Return (b, k) log p(next values, duration, end | outcome) from `slots` (b, k)."""
    k = slots.shape[1]
    time = F.log_softmax(change.duration, -1).gather(-1, duration[:, None, None].expand(-1, k, 1)).squeeze(-1)
    end = -F.binary_cross_entropy_with_logits(change.done, done[:, None].expand(-1, k), reduction="none")
    return slots + time + end


def choice_loss(choice: Tensor, code: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of the recorded outcome, each ensemble head on its own bootstrap.

    `choice` (h, b, k) logits, `code` (b,) with -1 where there is no outcome, `weights` (h, b).
    """
    log_probs = F.log_softmax(choice, -1)
    chosen = log_probs.gather(-1, code.clamp(min=0)[None, :, None].expand(len(choice), -1, 1)).squeeze(-1)
    weights = weights * (code >= 0)
    return -(weights * chosen).sum() / weights.sum().clamp(min=1)


def action_loss(legal: Tensor, usual: Tensor, action: Tensor, accepted: Tensor, drawn: Tensor) -> Tensor:
    """Return the loss of legality (did this attempt pass?) and of behaviour (which accepted action was taken?).

    `legal`, `usual` (b, a) logits; `action` (b,) indices; `accepted` (b,) bool; `drawn` (b,) how much more
    often than recorded a row is drawn, which is taken back for behaviour.
    """
    passed = F.binary_cross_entropy_with_logits(legal.gather(1, action[:, None]).squeeze(1), accepted.float())
    took = F.cross_entropy(usual, action, reduction="none")
    weight = accepted / drawn
    return passed + (took * weight).sum() / weight.sum().clamp(min=1e-6)
