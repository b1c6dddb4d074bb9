"""What one run of the protocol on a log has at hand: the split, our model, what it said while it followed, the floors.
Knows splits and floors, and the process model by its public names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog
from wmagent.domain.progress import Progress
from wmagent.evals.event_baselines import Boosted
from wmagent.evals.event_lstm import Lstm
from wmagent.evals.event_split import Split
from wmagent.events.following import Followed, follow
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel

OURS = "wmagent, online"


@dataclass(frozen=True)
class Trial:
    """`columns` are the log's codes of the model's activities, the end last. Floors are None where none are asked."""

    log: EventLog
    split: Split
    seed: int
    unknown_at_start: tuple[str, ...]
    say: Callable[[str], None]
    model: ProcessModel
    learn_seconds: float
    history: Histories
    followed: Followed
    columns: NDArray[np.int64]
    boosted: Boosted | None
    lstm: Lstm | None

    @staticmethod
    def begin(
        log: EventLog,
        split: Split,
        seed: int,
        preset: str,
        unknown_at_start: tuple[str, ...],
        floors: bool,
        say: Callable[[str], None],
    ) -> Trial:
        """Learn from the pool and follow the other cases."""

        def told(step: Progress) -> None:
            say(f"held-out {step.metrics['held-out']:.3f}")

        began = time.perf_counter()
        over = np.ones(len(split.pool), bool)  # by definition of the split
        model = ProcessModel.learn(log.take(split.pool), seed, preset, None, unknown_at_start, over, told)
        learned = time.perf_counter() - began
        history = model.read(log)
        followed = follow(model, history, split.asked.rows, split.others)
        places = {name: code for code, name in enumerate(log.activity.values)}
        columns = np.array([*(places[name] for name in model.vocabulary.activities), len(log.activity.values)])
        return Trial(
            log,
            split,
            seed,
            unknown_at_start,
            say,
            model,
            learned,
            history,
            followed,
            columns,
            Boosted(log, split, seed, unknown_at_start) if floors else None,
            Lstm(log, split, seed, unknown_at_start) if floors else None,
        )

    def spread(self, probs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the model's last axis at its places among the log's activities and the end; what it does not know is
        0."""
        found = np.zeros((*probs.shape[:-1], len(self.log.activity.values) + 1))
        found[..., self.columns] = probs
        return found

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Return (cases,) True: of what was learned from, all has ended."""
        return np.ones(len(self.log.cases), bool)
