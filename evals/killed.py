"""`python -m wmagent.evals.killed SETTINGS`: one run of the act loop in this process, which kills itself (SIGKILL) at a
given moment of it. Knows the agent's stages by name; must not know how anything goes on afterwards."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

BETWEEN = "between"  # stages: LangGraph's own work, the writing of checkpoints above all
STAGES = ("perceive", "propose", "imagine", "check", "question", "explain", "act", "observe")
THREAD = "run"


@dataclass(frozen=True)
class Settings:
    """What is done where. `visit` and `call` say when the process is killed: in which visit of a stage (or of what lies
    between), counted from the beginning, and at which call within it; -1: never."""

    folder: str
    world: str
    start: int
    seed: int
    goal: str
    kind: str
    visit: int = -1
    call: int = 0


class Moments:
    """Counts the calls (of Python and C functions, in every thread) of each visit; kills at the chosen one."""

    def __init__(self, visit: int, call: int) -> None:
        from wmagent.agent.stages import AgentStages

        self._stages = {getattr(AgentStages, name).__code__: name for name in STAGES}
        self._visit, self._call = visit, call
        self.visits: list[list[Any]] = [[BETWEEN, 0]]

    def __call__(self, frame: FrameType, event: str, given: Any) -> None:
        """Take note of one event of the interpreter (see `sys.setprofile`)."""
        stage = self._stages.get(frame.f_code) if event in ("call", "return") else None
        if stage is not None:
            self.visits.append([stage if event == "call" else BETWEEN, 0])
        if event in ("call", "c_call", "c_return"):
            self.visits[-1][1] += 1
        now = len(self.visits) - 1
        if self._visit >= 0 and (now > self._visit or (now == self._visit and self.visits[-1][1] >= self._call)):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Begin to count."""
        threading.setprofile(self)
        sys.setprofile(self)

    def leave(self) -> None:
        """Stop counting."""
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def opened(settings: Settings) -> tuple[Any, Any]:
    """Return the agent and the environment of a run: the world's exact model, the files of the folder."""
    from wmagent.agent.agent import Agent
    from wmagent.agent.scripted import ScriptedWorldModel
    from wmagent.evals.deeds import KINDS

    folder = Path(settings.folder)
    place = KINDS[settings.kind](folder / "deeds.db", settings.world, settings.start, settings.seed)
    model = ScriptedWorldModel.from_oracle(place.world.oracle(), place.world.actions, place.initial)
    return Agent(model, checkpoint=folder / "runs.db"), place


def main() -> None:
    """Act until the goal, or until the moment comes; writes the visits and the episode to the folder."""
    import torch

    torch.set_num_threads(1)
    settings = Settings(**json.loads(sys.argv[1]))
    agent, place = opened(settings)
    moments = Moments(settings.visit, settings.call)
    moments.watch()
    episode = agent.act(settings.goal, place.initial, place, thread=THREAD, seed=settings.seed)
    moments.leave()
    told = {"visits": moments.visits, "status": episode.status, "settings": asdict(settings)}
    (Path(settings.folder) / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
