"""The five prediction controls: the same planner and machinery, with what the model imagines made worthless.
Knows the Dynamics protocol only; must not know any concrete model, world or planner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from wmagent.domain.types import Action, Condition
from wmagent.errors import InputError, unknown
from wmagent.latent.protocols import Dynamics, Latent, Prediction
from wmagent.model.habits import Habit, habits

Mode = Literal["real", "shuffled", "uniform", "prior", "none"]
MODES: tuple[str, ...] = get_args(Mode)
ALLOWED = 0.75  # legality where a control knows nothing of it: above every planner's threshold, below certainty
LIVE = 0.01  # outcomes below this probability are not in the outcome set


class Controlled:
    """A Dynamics whose predictions are replaced according to `mode`; everything else passes through.

    - real: the model as it is.
    - shuffled: in every state the actions' whole predictions (outcomes, legality, duration, cost) trade places by
      a permutation drawn from the state and the seed. The set of predictions in a state stays exactly the same;
      which action leads to which is destroyed. Same state, same permutation, so planning stays consistent.
    - uniform: every outcome that the model gives at least 1 % becomes equally likely, under every head; durations
      become uniform over all known ones.
    - prior: what the action does on average over the `reference` states in which it is allowed (its recorded-like
      distribution of changes), applied to the given state whatever that state is.
    - none: nothing ever changes and nothing takes time, so a planner has only its behaviour prior.

    Under uniform, prior and none every action counts as allowed (legality .75). With `keep_legality` the model's
    own legality stays, and shuffled permutes among the allowed actions only: what remains of the gap to real is
    then due to outcomes alone. `prior` imagines combinations of facts that the reference may lack, so the wrapped
    dynamics must be able to read any combination of codes.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        mode: Mode,
        seed: int = 0,
        reference: Latent | None = None,
        keep_legality: bool = False,
    ) -> None:
        """`reference` (r rows) are states to average over; only prior needs it. Unknown modes are InputErrors."""
        if mode not in MODES:
            raise unknown("prediction control", mode, MODES)
        if mode == "prior" and (reference is None or not len(reference)):
            raise InputError("the prior control averages over states; give reference=, a latent of recorded states")
        self.dynamics = dynamics
        self.mode: Mode = mode
        self.seed = seed
        self.keep_legality = keep_legality
        self._habits: list[Habit] = []
        if mode == "prior" and reference is not None:
            self._habits = habits(dynamics, reference)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The candidate actions of the wrapped dynamics."""
        return self.dynamics.actions

    @property
    def duration_values(self) -> Tensor:
        """(m,) hours of the wrapped dynamics."""
        return self.dynamics.duration_values

    def behaviour(self, latent: Latent) -> Tensor:
        """Return the wrapped dynamics' (b, a) behaviour: a prior over actions is no prediction of outcomes."""
        return self.dynamics.behaviour(latent)

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        """Read conditions as the wrapped dynamics does."""
        return self.dynamics.holds(latent, conditions)

    def legality(self, latent: Latent) -> Tensor:
        """Return (b, a) legality under the control."""
        legal = self.dynamics.legality(latent)
        if self.mode == "real" or self.keep_legality:
            return legal
        if self.mode == "shuffled":
            return legal.gather(1, self._permutation(latent))
        return torch.full_like(legal, ALLOWED)

    def imagine(self, latent: Latent, action: Tensor) -> Prediction:
        """Imagine one step for b states and b action indices under the control."""
        if self.mode == "real":
            return self.dynamics.imagine(latent, action)
        if self.mode == "shuffled":
            source = self._permutation(latent).gather(1, action[:, None])[:, 0]
            return self._with_legality(self.dynamics.imagine(latent, source), latent, action, permuted=True)
        if self.mode == "uniform":
            prediction = _uniform(self.dynamics.imagine(latent, action))
        elif self.mode == "prior":
            prediction = self._average(latent, action)
        else:
            prediction = _nothing(latent, self.duration_values)
        return self._with_legality(prediction, latent, action)

    def _with_legality(
        self, prediction: Prediction, latent: Latent, action: Tensor, permuted: bool = False
    ) -> Prediction:
        if self.keep_legality:
            return replace(prediction, legal=self.dynamics.legality(latent).gather(1, action[:, None])[:, 0])
        return prediction if permuted else replace(prediction, legal=torch.full_like(prediction.legal, ALLOWED))

    def _permutation(self, latent: Latent) -> Tensor:
        """Return (b, a): whose prediction each action gets; a permutation per state, fixed by codes and seed."""
        count = len(self.actions)
        places = torch.arange(1, latent.codes.shape[1] + 1, device=latent.codes.device)
        state = _mix(latent.codes + _mix(places + self.seed * 1_000_003)).sum(1)
        lots = _mix(state[:, None] + _mix(torch.arange(count, device=state.device) + 77))
        drawn = lots.argsort(1)
        if not self.keep_legality:
            return drawn
        # the i-th allowed action gets the prediction of the i-th allowed action in drawn order; the others likewise
        refused = (self.dynamics.legality(latent) < 0.5).long()
        own = refused.argsort(dim=1, stable=True)
        given = drawn.gather(1, refused.gather(1, drawn).argsort(dim=1, stable=True))
        return torch.empty_like(own).scatter_(1, own, given)

    def _average(self, latent: Latent, action: Tensor) -> Prediction:
        found = [self._habits[index] for index in action.tolist()]
        b, k, device = len(found), max(len(habit.probs) for habit in found), latent.z.device
        following = latent.repeat(k)
        z, codes = following.z.clone().view(b, k, *latent.z.shape[1:]), following.codes.clone().view(b, k, -1)
        probs, done = (torch.zeros(b, k, device=device) for _ in range(2))
        durations = torch.zeros(b, k, len(self.duration_values), device=device)
        durations[..., 0] = 1.0
        for index in action.unique().tolist():
            rows, habit = (action == index).nonzero()[:, 0], self._habits[index]
            size = len(habit.probs)
            probs[rows, :size], done[rows, :size], durations[rows, :size] = habit.probs, habit.done, habit.durations
            for outcome, changes in enumerate(habit.changes):
                for slot, code, vector in changes:
                    codes[rows, outcome, slot] = code
                    if z.shape[2] == codes.shape[2]:
                        z[rows, outcome, slot] = vector
        cost = torch.tensor([habit.cost for habit in found], device=device)
        return Prediction(
            probs=probs,
            next=self._latent(z.flatten(0, 1), codes.flatten(0, 1)),
            head_probs=probs[None],
            legal=torch.full((b,), ALLOWED, device=device),
            done=done,
            duration_probs=durations,
            cost=cost,
            surprise=torch.zeros(b, device=device),
        )

    def _latent(self, z: Tensor, codes: Tensor) -> Latent:
        """Return the latent of codes, by the dynamics itself where it can (its z may leave facts out)."""
        make: Callable[[Tensor], Latent] | None = getattr(self.dynamics, "latent", None)
        return Latent(z, codes) if make is None else make(codes)


def _uniform(prediction: Prediction) -> Prediction:
    """Return the prediction with equal probabilities over the outcome set and over all durations."""
    live = (prediction.probs >= LIVE).to(prediction.probs.dtype)
    probs = live / live.sum(-1, keepdim=True).clamp_min(1.0)
    durations = torch.full_like(prediction.duration_probs, 1.0 / prediction.duration_probs.shape[-1])
    heads = probs.expand_as(prediction.head_probs).clone()
    return replace(prediction, probs=probs, head_probs=heads, duration_probs=durations)


def _nothing(latent: Latent, durations: Tensor) -> Prediction:
    """Return the prediction that every state stays as it is, at once and for free."""
    b, m, device = len(latent), len(durations), latent.z.device
    duration_probs = torch.zeros(b, 1, m, device=device)
    duration_probs[..., int(durations.argmin())] = 1.0
    return Prediction(
        probs=torch.ones(b, 1, device=device),
        next=latent,
        head_probs=torch.ones(1, b, 1, device=device),
        legal=torch.full((b,), ALLOWED, device=device),
        done=torch.zeros(b, 1, device=device),
        duration_probs=duration_probs,
        cost=torch.zeros(b, device=device),
        surprise=torch.zeros(b, device=device),
    )


def _mix(x: Tensor) -> Tensor:
    """Scramble int64 numbers (the finaliser of splitmix64; products wrap around)."""
    x = (x ^ (x >> 30)) * -4658895280553007687
    x = (x ^ (x >> 27)) * -7723592293110705685
    return x ^ (x >> 31)
