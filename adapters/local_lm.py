"""A causal language model on this machine: continuations, their scores over a shared prefix, and hidden states.
Knows transformers; must not know facts, goals or plans."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from wmagent.errors import InputError

log = logging.getLogger(__name__)

SCORED_AT_ONCE = 32  # continuations per forward pass


class Turn(Protocol):
    """One turn of a conversation: role is system, user or assistant."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class LocalLM:
    """A Hugging Face causal language model from a local folder or hub id, loaded when first used.

    `dtype` is a torch dtype by name ("auto": as stored), `device_map` goes to accelerate ("auto" spreads over what is
    there), `quantised` is None, "8bit" or "4bit" (needs bitsandbytes). Code that comes with a model is never run, and
    only safetensors are read. A tokenizer without a chat template gets a plain one: "role: content" lines.
    """

    def __init__(
        self,
        source: str | Path,
        dtype: str = "auto",
        device_map: str | None = None,
        quantised: str | None = None,
    ) -> None:
        self.name = Path(source).name or str(source)
        self.source, self.dtype, self.device_map, self.quantised = str(source), dtype, device_map, quantised
        if quantised not in (None, "8bit", "4bit"):
            raise InputError(f"quantised must be '8bit', '4bit' or left out, not {quantised!r}")
        self._loaded: tuple[Any, Any] | None = None

    @property
    def model(self) -> Any:
        """The transformers model, in evaluation mode."""
        return self._load()[0]

    @property
    def tokenizer(self) -> Any:
        """The tokenizer that belongs to it."""
        return self._load()[1]

    def complete(self, messages: Sequence[Turn], max_tokens: int = 256, stop: Sequence[str] = ()) -> str:
        """Return the greedy answer's text, cut before the first stop text."""
        ids = self._prompt(messages)
        ends = [token for token in (self.tokenizer.eos_token_id,) if token is not None]
        with torch.inference_mode():
            found = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max_tokens,
                do_sample=False,
                pad_token_id=ends[0] if ends else 0,
                **({"stop_strings": list(stop), "tokenizer": self.tokenizer} if stop else {}),
            )
        text = self.tokenizer.decode(found[0, ids.shape[1] :], skip_special_tokens=True)
        return text[: min([place for word in stop if (place := text.find(word)) >= 0], default=len(text))]

    def score(self, messages: Sequence[Turn], continuations: Sequence[str]) -> list[float]:
        """Return the log-probability of every continuation as the answer, summed over its tokens.

        The prompt is read once; the continuations share its cache.
        """
        prompt = self._prompt(messages)
        given = [self._ids(text) for text in continuations]
        if any(not len(ids) for ids in given):
            raise InputError("a continuation without any token cannot be scored")
        found: list[float] = []
        with torch.inference_mode():
            begun = self.model(prompt, use_cache=True)
            first = begun.logits[:, -1].float().log_softmax(-1)[0]
            for start in range(0, len(given), SCORED_AT_ONCE):
                part = given[start : start + SCORED_AT_ONCE]
                found += self._scored(copy.deepcopy(begun.past_key_values), first, part)
        return found

    def _scored(self, cache: Any, first: Tensor, given: Sequence[Tensor]) -> list[float]:
        longest = max(len(ids) for ids in given)
        padded = torch.zeros(len(given), longest, dtype=torch.long, device=first.device)
        for row, ids in enumerate(given):
            padded[row, : len(ids)] = ids
        sums = first[padded[:, 0]].clone()
        if longest > 1:
            cache.batch_repeat_interleave(len(given))
            # padding comes last and is causal: it changes nothing before it
            logits = self.model(padded[:, :-1], past_key_values=cache, use_cache=True).logits.float().log_softmax(-1)
            each = logits.gather(2, padded[:, 1:, None]).squeeze(2)
            counts = torch.tensor([len(ids) - 1 for ids in given], device=first.device)
            sums += torch.where(torch.arange(longest - 1, device=first.device) < counts[:, None], each, 0.0).sum(1)
        return sums.tolist()

    def hidden(self, sentences: Sequence[str], layer: int = -1) -> Tensor:
        """Return (v, width) float32: a layer's hidden states (0: embeddings), averaged over each sentence's tokens."""
        rows = []
        with torch.inference_mode():
            for part in _parts(sentences, 64):
                ids = [self._ids(text) for text in part]
                longest = max(len(row) for row in ids)
                padded, mask = (torch.zeros(len(ids), longest, dtype=torch.long, device=self._device) for _ in range(2))
                for place, row in enumerate(ids):
                    padded[place, : len(row)], mask[place, : len(row)] = row, 1
                states = self.model(padded, attention_mask=mask, output_hidden_states=True).hidden_states
                if not -len(states) <= layer < len(states):
                    raise InputError(f"{self.name} has layers 0 to {len(states) - 1}, not {layer}")
                weight = mask[..., None].float()
                rows.append((states[layer].float() * weight).sum(1) / weight.sum(1))
        return torch.cat(rows).cpu() if rows else torch.zeros(0, self.width)

    @property
    def width(self) -> int:
        """Numbers per hidden state."""
        return int(self.model.config.hidden_size)

    @property
    def _device(self) -> torch.device:
        return self.model.get_input_embeddings().weight.device

    def _prompt(self, messages: Sequence[Turn]) -> Tensor:
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        else:
            text = "".join(f"{turn['role']}: {turn['content']}\n" for turn in turns) + "assistant: "
        return self._ids(text)[None]

    def _ids(self, text: str) -> Tensor:
        found = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        return found.input_ids[0].long().to(self._device)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForCausalLM

            local = Path(self.source).is_dir()
            options: dict[str, Any] = {"dtype": self.dtype, "trust_remote_code": False, "use_safetensors": True}
            if self.device_map is not None:
                options["device_map"] = self.device_map
            if self.quantised is not None:
                from transformers import BitsAndBytesConfig

                bits = BitsAndBytesConfig(load_in_8bit=self.quantised == "8bit", load_in_4bit=self.quantised == "4bit")
                options["quantization_config"] = bits
            log.info("loading language model from %s", self.source)
            try:
                tokenizer = _tokenizer(self.source, local)
                model = AutoModelForCausalLM.from_pretrained(self.source, local_files_only=local, **options).eval()
            except (OSError, ValueError, ImportError) as error:
                raise InputError(f"no language model at {self.source!r}: {error}") from error
            rows = model.config.vocab_size
            if len(tokenizer) > rows:
                raise InputError(
                    f"the tokenizer of {self.source!r} has {len(tokenizer)} tokens, its model only {rows}: they do not "
                    "belong together"
                )
            self._loaded = model, tokenizer
        return self._loaded


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


def _tokenizer(source: str, local: bool) -> Any:
    """Return the tokenizer; a folder's own tokenizer.json is taken as it is (a model type may bring another one)."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if local and (Path(source) / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(source)
    return AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=local)


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
