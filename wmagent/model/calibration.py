"""Probabilities that mean what they say: temperatures fitted on held-out rows, and the error that is left."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = torch.logspace(-0.5, 0.7, 37)


def fit_temperature(logits: Tensor, joint: Tensor) -> float:
    """Return the temperature of outcome logits (h, N, k) that makes held-out rows likeliest, given log p(row | k)
    `joint` (N, k); 1.0 where there is one outcome."""
    if logits.shape[-1] == 1 or len(joint) == 0:
        return 1.0
    scores = []
    for temperature in GRID:
        log_probs = torch.logsumexp(F.log_softmax(logits / temperature, -1), 0) - torch.log(torch.tensor(len(logits)))
        scores.append(torch.logsumexp(log_probs + joint, -1).mean())
    return GRID[int(torch.stack(scores).argmax())].item()


def calibration_curve(confidence: Tensor, correct: Tensor, bins: int = 15) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share correct, count) per non-empty equal-width bin of (N,) confidences."""
    index = (confidence * bins).long().clamp(max=bins - 1)
    curve = []
    for i in range(bins):
        inside = index == i
        if inside.any():
            mean, share = confidence[inside].mean().item(), correct[inside].float().mean().item()
            curve.append((mean, share, int(inside.sum())))
    return curve


def expected_calibration_error(curve: list[tuple[float, float, int]]) -> float:
    """Return the count-weighted mean gap between confidence and share correct."""
    total = sum(count for _, _, count in curve)
    return sum(count * abs(mean - share) for mean, share, count in curve) / total if total else 0.0
