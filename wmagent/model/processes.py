"""One training over several processes, and its precision: what is asked of accelerate and torch.distributed.
Knows tensors; must not know what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator


@contextmanager
def accelerating(precision: str) -> Iterator[Accelerator]:
    """Give an accelerator of a precision, whatever this process trained before, and leave accelerate as it was.

    accelerate keeps the first precision for the whole process and refuses any other; devices and processes stay.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized

    before: dict[str, Any] = {}
    if is_initialized() and AcceleratorState().mixed_precision != precision:
        before = dict(AcceleratorState._shared_state)
        AcceleratorState._reset_state()
    try:
        yield Accelerator(mixed_precision=precision)
    finally:
        AcceleratorState._shared_state.update(before)


def processes() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def summed(part: Tensor) -> Tensor:
    """Return the sum of all processes' tensors, with its gradient."""
    return part if processes() == 1 else _Sum.apply(part)


def averaged(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the means of losses over all processes, as numbers."""
    return {name: (summed(loss.detach()) / processes()).item() for name, loss in losses.items()}


class _Sum(torch.autograd.Function):
    """Every process's loss depends on every part, so that gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Sum.forward(ctx, gradients[0])


class BatchNorm(nn.BatchNorm1d):
    """BatchNorm of vectors (b, d) over the batch of all processes together; torch's own needs GPUs for that."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        if processes() == 1 or not self.training:
            return super().forward(input)
        x = input.float()
        n = summed(x.new_tensor(len(x)))
        mean = summed(x.sum(0)) / n
        variance = summed((x - mean).square().sum(0)) / n
        with torch.no_grad():
            assert self.num_batches_tracked is not None
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.momentum is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        return ((x - mean) * (variance + self.eps).rsqrt() * self.weight + self.bias).to(input.dtype)
