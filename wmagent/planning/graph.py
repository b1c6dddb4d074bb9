"""The imagined AND-OR graph: distinct states, imagined (state, action) pairs and their outcome edges, as arrays.

Knows the model's protocol and how equal states merge; must not know in which order a planner expands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wmagent.errors import InputError
from wmagent.latent.protocols import Dynamics, Latent, Objective
from wmagent.planning.columns import Column, States
from wmagent.planning.objective import priced

UNSEEN = -1  # entry of `pair_of` where nothing was imagined yet
MIN_OUTCOME = 1e-4


@dataclass(frozen=True)
class Pairs:
    """Imagined (state, action) pairs: p rows."""

    state: np.ndarray
    action: np.ndarray
    cost: np.ndarray
    hours: np.ndarray  # expected duration
    disagreement: np.ndarray
    surprise: np.ndarray
    useless: np.ndarray  # bool: certain to change nothing
    first_edge: np.ndarray  # edges of pair i are first_edge[i] : first_edge[i] + n_edges[i]
    n_edges: np.ndarray

    @property
    def outside(self) -> np.ndarray:
        """(p,) bool: no recorded experience supports the pair."""
        return self.surprise > 1.0


@dataclass(frozen=True)
class Edges:
    """Outcomes of the pairs: e rows. `durations` (e, m) probabilities, `heads` (e, h)."""

    pair: np.ndarray
    next: np.ndarray
    prob: np.ndarray
    heads: np.ndarray
    done: np.ndarray
    durations: np.ndarray


class ImaginedGraph:
    """What one search has imagined so far. Row 0 is the start; `imagined` counts transitions asked of the model.

    `objective` is the one given, from the first imagined pairs on with prices for money and hours if it had none.

    Outcomes that neither the mean nor any head gives more than `least` are dropped and the others renormalised.
    """

    def __init__(
        self,
        model: Dynamics,
        start: Latent,
        objective: Objective,
        prior: Tensor | None = None,
        least: float = MIN_OUTCOME,
    ) -> None:
        if len(start) != 1:
            raise InputError(f"plan from one state, not {len(start)}")
        self.model, self.objective, self.least = model, objective, least
        self.n_actions = len(model.actions)
        self.durations = model.duration_values.detach().cpu().numpy().astype(np.float64)
        self.imagined = 0
        self.allowance: int | None = None  # transitions that may be imagined in all
        self._weights = _proposer_weights(prior, self.n_actions)
        self._ids: dict[bytes, int] = {}
        self._latents = States(start)
        self._codes = Column((start.codes.shape[1],), np.int64)
        self._state = {name: Column((), kind) for name, kind in _STATE_COLUMNS.items()}
        self._legal, self._prior = Column((self.n_actions,), bool), Column((self.n_actions,), np.float64)
        self._pair_of = Column((self.n_actions,), np.int32)
        self._pair = {name: Column((), kind) for name, kind in _PAIR_COLUMNS.items()}
        self._edge: dict[str, Column] | None = None
        self._intern(start, np.array([0]), np.array([0]), np.array([-1]))

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def goal(self) -> np.ndarray:
        """(s,) bool: the goal's conditions hold (and nothing forbidden does)."""
        return self._state["goal"].rows

    @property
    def forbidden(self) -> np.ndarray:
        """(s,) bool: a forbidden fact holds."""
        return self._state["forbidden"].rows

    @property
    def depth(self) -> np.ndarray:
        """(s,) steps from the start when first imagined."""
        return self._state["depth"].rows

    @property
    def parent(self) -> np.ndarray:
        """(s,) edge that first led here, -1 at the start."""
        return self._state["parent"].rows

    @property
    def legal(self) -> np.ndarray:
        """(s, a) bool; only meaningful for states that `know` was called for."""
        return self._legal.rows

    @property
    def prior(self) -> np.ndarray:
        """(s, a) normalised over legal actions; only meaningful for states that `know` was called for."""
        return self._prior.rows

    def mixed_prior(self, uniform: float, temper: float = 0.5) -> np.ndarray:
        """Return the prior (s, a), flattened by the power `temper`, with the share `uniform` spread over what is legal.

        Searches explore by it: what recorded behaviour hardly ever did may be what should be done.
        """
        flat = self.prior**temper * self.legal
        flat = flat / np.maximum(flat.sum(1, keepdims=True), 1e-12)
        return (1 - uniform) * flat + uniform * self.legal / np.maximum(self.legal.sum(1, keepdims=True), 1)

    @property
    def pair_of(self) -> np.ndarray:
        """(s, a) the pair's row, or UNSEEN."""
        return self._pair_of.rows

    @property
    def known(self) -> np.ndarray:
        """(s,) bool: states that `know` was called for."""
        return self._state["known"].rows

    @property
    def open(self) -> np.ndarray:
        """(s,) bool: states that may still have actions to imagine."""
        more = (self.legal & (self.pair_of == UNSEEN)).any(1) | ~self._state["known"].rows
        return more & ~self.goal & ~self.forbidden

    @property
    def pairs(self) -> Pairs:
        """Views of the imagined pairs."""
        return Pairs(**{name: column.rows for name, column in self._pair.items()})

    @property
    def edges(self) -> Edges:
        """Views of the imagined outcomes."""
        if self._edge is None:
            empty = np.zeros(0, dtype=np.int64)
            return Edges(empty, empty, np.zeros(0), np.zeros((0, 1)), np.zeros(0), np.zeros((0, len(self.durations))))
        return Edges(**{name: column.rows for name, column in self._edge.items()})

    def latents(self, states: np.ndarray) -> Latent:
        """Return the latents of the given states."""
        return self._latents.take(states)

    def codes(self, states: np.ndarray) -> np.ndarray:
        """Return the (rows, n) value codes of the given states."""
        return self._codes.rows[states]

    def enter(self, latent: Latent) -> np.ndarray:
        """Take further starting states in; return the (b,) ids of the rows."""
        rows = np.arange(len(latent))
        return self._intern(latent, rows, np.zeros_like(rows), np.full_like(rows, -1))

    def know(self, states: np.ndarray) -> None:
        """Ask the model what is legal and usual in the given states, where not asked before."""
        todo = states[~self._state["known"].rows[states]]
        todo = np.unique(todo)
        if not len(todo):
            return
        latent = self.latents(todo)
        legal = self.model.legality(latent).detach().cpu().numpy() >= self.objective.min_legal
        usual = self.model.behaviour(latent).detach().cpu().numpy().astype(np.float64) * self._weights
        legal &= ~(self.goal[todo] | self.forbidden[todo])[:, None]
        usual = np.where(legal, np.maximum(usual, 0.0), 0.0)
        total, count = usual.sum(1, keepdims=True), np.maximum(legal.sum(1, keepdims=True), 1)
        self._legal.rows[todo] = legal
        self._prior.rows[todo] = np.where(total > 1e-9, usual / np.maximum(total, 1e-9), legal / count)
        self._state["known"].rows[todo] = True

    def expand(self, states: np.ndarray, actions: np.ndarray) -> None:
        """Imagine distinct (state, action) pairs in one model call, but for those known or beyond the allowance."""
        fresh = self.pair_of[states, actions] == UNSEEN
        left = None if self.allowance is None else max(0, self.allowance - self.imagined)
        states, actions = states[fresh][:left], actions[fresh][:left]
        if not len(states):
            return
        prediction = self.model.imagine(self.latents(states), torch.from_numpy(np.ascontiguousarray(actions)))
        self.imagined += len(states)
        probs = prediction.probs.detach().cpu().numpy().astype(np.float64)
        heads = prediction.head_probs.detach().cpu().numpy().astype(np.float64)
        pair, outcome = np.nonzero(np.maximum(probs, heads.max(0)) > self.least)
        flat = pair * probs.shape[1] + outcome
        first_pair = len(self._pair["state"].rows)
        n_edges = np.bincount(pair, minlength=len(states))
        first_edge = len(self.edges.pair) + np.concatenate([[0], np.cumsum(n_edges)[:-1]])
        following = self._intern(
            prediction.next, flat, self.depth[states][pair] + 1, len(self.edges.pair) + np.arange(len(flat))
        )
        durations = prediction.duration_probs.detach().cpu().numpy().astype(np.float64)[pair, outcome]
        prob, head = probs[pair, outcome], heads[:, pair, outcome].T
        prob = prob / np.bincount(pair, prob, len(states))[pair]
        head = head / np.stack([np.bincount(pair, column, len(states)) for column in head.T], 1)[pair]
        done = prediction.done.detach().cpu().numpy()[pair, outcome]
        matters = np.bincount(pair, (following != states[pair]) | (done > 0.5), len(states)) > 0
        self._add_edges(
            pair=first_pair + pair,
            next=following,
            prob=prob,
            heads=head,
            done=done,
            durations=durations,
        )
        self._add_pairs(
            state=states,
            action=actions,
            cost=prediction.cost.detach().cpu().numpy(),
            hours=np.bincount(pair, prob * (durations @ self.durations), len(states)),
            disagreement=prediction.disagreement.detach().cpu().numpy(),
            surprise=prediction.surprise.detach().cpu().numpy(),
            useless=~matters,
            first_edge=first_edge,
            n_edges=n_edges,
        )
        self.pair_of[states, actions] = first_pair + np.arange(len(states))
        if not first_pair:
            self.objective = priced(self.objective, self.pairs.cost, self.pairs.hours)

    def _add_pairs(self, **columns: np.ndarray) -> None:
        for name, rows in columns.items():
            self._pair[name].append(rows)

    def _add_edges(self, **columns: np.ndarray) -> None:
        if self._edge is None:
            self._edge = {name: Column(rows.shape[1:], rows.dtype.type, 1024) for name, rows in columns.items()}
        for name, rows in columns.items():
            self._edge[name].append(rows)

    def _intern(self, latent: Latent, rows: np.ndarray, depth: np.ndarray, edge: np.ndarray) -> np.ndarray:
        """Return the state ids of the given rows of a latent, taking new states in."""
        keys = latent.keys()
        ids, fresh = np.empty(len(rows), dtype=np.int64), []
        known, had = self._ids, len(self._ids)
        for row, place in enumerate(rows.tolist()):
            found = known.setdefault(keys[place], len(known))
            ids[row] = found
            if found == had + len(fresh):
                fresh.append(row)
        if fresh:
            picked = np.array(fresh)
            new = latent.take(torch.from_numpy(rows[picked]))
            forbidden = np.zeros(len(new), dtype=bool)
            for condition in self.objective.forbidden:
                forbidden |= self.model.holds(new, [condition]).cpu().numpy()
            reached = self.model.holds(new, self.objective.conditions).cpu().numpy() & ~forbidden
            values = {"goal": reached, "forbidden": forbidden, "depth": depth[picked], "parent": edge[picked]}
            for name, rows in values.items():
                self._state[name].append(rows)
            self._state["known"].append(np.zeros(len(new), dtype=bool))
            self._latents.append(new)
            self._codes.append(new.codes.cpu().numpy())
            blank = np.zeros((len(new), self.n_actions))
            self._legal.append(blank.astype(bool))
            self._prior.append(blank)
            self._pair_of.append(np.full(blank.shape, UNSEEN))
        return ids


_STATE_COLUMNS = {"goal": bool, "forbidden": bool, "depth": np.int64, "parent": np.int64, "known": bool}
_PAIR_COLUMNS = {
    "state": np.int64,
    "action": np.int64,
    "cost": np.float64,
    "hours": np.float64,
    "disagreement": np.float64,
    "surprise": np.float64,
    "useless": bool,
    "first_edge": np.int64,
    "n_edges": np.int64,
}


def _proposer_weights(prior: Tensor | None, n_actions: int) -> np.ndarray:
    """Return the proposer's weights as (a,) numbers >= 0, ones where there is no proposer."""
    if prior is None:
        return np.ones(n_actions)
    weights = prior.detach().cpu().numpy().astype(np.float64)
    if weights.shape != (n_actions,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError(
            f"the prior must be {n_actions} finite weights >= 0, one per action, not shape {weights.shape}"
        )
    return weights
