"""The reverse adapter: slot latents to soft tokens that a frozen language model reads in place of text.
Knows latents and local models; must not know facts, world models or planners."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.local_lm import LocalLM
from wmagent.errors import CheckpointError, InputError

PLACE = "\x00"  # stands in a prompt where soft tokens go
WEIGHTS, CONFIG = "reverse.safetensors", "reverse.json"


@dataclass(frozen=True)
class Asked:
    """A question about one latent: the prompt (with PLACE where its soft tokens go) and the right answer."""

    z: Tensor  # (n, d)
    prompt: str
    answer: str = ""


class ReverseAdapter(nn.Module):
    """Maps every slot latent (width d) to one soft token of a language model (width h). Saved as safetensors and JSON.

    `lm` names the model it was trained for; `scale` is the size of that model's own token embeddings, at which soft
    tokens begin.
    """

    def __init__(self, latent_width: int, lm_width: int, hidden: int = 256, scale: float = 1.0, lm: str = "") -> None:
        super().__init__()
        self.sizes, self.lm = (latent_width, lm_width, hidden), lm
        self.up, self.down = nn.Linear(latent_width, hidden), nn.Linear(hidden, lm_width)
        self.norm = nn.LayerNorm(lm_width)
        nn.init.constant_(self.norm.weight, scale)

    @classmethod
    def beside(cls, lm: LocalLM, latent_width: int, hidden: int = 256) -> ReverseAdapter:
        """Return an untrained adapter for latents of a width and this language model."""
        scale = lm.model.get_input_embeddings().weight.detach().float().std().item()
        return cls(latent_width, lm.width, hidden, scale, lm.source)

    def forward(self, z: Tensor) -> Tensor:
        """Slot latents (b, n, d) to soft tokens (b, n, h)."""
        return self.norm(self.down(F.gelu(self.up(F.layer_norm(z, z.shape[-1:])))))

    def save(self, folder: str | Path) -> None:
        """Write weights and sizes into a folder."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, folder / WEIGHTS)
        said = {"format": 1, "kind": "wmagent.reverse-adapter", "sizes": self.sizes, "lm": self.lm}
        (folder / CONFIG).write_text(json.dumps(said, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> ReverseAdapter:
        """Read a saved adapter; CheckpointError where it is missing, foreign or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            said = json.loads((Path(folder) / CONFIG).read_text("utf-8"))
            if said.get("kind") != "wmagent.reverse-adapter" or said.get("format") != 1:
                raise CheckpointError(f"{folder} is no reverse adapter that this version reads")
            latent, lm_width, hidden = (int(size) for size in said["sizes"])
            adapter = cls(latent, lm_width, hidden, lm=str(said["lm"]))
            adapter.load_state_dict(load_file(Path(folder) / WEIGHTS))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"no reverse adapter at {folder}: {error}") from error
        return adapter.eval()


@dataclass(frozen=True)
class ReverseFitting:
    """How a reverse adapter is trained: steps, questions per step, peak learning rate."""

    steps: int = 600
    batch: int = 64
    rate: float = 3e-3


def fit_reverse(
    lm: LocalLM,
    adapter: ReverseAdapter,
    asked: Sequence[Asked],
    fitting: ReverseFitting | None = None,
    seed: int = 0,
    said: Callable[[int, int, float], None] | None = None,
) -> float:
    """Train the adapter so that the frozen language model gives the right answers; returns the last loss per token."""
    if not asked:
        raise InputError("there are no questions to train a reverse adapter on")
    fitting, draw, shown = fitting or ReverseFitting(), Random(seed), 0.0
    wanted = [p.requires_grad for p in lm.model.parameters()]
    lm.model.requires_grad_(False)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=fitting.rate, weight_decay=0.01)
    adapter.train()
    for step in range(fitting.steps):
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 50)
            group["lr"] = fitting.rate * warm * (1 - step / fitting.steps)
        batch = draw.choices(asked, k=fitting.batch)
        loss = _loss(lm, adapter, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
        optimizer.step()
        shown = loss.item() if not step else 0.95 * shown + 0.05 * loss.item()
        if said and step % 20 == 19:
            said(step + 1, fitting.steps, shown)
    adapter.eval()
    for parameter, grad in zip(lm.model.parameters(), wanted, strict=True):
        parameter.requires_grad_(grad)
    return shown


def answers(lm: LocalLM, adapter: ReverseAdapter, asked: Sequence[Asked], max_tokens: int = 24) -> list[str]:
    """Return what the language model answers, greedily; a latent without slots (0, d) gives it no soft tokens."""
    found: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(asked), 64):
            rows = [_embedded(lm, adapter, one) for one in asked[start : start + 64]]
            longest = max(len(row) for row in rows)
            inputs = torch.zeros(len(rows), longest, lm.width)
            mask = torch.zeros(len(rows), longest, dtype=torch.long)
            for place, row in enumerate(rows):
                inputs[place, longest - len(row) :], mask[place, longest - len(row) :] = row, 1
            ids = lm.model.generate(
                inputs_embeds=inputs, attention_mask=mask, max_new_tokens=max_tokens, do_sample=False,
                pad_token_id=lm.tokenizer.eos_token_id or 0,
            )  # fmt: skip
            found += lm.tokenizer.batch_decode(ids, skip_special_tokens=True)
    return [text.strip() for text in found]


def _loss(lm: LocalLM, adapter: ReverseAdapter, batch: Sequence[Asked]) -> Tensor:
    end = lm.tokenizer.eos_token or ""
    right = [lm.ids(one.answer + end) for one in batch]
    table = lm.model.get_input_embeddings()
    rows = [torch.cat([_embedded(lm, adapter, one), table(ids[:-1])]) for one, ids in zip(batch, right, strict=True)]
    longest = max(len(row) for row in rows)
    inputs = torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
    mask = torch.stack([F.pad(torch.ones(len(row), dtype=torch.long), (0, longest - len(row))) for row in rows])
    logits = lm.model(inputs_embeds=inputs, attention_mask=mask).logits
    told = [
        logits[place, len(row) - len(ids) : len(row)] for place, (row, ids) in enumerate(zip(rows, right, strict=True))
    ]
    return F.cross_entropy(torch.cat(told).float(), torch.cat(right))


def _embedded(lm: LocalLM, adapter: ReverseAdapter, one: Asked) -> Tensor:
    """Return the prompt's embeddings (t, h) with the soft tokens in their place."""
    before, found, after = one.prompt.partition(PLACE)
    if not found:
        raise InputError("the prompt has no place for soft tokens")
    table: Any = lm.model.get_input_embeddings()
    soft = adapter(one.z[None])[0] if len(one.z) else one.z.new_zeros(0, lm.width)
    return torch.cat([table(lm.ids(before)), soft.to(table.weight.dtype), table(lm.ids(after))])
