"""Computes what stands behind a what-if: estimates beside the imagined one, and what an unlogged cause could change.
Knows record, imagination and estimators; the sentences about them are in warrant_words.py."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch

from wmagent.agent.alike import Alike, alike
from wmagent.agent.record import Floats, Record, RememberingModel, recorded
from wmagent.agent.warrant_words import estimand, statement
from wmagent.causal.benchmark import strengths
from wmagent.causal.estimates import (
    OVERLAP,
    Decisions,
    Estimate,
    cross_fitted,
    doubly_robust,
    inverse_propensity,
    naive,
    weighted_share,
)
from wmagent.causal.sensitivity import Strata, bounds, e_value, e_value_limit, tipping_gamma
from wmagent.causal.shares import Z90
from wmagent.causal.shares import wilson as share_interval
from wmagent.domain.answers import Support
from wmagent.domain.types import Action, Facts, Goal
from wmagent.domain.warrant import EValue, Interval, Measured, Sensitivity, Warrant
from wmagent.errors import InputError
from wmagent.planning.behaviour_value import Followed, following, imagined_behaviour_value

LEAST_GAMMA = 2.0  # an unlogged cause is never taken to be weaker than this
MOST_STATES, ROUGH = 300, 5e-3  # states that the strength of logged facts is measured in, and how exactly
FOLDS = 5
OBSERVED, ALMOST_ALL = 0.9, 0.9  # shares of the population asked about
LITTLE = 0.01  # share of decisions without overlap that is not worth a note


def warrant(
    model: RememberingModel,
    facts: Facts,
    action: Action | str,
    goal: Goal,
    *,
    average_over: Collection[str] = (),
    gamma: float | None = None,
    identification: str = "",
    record: Record | None = None,
    followed: Followed | None = None,
    force: bool = False,
) -> Warrant:
    """Return what stands behind P(goal) if `action` is done in `facts` and then goes on as recorded behaviour does.

    Facts named in `average_over` are not known when deciding: their recorded distribution, given the others, is
    averaged over. `gamma` replaces the default strength of an unlogged cause, which is that of the strongest logged
    fact. `identification` is the caller's argument that nothing unlogged drives both decision and outcome; without one
    the answer stays a predicted association. `record` (from `recorded`) and `followed` (from `following`, one per goal)
    save time over many questions. Outside recorded experience no number is given, unless forced. InputError for an
    action that is not allowed in any such state, a goal that is settled, or one with a cost limit; OutOfDomain for
    unknown values.
    """
    if goal.max_cost is not None:
        raise InputError("a warrant follows recorded behaviour without a cost limit; ask for the goal without max_cost")
    record = record or recorded(model)
    index = model.action_index(action)
    done = model.actions[index]
    like = alike(model, record, facts, index, record.undecided(model, goal), average_over)
    latent = model.latent(like.codes)
    followed = following(model, latent, goal) if followed is None else followed
    imagined = imagined_behaviour_value(model, latent, index, goal, followed=followed)
    if np.isnan(imagined).all():
        raise InputError(
            f"{done.label()} is not allowed here, as far as the model knows; ask about a state where it is"
        )
    taken = record.action[like.decisions] == index
    support = _support(model, like, done)
    found = Warrant(
        estimand=estimand(facts, done, goal, average_over),
        action=done,
        goal=goal,
        support=support,
        n=len(taken),
        taken=int(taken.sum()),
        adjusted_for=like.adjusted_for,
        identification=identification,
        wording="causal effect, if the argument given holds" if identification else "predicted association",
        notes=_notes(like, support, bool(taken.any())),
    )
    if support != "extrapolated" or force:
        found = replace(found, imagined=_mean(like.share, imagined))
        if taken.any():
            found = _estimated(model, found, _Question(record, like, index, goal, imagined, followed), gamma)
    return replace(found, statement=statement(found))


@dataclass(frozen=True)
class _Question:
    """One question with its decisions; `imagined` (x,) is the worth of the action in the states asked about."""

    record: Record
    like: Alike
    action: int
    goal: Goal
    imagined: Floats
    followed: Followed


def _estimated(model: RememberingModel, found: Warrant, asked: _Question, gamma: float | None) -> Warrant:
    """Return the warrant with all that is estimated from recorded decisions."""
    decisions, otherwise = _decisions(model, asked)
    target = None if asked.like.exact else _mean(asked.like.share, asked.imagined)
    best = doubly_robust(decisions, target)
    interval = _interval(_mean(asked.like.share, asked.imagined), best)
    strata = _strata(asked, interval)
    why = "given by whoever asked"
    if gamma is None:
        gamma, why = default_gamma(model, asked.record, asked.action, asked.goal, asked.followed)
    other = doubly_robust(otherwise) if otherwise is not None else None
    return replace(
        found,
        notes=(*found.notes, *_overlap(decisions)),
        interval=interval,
        propensity=float(asked.like.share @ asked.like.propensity),
        naive=_measured(naive(decisions)),
        inverse_propensity=_measured(inverse_propensity(decisions)),
        doubly_robust=_measured(best),
        e_value=_e_value(best, other) if other else None,
        bounds=(
            Sensitivity(gamma, bounds(strata, gamma), why),
            Sensitivity(math.inf, bounds(strata, math.inf), "nothing assumed"),
        ),
        tipping_gamma=tipping_gamma(strata, other.value) if other else None,
    )


def _decisions(model: RememberingModel, asked: _Question) -> tuple[Decisions, Decisions | None]:
    """Return the decisions seen as for or against the action, and as for or against everything else (None where
    nobody did otherwise)."""
    record, rows = asked.record, asked.like.decisions
    limit = math.inf if asked.goal.deadline is None else asked.goal.deadline
    hours = record.hours_to(model, asked.goal)[rows]
    outcome = (np.isfinite(hours) & (hours <= limit + 1e-6)).astype(np.float64)
    taken = (record.action[rows] == asked.action).astype(np.float64)
    states, place = np.unique(record.state[rows], return_inverse=True)
    latent = model.latent(record.states[torch.from_numpy(states)])
    propensity = record.propensity[states, asked.action]
    doing = np.nan_to_num(imagined_behaviour_value(model, latent, asked.action, asked.goal, followed=asked.followed))
    usual = np.nan_to_num(imagined_behaviour_value(model, latent, None, asked.goal, followed=asked.followed))
    else_wise = np.clip((usual - propensity * doing) / np.maximum(1 - propensity, 1e-6), 0.0, 1.0)
    case, weight = record.case[rows], np.ones(len(rows))

    def seen(chosen: Floats, chance: Floats, told: Floats) -> Decisions:
        predicted = cross_fitted(told[place], outcome, chosen, case % FOLDS)
        return Decisions(chosen, outcome, np.maximum(chance[place], 1e-6), predicted, weight, case)

    against = 1 - taken
    other = seen(against, 1 - propensity, else_wise) if against.any() else None
    return seen(taken, propensity, doing), other


def _interval(imagined: float, best: Estimate) -> Interval:
    """Return the imagined share's interval of as many decisions as `best` is worth, widened to hold its interval."""
    low, high = share_interval(imagined, best.effective)
    return min(low, best.interval[0]), max(high, best.interval[1])


def _strata(asked: _Question, interval: Interval) -> Strata:
    """Return the states asked about, with the imagined worth in each as uncertain as it is on average."""
    like, mean = asked.like, _mean(asked.like.share, asked.imagined)
    told = np.where(np.isnan(asked.imagined), mean, asked.imagined)
    size = like.share * len(like.decisions)
    low = np.array([share_interval(e, n)[0] for e, n in zip(like.propensity, size, strict=True)])
    below, above = (np.clip(told + end - mean, 0, 1) for end in interval)
    return Strata(like.share, like.propensity, told, low, below, above)


def default_gamma(
    model: RememberingModel, record: Record, action: int, goal: Goal, followed: Followed | None = None
) -> tuple[float, str]:
    """Return how strong an unlogged cause is allowed to be, and why: as strong as the strongest logged fact would be
    for this decision had it not been logged, and never weaker than LEAST_GAMMA. The most frequent states are looked at.
    """
    allowed = record.undecided(model, goal) & record.legal[:, action]
    count = np.bincount(record.state, minlength=len(allowed)) * allowed
    often = np.argsort(-count, kind="stable")[: min(MOST_STATES, int((count > 0).sum()))]
    latent = model.latent(record.states[torch.from_numpy(often)])
    outcome = imagined_behaviour_value(model, latent, action, goal, ROUGH, followed)
    often, outcome = often[~np.isnan(outcome)], outcome[~np.isnan(outcome)]
    varies = [i for i, key in enumerate(model.slots) if len(model.values(key)) > 1]
    states, weight = record.states.numpy()[often], count[often].astype(np.float64)
    found = strengths(states, record.propensity[often, action], outcome, weight, varies)
    if not found or found[0].gamma < LEAST_GAMMA:
        return LEAST_GAMMA, "no logged fact is stronger, so this much is allowed"
    key, strength = model.slots[found[0].column], found[0].gamma
    return strength, f"as strong as {key}, the strongest logged fact, would be had it not been logged"


def _e_value(best: Estimate, other: Estimate) -> EValue:
    """Return the E-value of P(goal) with the action against P(goal) acting otherwise."""
    p, q = np.clip([best.value, other.value], 1e-3, 1.0)
    spread = sum((1 - share) / (share * max(n, 1.0)) for share, n in ((p, best.effective), (q, other.effective)))
    ratio, factor = float(p / q), math.exp(Z90 * math.sqrt(spread))
    return EValue(e_value(ratio), e_value_limit(ratio / factor, ratio * factor))


def _support(model: RememberingModel, like: Alike, action: Action) -> Support:
    """Return how well recorded experience covers the states asked about."""
    facts = model.read(model.latent(like.codes))
    told = [evidence.support for evidence in model.evidences(facts, [action] * len(facts))]
    shares = {name: sum(s for s, t in zip(like.share, told, strict=True) if t == name) for name in set(told)}
    if shares.get("observed", 0.0) >= OBSERVED:
        return "observed"
    return "interpolated" if shares.get("extrapolated", 0.0) <= 1 - ALMOST_ALL else "extrapolated"


def _notes(like: Alike, support: Support, taken: bool) -> tuple[str, ...]:
    notes = []
    if support == "extrapolated":
        notes.append("outside what this model knows; numbers only where forced")
    if not taken:
        notes.append("no similar recorded decision was for the action; only imagination answers")
    if not like.exact:
        notes.append("too few decisions agree in all facts; the nearest ones speak for them")
    return tuple(notes)


def _overlap(decisions: Decisions) -> tuple[str, ...]:
    """Return a note where the action is chosen too seldom for the doubly robust estimate to weight decisions."""
    alone = 1 - weighted_share(decisions)
    if alone < LITTLE:
        return ()
    return (
        f"at {100 * alone:.0f} % of these decisions the action is chosen less often than {100 * OVERLAP:.0f} times in "
        "100; there the world model alone answers, also in the doubly robust estimate",
    )


def _mean(share: Floats, values: Floats) -> float:
    known = ~np.isnan(values)
    return float(share[known] @ values[known] / share[known].sum())


def _measured(estimate: Estimate) -> Measured:
    return Measured(estimate.value, estimate.interval)
