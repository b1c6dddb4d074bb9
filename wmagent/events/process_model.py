"""A world model of a process: learned from an event log, asked for what comes next, how long, and what becomes of it.
Knows columns, its network and its memories; must not know files of logs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmagent.domain.event_log import HOUR, EventLog, rows_of
from wmagent.domain.progress import Report
from wmagent.errors import InputError, checked_seed
from wmagent.events.counts import Counts, Remembered
from wmagent.events.drafting import draft
from wmagent.events.histories import Histories, Vocabulary, histories
from wmagent.events.intervals import AdaptiveWidth, Reach
from wmagent.events.learning import Teaching, batches, refresh, train
from wmagent.events.network import HistoryNetwork
from wmagent.events.online import Mixture
from wmagent.events.overshooting import open_loop, overshoot
from wmagent.events.ownership import Ownership
from wmagent.events.remaining import LEVELS, RemainingTrees, held_out_reach, some_cases
from wmagent.events.settings import EventSettings, event_preset
from wmagent.events.targets import Bins, targets
from wmagent.events.trees import Trees, table
from wmagent.model.regularizers import collapse_meters

HELD_OUT = 0.2  # of the cases, the latest to start: for patience, weights and calibration
METERED = 500  # held-out cases whose latents are measured for collapse
STEPS = 24  # batches per epoch at least, where the log is large enough
FEWEST = 120  # batches in all: small logs are gone through more often
ORDERS = (3, 5)  # of the n-gram memories
MOST_TRIED = 10_000  # events of kept and of held-out cases by which it is found how far off the hours are
AHEAD, MOST_IMAGINED = 3, 4_000  # events imagined, and held-out prefixes, when memories are weighed


@dataclass
class ProcessModel:
    """What was learned of a process. `weights` are those of the network (as it encodes, as it imagined) and the trees,
    `imagined_weights` those of the network and the memories in imagined futures. `hours` tell when a case ends;
    `patience_hours` of silence end it; `reach` says how far off they were in held-out cases. `courses` are the recorded
    ones: codes, is it over, how often was it seen. `ownership` says who chooses what."""

    vocabulary: Vocabulary
    settings: EventSettings
    network: HistoryNetwork
    gaps: Bins
    remaining: Bins
    trees: Trees | None
    hours: RemainingTrees | None
    weights: NDArray[np.float64]
    imagined_weights: NDArray[np.float64]
    patience_hours: float
    reach: Reach
    courses: tuple[tuple[tuple[int, ...], bool, int], ...] = field(repr=False)
    ownership: Ownership
    card: dict[str, object] = field(default_factory=dict)
    seed: int = 0

    @staticmethod
    def learn(
        log: EventLog,
        seed: int = 0,
        preset: str = "small",
        settings: EventSettings | None = None,
        unknown_at_start: Sequence[str] = (),
        over: NDArray[np.bool_] | None = None,
        progress: Report | None = None,
    ) -> ProcessModel:
        """Learn from all cases of a log; case attributes in `unknown_at_start` are not used, because a log says of them
        what was only known later. `over` (cases,) says which cases are known to have ended; by default those that have
        been silent for long. InputError where there is too little to learn from."""
        settings = settings or event_preset(preset)
        checked_seed(seed)
        if len(log.cases) < 10:
            raise InputError(f"the log has {len(log.cases)} cases; at least 10 are needed to learn from")
        tokens = int(np.clip(len(log) // STEPS, 64, settings.tokens))
        epochs = max(settings.epochs, math.ceil(FEWEST * tokens / len(log)))
        settings = settings.model_copy(update={"tokens": tokens, "epochs": epochs})
        first, last = log.time[log.starts[:-1]], log.time[log.starts[1:] - 1]
        silence = log.silence()
        ended = last < log.time.max() - silence if over is None else over
        order = np.argsort(first, kind="stable")
        kept, held = np.split(order, [len(order) - max(1, int(HELD_OUT * len(order)))])
        vocabulary = Vocabulary.of(log, unknown_at_start)
        history = histories(log, vocabulary)
        wanted = targets(history, ended, vocabulary.end)
        rows = rows_of(log.starts, kept)
        gaps, rest = (
            Bins.of(hours[rows][~np.isnan(hours[rows])], settings.bins) for hours in (wanted.gap, wanted.remaining)
        )
        torch.manual_seed(seed)
        network = HistoryNetwork(len(vocabulary.activities), len(vocabulary.resources), vocabulary.width, settings)
        teaching = Teaching(history, wanted, gaps, rest)
        card: dict[str, object] = {"cases": len(log.cases), "events": len(log), "seed": seed}
        beside = ThreadPoolExecutor(1)  # trees grow on a second core: LightGBM lets go of Python's lock
        told = rows[wanted.next[rows] >= 0]
        every = np.flatnonzero(wanted.next >= 0) if settings.refresh else told
        asked = rows_of(log.starts, held)
        asked = asked[wanted.next[asked] >= 0]
        tried = beside.submit(_tried, history, told, wanted.next[told], asked, vocabulary, settings, seed)
        grown = beside.submit(_trees, history, every, wanted.next[every], vocabulary, settings, seed)
        card |= train(network, teaching, kept, held, settings, seed, progress)
        overshoot(network, teaching, kept, settings, settings.overshoot, seed)
        latents, events = latents_and_events(network, history, held, settings)
        card["latents"] = collapse_meters(torch.from_numpy(latents[rows_of(log.starts, held[:METERED])]))
        given = [events[asked], _imagined(network, gaps, history, latents, asked), *tried.result()]
        weights = Mixture.fitted(np.stack(given)[:, np.arange(len(asked)), wanted.next[asked]]).weights
        spans = np.split(history.activity, log.starts[1:-1])
        imagined = _imagined_weights(
            network, history, gaps, latents, [spans[case] for case in kept], asked, wanted.next
        )
        some = some_cases(history, kept, MOST_TRIED, seed), some_cases(history, held, MOST_TRIED, seed)
        read = latents_and_events(network, history, np.concatenate(some), settings)[0]
        reach = beside.submit(
            held_out_reach, history, wanted.remaining, read, *some, vocabulary.end, settings.trees, seed
        )
        beside.shutdown(wait=False)
        if settings.refresh:
            refresh(network, teaching, order, settings, seed)
            overshoot(network, teaching, order, settings, settings.overshoot // 2, seed + 1)
        timed = np.flatnonzero(~np.isnan(wanted.remaining))
        hours = None
        if settings.trees and len(timed):
            latents = latents_and_events(network, history, order, settings)[0][timed]
            told_of = table(history, timed, len(vocabulary.activities))
            hours = RemainingTrees.fit(told_of, latents, wanted.remaining[timed], settings.trees, seed)
        courses = Counter((tuple(codes.tolist()), done) for codes, done in zip(spans, ended.tolist(), strict=True))
        memory = tuple((codes, done, n) for (codes, done), n in courses.items())
        patience = silence / HOUR
        return ProcessModel(
            vocabulary,
            settings,
            network,
            gaps,
            rest,
            grown.result(),
            hours,
            weights,
            imagined,
            patience,
            reach.result(),
            memory,
            draft(log),
            card,
            seed,
        )

    def read(self, log: EventLog) -> Histories:
        """Return a log as this model reads it."""
        return histories(log, self.vocabulary)

    def experts(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (experts, n, activities + 1) probabilities of the event after each row: what the network tells from
        the latent that it encodes, from latents that it had imagined some events before, and what trees tell."""
        latents, events = self._told(history, rows)
        found = [events[rows], _imagined(self.network, self.gaps, history, latents, rows)]
        if self.trees is not None:
            found.append(self.trees.predict(history, rows))
        return np.stack(found)

    def latents(self, history: Histories, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the latents (n, d) of the prefixes that end with `rows`."""
        return self._told(history, rows)[0][rows]

    def _told(self, history: Histories, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        cases = np.unique(np.searchsorted(history.starts, rows, side="right") - 1)
        return latents_and_events(self.network, history, cases, self.settings)

    def next_events(self, latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (n, activities + 1) probabilities of the next event, as the network tells them from latents (n, d)."""
        return _next(self.network, torch.from_numpy(latents))

    def after(self, latents: NDArray[np.float32], codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n, activities + 1) probabilities of the event that follows if `codes` (n,) come next, at the time
        (the median) that is expected of them; imagined from latents (n, d)."""
        with torch.inference_mode():
            latent, event = torch.from_numpy(latents), torch.from_numpy(codes)
            hours = self.gaps.quantiles(self.network.gaps(latent, event).softmax(-1).numpy(), np.array([0.5]))[:, 0]
            ahead = self.network.imagine(latent, event, torch.from_numpy(self.gaps.codes(hours)))
            return self.network.events(ahead).softmax(-1).double().numpy()

    def told(self, history: Histories, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what heads read of the prefixes that end with `rows`: what trees are told (n, features), latents (n,
        d)."""
        return table(history, rows, len(self.vocabulary.activities)), self.latents(history, rows)

    def remaining_hours(
        self, history: Histories, rows: NDArray[np.int64], latents: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return what each expert says of the hours from each row, of which the latents (n, d) are given, until the
        end: their .1, .5 and .9 quantiles (experts, n, 3). Without trees the network is the only one."""
        if self.hours is not None:
            return self.hours.predict(table(history, rows, len(self.vocabulary.activities)), latents)
        with torch.inference_mode():
            probs = self.network.remaining(torch.from_numpy(latents)).softmax(-1).numpy()
        return self.remaining.quantiles(probs, np.array(LEVELS))[None]

    def remaining_interval(
        self, history: Histories, rows: NDArray[np.int64], latents: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return (n, 3) low, median and high hours from each row until the end: the mean of the experts, stretched as
        far as held-out cases needed it."""
        return AdaptiveWidth(self.reach).apply(self.remaining_hours(history, rows, latents).mean(0))

    def memories(self, half_life: float = math.inf) -> list[Counts]:
        """Return n-gram memories of the recorded courses, one for each of ORDERS. Those that fade (`half_life` in
        events) weigh them as if they had been revealed evenly."""
        found = [Counts(order, self.vocabulary.end + 1, half_life) for order in ORDERS]
        events = sum(times * len(codes) for codes, _, times in self.courses)
        share = min(1.0, half_life / math.log(2) / max(1, events))
        for codes, ended, times in self.courses:
            remember(found, (*codes, self.vocabulary.end) if ended else codes, share * times)
        return found

    def remembered(self) -> Remembered:
        """Return the memories, and how they were weighed in imagined futures when the model was learned."""
        return Remembered(self.memories(), np.tile(self.imagined_weights, (self.vocabulary.end + 2, 1)))

    def save(self, path: str | Path) -> None:
        """Save as a folder of safetensors, JSON and the trees' text."""
        from wmagent.events.checkpoint import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> ProcessModel:
        """Load a saved model; CheckpointError where it is none."""
        from wmagent.events.checkpoint import load

        return load(Path(path))


def remember(memories: Sequence[Counts], course: Sequence[int], times: float) -> None:
    """Count what follows what in a course of codes, seen so many times."""
    for place in range(1, len(course)):
        for counts in memories:
            counts.add(course[max(0, place - max(ORDERS)) : place], course[place], times)


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


def _imagined(
    network: HistoryNetwork,
    gaps: Bins,
    history: Histories,
    latents: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return (n, activities + 1) probabilities of the event after each row, the mean of what is told from latents that
    were imagined 1 to AHEAD events before."""
    told = [_next(network, open_loop(network, gaps, history, latents, rows, steps)) for steps in range(1, AHEAD + 1)]
    return np.mean(told, 0)


def _next(network: HistoryNetwork, latents: Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        return network.events(latents).softmax(-1).double().numpy()


def _imagined_weights(
    network: HistoryNetwork,
    history: Histories,
    gaps: Bins,
    latents: NDArray[np.float32],
    known: Sequence[NDArray[np.int64]],
    rows: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the weights of the network and of memories of `known` courses under which the events after held-out `rows`
    were likeliest, the network seeing nothing of the last AHEAD events but what it imagines of them."""
    first = history.first
    rows = rows[rows - first[rows] >= AHEAD][:MOST_IMAGINED]
    ahead = open_loop(network, gaps, history, latents, rows, AHEAD)
    told = [_next(network, ahead)[np.arange(len(rows)), wanted[rows]]]
    memories = [Counts(order, network.a + 1) for order in ORDERS]
    for course in known:
        remember(memories, course.tolist(), 1)
    pasts = [history.activity[max(first[row], row + 1 - max(ORDERS)) : row + 1].tolist() for row in rows.tolist()]
    for memory in memories:
        said = [memory.probabilities(past)[code] for past, code in zip(pasts, wanted[rows].tolist(), strict=True)]
        told.append(np.array(said))
    return Mixture.fitted(np.stack(told)).weights


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


def _tried(
    history: Histories,
    rows: NDArray[np.int64],
    wanted: NDArray[np.int64],
    asked: NDArray[np.int64],
    vocabulary: Vocabulary,
    settings: EventSettings,
    seed: int,
) -> list[NDArray[np.float64]]:
    """Return what trees that learn from `rows` tell of others, nothing where there are no trees."""
    trees = _trees(history, rows, wanted, vocabulary, settings, seed)
    return [trees.predict(history, asked)] if trees else []
