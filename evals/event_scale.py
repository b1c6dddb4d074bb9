"""Event logs of millions of events: written, read in parts and scored, with events per second and peak memory. Knows
files, parts and a process model; its numbers depend on the machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wmagent.domain.event_log import EventLog
from wmagent.errors import InputError
from wmagent.evals.measure import peak_mib, versions

ACTIVITIES, RESOURCES, LENGTH = 20, 30, 10  # LENGTH: mean events of a case
PART = 200_000  # events that are written, read and scored at once
TAUGHT = 20_000  # events that are learned from
ROOM = 200  # bytes of disk per event, for both files
SHARES = (0.25, 0.5, 1.0)
MINUTE = 60_000_000
NOTES = (
    "one process reads, another scores; a peak is the highest resident memory of that process until so many events "
    "had gone through, imports included. It is flat if it does not grow with them.",
    "scoring reads the Parquet file, too: -log P of every event, by the network and frozen n-gram memories of a tiny "
    "model that has learned from the first events.",
    "a second of the clock is longer than one of the processor where a machine has other work or gives a process less "
    "than it asks for.",
    "made-up events: cases of about 10 events of 20 activities, 30 resources, an amount that changes their course.",
)


def run(events: int = 10_000_000, seed: int = 0, progress: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Write so many made-up events to a temporary folder, read them as CSV and Parquet, and score them.

    Returns, per way, events_per_second and peak MiB at a quarter, half and all of the events. InputError where the disk
    has too little room.
    """
    if events < 2 * TAUGHT:
        raise InputError(f"at least {2 * TAUGHT:,} events are needed, not {events:,}")
    say = progress or (lambda _: None)
    with tempfile.TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if free < ROOM * events:
            raise InputError(f"{folder} has {free >> 20:,} MiB left; {ROOM * events >> 20:,} are needed")
        csv, parquet, model = (Path(folder) / name for name in ("log.csv", "log.parquet", "model.wm"))
        began = time.perf_counter()
        cases = _written(events, seed, csv, parquet)
        say(f"wrote {events:,} events in {time.perf_counter() - began:.0f} s")
        sizes = {"csv_mib": csv.stat().st_size >> 20, "parquet_mib": parquet.stat().st_size >> 20}
        tasks = {
            "read csv": partial(_read, csv, events),
            "read parquet": partial(_read, parquet, events),
            "learn": partial(_learned, parquet, model, seed),
            "score": partial(_scored, parquet, model, events),
        }
        summary = {}
        for name, task in tasks.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # memory is told per process
                summary[name] = pool.submit(task).result()
            say(f"{name}: {summary[name]}")
    learned = summary.pop("learn")
    flat = {name: round(row["peak_mib"] / row["peak_mib_quarter"], 3) for name, row in summary.items()}
    return {
        "eval": "log-scale",
        "events": events,
        "cases": cases,
        **sizes,
        "seed": seed,
        "part": PART,
        "learned_from": TAUGHT,
        "learn_seconds": learned["seconds"],
        "summary": {name: {**row, "peak_over_quarter": flat[name]} for name, row in summary.items()},
        "target": "read >= 200000 events per second, flat memory",
        "versions": versions(),
        "notes": list(NOTES),
    }


def made_up(events: int, seed: int) -> Iterator[pl.DataFrame]:
    """Yield exactly so many events in whole cases, about PART at a time, grouped by case."""
    rng, cases, left = np.random.default_rng(seed), 0, events
    chances = rng.dirichlet(np.full(ACTIVITIES, 0.15), (2, ACTIVITIES)).cumsum(-1)
    while left:
        n = max(1, min(PART, left) // LENGTH)
        lengths = np.minimum(1 + rng.poisson(LENGTH - 1, n), left)
        lengths = lengths[np.cumsum(lengths) <= left]
        n, first = len(lengths), np.cumsum(lengths) - lengths
        amounts = rng.lognormal(8, 1, n).round(2)
        large = (amounts > np.exp(8)).astype(int)
        activity, now = np.empty(lengths.sum(), np.int64), np.zeros(n, np.int64)
        for step in range(lengths.max()):
            going = lengths > step
            activity[first[going] + step] = now[going]
            now = (chances[large, now] < rng.random((n, 1))).sum(1).clip(max=ACTIVITIES - 1)
        case = np.repeat(np.arange(n), lengths)
        gaps = rng.exponential(300 * MINUTE, len(case)).astype(np.int64)
        gaps[first] = 0
        since = np.cumsum(gaps)
        began = 1_700_000_000_000_000 + (cases + np.arange(n)) * MINUTE
        yield pl.DataFrame(
            {
                "case": pl.Series("c", cases + case, pl.String),
                "activity": pl.Series("activity", [f"step {code:02}" for code in range(ACTIVITIES)])[activity],
                "timestamp": pl.Series("t", began[case] + since - since[first][case]).cast(pl.Datetime("us", "UTC")),
                "resource": pl.Series("r", [f"r{who}" for who in range(RESOURCES)])[
                    rng.integers(0, RESOURCES, len(case))
                ],
                "case:amount": amounts[case],
            }
        )
        cases, left = cases + n, left - len(case)


def _written(events: int, seed: int, csv: Path, parquet: Path) -> int:
    """Write both files, and return the number of cases."""
    import pyarrow.parquet as pq

    cases, writer = 0, None
    with csv.open("wb") as file:
        for table in made_up(events, seed):
            cases += table["case"].n_unique()
            arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(parquet, arrow.schema)
            table.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")).write_csv(
                file, include_header=not file.tell()
            )
            writer.write_table(arrow)
    if writer is not None:
        writer.close()
    return cases


def _read(path: Path, events: int) -> dict[str, float]:
    from wmagent.worlds.logs import stream_log

    return _through((len(part) for part in stream_log(path, batch=PART)), events)


def _learned(path: Path, model: Path, seed: int) -> dict[str, float]:
    from wmagent.events.process_model import ProcessModel
    from wmagent.worlds.logs import stream_log

    began, first = time.perf_counter(), next(stream_log(path, batch=PART))
    cases = np.flatnonzero(first.starts[1:] <= TAUGHT)
    ProcessModel.learn(first.take(cases), seed, "tiny").save(model)
    return {"seconds": round(time.perf_counter() - began, 1)}


def _scored(path: Path, model: Path, events: int) -> dict[str, float]:
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.scoring import Scorer
    from wmagent.worlds.logs import stream_log

    scorer, total = Scorer(ProcessModel.load(model)), [0.0]

    def score(part: EventLog) -> int:
        total[0] += float(scorer.surprises(part).sum())
        return len(part)

    found = _through((score(part) for part in stream_log(path, batch=PART)), events)
    return {**found, "mean_surprise": round(total[0] / events, 4)}


def _through(sizes: Iterable[int], events: int) -> dict[str, float]:
    """Go through parts of a log, given how many events each has, and return the rate and the peaks on the way."""
    began, worked, done, peaks = time.perf_counter(), time.process_time(), 0, dict[float, float]()
    for size in sizes:
        done += size
        for share in SHARES:
            if done >= share * events:
                peaks.setdefault(share, peak_mib())
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    if done != events:
        raise InputError(f"{events:,} events were written, but {done:,} were read")
    return {
        "events_per_second": round(done / seconds),
        "events_per_cpu_second": round(done / worked),
        "seconds": round(seconds, 1),
        "peak_mib_quarter": round(peaks[0.25], 1),
        "peak_mib_half": round(peaks[0.5], 1),
        "peak_mib": round(peaks[1.0], 1),
    }
