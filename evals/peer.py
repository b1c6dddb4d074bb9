"""The central comparison: a JEPA world model against a language model that writes what changes, from the same rows.
Knows recorded rows or worlds, splits, and both models by their public names."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch

from wmagent.domain.types import Action, Facts, Transition, canonical
from wmagent.evals.forecasting import by_baseline, by_model, changing_slots
from wmagent.evals.measure import versions
from wmagent.evals.metrics import bootstrap, score
from wmagent.evals.sources import Source, named, recorded
from wmagent.evals.splits import split_by_case, walks

log = logging.getLogger(__name__)

LENGTH = 5
NOTES = (
    "exact: the whole next state is right, on cases held out (another draw per seed), given the true state before. "
    "rollout: the whole state is right after five steps, each imagined from the last imagined state. Where a world is "
    "stochastic, outcomes cannot be foreseen and both stay below 1.",
    "impossible: written answers that are no JSON, name a fact that there is none of or a value that the fact never "
    "had in the record (of all answers); a world model can only choose among recorded values.",
    "paraphrase: the same answer when the facts' names and the action are said otherwise (shipped worlds: wordings by "
    "hand; files: identifiers and arguments as words); the language model reads the text, the world model grounds it.",
    "steps_per_second: imagined transitions on two threads, in batches that pay (language model: 32 answers written "
    "together; world model: 1,024 states). Both on this machine, after a warm-up.",
    "persistence: nothing changes. Both learn from the same rows; the language model has seen the shipped worlds' text "
    "before, and has several times the parameters.",
)


def run(
    source: Source,
    seeds: Sequence[int] = (0, 1, 2),
    lm: str = "tiny",
    rows: int = 4_000,
    passes: float = 2.0,
    tests: int = 800,
    preset: str = "small",
    share: float = 0.125,
    timed: float = 10.0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Learn both from the first rows and compare them on held-out cases; `source` is a file or a shipped world.

    `passes` over the rows tune the language model; imagined steps are counted for `timed` seconds.
    """
    say, known, per_seed = progress or log.info, recorded(source, round(1.3 * rows)), []
    speak = Speech.of(source)
    for seed in seeds:
        kept, held = split_by_case(known, share, seed)
        per_seed.append(
            {"seed": seed, **_compared(kept[:rows], held, tests, seed, lm, passes, preset, speak, timed, say)}
        )
        say(f"seed {seed}: {per_seed[-1]}")
    keys = ("exact", "exact_changed", "rollout", "impossible", "paraphrase", "steps_per_second", "parameters")
    summary: dict[str, dict[str, Any]] = {
        name: {key: _mean([row[name].get(key) for row in per_seed]) for key in keys}
        for name in ("world model", "language model", "persistence")
    }
    ours, theirs = summary["world model"], summary["language model"]
    summary["difference"] = {
        "exact": ours["exact"] - theirs["exact"],
        "rollout": ours["rollout"] - theirs["rollout"],
        "speed": ours["steps_per_second"] / theirs["steps_per_second"],
    }
    return {
        "eval": "peer",
        "source": named(source),
        "rows": rows,
        "passes": passes,
        "lm": lm,
        "seeds": list(seeds),
        "targets": {"exact": "better", "rollout": ">= 10 points better", "impossible": "0", "speed": ">= 300"},
        "summary": summary,
        "per_seed": per_seed,
        "notes": list(NOTES),
        "versions": versions(),
    }


def _compared(
    kept: Sequence[Transition],
    held: Sequence[Transition],
    tests: int,
    seed: int,
    lm: str,
    passes: float,
    preset: str,
    speak: Speech,
    timed: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from wmagent import WorldModel
    from wmagent.language.peer import FITTING, LanguageWorld
    from wmagent.model.baselines import Persistence

    began = time.perf_counter()
    model = WorldModel.learn(list(kept), seed=seed, preset=preset)
    learned = time.perf_counter() - began
    peer = LanguageWorld(lm, replace(FITTING, passes=passes), said=say).fit(kept, seed)
    some, courses = list(held[:tests]), _courses(held)[: max(1, tests // 8)]
    facts, actions = [row.before.facts for row in some], [row.action for row in some]
    slots, groups = changing_slots(kept), walks(some)
    still = Persistence().fit(kept, seed)
    found: dict[str, Any] = {"n_train": len(kept), "n_test": len(some), "n_rollouts": len(courses)}
    forecasts = {
        "world model": by_model(model, facts, actions),
        "language model": by_baseline(peer, facts, actions),
        "persistence": by_baseline(still, facts, actions),
    }
    ahead: dict[str, Callable[[list[Facts], list[Action]], list[Facts]]] = {
        "world model": lambda s, a: [dict(one.most_likely) for one in model.forecast(s, a)],
        "language model": lambda s, a: list(peer.predict(s, a)),
        "persistence": lambda s, a: list(s),
    }
    for name, said in forecasts.items():
        scores = score(some, said.rows, slots, groups, seed=seed)
        rolled = _rolled(ahead[name], courses)
        found[name] = {
            "exact": scores["exact"],
            "exact_interval": scores["intervals"]["exact"],  # type: ignore[index]
            "exact_changed": scores["exact_changed"],
            "rollout": sum(rolled) / len(rolled),
            "rollout_interval": bootstrap(rolled, seed=seed),
        }
    written = dict(peer.written)
    found["language model"] |= {
        "impossible": written.get("impossible", 0) / max(1, written.get("answers", 0)),
        "written": written,
        "paraphrase": _peer_same(peer, facts[:200], actions[:200], speak),
        "steps_per_second": _peer_speed(peer, facts, actions, timed),
        "parameters": peer.parameters,
        "learn_seconds": peer.training["seconds"],
    }
    found["world model"] |= {
        "impossible": 0.0,
        "paraphrase": _model_same(model, facts[:200], actions[:200], speak),
        "steps_per_second": _model_speed(model, facts, actions, timed),
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "learn_seconds": round(learned, 1),
    }
    return found


def _courses(rows: Sequence[Transition]) -> list[list[Transition]]:
    """Return runs of LENGTH consecutive accepted steps."""
    found, run = list[list[Transition]](), list[Transition]()
    for row in rows:
        follows = bool(run) and dict(run[-1].after.facts) == dict(row.before.facts) and run[-1].case == row.case
        run = [*run, row] if follows and row.error is None else ([row] if row.error is None else [])
        if len(run) == LENGTH:
            found.append(run)
            run = []
    return found


def _rolled(
    ahead: Callable[[list[Facts], list[Action]], list[Facts]], courses: Sequence[Sequence[Transition]]
) -> list[float]:
    states: list[Facts] = [course[0].before.facts for course in courses]
    for step in range(LENGTH):
        states = ahead(states, [course[step].action for course in courses])
    return [float(_plain(s) == _plain(c[-1].after.facts)) for s, c in zip(states, courses, strict=True)]


def _plain(facts: Facts) -> dict[str, str]:
    return {key: canonical(value) for key, value in facts.items()}


@dataclass(frozen=True)
class Speech:
    """Other words for fact names and actions: written by hand for a shipped world, else identifiers as words."""

    facts: Mapping[str, Sequence[str]]
    actions: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, source: object) -> Speech:
        """Return the other words for a source of rows."""
        import wmagent.worlds as worlds
        from wmagent.evals.paraphrase import wordings

        known = wordings(source) if isinstance(source, str) and source in worlds.names() else {}
        return cls(known.get("facts", {}), known.get("actions", {}))

    def fact(self, key: str, draw: Random) -> str:
        """Return another name of a fact."""
        from wmagent.model.vocabulary import words

        return draw.choice(list(self.facts.get(key, [words(key)])))

    def action(self, action: Action, draw: Random) -> str:
        """Return another name of an action."""
        from wmagent.model.vocabulary import action_sentences

        return draw.choice(list(self.actions.get(action.name, [", ".join(action_sentences(action))])))


def _peer_same(peer: Any, facts: Sequence[Facts], actions: Sequence[Action], speech: Speech) -> float:
    draw, hits = Random(0), list[bool]()
    for i in range(0, len(facts), 32):
        some, deeds = facts[i : i + 32], actions[i : i + 32]
        names = [{key: speech.fact(key, draw) for key in state} for state in some]
        told = [{name[key]: value for key, value in s.items()} for s, name in zip(some, names, strict=True)]
        plain = peer.write(some, [action.label() for action in deeds])
        other = peer.write(told, [speech.action(action, draw) for action in deeds])
        hits += [_said(a, {}) == _said(b, name) for a, b, name in zip(plain, other, names, strict=True)]
    return sum(hits) / len(hits)


def _said(text: str, names: Mapping[str, str]) -> object:
    """Return an answer with the facts' own names, so that answers in other words compare."""
    back = {name: key for key, name in names.items()}
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return text
    return {back.get(key, key): value for key, value in found.items()} if isinstance(found, dict) else text


def _model_same(model: Any, facts: Sequence[Facts], actions: Sequence[Action], speech: Speech) -> float:
    """Return how often facts and action are grounded as what they are; the answer is then the same."""
    from wmagent.agent.grounding import ground
    from wmagent.agent.matching import match_action
    from wmagent.errors import WmagentError

    draw, hits = Random(0), list[bool]()
    for state, action in zip(facts, actions, strict=True):
        told = {speech.fact(key, draw): value for key, value in state.items()}
        try:
            read = ground(told, model).facts
            same = all(_plain(read).get(key) == value for key, value in _plain(state).items() if key in model.slots)
            hits.append(same and match_action(speech.action(action, draw), model).label() == action.label())
        except WmagentError:
            hits.append(False)
    return sum(hits) / len(hits)


def _peer_speed(peer: Any, facts: Sequence[Facts], actions: Sequence[Action], seconds: float) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    peer.write(list(facts[:4]), [a.label() for a in actions[:4]])
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        place = done % max(1, len(facts) - 32)
        done += len(peer.write(list(facts[place : place + 32]), [a.label() for a in actions[place : place + 32]]))
    torch.set_num_threads(threads)
    return round(done / (time.perf_counter() - began), 2)


def _model_speed(model: Any, facts: Sequence[Facts], actions: Sequence[Action], seconds: float) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    times = -(-1_024 // len(facts))
    latent = model.observe(list(facts) * times, strict=False)
    index = torch.tensor([model.action_index(action) for action in actions] * times)
    model.imagine(latent, index)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        model.imagine(latent, index)
        done += len(index)
    torch.set_num_threads(threads)
    return round(done / (time.perf_counter() - began), 1)


def _mean(values: Sequence[float | None]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
