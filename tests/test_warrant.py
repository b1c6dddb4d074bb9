"""Warrants of what-ifs on a small confounded simulation whose truth is known, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from wmagent.agent.record import recorded
from wmagent.agent.warrant import LEAST_GAMMA, default_gamma, warrant
from wmagent.domain.answers import Evidence
from wmagent.domain.types import Action, Condition, Facts, Goal
from wmagent.errors import InputError
from wmagent.latent.protocols import Latent
from wmagent.planning.tabular import TableOutcome, TabularDynamics

WON = Goal((Condition("status", "won"),), words="win")
TREAT, WAIT = Action("treat"), Action("wait")
WINS = {("calm", TREAT): 0.9, ("calm", WAIT): 0.7, ("urgent", TREAT): 0.4, ("urgent", WAIT): 0.1}
TREATED = {"calm": 0.1, "urgent": 0.9}  # P(treat | urgency)
TRUTH = (0.9 + 0.4) / 2


@dataclass(frozen=True)
class Rows:
    before: Tensor
    after: Tensor
    action: Tensor
    accepted: Tensor
    hours: Tensor
    cases: list[str]
    radius: float = 0.5


class Remembering(TabularDynamics):
    """A table that remembers rows, with its codes as features: what a world model is to a warrant."""

    memory: Rows | None = None
    support = "observed"

    @property
    def slots(self) -> tuple[str, ...]:
        return self._slots

    def values(self, key: str) -> tuple:
        return tuple(dict.fromkeys(facts.get(key) for facts in self.states))

    def action_index(self, action: Action | str) -> int:
        return [a.label() for a in self.actions].index(action if isinstance(action, str) else action.label())

    def latent(self, codes: Tensor) -> Latent:
        return Latent(codes.unsqueeze(-1).float(), codes)

    def holds(self, latent: Latent, conditions: Sequence[Condition]) -> Tensor:
        return super().holds(Latent(latent.codes.unsqueeze(-1).float(), latent.codes), conditions)

    def features(self, latent: Latent, action: Tensor) -> Tensor:
        return latent.codes.float()

    def evidences(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[Evidence]:
        return [Evidence(self.support, 5) for _ in facts]  # type: ignore[arg-type]


def model(hide: bool, n: int = 3_000, seed: int = 0) -> Remembering:
    """Return a table learned from n confounded cases of one decision each; `hide` leaves urgency out of all."""
    rng = np.random.default_rng(seed)
    urgency = np.where(rng.random(n) < 0.5, "calm", "urgent")
    treat = rng.random(n) < np.vectorize(TREATED.get)(urgency)
    wins = rng.random(n) < [WINS[u, TREAT if t else WAIT] for u, t in zip(urgency, treat, strict=True)]
    seen = ["?"] * n if hide else urgency.tolist()
    known = sorted(set(seen))
    states = [{"urgency": u, "status": s} for u in known for s in ("open", "won", "lost")]
    place = {(f["urgency"], f["status"]): i for i, f in enumerate(states)}
    table, usual = {}, []
    for facts in states:
        rows = np.array([u == facts["urgency"] for u in seen]) & (facts["status"] == "open")
        usual.append([float(treat[rows].mean()), 1 - float(treat[rows].mean())] if rows.any() else [0.0, 0.0])
        for a in (0, 1) if rows.any() else ():
            p = float(wins[rows & (treat == (a == 0))].mean())
            won, lost = place[facts["urgency"], "won"], place[facts["urgency"], "lost"]
            start = place[facts["urgency"], "open"]
            table[start, a] = [TableOutcome(p, won, 5.0), TableOutcome(1 - p, lost, 5.0)]
    found = Remembering(states, [TREAT, WAIT], table, usual)
    codes = torch.from_numpy(found._codes)
    before = torch.tensor([place[u, "open"] for u in seen])
    after = torch.tensor([place[u, "won" if w else "lost"] for u, w in zip(seen, wins, strict=True)])
    action = torch.tensor([0 if t else 1 for t in treat])
    found.memory = Rows(
        codes[before], codes[after], action, torch.ones(n, dtype=torch.bool), torch.full((n,), torch.nan),
        [str(i) for i in range(n)],
    )  # fmt: skip
    return found


def test_a_logged_confounder_is_adjusted_for() -> None:
    said = warrant(model(hide=False), {"status": "open"}, TREAT, WON, average_over=["urgency"])
    assert said.naive
    assert said.doubly_robust
    assert said.inverse_propensity
    assert said.imagined
    assert said.naive.value == pytest.approx(0.1 * 0.9 + 0.9 * 0.4, abs=0.04)
    for found in (said.doubly_robust.value, said.inverse_propensity.value, said.imagined):
        assert abs(found - TRUTH) < 0.5 * abs(said.naive.value - TRUTH)
    assert said.doubly_robust.interval[0] < TRUTH < said.doubly_robust.interval[1]
    assert said.adjusted_for == ("status", "urgency")
    assert said.n == 3_000
    assert said.propensity == pytest.approx(0.5, abs=0.03)


def test_the_answer_is_the_imagined_one_and_its_interval_holds_what_stands_beside() -> None:
    said = warrant(model(hide=False), {"status": "open"}, TREAT, WON, average_over=["urgency"])
    assert said.imagined is not None
    assert said.interval
    assert said.doubly_robust
    assert said.interval[0] <= min(said.imagined, said.doubly_robust.interval[0])
    assert said.interval[1] >= max(said.imagined, said.doubly_robust.interval[1])
    assert said.interval[0] < TRUTH < said.interval[1]
    assert said.bounds[0].interval[0] < said.interval[0] < said.interval[1] < said.bounds[0].interval[1]
    assert f"imagines {100 * said.imagined:.1f} % (90 % interval" in said.statement


def test_too_little_overlap_is_said() -> None:
    rare = warrant(model(hide=False), {"status": "open", "urgency": "calm"}, WAIT, WON)
    assert not any("the world model alone answers" in note for note in rare.notes)
    found = model(hide=False)
    record = recorded(found)
    low = replace(record, propensity=np.where(record.propensity < 0.2, 0.05, record.propensity))
    said = warrant(found, {"status": "open", "urgency": "calm"}, TREAT, WON, record=low)
    assert any("at 100 % of these decisions" in note for note in said.notes)


def test_with_all_facts_known_the_stratum_answers() -> None:
    said = warrant(model(hide=False), {"status": "open", "urgency": "urgent"}, "treat", WON)
    assert said.naive
    assert said.doubly_robust
    assert said.e_value
    assert said.naive.value == pytest.approx(0.4, abs=0.04)
    assert said.doubly_robust.value == pytest.approx(said.naive.value, abs=0.01)
    assert said.propensity == pytest.approx(0.9, abs=0.03)
    assert said.e_value.point == pytest.approx(4.0 + (4.0 * 3.0) ** 0.5, rel=0.4)  # risk ratio .4 / .1
    assert 1 < said.e_value.limit < said.e_value.point
    assert said.tipping_gamma
    assert said.tipping_gamma > 1


def test_an_unlogged_confounder_is_inside_the_bounds_of_its_strength_and_outside_without() -> None:
    hidden = model(hide=True)
    needed = default_gamma(model(hide=False), recorded(model(hide=False)), 0, WON)[0]  # had it been logged
    start = {"urgency": "?", "status": "open"}
    bounded, blind = (warrant(hidden, start, TREAT, WON, gamma=gamma) for gamma in (needed, 1.0))
    (low, high), manski = bounded.bounds[0].interval, bounded.bounds[1].interval
    assert manski[0] < low < TRUTH < high < manski[1]
    assert not blind.bounds[0].interval[0] <= TRUTH <= blind.bounds[0].interval[1]


def test_the_default_strength_is_that_of_the_strongest_logged_fact() -> None:
    said = warrant(model(hide=False), {"status": "open"}, TREAT, WON, average_over=["urgency"])
    assert "urgency" in said.bounds[0].why
    assert said.bounds[0].gamma > LEAST_GAMMA
    assert warrant(model(hide=True), {"urgency": "?", "status": "open"}, TREAT, WON).bounds[0].gamma == LEAST_GAMMA


def test_words_stay_an_association_until_somebody_argues() -> None:
    facts = {"status": "open", "urgency": "calm"}
    said = warrant(model(hide=False), facts, TREAT, WON)
    assert said.wording == "predicted association"
    assert "do treat now, then go on as recorded behaviour does; reach status == won" in said.statement
    argued = warrant(model(hide=False), facts, TREAT, WON, identification="treatment was drawn by lot")
    assert argued.wording != "predicted association"
    assert "treatment was drawn by lot" in argued.statement
    json.dumps(said.to_dict(), allow_nan=False)
    assert said.to_dict()["bounds"][1]["gamma"] is None


def test_deadlines_count_recorded_hours() -> None:
    found, facts = model(hide=False, n=400), {"status": "open", "urgency": "calm"}
    late = Goal(WON.conditions, deadline=4.0)
    assert found.memory
    slow = replace(found.memory, hours=torch.full((400,), 9.0))  # longer than the table's 5 hours
    for goal, memory in ((late, found.memory), (Goal(WON.conditions, deadline=8.0), slow)):
        found.memory = memory
        said = warrant(found, facts, TREAT, goal)
        assert said.naive
        assert said.naive.value == 0.0
    found.memory = replace(slow, hours=torch.full((400,), torch.nan))
    said = warrant(found, facts, TREAT, Goal(WON.conditions, deadline=6.0))  # not kept: the table's own
    assert said.naive
    assert said.naive.value > 0.5


def test_outside_the_record_no_number_is_given_unless_forced() -> None:
    found, facts = model(hide=False), {"status": "open", "urgency": "calm"}
    found.support = "extrapolated"
    said = warrant(found, facts, TREAT, WON)
    assert (said.imagined, said.doubly_robust, said.bounds) == (None, None, ())
    assert "No number is given" in said.statement
    assert warrant(found, facts, TREAT, WON, force=True).doubly_robust is not None


def test_where_nobody_chose_the_action_only_imagination_answers() -> None:
    found = model(hide=False)
    assert found.memory is not None
    kept = (found.memory.action == 1).nonzero().squeeze(1)
    rows = found.memory
    before, after, action = rows.before[kept], rows.after[kept], rows.action[kept]
    found.memory = Rows(before, after, action, rows.accepted[kept], rows.hours[kept], ["x"] * len(kept))
    said = warrant(found, {"status": "open", "urgency": "calm"}, TREAT, WON)
    assert said.imagined == pytest.approx(0.9, abs=0.08)
    assert (said.taken, said.naive, said.e_value) == (0, None, None)


def test_bad_questions_are_refused() -> None:
    found, facts = model(hide=False, n=200), {"status": "open", "urgency": "calm"}
    with pytest.raises(InputError, match="max_cost"):
        warrant(found, facts, TREAT, Goal(WON.conditions, max_cost=3.0))
    with pytest.raises(InputError, match="not allowed here"):
        warrant(found, {"status": "lost", "urgency": "calm"}, TREAT, WON)
    with pytest.raises(InputError, match="unknown fact"):
        warrant(found, facts, TREAT, WON, average_over=["haste"])
    found.memory = None
    with pytest.raises(InputError, match="remembers no"):
        warrant(found, facts, TREAT, WON)
