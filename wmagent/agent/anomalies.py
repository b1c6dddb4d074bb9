"""Finds the recorded transitions that the model did not expect. Knows scores, not how the model makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from wmagent.agent.protocols import AgentModel, Scored
from wmagent.domain.answers import Anomaly
from wmagent.domain.types import Transition
from wmagent.errors import InputError

IMPOSSIBLE = 1e6  # nats; stands for infinity, which JSON does not have
Method = Literal["alpha", "fdr"]


def find_anomalies(
    model: AgentModel,
    source: str | Path | Iterable[Transition | Mapping[str, Any]],
    alpha: float = 0.01,
    *,
    method: Method = "alpha",
    every: bool = False,
) -> list[Anomaly]:
    """Return flagged transitions, the unknown and the most surprising first (`every`: all, in their order).

    A p-value is the share of held-out transitions at least as surprising. Method "alpha" flags p <= alpha, so
    about a share alpha of normal transitions is flagged too. Method "fdr" (Benjamini-Hochberg) instead keeps the
    expected share of false flags among all flags below alpha; since p-values cannot fall below one over the number
    of held-out transitions, it finds nothing in long logs with few anomalies. Facts and actions that the model has
    never seen are flagged always and named.
    """
    if not 0.0 < alpha < 1.0:
        raise InputError(f"alpha is a share between 0 and 1, not {alpha}")
    if method not in ("alpha", "fdr"):
        raise InputError(f"unknown method {method!r}; known: alpha, fdr")
    transitions = _transitions(source)
    scores = model.score(transitions)
    cut = alpha if method == "alpha" else _benjamini_hochberg([score.p_value for score in scores], alpha)
    found = [_anomaly(i, t, s, cut) for i, (t, s) in enumerate(zip(transitions, scores, strict=True))]
    if every:
        return found
    return sorted((a for a in found if a.flagged), key=lambda a: (not a.note, a.p_value, -a.surprise, a.index))


def _anomaly(index: int, transition: Transition, score: Scored, cut: float) -> Anomaly:
    unknown = f"outside what the model knows: {', '.join(score.unknown)}" if score.unknown else ""
    return Anomaly(
        index=index,
        action=transition.action,
        surprise=min(score.nll, IMPOSSIBLE),
        p_value=score.p_value,
        flagged=bool(score.unknown) or score.p_value <= cut,
        odd=tuple(score.odd),
        before=transition.before.facts,
        note=unknown,
    )


def _benjamini_hochberg(p_values: Sequence[float], alpha: float) -> float:
    """Return the largest p-value that is rejected (0 when none is)."""
    cut = 0.0
    for rank, p in enumerate(sorted(p_values), 1):
        if p <= alpha * rank / len(p_values):
            cut = p
    return cut if cut > 0.0 else -1.0


def _transitions(source: str | Path | Iterable[Transition | Mapping[str, Any]]) -> list[Transition]:
    if isinstance(source, Sequence) and all(isinstance(row, Transition) for row in source):
        return list(source)  # type: ignore[arg-type]
    from wmagent.registry import resolve

    return resolve("source", "transitions")(source)
