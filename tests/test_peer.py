"""The LLM-only peer: it learns what it is told, stands behind the baselines' seam, and what it invents is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_lm import make

from wmagent.adapters.lm_training import Fitting, Size
from wmagent.adapters.lm_training import make as make_lm
from wmagent.domain.types import Action, Observation, Transition
from wmagent.errors import InputError
from wmagent.language.peer import LanguageWorld
from wmagent.model.baselines import Baseline
from wmagent.model.baselines.dynamics import BaselineDynamics


def row(before: str, action: str, after: str, error: str | None = None) -> Transition:
    fixed = {"owner": "us"}
    return Transition(
        Observation({"light": before, **fixed}),
        Action(action),
        Observation({"light": after, **fixed}),
        error=error,
        case="c",
    )


ROWS = [
    row("off", "press", "on"),
    row("on", "press", "off"),
    row("off", "wait", "off"),
    row("on", "wait", "on"),
    row("on", "break", "on", "not allowed"),
]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> LanguageWorld:
    size = Size(width=48, layers=2, heads=2, key_value_heads=1, expand=96, vocabulary=320, context=256)
    words = ['Facts: {"light": "off"} Action: press wait break What changes? refused on'] * 4
    folder = make_lm(tmp_path_factory.mktemp("peer"), words, size, 0)
    return LanguageWorld(str(folder), Fitting(passes=1, tokens=256, rate=5e-3)).fit(ROWS * 2_000, seed=0)


def test_it_learns_what_was_recorded(peer: LanguageWorld) -> None:
    facts, actions = [each.before.facts for each in ROWS], [each.action for each in ROWS]
    assert peer.predict(facts, actions) == [dict(each.after.facts) for each in ROWS]
    assert peer.write(facts[-1:], ["break"]) == ["refused"]
    assert isinstance(peer, Baseline)
    assert peer.training["tokens"] > 0
    dynamics = BaselineDynamics(peer, ROWS)
    prediction = dynamics.imagine(dynamics.observe(facts[0]), dynamics_index(dynamics, "press"))
    assert dynamics.read(prediction.next)[0] == dict(ROWS[0].after.facts)


def dynamics_index(dynamics: BaselineDynamics, name: str):
    import torch

    return torch.tensor([dynamics.action_index(Action(name))])


def test_what_never_varies_is_not_shown(peer: LanguageWorld) -> None:
    assert peer._shown({"owner": "us", "light": "on"}) == {"light": "on"}
    assert peer._shown({"light": "on", "colour": "red"}) == {"light": "on", "colour": "red"}


@pytest.mark.parametrize(
    ("written", "changes", "counted"),
    [
        ('{"light": "on"}', (("light", "on"),), {}),
        ('{"light": "off"}', (), {}),
        ("{}", (), {}),
        ("refused", (), {}),
        ('{"light": "purple"}', (), {"impossible": 1, "unknown value": 1}),
        ('{"moon": "on", "light": "on"}', (("light", "on"),), {"impossible": 1, "unknown fact": 1}),
        ('{"light": ["on"]}', (), {"impossible": 1, "unknown value": 1}),
        ("the light goes on", (), {"impossible": 1, "no json": 1}),
        ("[1]", (), {"impossible": 1, "no json": 1}),
    ],
)
def test_what_it_invents_is_counted_and_left_out(
    peer: LanguageWorld, written: str, changes: tuple, counted: dict[str, int]
) -> None:
    peer.written.clear()
    assert peer._read(written, {"light": "off", "owner": "us"}) == changes
    assert {key: n for key, n in peer.written.items() if n} == {"answers": 1, **counted}


def test_drawn_answers_make_a_distribution(tmp_path: Path) -> None:
    peer = LanguageWorld(str(make(tmp_path)), samples=5)
    peer._meet(ROWS)
    shares = peer.shares(ROWS[0].before.facts, Action("press"))
    assert sum(shares.values()) == pytest.approx(1.0)
    assert peer.written["answers"] == 5
    with pytest.raises(InputError, match="at least 1"):
        LanguageWorld(str(tmp_path), samples=0)
