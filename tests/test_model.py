"""The world model on small known worlds: what it learns, says, keeps and refuses."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wmagent.domain.progress import Progress
from wmagent.domain.types import Action, Condition, Observation, Transition
from wmagent.errors import CheckpointError, InputError, OutOfDomain
from wmagent.latent.protocols import Dynamics
from wmagent.model.config import ModelConfig
from wmagent.model.world_model import WorldModel

TINY = ModelConfig(width=32, steps=250, batch=64, warmup=20, ensemble=4)


def ticket(rng: random.Random) -> tuple[dict, Action, dict, float, str | None]:
    """One step of a small help desk: assigning works on open tickets, solving succeeds with .7 if assigned."""
    facts = {
        "status": rng.choice(["open", "assigned", "solved"]),
        "priority": rng.choice(["low", "high"]),
        "owner": "service desk",
    }
    action = rng.choice(["assign ticket", "solve ticket", "reopen ticket"])
    after = dict(facts)
    needs = {"assign ticket": "open", "solve ticket": "assigned", "reopen ticket": "solved"}[action]
    if facts["status"] != needs:
        return facts, Action(action), after, 0.0, f"not allowed: status is {facts['status']}"
    if action == "assign ticket":
        after["status"] = "assigned"
    elif action == "reopen ticket":
        after["status"] = "open"
    elif rng.random() < (0.9 if facts["priority"] == "high" else 0.5):
        after["status"] = "solved"
    return facts, Action(action), after, 8.0 if action == "solve ticket" else 1.0, None


def tickets(n: int, seed: int = 0) -> list[Transition]:
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        before, action, after, hours, error = ticket(rng)
        cost = 5.0 if action.name == "solve ticket" and error is None else 0.0
        rows.append(
            Transition(Observation(before), action, Observation(after), hours, cost, error=error, case=f"case {i // 4}")
        )
    return rows


@pytest.fixture(scope="module")
def model() -> WorldModel:
    return WorldModel.learn(tickets(2_000), config=TINY, text="learned", seed=1)


def assigned(priority: str) -> dict:
    return {"status": "assigned", "priority": priority, "owner": "service desk"}


def test_it_is_a_dynamics(model: WorldModel) -> None:
    assert isinstance(model, Dynamics)


@pytest.mark.parametrize(("priority", "truth"), [("high", 0.9), ("low", 0.5)])
def test_it_learns_outcome_probabilities(model: WorldModel, priority: str, truth: float) -> None:
    forecast = model.forecast([assigned(priority)], ["solve ticket"])[0]
    assert forecast.probability_of(assigned(priority) | {"status": "solved"}) == pytest.approx(truth, abs=0.1)
    assert sum(outcome.probability for outcome in forecast.outcomes) == pytest.approx(1, abs=1e-5)
    assert forecast.fact_probabilities["status"]["solved"] == pytest.approx(truth, abs=0.1)


def test_deterministic_steps_are_certain(model: WorldModel) -> None:
    facts = assigned("low") | {"status": "open"}
    forecast = model.forecast([facts], [Action("assign ticket")])[0]
    assert forecast.most_likely == assigned("low")
    assert forecast.outcomes[0].probability > 0.98
    assert forecast.outcomes[0].duration == pytest.approx(1.0, abs=0.2)


def test_legality_follows_refusals(model: WorldModel) -> None:
    legal = dict(zip((a.name for a in model.actions), model.legality(model.observe(assigned("low")))[0], strict=True))
    assert legal["solve ticket"] > 0.9
    assert legal["assign ticket"] < 0.1


def test_costs_are_of_accepted_steps(model: WorldModel) -> None:
    assert model.cost_of("solve ticket") == pytest.approx(5.0)
    assert model.cost_of("assign ticket") == 0


def test_constant_facts_are_carried_but_not_computed(model: WorldModel) -> None:
    latent = model.observe(assigned("low"))
    assert latent.z.shape[1] == 2
    assert latent.codes.shape[1] == 3
    assert model.read(latent) == [assigned("low")]


def test_imagine_is_batched_and_order_free(model: WorldModel) -> None:
    latent = model.observe([assigned("low"), assigned("high")])
    action = torch.tensor([model.action_index("solve ticket")] * 2)
    both = model.imagine(latent, action)
    second = model.imagine(latent.take(torch.tensor([1])), action[:1])
    assert torch.allclose(both.probs[1], second.probs[0], atol=1e-5)
    assert both.next.keys()[both.probs.shape[1] :] == second.next.keys()
    assert both.head_probs.shape == (TINY.ensemble, 2, both.probs.shape[1])


def test_conditions_are_read_from_latents(model: WorldModel) -> None:
    latent = model.observe([assigned("low"), assigned("high")])
    assert model.holds(latent, [Condition("priority", "high")]).tolist() == [False, True]
    assert model.holds(latent, []).tolist() == [True, True]
    with pytest.raises(InputError, match="did you mean 'priority'"):
        model.holds(latent, [Condition("prioritty", "high")])


def test_unknown_words_are_refused_with_the_known_ones(model: WorldModel) -> None:
    with pytest.raises(OutOfDomain, match="did you mean 'status'"):
        model.observe({"statis": "open"})
    with pytest.raises(OutOfDomain, match="seen values: assigned, open, solved"):
        model.observe(assigned("low") | {"status": "exploded"})
    with pytest.raises(InputError, match="unknown action"):
        model.action_index("delete everything")


def test_values_never_seen_are_placed_by_their_words_when_asked(model: WorldModel) -> None:
    later = assigned("low") | {"owner": "night shift"}
    assert model.forecast([later], ["solve ticket"])[0].most_likely["owner"] == "night shift"


def test_evidence_counts_recorded_cases(model: WorldModel) -> None:
    evidence = model.evidence(assigned("high"), "solve ticket")
    assert evidence.support == "observed"
    assert evidence.n >= 20
    assert evidence.cases[0].action == "solve ticket"
    assert evidence.cases[0].distance == pytest.approx(0, abs=1e-4)
    assert model.evidence(assigned("high") | {"priority": "none of these"}, "solve ticket").support != "observed"


def test_odd_transitions_are_named(model: WorldModel) -> None:
    before, solved = Observation(assigned("high")), assigned("high") | {"status": "solved"}
    usual = Transition(before, Action("solve ticket"), Observation(solved))
    odd = Transition(before, Action("solve ticket"), Observation(solved | {"priority": "low"}))
    fine, strange = model.score([usual, odd])
    assert strange.nll > fine.nll + 3
    assert strange.p_value < 0.05 < fine.p_value
    assert [o.key for o in strange.odd] == ["priority"]


def test_unknown_actions_are_scored_as_outside(model: WorldModel) -> None:
    row = Transition(Observation(assigned("low")), Action("explode"), Observation(assigned("low")))
    assert "unknown action" in model.score([row])[0].unknown[0]


def test_saved_models_answer_the_same(model: WorldModel, tmp_path: Path) -> None:
    model.save(tmp_path / "desk.wm")
    loaded = WorldModel.load(tmp_path / "desk.wm")
    facts, actions = [assigned("low"), assigned("high")], ["solve ticket", "assign ticket"]
    assert loaded.forecast(facts, actions) == model.forecast(facts, actions)
    assert loaded.score(tickets(20, 7)) == model.score(tickets(20, 7))
    assert loaded.evidence(facts[0], actions[0]) == model.evidence(facts[0], actions[0])
    card = (tmp_path / "desk.wm" / "README.md").read_text()
    assert "exact next state" in card
    assert "persistence" in card


def test_tampered_and_foreign_checkpoints_are_refused(model: WorldModel, tmp_path: Path) -> None:
    path = tmp_path / "desk.wm"
    with pytest.raises(CheckpointError, match="wmagent learn"):
        WorldModel.load(path)
    model.save(path)
    weights = path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 0xFF
    weights.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="checksum"):
        WorldModel.load(path)
    model.save(path)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"model": config["model"] | {"colour": "red"}}))
    with pytest.raises(CheckpointError, match="colour"):
        WorldModel.load(path)
    (path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CheckpointError, match="not a wmagent world model"):
        WorldModel.load(path)
    (path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        WorldModel.load(path)


def test_saving_never_overwrites_something_else(model: WorldModel, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match="not a world model"):
        model.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


class Killed(Exception):
    """Stands for a process that died in the middle of learning."""


def test_a_killed_run_resumes_to_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmagent.model.training.SAVE_EVERY", 0.0)
    config = TINY.model_copy(update={"steps": 60})
    whole = WorldModel.learn(tickets(300), config=config, text="learned")

    def die(progress: Progress) -> None:
        if progress.stage == "learning" and progress.done >= 50:
            raise Killed

    with pytest.raises(Killed):
        WorldModel.learn(tickets(300), config=config, text="learned", resume=tmp_path / "run", progress=die)
    steps: list[int] = []
    resumed = WorldModel.learn(
        tickets(300), config=config, text="learned", resume=tmp_path / "run",
        progress=lambda p: steps.append(p.done) if p.stage == "learning" else None,
    )  # fmt: skip
    assert steps == [50, 60]  # the first 49 steps were not done again
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_same_seed_same_model_other_seed_other() -> None:
    config = TINY.model_copy(update={"steps": 20})
    first, again, other = (
        WorldModel.learn(tickets(200), config=config, text="learned", seed=seed).network.state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert not all(torch.equal(v, other[k]) for k, v in first.items())


@pytest.mark.parametrize("regularizer", ["sigreg", "vicreg", "ema"])
def test_every_regularizer_trains(regularizer: str) -> None:
    config = TINY.model_copy(update={"steps": 100, "regularizer": regularizer})
    losses: list[float] = []
    WorldModel.learn(
        tickets(300), config=config, text="learned",
        progress=lambda p: losses.append(p.metrics["facts"]) if p.metrics else None,
    )  # fmt: skip
    assert losses[-1] < 0.8 * losses[0]


def test_rollout_loss_trains_through_imagined_steps() -> None:
    config = TINY.model_copy(update={"steps": 30, "rollout": 2})
    walk = []
    for i in range(60):
        for before, action, after in (("open", "assign ticket", "assigned"), ("assigned", "solve ticket", "solved")):
            row = Observation({"status": before}), Action(action), Observation({"status": after})
            walk.append(Transition(*row, case=f"case {i}"))
    metrics: list[dict[str, float]] = []
    WorldModel.learn(
        walk, config=config, text="learned", progress=lambda p: metrics.append(p.metrics) if p.metrics else None
    )
    assert metrics[-1]["rollout"] < metrics[0]["rollout"]


def test_data_without_change_is_refused() -> None:
    same = [Transition(Observation({"a": 1}), Action("wait"), Observation({"a": 1}), case=str(i)) for i in range(30)]
    with pytest.raises(InputError, match="nothing to learn"):
        WorldModel.learn(same, config=TINY, text="learned")


def test_unknown_preset_and_setting_are_errors() -> None:
    with pytest.raises(InputError, match="did you mean 'small'"):
        WorldModel.learn(tickets(10), preset="smal")
    with pytest.raises(ValueError, match="colour"):
        ModelConfig(colour="red")  # type: ignore[call-arg]


# nothing is drawn per row, so that how rows are shared out makes (nearly) no difference
PLAIN = TINY.model_copy(update={"steps": 40, "drop_summary": 0.0, "ensemble": 1})
SHARED_LEARNING = """
import sys
sys.path.insert(0, sys.argv[2])
from test_model import PLAIN, tickets
from wmagent.model.world_model import WorldModel
model = WorldModel.learn(tickets(300), config=PLAIN, text="learned")
model.save(sys.argv[1])
"""


def test_two_processes_learn_one_model(tmp_path: Path) -> None:
    script = tmp_path / "shared_learning.py"
    script.write_text(SHARED_LEARNING)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", str(script)]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(
        [*launch, str(tmp_path / "both.wm"), str(Path(__file__).parent)],
        check=True, capture_output=True, timeout=300, env=environment,
    )  # fmt: skip
    both = weights(WorldModel.load(tmp_path / "both.wm"))
    alone = weights(WorldModel.learn(tickets(300), config=PLAIN, text="learned"))
    start = weights(WorldModel.learn(tickets(300), config=PLAIN.model_copy(update={"steps": 1}), text="learned"))
    assert (alone - both).norm() < 0.1 * (alone - start).norm()


def weights(model: WorldModel) -> torch.Tensor:
    return torch.cat([value.flatten() for value in model.network.state_dict().values()])
