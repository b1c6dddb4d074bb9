"""A world model of a process: learned from an event log, asked for what comes next, how long, and what becomes of it.
Knows columns, its network and its memories; must not know files of logs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.domain.event_log import HOUR, EventLog
from wmagent.errors import InputError, checked_seed
from wmagent.events.histories import Histories, Vocabulary, histories
from wmagent.events.learning import Progress, Teaching, batches, refresh, train
from wmagent.events.network import HistoryNetwork
from wmagent.events.online import Mixture
from wmagent.events.settings import EventSettings, event_preset
from wmagent.events.targets import Bins, targets
from wmagent.events.trees import Trees
from wmagent.model.regularizers import collapse_meters

log_ = logging.getLogger(__name__)

HELD_OUT = 0.2  # of the cases, the latest to start: for patience, weights and calibration
STEPS = 24  # batches per epoch at least, where the log is large enough
ORDERS = (3, 5)  # of the n-gram memories
STILL_OPEN = 0.95  # quantile of gaps: a case that has been silent for less may go on


@dataclass
class ProcessModel:
    """What was learned of a process. `weights` are those of the network and the trees, `patience_hours` of silence end
    a case, `courses` are the recorded ones: codes, is it over, how often was it seen."""

    vocabulary: Vocabulary
    settings: EventSettings
    network: HistoryNetwork
    gaps: Bins
    remaining: Bins
    trees: Trees | None
    weights: NDArray[np.float64]
    patience_hours: float
    courses: tuple[tuple[tuple[int, ...], bool, int], ...] = field(repr=False)
    card: dict[str, object] = field(default_factory=dict)
    seed: int = 0

    @staticmethod
    def learn(
        log: EventLog,
        seed: int = 0,
        preset: str = "small",
        settings: EventSettings | None = None,
        unknown_at_start: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> ProcessModel:
        """Learn from all cases of a log; case attributes in `unknown_at_start` are not used, because a log says of them
        what was only known later. InputError where there is too little to learn from."""
        settings = settings or event_preset(preset)
        settings = settings.model_copy(update={"tokens": int(np.clip(len(log) // STEPS, 64, settings.tokens))})
        checked_seed(seed)
        if len(log.cases) < 10:
            raise InputError(f"the log has {len(log.cases)} cases; at least 10 are needed to learn from")
        first, last = log.time[log.starts[:-1]], log.time[log.starts[1:] - 1]
        silence = patience_of(log)
        ended = last < log.time.max() - silence * HOUR
        order = np.argsort(first, kind="stable")
        kept, held = np.split(order, [len(order) - max(1, int(HELD_OUT * len(order)))])
        vocabulary = Vocabulary.of(log, unknown_at_start)
        history = histories(log, vocabulary)
        wanted = targets(history, ended, vocabulary.end)
        rows = rows_of(history, kept)
        gaps, rest = (
            Bins.of(hours[rows][~np.isnan(hours[rows])], settings.bins) for hours in (wanted.gap, wanted.remaining)
        )
        torch.manual_seed(seed)
        network = HistoryNetwork(len(vocabulary.activities), len(vocabulary.resources), vocabulary.width, settings)
        teaching = Teaching(history, wanted, gaps, rest)
        card: dict[str, object] = {"cases": len(log.cases), "events": len(log), "seed": seed}
        card |= train(network, teaching, kept, held, settings, seed, progress)
        told = rows[wanted.next[rows] >= 0]
        trees = _trees(history, told, wanted.next[told], vocabulary, settings, seed)
        held_rows = rows_of(history, held)
        held_rows = held_rows[wanted.next[held_rows] >= 0]
        experts = [latents_and_events(network, history, held, settings)[1]]
        experts += [trees.predict(history, held_rows)] if trees else []
        given = np.stack([e[held_rows] if len(e) == len(history.activity) else e for e in experts])
        hits = given[:, np.arange(len(held_rows)), wanted.next[held_rows]]
        weights = Mixture.fitted(hits).weights
        latents = latents_and_events(network, history, held[:500], settings)[0][rows_of(history, held[:500])]
        card["latents"] = collapse_meters(torch.from_numpy(latents))
        if settings.refresh:
            refresh(network, teaching, order, settings, seed)
            every = np.flatnonzero(wanted.next >= 0)
            trees = _trees(history, every, wanted.next[every], vocabulary, settings, seed)
        courses: dict[tuple[tuple[int, ...], bool], int] = {}
        for case, (start, end) in enumerate(zip(log.starts[:-1].tolist(), log.starts[1:].tolist(), strict=True)):
            course = tuple(history.activity[start:end].tolist()), bool(ended[case])
            courses[course] = courses.get(course, 0) + 1
        memory = tuple((codes, done, n) for (codes, done), n in courses.items())
        return ProcessModel(vocabulary, settings, network, gaps, rest, trees, weights, silence, memory, card, seed)

    def read(self, log: EventLog) -> Histories:
        """Return a log as this model reads it."""
        return histories(log, self.vocabulary)

    def experts(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (experts, n, activities + 1) probabilities of the event after each row: network, then trees."""
        cases = np.unique(np.searchsorted(history.starts, rows, side="right") - 1)
        _, events = latents_and_events(self.network, history, cases, self.settings)
        found = [events[rows]]
        if self.trees is not None:
            found.append(self.trees.predict(history, rows))
        return np.stack(found)

    def latents(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the latents (n, d) of the prefixes that end with `rows`."""
        cases = np.unique(np.searchsorted(history.starts, rows, side="right") - 1)
        return latents_and_events(self.network, history, cases, self.settings)[0][rows]

    def save(self, path: str | Path) -> None:
        """Save as a folder of safetensors, JSON and the trees' text."""
        from wmagent.events.checkpoint import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> ProcessModel:
        """Load a saved model; CheckpointError where it is none."""
        from wmagent.events.checkpoint import load

        return load(Path(path))


def patience_of(log: EventLog) -> float:
    """Return the hours of silence after which a case is taken to be over: the STILL_OPEN quantile of gaps."""
    inside = np.ones(len(log), bool)
    inside[log.starts[:-1]] = False
    gaps = np.diff(log.time, prepend=log.time[:1])[inside]
    return float(np.quantile(gaps, STILL_OPEN)) / HOUR if len(gaps) else 0.0


def rows_of(history: Histories, cases: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of some cases."""
    counts = np.diff(history.starts)[cases]
    first = np.concatenate([[0], np.cumsum(counts)])
    return np.arange(first[-1]) + np.repeat(history.starts[:-1][cases] - first[:-1], counts)


def latents_and_events(
    network: HistoryNetwork, history: Histories, cases: NDArray[np.int64], settings: EventSettings
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return latents (events, d) and next-event probabilities (events, activities + 1) of the rows of some cases; rows
    of other cases are zero."""
    network.eval()
    latents = np.zeros((len(history.activity), settings.width), np.float32)
    events = np.zeros((len(history.activity), network.a + 1))
    with torch.inference_mode():
        for part in batches(history, cases, 4 * settings.tokens, 1 << 30):
            told = part.rows >= 0
            latent = network.encode(part.read)
            latents[part.rows[told]] = latent.numpy()[told]
            events[part.rows[told]] = network.events(latent).softmax(-1).numpy()[told]
    return latents, events


def _trees(
    history: Histories,
    rows: NDArray[np.int64],
    wanted: NDArray[np.int64],
    vocabulary: Vocabulary,
    settings: EventSettings,
    seed: int,
) -> Trees | None:
    if not settings.trees or len(np.unique(wanted)) < 2:
        return None
    return Trees.fit(history, rows, wanted, len(vocabulary.activities), settings.trees, seed)
