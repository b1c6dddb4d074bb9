"""The progress bar of learning, on stderr. Knows the shape of progress reports and no model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wmagent.domain.progress import Progress, Report

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def learning_bar(console: Console) -> Iterator[Report]:
    """Show one bar per stage while the block runs; in a log, one line per quarter."""
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<22}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    bars: dict[str, TaskID] = {}
    quarters: dict[str, int] = {}
    with Bars(*columns, console=console, disable=not console.is_terminal) as bar:

        def report(step: Progress) -> None:
            total = max(step.total, 1)
            numbers = "  ".join(f"{name} {number:.3f}" for name, number in list(step.metrics.items())[:3])
            if step.stage not in bars:
                bars[step.stage] = bar.add_task(step.stage, total=total, note="")
            bar.update(bars[step.stage], completed=step.done, total=total, note=numbers or step.message)
            quarter = 4 * step.done // total
            if not console.is_terminal and quarter > quarters.get(step.stage, -1):
                quarters[step.stage] = quarter
                console.print(f"{step.stage}: {25 * quarter} %  {numbers}".rstrip(), markup=False)

        yield report
