"""Makes small causal language models: a BPE tokenizer, a Llama-type network, and training on conversations.
Knows transformers and tokenizers; must not know facts, goals or plans."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from wmagent.adapters.local_lm import Turn
from wmagent.adapters.silence import quiet
from wmagent.errors import InputError

END, PAD = "<|end|>", "<|pad|>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '" + END + "' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
REST = 0.1  # weight of a token that is no answer
Said = Callable[[int, int, float], None]  # tokens read, tokens in all, loss


class Trainable(Protocol):
    """What is trained: a transformers model and its tokenizer."""

    @property
    def model(self) -> Any: ...

    @property
    def tokenizer(self) -> Any: ...


@dataclass(frozen=True)
class Size:
    """A network: hidden width, layers, heads (each of `width / heads`), key-value heads, MLP width, vocabulary."""

    width: int = 192
    layers: int = 6
    heads: int = 6
    key_value_heads: int = 3
    expand: int = 512
    vocabulary: int = 2048
    context: int = 2048


@dataclass(frozen=True)
class Fitting:
    """How a model is trained: passes over the documents, tokens per step, peak rate, and how it warms up and decays."""

    passes: float = 1.0
    tokens: int = 4096
    rate: float = 2e-3
    warmup: float = 0.03
    weight_decay: float = 0.05
    half: bool = True  # matrix products in bfloat16


def make(folder: Path, texts: Iterable[str], size: Size, seed: int) -> Path:
    """Write a tokenizer trained on `texts` and a network of random weights; returns the folder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    special = [END, PAD, *ROLES.values()]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size.vocabulary, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD)
    tokenizer.chat_template = CHAT_TEMPLATE
    with quiet():
        tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        intermediate_size=size.expand,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_value_heads,
        max_position_embeddings=size.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=special.index(END),  # special tokens come first
        pad_token_id=special.index(PAD),
    )
    save(LlamaForCausalLM(config), folder)
    return folder


def save(model: Any, folder: Path) -> None:
    """Write a network's weights and config as a transformers folder, silently."""
    with quiet():
        model.save_pretrained(folder)


def fit(
    lm: Trainable, documents: Sequence[Sequence[Turn]], fitting: Fitting, seed: int, said: Said | None = None
) -> dict[str, float]:
    """Train every parameter that wants a gradient on conversations; answers count fully, all else by REST.

    Returns the tokens read, the seconds it took and the last loss per answer token. InputError without documents.
    """
    if not documents:
        raise InputError("there are no documents to train on")
    batches = _batches(_encoded(lm.tokenizer, documents), fitting, seed)
    model, total = lm.model, sum(batch.numel() for batch, _ in batches)
    wanted = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in wanted if p.dim() > 1], "weight_decay": fitting.weight_decay},
        {"params": [p for p in wanted if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=fitting.rate, betas=(0.9, 0.98))
    began, read, shown = time.monotonic(), 0, 0.0
    model.train()
    for step, (ids, weight) in enumerate(batches):
        done = step / len(batches)
        scale = min(1.0, (step + 1) / max(1.0, fitting.warmup * len(batches))) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = fitting.rate * max(scale, 0.01)
        with torch.autocast("cpu", torch.bfloat16, enabled=fitting.half):
            logits = model(ids[:, :-1]).logits
        loss, answers = _loss(logits, ids[:, 1:], weight[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(wanted, 1.0)
        optimizer.step()
        read += ids.numel()
        shown = answers if not step else 0.98 * shown + 0.02 * answers
        if said and (step % 20 == 19 or step + 1 == len(batches)):
            said(read, total, shown)
    model.eval()
    return {"tokens": read, "seconds": round(time.monotonic() - began, 1), "loss": round(shown, 4)}


def _loss(logits: Tensor, targets: Tensor, weight: Tensor) -> tuple[Tensor, float]:
    each = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    flat = weight.flatten()
    answers = each.detach()[flat == 1.0]
    return (each * flat).sum() / flat.sum(), answers.mean().item() if len(answers) else 0.0


def _encoded(tokenizer: Any, documents: Sequence[Sequence[Turn]]) -> list[tuple[list[int], list[float]]]:
    """Return token ids with weights: 1 for an assistant's words and its end, REST for all else."""
    texts, weights = [], []
    for turns in documents:
        for turn in turns:
            texts += [ROLES[turn.role], turn.content + END]
            weights += [REST, 1.0 if turn.role == "assistant" else REST]
    ids = iter(zip(tokenizer(texts, add_special_tokens=False).input_ids, weights, strict=True))
    found = []
    for turns in documents:
        row: list[int] = []
        weight: list[float] = []
        for _ in range(2 * len(turns)):
            tokens, share = next(ids)
            row += tokens
            weight += [share] * len(tokens)
        found.append((row, weight))
    return found


def _batches(rows: Sequence[tuple[list[int], list[float]]], fitting: Fitting, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Return padded batches of about `tokens` tokens, documents of like length together, in a seeded order."""
    draw, found = Random(seed), []
    whole, rest = divmod(round(fitting.passes * len(rows)), len(rows))
    for number in range(whole + bool(rest)):
        order = list(range(len(rows)))
        draw.shuffle(order)
        order = order[:rest] if number == whole else order
        order.sort(key=lambda i: len(rows[i][0]) // 16)
        batch: list[int] = []
        batches = []
        for i in order:
            if batch and (len(batch) + 1) * len(rows[i][0]) > fitting.tokens:
                batches.append(_padded([rows[j] for j in batch]))
                batch = []
            batch.append(i)
        batches.append(_padded([rows[j] for j in batch]))
        draw.shuffle(batches)
        found += batches
    return found


def _padded(rows: Sequence[tuple[list[int], list[float]]]) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    ids, weights = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest)
    for place, (row, weight) in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        weights[place, : len(row)] = torch.tensor(weight)
    return ids, weights
