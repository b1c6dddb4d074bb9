"""What a phrase means among known facts: MiniLM with low-rank weights that learned how people say facts.
Knows sentences and facts as texts; must not know models of worlds, goals, or how the weights were trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.silence import quiet
from wmagent.adapters.text import packaged_minilm
from wmagent.errors import CheckpointError

PACKAGED = Path(__file__).parent / "phrase_reader"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
TARGETS = ["query", "key", "value", "dense"]
LONGEST = 48  # tokens of a phrase


class PhraseReader(nn.Module):
    """Scores phrases against facts by the cosine of their embeddings, sharpened, with a bar that nothing has to pass to
    mean none of them (a bi-encoder, trained with InfoNCE over the facts of one world)."""

    def __init__(self, folder: Path | None = PACKAGED, rank: int = 16) -> None:
        """Load trained weights, or with `folder` None begin new ones. CheckpointError where they are damaged."""
        from peft import LoraConfig, PeftModel, get_peft_model
        from transformers import AutoModel, AutoTokenizer

        super().__init__()
        path = packaged_minilm()
        with quiet():
            self.tokenizer: Any = AutoTokenizer.from_pretrained(path)
            base = AutoModel.from_pretrained(path, use_safetensors=True)
            try:
                if folder is None:
                    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, lora_dropout=0.05)
                    self.encoder: Any = get_peft_model(base, config)
                    head = {"scale": 3.0, "none": 0.3}
                else:
                    self.encoder = PeftModel.from_pretrained(base, folder)
                    head = json.loads((folder / "head.json").read_text("utf-8"))
                scale, none = float(head["scale"]), float(head["none"])
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                raise CheckpointError(f"{folder}: no phrase reader there ({error})") from error
        self.scale = nn.Parameter(torch.tensor(scale))
        self.none = nn.Parameter(torch.tensor(none))
        self.eval()

    def logits(self, phrases: Sequence[str], facts: Sequence[tuple[str, str]]) -> Tensor:
        """Return (phrases, facts + 1) scores; the last column is for meaning none of them."""
        vectors = self._embed([*phrases, *(fact_said(key, value) for key, value in facts)])
        alike = vectors[: len(phrases)] @ vectors[len(phrases) :].T
        return torch.cat([alike, self.none.expand(len(phrases), 1)], 1) * self.scale.exp()

    def read(self, phrase: str, facts: Sequence[tuple[str, str]]) -> list[float]:
        """Return P(the phrase means each fact), and last P(it means none of them)."""
        with torch.inference_mode():
            return self.logits([phrase], facts).softmax(-1)[0].tolist()

    def save(self, folder: Path) -> None:
        """Save the low-rank weights (half precision) and the head."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, weight in self.encoder.named_parameters():
            if "lora" in name:
                weight.data = weight.data.half()
        self.encoder.peft_config["default"].base_model_name_or_path = BASE  # not where it lies on this machine
        self.encoder.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        head = {"scale": self.scale.item(), "none": self.none.item()}
        (folder / "head.json").write_text(json.dumps(head), encoding="utf-8")
        self.encoder.float()

    def _embed(self, texts: Sequence[str]) -> Tensor:
        read = self.tokenizer(list(texts), padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        hidden = self.encoder(**read).last_hidden_state
        told = read["attention_mask"][..., None].float()
        return F.normalize((hidden * told).sum(1) / told.sum(1), dim=-1)


def fact_said(key: str, value: str) -> str:
    """Return how a fact is put to the encoder."""
    return f"{key.replace('_', ' ').replace('.', ' ')} is {value.replace('_', ' ')}"
