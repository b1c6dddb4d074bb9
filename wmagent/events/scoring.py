"""How surprising every event of a large log is to a model that no longer learns, part by part in bounded memory. Knows
a process model and its memories; must not know files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog
from wmagent.events.counts import BEGIN, Counts
from wmagent.events.histories import Histories
from wmagent.events.learning import batches
from wmagent.events.online import FLOOR
from wmagent.events.process_model import ORDERS, ProcessModel

FEW = 0.05  # weight of every memory; the network has the rest
TOKENS = 1 << 12  # events that the network reads at once


class Scorer:
    """Surprise by the network and the n-gram memories of a model, mixed in fixed weights; nothing is learned."""

    def __init__(self, model: ProcessModel) -> None:
        self.model, self.end = model, model.vocabulary.end
        self.memory = FrozenCounts.of(model.memories()[ORDERS.index(max(ORDERS))], self.end + 2)
        begins = np.full(self.end + 2, FLOOR)
        for course, _, times in model.courses:
            begins[course[0]] += times
        self.begins = begins / begins.sum()

    def surprises(self, log: EventLog) -> NDArray[np.float64]:
        """Return -log P (events,) of every event given those before it in its case; of a case's first, given how cases
        begin. Activities that were never learned are as surprising as anything can be.

        How busy the process is, is told from the events of this log alone; a case that is spread over several parts
        begins anew in each.
        """
        history = self.model.read(log)
        known = history.activity < self.end
        first = np.zeros(len(log), bool)
        first[history.starts[:-1]] = True
        chance = np.where(first, self.begins[history.activity], 0.0)
        chance += (1 - FEW * len(ORDERS)) * self._network(history)
        chance[~first] += FEW * self.memory.chances(history.activity, history.starts, ORDERS).sum(0)[~first]
        return -np.log(np.where(known, np.maximum(chance, FLOOR), FLOOR))

    def _network(self, history: Histories) -> NDArray[np.float64]:
        """Return P (events,) that the network had given to every event, 0 for the first of a case."""
        network, found = self.model.network.eval(), np.zeros(len(history.activity))
        with torch.inference_mode(), _without_onednn():
            for part in batches(history, np.arange(len(history)), TOKENS, 1 << 30):
                rows = part.rows[:, 1:]
                told = (rows >= 0) & (history.activity[rows] <= self.end)
                probs = network.events(network.encode(part.read)[:, :-1][torch.from_numpy(told)]).softmax(-1).numpy()
                rows = rows[told]
                found[rows] = probs[np.arange(len(rows)), history.activity[rows]]
        return found


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Leave oneDNN out: it keeps something for every shape of a batch it has seen, and is no faster here."""
    (before, *_) = torch.backends.mkldnn.set_flags(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(before)


@dataclass(frozen=True)
class FrozenCounts:
    """Counts as sorted arrays, in which many contexts are looked up at once. Per size of context: `contexts` as whole
    numbers, how often (`n`) and by how many `kinds` they were followed, `pairs` of context and follower, their `times`.
    """

    base: int
    outcomes: int
    tables: tuple[tuple[NDArray[np.int64], ...], ...]

    @staticmethod
    def of(counts: Counts, codes: int) -> FrozenCounts:
        """Return a memory as arrays; `codes` is how many codes of events there are. Contexts that are too long to be
        one number are left out."""
        base, tables = codes + 1, []
        for size, table in enumerate(counts.tables):
            if base ** (size + 1) >= 1 << 63:
                break
            places = {context: _number(context, base) for context in table}
            rows = sorted((places[context], sum(seen.values()), len(seen)) for context, seen in table.items())
            pairs = sorted(
                (places[context] * base + code, times)
                for context, seen in table.items()
                for code, times in seen.items()
            )
            columns = np.array(rows, np.int64).reshape(-1, 3).T, np.array(pairs, np.int64).reshape(-1, 2).T
            tables.append((*columns[0], *columns[1]))
        return FrozenCounts(base, counts.outcomes, tuple(tables))

    def chances(
        self, activity: NDArray[np.int64], starts: NDArray[np.int64], orders: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Return P (orders, events) of every event given up to so many before it, as `Counts.probabilities` has it;
        `starts` as in EventLog."""
        place = np.arange(len(activity)) - np.repeat(starts[:-1], np.diff(starts))
        chance, found = np.full(len(activity), 1 / self.outcomes), dict[int, NDArray[np.float64]]()
        live, context = np.arange(len(activity)), np.zeros(len(activity), np.int64)
        for size, (contexts, n, kinds, pairs, times) in enumerate(self.tables):
            if size:
                live, context = live[place[live] + 1 >= size], context[place[live] + 1 >= size]
                back = np.where(place[live] >= size, activity[live - size] + 1, BEGIN + 1)
                context = context + back * self.base ** (size - 1)
            at, known = _found(contexts, context)
            live, context, at = live[known], context[known], at[known]
            pair, seen = _found(pairs, context * self.base + activity[live])
            count = np.where(seen, times[pair], 0)
            chance[live] = (kinds[at] * chance[live] + count) / (kinds[at] + n[at])
            if size in orders:
                found[size] = chance.copy()
        return np.stack([found.get(order, chance) for order in orders])


def _number(context: tuple[int, ...], base: int) -> int:
    """Return a context as one whole number, the last event first."""
    return sum((code + 1) * base**place for place, code in enumerate(reversed(context)))


def _found(keys: NDArray[np.int64], asked: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each is among sorted keys, and whether it is there."""
    place = np.minimum(np.searchsorted(keys, asked), max(0, len(keys) - 1))
    return place, keys[place] == asked if len(keys) else np.zeros(len(asked), bool)
