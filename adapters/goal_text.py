"""Words to latents: which remembered latent a sentence asks for, seen from where one starts; a refusal where none.
Knows sentences and arrays; must not know what the latents are of, their model or its world."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.tokens import Tokens, tokens
from wmagent.errors import CheckpointError, InputError, checked_seed, shortened

KIND, FORMAT = "wmagent.goal-text", 2
WEIGHTS, CONFIG = "goal_text.safetensors", "goal_text.json"
HIDDEN, SHARED = 256, 64  # widths: of the networks, of where queries and keys meet
HEADS, NARROW, VALUE = 8, 96, 32  # of the attention that sums a sentence up
LONGEST = 500  # characters of a sentence


@dataclass(frozen=True)
class Lessons:
    """What is learned from: `sentences` (n) said at `starts` (n, d), each meaning one of k areas `meant` (n,), and
    `shares` (k, m), how much each of m `remembered` latents (m, d) is what is meant by an area; rows sum to 1.

    `off_topic` are sentences that ask for nothing there is. `held` and `held_off_topic` are sentences of both kinds in
    words that are not learned: they set the threshold below which a sentence is refused.
    """

    sentences: Sequence[str]
    starts: Tensor
    meant: Tensor
    remembered: Tensor
    shares: Tensor
    off_topic: Sequence[str]
    held: Sequence[str]
    held_off_topic: Sequence[str]

    def __post_init__(self) -> None:
        n, (k, m), d = len(self.sentences), self.shares.shape, self.remembered.shape[1]
        if self.starts.shape != (n, d) or self.meant.shape != (n,) or self.remembered.shape != (m, d):
            raise InputError(
                f"{n} sentences need starts ({n}, {d}), meant ({n},) and remembered ({m}, {d}); given "
                f"{tuple(self.starts.shape)}, {tuple(self.meant.shape)}, {tuple(self.remembered.shape)}"
            )
        if not n or not len(self.off_topic) or not len(self.held) or not len(self.held_off_topic):
            raise InputError("sentences of every kind are needed: asking and off topic, learned and held out")
        if not ((self.meant >= 0) & (self.meant < k)).all() or not torch.allclose(self.shares.sum(1), torch.ones(k)):
            raise InputError(f"meant are numbers of the {k} areas and every row of shares sums to 1")


@dataclass(frozen=True)
class Fitting:
    """How an adapter is trained: steps, sentences and remembered latents a step, peak rate, dropout of token states."""

    steps: int = 1_500
    batch: int = 192
    keys: int = 500
    rate: float = 3e-3
    dropout: float = 0.2


@dataclass(frozen=True)
class Found:
    """The remembered `latent` (d,) that a sentence asks for, its `row`, and how sure it is that it asks for any,
    from 0 to 1; `refused` below the adapter's threshold."""

    latent: Tensor
    row: int
    score: float
    refused: bool


class GoalText(nn.Module):
    """Compares a query, made of a sentence and the latent one starts at, with a key of every remembered latent.

    The sentence is summed up by attention over frozen token states. A query is what it says wherever one starts, and
    what it says of the start ("the other room"), which the start turns. Made by `learn` or `load`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, source: str = "auto", threshold: float = 0.5) -> None:
        """`width` is the latents'; `source` names the token states."""
        super().__init__()
        self.tokens: Tokens = tokens(source)
        self.width, self.threshold = width, threshold
        e = self.tokens.width
        self.register_buffer("mean", torch.zeros(e))
        self.register_buffer("std", torch.ones(e))
        self.narrow = nn.Linear(e, NARROW)
        self.attention = nn.Linear(NARROW, HEADS)
        self.values = nn.Parameter(torch.randn(HEADS, NARROW, VALUE) * NARROW**-0.5)
        self.absolute, self.relative = _network(HEADS * VALUE), _network(HEADS * VALUE)
        self.start = nn.Sequential(_network(width), nn.LayerNorm(SHARED))
        self.key = _network(width)
        self.topic = nn.Linear(HEADS * VALUE, 1)
        self.scale = nn.Parameter(torch.tensor(2.5))

    @classmethod
    def learn(
        cls,
        lessons: Lessons,
        seed: int = 0,
        *,
        source: str = "auto",
        fitting: Fitting | None = None,
        said: Callable[[int, int, float], None] | None = None,
    ) -> GoalText:
        """Learn by InfoNCE with soft targets; `said` is told (step, steps, loss). The same seed gives the same."""
        torch.manual_seed(checked_seed(seed))
        adapter = cls(lessons.remembered.shape[1], source)
        _fit(adapter, lessons, fitting or Fitting(), said)
        adapter.eval().requires_grad_(False)
        sure = [adapter.on_topic(kind) for kind in (lessons.held, lessons.held_off_topic)]
        adapter.threshold = _between(*sure)
        return adapter

    def summed(self, states: Tensor, masks: Tensor, dropout: float = 0.0) -> Tensor:
        """Return sentences (n, HEADS * VALUE) of token states (n, l, e)."""
        narrow = F.gelu(self.narrow(F.dropout((states - self.mean) / self.std, dropout, self.training)))
        weights = self.attention(narrow).masked_fill(~masks[..., None], -1e9).softmax(1)
        return torch.einsum("nhd,hdv->nhv", torch.einsum("nlh,nld->nhd", weights, narrow), self.values).flatten(1)

    def forward(self, summed: Tensor, starts: Tensor, remembered: Tensor) -> Tensor:
        """Return scores (n, m) of sentences (n, HEADS * VALUE) said at latents (n, d) for remembered ones (m, d)."""
        queries = self.absolute(summed) + self.relative(summed) * self.start(starts).tanh()
        return F.normalize(queries, dim=-1) @ F.normalize(self.key(remembered), dim=-1).T * self.scale.exp()

    @torch.inference_mode()
    def on_topic(self, sentences: Sequence[str]) -> Tensor:
        """Return how sure it is that sentences ask for anything (n,), from 0 to 1."""
        return self.topic(self.summed(*self.tokens.read([_plain(one) for one in sentences]))).squeeze(-1).sigmoid()

    @torch.inference_mode()
    def find(self, sentence: str, start: Tensor, remembered: Tensor) -> Found:
        """Return what a sentence said at a latent (d,) asks for among remembered latents (m, d).

        InputError for an empty or overlong sentence and latents of another width.
        """
        if not sentence.strip() or len(sentence) > LONGEST:
            raise InputError(f"a goal in words has 1 to {LONGEST} characters; given {shortened(repr(sentence))}")
        if start.shape != (self.width,) or remembered.shape[1:] != (self.width,) or not len(remembered):
            raise InputError(
                f"this adapter was trained on latents of {self.width} numbers; given a start of {tuple(start.shape)} "
                f"and remembered latents of {tuple(remembered.shape)}"
            )
        summed = self.summed(*self.tokens.read([_plain(sentence)]))
        row = int(self(summed, start[None], remembered)[0].argmax())
        score = float(self.topic(summed).sigmoid())
        return Found(remembered[row], row, score, score < self.threshold)

    def save(self, folder: str | Path) -> None:
        """Write safetensors and JSON into a folder, made if needed."""
        from safetensors.torch import save_file

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, place / WEIGHTS)
        (place / WEIGHTS).chmod(0o644)  # as the files of the model it may be saved with
        said = {"format": FORMAT, "kind": KIND, "width": self.width, "source": self.tokens.source}
        text = json.dumps(said | {"threshold": self.threshold}, indent=1)
        (place / CONFIG).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> GoalText:
        """Read a saved adapter; CheckpointError where it is missing, foreign or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            said = json.loads((Path(folder) / CONFIG).read_text("utf-8"))
            if said.get("kind") != KIND or said.get("format") != FORMAT:
                raise CheckpointError(f"{folder} is no goal adapter that this version reads")
            adapter = cls(int(said["width"]), str(said["source"]), float(said["threshold"]))
            adapter.load_state_dict(load_file(Path(folder) / WEIGHTS))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"no goal adapter at {folder}: {error}") from error
        return adapter.eval().requires_grad_(False)


def _network(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, SHARED))


def _plain(sentence: str) -> str:
    return sentence.strip().rstrip(".!?").lower()


def _fit(adapter: GoalText, lessons: Lessons, fitting: Fitting, said: Callable[[int, int, float], None] | None) -> None:
    states, masks = adapter.tokens.read([_plain(one) for one in lessons.sentences])
    off, off_masks = adapter.tokens.read([_plain(one) for one in lessons.off_topic])
    adapter.mean.copy_(states[masks].mean(0))
    adapter.std.copy_(states[masks].std(0).clamp_min(0.05))
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=fitting.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, fitting.rate, total_steps=fitting.steps, pct_start=0.05)
    adapter.train()
    for step in range(fitting.steps):
        rows = torch.randint(0, len(states), (fitting.batch,))
        others = torch.randint(0, len(off), (fitting.batch // 3,))
        keys = torch.randperm(len(lessons.remembered))[: fitting.keys]
        summed = adapter.summed(states[rows], masks[rows], fitting.dropout)
        shares = lessons.shares[:, keys][lessons.meant[rows]]
        shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-9)  # of those that are compared with
        scores = adapter(summed, lessons.starts[rows], lessons.remembered[keys])
        finding = -(shares * scores.log_softmax(-1)).sum(1).mean()
        wrong = adapter.summed(off[others], off_masks[others], fitting.dropout)
        asked = adapter.topic(torch.cat([summed, wrong])).squeeze(-1)
        truth = torch.cat([torch.ones(len(summed)), torch.zeros(len(wrong))])
        loss = finding + F.binary_cross_entropy_with_logits(asked, truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if said and (step % 25 == 24 or step + 1 == fitting.steps):
            said(step + 1, fitting.steps, loss.item())


def _between(asking: Tensor, off_topic: Tensor) -> float:
    """Return the threshold that is right most often on both kinds, which count alike; of equal ones, the middle."""
    edges = torch.cat([asking, off_topic]).sort().values
    middles = (edges[1:] + edges[:-1]) / 2
    right = (asking[None] >= middles[:, None]).float().mean(1) + (off_topic[None] < middles[:, None]).float().mean(1)
    best = middles[right >= right.max() - 1e-6].clamp(1e-6, 1 - 1e-6).logit()
    return float(((best[0] + best[-1]) / 2).sigmoid())
