"""Processes that are killed (kill -9) while they act, and runs that go on elsewhere: is a deed lost or done twice, and
does the run end as if nothing had happened? Knows the agent's acting and resuming, and a file of deeds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from wmagent.errors import InputError
from wmagent.evals.deeds import KINDS
from wmagent.evals.killed import THREAD, Settings, opened
from wmagent.evals.measure import versions
from wmagent.worlds import load

NOTES = (
    "every kill is SIGKILL to a process of its own, at a call (of a Python or C function, in any thread) drawn by "
    "seed: a stage of the loop or what lies between stages (in turn, in a drawn order), a visit of it, a call within.",
    "every deed is a row in a SQLite file that is not the checkpoint; the run goes on in another process.",
    "a deed in doubt is asked about; the answer comes from looking at that file, as a person would.",
    "lost and repeated deeds are counted against an uninterrupted run of the same seed; `same end` compares every deed "
    "with its facts, hours and cost, and how the run ended.",
)


def run(
    world: str = "contract-approval", kills: int = 20, seed: int = 0, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Kill `kills` runs in each kind of environment and go on with each; returns counts and every kill."""
    say, draw = progress or (lambda _: None), random.Random(seed)
    goal = next((goal.words for goal in load(world).goals() if goal.words), None)
    if goal is None or kills < 1:
        raise InputError(f"{world} has no goal in words" if goal is None else f"kills is at least 1, not {kills}")
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        plain = Settings("", world, draw.randrange(1_000), draw.randrange(1_000), goal, kind)
        whole, visits = _uninterrupted(plain)
        say(f"{kind}: uninterrupted {whole['status']} after {len(whole['deeds'])} deeds, {len(visits)} visits")
        stages = sorted({name for name, _ in visits})
        order = draw.sample(stages, len(stages))
        for number in range(kills):
            visit, call = _moment(visits, order[number % len(order)], draw)
            rows.append(_killed(replace(plain, visit=visit, call=call), visits[visit][0], whole))
            say(f"{kind} {number + 1}/{kills}: {rows[-1]}")
    return {
        "eval": "kills",
        "world": world,
        "seed": seed,
        "goal": goal,
        "summary": {kind: _summed([row for row in rows if row["environment"] == kind]) for kind in KINDS},
        "kills": rows,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _moment(visits: list[tuple[str, int]], stage: str, draw: random.Random) -> tuple[int, int]:
    """Return a visit of a stage and a call within it."""
    visit = draw.choice([place for place, (name, _) in enumerate(visits) if name == stage])
    return visit, draw.randint(1, max(1, visits[visit][1]))


def _uninterrupted(settings: Settings) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(settings, folder=folder)
        ended = _process(settings)
        if ended.returncode != 0:
            raise RuntimeError(f"the uninterrupted run failed: {ended.stderr[-2000:]}")
        visits = json.loads((Path(folder) / "told.json").read_text())["visits"]
        agent, place = opened(settings)
        with agent:
            whole = _course(agent.look(THREAD), place)
        place.close()
    return whole, [(str(name), int(calls)) for name, calls in visits]


def _killed(settings: Settings, stage: str, whole: dict[str, Any]) -> dict[str, Any]:
    """Kill one run and go on with it here; returns what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(settings, folder=folder)
        ended = _process(settings)
        agent, place = opened(settings)
        before = len(place.rows())
        with agent:
            episode, doubt = _gone_on(agent, place, settings)
            course = _course(episode, place)
        place.close()
    done, meant = Counter(course["rows"]), Counter(whole["rows"])
    return {
        "environment": settings.kind,
        "stage": stage,
        "visit": settings.visit,
        "call": settings.call,
        "killed": ended.returncode == -signal.SIGKILL,
        "deeds_before": before,
        "doubt": doubt,
        "lost": (meant - done).total(),
        "repeated": (done - meant).total(),
        "same_end": course == whole,
    }


def _process(settings: Settings) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wmagent.evals.killed", json.dumps(asdict(settings))]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def _gone_on(agent: Any, place: Any, settings: Settings) -> tuple[Any, str]:
    """Resume a run until it ends; returns the episode and what a doubt turned out to be."""
    doubt = "none"
    try:
        episode = agent.resume(THREAD, place)
    except InputError as error:
        if "no run named" not in str(error):
            raise
        if place.rows():
            raise RuntimeError("something was done before the run was written down") from None
        return agent.act(settings.goal, place.initial, place, thread=THREAD, seed=settings.seed), "not begun"
    while episode.status == "waiting":
        rows = place.rows()
        happened = len(rows) > len(episode.deeds)
        doubt = "had happened" if happened else "had not happened"
        told = {key: value for key, value in rows[-1].items() if key != "action"} if happened else {}
        episode = agent.resume(THREAD, place, answer={"happened": happened, **told})
    return episode, doubt


def _course(episode: Any, place: Any) -> dict[str, Any]:
    """Return how a run went, as the agent tells it and as the file has it."""
    rows = [json.dumps(row, sort_keys=True) for row in place.rows()]
    return {"status": episode.status, "deeds": list(episode.to_dict()["deeds"]), "rows": rows}


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    stages, doubts = Counter(row["stage"] for row in rows), Counter(row["doubt"] for row in rows)
    return {
        "kills": len(rows),
        "by SIGKILL": sum(row["killed"] for row in rows),
        "lost deeds": sum(row["lost"] for row in rows),
        "repeated deeds": sum(row["repeated"] for row in rows),
        "same end": sum(row["same_end"] for row in rows),
        "doubts asked": sum(count for doubt, count in doubts.items() if doubt.startswith("had")),
        "killed in": dict(sorted(stages.items())),
        "doubts": dict(sorted(doubts.items())),
    }
