"""A made-up process with known chances, as an event log and as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

START = 1_700_000_000_000_000  # microseconds
HOUR = 3_600_000_000


def loans(cases: int = 240, seed: int = 0) -> pl.DataFrame:
    """Return a table of loan cases: large amounts are checked twice and mostly refused, others granted; the clerk
    decides how long a step takes. Columns as pm4py has them."""
    rng, rows = np.random.default_rng(seed), []
    for case in range(cases):
        large = rng.random() < 0.4
        amount = float(rng.integers(50_000, 90_000) if large else rng.integers(1_000, 20_000))
        moment = START + case * 6 * HOUR
        course = ["apply", "check", *(["check again"] if large else []), "decide"]
        refused = rng.random() < (0.9 if large else 0.1)
        course += ["refuse"] if refused else ["grant", "pay out"]
        for place, activity in enumerate(course):
            clerk = "slow" if rng.random() < 0.5 else "fast"
            rows.append((f"c{case}", activity, moment, clerk, amount))
            moment += int((20 if clerk == "slow" else 2) * HOUR * rng.uniform(0.8, 1.2)) if place else 0
    table = pl.DataFrame(
        rows,
        schema=["case:concept:name", "concept:name", "time:timestamp", "org:resource", "case:amount"],
        orient="row",
    )
    return table.with_columns(pl.col("time:timestamp").cast(pl.Datetime("us", "UTC")))


def xes(table: pl.DataFrame, path: Path) -> Path:
    """Write a table as XES."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<log xes.version="1.0">']
    for (case,), part in table.group_by("case:concept:name", maintain_order=True):
        lines.append(f'<trace><string key="concept:name" value="{case}"/>')
        lines.append(f'<float key="amount" value="{part["case:amount"][0]}"/>')
        for row in part.iter_rows(named=True):
            lines.append(
                f'<event><string key="concept:name" value="{row["concept:name"]}"/>'
                f'<date key="time:timestamp" value="{row["time:timestamp"].isoformat()}"/>'
                f'<string key="org:resource" value="{row["org:resource"]}"/></event>'
            )
        lines.append("</trace>")
    path.write_text("\n".join([*lines, "</log>"]), encoding="utf-8")
    return path
