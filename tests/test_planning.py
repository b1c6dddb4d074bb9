"""The planners' contract, their door, goals as objectives, tables and golden plans. Knows planning's public names."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition, Goal
from wmagent.errors import InputError, OutOfDomain
from wmagent.latent.protocols import Budget, Dynamics, Latent, Planner, Prediction, Search
from wmagent.planning import (
    ContinuousDynamics,
    GaussianCem,
    ICem,
    Shooting,
    TableOutcome,
    TabularDynamics,
    check_planner,
    evaluate,
    objective_for,
    planner,
    planners,
)
from wmagent.planning.doubles import ERRAND_GOAL, ERRAND_OPTIMUM, ERRAND_START, errand
from wmagent.planning.shooting import Normal
from wmagent.worlds import load

GOLDEN = sorted((Path(__file__).parent / "golden").glob("plan_*.json"))
CONTINUOUS = ("gaussian-cem", "icem", "mppi")
DISCRETE = [name for name in planners() if name not in CONTINUOUS]


@pytest.mark.parametrize("name", DISCRETE)
def test_every_planner_keeps_the_contract(name: str) -> None:
    check_planner(planner(name), searches=name != "greedy")


@dataclass(frozen=True)
class Broken:
    """A planner that plays a good one, but for one fault."""

    fault: str
    name: str = "broken"

    def plan(self, model: Dynamics, start: Latent, objective: Any, prior: Any = None, **given: Any) -> Search:
        if self.fault == "budget":
            given["budget"] = Budget(100)
        if self.fault == "forbidden":
            objective = replace(objective, forbidden=())
        search = planner("best-first").plan(model, start, objective, prior, **given)
        best = search.candidates[0]
        if self.fault == "boast":
            best = replace(best, probability=1.0)
        if self.fault == "illegal":
            model.imagine(start, torch.tensor([3]))
        if self.fault == "moody":
            best = replace(best, cost=torch.rand(()).item())
        return replace(search, candidates=(best, *search.candidates[1:]))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("budget", "imagined"),
        ("forbidden", "forbidden fact true"),
        ("boast", "impossible goal"),
        ("illegal", "not legal"),
        ("moody", "another search"),
    ],
)
def test_check_planner_finds_faults(fault: str, words: str) -> None:
    broken = Broken(fault)
    assert isinstance(broken, Planner)
    with pytest.raises(AssertionError, match=words):
        check_planner(broken)


def test_greedy_falls_short_of_search() -> None:
    with pytest.raises(AssertionError, match=r"found P\(goal\) 0\.700"):
        check_planner(planner("greedy"))


def test_the_door_says_what_it_knows() -> None:
    with pytest.raises(InputError, match="did you mean 'best-first'"):
        planner("bestfirst")
    with pytest.raises(InputError, match="did you mean 'batch'"):
        planner("best-first", bach=3)
    assert planner("beam", width=3) != planner("beam")


def test_an_imagined_plan_names_its_contingency() -> None:
    model = errand()
    search = planner("best-first").plan(model, model.observe(ERRAND_START), objective_for(ERRAND_GOAL))
    best = search.candidates[0]
    assert [model.actions[a].name for a in best.actions] == ["buy", "walk", "wait", "ride"]
    assert best.probability == pytest.approx(ERRAND_OPTIMUM)
    assert best.head_probabilities == pytest.approx((1 - 0.3**3, 1 - 0.5**3))
    assert best.step_probabilities == pytest.approx((1.0, 1.0, 1.0, ERRAND_OPTIMUM))
    assert best.duration == pytest.approx(1 + 1 + 0.4 + 0.16 + 2 * ERRAND_OPTIMUM)
    places = [facts["place"] for facts in model.read(search.states.take(torch.tensor(search.main_line)))]
    assert places == ["home", "home", "platform", "tram", "office"]
    (branch,) = search.branches
    assert (branch.after_step, branch.probability) == (2, pytest.approx(0.4))
    assert [model.actions[a].name for a in branch.actions] == ["wait", "ride"]
    drive = search.candidates[1]
    assert [model.actions[a].name for a in drive.actions] == ["drive"]
    assert drive.probability == pytest.approx(0.7)
    assert {node.state for node in search.nodes if node.chosen} == set(search.main_line)
    assert all(node.parent < place for place, node in enumerate(search.nodes))


def test_risk_is_priced() -> None:
    model = errand()
    start, plan = model.observe(ERRAND_START), [[0, 1, 2, 3], [4]]
    sure = evaluate(model, start, plan, objective_for(ERRAND_GOAL))
    wary = evaluate(model, start, plan, objective_for(ERRAND_GOAL, risk_weight=1.0))
    assert sure[0].utility - wary[0].utility == pytest.approx(0.1)  # two heads that say .7 and .5, one wait
    assert sure[1].utility == pytest.approx(wary[1].utility)
    dear = objective_for(ERRAND_GOAL, risk_weight=3.0)
    chosen = planner("best-first").plan(model, start, dear).candidates[0]
    assert [model.actions[a].name for a in chosen.actions] == ["drive"]


def test_steps_outside_recorded_experience_are_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    model = errand()
    imagine = model.imagine

    def waiting_is_new(latent: Latent, action: Tensor) -> Prediction:
        return replace(imagine(latent, action), surprise=2.0 * (action == 2))

    monkeypatch.setattr(model, "imagine", waiting_is_new)
    start, plan = model.observe(ERRAND_START), [[0, 1, 2, 3], [4]]
    unpriced = objective_for(ERRAND_GOAL, outside_weight=0.0)
    bold = evaluate(model, start, plan, unpriced)
    usual = evaluate(model, start, plan, objective_for(ERRAND_GOAL))
    assert bold[0].utility - usual[0].utility == pytest.approx(0.1)
    shy = evaluate(model, start, plan, objective_for(ERRAND_GOAL, outside_weight=0.5))
    assert [bold[0].utility - shy[0].utility, bold[1].utility - shy[1].utility] == pytest.approx([0.5, 0.0])  # one wait
    best = planner("best-first").plan(model, start, unpriced).candidates[0]
    assert (model.actions[best.actions[0]].name, best.outside) == ("buy", 1.0)
    chosen = planner("best-first").plan(model, start, objective_for(ERRAND_GOAL, outside_weight=0.5)).candidates[0]
    assert ([model.actions[a].name for a in chosen.actions], chosen.outside) == (["drive"], 0.0)


def test_a_horizon_ends_what_is_imagined() -> None:
    model = errand()
    for horizon, first, probability in ((4, "buy", ERRAND_OPTIMUM), (3, "drive", 0.7)):
        search = planner("best-first", horizon=horizon).plan(
            model, model.observe(ERRAND_START), objective_for(ERRAND_GOAL)
        )
        best = search.candidates[0]
        assert (model.actions[best.actions[0]].name, best.probability) == (first, pytest.approx(probability))


def test_a_cost_limit_changes_the_plan() -> None:
    model = errand()
    start = model.observe(ERRAND_START)
    for limit, name, probability in ((8.0, "buy", ERRAND_OPTIMUM), (2.0, None, 0.0), (20.0, "buy", ERRAND_OPTIMUM)):
        objective = objective_for(replace(ERRAND_GOAL, max_cost=limit))
        best = planner("best-first").plan(model, start, objective).candidates[0]
        assert best.probability == pytest.approx(probability)
        assert (model.actions[best.actions[0]].name if best.actions else None) == name


def test_milliseconds_end_a_search() -> None:
    world = load("contract-approval")
    start = world.initial(1)
    model = TabularDynamics.from_oracle(world.oracle(), world.actions, start)
    objective = objective_for(world.goals()[0])
    for name in ("best-first", "mcts", "beam", "cem", "simulator"):
        kind = planner(name)
        short = kind.plan(model, model.observe(start), objective, budget=Budget(10_000, milliseconds=0.0))
        assert short.imagined == 0
        assert short.candidates[0].probability == 0.0


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_best_first_is_near_optimal_on_contracts(seed: int) -> None:
    world = load("contract-approval")
    oracle, start = world.oracle(), world.initial(seed)
    model = TabularDynamics.from_oracle(oracle, world.actions, start)
    for goal in (world.goals()[0], world.goals()[2], world.goals()[4]):
        truth = oracle.optimal(start, goal)
        search = planner("best-first").plan(model, model.observe(start), objective_for(goal), budget=Budget(1_000))
        assert 0.98 * truth.probability <= search.candidates[0].probability <= truth.probability + 1e-6
        assert search.imagined <= 1_000


def test_imagined_and_true_worth_of_open_plans_agree() -> None:
    world = load("contract-approval")
    oracle, start, goal = world.oracle(), world.initial(2), world.goals()[0]
    model = TabularDynamics.from_oracle(oracle, world.actions, start)
    best = planner("best-first").plan(model, model.observe(start), objective_for(goal)).candidates[0]
    plan = [*best.actions, *best.actions]
    found = evaluate(model, model.observe(start), [plan], objective_for(goal))[0]
    truth = oracle.plan_value(start, [world.actions[a] for a in plan], goal)
    assert found.probability == pytest.approx(truth.probability, abs=1e-9)
    assert found.duration == pytest.approx(truth.duration, rel=1e-9)
    assert found.cost == pytest.approx(truth.cost, rel=1e-9)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_plans(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    world = load(golden["world"])
    start = world.initial(golden["start_seed"])
    model = TabularDynamics.from_oracle(world.oracle(), world.actions, start)
    kind = planner(golden["planner"], **golden["settings"])
    objective = objective_for(world.goals()[golden["goal"]], **golden["prices"])
    search = kind.plan(model, model.observe(start), objective, seed=golden["seed"], budget=Budget(golden["budget"]))
    assert search.imagined == golden["imagined"]
    for candidate, expected in zip(search.candidates, golden["candidates"], strict=True):
        assert [model.actions[a].name for a in candidate.actions] == expected["actions"]
        for number in ("probability", "duration", "cost"):
            assert getattr(candidate, number) == pytest.approx(expected[number], rel=1e-5)


def test_there_are_golden_plans() -> None:
    assert len(GOLDEN) >= 3


@pytest.mark.parametrize(
    ("conditions", "forbidden", "words"),
    [
        ((Condition("a", "x"), Condition("a", "y")), (), "contradicts itself: a == x and a == y"),
        ((Condition("a", "x"), Condition("a", "x", "!=")), (), "contradicts itself"),
        ((Condition("n", 3), Condition("n", 5, ">")), (), "contradicts itself"),
        ((Condition("n", 5, ">"), Condition("n", 4, "<")), (), "contradicts itself"),
        ((Condition("a", "x"),), (Condition("a", "x"),), "both wanted and forbidden"),
        ((Condition("n", 5),), (Condition("n", 4, ">"),), "is forbidden by n > 4"),
    ],
)
def test_contradictory_goals_are_refused(conditions: tuple, forbidden: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        objective_for(Goal(conditions, forbidden))


def test_objectives_take_limits_and_weights() -> None:
    fine = Goal((Condition("n", 2.0), Condition("n", "2"), Condition("n", 1, ">")), deadline=5.0, max_cost=9.0)
    objective = objective_for(fine, risk_weight=0.5)
    assert (objective.deadline, objective.max_cost, objective.risk_weight) == (5.0, 9.0, 0.5)
    with pytest.raises(InputError, match="did you mean 'risk_weight'"):
        objective_for(fine, risk_wait=1.0)
    for bad in (float("nan"), -1.0, float("inf")):
        with pytest.raises(InputError, match="deadline of the goal must be a number"):
            objective_for(replace(fine, deadline=bad))


def test_tables_refuse_what_is_no_distribution() -> None:
    states, actions = [{"s": 0}, {"s": 1}], (Action("go"),)
    for rows, words in (
        ({(0, 0): [TableOutcome(0.5, 1)]}, "sum to 0.5"),
        ({(0, 0): [TableOutcome(1.0, 7)]}, "outside 0..1"),
        ({(0, 3): [TableOutcome(1.0, 1)]}, "outside 2 states and 1 actions"),
    ):
        with pytest.raises(InputError, match=words):
            TabularDynamics(states, actions, rows)
    model = TabularDynamics(states, actions, {(0, 0): [TableOutcome(1.0, 1)]})
    with pytest.raises(OutOfDomain, match="no state"):
        model.observe({"s": 5})


def test_priors_must_fit() -> None:
    model = errand()
    for prior in (torch.ones(3), torch.tensor([1.0, 1, 1, 1, 1, float("nan")]), -torch.ones(6)):
        with pytest.raises(InputError, match="prior must be 6 finite weights"):
            planner("best-first").plan(model, model.observe(ERRAND_START), objective_for(ERRAND_GOAL), prior)


class PointMass:
    """A known continuous toy: two coordinates pushed by the action, with the whole state in one slot."""

    action_width = 2
    action_bounds: tuple[Tensor, Tensor] | None = None

    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        return Latent(latent.z + vectors[:, None, :], latent.codes)


def test_gaussian_cem_drives_a_point_mass_home() -> None:
    model, goal = PointMass(), torch.tensor([1.5, -2.0])
    assert isinstance(model, ContinuousDynamics)
    start = Latent(torch.zeros(1, 1, 2), torch.zeros(1, 1, dtype=torch.int64))

    def cost(latent: Latent) -> Tensor:
        return (latent.z[:, 0] - goal).square().sum(-1)

    kind = GaussianCem()
    shot = kind.shoot(model, start, cost, seed=1)
    assert shot.cost < 1e-4
    assert torch.allclose(shot.actions.sum(0), goal, atol=0.02)
    assert shot.imagined == 300 * 30 * 5
    assert list(shot.costs) == sorted(shot.costs, reverse=True)
    assert torch.equal(shot.actions, kind.shoot(model, start, cost, seed=1).actions)
    assert not torch.equal(shot.actions, kind.shoot(model, start, cost, seed=2).actions)
    one = GaussianCem(samples=50, elites=1, iterations=5).shoot(model, start, cost)
    assert one.actions.isfinite().all()
    exact = torch.zeros(5, 2)
    exact[0] = goal
    warm = GaussianCem(samples=20, elites=5, iterations=1).shoot(model, start, cost, mean=exact)
    assert warm.cost == 0.0
    assert torch.equal(warm.actions, exact)  # the first candidate is the mean itself
    early = GaussianCem(sum_cost=True).shoot(model, start, cost)
    assert torch.allclose(early.actions[0], goal, atol=0.3)  # summed over steps, the way is made at once
    spent = kind.shoot(model, start, cost, budget=Budget(4_000))
    assert spent.imagined <= 4_000


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_planners_drive_a_bounded_point_mass_home(name: str) -> None:
    model, goal = PointMass(), torch.tensor([1.5, -2.0])
    model.action_bounds = torch.tensor([-0.6, -0.6]), torch.tensor([0.6, 0.6])
    start = Latent(torch.zeros(1, 1, 2), torch.zeros(1, 1, dtype=torch.int64))

    def cost(latent: Latent) -> Tensor:
        return (latent.z[:, 0] - goal).square().sum(-1)

    kind = planner(name, iterations=20)
    assert isinstance(kind, Shooting)
    shot = kind.shoot(model, start, cost, seed=1)
    assert shot.cost < 0.02
    assert shot.actions.abs().max() <= 0.6
    assert torch.equal(shot.actions, kind.shoot(model, start, cost, seed=1).actions)
    model.action_bounds = None
    exact = torch.zeros(5, 2)
    exact[0] = goal
    assert kind.shoot(model, start, cost, mean=exact).cost == 0.0  # what is given to start from is tried as it is


def test_icem_tries_fewer_and_draws_noise_that_lasts() -> None:
    kind = ICem(samples=200, elites=10, decay=2.0)
    assert [kind.count(i) for i in range(5)] == [200, 100, 50, 25, 20]
    around = Normal(torch.zeros(20, 2), torch.ones(20, 2))
    lasting, white = (ICem(beta=b).draw(around, 400, torch.Generator().manual_seed(0)) for b in (2.0, 0.0))
    for noise, least, most in ((lasting, 0.6, 1.0), (white, -0.1, 0.1)):
        assert noise.std(correction=0) == pytest.approx(1, abs=0.01)
        assert least < (noise[:, 1:] * noise[:, :-1]).mean() < most


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_planners_refuse_named_actions(name: str) -> None:
    model = errand()
    with pytest.raises(InputError, match=r"call shoot\(model, start, cost\)"):
        planner(name).plan(model, model.observe(ERRAND_START), objective_for(ERRAND_GOAL))
