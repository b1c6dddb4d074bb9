"""The recurrent floor: an LSTM of next events that is sampled for courses of many steps. Knows columns and splits."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from wmagent.domain.event_log import HOUR, EventLog, cases_of, rows_of
from wmagent.evals.event_baselines import ORDERS, counted
from wmagent.evals.event_courses import sampled
from wmagent.evals.event_metrics import accuracy, likelihood
from wmagent.evals.event_split import Split, following, random_split

WIDTH, DROPOUT = 88, 0.1
RESOURCES = 60  # the most frequent are told apart
STEPS, RATE = 400, 5e-3
FEWEST, MOST = 8, 60  # epochs; between them about STEPS
TOKENS, LONGEST = 512, 200  # events per batch, and of a case in training
FLATTERS = (
    "cases split at random: training cases are of the same months as those asked about and often the same course, so "
    "these figures flatter; the strict split is the one to judge by"
)
NOTHING = -100  # an end that is not known is no target
_MONDAY = 3  # 1970-01-01 was a Thursday


class Lstm:
    """An LSTM (about 55,000 parameters) on the last activity, its resource, gaps, hour, weekday and numeric case
    attributes; trained on split.pool for as many epochs as its size asks for.

    In a sampled course an event brings the gap and the resource of a training event with the same activity that came
    after the same activity.
    """

    def __init__(self, log: EventLog, split: Split, seed: int, unknown_at_start: tuple[str, ...] = ()) -> None:
        self.split, self.end = split, len(log.activity.values)
        pool = rows_of(log.starts, split.pool)
        self.place, resources = _frequent(log, pool)
        self.attributes = _attributes(log, split.pool, unknown_at_start)
        self._read_in(log)
        wanted = following(log)
        unknown = (wanted == self.end) & ~split.over[cases_of(log.starts)]
        self.wanted = np.where(unknown, NOTHING, wanted)
        self.pairs = _Pairs(log, pool[pool > self.first[pool]])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = _Network(self.end, resources, self.numbers.shape[1])
            self._train(np.random.default_rng(seed))

    def events(self) -> NDArray[np.float64]:
        """Return (n, activities + 1) probabilities of the next event."""
        return self._told(np.unique(self.split.asked.cases))[self.split.asked.rows]

    def surprises(self, log: EventLog) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return -log p of every event (events,) of a log of the same cases, columns and codes, and of every case's end
        (cases,); of a first event, by how often training cases begin with it."""
        other, codes = copy.copy(self), log.activity.codes
        begins = self.log.activity.codes[self.log.starts[:-1][self.split.pool]]
        other._read_in(log)
        told = other._told(np.arange(len(log.cases)))
        chance = np.append(1.0, told[np.arange(len(log) - 1), codes[1:]])
        share = (np.bincount(begins, minlength=self.end) + 0.5) / (len(begins) + 0.5 * self.end)
        chance[log.starts[:-1]] = share[codes[log.starts[:-1]]]
        return -np.log(chance), -np.log(told[log.starts[1:] - 1, self.end])

    def _read_in(self, log: EventLog) -> None:
        self.log, self.first = log, np.repeat(log.starts[:-1], np.diff(log.starts))
        self.resource = np.zeros(len(log), np.int64) if log.resource is None else self.place[log.resource.codes]
        self.gap = np.where(np.arange(len(log)) > self.first, np.diff(log.time, prepend=log.time[:1]), 0)
        self.numbers = self._numbers(log.time, self.gap, log.time - log.time[self.first], cases_of(log.starts))

    def _told(self, cases: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (events, activities + 1) after every event of some cases."""
        found = np.zeros((len(self.log), self.end + 1))
        with torch.inference_mode():
            for rows in self._batches(cases, 8 * TOKENS, int(np.diff(self.log.starts).max())):
                found[rows[rows >= 0]] = self.network(*self._read(rows))[0].softmax(-1)[torch.from_numpy(rows >= 0)]
        return found

    def rollouts(
        self, rows: NDArray[np.int64], draws: int, horizon: int, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return sampled courses after rows (n,) of the log: codes (n, draws, horizon) and told
        (n, horizon, activities + 1), as event_courses.sampled has them."""
        rng = np.random.default_rng([seed, 1])
        with torch.inference_mode():
            first, states = self._state(rows)
            hidden, cell = (state.repeat_interleave(draws, 1) for state in states)
            last = np.repeat(rows, draws)
            cases, before = cases_of(self.log.starts)[last], self.log.activity.codes[last].astype(np.int64)
            time, begun = self.log.time[last].copy(), self.log.time[self.first[last]]

            def advance(some: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[np.float64]:
                like = self.pairs.drawn(before[some], events, rng)
                time[some] += self.gap[like]
                before[some] = events
                numbers = self._numbers(time[some], self.gap[like], time[some] - begun[some], cases[some])
                read = (events, self.resource[like], numbers)
                logits, (h, c) = self.network(
                    *(torch.from_numpy(part)[:, None] for part in read), (hidden[:, some], cell[:, some])
                )
                hidden[:, some], cell[:, some] = h, c
                return logits[:, 0].softmax(-1).double().numpy()

            return sampled(first, advance, draws, horizon, seed)

    def _state(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], tuple[Tensor, Tensor]]:
        """Return the next events (n, activities + 1) after rows (n,), and the states (1, n, width) there."""
        lengths = rows - self.first[rows] + 1
        first = np.empty((len(rows), self.end + 1))
        states = torch.empty(1, len(rows), WIDTH), torch.empty(1, len(rows), WIDTH)
        for some in np.array_split(np.argsort(lengths, kind="stable"), len(rows) // 64 + 1):
            if len(some):
                read = self.first[rows[some], None] + np.arange(lengths[some].max())
                logits, state = self.network.last(
                    *self._read(np.where(read <= rows[some, None], read, -1)), torch.from_numpy(lengths[some])
                )
                first[some] = logits.softmax(-1).double().numpy()
                states[0][:, some], states[1][:, some] = state
        return first, states

    def _train(self, rng: np.random.Generator) -> None:
        optimizer = torch.optim.Adam(self.network.parameters())
        batches = int(np.minimum(np.diff(self.log.starts)[self.split.pool], LONGEST).sum()) // TOKENS + 1
        epochs = int(np.clip(STEPS // batches, FEWEST, MOST))
        self.network.train()
        for epoch in range(epochs):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (0.05 + 0.475 * (1 + math.cos(math.pi * epoch / epochs)))
            for rows in self._batches(self.split.pool, TOKENS, LONGEST, rng):
                wanted = torch.from_numpy(np.where(rows >= 0, self.wanted[rows], NOTHING)).flatten()
                logits, _ = self.network(*self._read(rows))
                optimizer.zero_grad()
                lost = F.cross_entropy(logits.flatten(0, 1), wanted, ignore_index=NOTHING, reduction="sum")
                (lost / max(1, int((wanted >= 0).sum()))).backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                optimizer.step()
        self.network.eval()

    def _read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the activity (b, t), resource (b, t) and numbers (b, t, f) of rows (b, t), -1 for padding."""
        codes = self.log.activity.codes.astype(np.int64)
        return (
            torch.from_numpy(codes[rows]),
            torch.from_numpy(self.resource[rows]),
            torch.from_numpy(self.numbers[rows]),
        )

    def _batches(
        self, cases: NDArray[np.int64], tokens: int, longest: int, rng: np.random.Generator | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yield the rows (b, t), -1 for padding, of cases of like length; shuffled with `rng`."""
        lengths = np.minimum(np.diff(self.log.starts)[cases], longest)
        order = np.argsort(lengths + (rng.random(len(cases)) if rng is not None else 0), kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(np.cumsum(lengths[order]) // tokens)) + 1)
        for place in rng.permutation(len(groups)) if rng is not None else range(len(groups)):
            group = groups[place]
            read = np.arange(lengths[group].max(initial=0))
            yield np.where(read < lengths[group, None], self.log.starts[:-1][cases[group], None] + read, -1)

    def _numbers(
        self,
        time: NDArray[np.int64],
        gap: NDArray[np.int64],
        elapsed: NDArray[np.int64],
        cases: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Return the numeric inputs (n, f) of events at times (microseconds) of cases."""
        angle = time / HOUR % 24 * np.pi / 12
        logs = [np.log1p(np.maximum(hours, 0) / HOUR) / 4 for hours in (gap, elapsed)]
        weekday = np.eye(7)[(time // (24 * HOUR) + _MONDAY) % 7]
        columns = np.stack([*logs, np.sin(angle), np.cos(angle)], 1)
        return np.concatenate([columns, weekday, self.attributes[cases]], 1).astype(np.float32)


def on_random_split(log: EventLog, seed: int, unknown_at_start: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return, JSON-ready, the accuracy and nll of an n-gram and of the LSTM on cases split at random, which flatters:
    never to be shown without the strict split."""
    split = random_split(log, seed=seed)
    probs = {
        "n-gram": counted(log, split, ORDERS["n-gram"], online=False),
        "LSTM": Lstm(log, split, seed, unknown_at_start).events(),
    }
    wanted = split.asked.wanted
    scored = {
        name: {
            "accuracy": float(accuracy(said, wanted).mean()),
            "nll": float(likelihood(said, wanted).mean()),
        }
        for name, said in probs.items()
    }
    return {"asked": len(split.asked), "next_event": scored, "note": FLATTERS}


class _Network(nn.Module):
    def __init__(self, activities: int, resources: int, numbers: int) -> None:
        super().__init__()
        self.activity, self.resource = nn.Embedding(activities, 32), nn.Embedding(resources + 1, 8)
        self.recurrent = nn.LSTM(32 + 8 + numbers, WIDTH, batch_first=True)
        self.dropout, self.event = nn.Dropout(DROPOUT), nn.Linear(WIDTH, activities + 1)

    def forward(
        self, activity: Tensor, resource: Tensor, numbers: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits (b, t, activities + 1) after each event, and the state (1, b, width) after the last."""
        hidden, after = self.recurrent(self._inputs(activity, resource, numbers), state)
        return self.event(self.dropout(hidden)), after

    def last(
        self, activity: Tensor, resource: Tensor, numbers: Tensor, lengths: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits (b, activities + 1) and the state (1, b, width) after the last event of padded cases."""
        inputs = pack_padded_sequence(
            self._inputs(activity, resource, numbers), lengths, batch_first=True, enforce_sorted=False
        )
        _, state = self.recurrent(inputs)
        return self.event(state[0][0]), state

    def _inputs(self, activity: Tensor, resource: Tensor, numbers: Tensor) -> Tensor:
        return torch.cat([self.activity(activity), self.resource(resource), numbers], -1)


class _Pairs:
    """Training rows by their activity and the one before; `rows` are no first ones of a case."""

    def __init__(self, log: EventLog, rows: NDArray[np.int64]) -> None:
        self.activities, codes = len(log.activity.values), log.activity.codes.astype(np.int64)
        keys = codes[rows - 1] * self.activities + codes[rows]
        order = np.argsort(keys, kind="stable")
        self.rows, self.keys = rows[order], keys[order]

    def drawn(
        self, before: NDArray[np.int64], events: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return a random row for each pair (n,), any row for a pair that was never seen."""
        keys = before * self.activities + events
        low, high = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        low, high = np.where(low < high, low, 0), np.where(low < high, high, len(self.rows))
        return self.rows[rng.integers(low, high)]


def _frequent(log: EventLog, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the place of every resource among those that are frequent in rows, of rare ones the last, and their
    number."""
    if log.resource is None:
        return np.zeros(1, np.int64), 0
    told = log.resource.codes[rows]
    order = np.argsort(-np.bincount(told[told >= 0], minlength=len(log.resource.values)), kind="stable")[:RESOURCES]
    place = np.full(len(log.resource.values) + 1, len(order))
    place[order] = np.arange(len(order))
    return place, len(order)


def _attributes(log: EventLog, pool: NDArray[np.int64], unknown_at_start: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the numeric case attributes (cases, 2 x kinds): standardised by training cases, and whether known."""
    columns = [np.zeros((len(log.cases), 0))]
    for name, column in log.case_attributes.items():
        if name in unknown_at_start or not isinstance(column, np.ndarray) or np.isnan(column[pool]).all():
            continue
        told = np.sign(column) * np.log1p(np.abs(column))
        z = (told - np.nanmean(told[pool])) / (np.nanstd(told[pool]) + 1e-9)
        columns.append(np.stack([np.nan_to_num(np.clip(z, -4, 4)), ~np.isnan(column)], 1))
    return np.concatenate(columns, 1)
