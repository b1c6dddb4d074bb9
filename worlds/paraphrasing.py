"""New names out of a world's own paraphrases, so that the renamed world says the same in other words.

Knows the texts of a world; what renaming does is `renaming`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import TypeVar

from wmagent.domain.types import Value, canonical
from wmagent.errors import checked_seed
from wmagent.worlds.conditions import Expression, Negation, Test, other_fact, parse
from wmagent.worlds.language import Definition
from wmagent.worlds.renaming import Names
from wmagent.worlds.workflow import WorkflowWorld

K = TypeVar("K", bound=Value)


def synonyms(world: WorkflowWorld, seed: int) -> Names:
    """Return new names drawn from the world's paraphrases, one for everything that has any; same seed, same names.

    Numbers keep their names, and so do values of facts that conditions compare with each other.
    """
    random = Random(f"{world.name} synonyms {checked_seed(seed)}")
    texts = world.texts
    kept = set(_equated(world))
    words = {key: said for key, said in texts.values.items() if key not in kept}
    values = {key: _drawn(random, said, world.domains[key]) for key, said in words.items()}
    return Names(
        facts=_drawn(random, texts.facts, texts.facts),
        values={key: found for key, found in values.items() if found},
        actions=_drawn(random, texts.actions, texts.actions),
        goals=_drawn(random, texts.goals, texts.goals),
    )


def _drawn(random: Random, said: Mapping[K, tuple[str, ...]], names: Iterable[Value]) -> dict[K, str]:
    """Draw a paraphrase for each name that has some; never one that is another thing's name, old or new."""
    taken = {canonical(name).lower() for name in names}
    found: dict[K, str] = {}
    for name, words in said.items():
        free = [word for word in words[1:] if word.lower() not in taken]
        if free and isinstance(name, (str, bool)):
            found[name] = random.choice(free)
            taken.add(found[name].lower())
    return found


def _equated(world: WorkflowWorld) -> Iterator[str]:
    """Yield the facts that some condition compares with another fact by == or !=."""
    for text in _conditions(world.definition):
        for test in _tests(parse(text)):
            other = other_fact(test, world.machine.domains)
            if other is not None and test.op in ("==", "!="):
                yield from (test.key, other)


def _tests(tree: Expression) -> Iterator[Test]:
    if isinstance(tree, Test):
        yield tree
    else:
        for part in (tree.part,) if isinstance(tree, Negation) else tree.parts:
            yield from _tests(part)


def _conditions(definition: Definition) -> Iterator[str]:
    """Yield the text of every condition but those of goals, which compare no two facts."""
    yield definition.done
    for fact in definition.facts.values():
        if isinstance(fact.start, tuple):
            yield from (case.when for case in fact.start)
    for action in definition.actions.values():
        yield action.guard
        yield from (effect.when for effect in action.effects)
    yield from (rule.when for rule in definition.rules.values())
    yield from (event.when for event in definition.events.values())
