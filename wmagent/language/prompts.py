"""Questions about states that language models are trained on and asked: what changes, and what a fact is.
Knows prompts; what is asked of the agent's language model stands with the agent."""

from __future__ import annotations

import json
from collections.abc import Mapping

from wmagent.agent.language import Message, shown_facts
from wmagent.domain.types import Facts, Value, canonical
from wmagent.model.baselines import changes_between

REFUSED = "refused"


def what_changes(facts: Facts, action: str) -> list[Message]:
    """Return the question what an action changes; it is answered by `changes`, or by REFUSED."""
    return [Message("user", f"Facts: {shown_facts(facts)}\nAction: {action}\nWhat changes?")]


def changes(before: Facts, after: Facts) -> str:
    """Return the facts that differ as one JSON object; null stands for a fact that is gone."""
    changed = dict(changes_between(before, after))
    in_order = {key: changed[key] for key in dict.fromkeys([*before, *after]) if key in changed}
    return json.dumps(in_order, ensure_ascii=False)


def what_is(key: str) -> str:
    """Return the question what a fact is."""
    return f"Question: what is the {key}?"


def about(facts: Facts, questions: Mapping[str, Value]) -> list[Message]:
    """Return a conversation about one state: the facts with the first question, and the others after its answer."""
    turns: list[Message] = []
    for place, (key, value) in enumerate(questions.items()):
        start = f"Facts: {shown_facts(facts)}\n" if not place else ""
        turns += [Message("user", start + what_is(key)), Message("assistant", canonical(value))]
    return turns
