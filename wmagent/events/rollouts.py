"""Courses imagined from open cases: events, hours and latents, step by step in the latent space.
Knows a process model; must not know logs, files or what is asked of the courses."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.events.counts import Counts, Remembered
from wmagent.events.histories import Histories
from wmagent.events.process_model import ORDERS, ProcessModel

OVER = -1  # in courses: what comes after the end


@dataclass(frozen=True)
class Courses:
    """What was imagined after n prefixes, in d draws of t events. `events` (n, d, t) are codes, the end among them,
    OVER after it; `hours` (n, d, t) since the prefix; `told` (n, t, activities + 1) what each event is with which
    probability (a course that has ended stays ended)."""

    events: NDArray[np.int64]
    hours: NDArray[np.float64]
    told: NDArray[np.float64]


class Imagination:
    """Draws of the future of n prefixes, which go on together, b = n * draws of them. `latents` (b, d) are where they
    are, `hours` (b,) since the prefix, `over` (b,) whether they have ended, `when` (b, activities + 1) the hours at
    which each activity first happens (infinite: not yet), `courses` the codes of what has happened."""

    def __init__(
        self,
        model: ProcessModel,
        history: Histories,
        rows: NDArray[np.int64],
        draws: int,
        seed: int,
        remembered: Remembered | None = None,
    ) -> None:
        self.model, self.draws, self.n = model, draws, len(rows)
        self.end = model.vocabulary.end
        self.rng = np.random.default_rng(seed)
        self.latents = torch.from_numpy(model.latents(history, rows)).repeat_interleave(draws, 0)
        begins = np.maximum(history.first[rows], rows + 1 - max(ORDERS))
        pasts = [tuple(history.activity[b : row + 1].tolist()) for b, row in zip(begins, rows, strict=True)]
        self.pasts = [past for past in pasts for _ in range(draws)]
        self.over = np.zeros(self.n * draws, bool)
        self.hours = np.zeros(self.n * draws)
        self.when = np.full((self.n * draws, self.end + 1), np.inf)
        self.courses: list[list[int]] = [[] for _ in self.pasts]
        self.remembered = remembered or model.remembered()

    def fork(self, draws: int, seed: int) -> Imagination:
        """Return so many draws that go on from where every course is now; their hours are counted on, what has happened
        so far is in none of their courses."""
        other = copy.copy(self)
        other.n, other.draws, other.rng = len(self.hours), draws, np.random.default_rng(seed)
        other.latents = self.latents.repeat_interleave(draws, 0)
        other.pasts = [past for past in self.pasts for _ in range(draws)]
        other.over, other.hours = self.over.repeat(draws), self.hours.repeat(draws)
        other.when = self.when.repeat(draws, 0)
        other.courses = [[] for _ in other.pasts]
        return other

    def next_events(self) -> NDArray[np.float64]:
        """Return (b, activities + 1) probabilities of the next event; a course that is over stays so."""
        told = self.model.next_events(self.latents.numpy())
        weights = self.remembered.weights[[past[-1] for past in self.pasts]]
        mixed = weights[:, :1] * told
        for place, memory in enumerate(self.remembered.memories, start=1):
            mixed += weights[:, place, None] * self._remembered(memory)
        mixed[self.over] = 0
        mixed[self.over, self.end] = 1
        return mixed

    def step(self, told: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
        """Draw the next events, from `told` (b, activities + 1) if that is given, let them happen, and return their
        codes, OVER where there is none."""
        codes = self.drawn(self.next_events() if told is None else told)
        happened = np.where(self.over, OVER, codes)
        self.go_on(codes, self.gaps(codes))
        return happened

    def drawn(self, told: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return codes (b,) drawn from `told` (b, activities + 1), which need not sum to one. Draws of one prefix are
        stratified: each is random, together they go where few random ones would not."""
        strata = self.rng.permuted(np.tile(np.arange(self.draws), (self.n, 1)), axis=1).ravel()
        at = (strata + self.rng.random(len(told))) / self.draws * told.sum(1)
        return np.minimum((told.cumsum(1) < at[:, None]).sum(1), self.end)

    def gaps(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return hours (b,) drawn until the next events, given which they are."""
        with torch.inference_mode():
            shares = self.model.network.gaps(self.latents, torch.from_numpy(codes)).softmax(-1).double().numpy()
        return self.model.gaps.drawn(shares, self.rng)

    def go_on(
        self, codes: NDArray[np.int64], hours: NDArray[np.float64], which: NDArray[np.bool_] | None = None
    ) -> None:
        """Let these events happen, so many hours later, in all courses or in some; nothing happens to those that are
        over."""
        moving = np.flatnonzero(~self.over if which is None else which & ~self.over)
        codes, hours = codes[moving], hours[moving]
        bins = torch.from_numpy(self.model.gaps.codes(hours))
        with torch.inference_mode():
            self.latents[moving] = self.model.network.imagine(self.latents[moving], torch.from_numpy(codes), bins)
        ends = codes == self.end
        self.over[moving] = ends
        self.hours[moving] += np.where(ends, 0.0, hours)
        self.when[moving, codes] = np.minimum(self.when[moving, codes], self.hours[moving])
        for place, code in zip(moving[~ends].tolist(), codes[~ends].tolist(), strict=True):
            self.pasts[place] = (*self.pasts[place][1 - max(ORDERS) :], code)
            self.courses[place].append(code)

    def _remembered(self, memory: Counts) -> NDArray[np.float64]:
        known: dict[tuple[int, ...], NDArray[np.float64]] = {}
        for past in self.pasts:
            if past not in known:
                known[past] = memory.probabilities(past)
        return np.stack([known[past] for past in self.pasts])


def rollouts(
    model: ProcessModel,
    history: Histories,
    rows: NDArray[np.int64],
    draws: int,
    horizon: int,
    seed: int = 0,
    first: NDArray[np.float64] | None = None,
    temperature: float = 1.0,
    remembered: Remembered | None = None,
) -> Courses:
    """Imagine `draws` courses of up to `horizon` events after each row; `first` (n, activities + 1) says what comes
    first, where something better than the model alone does (it follows the log). Below 1, the temperature makes courses
    more typical than they would be. `remembered`: memories that know more than the model's own."""
    imagined = Imagination(model, history, rows, draws, seed, remembered)
    events = np.full((len(rows) * draws, horizon), OVER)
    hours, told = np.zeros(events.shape), np.zeros((len(rows), horizon, imagined.end + 1))
    for place in range(horizon):
        probs = imagined.next_events() if place or first is None else first.repeat(draws, 0)
        told[:, place] = probs.reshape(len(rows), draws, -1).mean(1)
        events[:, place] = imagined.step(probs ** (1 / temperature))
        hours[:, place] = imagined.hours
    shape = (len(rows), draws, horizon)
    return Courses(events.reshape(shape), hours.reshape(shape), told)
