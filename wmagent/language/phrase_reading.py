"""Trains the phrase reader on phrases of made-up businesses: what people say, and which fact they mean by it.
Knows the phrases beside this file; must not know worlds, nor the goals it is judged by."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from wmagent.adapters.phrases import PhraseReader

FOLDER = Path(__file__).parent / "phrases"
HELD_OUT = "held-out-"
SURE = 0.9  # at which readings are taken
BATCH, STRAY = 28, 4  # phrases of a domain, and texts that mean none of its facts


@dataclass(frozen=True)
class Domain:
    """A made-up business: its facts, phrases with the number of the fact they mean, and what means none."""

    name: str
    facts: tuple[tuple[str, str], ...]
    phrases: tuple[tuple[str, int], ...]
    chaff: tuple[str, ...]


def domains(held_out: bool, folder: Path = FOLDER) -> list[Domain]:
    """Return the domains that are learned from, or those that are held out."""
    import yaml

    found = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name.startswith(HELD_OUT) != held_out:
            continue
        said = yaml.safe_load(path.read_text("utf-8"))
        facts = [(key, value) for key, values in said["facts"].items() for value in values]
        place = {fact: number for number, fact in enumerate(facts)}
        pairs = [(text, fact) for row in said["phrases"] for fact in row["means"].items() for text in row["say"]]
        phrases = tuple((text, place[fact]) for text, fact in pairs)
        found.append(Domain(said["domain"], tuple(facts), phrases, tuple(said["chaff"])))
    return found


def train_reader(
    taught: Sequence[Domain],
    epochs: int = 5,
    lr: float = 1e-3,
    rank: int = 16,
    seed: int = 0,
    said: Callable[[str], None] | None = None,
) -> PhraseReader:
    """Return a reader trained by InfoNCE over the facts of each domain; some minutes on one core."""
    torch.manual_seed(seed)
    draw, reader = random.Random(seed), PhraseReader(None, rank)
    weights = [weight for weight in reader.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=0.01)
    batches = [_batches(domain, draw) for _ in range(epochs) for domain in taught]
    total, done = sum(map(len, batches)), 0
    for epoch in range(epochs):
        reader.train()
        here = [batch for group in batches[epoch * len(taught) : (epoch + 1) * len(taught)] for batch in group]
        draw.shuffle(here)
        loss_sum = 0.0
        for domain, phrases in here:
            other = draw.choice(taught)
            stray = [draw.choice(domain.chaff) for _ in range(STRAY - 1)]
            stray.append(draw.choice(other.phrases)[0] if other is not domain else draw.choice(domain.chaff))
            wanted = torch.tensor([fact for _, fact in phrases] + [len(domain.facts)] * len(stray))
            logits = reader.logits([text for text, _ in phrases] + stray, domain.facts)
            loss = F.cross_entropy(logits, wanted, label_smoothing=0.02)
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1.0, done / 50) * (1 - done / (total + 1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done, loss_sum = done + 1, loss_sum + loss.item()
        if said:
            said(f"epoch {epoch + 1} of {epochs}: loss {loss_sum / len(here):.3f}")
    return reader.eval()


def make_reader(
    folder: Path, epochs: int = 4, seed: int = 0, said: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Train a reader, measure it on the domains that are held out, save it; returns its card."""
    from wmagent.model.files import write_json

    taught, held = domains(False), domains(True)
    reader = train_reader(taught, epochs, seed=seed, said=said)
    reader.save(folder)
    card = {
        "what": "low-rank weights for all-MiniLM-L6-v2 that tell which fact a phrase means",
        "domains": [domain.name for domain in taught],
        "held_out_domains": [domain.name for domain in held],
        "phrases": sum(len(domain.phrases) for domain in taught),
        "epochs": epochs,
        "seed": seed,
        "held_out": measure(reader, held, SURE),
        "untrained": measure(PhraseReader(None), held, SURE),
    }
    write_json(folder / "training.json", card)
    return card


def measure(reader: PhraseReader, asked: Sequence[Domain], sure: float) -> dict[str, Any]:
    """Return, over domains: exact (phrases whose likeliest reading is right), and at `sure`: answered, and the share of
    answers that is wrong (chaff that is taken for a fact included)."""
    right = answered = wrong = n = 0
    for domain in asked:
        texts = [text for text, _ in domain.phrases] + list(domain.chaff)
        wanted = torch.tensor([fact for _, fact in domain.phrases] + [len(domain.facts)] * len(domain.chaff))
        with torch.inference_mode():
            chance, top = reader.logits(texts, domain.facts).softmax(-1).max(-1)
        phrases = len(domain.phrases)
        said = (chance >= sure) & (top < len(domain.facts))
        right += int((top == wanted)[:phrases].sum())
        answered += int(said.sum())
        wrong += int((said & (top != wanted)).sum())
        n += phrases
    return {"n": n, "exact": right / n, "answered": answered / n, "wrong": wrong / max(1, answered)}


def _batches(domain: Domain, draw: random.Random) -> list[tuple[Domain, list[tuple[str, int]]]]:
    mixed = list(domain.phrases)
    draw.shuffle(mixed)
    return [(domain, mixed[i : i + BATCH]) for i in range(0, len(mixed), BATCH)]
