"""What is recorded of states like one: which actions were taken there, how often, and in which cases.
Knows latents of recorded prefixes; must not know what is imagined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, cases_of
from wmagent.events.histories import Histories
from wmagent.events.process_model import ProcessModel
from wmagent.events.targets import targets

MOST = 60_000  # recorded prefixes that are compared with
NEIGHBOURS = 5  # the distance to this one says how near a state is to the record
NEAR = 0.95  # quantile of that distance among recorded states: farther ones are outside
MANY, OFTEN = 20, 0.02  # cases and share of them with the action from which on it counts as observed
SHOWN = 5

Kind = Literal["observed", "interpolated", "extrapolated"]


@dataclass(frozen=True)
class Support:
    """How an action in a state is backed by the record: `observed` (at least MANY cases were in such a state and did
    it, and OFTEN of them), `interpolated` (the state is near recorded ones in which it was done), or `extrapolated`.

    `cases` were in such a state (same last activity, near in the latent space), `acted` of them took the action;
    `nearest` are the cases nearest among those that did, or else of all.
    """

    kind: Kind
    cases: int
    acted: int
    nearest: tuple[str, ...]


class Evidence:
    """The prefixes of recorded cases that are over, by their latents."""

    def __init__(self, model: ProcessModel, log: EventLog, history: Histories, over: NDArray[np.bool_]) -> None:
        self.model, self.names = model, log.cases
        case_of = cases_of(history.starts)
        rows = np.flatnonzero(over[case_of])
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(model.seed).permutation(rows)[:MOST])
        self.rows, self.cases, self.last = rows, case_of[rows], history.activity[rows]
        self.next = targets(history, over, model.vocabulary.end).next[rows]
        self.latents = torch.from_numpy(model.latents(history, rows))
        self.radius = self._radius()

    def near(self, latent: NDArray[np.float32], last: int, case: int = -1) -> NDArray[np.int64]:
        """Return the places (among `rows`) of states like one, nearest first; its own case is left out."""
        far = torch.cdist(torch.from_numpy(latent)[None], self.latents)[0].numpy()
        like = np.flatnonzero((self.last == last) & (far <= self.radius) & (self.cases != case))
        return like[np.argsort(far[like], kind="stable")]

    def support(self, latent: NDArray[np.float32], last: int, action: int | None, case: int = -1) -> Support:
        """Return how the record backs an action (a code; None: any) in a state: its latent (d,), its last activity."""
        far = torch.cdist(torch.from_numpy(latent)[None], self.latents)[0].numpy()
        far[self.cases == case] = np.inf
        like = (self.last == last) & (far <= self.radius)
        acted = like if action is None else like & (self.next == action)
        cases, doing = len(np.unique(self.cases[like])), len(np.unique(self.cases[acted]))
        within = acted.any() and np.partition(far, NEIGHBOURS - 1)[NEIGHBOURS - 1] <= self.radius
        observed = doing >= MANY and doing >= OFTEN * cases
        kind: Kind = "observed" if observed else "interpolated" if within else "extrapolated"
        return Support(kind, cases, doing, self.nearest(far, acted if acted.any() else np.isfinite(far)))

    def nearest(self, far: NDArray[np.float32], among: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the names of the cases that are nearest among some prefixes."""
        places = np.flatnonzero(among)
        ordered = places[np.argsort(far[places], kind="stable")][: 10 * SHOWN]
        return tuple(dict.fromkeys(self.names[case] for case in self.cases[ordered].tolist()))[:SHOWN]

    def _radius(self) -> float:
        """Return the NEAR quantile of the distance to the NEIGHBOURS-th nearest prefix of other cases."""
        rng = np.random.default_rng(self.model.seed)
        some = rng.permutation(len(self.rows))[:500]
        far = torch.cdist(self.latents[some], self.latents).numpy()
        far[self.cases[some][:, None] == self.cases[None]] = np.inf
        nth = min(NEIGHBOURS, far.shape[1]) - 1
        distances = np.partition(far, nth, axis=1)[:, nth]
        return float(np.quantile(distances[np.isfinite(distances)], NEAR)) if np.isfinite(distances).any() else 0.0
