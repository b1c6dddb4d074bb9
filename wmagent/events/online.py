"""Learning after learning: weights of experts, recalibration and prediction sets that follow revealed events.
Knows probabilities and codes; must not know where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6


@dataclass
class Mixture:
    """A mixture of experts whose weights follow who was right lately (a step of EM per revealed event, at `rate`)."""

    weights: NDArray[np.float64]
    rate: float = 0.02

    @staticmethod
    def fitted(likelihoods: NDArray[np.float64], rate: float = 0.02, steps: int = 200) -> Mixture:
        """Return the weights under which held-out events (experts, n) were likeliest."""
        weights = np.full(len(likelihoods), 1 / len(likelihoods))
        for _ in range(steps if likelihoods.shape[1] else 0):
            shares = weights[:, None] * likelihoods
            weights = (shares / shares.sum(0)).mean(1)
        return Mixture(weights, rate)

    def reveal(self, likelihoods: NDArray[np.float64]) -> None:
        """Follow what the experts (e,) had given to an event that is now known."""
        shares = self.weights * np.maximum(likelihoods, FLOOR)
        self.weights = (1 - self.rate) * self.weights + self.rate * shares / shares.sum()
        self.weights = np.maximum(self.weights, 1e-3) / np.maximum(self.weights, 1e-3).sum()


class LocalMixture:
    """Mixtures that differ by place (here: the last activity) and lean on a common one as long as a place is new:
    n revealed events there weigh as much as `lean` of the common weights."""

    def __init__(self, weights: NDArray[np.float64], places: int, rate: float = 0.05, lean: float = 50.0) -> None:
        self.everywhere, self.lean = Mixture(weights, 0.02), lean
        self.here = [Mixture(weights, rate) for _ in range(places)]
        self.seen = np.zeros(places)

    def mix(self, experts: NDArray[np.float64], place: int) -> NDArray[np.float64]:
        """Return the mixture (c,) of experts (e, c) at a place."""
        return self.weights(place) @ experts

    def weights(self, place: int) -> NDArray[np.float64]:
        """Return the experts' weights (e,) at a place."""
        n = self.seen[place]
        return (n * self.here[place].weights + self.lean * self.everywhere.weights) / (n + self.lean)

    def reveal(self, likelihoods: NDArray[np.float64], place: int) -> None:
        """Follow what the experts (e,) had given to an event at a place that is now known."""
        self.everywhere.reveal(likelihoods)
        self.here[place].reveal(likelihoods)
        self.seen[place] += 1


class Correction:
    """What a linear reading of the latent adds to a network's log-probabilities, learned from revealed events by
    gradient steps at `rate`: the last layer goes on learning. `width` of the latents, `outcomes` codes."""

    def __init__(self, outcomes: int, width: int, rate: float = 0.02, decay: float = 1e-4) -> None:
        self.weights, self.shift = np.zeros((outcomes, width)), np.zeros(outcomes)
        self.rate, self.decay = rate, decay

    def apply(self, probabilities: NDArray[np.float64], latent: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return corrected probabilities (c,) of a latent (d,)."""
        odds = np.log(probabilities + FLOOR) + self.weights @ latent + self.shift
        told = np.exp(odds - odds.max())
        return told / told.sum()

    def reveal(self, told: NDArray[np.float64], latent: NDArray[np.floating], code: int) -> None:
        """Follow an event that is now known, of which corrected probabilities (c,) had been given."""
        error = -told
        error[code] += 1
        self.weights += self.rate * (np.outer(error, latent) / np.sqrt(len(latent)) - self.decay * self.weights)
        self.shift += self.rate * error


@dataclass
class TopCalibration:
    """How likely the top answer really is: a logistic curve over its log-odds that follows revealed events by gradient
    steps at `rate` (Platt scaling, online). It stays the top answer; the others share what is left."""

    slope: float = 1.0
    shift: float = 0.0
    rate: float = 0.02

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return recalibrated probabilities (c,)."""
        top = int(probabilities.argmax())
        left = max(1 - probabilities[top], FLOOR)
        second = float(np.partition(probabilities, -2)[-2]) / left if len(probabilities) > 1 else 0.0
        sure = max(_sigmoid(self.slope * _logit(probabilities[top]) + self.shift), second / (1 + second) + FLOOR)
        told = probabilities * ((1 - sure) / left)
        told[top] = sure
        return told / told.sum()

    def reveal(self, probabilities: NDArray[np.float64], code: int) -> None:
        """Follow an event that is now known, of which raw probabilities (c,) had been given."""
        odds = _logit(probabilities.max())
        error = float(probabilities.argmax() == code) - _sigmoid(self.slope * odds + self.shift)
        self.shift += self.rate * error
        self.slope = max(0.1, self.slope + self.rate * error * odds / 4)


def _logit(p: float) -> float:
    p = min(max(p, 1e-3), 1 - 1e-3)
    return float(np.log(p / (1 - p)))


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


@dataclass
class AdaptiveSets:
    """Prediction sets that cover `coverage` of what comes, whatever changes (adaptive conformal inference, Gibbs and
    Candès 2021; step `rate`). A set holds the likeliest codes until their mass reaches a threshold."""

    coverage: float = 0.9
    rate: float = 0.005
    recent: int = 2_000
    level: float = field(init=False)
    scores: list[float] = field(default_factory=list)
    _sorted: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        self.level = 1 - self.coverage

    def set_of(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the codes of the set, likeliest first."""
        order = np.argsort(-probabilities, kind="stable")
        if self.level <= 0:
            return order
        if self.level >= 1 or not self.scores:
            return order[:1]
        before = np.cumsum(probabilities[order]) - probabilities[order]
        return order[: max(1, int((before <= self._threshold()).sum()))]

    def reveal(self, probabilities: NDArray[np.float64], code: int) -> bool:
        """Follow an event that is now known; returns whether its set had covered it."""
        hit = code in self.set_of(probabilities)
        self.level += self.rate * ((1 - self.coverage) - (not hit))
        self.note(probabilities, code)
        return hit

    def note(self, probabilities: NDArray[np.float64], code: int) -> None:
        """Remember how much likelier codes than the true one had been given."""
        self.scores.append(float(probabilities[probabilities > probabilities[code]].sum()))
        if len(self.scores) > self.recent:
            del self.scores[: -self.recent]
        self._sorted = None

    def _threshold(self) -> float:
        if self._sorted is None:
            self._sorted = np.sort(self.scores)
        rank = int(np.ceil((len(self.scores) + 1) * (1 - self.level))) - 1
        return float(self._sorted[min(rank, len(self._sorted) - 1)]) if rank >= 0 else -1.0


class LeastError:
    """Weights of experts who say numbers, by how much they erred lately: exp(-rate x the sum of their errors, which
    fades), errors in units of what is typical (the exponentially weighted average forecaster)."""

    def __init__(self, experts: int, typical: float, rate: float = 0.1, fading: float = 0.999) -> None:
        self.lost, self.typical, self.rate, self.fading = np.zeros(experts), max(typical, 1e-9), rate, fading

    @property
    def weights(self) -> NDArray[np.float64]:
        """Return the weights (e,); they sum to one."""
        weights = np.exp(-self.rate * (self.lost - self.lost.min()))
        return weights / weights.sum()

    def reveal(self, said: NDArray[np.float64], true: float) -> None:
        """Follow a number that is now known, of which the experts had said (e,)."""
        self.lost = self.fading * self.lost + np.abs(said - true) / self.typical
