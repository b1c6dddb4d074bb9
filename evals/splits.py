"""Which rows belong to one case, and held-out sets that share no case with training.
Knows transitions only."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from wmagent.domain.types import Transition, canonical
from wmagent.errors import InputError
from wmagent.model.baselines import changes_between


def walks(rows: Sequence[Transition]) -> list[str]:
    """Return one case label per row: the recorded case, else the walk that the row continues.

    Rows without a case continue the walk of the row above where their facts before are that row's facts after.
    Two walks that happen to touch count as one, which can only make a split stricter.
    """
    labels: list[str] = []
    walk = 0
    for index, row in enumerate(rows):
        above = rows[index - 1] if index else None
        if above is not None and not row.case:
            chained = not above.case and not changes_between(above.after.facts, row.before.facts)
            walk += not chained
        labels.append(f"case {row.case}" if row.case else f"walk {walk}")
    return labels


def split_by_case(
    rows: Sequence[Transition], share: float = 0.1, seed: int = 0
) -> tuple[list[Transition], list[Transition]]:
    """Return (kept, held out): whole cases drawn at random until `share` of the rows is held out.

    Rows keep their order. With fewer than two cases nothing can be held out: InputError.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"share of held-out rows must be between 0 and 1, not {share}")
    labels = walks(rows)
    cases = sorted(set(labels))
    if len(cases) < 2:
        raise InputError(f"{len(cases)} case in {len(rows)} rows; at least two are needed to hold one out")
    random.Random(seed).shuffle(cases)
    sizes = dict.fromkeys(cases, 0)
    for label in labels:
        sizes[label] += 1
    held: set[str] = set()
    n_held = 0
    for case in cases[:-1]:
        if n_held >= share * len(rows):
            break
        held.add(case)
        n_held += sizes[case]
    kept = [row for row, label in zip(rows, labels, strict=True) if label not in held]
    return kept, [row for row, label in zip(rows, labels, strict=True) if label in held]


def split_rare(
    rows: Sequence[Transition], share: float = 0.5, below: float = 0.025, seed: int = 0
) -> tuple[list[Transition], list[Transition]]:
    """Return (kept, held out) where the held-out cases start in an uncommon situation.

    A case is uncommon if one of its first facts has a value with which fewer than `below` of the cases start
    (and at least two do). `share` of these cases, drawn at random, is held out, so that each uncommon value is
    mostly known but seldom seen. This is a harder and more honest rehearsal of unseen tasks than cases drawn
    uniformly. Without two uncommon cases: InputError.
    """
    labels = walks(rows)
    first: dict[str, Transition] = {}
    for label, row in zip(labels, rows, strict=True):
        first.setdefault(label, row)
    keys = sorted({key for row in first.values() for key in row.before.facts})
    counts = Counter((key, _shown(row, key)) for row in first.values() for key in keys)
    limit = max(2, below * len(first))
    rare = {pair for pair, n in counts.items() if 2 <= n < limit}
    uncommon = [label for label, row in first.items() if any((key, _shown(row, key)) in rare for key in keys)]
    if len(uncommon) < 2:
        raise InputError(f"{len(uncommon)} of {len(first)} cases start in an uncommon situation; two are needed")
    random.Random(seed).shuffle(uncommon)
    held = set(uncommon[: max(1, round(share * len(uncommon)))])
    kept = [row for row, label in zip(rows, labels, strict=True) if label not in held]
    return kept, [row for row, label in zip(rows, labels, strict=True) if label in held]


def _shown(row: Transition, key: str) -> str | None:
    return canonical(row.before.facts[key]) if key in row.before.facts else None
