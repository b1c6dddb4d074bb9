"""Adapters in both directions, and a predictor begun as a language model: exchanged, saved, and refused if foreign."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_lm import make
from typer.testing import CliRunner

import wmagent.worlds as worlds
from wmagent import WorldModel
from wmagent.adapters.local_lm import LocalLM, upper_layers
from wmagent.adapters.reverse import Asked, ReverseAdapter, ReverseFitting, answers, fit_reverse
from wmagent.cli.app import app
from wmagent.domain.types import Transition
from wmagent.errors import CheckpointError, InputError
from wmagent.language.interfaces import InterfaceAdapter, InterfaceFitting, LoRA, fit_interface
from wmagent.language.soft_tokens import asked, balanced, imagined, moved, narrated
from wmagent.model.config import ModelConfig
from wmagent.model.decoder_block import DecoderBlock


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("lm"))


@pytest.fixture(scope="module")
def rows() -> list[Transition]:
    return worlds.experience(worlds.load("contract-approval"), transitions=600, seed=0)


@pytest.fixture(scope="module")
def model(rows: list[Transition]) -> WorldModel:
    config = ModelConfig(width=16, layers=2, heads=2, steps=300, batch=64)
    return WorldModel.learn(rows, config=config, text="learned", seed=0)


def said(model: WorldModel, rows: list[Transition]) -> list[dict]:
    """Return fact probabilities of the network alone: contexts of the record would hide what an adapter does."""
    alone = copy.copy(model)
    alone.precedents = None
    forecasts = alone.forecast([row.before.facts for row in rows[:40]], [row.action for row in rows[:40]])
    return [forecast.fact_probabilities for forecast in forecasts]


def far(one: list[dict], two: list[dict]) -> float:
    """Return the largest difference between two lists of fact probabilities."""
    return max(
        abs(p - b[key].get(value, 0.0))
        for a, b in zip(one, two, strict=True)
        for key, ps in a.items()
        for value, p in ps.items()
    )


def test_another_language_model_speaks_to_a_frozen_world(
    model: WorldModel, rows: list[Transition], folder: Path, tmp_path: Path
) -> None:
    plain = said(model, rows)
    adapter = fit_interface(model, f"lm:{folder}@1", folder=tmp_path / "adapter", seed=1)
    other = adapter.attach(model)
    assert other.text == f"lm:{folder}@1"
    assert far(plain, said(other, rows)) < 0.1
    assert far(plain, said(fit_interface(model, f"lm:{folder}@1", InterfaceFitting(0)).attach(model), rows)) > 0.3
    assert said(model, rows) == plain  # the first one is as it was
    again = InterfaceAdapter.load(tmp_path / "adapter").attach(model)
    other.save(tmp_path / "other.wm")
    assert said(again, rows) == said(other, rows) == said(WorldModel.load(tmp_path / "other.wm"), rows)


def test_low_rank_weights_come_with_the_adapter(
    model: WorldModel, rows: list[Transition], folder: Path, tmp_path: Path
) -> None:
    text = f"lm:{folder}@1"
    found = fit_interface(model, text, lora=LoRA(rank=2, steps=10), folder=tmp_path / "adapter")
    assert found.text == f"lm:{tmp_path / 'adapter' / 'lora'}@1"
    assert (tmp_path / "adapter" / "lora" / "adapter_model.safetensors").exists()
    assert said(InterfaceAdapter.load(tmp_path / "adapter").attach(model), rows) == said(found.attach(model), rows)
    with pytest.raises(InputError, match="need a folder"):
        fit_interface(model, text, lora=LoRA())
    with pytest.raises(InputError, match="needs a language model"):
        fit_interface(model, "learned", lora=LoRA(), folder=tmp_path / "x")


def test_adapters_that_do_not_belong_here_are_refused(model: WorldModel, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no interface adapter at"):
        InterfaceAdapter.load(tmp_path)
    wide = WorldModel.learn(
        worlds.experience(worlds.load("contract-approval"), transitions=200, seed=0),
        config=ModelConfig(width=64, layers=1, heads=2, steps=3),
        text="learned",
    )
    with pytest.raises(InputError, match="too narrow"):
        fit_interface(wide, f"lm:{folder}@1")
    adapter = fit_interface(model, f"lm:{folder}@1", InterfaceFitting(2))
    with pytest.raises(InputError, match="speaks latents of width 16, the model has width 64"):
        adapter.attach(wide)


def test_the_command_exchanges_a_language_model(model: WorldModel, folder: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "one.wm")
    given = [
        "lm",
        "adapt",
        str(tmp_path / "one.wm"),
        "--lm",
        str(folder),
        "--layer",
        "1",
        "-o",
        str(tmp_path / "two.wm"),
    ]
    done = CliRunner().invoke(app, [*given, "--json"])
    assert done.exit_code == 0, done.output
    assert WorldModel.load(tmp_path / "two.wm").text == f"lm:{folder}@1"
    assert "add --adapter" in CliRunner().invoke(app, [*given, "--lora", "4", "--json"]).output


def test_soft_tokens_tell_a_frozen_language_model_what_it_cannot_guess(tmp_path: Path) -> None:
    lm = LocalLM("tiny")
    before = [weight.clone() for weight in lm.model.parameters()]
    z = torch.eye(2, 8).unsqueeze(1)  # two latents of one slot
    questions = [asked(lm, z[0], "status", "draft"), asked(lm, z[1], "status", "approved")]
    torch.manual_seed(0)
    adapter = ReverseAdapter.beside(lm, 8, hidden=64)
    fit_reverse(lm, adapter, questions, ReverseFitting(steps=200, batch=8, rate=1e-2))
    assert answers(lm, adapter, questions) == ["draft", "approved"]
    exchanged = [Asked(questions[1].z, questions[0].prompt), Asked(questions[0].z, questions[1].prompt)]
    assert answers(lm, adapter, exchanged) == ["approved", "draft"]
    silent = answers(lm, adapter, [Asked(z[0][:0], questions[0].prompt)])
    assert len(silent) == 1
    assert all(torch.equal(a, b) for a, b in zip(before, lm.model.parameters(), strict=True))
    adapter.save(tmp_path)
    assert answers(lm, ReverseAdapter.load(tmp_path), questions) == ["draft", "approved"]
    save_file(
        {name: value[..., :1].contiguous() for name, value in load_file(tmp_path / "reverse.safetensors").items()},
        tmp_path / "reverse.safetensors",
    )
    with pytest.raises(CheckpointError, match="no reverse adapter at"):
        ReverseAdapter.load(tmp_path)


def test_only_what_moved_is_told(model: WorldModel, rows: list[Transition], folder: Path) -> None:
    lm = LocalLM(folder, dtype="float32")
    course = [row for row in rows if row.error is None][:3]
    facts, actions = course[0].before.facts, [row.action for row in course]
    latents = imagined(model, facts, actions)
    changed = moved(model, facts, latents)
    told = narrated(model, lm, ReverseAdapter.beside(lm, 16), facts, actions)
    states = [dict(facts), *(model.read(latent)[0] for latent in latents)]
    for step, (said_, row) in enumerate(zip(told, changed, strict=True)):
        different = {key for key in states[step] if states[step][key] != states[step + 1][key]}
        assert set(said_) == different
        assert int(row.sum()) == len(different)


def test_questions_ask_for_all_values_alike() -> None:
    from random import Random

    states = [{"a": "x", "b": 1}] * 9 + [{"a": "y", "b": 1}]
    picked = balanced(states, ["a", "b"], 400, Random(0))
    assert {key for _, key in picked} == {"a"}
    assert 150 < sum(states[place]["a"] == "y" for place, _ in picked) < 250
    with pytest.raises(InputError, match="nothing to ask"):
        balanced(states[:1], ["a"], 1, Random(0))


def test_a_predictor_begins_as_the_language_models_upper_layers(
    rows: list[Transition], folder: Path, tmp_path: Path
) -> None:
    layers = upper_layers(str(folder), 2)
    block = DecoderBlock(32, 2, 2, 64)
    block.begin_as(layers[1])
    assert torch.equal(block.q_proj.weight, layers[1]["self_attn.q_proj.weight"])
    assert torch.equal(block.down_proj.weight, layers[1]["mlp.down_proj.weight"])
    assert not block.q_proj.bias.any()
    x, condition, order = torch.randn(3, 5, 32), torch.randn(3, 32), torch.randperm(5)
    assert torch.allclose(block(x, condition)[:, order], block(x[:, order], condition), atol=1e-5)  # slots are a set
    assert torch.allclose(block(x, condition, torch.tensor([3])), block(x, condition)[:, 3:4], atol=1e-5)
    shape = {"width": 32, "layers": 2, "heads": 2, "mlp": 64, "trunk": "decoder", "trunk_from": str(folder), "steps": 2}
    learned = WorldModel.learn(rows[:300], config=ModelConfig.model_validate(shape), text="learned")
    learned.save(tmp_path / "model.wm")
    assert said(WorldModel.load(tmp_path / "model.wm"), rows) == said(learned, rows)
    with pytest.raises(InputError, match="do not fit this predictor"):
        WorldModel.learn(rows[:300], config=ModelConfig.model_validate({**shape, "mlp": 48}), text="learned")
    with pytest.raises(InputError, match="has 2 decoder layers, not 3"):
        upper_layers(str(folder), 3)


def test_reconstruction_keeps_what_words_are(rows: list[Transition]) -> None:
    def rebuilt(weight: float) -> float:
        config = ModelConfig(width=32, layers=1, heads=2, steps=200, batch=32, reconstruction=weight)
        learned = WorldModel.learn(rows, config=config, text="learned", seed=0)
        return learned.network.reconstruction_loss(learned.words, learned.table).item()

    assert rebuilt(5.0) < 0.5 < rebuilt(1e-9)
    with pytest.raises(ValueError, match="trunk_from needs trunk"):
        ModelConfig(trunk_from="tiny")
