"""Trains a history network: next events, gaps, remaining time, and latents predicted ahead. Knows no files."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wmagent.domain.progress import Progress, Report
from wmagent.events.histories import Histories
from wmagent.events.network import HistoryNetwork, Read
from wmagent.events.settings import EventSettings
from wmagent.events.targets import NOTHING, Bins, Targets
from wmagent.latent.freed import give_back
from wmagent.model.regularizers import sigreg

log = logging.getLogger(__name__)

AVERAGED = 0.98  # decay per step of the weights' moving average
GIVEN_BACK = 20  # batches between two times that freed memory is given back
MOST_ROWS = 768  # per batch, for the losses of latents


@dataclass(frozen=True)
class Batch:
    """Some cases, right-padded, and where their events lie among all: `rows` (b, t), -1 for padding."""

    read: Read
    rows: NDArray[np.int64]


def batches(
    history: Histories, cases: NDArray[np.int64], tokens: int, longest: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Yield the cases in batches of about `tokens` events, of like length; shuffled with `rng`. Of longer cases the
    first `longest` events are read."""
    lengths = np.minimum(np.diff(history.starts)[cases], longest)
    order = np.argsort(lengths + (4 * rng.random(len(cases)) if rng is not None else 0), kind="stable")
    groups: list[list[int]] = [[]]
    for place in order.tolist():
        if groups[-1] and (len(groups[-1]) + 1) * lengths[place] > tokens:
            groups.append([])
        groups[-1].append(place)
    if rng is not None:
        rng.shuffle(groups)
    for number, group in enumerate(groups):
        if number % GIVEN_BACK == 0:
            give_back()
        if group:
            yield batch(history, cases[group], int(lengths[group].max()))


def batch(history: Histories, cases: NDArray[np.int64], longest: int) -> Batch:
    """Return some cases as one batch."""
    starts, ends = history.starts[:-1][cases], history.starts[1:][cases]
    rows = starts[:, None] + np.arange(longest)
    rows = np.where(rows < ends[:, None], rows, -1)
    told = rows >= 0
    read = Read(
        torch.from_numpy(np.where(told, history.activity[rows], 0)),
        torch.from_numpy(np.where(told, history.resource[rows], 0)),
        torch.from_numpy(np.where(told[..., None], history.numbers[rows], 0)),
    )
    return Batch(read, rows)


@dataclass(frozen=True)
class Teaching:
    """What is taught: histories, their targets, and how hours are cut."""

    history: Histories
    targets: Targets
    gaps: Bins
    remaining: Bins


def train(
    network: HistoryNetwork,
    teaching: Teaching,
    cases: NDArray[np.int64],
    held: NDArray[np.int64],
    settings: EventSettings,
    seed: int,
    report: Report | None = None,
) -> dict[str, float]:
    """Train in place and keep the weights' moving average; returns what was measured on the cases `held`.

    The epoch is not chosen by those cases: the latest months of a log are no sample of the months that follow.
    """
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
    score = math.nan
    for epoch in range(settings.epochs):
        rate = settings.lr * (0.02 + 0.49 * (1 + math.cos(math.pi * epoch / settings.epochs)))
        loss = _epoch(network, teaching, cases, settings, optimizer, rate, rng, generator, average)
        score = evaluate(cast(HistoryNetwork, average.module), teaching, held, settings)
        log.info("epoch %d: loss %.3f, held-out %.4f", epoch, loss, score)
        if report:
            report(Progress("learning", epoch + 1, settings.epochs, metrics={"held-out": score}))
    network.load_state_dict(average.module.state_dict())
    return {"held_out_nll": score}


def refresh(
    network: HistoryNetwork, teaching: Teaching, cases: NDArray[np.int64], settings: EventSettings, seed: int
) -> None:
    """Train some more epochs, slowly, on all cases: what was held out is what is most recent."""
    rng, generator = np.random.default_rng(seed + 1), torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
    for _ in range(settings.refresh):
        _epoch(network, teaching, cases, settings, optimizer, settings.lr / 6, rng, generator, average)
    network.load_state_dict(average.module.state_dict())


def evaluate(network: HistoryNetwork, teaching: Teaching, cases: NDArray[np.int64], settings: EventSettings) -> float:
    """Return the mean negative log-likelihood of the next event."""
    network.eval()
    total, n = 0.0, 0
    with torch.inference_mode():
        for part in batches(teaching.history, cases, 4 * settings.tokens, settings.longest):
            wanted = next_codes(teaching.targets.next, part.rows)
            logits = network.events(network.encode(part.read))
            total += F.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=NOTHING, reduction="sum"
            ).item()
            n += int((wanted >= 0).sum())
    return total / max(1, n)


def _epoch(
    network: HistoryNetwork,
    teaching: Teaching,
    cases: NDArray[np.int64],
    settings: EventSettings,
    optimizer: torch.optim.Optimizer,
    rate: float,
    rng: np.random.Generator,
    generator: torch.Generator,
    average: AveragedModel,
) -> float:
    network.train()
    frozen = settings.encoder == "random"
    total, n = 0.0, 0
    for group in optimizer.param_groups:
        group["lr"] = rate
    for part in batches(teaching.history, cases, settings.tokens, settings.longest, rng):
        latent = network.encode(part.read)
        latent = latent.detach() if frozen else latent
        loss = _direct(network, teaching, part, latent)
        if settings.rollout or settings.sigreg:
            loss = loss + _latent(network, teaching, part, latent, settings, rng, generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(network)
        total, n = total + loss.item(), n + 1
    return total / max(1, n)


def _direct(network: HistoryNetwork, teaching: Teaching, part: Batch, latent: Tensor) -> Tensor:
    """Return the losses of the heads: next event, gap until it, remaining time."""
    wanted = next_codes(teaching.targets.next, part.rows)
    loss = F.cross_entropy(network.events(latent).flatten(0, 1), wanted.flatten(), ignore_index=NOTHING)
    gap = binned_hours(teaching.targets.gap, teaching.gaps, part.rows)
    rest = binned_hours(teaching.targets.remaining, teaching.remaining, part.rows)
    timed = gap >= 0
    if timed.any():
        loss = loss + 0.2 * F.cross_entropy(network.gaps(latent[timed], wanted[timed]), gap[timed])
    ended = rest >= 0
    if ended.any():
        loss = loss + 0.2 * F.cross_entropy(network.remaining(latent[ended]), rest[ended])
    return loss


def _latent(
    network: HistoryNetwork,
    teaching: Teaching,
    part: Batch,
    latent: Tensor,
    settings: EventSettings,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Tensor:
    """Return the losses of latents predicted ahead, of what heads say of them, and of the regulariser."""
    wanted = next_codes(teaching.targets.next, part.rows)
    gap = binned_hours(teaching.targets.gap, teaching.gaps, part.rows)
    loss = latent.new_zeros(())
    flat = latent[torch.from_numpy(part.rows >= 0)]
    if settings.sigreg and len(flat) > 8:
        some = flat[torch.from_numpy(rng.permutation(len(flat))[:MOST_ROWS])]
        loss = loss + settings.sigreg * sigreg(some, 256, generator=generator)
    if not settings.rollout:
        return loss
    for case, place, ahead in imagined_ahead(network, part, latent, wanted, gap, settings.rollout, MOST_ROWS, rng):
        target = latent[case, place].detach()
        following = wanted[case, place]
        loss = loss + settings.latent / settings.rollout * F.mse_loss(ahead, target)
        if (following >= 0).any():
            loss = loss + settings.latent / settings.rollout * F.cross_entropy(
                network.events(ahead), following, ignore_index=NOTHING
            )
    return loss


def imagined_ahead(
    network: HistoryNetwork,
    part: Batch,
    latent: Tensor,
    codes: Tensor,
    gap: Tensor,
    steps: int,
    most: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield after each of `steps` events that came where some prefixes are then (cases and places in the batch, each
    (n,)), and the latents (n, d) that are imagined there. `latent` (b, t, d) is what is encoded, `codes` and `gap` (b,
    t) are the next events and their bins; at most `most` prefixes are begun with, fewer go on that far."""
    told = torch.from_numpy(part.rows >= 0)
    case, place = torch.nonzero(told[:, 1:], as_tuple=True)
    if not len(case):
        return
    chosen = torch.from_numpy(rng.permutation(len(case))[:most])
    case, place = case[chosen], place[chosen]
    ahead = latent[case, place]
    for _ in range(steps):
        ahead = network.imagine(ahead, codes[case, place], gap[case, place].clamp(min=0))
        place = place + 1
        yield case, place, ahead
        on = (place + 1 < told.shape[1]) & told[case, (place + 1).clamp(max=told.shape[1] - 1)]
        if not on.any():
            return
        case, place, ahead = case[on], place[on], ahead[on]


def next_codes(values: NDArray[np.int64], rows: NDArray[np.int64]) -> Tensor:
    """Return the codes (b, t) that follow rows, NOTHING where there is no row."""
    return torch.from_numpy(np.where(rows >= 0, values[rows], NOTHING))


def binned_hours(hours: NDArray[np.float64], bins: Bins, rows: NDArray[np.int64]) -> Tensor:
    """Return the bins (b, t) of hours at rows, NOTHING where there is no row or no number."""
    values = np.where(rows >= 0, hours[rows], np.nan)
    return torch.from_numpy(np.where(np.isnan(values), NOTHING, bins.codes(np.nan_to_num(values))))
