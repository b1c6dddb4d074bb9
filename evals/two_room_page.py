"""One seed of the Two-Room evaluation as a page: shares solved, walks with real beside imagined frames, what was told.
Knows results and the agent from pixels; must not know how they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wmagent.errors import InputError
from wmagent.evals.two_room_play import Played
from wmagent.evals.two_room_tasks import Task
from wmagent.pixels.agent import Journey, PixelAgent, PixelPlan
from wmagent.pixels.goals import Reader
from wmagent.pixels.page import planned, walked
from wmagent.pixels.world_model import PixelModel
from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.page import document, write_report
from wmagent.worlds.two_room import TwoRoom, Walk, Words

SAID = "go to the bottom of the other room"
KINDS = {
    "teleport": "the dot is elsewhere",
    "colour": "the dot has another colour",
    "through_wall": "the dot went through the wall",
    "through_wall_away_from_door": "the same, where the door is out of reach",
}


@dataclass(frozen=True)
class Shown:
    """A pair of a task that was walked to look at: whether it was `solved` in the evaluation, and how near its goal
    the dot came this time, in pixels."""

    task: Task
    pair: int
    solved: bool
    journey: Journey
    nearest: float


def walks_of(model: PixelModel, task: Task, ours: Played, seed: int) -> list[Shown]:
    """Return the first pair of a task that was solved and the first that was not, as far as there are such, walked by
    the agent. It plans by seeds of its own and stops where it believes to be there, so it may end otherwise."""
    agent, found = PixelAgent(model, words=Words(task.world)), []
    for pairs in (np.flatnonzero(ours.solved), np.flatnonzero(~ours.solved)):
        for pair in pairs[:1].tolist():
            walk = Walk(task.world, task.starts[pair], model.config.size)
            goal = task.goals[pair]
            journey = agent.act(walk, task.world.render([goal], model.config.size)[0], task.budget, seed + pair)
            nearest = task.world.distance(walk.path, np.broadcast_to(goal, walk.path.shape)).min()
            found.append(Shown(task, pair, bool(ours.solved[pair]), journey, float(nearest)))
    return found


def said_plan(model: PixelModel, world: TwoRoom, reader: Reader, task: Task, seed: int) -> PixelPlan | str:
    """Return a plan to a goal in words from a task's first start, or why the sentence was refused."""
    agent = PixelAgent(model, words=Words(world), reader=reader)
    try:
        return agent.plan(SAID, world.render(task.starts[:1], model.config.size), seed=seed)
    except InputError as refused:
        return str(refused)


def write_page(path: Path, result: Mapping[str, Any], walks: Sequence[Shown], said: PixelPlan | str | None) -> None:
    """Write a result with its walks as one page without scripts or network."""
    settings, success = result["settings"], result["success"]
    heading = f"Two-Room from pixels: {settings['preset']}, seed {result['seed']}"
    command = f"wmagent eval two-room --preset {settings['preset']} --pairs {settings['pairs']}"
    command += f" --episodes {settings['episodes']} --seed {result['seed']}"
    command += "".join(f" --config {key}={value}" for key, value in settings["changes"].items())
    command += (" --ablations" if settings["ablations"] else "") + ("" if settings["words"] else " --no-words")
    figures = [_figure(f"{100 * rows['ours']['solved']:.1f} %", f"solved, {task}") for task, rows in success.items()]
    body = [
        tag("h1", heading),
        tag("p", tag("code", command), class_="note"),
        tag("div", *figures, class_="figures"),
        _shares(success),
        _known(result),
        *(_task(task, [walk for walk in walks if walk.task.name == task]) for task in success),
        _said(result["words"], said),
        section("How it was measured", tag("ul", *(tag("li", note) for note in result["notes"]))),
    ]
    write_report(path, document(heading, join(body)))


def _shares(success: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Html:
    tasks = list(success)
    sizes = [f"{task} (n = {success[task]['ours']['n']})" for task in tasks]
    rows = [[name, *(_share(success[task][name]) for task in tasks)] for name in success[tasks[0]]]
    return section(
        "Solved", table(("way of planning", *sizes), rows, numeric=range(1, len(tasks) + 1)),
        note="Share of pairs in %, with its 95 % interval. +25: start and goal are 25 recorded steps apart.",
    )  # fmt: skip


def _share(cell: Mapping[str, Any]) -> Html:
    low, high = (f"{100 * end:.1f}" for end in cell["interval"])
    return join([f"{100 * cell['solved']:.1f}", tag("span", f" ({low} … {high})", class_="was")])


def _known(result: Mapping[str, Any]) -> Html:
    """Return what the model knows: what can be read off latents, and by what it is surprised."""
    surprise = result["surprise"]
    read = [(f"probe R² of {axis}", f"{r:.4f}") for axis, r in zip("xy", result["probe_r2"] or (), strict=False)]
    odd = [
        (f"surprise, {says} (AUROC)", f"{surprise[f'{kind}_auroc']:.3f}")
        for kind, says in KINDS.items() if surprise[f"{kind}_auroc"] is not None
    ]  # fmt: skip
    note = "Positions are read off latents by a line; AUROC: how often the impossible surprises more than the real."
    return section("What the model knows", table(("measure", "value"), [*read, *odd], numeric=(1,)), note=note)


def _task(name: str, walks: Sequence[Shown]) -> Html:
    parts = []
    for walk in walks:
        outcome = "solved" if walk.solved else "not solved"
        parts += [
            tag("h3", f"Pair {walk.pair + 1}, {outcome} in the evaluation"),
            tag("p", f"This time the dot came within {walk.nearest:.1f} pixels; {walk.task.world.success:g} solve it."),
            walked(walk.journey),
        ]
    steps = f"{walks[0].task.budget} steps are allowed. " if walks else ""
    note = steps + "One frame a block, the start first; below each real frame the one that was imagined for it."
    return section(f"Walks, {name}", *parts, note=note)


def _said(measured: Mapping[str, Any] | None, said: PixelPlan | str | None) -> Html:
    if measured is None or said is None:
        return Html("")
    rows = [
        [name, *(_share({"solved": found[way]["share"], **found[way]}) for way in ("near", "inside"))]
        for name, found in measured["success"].items()
    ]
    shown = tag("p", f"Refused: {said}") if isinstance(said, str) else planned(said)
    return section(
        "Goals in words", table(("goals as", "came near", "came inside"), rows, numeric=(1, 2)),
        tag("h3", f"A plan: “{SAID}”"), shown,
        note=f"Share of {measured['settings']['pairs']} pairs in %, with its 95 % interval. The plan is only imagined.",
    )  # fmt: skip


def _figure(number: str, meaning: str) -> Html:
    return tag("div", tag("b", number), tag("span", meaning), class_="figure")
