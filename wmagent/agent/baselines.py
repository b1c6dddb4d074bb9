"""Plans without any change, kept for the next what-ifs beside them. Knows questions; must not know answers."""

from __future__ import annotations

from collections import OrderedDict

from wmagent.agent.protocols import AgentModel
from wmagent.agent.whatif import Baseline, Plans, Question, baseline_for
from wmagent.domain.types import key_of


class Baselines:
    """The latest plans without any change, by question: many what-ifs are asked beside the same plan.

    What was imagined for one what-if serves the next, so an answer's count of imagined steps depends on those before;
    nothing else of it does. Not for several threads at once.
    """

    def __init__(self, model: AgentModel, plan: Plans, most: int) -> None:
        self.model, self.plan, self.most = model, plan, most
        self._kept: OrderedDict[object, Baseline] = OrderedDict()

    def of(self, asked: Question) -> Baseline:
        """Return the plan of a question."""
        key = (asked.goal, key_of(asked.facts), asked.by, asked.seed, asked.since)
        if key not in self._kept:
            self._kept[key] = baseline_for(self.model, asked, self.plan)
            if len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
