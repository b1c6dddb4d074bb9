"""A model that judges every event before it learns from it: how odd the activity, its time, the end of a case.
Knows a process model that follows a log and its alarms; must not know files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.events.alarms import Alarms
from wmagent.events.counts import Counts
from wmagent.events.following import Follower
from wmagent.events.process_model import ORDERS, ProcessModel
from wmagent.events.silences import outlasting, overdue_after, tails

Kind = Literal["activity", "too early", "too late", "end"]
FLOOR = 1e-6
TOP = 3  # of what was expected instead


@dataclass(frozen=True)
class Expectation:
    """What is expected after a past of codes with its latent (d,): `told` by experts (e, c), `events` (c,) in all."""

    past: list[int]
    latent: NDArray[np.floating]
    told: NDArray[np.float64]
    events: NDArray[np.float64]

    @property
    def likeliest(self) -> list[int]:
        """Return the codes that are expected most."""
        return _likeliest(self.events)


@dataclass(frozen=True)
class Judgement:
    """Of one event or end: its p-value among those before, whether that is an alarm, what is oddest about it, the
    surprises -log p of the activity and of the time (0 where there is no gap), and what was expected (code, p)."""

    p_value: float
    alarm: bool
    kind: Kind
    activity: float
    time: float
    expected: tuple[tuple[int, float], ...]


class Detector:
    """Judges the events of a log in the order in which they come. A case goes through `begin`, then `expect` and
    `judge` in turn, and `close` when it is over."""

    def __init__(self, model: ProcessModel, alpha: float = 0.05) -> None:
        self.model, self.follower, self.alarms = model, Follower(model), Alarms(alpha)
        self.beginnings = Counts(0, model.vocabulary.end + 1)
        for course, _, times in model.courses:
            if course[0] < self.follower.outcomes:
                self.beginnings.add((), course[0], times)

    def begin(self, code: int) -> Judgement:
        """Judge the first event of a case, and learn from it."""
        events = self.beginnings.probabilities(())
        found = self._judged(events, code, {"activity": _surprise(events, code)})
        if code < self.follower.outcomes:
            self.beginnings.add((), code)
        return found

    def expect(self, past: list[int], latent: NDArray[np.floating], experts: NDArray[np.float64]) -> Expectation:
        """Return what is expected after a past; `experts` as `ProcessModel.experts` has them, of one row."""
        past = past[-max(ORDERS) :]
        told, events = self.follower.predict(past, latent, experts)
        return Expectation(past, latent, told, events)

    def judge(self, expected: Expectation, code: int, gap: NDArray[np.float64]) -> Judgement:
        """Judge what came after a past, whose gap has the chances `gap` (2,) to be at most and at least as long; then
        learn from it."""
        time = -math.log(min(1.0, 2 * float(gap.min())))
        side = "too early" if gap[0] < gap[1] else "too late"
        surprises = {"activity": _surprise(expected.events, code), "time": time}
        found = self._judged(expected.events, code, surprises, side)
        self.follower.reveal(expected.past, expected.latent, expected.told, code)
        return found

    def close(self, expected: Expectation) -> Judgement:
        """Judge that nothing came after a past, and learn from it."""
        end = self.model.vocabulary.end
        found = self._judged(expected.events, end, {"activity": _surprise(expected.events, end)})
        self.follower.reveal(expected.past, expected.latent, expected.told, end)
        return found

    def overdue_after(self, expected: Expectation) -> float:
        """Return the hours of silence after which something should have come, with confidence 1 - alpha; infinite where
        the case may well be over."""
        return overdue_after(self.model.gaps, self._next_gap(expected), self.alarms.alpha)

    def outlasting(self, expected: Expectation, hours: float) -> float:
        """Return how likely it is that nothing comes for so many hours, because the case is over or slow."""
        return outlasting(self.model.gaps, self._next_gap(expected), hours)

    def _next_gap(self, expected: Expectation) -> NDArray[np.float64]:
        """Return the chances (bins,) of the next gap, whatever comes; what lacks to one is the chance of the end."""
        end = self.model.vocabulary.end
        latents = np.repeat(expected.latent[None], end, 0)
        return expected.events[:end] @ gap_chances(self.model, latents, np.arange(end))

    def _judged(
        self, events: NDArray[np.float64], code: int, surprises: dict[str, float], side: Kind = "too late"
    ) -> Judgement:
        verdict = self.alarms.judge(surprises)
        return Judgement(
            verdict.p_value,
            verdict.alarm,
            side if verdict.kind == "time" else "end" if code == self.model.vocabulary.end else "activity",
            surprises["activity"],
            surprises.get("time", 0.0),
            tuple((other, float(events[other])) for other in _likeliest(events)),
        )


def gap_chances(model: ProcessModel, latents: NDArray[np.floating], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n, bins) chances of the gap before events `codes` (n,) that follow latents (n, d)."""
    with torch.inference_mode():
        logits = model.network.gaps(torch.from_numpy(latents), torch.from_numpy(codes))
        return logits.softmax(-1).double().numpy()


def gap_tails(
    model: ProcessModel, latents: NDArray[np.floating], codes: NDArray[np.int64], hours: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n, 2) chances that gaps before events `codes` are at most, and at least, as long as `hours` (n,)."""
    return tails(model.gaps, gap_chances(model, latents, codes), hours)


def _likeliest(events: NDArray[np.float64]) -> list[int]:
    return np.argsort(-events, kind="stable")[:TOP].tolist()


def _surprise(events: NDArray[np.float64], code: int) -> float:
    return -math.log(max(float(events[code]), FLOOR)) if code < len(events) else -math.log(FLOOR)
