"""A causal language model on this machine: continuations, their scores over a shared prefix, and hidden states.
Knows transformers; must not know facts, goals or plans."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from wmagent.adapters.silence import quiet
from wmagent.errors import InputError

log = logging.getLogger(__name__)

TINY = "tiny"  # the name of the language model that comes with the package
PEFT = "adapter_config.json"  # a folder with this file holds LoRA weights beside the name of their base model


class Turn(Protocol):
    """One turn of a conversation: role is system, user or assistant."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class LocalLM:
    """A Hugging Face causal language model from a local folder or hub id, loaded when first used.

    `tiny` is the demonstration model that comes with the package. A folder that peft saved is its base model with the
    LoRA weights in it.

    `dtype` is a torch dtype by name ("auto": as stored), `device_map` goes to accelerate ("auto" spreads over what is
    there), `quantised` is None, "8bit" or "4bit" (needs bitsandbytes), `scored_at_once` continuations share one pass.
    Code that comes with a model is never run, and only safetensors are read. A tokenizer without a chat template gets a
    plain one: "role: content" lines.
    """

    def __init__(
        self,
        source: str | Path,
        dtype: str = "auto",
        device_map: str | None = None,
        quantised: str | None = None,
        scored_at_once: int = 32,
    ) -> None:
        if str(source) == TINY:
            source, dtype = tiny_folder(), "float32" if dtype == "auto" else dtype
        self.name = Path(source).name or str(source)
        self.source, self.dtype, self.device_map, self.quantised = str(source), dtype, device_map, quantised
        if quantised not in (None, "8bit", "4bit"):
            raise InputError(f"quantised must be '8bit', '4bit' or left out, not {quantised!r}")
        self.scored_at_once = scored_at_once
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
        text = self.complete_all([messages], max_tokens, **({"stop_strings": list(stop)} if stop else {}))[0]
        return text[: min([place for word in stop if (place := text.find(word)) >= 0], default=len(text))]

    def complete_all(
        self, conversations: Sequence[Sequence[Turn]], max_tokens: int = 256, **generation: Any
    ) -> list[str]:
        """Return one answer per conversation, read and written together; greedy unless `generation` says otherwise."""
        prompts = [self._prompt(messages)[0] for messages in conversations]
        longest, end = max(len(ids) for ids in prompts), self.tokenizer.eos_token_id
        ids = torch.full((len(prompts), longest), end or 0, device=self._device)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):  # padding comes first, so that all answers begin at the same place
            ids[row, longest - len(prompt) :], mask[row, longest - len(prompt) :] = prompt, 1
        options: dict[str, Any] = {"do_sample": False, "max_new_tokens": max_tokens, **generation}
        if "stop_strings" in options:
            options["tokenizer"] = self.tokenizer
        with torch.inference_mode():
            found = self.model.generate(ids, attention_mask=mask, pad_token_id=end or 0, **options)
        return self.tokenizer.batch_decode(found[:, longest:], skip_special_tokens=True)

    def score(self, messages: Sequence[Turn], continuations: Sequence[str]) -> list[float]:
        """Return the log-probability of every continuation as the answer, summed over its tokens.

        The prompt is read once; the continuations share its cache.
        """
        prompt = self._prompt(messages)
        given = [self.ids(text) for text in continuations]
        if any(not len(ids) for ids in given):
            raise InputError("a continuation without any token cannot be scored")
        found: list[float] = []
        with torch.inference_mode():
            begun = self.model(prompt, use_cache=True)
            first = begun.logits[:, -1].float().log_softmax(-1)[0]
            for start in range(0, len(given), self.scored_at_once):
                part = given[start : start + self.scored_at_once]
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

    def choose(
        self, messages: Sequence[Turn], options: Sequence[str], keep: int = 1, beam: int = 8
    ) -> list[tuple[str, float]]:
        """Write an answer that is one of `options`, token by token; returns the `keep` likeliest that were found, best
        first, with their log-probabilities (the end of the answer included).

        Cheaper than `score` where options are many: what no likely beginning leads to is never read.
        """
        end = [] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id]
        paths = {(*self.ids(text).tolist(), *end): text for text in options}
        following: dict[tuple[int, ...], set[int]] = {}
        for path in paths:
            for place, token in enumerate(path):
                following.setdefault(path[:place], set()).add(token)
        alive, found = [((), 0.0)], list[tuple[str, float]]()
        with torch.inference_mode():
            begun = self.model(self._prompt(messages), use_cache=True)
            first = begun.logits[:, -1].float().log_softmax(-1)
            while alive:
                ahead = self._ahead(begun.past_key_values, [path for path, _ in alive], first)
                grown = [
                    ((*path, token), score + ahead[row, token].item())
                    for row, (path, score) in enumerate(alive)
                    for token in following[path]
                ]
                grown.sort(key=lambda one: -one[1])
                found += [(paths[path], score) for path, score in grown if path in paths]
                alive = [one for one in grown if one[0] in following][: max(beam, keep)]
                best = sorted((score for _, score in found), reverse=True)
                alive = [one for one in alive if len(best) < keep or one[1] > best[keep - 1]]
        return sorted(found, key=lambda one: -one[1])[:keep]

    def _ahead(self, cache: Any, paths: Sequence[tuple[int, ...]], first: Tensor) -> Tensor:
        """Return log-probabilities (p, v) of the next token after each path, all of one length."""
        if not paths[0]:
            return first
        read = copy.deepcopy(cache)
        read.batch_repeat_interleave(len(paths))
        ids = torch.tensor(paths, device=first.device)
        return self.model(ids, past_key_values=read, use_cache=True).logits[:, -1].float().log_softmax(-1)

    def hidden(self, sentences: Sequence[str], layer: int = -1) -> Tensor:
        """Return (v, width) float32: a layer's hidden states (0: embeddings), averaged over each sentence's tokens."""
        with torch.inference_mode():
            rows = [self.states(part, layer) for part in _parts(sentences, 64)]
        return torch.cat(rows).cpu() if rows else torch.zeros(0, self.width)

    def states(self, sentences: Sequence[str], layer: int = -1) -> Tensor:
        """Return the same for a few sentences read at once, with gradients where they are wanted."""
        ids = [self.ids(text) for text in sentences]
        longest = max(len(row) for row in ids)
        padded, mask = (torch.zeros(len(ids), longest, dtype=torch.long, device=self._device) for _ in range(2))
        for place, row in enumerate(ids):
            padded[place, : len(row)], mask[place, : len(row)] = row, 1
        states = self.model(padded, attention_mask=mask, output_hidden_states=True).hidden_states
        if not -len(states) <= layer < len(states):
            raise InputError(f"{self.name} has layers 0 to {len(states) - 1}, not {layer}")
        weight = mask[..., None].float()
        return (states[layer].float() * weight).sum(1) / weight.sum(1)

    @property
    def width(self) -> int:
        """Numbers per hidden state."""
        return int(self.model.config.hidden_size)

    @property
    def _device(self) -> torch.device:
        return self.model.get_input_embeddings().weight.device

    def prompt(self, messages: Sequence[Turn]) -> str:
        """Return the text that is put to the model for a conversation, up to where the answer begins."""
        turns = [{"role": turn.role, "content": turn.content} for turn in messages]
        if self.tokenizer.chat_template:
            return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return "".join(f"{turn['role']}: {turn['content']}\n" for turn in turns) + "assistant: "

    def _prompt(self, messages: Sequence[Turn]) -> Tensor:
        return self.ids(self.prompt(messages))[None]

    def ids(self, text: str) -> Tensor:
        """Return a text's token ids (t,)."""
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
                lora = local and (Path(self.source) / PEFT).exists()
                base = _base(Path(self.source)) if lora else self.source
                local = Path(base).is_dir()
                tokenizer = _tokenizer(base, local)
                with quiet():
                    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=local, **options).eval()
                if lora:
                    from peft import PeftModel

                    with quiet():
                        model = PeftModel.from_pretrained(model, self.source).merge_and_unload().eval()
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


def upper_layers(source: str, count: int) -> list[dict[str, Tensor]]:
    """Return the weights of a language model's last `count` layers, by their names in a layer; InputError if it has
    fewer."""
    layers = getattr(getattr(LocalLM(source, dtype="float32").model, "model", None), "layers", ())
    if len(layers) < count:
        raise InputError(f"{source!r} has {len(layers)} decoder layers, not {count}")
    return [dict(layer.state_dict()) for layer in layers[len(layers) - count :]]


def tiny_folder() -> Path:
    """Return where the language model that comes with the package lies; InputError where it was left out."""
    folder = Path(__file__).parent / TINY
    if not (folder / "model.safetensors").exists():
        raise InputError("the tiny language model is not installed; make one with `wmagent lm make FOLDER`")
    return folder


def _base(folder: Path) -> str:
    """Return what LoRA weights belong to."""
    base = json.loads((folder / PEFT).read_text("utf-8")).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise InputError(f"{folder / PEFT} does not say which model its weights belong to")
    return str(tiny_folder()) if base == TINY else base


def _tokenizer(source: str, local: bool) -> Any:
    """Return the tokenizer; a folder's own tokenizer.json is taken as it is (a model type may bring another one)."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if local and (Path(source) / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(source)
    return AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=local)


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
