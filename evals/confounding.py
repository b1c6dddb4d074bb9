"""What-ifs from confounded records against the truth: adjusted where the cause is logged, bounded where it is not.
Knows confounded worlds, warrants and simulation by their public names; knows no file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wmagent.agent.record import Record, RememberingModel, recorded
from wmagent.agent.warrant import default_gamma, warrant
from wmagent.domain.types import Action, Facts, Goal, Transition
from wmagent.domain.warrant import Warrant
from wmagent.evals.metrics import bootstrap, bootstrap_weights, coverage
from wmagent.planning.behaviour_value import following
from wmagent.worlds.behaviour import Lead, experience
from wmagent.worlds.confounding import confounded, confounder, leading, logged
from wmagent.worlds.restricting import restricted
from wmagent.worlds.workflow import WorkflowWorld

Learn = Callable[[Sequence[Transition], int], RememberingModel]
CASES, LENGTH, RESAMPLES = 1_000, 12, 2_000  # cases simulated per question, rows of a usual one, resamples
ANSWERS = ("imagined", "doubly_robust", "inverse_propensity", "naive")
BOUNDS = {"default": "bounds", "gamma 1": "interval", "manski": "manski"}

NOTES = (
    "logged: the urgency that sways decisions and outcomes is recorded; the question leaves it out, so it is averaged "
    "over. imagined is the answer (outcome regression over the logged facts), doubly robust and inverse propensity "
    "stand beside, naive is the floor.",
    "unlogged: the urgency is not recorded. Bounds at the default gamma are the answer; gamma 1 (no unlogged cause) is "
    "the floor that should miss, Manski's bounds, which assume nothing, the ceiling of width.",
    "truth: a simulated randomised experiment; recorded behaviour sees the urgency and what was tried before, which no "
    "policy of visible facts does, so the world's exact counterfactuals do not answer this question.",
    "Decision strength 0 is the control: there nothing confounds, and naive and adjusted answers should agree.",
)


@dataclass(frozen=True)
class Question:
    """P(goal) if `action` is done first in a case that starts like this, urgency unseen, and behaviour goes on;
    `truth` from a simulated experiment, with its standard error."""

    start: Facts
    action: Action
    goal: Goal
    truth: float
    error: float


def confounding(
    world: WorkflowWorld,
    learn: Learn,
    seeds: Sequence[int],
    transitions: int = 8_000,
    strength: float = 0.9,
    starts: int = 12,
    cases: int = CASES,
) -> dict[str, Any]:
    """Return how answers fare when `strength` of the recorded decisions follow an urgency that also sways outcomes.

    `logged`: mean absolute errors of the answer and the naive one (must: at most half). `unlogged`: share of the
    questions whose bounds at the default gamma hold the truth (must: .90), their width beside Manski's, and the control
    of gamma 1, which should miss. `learn` makes a world model of rows and a seed. JSON-ready.
    """
    runs = [_run(world, learn, seed, transitions, strength, starts, cases) for seed in seeds]
    known = _errors([point for run in runs for point in run["logged"]])
    hidden = _bounded([point for run in runs for point in run["unlogged"]])
    return {
        "world": world.name,
        "strength": strength,
        "transitions": transitions,
        "seeds": list(seeds),
        "n": sum(run["n"] for run in runs),
        "truth_error": float(np.mean([run["truth_error"] for run in runs])),
        **_headline(known, hidden),
        "logged": known,
        "unlogged": hidden,
        "per_seed": [
            {
                "seed": run["seed"],
                "n": run["n"],
                "truth_error": run["truth_error"],
                "logged": _errors(run["logged"]),
                "unlogged": _bounded(run["unlogged"]),
            }
            for run in runs
        ],
        "notes": list(NOTES),
        "points": [{key: run[key] for key in ("seed", "logged", "unlogged")} for run in runs],
    }


def questions(
    world: WorkflowWorld, seed: int, strength: float, starts: int, cases: int, goals: Sequence[Goal]
) -> list[Question]:
    """Return every action and goal at up to `starts` distinct first states, with the truth of a simulated experiment.

    The experiment starts `cases` cases alike but for their urgency, as likely as the world has it, does the action
    whoever decides, and then lets recorded behaviour decide, giving cases up included.
    """
    key = confounder(world)
    found = []
    first = {tuple(_unseen(world.initial(number), key).items()) for number in range(40 * starts)}
    chosen = np.random.default_rng(seed).permutation(len(first))[:starts]
    for start in (dict(sorted(first, key=repr)[place]) for place in chosen):
        alike = restricted(world, {name: [value] for name, value in start.items()})
        for action in world.legal({**start, key: "urgent"}):
            rows = experience(
                alike, LENGTH * cases, seed + 1, 0.0, lead=_begun(leading(world, seed, strength), action), max_steps=40
            )
            runs = _by_case(rows, cases)
            for goal in goals:
                share = float(np.mean([_reached(run, goal) for run in runs]))
                error = float(np.sqrt(share * (1 - share) / len(runs)))
                found.append(Question(start, action, goal, share, error))
    return found


def _run(
    plain: WorkflowWorld, learn: Learn, seed: int, transitions: int, strength: float, starts: int, cases: int
) -> dict[str, Any]:
    world = confounded(plain, seed)
    key = confounder(world)
    asked = questions(world, seed, strength, starts, cases, world.goals()[:2])
    result: dict[str, Any] = {
        "seed": seed,
        "n": len(asked),
        "truth_error": float(np.mean([question.error for question in asked])),
    }
    for name, hide, average_over in (("logged", False, (key,)), ("unlogged", True, ())):
        rows = logged(world, transitions, seed, strength, hide)
        model = learn(rows, seed)
        record = recorded(model)
        result[name] = [_point(question, said) for question, said in _answers(model, record, asked, average_over)]
    return result


def _answers(
    model: RememberingModel, record: Record, asked: Sequence[Question], average_over: Sequence[str]
) -> list[tuple[Question, Warrant]]:
    gammas: dict[tuple[str, Goal], float] = {}
    start = model.latent(record.states[:1])
    worth = {goal: following(model, start, goal) for goal in {question.goal for question in asked}}
    found = []
    for question in asked:
        of = question.action.label(), question.goal
        if of not in gammas:
            gammas[of] = default_gamma(
                model, record, model.action_index(question.action), question.goal, worth[question.goal]
            )[0]
        said = warrant(
            model,
            question.start,
            question.action,
            question.goal,
            average_over=average_over,
            gamma=gammas[of],
            record=record,
            followed=worth[question.goal],
        )
        found.append((question, said))
    return found


def _point(question: Question, said: Warrant) -> dict[str, Any]:
    """Return one question's numbers; those that were refused are None."""
    point: dict[str, Any] = {
        "start": "; ".join(f"{name}: {value}" for name, value in question.start.items()),
        "action": question.action.label(),
        "goal": question.goal.words,
        "truth": question.truth,
        "support": said.support,
        "n": said.n,
        "taken": said.taken,
        "imagined": said.imagined,
        "interval": said.interval,
        "doubly_robust": said.doubly_robust.value if said.doubly_robust else None,
        "inverse_propensity": said.inverse_propensity.value if said.inverse_propensity else None,
        "naive": said.naive.value if said.naive else None,
    }
    if said.bounds:
        point |= {"gamma": said.bounds[0].gamma, "bounds": said.bounds[0].interval, "manski": said.bounds[1].interval}
    return point


def _errors(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean absolute errors with 95 % bootstrap intervals (by start), over the questions that got numbers."""
    given = [point for point in points if point["interval"] is not None]
    result: dict[str, Any] = {"n": len(given), "refused": len(points) - len(given)}
    if not given:
        return result
    errors = {name: np.array([abs(point[name] - point["truth"]) for point in given]) for name in ANSWERS}
    starts = [point["start"] for point in given]
    weights = bootstrap_weights(starts, RESAMPLES, 0)
    for name in ANSWERS:
        ratios = weights @ errors[name] / np.maximum(weights @ errors["naive"], 1e-12)
        result[name] = {
            "mae": float(errors[name].mean()),
            "interval": bootstrap(errors[name].tolist(), starts),
            "of_naive": float(errors[name].mean() / max(errors["naive"].mean(), 1e-12)),
            "of_naive_interval": np.quantile(ratios, (0.025, 0.975)).tolist(),
        }
    result["coverage"] = coverage([point["interval"] for point in given], [point["truth"] for point in given])
    return result


def _bounded(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how often bounds hold the truth and how wide they are: default gamma, none (gamma 1), any (Manski)."""
    given = [point for point in points if "bounds" in point]
    result: dict[str, Any] = {"n": len(given), "refused": len(points) - len(given)}
    if not given:
        return result
    starts = [point["start"] for point in given]
    result["gamma"] = float(np.median([point["gamma"] for point in given]))
    for name, column in BOUNDS.items():
        held = [float(point[column][0] <= point["truth"] <= point[column][1]) for point in given]
        width = float(np.mean([point[column][1] - point[column][0] for point in given]))
        result[name] = {"contains": float(np.mean(held)), "interval": bootstrap(held, starts), "width": width}
    for name in ("imagined", "naive"):
        result[f"error, {name}"] = float(np.mean([abs(point[name] - point["truth"]) for point in given]))
    return result


def _headline(known: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, str]:
    """Return the main numbers in words, for tables."""
    found = {}
    for name in ANSWERS if "naive" in known else ():
        row, of = known[name], known[name]["of_naive"]
        found[f"logged: error, {name.replace('_', ' ')}"] = (
            f"{row['mae']:.3f} ({_ends(row['interval'])}), {of:.2f} of naive ({_ends(row['of_naive_interval'])}), "
            f"n {known['n']}, refused {known['refused']}"
        )
    if "coverage" in known:
        found["logged: share of intervals (90 %) that hold the truth"] = f"{known['coverage']:.2f}"
    for name in BOUNDS if "gamma" in hidden else ():
        row = hidden[name]
        found[f"unlogged: bounds hold the truth, {name}"] = (
            f"{row['contains']:.2f} ({_ends(row['interval'])}), width {row['width']:.2f}, n {hidden['n']}, "
            f"refused {hidden['refused']}"
        )
    return found


def _ends(interval: Sequence[float]) -> str:
    return f"{interval[0]:.2f} … {interval[1]:.2f}"


def _begun(lead: Lead, action: Action) -> Lead:
    """Return the lead with the first decision of every case made for it."""

    def begun(facts: Facts, legal: tuple[Action, ...], tried: Mapping[Action, int]) -> Action | None:
        return lead(facts, legal, tried) if any(tried.values()) else action

    return begun


def _by_case(rows: Sequence[Transition], cases: int) -> list[list[Transition]]:
    runs: dict[str, list[Transition]] = defaultdict(list)
    for row in rows:
        runs[row.case].append(row)
    return list(runs.values())[:-1][:cases]


def _reached(run: Sequence[Transition], goal: Goal) -> bool:
    hours = 0.0
    for row in run:
        hours += row.duration
        if (goal.deadline is not None and hours > goal.deadline) or goal.violated(row.after.facts):
            return False
        if goal.reached(row.after.facts):
            return True
    return False


def _unseen(facts: Facts, key: str) -> Facts:
    return {name: value for name, value in facts.items() if name != key}
