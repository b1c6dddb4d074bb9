"""A served model under load: errors, times and memory of `what_if` over HTTP, and how soon a fresh server answers.
Knows a server's command and its routes; its numbers depend on the machine."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from wmagent.errors import InputError
from wmagent.evals.measure import quantile, versions
from wmagent.serve.running import bound

NOTES = (
    "closed loop: every client asks again as soon as it is answered; clients and server share the machine.",
    "`distinct` questions differ in state, change or goal; the same question is answered from memory while it is kept.",
    "`refused`: what cannot be done, which is said with status 422; no error of the server.",
    "`few`: 16 of them; `distinct`: all, from a cold memory; `fresh`: only what nobody asked before (by the questions' "
    "seeds), so that nothing comes from memory.",
    "memory: three times as many questions as `distinct`, more than are kept.",
    "cold start: from the command's begin to the first answer of `plan`, of a server over HTTP.",
)
FEW = 16  # questions


@dataclass(frozen=True)
class Load:
    """How a server is asked: `clients` at once for `seconds`, `distinct` questions; `calls` for the memory."""

    world: str = "contract-approval"
    transitions: int = 20_000
    preset: str = "small"
    text: str = "auto"
    clients: int = 32
    seconds: float = 60.0
    distinct: int = 200
    calls: int = 10_000


def run(load: Load, seed: int = 0, models: Path | None = None, progress: Callable[[str], None] | None = None) -> dict:
    """Learn a world, serve it, and measure; returns p50 and p99 in milliseconds, errors and MiB."""
    from wmagent.evals.learned import learned
    from wmagent.evals.sources import recorded
    from wmagent.worlds import load as load_world

    say = progress or (lambda _: None)
    world = load_world(load.world)
    with tempfile.TemporaryDirectory() as folder:
        rows = recorded(load.world, load.transitions)
        learned(load.world, rows, seed, load.preset, load.text, models or Path(folder))
        path = next((models or Path(folder)).glob(f"{load.world}-{len(rows)}-{load.preset}-*-{seed}.wm"))
        questions = _questions(world, load.distinct, seed)
        with _Server(path) as server:
            cold = server.until_answered(questions[0])
            say(f"cold start {cold:.2f} s")
            asked = {}
            for kind in ("few", "distinct", "fresh"):
                asked[kind] = asyncio.run(_asked(server.url, questions, load.clients, load.seconds, kind, seed))
                say(f"{kind}: {asked[kind]}")
            memory = asyncio.run(_memory(server, questions, load, seed))
            say(f"memory: {memory}")
    return {
        "world": load.world,
        "seed": seed,
        "load": dict(vars(load)),
        "cold_start_s": round(cold, 2),
        "what_if": asked,
        "memory": memory,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _questions(world: Any, distinct: int, seed: int) -> list[dict[str, Any]]:
    """Return what-ifs at states that the world's own behaviour reaches: something done now, skipped or added."""
    draw, found, goals = random.Random(seed), [], [goal.words for goal in world.goals() if goal.words]
    if not goals:
        raise InputError(f"{world.name} has no goals in words")
    while len(found) < distinct:
        state, steps = world.initial(draw.randrange(10_000)), draw.randrange(5)
        for _ in range(steps):
            legal = world.legal(state)
            if not legal:
                break
            step = world.step(state, draw.choice(legal), draw.randrange(10_000))
            if step.done:
                break
            state = step.state
        legal = world.legal(state)
        if not legal:
            continue
        change = draw.choice(("do", "skip", "insert"))
        label = draw.choice(legal).label()
        facts = dict(world.observe(state).facts)
        found.append({"state": facts, "until": draw.choice(goals), change: label if change == "insert" else [label]})
    return found


class _Server:
    """A real server process on a free port."""

    def __init__(self, path: Path) -> None:
        with bound("127.0.0.1", 0) as place:
            self.port = place.getsockname()[1]
        self.url, self.path = f"http://127.0.0.1:{self.port}", path

    def __enter__(self) -> _Server:
        command = [sys.executable, "-m", "wmagent", "serve", str(self.path), "--http", "--port", str(self.port)]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, env=os.environ | {"WMAGENT_TOKEN": ""}, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def until_answered(self, question: dict[str, Any]) -> float:
        """Return the seconds from the command's begin to the first plan."""
        import httpx

        asked = {"goal": question["until"], "state": question["state"]}
        while True:
            try:
                httpx.post(f"{self.url}/v1/plan", json=asked, timeout=60).raise_for_status()
                return time.perf_counter() - self.began
            except httpx.ConnectError:
                if self.process.poll() is not None or time.perf_counter() - self.began > 120:
                    raise InputError(f"the server of {self.path} does not answer") from None
                time.sleep(0.02)

    def mib(self) -> float:
        """Return its resident memory, that of its helpers included."""
        one = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in (one, *one.children(recursive=True))) / 2**20


async def _asked(
    url: str, questions: list[dict[str, Any]], clients: int, seconds: float, kind: str, seed: int
) -> dict[str, Any]:
    import httpx

    times: list[float] = []
    errors: list[str] = []
    refused: list[str] = []
    until, count = time.perf_counter() + seconds, iter(range(10**9))

    async def client(number: int) -> None:
        draw = random.Random(seed * 1_000 + number)
        async with httpx.AsyncClient(base_url=url, timeout=120) as http:
            while time.perf_counter() < until:
                question = draw.choice(questions[:FEW] if kind == "few" else questions)
                if kind == "fresh":
                    question = question | {"seed": 1 + next(count)}
                began = time.perf_counter()
                try:
                    answer = await http.post("/v1/what_if", json=question)
                except httpx.HTTPError as error:
                    errors.append(type(error).__name__)
                    continue
                times.append((time.perf_counter() - began) * 1e3)
                if answer.status_code == 422:
                    refused.append(answer.text)
                elif answer.status_code != 200:
                    errors.append(f"{answer.status_code}: {answer.text[:200]}")

    await asyncio.gather(*(client(number) for number in range(clients)))
    return {
        "calls": len(times),
        "errors": len(errors),
        "first_errors": errors[:3],
        "refused": len(refused),
        "p50_ms": round(quantile(times, 0.5), 1),
        "p99_ms": round(quantile(times, 0.99), 1),
        "per_second": round(len(times) / seconds, 1),
    }


async def _memory(server: _Server, questions: list[dict[str, Any]], load: Load, seed: int) -> dict[str, Any]:
    """Ask many times, and return the server's MiB on the way."""
    import httpx

    marks = {0: round(server.mib(), 1)}
    draw, left = random.Random(seed), iter(range(1, load.calls + 1))

    async def client(number: int) -> None:
        async with httpx.AsyncClient(base_url=server.url, timeout=120) as http:
            for done in left:
                await http.post("/v1/what_if", json=draw.choice(questions) | {"seed": done % 3})
                if done % max(1, load.calls // 5) == 0:
                    marks[done] = round(server.mib(), 1)

    await asyncio.gather(*(client(number) for number in range(min(8, load.clients))))
    return {"calls": load.calls, "mib": {str(calls): mib for calls, mib in sorted(marks.items())}}
