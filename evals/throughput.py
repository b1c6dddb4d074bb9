"""Imagined transitions per second, and the share of a plain matmul's arithmetic rate that imagination reaches.
Knows a model by `observe`, `actions`, `imagine` and its latent width; its numbers depend on the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from wmagent.domain.types import Facts
from wmagent.evals.measure import versions

NOTES = (
    "flops counts what the imagination really computes: every matrix product that torch dispatches during one call "
    "of imagine (linear layers, batched products, attention), two per multiply-add; norms, activations, softmax, "
    "reading and look-ups count as nothing although they take time.",
    "the yardstick is an fp32 matmul (rows, width) x (width, width) with the model's latent width and as many rows "
    "as the batch has slots, run in alternation in the same process with the same threads.",
    "both rates are medians over the rounds.",
)


def run(
    model: Any, facts: Sequence[Facts], batch: int = 1024, rounds: int = 7, threads: int | None = None, seed: int = 0
) -> dict[str, object]:
    """Measure `model.imagine` at `batch` pairs drawn from the facts and random actions.

    Returns transitions_per_second (one transition = one state-action pair with all its outcomes),
    flops_per_transition, achieved and matmul rates in GFLOP/s, and `share` of the second that the first is.
    """
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        return _measure(model, facts, batch, rounds, seed)
    finally:
        torch.set_num_threads(before)


def _measure(model: Any, facts: Sequence[Facts], batch: int, rounds: int, seed: int) -> dict[str, object]:
    draw = torch.Generator().manual_seed(seed)
    picks = torch.randint(len(facts), (batch,), generator=draw).tolist()
    latent = model.observe([facts[i] for i in picks])
    action = torch.randint(len(model.actions), (batch,), generator=draw)
    flops = count_flops(lambda: model.imagine(latent, action))
    slots, width = latent.z.shape[1], latent.z.shape[2]
    left = torch.randn(batch * slots, width, generator=draw)
    right = torch.randn(width, width, generator=draw)
    repeats = max(1, round(flops / (2 * batch * slots * width * width)))

    def multiply() -> None:
        for _ in range(repeats):
            torch.mm(left, right)

    for _ in range(2):
        model.imagine(latent, action)
        multiply()
    imagining, multiplying = [], []
    for _ in range(rounds):
        imagining.append(_seconds(lambda: model.imagine(latent, action)))
        multiplying.append(_seconds(multiply))
    seconds, yardstick = statistics.median(imagining), statistics.median(multiplying)
    rate = flops / seconds / 1e9
    plain = repeats * 2 * batch * slots * width * width / yardstick / 1e9
    return {
        "eval": "throughput",
        "batch": batch,
        "slots": slots,
        "width": width,
        "outcomes": int(model.imagine(latent, action).probs.shape[1]),
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "transitions_per_second": round(batch / seconds, 1),
        "flops_per_transition": flops // batch,
        "imagine_gflops": round(rate, 2),
        "matmul_gflops": round(plain, 2),
        "share": round(rate / plain, 4),
        "share_per_round": [round(flops / a / (plain * 1e9), 4) for a in imagining],
        "target": ">= 0.30",
        "versions": versions(),
        "notes": list(NOTES),
    }


def count_flops(call: Callable[[], object]) -> int:
    """Return the floating point operations of all matrix products that a call dispatches (2 per multiply-add).

    torch's counter knows linear layers and batched products, but not the CPU's fused attention, so that one is
    counted here: two products of (q, d) x (d, k) per head.
    """
    from torch.utils.flop_counter import FlopCounterMode

    def attention(query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
        *lead, asks, depth = query
        pairs = asks * key[-2]
        for size in lead:
            pairs *= size
        return 2 * pairs * (depth + value[-1])

    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping={fused: attention}) as counter:
        call()
    return counter.get_total_flops()


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def learn_and_run(
    file: Path | None,
    world: str,
    transitions: int,
    preset: str,
    text: str,
    seed: int,
    batch: int,
    threads: int | None,
) -> dict[str, object]:
    """Learn a model briefly (its weights do not change its speed) from a file or a world's experience, and measure."""
    from wmagent.model.config import preset as named
    from wmagent.model.world_model import WorldModel
    from wmagent.worlds import experience, load, read_transitions

    rows = read_transitions(file) if file else experience(load(world), transitions=transitions, seed=seed)
    config = named(preset).model_copy(update={"steps": 20})
    model = WorldModel.learn(rows, seed=seed, text=text, config=config)
    found = run(model, [row.before.facts for row in rows], batch, threads=threads, seed=seed)
    return {**found, "data": file.name if file else world, "preset": preset}
