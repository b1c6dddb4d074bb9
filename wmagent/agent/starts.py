"""Another start: facts and rules changed to what a model can place, or refused with the reason.
Knows facts and their words; must not know plans and courses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from wmagent.agent.protocols import AgentModel
from wmagent.agent.readings import choose, known_values
from wmagent.domain.interventions import ChangeFacts, ChangeRules, Intervention
from wmagent.domain.types import Facts, Value, canonical, same_value
from wmagent.errors import InputError, OutOfDomain, shortened, unknown
from wmagent.words.phrases import spoken, tokens

SENTENCE = 4  # words from which on a text value is a sentence
ALIKE, MARGIN = 0.35, 0.05  # similarity from which on a sentence is a version of a rule, and its lead over other rules


def changed_facts(given: Mapping[str, Value | None], model: AgentModel) -> ChangeFacts:
    """Return the facts with keys and values as the model knows them; InputError where it does not."""
    if not given:
        raise InputError("facts is empty; give {fact: value}")
    found = {}
    for said, value in given.items():
        key = fact_key(said, model)
        found[key] = _value(key, value, model)
    return ChangeFacts(found)


def fact_key(said: str, model: AgentModel) -> str:
    """Return the fact that is meant: its key, or how it is spoken."""
    if said in model.slots:
        return said
    for key in model.slots:
        if spoken(key) == spoken(said):
            return key
    raise unknown("fact", said, model.slots)


def _value(key: str, value: Value | None, model: AgentModel) -> Value | None:
    known = model.values(key)
    named = known_values(model, key)
    if len(known) < 2:
        only = canonical(named[0]) if named else "(absent)"
        raise InputError(
            f"the record knows only {shortened(only)!r} as {key}, so what another value would change cannot be known"
        )
    if value is None:
        if None not in known:
            raise InputError(f"{key} was never absent; its values: {_listed(named)}")
        return None
    if not isinstance(value, (str, int, float, bool)):
        raise InputError(f"{key} cannot be {shortened(repr(value))}; facts are text, numbers or true/false")
    for one in named:
        if same_value(one, value) or (isinstance(value, str) and spoken(canonical(one)) == spoken(value)):
            return one
    if not isinstance(value, str):
        return value  # a number: whether it lies within what was recorded is for the model to say
    meant, _ = choose(f"{key} {value}", model)
    if len(meant) == 1 and meant[0].key == key and not meant[0].named:
        return meant[0].value
    raise unknown(f"value of {key}", value, [canonical(one) for one in named], "Values never seen have no meaning.")


def rule_facts(model: AgentModel) -> dict[str, list[str]]:
    """Return the facts whose values are sentences, with the versions that the record knows."""
    found = {}
    for key in model.slots:
        values = known_values(model, key)
        if values and all(isinstance(value, str) and len(tokens(value)) >= SENTENCE for value in values):
            found[key] = [str(value) for value in values]
    return found


def changed_rules(given: str | Mapping[str, str], model: AgentModel) -> ChangeRules:
    """Return which rules shall read how; a sentence alone changes the rule whose known versions it is most like.

    InputError where no rule is meant, several could be, or the record knows only one version of it.
    """
    rules = rule_facts(model)
    if not rules:
        raise InputError("this model knows no rules as text: no fact has sentences as values; change a fact instead")
    if isinstance(given, str):
        given = {_most_like(given, rules, model): given}
    found = {}
    for said, sentence in given.items():
        key = fact_key(said, model)
        if key not in rules:
            raise InputError(f"{key!r} is no rule that is written as text; rules: {', '.join(rules)}")
        if not isinstance(sentence, str) or not sentence.strip():
            raise InputError(f"the rule {key!r} needs a sentence, not {shortened(repr(sentence))}")
        if len(rules[key]) < 2:
            raise InputError(
                f"the record knows only one version of the rule {key!r}: {shortened(rules[key][0], 200)!r}. What "
                "another would change cannot be learned from it; learn from records made under several versions"
            )
        same = [one for one in rules[key] if tokens(one) == tokens(sentence)]
        found[key] = same[0] if same else " ".join(sentence.split())
    return ChangeRules(found)


def _most_like(sentence: str, rules: Mapping[str, Sequence[str]], model: AgentModel) -> str:
    if not sentence.strip():
        raise InputError("the rule is empty; say how it shall read")
    likeness = {key: max(model.similarity(sentence, versions)) for key, versions in rules.items()}
    ranked = sorted(likeness, key=lambda key: -likeness[key])
    if likeness[ranked[0]] < ALIKE:
        listed = "; ".join(f"{key}: {shortened(rules[key][0], 120)!r}" for key in rules)
        raise InputError(f"{shortened(sentence, 200)!r} is like no rule of this model; rules: {listed}")
    close = [key for key in ranked if likeness[ranked[0]] - likeness[key] < MARGIN]
    if len(close) > 1:
        raise InputError(
            f"{shortened(sentence, 200)!r} can be a version of {' or '.join(close)}; give {{rule: sentence}}"
        )
    return ranked[0]


def altered(facts: Facts, changes: Sequence[Intervention], model: AgentModel, notes: list[str]) -> Facts:
    """Return the facts under the changes, which the model has taken in; notes say what changes nothing or is new.

    A rule's sentence that was never recorded is placed by its words where the model can; OutOfDomain where not.
    """
    given: dict[str, Value | None] = {}
    new_rules: list[str] = []
    for change in changes:
        if isinstance(change, ChangeFacts):
            given |= change.facts
        elif isinstance(change, ChangeRules):
            given |= change.rules
            new_rules += [key for key, rule in change.rules.items() if rule not in model.values(key)]
    for key, value in given.items():
        if key in facts and value is not None and same_value(facts[key], value):
            notes.append(f"{key} is {canonical(value)} already: changing it changes nothing")
    found = {key: value for key, value in {**facts, **given}.items() if value is not None}
    if new_rules:
        _take_in(found, new_rules, model)
        notes += [f"the rule {key!r} was never recorded like this: it is read by its words alone" for key in new_rules]
    model.observe(found)
    return found


def _take_in(facts: Facts, rules: Sequence[str], model: AgentModel) -> None:
    """Let the model place sentences that it has never seen by their words."""
    if "strict" not in inspect.signature(model.observe).parameters:
        raise OutOfDomain(
            f"this model cannot read new versions of the rule {rules[0]!r}; known: "
            f"{_listed(known_values(model, rules[0]))}"
        )
    model.observe(facts, strict=False)  # type: ignore[call-arg]


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(shortened(canonical(value)) for value in values[:12])
