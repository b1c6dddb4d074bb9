"""Learning curves on one file: whole cases held out, several training sizes and seeds, floors and controls.
Knows splits and the next-state evaluation; a rehearsal of the judged command, not the command itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from wmagent.errors import InputError, unknown
from wmagent.evals import transitions
from wmagent.evals.splits import split_by_case, split_rare

Split = Literal["cases", "rare"]


def run(
    file: str | Path,
    seeds: Sequence[int] = (0, 1, 2),
    sizes: Sequence[int] = (1000, 4000, 12000),
    split: Split = "cases",
    share: float = 0.125,
    preset: str = "small",
    text: str = "auto",
    progress: Callable[[str], None] | None = None,
    learner: transitions.Learner | None = None,
) -> dict[str, object]:
    """Hold whole cases out (a new draw per seed), learn from the first N of the rest, and score.

    `split` cases: drawn uniformly; rare: half of the cases that start uncommonly (see `split_rare`), which is
    harder. A size larger than what is left counts as all of it.
    """
    from wmagent.worlds.recorded import read_transitions

    if split not in ("cases", "rare"):
        raise unknown("split", split, ("cases", "rare"))
    if not seeds or not sizes:
        raise InputError("give at least one seed and one training size")
    rows = read_transitions(file)
    runs: list[dict[str, Any]] = []
    for seed in seeds:
        kept, held = split_rare(rows, seed=seed) if split == "rare" else split_by_case(rows, share, seed)
        for size in sorted({min(size, len(kept)) for size in sizes}):
            found = transitions.run(kept, held, seed, size, preset=preset, text=text, learner=learner)
            if progress:
                progress(f"seed {seed}, {size} rows: exact {found['exact']}, learned in {found['learn_seconds']} s")
            runs.append(found)
    return {"eval": "transitions", "split": split, "share": share, "runs": runs, "seeds": list(seeds)}
