"""How new the facts of an imagined state are, and how usual the way there: what guides a search before it knows a goal.

Knows codes and probabilities as arrays; must not know the model or any values. Novelty as in width-based planning
(Lipovetzky and Geffner 2012): a state is new if it shows a fact, or a pair of facts, that no state showed before.
"""

from __future__ import annotations

import numpy as np

from wmagent.planning.graph import ImaginedGraph

NEW_FACT, NEW_PAIR, NOTHING_NEW = 1.0, 0.1, 0.01
_CODES, _PRIME = 1 << 20, 1_000_003


class Novelty:
    """Keeps, for one search, the facts and pairs of facts seen, and the likeliest way of behaviour to each state."""

    def __init__(self, graph: ImaginedGraph, temper: float) -> None:
        self.graph, self.temper = graph, temper
        self.usual, self.novelty = np.zeros(0), np.zeros(0)
        self._facts: set[int] = set()
        self._pairs: set[int] = set()
        self._edges = 0

    def merit(self, prior: np.ndarray) -> np.ndarray:
        """Return how much each state deserves to be expanded (s,), given the prior over actions (s, a)."""
        graph, had = self.graph, len(self.usual)
        codes = graph.codes(np.arange(had, len(graph)))
        self.usual = np.concatenate([self.usual, np.zeros(len(codes))])
        self.novelty = np.concatenate([self.novelty, self._judge(codes)])
        self.usual[0] = 1.0
        edges, pairs = graph.edges, graph.pairs
        pair, following, prob = edges.pair[self._edges :], edges.next[self._edges :], edges.prob[self._edges :]
        origin = pairs.state[pair]
        np.maximum.at(self.usual, following, self.usual[origin] * prior[origin, pairs.action[pair]] * prob)
        self._edges = len(edges.pair)
        return self.novelty * self.usual**self.temper

    def _judge(self, codes: np.ndarray) -> np.ndarray:
        """Return the novelty of new states, in the order in which they were imagined."""
        begin = self.graph.codes(np.array([0]))
        facts = codes + np.arange(codes.shape[1]) * _CODES
        judged = np.full(len(codes), NOTHING_NEW)
        for row, (values, changed) in enumerate(zip(facts, codes != begin, strict=True)):
            mine = values[changed].tolist()
            before, before_pairs = len(self._facts), len(self._pairs)
            self._facts.update(mine)
            self._pairs.update([a * _PRIME + b for i, a in enumerate(mine) for b in mine[:i]])
            if len(self._facts) > before:
                judged[row] = NEW_FACT
            elif len(self._pairs) > before_pairs:
                judged[row] = NEW_PAIR
        return judged
