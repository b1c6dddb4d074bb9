"""Sentences as one frozen vector per token: MiniLM's states after some of its layers, or hashed words without it.
Knows sentences; must not know what is learned from the vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from wmagent.adapters.silence import quiet
from wmagent.adapters.text import Learned, MiniLM, packaged_minilm
from wmagent.errors import unknown

LAYER = 4  # of MiniLM's 6: early ones keep single words apart, which the last, made for whole sentences, blurs
LONGEST = 32  # tokens
AT_ONCE = 64


class Tokens(Protocol):
    """`source` is the name by which the same vectors are made again; `width` how many numbers a vector has."""

    source: str
    width: int

    def read(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return vectors (n, LONGEST, width) and which of them stand for a token (n, LONGEST) bool."""
        ...


class MiniLMTokens:
    """States of the packaged MiniLM after `LAYER` layers, in context. Loaded at the first sentence."""

    source, width = "minilm", 384

    def __init__(self) -> None:
        self._parts: tuple[Any, Any] | None = None

    @torch.no_grad()
    def read(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See `Tokens`."""
        tokenizer, model = self._parts = self._parts or _loaded()
        states = torch.zeros(len(sentences), LONGEST, self.width)
        masks = torch.zeros(len(sentences), LONGEST, dtype=torch.bool)
        order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))  # little is padded
        for begin in range(0, len(order), AT_ONCE):
            rows = order[begin : begin + AT_ONCE]
            read = tokenizer(
                [sentences[row] for row in rows], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            longest = read["input_ids"].shape[1]
            states[rows, :longest] = model(**read).last_hidden_state
            masks[rows, :longest] = read["attention_mask"].bool()
        return states, masks


class HashedTokens:
    """Hashed words and their trigrams, one vector a word, out of context: needs no weights, knows no synonyms."""

    source, width = "learned", 512

    def read(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See `Tokens`."""
        states, masks = torch.zeros(len(sentences), LONGEST, self.width), torch.zeros(len(sentences), LONGEST)
        for row, sentence in enumerate(sentences):
            words = re.findall(r"\w+", sentence.lower())[:LONGEST] or [""]
            states[row, : len(words)], masks[row, : len(words)] = Learned().embed(words) * 20, 1
        return states, masks.bool()


def tokens(source: str = "auto") -> Tokens:
    """Return token vectors by name, `minilm` or `learned`; `auto` takes the best installed."""
    if source == "auto":
        source = "minilm" if MiniLM.available() else "learned"
    made = {"minilm": MiniLMTokens, "learned": HashedTokens}
    if source not in made:
        raise unknown("source of token vectors", source, made)
    return made[source]()


def _loaded() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    path = packaged_minilm()
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModel.from_pretrained(path, use_safetensors=True)
    model.encoder.layer = model.encoder.layer[:LAYER]
    return tokenizer, model.eval().requires_grad_(False)
