"""Scoring of large logs: the same figures as the memories that learn, and surprise where something is odd."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.event_logs import loans
from wmagent.events.counts import Counts
from wmagent.events.process_model import ProcessModel
from wmagent.events.scoring import FrozenCounts, Scorer
from wmagent.events.settings import event_preset
from wmagent.worlds.logs import read_log


def test_frozen_memories_say_what_growing_ones_say() -> None:
    rng = np.random.default_rng(0)
    cases = [rng.integers(0, 4, rng.integers(1, 9)).tolist() for _ in range(60)]
    counts = {order: Counts(order, 5) for order in (2, 4)}
    for case in cases[:30]:
        for place in range(1, len(case)):
            for memory in counts.values():
                memory.add(case[:place], case[place], 2)
    starts = np.concatenate([[0], np.cumsum([len(case) for case in cases])])
    found = FrozenCounts.of(counts[4], 6).chances(np.concatenate(cases), starts, (2, 4))
    for row, order in enumerate((2, 4)):
        expected = [
            counts[order].probabilities(case[:place])[case[place]] for case in cases for place in range(1, len(case))
        ]
        later = np.delete(found[row], starts[:-1])
        assert later == pytest.approx(expected)


def test_what_never_happens_is_surprising() -> None:
    log = read_log(loans(300)).log
    scorer = Scorer(ProcessModel.learn(log, settings=event_preset("tiny").model_copy(update={"trees": 0})))
    usual = scorer.surprises(log)
    assert usual.mean() < 0.7
    table = loans(100, seed=1)
    rows = np.arange(len(table))
    wrong = table["concept:name"].to_numpy() == "decide"
    swapped = table.with_columns(
        pl.when(pl.Series(wrong & (rows % 2 == 0)))
        .then(pl.lit("pay out"))
        .when(pl.Series(wrong))
        .then(pl.lit("never seen"))
        .otherwise("concept:name")
        .alias("concept:name")
    )
    found = scorer.surprises(read_log(swapped).log)
    assert np.median(found[wrong & (rows % 2 == 0)]) > 4
    assert found[wrong & (rows % 2 == 1)] == pytest.approx(-np.log(1e-6))
    alone = scorer.surprises(log.take(np.arange(10)))
    assert alone == pytest.approx(usual[: len(alone)], abs=0.2)  # only how busy it was is told differently
