"""Linear regression with a ridge penalty. Knows arrays; must not know what the columns mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """outcome = `coefficients` (p,) of a row (p,) less the `centre` (p,), plus `mean`."""

    coefficients: Floats
    centre: Floats
    mean: float

    @staticmethod
    def fit(rows: Floats, outcome: Floats, ridge: float = 1.0) -> Linear:
        """Learn E(outcome) (n,) from rows (n, p) of about unit variance; the mean is not penalised."""
        centre, mean = rows.mean(0), float(outcome.mean())
        told = rows - centre
        hessian = told.T @ told + ridge * np.eye(rows.shape[1])
        return Linear(np.linalg.solve(hessian, told.T @ (outcome - mean)), centre, mean)

    def predict(self, rows: Floats) -> Floats:
        """Return E(outcome) (m,) of rows (m, p)."""
        return self.mean + (rows - self.centre) @ self.coefficients
