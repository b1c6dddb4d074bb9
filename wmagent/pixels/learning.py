"""How a world model from pixels is learned, part after part: network, distances, probe, usual surprises, card.
Knows the parts; must not know worlds or planners."""

from __future__ import annotations

import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wmagent.domain.progress import Progress, Report
from wmagent.errors import InputError
from wmagent.latent.threads import single_thread
from wmagent.model.snapshots import Snapshots
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.decoder import learn_decoder
from wmagent.pixels.memory import Memory
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.probe import Probe
from wmagent.pixels.reach import learn_reach
from wmagent.pixels.recording import Part, Recording, Scale, Windows
from wmagent.pixels.training import PixelTrainer
from wmagent.pixels.world_model import PixelModel

HELD_OUT = 0.1  # of the episodes, the last ones
MEASURED = 2_000  # held-out windows and rows that are measured
LOOKED_AT = 16  # frames that tell a recording from others with the same actions


def learn(
    recording: Recording, config: PixelConfig, seed: int, resume: Path | None, report: Report | None, draws: bool
) -> PixelModel:
    """See `PixelModel.learn`."""
    began, cpu = time.perf_counter(), time.process_time()
    episodes = len(recording.first) - 1
    if episodes < 2:
        raise InputError("at least two episodes are needed: one to learn from and one to measure on")
    kept = episodes - max(1, round(HELD_OUT * episodes))
    known, held = Part(recording, 0, kept), Part(recording, kept, episodes)
    scale = Scale.of(known.actions)
    torch.manual_seed(seed)
    network = PixelNetwork(config, len(scale.mean))
    windows, unseen = (Windows.of(part, config, scale) for part in (known, held))
    snapshots = Snapshots(resume, _fingerprint(recording, config, seed)) if resume else None
    with single_thread():
        losses = PixelTrainer(network, windows, seed, snapshots, report).fit()
        latents = _encoded(network, known, report)
        reach = learn_reach(latents, known.first, config.block, seed, config.reach_steps, report)
        trained = time.process_time() - cpu
        decoder = learn_decoder(config, latents, known, seed, report) if draws else None
    probe, quality = _probe(network, known, held, latents)
    positions = known.positions
    memory = Memory.of(latents, None if positions is None else torch.from_numpy(positions), seed)
    model = PixelModel(config, network, scale, reach, probe, memory, torch.zeros(0), decoder, seed)
    model.usual = _usual(model, unseen, seed)
    model.card = {
        "data": {"episodes": episodes, "held_out": episodes - kept, "frames": int(recording.first[-1])},
        "network": {"parameters": sum(p.numel() for p in network.parameters()), **losses},
        "held_out": quality,
        "learn_seconds": round(time.perf_counter() - began, 1),
        "learn_cpu_seconds": round(trained, 1),  # of what plans need; the decoder's is not
    }
    return model


@torch.inference_mode()
def _encoded(network: PixelNetwork, part: Recording, report: Report | None) -> Tensor:
    total, size = int(part.first[-1]), network.config.size
    found = []
    for begin in range(0, total, 512):
        rows = np.arange(begin, min(begin + 512, total))
        found.append(network.encoder(torch.from_numpy(part.frames(rows, size))))
        if report:
            report(Progress("encoding", int(rows[-1]) + 1, total))
    return torch.cat(found).clone()


def _probe(
    network: PixelNetwork, known: Part, held: Part, latents: Tensor
) -> tuple[Probe | None, dict[str, list[float | None]]]:
    """Return the probe to what was recorded beside the frames, with its R² on held-out rows (None for a number that
    does not vary there); None without any."""
    if (targets := known.positions) is None:
        return None, {}
    probe = Probe.fit(latents, torch.from_numpy(targets).float())
    rows = np.linspace(0, held.first[-1] - 1, min(MEASURED, int(held.first[-1]))).astype(np.int64)
    with torch.inference_mode():
        seen = network.encoder(torch.from_numpy(held.frames(rows, network.config.size)))
    assert held.positions is not None
    explained = probe.r_squared(seen, torch.from_numpy(held.positions[rows]))
    return probe, {"probe_r2": [round(r, 4) if math.isfinite(r) else None for r in explained]}


def _usual(model: PixelModel, unseen: Windows, seed: int) -> Tensor:
    """Return the sorted surprises of held-out windows."""
    frames, blocks = unseen.draw(MEASURED // 4, seed)
    actions = model.scale.actions(blocks)
    return model.surprise(frames.numpy(), actions.numpy()).sort().values.clone()


def _fingerprint(recording: Recording, config: PixelConfig, seed: int) -> str:
    digest = hashlib.sha256(json.dumps([config.model_dump(mode="json"), seed], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(recording.first).tobytes())
    digest.update(np.ascontiguousarray(recording.actions).tobytes())
    looked_at = np.linspace(0, int(recording.first[-1]) - 1, LOOKED_AT).astype(np.int64)
    digest.update(np.ascontiguousarray(recording.frames(looked_at, config.size)).tobytes())
    return digest.hexdigest()
