"""A linear fit of what expanded states are worth on their facts: the estimate for states not yet expanded.

Knows codes and values as arrays; must not know the model or the search.
"""

from __future__ import annotations

import numpy as np


def fitted_worth(codes: np.ndarray, value: np.ndarray, known: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """Return the worth (s, width) that facts alone suggest for every state, between 0 and 1.

    `codes` (s, n), `value` (s, width) of which the rows `known` (s,) bool count; `ridge` pulls unseen facts to 0.
    """
    varying = np.nonzero((codes != codes[0]).any(0))[0]
    columns = [np.ones((len(codes), 1))]
    for slot in varying:
        mine = codes[:, slot]
        columns.append((mine[:, None] == np.unique(mine)[None, :]).astype(np.float64))
    facts = np.concatenate(columns, 1)
    seen = facts[known]
    gram = seen.T @ seen + ridge * np.eye(facts.shape[1])
    return np.clip(facts @ np.linalg.solve(gram, seen.T @ value[known]), 0.0, 1.0)
