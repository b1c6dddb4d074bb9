"""What-ifs of a case attribute on made-up applications, of which it is known what the attribute does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.event_logs import HOUR, START
from wmagent.causal.logistic import Logistic
from wmagent.domain.event_log import Categories, EventLog, cases_of
from wmagent.errors import InputError
from wmagent.evals.event_fairness import run
from wmagent.events.attributes import attribute_effect, scan, scan_attributes
from wmagent.events.process_model import ProcessModel
from wmagent.events.settings import EventSettings
from wmagent.events.starts import Starts

SMALL = EventSettings(width=16, epochs=1, bins=8, trees=0, refresh=0)
ORIGIN = ("home", "abroad")


def applications(rule: float, seed: int = 0, cases: int = 2_000) -> tuple[EventLog, float]:
    """Return applications and how many more are refused because they come from abroad: `rule` in log odds.

    The debt of an applicant goes with the origin and sways the decision; the colour does neither.
    """
    rng = np.random.default_rng(seed)
    debt = rng.normal(size=cases)
    abroad = rng.random(cases) < 1 / (1 + np.exp(-1.5 * debt))
    odds = 1.5 * debt - 0.5
    chances = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-odds - rule))
    refused = rng.random(cases) < np.where(abroad, chances[1], chances[0])
    courses = [["apply", "check", "refuse" if no else "grant"] for no in refused.tolist()]
    names = ("apply", "check", "grant", "refuse")
    log = EventLog(
        tuple(f"c{i}" for i in range(cases)),
        np.arange(0, 3 * cases + 1, 3),
        Categories(np.array([names.index(a) for course in courses for a in course], np.int32), names),
        START + np.repeat(np.arange(cases) * HOUR, 3) + np.tile(np.arange(3), cases) * HOUR,
        case_attributes={
            "origin": Categories(abroad.astype(np.int32), ORIGIN),
            "debt": debt,
            "colour": Categories((rng.random(cases) < 0.5).astype(np.int32), ("red", "blue")),
        },
    )
    return log, float((chances[1] - chances[0]).mean())


@pytest.fixture(scope="module")
def unfair() -> tuple[ProcessModel, EventLog, float]:
    log, truth = applications(1.0)
    return ProcessModel.learn(log, settings=SMALL), log, truth


@pytest.fixture(scope="module")
def fair() -> tuple[ProcessModel, EventLog]:
    """Without a rule; the origin is said on every event instead of once per case."""
    log, _ = applications(0.0)
    origin = log.case_attributes["origin"]
    assert isinstance(origin, Categories)
    said = Categories(origin.codes[cases_of(log.starts)], ORIGIN)
    case = {name: column for name, column in log.case_attributes.items() if name != "origin"}
    log = replace(log, case_attributes=case, event_attributes={"origin": said})
    return ProcessModel.learn(log, settings=SMALL), log


def test_a_confounded_rule_is_found_with_its_size_where_shares_mislead(
    unfair: tuple[ProcessModel, EventLog, float],
) -> None:
    model, log, truth = unfair
    found = attribute_effect(model, log, "origin", ORIGIN, "refuse")
    low, high = found.difference.interval
    assert low < truth < high < found.naive.interval[0]
    assert low > 0.08
    assert high - low < 0.15
    assert found.doubly_robust is not None
    assert found.inverse_propensity is not None
    assert found.doubly_robust.interval[0] < truth < found.doubly_robust.interval[1]
    assert abs(found.inverse_propensity.value - truth) < 0.05
    assert found.predicted[1] - found.predicted[0] == pytest.approx(found.difference.value)
    assert 1 < found.e_value_limit < found.e_value
    assert sum(found.support) == found.cases == len(log.cases) - found.left_out
    assert found.words().startswith("predicted association: with origin abroad instead of home")
    back = attribute_effect(model, log, "origin", ("abroad", "home"), "refuse")
    assert back.difference.value == pytest.approx(-found.difference.value)


def test_a_scan_finds_the_rule_without_being_told_and_nothing_of_what_does_nothing(
    unfair: tuple[ProcessModel, EventLog, float],
) -> None:
    model, log, _ = unfair
    scans = {one.attribute: one for one in scan_attributes(model, log)}
    assert list(scans) == ["debt", "origin", "colour"]
    assert set(scans["origin"].skipped) == {"apply", "check"}
    assert all(effect.adjusted_p_value < 0.01 for effect in scans["origin"].effects)
    assert all(effect.adjusted_p_value > 0.05 for effect in scans["colour"].effects)
    largest = scans["debt"].largest
    assert largest is not None
    assert largest.doubly_robust is None
    assert abs(largest.difference.value) > 0.2


def test_no_rule_is_found_where_there_is_none_though_shares_differ(fair: tuple[ProcessModel, EventLog]) -> None:
    model, log = fair
    found = scan(model, log, "origin", ORIGIN)
    assert {effect.outcome for effect in found.effects} == {"grant", "refuse"}
    for effect in found.effects:
        assert effect.adjusted_p_value > 0.05
        assert effect.difference.interval[0] < 0 < effect.difference.interval[1]
        assert abs(effect.naive.value) > 0.15


def test_cases_are_kept_by_when_they_began_not_by_whether_they_ended(
    unfair: tuple[ProcessModel, EventLog, float],
) -> None:
    model, log, _ = unfair
    hours = np.where(np.arange(len(log.cases)) % 2, 9, 1)[cases_of(log.starts)] * np.tile(np.arange(3), len(log.cases))
    at_once = replace(log, time=START + hours * HOUR)
    assert Starts(model, at_once).left_out == 0  # though half of the cases end as late as the log does
    one_by_one = replace(log, time=at_once.time + cases_of(log.starts) * HOUR)
    late = replace(one_by_one, time=np.minimum(one_by_one.time, START + 1_500 * HOUR))
    assert 500 <= Starts(model, late).left_out <= 518


def test_what_cannot_be_compared_is_refused(unfair: tuple[ProcessModel, EventLog, float]) -> None:
    model, log, _ = unfair
    with pytest.raises(InputError, match="origin"):
        attribute_effect(model, log, "orign", ORIGIN, "refuse")
    with pytest.raises(InputError, match="abroad"):
        attribute_effect(model, log, "origin", ("home", "abrod"), "refuse")
    with pytest.raises(InputError, match="both values"):
        attribute_effect(model, log, "origin", ("home", "home"), "refuse")
    with pytest.raises(InputError, match="refuse"):
        attribute_effect(model, log, "origin", ORIGIN, "refused")
    with pytest.raises(InputError, match="happens after the first event in"):
        attribute_effect(model, log, "origin", ORIGIN, "check")
    with pytest.raises(InputError, match="lower one first"):
        attribute_effect(model, log, "debt", (1.0, -1.0), "refuse")
    with pytest.raises(InputError, match="cases have debt 9"):
        attribute_effect(model, log, "debt", (0.0, 9.0), "refuse")


def test_the_evaluation_tells_the_planted_rule_from_floors() -> None:
    found = run({"made up": applications(2.5, cases=3_000)[0]}, [0], "origin")
    scores = found["per_seed"][0]["made up"]
    assert scores["planted"]["with_a_rule"] == scores["planted"]["found"] == 2
    assert scores["planted"]["other_causes"] == 2  # of both: the debt
    assert scores["permuted"]["sure"] == 0
    with pytest.raises(InputError, match="is a number"):
        run({"made up": applications(0.0, cases=40)[0]}, [0], "debt")


def test_redrawn_heads_vary_as_much_as_heads_learned_anew() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 3))
    hit = rng.random(400) < 1 / (1 + np.exp(-rows @ [1.0, -0.5, 0.0]))
    head = Logistic.fit(rows, hit)
    assert head.coefficients[:3] == pytest.approx(LogisticRegression(tol=1e-8).fit(rows, hit).coef_[0], abs=1e-3)
    asked = rng.normal(size=(5, 3))
    assert head.redrawn(asked, np.ones((1, 400), np.int64))[0] == pytest.approx(head.predict(asked))
    counts = rng.multinomial(400, np.full(400, 1 / 400), 200)
    anew = [Logistic.fit(np.repeat(rows, times, 0), np.repeat(hit, times)).predict(asked) for times in counts]
    assert head.redrawn(asked, counts).std(0) == pytest.approx(np.std(anew, 0), rel=0.15)
