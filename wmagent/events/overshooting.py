"""Latent overshooting (Hafner et al. 2019): the predictor learns to imagine several events on, and is asked to.
Knows a network and histories; must not know files, nor change the encoder."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wmagent.events.histories import Histories
from wmagent.events.learning import AVERAGED, Batch, Teaching, batches, binned_hours, imagined_ahead, next_codes
from wmagent.events.network import HistoryNetwork
from wmagent.events.settings import EventSettings
from wmagent.events.targets import NOTHING, Bins

STEPS = 5  # events that are imagined one after the other
MOST_ROWS = 1024  # per batch
LATENTS, GAPS = 0.1, 0.2  # weights of the losses beside that of the events


def overshoot(
    network: HistoryNetwork,
    teaching: Teaching,
    cases: NDArray[np.int64],
    settings: EventSettings,
    updates: int,
    seed: int,
) -> None:
    """Teach the predictor STEPS events ahead: encoder and heads stay as they are, and say what it should have imagined.

    The losses are those of the latents, and of what the heads tell of the events that follow and of their gaps.
    """
    rng, done = np.random.default_rng(seed), 0
    parts = [network.outcome, network.predictor, network.settle, network.gap]
    taught = [weight for part in parts for weight in part.parameters()]
    optimizer = torch.optim.AdamW(taught, lr=settings.lr, weight_decay=settings.weight_decay)
    network.requires_grad_(False)
    for weight in taught:
        weight.requires_grad_(True)
    network.eval()
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
    while done < updates:
        for part in batches(teaching.history, cases, settings.tokens, settings.longest, rng):
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * (0.05 + 0.475 * (1 + math.cos(math.pi * done / updates)))
            done += 1
            loss = _loss(network, teaching, part, rng)
            if loss is None:
                continue
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(taught, 1.0)
            optimizer.step()
            average.update_parameters(network)
            if done >= updates:
                break
    network.load_state_dict(average.module.state_dict())
    network.requires_grad_(True)


def open_loop(
    network: HistoryNetwork,
    gaps: Bins,
    history: Histories,
    latents: NDArray[np.float32],
    rows: NDArray[np.int64],
    steps: int,
) -> Tensor:
    """Return latents (n, d) after each row as imagined from `steps` events before (fewer at the beginning of a case),
    given which events came since and when. `latents` (events, d) are the encoder's."""
    back = np.minimum(steps, rows - history.first[rows])
    found = torch.from_numpy(latents[rows - back])
    with torch.inference_mode():
        for left in range(steps, 0, -1):
            moving = np.flatnonzero(back >= left)
            if not len(moving):
                continue
            event = rows[moving] - left + 1
            bins = torch.from_numpy(gaps.codes(history.gap[event]))
            found[moving] = network.imagine(found[moving], torch.from_numpy(history.activity[event]), bins)
    return found


def _loss(network: HistoryNetwork, teaching: Teaching, part: Batch, rng: np.random.Generator) -> Tensor | None:
    """Return the mean loss of the steps ahead of some prefixes; None where no case has two events."""
    with torch.no_grad():
        latent = network.encode(part.read)
    codes = next_codes(teaching.targets.next, part.rows)
    gap, losses = binned_hours(teaching.targets.gap, teaching.gaps, part.rows), []
    for case, place, ahead in imagined_ahead(network, part, latent, codes, gap, STEPS, MOST_ROWS, rng):
        losses.append(LATENTS * F.mse_loss(ahead, latent[case, place]))
        follows, after = codes[case, place], gap[case, place]
        if (follows >= 0).any():
            losses.append(F.cross_entropy(network.events(ahead), follows, ignore_index=NOTHING))
        timed = (follows >= 0) & (after >= 0)
        if timed.any():
            losses.append(GAPS * F.cross_entropy(network.gaps(ahead[timed], follows[timed]), after[timed]))
    return torch.stack(losses).sum() / STEPS if losses else None
