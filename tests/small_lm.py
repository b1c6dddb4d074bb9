"""A real but tiny causal language model with its own tokenizer, made in a folder. Knows transformers, no test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TEXT = (
    "status draft in review approved legal review passed not started submit approve negotiate rush unsure",
    "facts goal actions system user assistant case plan step hours cost reach never 0 1 2 3 4 5 6 7 8 9",
)


def make(folder: Path, text: Iterable[str] = TEXT, chat_template: str | None = None, vocabulary: int = 400) -> Path:
    """Write a Llama-type model of about 40,000 random parameters and its BPE tokenizer; returns the folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=["<end>"], initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>")
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=1024,
        eos_token_id=0,  # <end>
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
