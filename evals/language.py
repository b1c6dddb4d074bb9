"""The language side in one run: what `wmagent eval language` judges, part by part. Knows the parts only."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wmagent.errors import unknown
from wmagent.evals.measure import versions
from wmagent.evals.sources import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How much is asked. `source` are the rows that encoders, adapters and the peer learn from: a file of transitions
    or a shipped world; `second` is the language model that replaces the first one under a frozen world model."""

    lm: str = "tiny"
    second: str = "lm:tiny@4"
    source: Source = "contract-approval"
    rows: int = 4_000
    transitions: int = 20_000
    preset: str = "small"
    steps: int = 600
    passes: float = 2.0
    tests: int = 400
    questions: int = 300
    cases: int = 4
    models: Path | None = None


QUICK = Settings(
    rows=600, transitions=2_000, preset="tiny", steps=60, passes=0.2, tests=40, questions=40, cases=1
)  # for trying the command, not for numbers


def _scoring(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.lm_scoring import run

    return run(s.lm)


def _memory(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.language.memory import Shape, measured, plan

    return {"plan": plan(), "measured": measured(Shape(512, 8, 8, 2, 1408, 16_000, tied=True))}


def _goals(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.goal_reading import run

    return run((seed,), lm=s.lm, models=s.models, progress=say)


def _proposing(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.proposing import run

    given = {"transitions": s.transitions, "preset": s.preset, "cases": s.cases, "models": s.models}
    return run(seeds=(seed,), lm=s.lm, **given, progress=say)


def _explaining(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.explaining import run

    given = {"transitions": s.transitions, "preset": s.preset, "cases": 2 * s.cases, "models": s.models}
    return run(seeds=(seed,), lm=s.lm, **given, progress=say)


def _soft_tokens(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.soft_tokens import run

    given = {"transitions": s.transitions, "preset": s.preset, "questions": s.questions, "models": s.models}
    return run(seeds=(seed,), lm=s.lm, steps=s.steps, **given, progress=say)


def _encoders(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.encoders import run

    half = s.steps // 2
    sizes = sorted({s.rows // 4, s.rows})
    return run(s.source, (seed,), sizes, s.lm, preset=s.preset, steps=s.steps, decoder_steps=half, progress=say)


def _swapping(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.swapping import run

    return run(s.source, s.second, seeds=(seed,), rows=s.rows, preset=s.preset, steps=s.steps, progress=say)


def _peer(seed: int, s: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    from wmagent.evals.peer import run

    return run(s.source, (seed,), s.lm, s.rows, s.passes, s.tests, s.preset, progress=say)


PARTS: dict[str, Callable[[int, Settings, Callable[[str], None]], dict[str, Any]]] = {
    "scoring": _scoring,
    "memory": _memory,
    "goals": _goals,
    "explaining": _explaining,
    "soft-tokens": _soft_tokens,
    "proposing": _proposing,
    "swapping": _swapping,
    "encoders": _encoders,
    "peer": _peer,
}


def run(
    seed: int = 0,
    settings: Settings | None = None,
    parts: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run parts of the language evaluation with one seed; returns {part: its result} with settings and seconds.

    InputError for unknown parts.
    """
    settings, say = settings or Settings(), progress or log.info
    chosen = list(parts or PARTS)
    for part in chosen:
        if part not in PARTS:
            raise unknown("part", part, PARTS)
    found: dict[str, Any] = {}
    for part in chosen:
        began = time.perf_counter()
        result = PARTS[part](seed, settings, say)
        found[part] = result | {"seconds": round(time.perf_counter() - began, 1)}
        say(f"{part}: {found[part]['seconds']} s")
    shown = replace(settings, models=None).__dict__ | {"source": str(settings.source)}
    return {"eval": "language", "seed": seed, "settings": shown, "parts": found, "versions": versions()}
