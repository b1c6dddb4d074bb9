"""Our models in stable-worldmodel's evaluator: the cost its solvers ask for, bad input, and its evaluator live."""

from __future__ import annotations

import importlib
import sys
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.evals import stable_worldmodel as evaluation
from wmagent.evals.__main__ import main
from wmagent.evals.two_room_play import by, play_blindly
from wmagent.evals.two_room_tasks import drawn, task, tasks
from wmagent.integrations.stable_worldmodel import Costs, package, policy
from wmagent.pixels import operators
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.memory import Memory
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.planning import Pilot
from wmagent.pixels.reach import Reach
from wmagent.pixels.recording import Scale
from wmagent.pixels.world_model import PixelModel
from wmagent.planning import GaussianCem, Mppi
from wmagent.worlds.two_room import Episodes, Expert, TwoRoom, collect, shrunk

WORLD = TwoRoom()
PLACES = np.array([[50, 60], [160, 150], [60, 180], [190, 40]], np.float32)  # two starts, two goals
PILOTS = {
    "reach, last": Pilot(),
    "reach, summed": Pilot(GaussianCem(sum_cost=True)),
    "straight, last": Pilot(GaussianCem(), cost="straight"),
    "straight, summed": Pilot(GaussianCem(sum_cost=True), cost="straight"),
    "reach, two levels": Pilot(levels=2),
}


@cache
def walks() -> Episodes:
    return collect(WORLD, 8, 0)


@cache
def model(history: int = 1) -> PixelModel:
    """A model that has learned nothing but tells frames and actions apart."""
    kind = "residual" if history == 1 else "transformer"
    config = PixelConfig(size=32, channels=(8, 16), width=16, predictor=kind, history=history)
    torch.manual_seed(0)
    network = PixelNetwork(config, 2)
    for weight in network.predictor.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    for part in network.encoder.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.momentum = 1.0  # the statistics of the frames below, so that frames differ
    network.encoder(torch.from_numpy(walks().frames(np.arange(0, 390, 6), 32)))
    reach = Reach(16)
    for weight in reach.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.constant_(list(reach.parameters())[-1], 5.0)  # blocks, so that some goals are too far for one level
    memory = Memory(torch.randn(20, 16), None)
    return PixelModel(config, network, Scale.of(walks().actions), reach, None, memory, torch.zeros(1))


def candidates(samples: int = 5, spread: float = 0.3) -> Tensor:
    return spread * torch.randn(2, samples, 3, 10, generator=torch.Generator().manual_seed(1))


def asked(size: int = 32, samples: int = 5) -> dict[str, Any]:
    """Two starts and two goals as their solver hands them on: alike for all samples, one frame each."""
    frames = torch.from_numpy(WORLD.render(PLACES, size))[:, None, None].expand(-1, samples, -1, -1, -1, -1)
    return {"pixels": frames[:2], "goal": frames[2:], "state": torch.zeros(2, samples, 1, 2)}


def costed(pilot: Pilot, start: int, blocks: Tensor, history: int) -> float:
    """What one sequence costs, told from the imagined path."""
    learned, frames = model(history), WORLD.render(PLACES, 32)
    goal = learned.encode(frames[[2 + start]])[0]
    begun = learned.observe(frames[[start]])
    path = learned.imagine(begun, blocks)[1:]
    aim = pilot.aim(learned, learned.now(begun)[0], goal)
    if pilot.cost == "reach":
        costs = learned.distance(path, aim.expand_as(path))
    else:
        costs = (path - aim).square().mean(-1)
    return float(costs.sum() if pilot.shooting.sum_cost else costs[-1])


def test_two_levels_aim_at_something_before_the_goal() -> None:
    """Else the test below would not tell them from one."""
    starts, goals = (model().encode(WORLD.render(places, 32)) for places in (PLACES[:2], PLACES[2:]))
    aims = [PILOTS["reach, two levels"].aim(model(), start, goal) for start, goal in zip(starts, goals, strict=True)]
    assert not torch.equal(torch.stack(aims), goals)


@pytest.mark.parametrize("name", PILOTS)
@pytest.mark.parametrize("history", [1, 3])
def test_candidates_cost_what_our_own_planning_says(name: str, history: int) -> None:
    pilot, blocks = PILOTS[name], candidates()
    found = Costs(model(history), pilot).get_cost(asked(), blocks)
    assert found.shape == (2, 5)
    wanted = [[costed(pilot, row, blocks[row, sample], history) for sample in range(5)] for row in range(2)]
    torch.testing.assert_close(found, torch.tensor(wanted), rtol=1e-4, atol=1e-5)
    assert (found.std(1) > 1e-4).all()  # the candidates are told apart


def test_frames_of_their_world_become_those_the_model_sees() -> None:
    large = asked(size=224)
    found = Costs(model(), Pilot(), partial(shrunk, size=32)).get_cost(large, candidates())
    starts, goals = (model().encode(shrunk(large[key][:, 0, 0].numpy(), 32)) for key in ("pixels", "goal"))
    assert torch.equal(found, Costs(model(), Pilot()).get_cost({"emb": starts, "goal_emb": goals}, candidates()))


def test_a_goal_can_be_given_as_a_latent() -> None:
    costs, info = Costs(model(), Pilot()), asked()
    wanted = costs.get_cost(info, candidates())
    goals = model().encode(WORLD.render(PLACES[2:], 32))
    course = torch.stack([goals.flip(0), goals], 1)  # of which the last counts
    for latent in (goals, course, course[:, None].expand(2, 5, 2, 16)):
        given = {"pixels": asked()["pixels"], "goal_emb": latent}
        assert torch.equal(costs.get_cost(given, candidates()), wanted)
    both = asked() | {"goal_emb": goals.flip(0)}  # it goes before a frame
    assert not torch.allclose(costs.get_cost(both, candidates()), wanted)


def test_frames_are_encoded_once_for_all_iterations() -> None:
    seen: list[int] = []

    def counted(frames: np.ndarray) -> np.ndarray:
        seen.append(len(frames))
        return frames

    costs, info = Costs(model(), Pilot(), counted), asked()
    first = costs.get_cost(info, candidates())
    assert torch.equal(costs.get_cost(info, candidates()), first)
    assert seen == [2, 2]  # of starts and goals, not of samples


def test_actions_beyond_the_recorded_are_imagined_as_the_nearest_of_these() -> None:
    low, high = model().scale.bounds(5)
    wild, costs = candidates(spread=9.0), Costs(model(), Pilot())
    assert (wild > high).any()
    held = costs.get_cost(asked(), wild.clamp(low, high))
    assert torch.equal(costs.get_cost(asked(), wild), held)


def test_what_is_no_number_is_never_chosen() -> None:
    blocks = candidates()
    blocks[0, 1, 2, 3] = torch.nan
    found = Costs(model(), Pilot()).get_cost(asked(), blocks)
    assert found[0, 1] == torch.inf
    assert found.isfinite().sum() == 9


@pytest.mark.parametrize(
    ("info", "blocks", "said"),
    [
        ({}, candidates()[..., :9], r"\(b, samples, horizon, 10\).*action_block.*\(2, 5, 3, 9\)"),
        ({}, candidates()[0], r"given \(5, 3, 10\)"),
        ({"pixels": None}, candidates(), r"neither frames 'pixels' nor latents 'emb'; it has \['goal', 'state'\]"),
        ({"goal": None}, candidates(), r"neither frames 'goal' nor latents 'goal_emb'"),
        ({"pixels": asked()["pixels"][:, 0]}, candidates(), r"pixels have the shape \(2, samples, frames"),
        ({"goal": asked()["goal"][:1]}, candidates(), r"goal have the shape \(2, .*given \(1, 5, 1, 32, 32, 3\)"),
        ({"pixels": asked(64)["pixels"]}, candidates(), r"32 × 32 pixels; given 64 × 64"),
        ({"pixels": asked()["pixels"] / 255}, candidates(), "uint8"),
        (
            {"goal_emb": torch.zeros(2, 15)},
            candidates(),
            r"goal_emb are finite latents \(2, ..., 16\); given \(2, 15\)",
        ),
        ({"goal_emb": torch.zeros(1, 16)}, candidates(), "goal_emb"),
        ({"goal_emb": torch.full((2, 16), torch.nan)}, candidates(), "goal_emb are finite"),
    ],
)
def test_bad_input_is_named(info: dict[str, Any], blocks: Tensor, said: str) -> None:
    given = {key: value for key, value in (asked() | info).items() if value is not None}
    with pytest.raises(InputError, match=said):
        Costs(model(), Pilot()).get_cost(given, blocks)


def test_their_solver_stands_for_the_same_search_only() -> None:
    with pytest.raises(InputError, match="GaussianCem"):
        policy(model(), Pilot(Mppi()))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match=r"torchvision is not installed.*wmagent\[stable-worldmodel\]"):
        package()


def test_operators_that_torchvision_cannot_load_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    declared: list[str] = []

    def imported(name: str) -> str:
        if "torchvision::nms" not in declared:
            raise RuntimeError("operator torchvision::nms does not exist")
        return name

    monkeypatch.setattr(operators.importlib, "import_module", imported)
    monkeypatch.setattr(operators.torch.library, "define", lambda name, signature: declared.append(name))
    operators.import_torchvision()
    operators.import_torchvision()
    assert declared == ["torchvision::nms", "torchvision::qnms"]  # once


def test_other_failures_of_torchvision_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str) -> str:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(operators.importlib, "import_module", imported)
    with pytest.raises(RuntimeError, match="out of memory"):
        operators.import_torchvision()


def test_agreement_is_told_per_pair() -> None:
    theirs, ours = np.array([1, 1, 1, 0, 0] * 20, bool), np.array([1, 1, 0, 1, 0] * 20, bool)
    begun = np.arange(100) < 50
    found = evaluation.agreement(theirs, ours, begun)
    cells = {"both": 40, "only_theirs": 20, "only_ours": 20, "only_ours_begun_solved": 10, "neither": 20}
    assert found["agreement"] == {"share": 0.6, **cells}
    assert (found["theirs"]["solved"], found["ours"]["solved"], found["difference"]) == (0.6, 0.6, 0.0)
    low, high = found["difference_interval"]
    assert -low == high == pytest.approx(1.96 * np.sqrt(41) / 102, abs=1e-4)  # Agresti and Min 2005
    alike = evaluation.agreement(theirs, theirs, begun)["difference_interval"]
    assert alike[0] < 0 < alike[1]  # equal in 100 pairs is not equal


def test_their_pairs_are_those_of_our_own_evaluation() -> None:
    mine = tasks(walks(), 4, 3, [(5, 10)])[0]
    rows = drawn(walks(), 5, 4, 3)
    np.testing.assert_array_equal(mine.starts, walks().positions[rows])
    np.testing.assert_array_equal(mine.goals, walks().positions[rows + 5])
    assert (mine.name, mine.budget) == ("+5", 10)


def test_options_that_do_not_belong_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stable-worldmodel", "--model", "none.wm", "--offset", "25", "50", "--budget", "50"]) == 2
    assert "as many budgets as offsets" in capsys.readouterr().err
    assert main(["stable-worldmodel", "--model", "none.wm", "--pairs", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Their package, or the test is skipped."""
    try:
        return package()
    except InputError as missing:
        pytest.skip(str(missing))


@pytest.mark.filterwarnings("ignore")  # theirs
class TestLive:
    """With stable-worldmodel installed."""

    def test_the_dataset_holds_what_was_recorded(self, theirs: Any, tmp_path: Any) -> None:
        dataset = evaluation.written(walks(), np.array([1, 4]), tmp_path / "walks.h5")
        chunk = dataset.load_chunk(np.array([1]), np.array([2]), np.array([6]))[0]
        rows = walks().first[4] + np.arange(2, 6)
        np.testing.assert_array_equal(chunk["state"], walks().positions[rows])
        np.testing.assert_array_equal(chunk["action"], walks().actions[rows])
        np.testing.assert_array_equal(chunk["pixels"].permute(0, 2, 3, 1), walks().frames(rows, 224))

    def test_their_evaluator_walks_the_same_pairs(self, theirs: Any) -> None:
        rows = drawn(walks(), 10, 40, 0)
        pairs = task(walks(), rows, 10, 2)
        found = evaluation.evaluated(walks(), rows, (10, 2), 15, lambda _: evaluation.their_expert())
        ours = play_blindly(pairs, 0, by(Expert(0.0, 0.0), pairs))
        np.testing.assert_array_equal(found, ours)
        assert 0 < found.sum() < 40  # two steps are too few for some

    def test_their_policy_plans_with_our_costs(self, theirs: Any) -> None:
        search = GaussianCem(samples=8, elites=4, iterations=2, horizon=2, sum_cost=True)
        pilot, rows, plans = Pilot(search, execute=1), drawn(walks(), 10, 3, 0), []

        def made(part: int) -> Any:
            planned = policy(model(), pilot, part, partial(shrunk, size=32))
            solve = planned.solver.solve
            planned.solver.solve = lambda *given, **named: plans.append(solve(*given, **named)) or plans[-1]
            return planned

        found = evaluation.evaluated(walks(), rows, (10, 10), 3, made)
        assert found.shape == (3,)
        assert [plan["actions"].shape[1:] for plan in plans] == [(2, 10), (2, 10)]  # replanned after a block
        assert len(plans[0]["costs"]) == 3


def test_the_module_is_found_under_its_own_name() -> None:
    """`wmagent.evals.stable_worldmodel` does not stand in the way of the package of that name."""
    assert importlib.import_module("wmagent.evals.stable_worldmodel") is evaluation
    assert evaluation.__name__ != "stable_worldmodel"
