"""Logistic regression with a ridge penalty, and how its coefficients vary when cases are drawn anew.
Knows arrays; must not know what the columns mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wmagent.causal.estimates import expit

Floats = NDArray[np.float64]
STEPS, NEAR = 30, 1e-8  # Newton steps at most; the largest change of a coefficient at which they end
FREE = 1e-3  # penalty of the intercept: as good as none, but finite where all outcomes are alike


@dataclass(frozen=True)
class Logistic:
    """log odds = coefficients (p + 1,) of a row (p,) and of 1. `inverse` (p + 1, p + 1) is the penalised Hessian's,
    `scores` (n, p + 1) are the gradients of the log likelihood of the rows that were learned from."""

    coefficients: Floats
    inverse: Floats = field(repr=False)
    scores: Floats = field(repr=False)
    penalty: Floats = field(repr=False)

    @staticmethod
    def fit(rows: Floats, outcome: NDArray[np.bool_], ridge: float = 1.0) -> Logistic:
        """Learn P(outcome) from rows (n, p) of about unit variance by Newton's method."""
        told = _with_one(rows)
        penalty = np.append(np.full(rows.shape[1], ridge), FREE)
        found = np.zeros(told.shape[1])
        for _ in range(STEPS):
            probs = expit(told @ found)
            gradient = told.T @ (outcome - probs) - penalty * found
            step = np.linalg.solve(_hessian(told, probs, penalty), gradient)
            found = found + step / max(1.0, np.abs(step).max() / 3)
            if np.abs(step).max() < NEAR:
                break
        probs = expit(told @ found)
        inverse = np.linalg.inv(_hessian(told, probs, penalty)).astype(np.float64)
        return Logistic(found, inverse, told * (outcome - probs)[:, None], penalty)

    def predict(self, rows: Floats) -> Floats:
        """Return P(outcome) (m,) of rows (m, p)."""
        return expit(_with_one(rows) @ self.coefficients)

    def redrawn(self, rows: Floats, counts: NDArray[np.int64]) -> Floats:
        """Return P(outcome) (draws, m) of rows (m, p), had every row learned from been there `counts` (draws, n) times.

        One Newton step from the coefficients learned: the one-step bootstrap (Shao & Tu 1995, section 8.4).
        """
        gradient = counts @ self.scores - self.penalty * self.coefficients
        return expit((self.coefficients + gradient @ self.inverse) @ _with_one(rows).T)


def _with_one(rows: Floats) -> Floats:
    return np.append(rows, np.ones((len(rows), 1)), 1)


def _hessian(told: Floats, probs: Floats, penalty: Floats) -> Floats:
    return told.T @ (told * (probs * (1 - probs))[:, None]) + np.diag(penalty)
