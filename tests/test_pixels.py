"""World models from pixels: shapes, learning that goes on after a kill, checkpoints, plans, surprise, bad input."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wmagent.errors import CheckpointError, InputError
from wmagent.latent.protocols import Latent
from wmagent.pixels.config import PRESETS, PixelConfig, preset
from wmagent.pixels.decoder import learn_decoder
from wmagent.pixels.memory import Memory
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.planning import Pilot
from wmagent.pixels.probe import Probe
from wmagent.pixels.reach import learn_reach
from wmagent.pixels.recording import Frames, Scale, Windows
from wmagent.pixels.training import PixelTrainer
from wmagent.pixels.world_model import PixelModel
from wmagent.planning import ContinuousDynamics, GaussianCem
from wmagent.worlds.two_room import Episodes, TwoRoom, collect

SMALL = {"size": 32, "channels": (8, 16), "width": 16, "steps": 30, "batch": 16, "reach_steps": 50, "decoder_steps": 10}
QUICK = preset("tiny").model_copy(update=SMALL)
CAUSAL = QUICK.model_copy(update={"predictor": "transformer", "history": 3, "rollout": 1})


@cache
def walks() -> Episodes:
    return collect(TwoRoom(), 30, 0, size=32)


@cache
def rooms(predictor: str = "residual") -> PixelModel:
    return PixelModel.learn(walks(), QUICK if predictor == "residual" else CAUSAL, 0)


def history(model: PixelModel, frames: int = 1) -> Latent:
    rows = np.arange(frames) * model.config.block
    actions = walks().actions[: (frames - 1) * model.config.block].reshape(frames - 1, model.config.block, 2)
    return model.observe(walks().frames(rows, 32), actions)


@pytest.mark.parametrize("predictor", ["residual", "transformer"])
def test_a_model_imagines_blocks_from_frames(predictor: str) -> None:
    model = rooms(predictor)
    assert isinstance(model, ContinuousDynamics)
    assert model.action_width == 10
    start = history(model, 4)
    assert start.z.shape == (1, model.config.history, 16 + 10)
    blocks = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    path = model.imagine(start, blocks)
    assert path.shape == (4, 16)
    assert torch.allclose(path[0], model.encode(walks().frames([15], 32))[0], atol=1e-5)
    one = model.imagine_continuous(start.repeat(2), blocks[:2])
    assert torch.allclose(model.now(one)[0], path[1], atol=1e-5)
    assert not torch.allclose(model.now(one)[1], path[1], atol=1e-5)  # another block leads elsewhere


def test_a_causal_predictor_looks_back_and_never_ahead() -> None:
    network = PixelNetwork(CAUSAL, 2).eval()
    torch.nn.init.normal_(network.predictor.blocks[0].modulation.weight, std=0.5)  # type: ignore[union-attr]
    torch.nn.init.normal_(network.predictor.blocks[1].modulation.weight, std=0.5)  # type: ignore[union-attr]
    z, actions = torch.randn(2, 3, 16), torch.randn(2, 3, 10)
    before = network.predictor(z, actions)
    later, earlier = z.clone(), z.clone()
    later[:, 2] += torch.randn(16)
    earlier[:, 0] += torch.randn(16)
    assert torch.allclose(network.predictor(later, actions)[:, :2], before[:, :2])
    assert not torch.allclose(network.predictor(earlier, actions)[:, 2], before[:, 2])
    other = actions.clone()
    other[:, 0] += torch.randn(10)
    assert not torch.allclose(network.predictor(z, other)[:, 0], before[:, 0])


def test_frames_that_follow_their_actions_are_learned_and_shuffled_ones_are_not() -> None:
    config = QUICK.model_copy(update={"steps": 200})
    scale = Scale.of(walks().actions)
    losses = []
    for shuffled in (False, True):
        torch.manual_seed(0)
        network, windows = PixelNetwork(config, 2), Windows.of(walks(), config, scale)
        if shuffled:
            actions = walks().actions.copy()
            known = ~np.isnan(actions).any(1)
            actions[known] = np.random.default_rng(0).permutation(actions[known])
            pixels = walks().frames(np.arange(len(actions)), 32)
            windows = Windows.of(Frames(pixels, actions, walks().first), config, scale)
        found = PixelTrainer(network, windows, 0).fit()
        losses.append(found["prediction"] / found["std_mean"] ** 2)  # in units of the latents' own variance
    assert losses[0] < 0.85 * losses[1]


def test_a_killed_training_ends_with_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Exception):
        pass

    def kill(progress: Any) -> None:
        if progress.stage == "learning" and progress.done >= 25:
            raise Killed

    monkeypatch.setattr("wmagent.pixels.training.SAVE_EVERY", -1.0)
    with pytest.raises(Killed):
        PixelModel.learn(walks(), QUICK, 0, resume=tmp_path, report=kill, draws=False)
    saved = json.loads((tmp_path / "progress.json").read_text())
    assert 20 <= saved["step"] < 30
    resumed = PixelModel.learn(walks(), QUICK, 0, resume=tmp_path, draws=False)
    for name, weight in rooms().network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


def test_a_saved_model_answers_the_same(tmp_path: Path) -> None:
    model = rooms()
    model.save(tmp_path / "rooms.wm")
    loaded = PixelModel.load(tmp_path / "rooms.wm")
    frames = walks().frames([0, 5, 9], 32)
    assert torch.equal(loaded.encode(frames), model.encode(frames))
    assert loaded.config == model.config
    assert loaded.card == model.card
    goal = model.encode(frames)[2]
    courses = [Pilot(GaussianCem(20, 2, elites=4)).plan(one, history(one), goal, seed=3) for one in (model, loaded)]
    assert torch.equal(courses[0].blocks, courses[1].blocks)
    assert model.decoder is not None
    assert loaded.decoder is not None
    assert np.array_equal(model.decoder.frames(goal[None]), loaded.decoder.frames(goal[None]))


def test_foreign_and_damaged_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no world model there"):
        PixelModel.load(tmp_path / "none")
    whole = tmp_path / "whole"
    rooms().save(whole)

    def broken(name: str, change: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(whole, folder)
        config = json.loads((folder / "config.json").read_text())
        change(folder, config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def flip(folder: Path, config: dict[str, Any]) -> None:
        data = bytearray((folder / "model.safetensors").read_bytes())
        data[-1] ^= 1
        (folder / "model.safetensors").write_bytes(data)

    def other_preset(folder: Path, config: dict[str, Any]) -> None:
        config["model"] = preset("paper").model_dump(mode="json")

    for change, words in (
        (flip, "does not match the checksum"),
        (lambda folder, config: config.update(kind="process-model"), "says kind 'process-model'"),
        (lambda folder, config: config.update(format=2), "format"),
        (lambda folder, config: config["model"].update(colour="red"), "colour"),
        (lambda folder, config: config.update(action_width=3), "do not fit|another width"),
        (other_preset, "do not fit config.json"),
    ):
        with pytest.raises(CheckpointError, match=words):
            PixelModel.load(broken(words[:12].replace(" ", "-").replace("'", ""), change))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not a world model"):
        rooms().save(tmp_path / "full")


class Line:
    """A point on a line as a model: the latent is its place, a block pushes it."""

    memory = Memory(torch.linspace(-20, 20, 81)[:, None], None)
    width, action_width, action_bounds = 1, 1, (torch.tensor([-1.0]), torch.tensor([1.0]))

    def now(self, latent: Latent) -> Tensor:
        return latent.z[:, -1]

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        return Latent(latent.z + vectors[:, None], latent.codes)

    def imagine(self, start: Latent, blocks: Tensor) -> Tensor:
        return torch.cat([start.z[0], start.z[0] + blocks.cumsum(0)])

    def distance(self, z: Tensor, goal: Tensor) -> Tensor:
        return (z - goal).abs().squeeze(-1)


def test_plans_go_to_the_goal_by_either_cost_and_by_subgoals_where_it_is_far() -> None:
    model: Any = Line()
    start = Latent(torch.zeros(1, 1, 1), torch.zeros(1, 0, dtype=torch.int64))
    near, far = torch.tensor([3.0]), torch.tensor([12.0])
    for cost in ("reach", "straight"):
        course = Pilot(cost=cost).plan(model, start, near)
        assert course.path[-1].item() == pytest.approx(3.0, abs=0.3)
        assert course.to_go[0] == 3.0
        assert torch.equal(course.aim, near)
    two = Pilot(levels=2)
    assert torch.equal(two.plan(model, start, near).aim, near)
    assert two.plan(model, start, far).aim.item() == 5.0  # as far as may be, on the way
    course = two.plan(model, start, far)
    assert torch.equal(Pilot(execute=2).rest(course), torch.cat([course.blocks[2:], torch.zeros(2, 1)]))
    with pytest.raises(InputError, match="execute 1 to 5"):
        Pilot(execute=6)
    with pytest.raises(InputError, match="one latent of 1 finite numbers"):
        Pilot().plan(model, start, torch.tensor([float("nan")]))


def test_distances_are_learned_from_hindsight() -> None:
    steps = np.arange(41)
    latents = torch.from_numpy(np.concatenate([steps, 40 - steps])[:, None] / 20).float()
    reach = learn_reach(latents, np.array([0, 41, 82]), 5, 0, 800)
    z, goal = torch.tensor([[0.0], [0.5], [2.0]]), torch.tensor([[2.0], [0.75], [1.0]])
    assert reach(z, goal).tolist() == pytest.approx([8.0, 1.0, 4.0], abs=1.0)


def test_a_probe_reads_what_is_linear() -> None:
    z = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    targets = z @ torch.arange(16.0).view(8, 2) + 3
    probe = Probe.fit(z[:400], targets[:400])
    assert min(probe.r_squared(z[400:], targets[400:])) > 0.9999
    noise = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    assert max(Probe.fit(z[:400], noise[:400]).r_squared(z[400:], noise[400:])) < 0.1


def test_a_teleported_dot_surprises() -> None:
    model = PixelModel.learn(walks(), QUICK.model_copy(update={"steps": 200}), 0, draws=False)
    rows = walks().windows(5)[::7]
    frames = walks().frames(rows[:, None] + [0, 5], 32)
    actions = walks().actions[rows[:, None] + np.arange(5)][:, None]
    usual = model.surprise(frames, actions)
    frames[:, 1] = walks().frames((rows + 500) % 1500, 32)
    odd = model.surprise(frames, actions)
    assert odd.median() > 5 * usual.median()
    assert model.p_value(odd).median() < 0.05
    assert model.p_value(usual).median() > 0.2


def test_what_cannot_be_used_is_refused() -> None:
    model = rooms()
    good = walks().frames([0], 32)
    for frames, words in (
        (walks().frames([0], 16), "32 × 32 pixels; given 16"),
        (good.astype(np.float32) / 255, "uint8"),
        (good[0], r"\(n, side, side, 3\)"),
        (good.transpose(0, 3, 1, 2), r"\(n, side, side, 3\)"),
        (good[:0], "at least one frame"),
    ):
        with pytest.raises(InputError, match=words):
            model.observe(frames)
    two = walks().frames([0, 5], 32)
    with pytest.raises(InputError, match=r"\(1, 5, 2\) between them"):
        model.observe(two)
    with pytest.raises(InputError, match="finite"):
        model.observe(two, np.full((1, 5, 2), np.nan))
    with pytest.raises(InputError, match="spans 20 steps"):
        PixelModel.learn(collect(TwoRoom(), 4, 0, size=32, most=10), QUICK)
    with pytest.raises(InputError, match="at least two episodes"):
        PixelModel.learn(collect(TwoRoom(), 1, 0, size=32), QUICK)
    with pytest.raises(InputError, match="2 finite numbers"):
        model.memory.at([1.0, float("nan")])
    with pytest.raises(InputError, match="unknown preset"):
        preset("tinny")
    with pytest.raises(ValueError, match="whole patches"):
        PixelConfig(encoder="vit", size=100)


def test_recordings_in_arrays_are_checked() -> None:
    pixels, actions = np.zeros((6, 32, 32, 3), np.uint8), np.zeros((6, 2), np.float32)
    Frames(pixels, actions, np.array([0, 3, 6]))
    for first, words in (([0, 3], "up to the 6 rows"), ([0, 5, 6], "by 2 or more"), ([1, 6], "from 0")):
        with pytest.raises(InputError, match=words):
            Frames(pixels, actions, np.array(first))
    wrong = actions.copy()
    wrong[1] = np.nan
    with pytest.raises(InputError, match="actions: row 1 holds no finite number"):
        Frames(pixels, wrong, np.array([0, 6]))
    with pytest.raises(InputError, match="uint8"):
        Frames(pixels.astype(float), actions, np.array([0, 6]))
    with pytest.raises(InputError, match="the model wants 64"):
        Frames(pixels, actions, np.array([0, 6])).frames([0], 64)


def test_the_paper_preset_is_the_published_model_and_takes_steps() -> None:
    few = preset("paper").model_copy(update={"steps": 2, "batch": 2, "mixed_precision": "no", "directions": 64})
    network = PixelNetwork(few, 2)
    assert 17e6 < sum(p.numel() for p in network.parameters()) < 19e6  # counted in the released code: 18 M
    vit = sum(p.numel() for p in network.encoder.body.parameters())
    assert 5.4e6 < vit < 5.7e6  # ViT-tiny
    episodes = collect(TwoRoom(), 3, 0, size=224)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    losses = PixelTrainer(network, Windows.of(episodes, few, Scale.of(episodes.actions)), 0).fit()
    assert np.isfinite(losses["prediction"])
    moved = [name for name, weight in network.state_dict().items() if not torch.equal(weight, before[name])]
    assert any(name.startswith("encoder.body") for name in moved)
    assert any(name.startswith("predictor") for name in moved)


def test_presets_are_sound() -> None:
    for name in PRESETS:
        assert preset(name).window > preset(name).history


def test_the_decoder_draws_the_small_thing_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of latents that say where it is by their nearness to 64 places."""
    monkeypatch.setattr("wmagent.pixels.decoder.BATCH", 16)
    config = PixelConfig(size=16, channels=(8,), width=64, decoder_steps=300)
    walked = collect(TwoRoom(), 40, 5)
    pixels = walked.frames(np.arange(walked.first[-1]), 16)
    grid = torch.cartesian_prod(*[torch.linspace(20, 204, 8)] * 2)
    latents = (-(torch.cdist(torch.from_numpy(walked.positions).float(), grid) / 30).square()).exp()
    rows = np.arange(0, len(latents), 17)
    seen = Frames(pixels, walked.actions, walked.first)
    drawn, real = learn_decoder(config, latents, seen, 0).frames(latents[rows]), pixels[rows]

    def red(frames: np.ndarray) -> np.ndarray:
        """How much redder pixels (n, 256) are than grey."""
        return (frames[..., 0].astype(float) - frames[..., 1:].max(-1) - 40).clip(0).reshape(len(frames), -1)

    assert (red(drawn).sum(1) > 0.3 * red(real).sum(1).mean()).mean() > 0.95
    assert (red(real)[np.arange(len(rows)), red(drawn).argmax(1)] > 0).mean() > 0.9  # where it is
