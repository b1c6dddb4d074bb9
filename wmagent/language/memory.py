"""What fits on one GPU: a language model's weights, its cache, scoring, and a world model beside it, in bytes.
Computed from sizes alone; `measured` holds the computation against a model that is really built here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GIB = 1024**3
# Bits per weight of a linear layer. bitsandbytes keeps embeddings, the head and norms in half precision; nf4 with
# double quantisation adds 8 bits per 64 weights and 32 bits per 256 of those (Dettmers et al. 2023, QLoRA).
BITS = {"bf16": 16.0, "8bit": 8.0, "4bit": 4.0 + 8 / 64 + 32 / (64 * 256)}
CONTEXT_GIB = 0.6  # what a CUDA context and its libraries take before anything is loaded
SPARE = 0.08  # share of the card left for fragments
WORLD_MIB = 64  # a world model of preset small with a record of 60,000 rows, its adapters and an imagined batch


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder-only model: width, layers, heads, key-value heads, MLP width, vocabulary."""

    width: int
    layers: int
    heads: int
    key_value_heads: int
    mlp: int
    vocabulary: int
    tied: bool = False
    biases: bool = False  # of queries, keys and values (Qwen 2)
    head: int | None = None  # numbers per head; width / heads if not said

    @property
    def per_head(self) -> int:
        """Numbers per head."""
        return self.head or self.width // self.heads

    @property
    def linear(self) -> int:
        """Weights of the layers that quantisation makes smaller."""
        attention = self.width * self.per_head * (2 * self.heads + 2 * self.key_value_heads)
        return self.layers * (attention + 3 * self.width * self.mlp)

    @property
    def rest(self) -> int:
        """Embeddings, head, norms and biases."""
        norms = (2 * self.layers + 1) * self.width
        biases = self.layers * self.per_head * (self.heads + 2 * self.key_value_heads) if self.biases else 0
        return self.vocabulary * self.width * (1 if self.tied else 2) + norms + biases

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.linear + self.rest


# Sizes as the models' own config.json files give them.
KNOWN: dict[str, Shape] = {
    "Qwen2.5-0.5B": Shape(896, 24, 14, 2, 4864, 151_936, tied=True, biases=True),
    "Llama-3.2-1B": Shape(2048, 16, 32, 8, 8192, 128_256, tied=True),
    "Qwen2.5-1.5B": Shape(1536, 28, 12, 2, 8960, 151_936, tied=True, biases=True),
    "Qwen2.5-3B": Shape(2048, 36, 16, 2, 11_008, 151_936, tied=True, biases=True),
    "Llama-3.2-3B": Shape(3072, 28, 24, 8, 8192, 128_256, tied=True),
    "Qwen2.5-7B": Shape(3584, 28, 28, 4, 18_944, 152_064, biases=True),
    "Llama-3.1-8B": Shape(4096, 32, 32, 8, 14_336, 128_256),
    "Qwen2.5-14B": Shape(5120, 48, 40, 8, 13_824, 152_064, biases=True),
    "Qwen2.5-32B": Shape(5120, 64, 40, 8, 27_648, 152_064, biases=True),
}


@dataclass(frozen=True)
class Use:
    """What is done with the model: tokens of a prompt, candidates scored over it at once (LocalLM's `scored_at_once`)
    and their tokens, LoRA rank (0: no training) and the tokens of one training batch."""

    prompt: int = 2048
    candidates: int = 8
    candidate_tokens: int = 16
    lora_rank: int = 0
    batch_tokens: int = 1024


def weights(shape: Shape, precision: str) -> float:
    """Return the bytes of the weights at a precision of BITS."""
    return shape.linear * BITS[precision] / 8 + shape.rest * 2


def cache(shape: Shape, tokens: int, rows: int = 1, size: int = 2) -> int:
    """Return the bytes of keys and values of `rows` texts of `tokens` tokens, `size` bytes a number."""
    return 2 * shape.layers * shape.key_value_heads * shape.per_head * tokens * rows * size


def needed(shape: Shape, precision: str, use: Use) -> dict[str, float]:
    """Return the bytes by part: weights, cache, scoring, training, the world model beside it."""
    copies = cache(shape, use.prompt + use.candidate_tokens, use.candidates)
    logits = use.candidates * use.candidate_tokens * shape.vocabulary * 4 * 2  # as numbers and as log-probabilities
    training = 0.0
    if use.lora_rank:
        attention = 4 * shape.width + 2 * shape.per_head * (shape.heads + shape.key_value_heads)
        ends = attention + 3 * (shape.width + shape.mlp)
        training = shape.layers * ends * use.lora_rank * 16.0  # weight, gradient and two moments of 4 bytes
        training += use.batch_tokens * shape.layers * shape.width * 2  # one state per layer; the rest is recomputed
        training += use.batch_tokens * (shape.vocabulary * 4 * 2 + (3 * shape.mlp + 6 * shape.width) * 2)
    return {
        "weights": weights(shape, precision),
        "cache": float(cache(shape, use.prompt) + copies),
        "scoring": float(logits),
        "training": training,
        "world model": WORLD_MIB * 1024.0**2,
        "context": CONTEXT_GIB * GIB,
    }


def plan(
    cards: Sequence[float] = (8, 12, 24), shapes: Mapping[str, Shape] | None = None, use: Use | None = None
) -> list[dict[str, Any]]:
    """Return one row per model and precision: its parts in GiB, the sum, and for each card (GB as sold) whether it
    fits with SPARE left over."""
    use, found = use or Use(), []
    for name, shape in (shapes or KNOWN).items():
        for precision in BITS:
            parts = needed(shape, precision, use)
            total = sum(parts.values())
            fits = {f"{card:g} GB": total <= card * GIB * (1 - SPARE) for card in cards}
            found.append(
                {
                    "model": name,
                    "parameters": shape.parameters,
                    "precision": precision,
                    **{part: round(size / GIB, 3) for part, size in parts.items()},
                    "total": round(total / GIB, 2),
                    "fits": fits,
                }
            )
    return found


def shape_of(config: Any) -> Shape:
    """Return the sizes of a transformers config of Llama's or Qwen 2's kind."""
    return Shape(
        config.hidden_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.intermediate_size,
        config.vocab_size,
        tied=bool(config.tie_word_embeddings),
        biases=config.model_type == "qwen2",
        head=getattr(config, "head_dim", None),
    )


def measured(shape: Shape, tokens: int = 512) -> dict[str, float]:
    """Build a model of these sizes here, in bfloat16, read `tokens` tokens with it, and return its bytes beside what is
    computed: weights, cache, and the largest of their relative errors."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        tie_word_embeddings=shape.tied,
        head_dim=shape.per_head,
    )
    model: Any = LlamaForCausalLM(config).eval()
    model.to(torch.bfloat16)
    own = {id(p): p.numel() * p.element_size() for p in model.parameters()}
    with torch.inference_mode():
        read = model(torch.zeros(1, tokens, dtype=torch.long), use_cache=True).past_key_values
    kept = sum(part.numel() * part.element_size() for layer in read.layers for part in (layer.keys, layer.values))
    found = {"weights": sum(own.values()), "cache": kept}
    said = {"weights": weights(shape, "bf16"), "cache": cache(shape, tokens)}
    wrong = max(abs(said[name] - found[name]) / found[name] for name in found)
    both = {f"{name} measured": float(size) for name, size in found.items()}
    return both | {f"{name} computed": float(size) for name, size in said.items()} | {"worst relative error": wrong}
