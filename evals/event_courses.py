"""How cases go on for many steps: sampled courses beside what happened, one score for every forecaster.
Knows splits, scores and forecasters as callables; must not know how a forecaster was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog
from wmagent.evals.event_metrics import likelihood, medoid_similarities, over_cases
from wmagent.evals.event_split import Split

PREFIXES, DRAWS, COMPARED = 600, 30, 10
STEPS = (1, 3, 5, 10)
SHORTEST = 12  # steps that are sampled at least
NOTES = (
    "asked prefixes of cases whose end is known, drawn at random; a suffix is the activities until the end, which it "
    "does not count. similarity: 1 - Damerau-Levenshtein distance over the longer suffix, of the medoid of "
    f"{COMPARED} sampled suffixes; nll at h: of the h-th next event, from {DRAWS} sampled courses, floored at 1e-6, "
    "over prefixes with at least h further events, the end being one. nll_or_end: over all prefixes, where what is "
    "true once a case has ended is the end.",
    "horizon: the 95 % quantile of training case lengths; longer courses are cut there. Intervals are 95 % by "
    "bootstrap over cases.",
)

# (rows, draws, horizon, seed) -> codes (n, draws, horizon) and told (n, horizon, activities + 1), as `sampled` has them
Roller = Callable[[NDArray[np.int64], int, int, int], tuple[NDArray[np.int64], NDArray[np.float64]]]


def courses(split: Split, log: EventLog, rollers: Mapping[str, Roller], seed: int) -> dict[str, Any]:
    """Return, JSON-ready, how like the true suffix each roller's courses are and how well it tells the h-th event.

    Every roller is asked about the same rows (of `log`, each the last event of a prefix) with the same seed.
    """
    rows, cases = prefixes(split, seed)
    horizon = horizon_of(split, log)
    true = suffixes(log, rows, cases)
    scored = {
        name: _scores(*roll(rows, DRAWS, horizon, seed), true, len(log.activity.values), cases, seed)
        for name, roll in rollers.items()
    }
    longer = (true >= 0).sum(1) + 1
    return {
        "asked": len(rows),
        "horizon": horizon,
        "draws": DRAWS,
        "asked_at": {str(h): int((longer >= h).sum()) for h in STEPS},
        "rollers": scored,
        "notes": list(NOTES),
    }


def prefixes(split: Split, seed: int, most: int = PREFIXES) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows (n,) and cases (n,) of at most so many asked prefixes of cases whose end is known, at random."""
    known = np.flatnonzero(split.over[split.asked.cases])
    drawn = np.sort(np.random.default_rng(seed).permutation(known)[:most])
    return split.asked.rows[drawn], split.asked.cases[drawn]


def horizon_of(split: Split, log: EventLog) -> int:
    """Return how many steps are sampled: the 95 % quantile of the lengths of training cases, at least SHORTEST."""
    return max(SHORTEST, int(np.ceil(np.quantile(np.diff(log.starts)[split.pool], 0.95))))


def suffixes(log: EventLog, rows: NDArray[np.int64], cases: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n, longest) the activities after each row until its case ends, -1 from there on."""
    ends = log.starts[1:][cases]
    after = rows[:, None] + 1 + np.arange(int((ends - rows).max(initial=1)))
    return np.where(after < ends[:, None], log.activity.codes[np.minimum(after, len(log) - 1)], -1).astype(np.int64)


def sampled(
    first: NDArray[np.float64],
    advance: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]],
    draws: int,
    horizon: int,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sampled courses as codes (n, draws, horizon), the end as the last code and -1 after it, and told
    (n, horizon, activities + 1), the mean over draws of each step's distribution, all on the end after the end.

    `first` (n, activities + 1) is the distribution of the first event. Course i * draws + j is the j-th of prefix i;
    `advance(some, events)` returns the next distributions of some courses after these events, which are no ends.
    """
    rng, (n, outcomes) = np.random.default_rng(seed), first.shape
    codes = np.full((n * draws, horizon), -1)
    told = np.zeros((n, horizon, outcomes))
    on, probs = np.arange(n * draws), np.repeat(first, draws, 0)
    for step in range(horizon):
        np.add.at(told[:, step], on // draws, probs / draws)
        told[:, step, -1] += 1 - told[:, step].sum(-1)
        below = np.cumsum(probs, 1)
        events = (rng.random(len(on))[:, None] * below[:, -1:] >= below).sum(1)
        codes[on, step] = events
        on, events = on[events < outcomes - 1], events[events < outcomes - 1]
        probs = advance(on, events) if len(on) and step + 1 < horizon else first[:0]
    return codes.reshape(n, draws, horizon), told


def _scores(
    codes: NDArray[np.int64],
    told: NDArray[np.float64],
    true: NDArray[np.int64],
    end: int,
    cases: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    said = np.where(codes[:, :COMPARED] == end, -1, codes[:, :COMPARED])
    like = medoid_similarities(said, true)
    left = (true >= 0).sum(1)
    closed = np.concatenate([np.where(true < 0, end, true), np.full((len(true), max(STEPS)), end)], 1)
    found: dict[str, Any] = {
        "similarity": float(like.mean()),
        "similarity_interval": over_cases(like, cases, seed),
        "nll": {},
        "nll_interval": {},
        "nll_or_end": {},
    }
    for h in STEPS:
        lost, here = likelihood(told[:, h - 1], closed[:, h - 1]), left + 1 >= h
        found["nll_or_end"][str(h)] = float(lost.mean())
        if here.any():
            found["nll"][str(h)] = float(lost[here].mean())
            found["nll_interval"][str(h)] = over_cases(lost[here], cases[here], seed)
    return found
