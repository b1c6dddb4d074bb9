"""Baselines as first-class models, from persistence over counted tables to a copy-gated MLP.
Knows their names; loads torch only when the MLP is asked for."""

from __future__ import annotations

from wmagent.errors import unknown
from wmagent.model.baselines.base import (
    Baseline,
    Branching,
    FactProbabilities,
    RankedPolicy,
    Solver,
    apply_changes,
    changes_between,
)
from wmagent.model.baselines.frequent import MostFrequentChange
from wmagent.model.baselines.markov import Markov
from wmagent.model.baselines.persistence import Persistence

NAMES = (
    "persistence",
    "most_frequent_change",
    "markov",
    "successor_representation",
    "tabular_mdp",
    "copy_gated_mlp",
)

__all__ = [
    "NAMES",
    "Baseline",
    "Branching",
    "FactProbabilities",
    "Markov",
    "MostFrequentChange",
    "Persistence",
    "RankedPolicy",
    "Solver",
    "apply_changes",
    "baseline",
    "changes_between",
]


def baseline(name: str) -> Baseline:
    """Return a fresh, unfitted baseline by name; an unknown name is an InputError that lists the known ones."""
    if name == "persistence":
        return Persistence()
    if name == "most_frequent_change":
        return MostFrequentChange()
    if name == "markov":
        return Markov()
    if name == "successor_representation":
        from wmagent.model.baselines.successor import SuccessorRepresentation

        return SuccessorRepresentation()
    if name == "tabular_mdp":
        from wmagent.model.baselines.tabular_mdp import TabularMDP

        return TabularMDP()
    if name == "copy_gated_mlp":
        from wmagent.model.baselines.mlp import CopyGatedMLP

        return CopyGatedMLP()
    raise unknown("baseline", name, NAMES)
