"""Text backends: what every one promises, and what each is for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wmagent.adapters.text import Learned, MiniLM, TextBackend, text_backend
from wmagent.errors import CheckpointError, InputError
from wmagent.registry import names, resolve

installed = pytest.mark.skipif(not MiniLM.available(), reason="needs the extra wmagent[text]")


@pytest.fixture(params=["learned", pytest.param("minilm", marks=installed)], scope="module")
def backend(request: pytest.FixtureRequest) -> TextBackend:
    return text_backend(request.param)


def test_sentences_become_unit_vectors_whatever_their_company(backend: TextBackend) -> None:
    sentences = ["status: approved", "legal review: not started", "", "🙂 naïve"]
    together = backend.embed(sentences)
    assert together.shape == (4, backend.width)
    assert torch.allclose(together.norm(dim=-1), torch.ones(4), atol=1e-4)
    alone = backend.embed(sentences[1:2])
    assert torch.allclose(together[1:2], alone, atol=1e-5)
    assert backend.embed([]).shape == (0, backend.width)


def test_words_in_common_bring_sentences_closer(backend: TextBackend) -> None:
    near, far, asked = backend.embed(["legal review: passed", "battery level: 80", "the legal review has passed"])
    assert asked @ near > asked @ far + 0.2


@installed
def test_meaning_without_common_words_needs_a_pretrained_backend() -> None:
    near, far, asked = text_backend("minilm").embed(["invoice paid", "wifi disabled", "the bill was settled"])
    assert asked @ near > asked @ far + 0.2


@installed
def test_changed_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmagent.adapters.text._MINILM_SHA256", "0" * 64)
    with pytest.raises(CheckpointError, match="not the known MiniLM file"):
        MiniLM().embed(["anything"])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text backend at"):
        text_backend(str(tmp_path / "nowhere"))


def test_backends_are_found_by_short_name() -> None:
    assert set(names("text")) >= {"minilm", "learned"}
    assert resolve("text", "learned") is Learned
    with pytest.raises(InputError, match="did you mean 'learned'"):
        resolve("text", "lerned")
