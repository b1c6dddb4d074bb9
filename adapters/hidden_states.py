"""A language model's hidden states as text backend: facts in, vectors out. Knows local models; must not know facts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wmagent.adapters.local_lm import LocalLM
from wmagent.errors import InputError


class HiddenStates:
    """Text backend: sentences to a language model's hidden states, `lm:FOLDER` or `lm:FOLDER@LAYER` as its source.

    Each fact's sentence is read on its own and its tokens' states are averaged; vectors have length 1.
    """

    def __init__(self, source: str) -> None:
        folder, _, layer = source.removeprefix("lm:").partition("@")
        if not folder or (layer and not layer.lstrip("-").isdigit()):
            raise InputError(f"{source!r} is no language model as text backend; give lm:FOLDER or lm:FOLDER@LAYER")
        self.source, self.layer, self.lm = source, int(layer or -1), LocalLM(folder)
        self._known: dict[str, Tensor] = {}

    @property
    def width(self) -> int:
        """Numbers per vector."""
        return self.lm.width

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (v, width) float32 unit vectors; every distinct sentence is read once."""
        new = [text for text in dict.fromkeys(sentences) if text not in self._known]
        if new:
            vectors = self.lm.hidden(new, self.layer)
            self._known.update(zip(new, torch.nn.functional.normalize(vectors, dim=-1), strict=True))
        return torch.stack([self._known[text] for text in sentences]) if sentences else torch.zeros(0, self.width)
