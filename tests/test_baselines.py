"""The baselines learn what they are able to learn, and no more."""

from __future__ import annotations

import pytest

from wmagent.domain.types import Action, Condition, Facts, Observation, Transition
from wmagent.errors import InputError
from wmagent.model.baselines import NAMES, Baseline, apply_changes, baseline, changes_between

TOGGLE = Action("toggle", {"what": "x"})
DROP = Action("drop")


def step(before: Facts, action: Action, after: Facts, error: str | None = None) -> Transition:
    return Transition(Observation(before), action, Observation(after), error=error)


def toggles(n: int) -> list[Transition]:
    """x flips unless the lock is on; the note is there only while x is "on"; `id` never changes."""
    rows = []
    for i in range(n):
        lock, x = bool(i % 3 == 0), "on" if (i // 3) % 2 else "off"
        before: dict[str, str | int | bool] = {"x": x, "lock": lock, "id": 7}
        if x == "on":
            before["note"] = "n1"
        after = dict(before)
        if not lock:
            after["x"] = "off" if x == "on" else "on"
            after.pop("note", None)
            if after["x"] == "on":
                after["note"] = "n1"
        rows.append(step(before, TOGGLE, after))
        rows.append(step(before, DROP, before, error="not now" if i % 2 else None))
    return rows


@pytest.fixture(scope="module")
def fitted() -> dict[str, Baseline]:
    return {name: baseline(name).fit(toggles(120), seed=0) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_answers_in_the_same_form(fitted: dict[str, Baseline], name: str) -> None:
    model = fitted[name]
    assert isinstance(model, Baseline)
    assert model.name == name
    facts = [row.before.facts for row in toggles(9)]
    actions = [row.action for row in toggles(9)]
    states = model.predict(facts, actions)
    assert [set(s) >= {"x", "lock", "id"} for s in states] == [True] * len(facts)
    for shares in model.fact_probabilities(facts, actions):
        assert all(0 < sum(values.values()) <= 1 + 1e-5 for values in shares.values())
    for outcomes in model.outcomes(facts, actions):
        assert sum(o.probability for o in outcomes) == pytest.approx(1.0)
        assert list(outcomes) == sorted(outcomes, key=lambda o: -o.probability)
    state = toggles(1)[0].before.facts
    assert model.legality([state], [TOGGLE])[0] == pytest.approx(1.0, abs=0.1)
    if name in ("persistence", "most_frequent_change"):  # the others see more than the action, here a pattern
        assert model.legality([state], [DROP])[0] == pytest.approx(0.5, abs=0.02)
    assert model.predict([], []) == []


def test_persistence_copies_and_is_as_sure_as_facts_are_stable(fitted: dict[str, Baseline]) -> None:
    state = {"x": "on", "lock": False, "id": 7, "note": "n1"}
    assert fitted["persistence"].predict([state], [TOGGLE]) == [state]
    shares = fitted["persistence"].fact_probabilities([state], [TOGGLE])[0]
    assert set(shares) == {"x", "note"}
    assert shares["x"] == {"on": pytest.approx(2 / 3)}


def test_most_frequent_change_ignores_the_state() -> None:
    rows = [step({"x": "off"}, TOGGLE, {"x": "on"})] * 3 + [step({"x": "on"}, TOGGLE, {"x": "off"})]
    model = baseline("most_frequent_change").fit(rows)
    assert model.predict([{"x": "off"}, {"x": "on"}], [TOGGLE, TOGGLE]) == [{"x": "on"}, {"x": "on"}]
    assert model.predict([{"x": "off"}], [Action("never seen")]) == [{"x": "off"}]
    assert model.predict([{"x": "off"}], [Action("toggle", {"what": "y"})]) == [{"x": "off"}]
    assert model.fact_probabilities([{"x": "off"}], [TOGGLE])[0]["x"] == {"on": 0.75, "off": 0.25}


def test_the_mlp_learns_the_lock_the_flip_and_the_vanishing_fact(fitted: dict[str, Baseline]) -> None:
    rows = [row for row in toggles(12) if row.action == TOGGLE]
    got = fitted["copy_gated_mlp"].predict([r.before.facts for r in rows], [TOGGLE] * len(rows))
    assert got == [dict(r.after.facts) for r in rows]
    assert fitted["most_frequent_change"].predict([r.before.facts for r in rows], [TOGGLE] * len(rows)) != got


def test_the_mlp_copies_values_it_never_saw(fitted: dict[str, Baseline]) -> None:
    strange = {"x": "off", "lock": True, "id": 99, "colour": "red"}
    assert fitted["copy_gated_mlp"].predict([strange], [DROP]) == [strange]


def test_the_same_seed_gives_the_same_mlp_and_leaves_the_global_generator_alone() -> None:
    import torch

    from wmagent.model.baselines.mlp import CopyGatedMLP

    rows = toggles(20)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = CopyGatedMLP(epochs=2, least=5).fit(rows, seed=1)
    assert torch.equal(torch.rand(1), expected)
    second = CopyGatedMLP(epochs=2, least=5).fit(rows, seed=1)
    other = CopyGatedMLP(epochs=2, least=5).fit(rows, seed=2)
    facts, actions = [r.before.facts for r in rows], [r.action for r in rows]
    assert first.fact_probabilities(facts, actions) == second.fact_probabilities(facts, actions)
    assert first.fact_probabilities(facts, actions) != other.fact_probabilities(facts, actions)


def test_data_without_any_change_is_learned_as_such() -> None:
    rows = [step({"x": 1}, DROP, {"x": 1})] * 4
    for name in NAMES:
        assert baseline(name).fit(rows).predict([{"x": 2}], [DROP]) == [{"x": 2}]


def test_changes_are_found_and_applied_with_absence_as_a_value() -> None:
    before, after = {"a": 1, "b": "x"}, {"a": 1.0, "c": True}
    changes = changes_between(before, after)
    assert changes == (("b", None), ("c", True))
    assert apply_changes(before, changes) == {"a": 1, "c": True}
    assert before == {"a": 1, "b": "x"}


def test_errors_say_what_to_do() -> None:
    with pytest.raises(InputError, match="did you mean 'persistence'"):
        baseline("persistance")
    with pytest.raises(InputError, match="at least one transition"):
        baseline("copy_gated_mlp").fit([])
    with pytest.raises(InputError, match=r"call fit\(transitions\)"):
        baseline("copy_gated_mlp").predict([{"x": 1}], [DROP])


@pytest.mark.parametrize("name", NAMES)
def test_baselines_plan_like_any_dynamics(fitted: dict[str, Baseline], name: str) -> None:
    import torch

    from wmagent.latent.protocols import Dynamics
    from wmagent.model.baselines.dynamics import BaselineDynamics

    rows = toggles(30)
    model = BaselineDynamics(fitted[name], rows)
    assert isinstance(model, Dynamics)
    facts = [row.before.facts for row in rows[:6]]
    latent = model.observe(facts)
    assert model.read(latent) == [dict(f) for f in facts]
    action = torch.tensor([model.action_index(row.action) for row in rows[:6]])
    prediction = model.imagine(latent, action)
    b, k = prediction.probs.shape
    assert torch.allclose(prediction.probs.sum(1), torch.ones(6))
    best = prediction.probs.argmax(1) + torch.arange(b) * k
    expected = fitted[name].predict(facts, [row.action for row in rows[:6]])
    assert model.read(prediction.next.take(best)) == expected
    assert torch.allclose(model.legality(latent).gather(1, action[:, None])[:, 0], prediction.legal)
    assert model.holds(latent, [Condition("x", "on")]).tolist() == [f["x"] == "on" for f in facts]
    assert float(model.behaviour(latent)[0].sum()) == pytest.approx(1.0)


def test_the_mlp_knows_where_an_action_is_refused() -> None:
    rows = [
        step({"door": d}, DROP, {"door": d}, error="locked" if d == "shut" else None) for d in ("shut", "open") * 40
    ]
    model = baseline("copy_gated_mlp").fit(rows + toggles(20))
    shut, opened = model.legality([{"door": "shut"}, {"door": "open"}], [DROP, DROP])
    assert shut < 0.3
    assert opened > 0.7
