"""The prediction controls destroy what they say they destroy, and nothing else."""

from __future__ import annotations

import itertools

import pytest
import torch

from wmagent.domain.types import Action, Condition, Facts
from wmagent.errors import InputError
from wmagent.latent.protocols import Dynamics, Prediction
from wmagent.model.controls import MODES, Controlled
from wmagent.planning.tabular import TableOutcome, TabularDynamics

ACTIONS = (Action("set a"), Action("set b"), Action("gamble"), Action("reset"))
STATES: list[Facts] = [{"a": a, "b": b} for a, b in itertools.product((0, 1), (0, 1))]  # index 2a + b


def table() -> TabularDynamics:
    rows: dict[tuple[int, int], list[TableOutcome]] = {}
    for s in range(4):
        rows[s, 0] = [TableOutcome(1.0, s | 2, duration=1.0, cost=5.0)]
        rows[s, 1] = [TableOutcome(1.0, s | 1, duration=2.0, cost=1.0)]
        if s < 3:
            rows[s, 2] = [TableOutcome(0.9, 0, 4.0), TableOutcome(0.1, 3, 4.0)]
        if s:
            rows[s, 3] = [TableOutcome(1.0, 0, duration=1.0)]
    return TabularDynamics(STATES, ACTIONS, rows)


def imagine_all(model: Dynamics, states: list[int]) -> Prediction:
    latent = table().observe([STATES[s] for s in states for _ in ACTIONS])
    return model.imagine(latent, torch.arange(len(ACTIONS)).repeat(len(states)))


def rows_of(prediction: Prediction) -> list[tuple[object, ...]]:
    """One comparable tuple per pair: outcomes with mass, legality and cost."""
    b, k = prediction.probs.shape
    codes = prediction.next.codes.view(b, k, -1)
    found = []
    for i in range(b):
        outcomes = sorted(
            (tuple(codes[i, j].tolist()), round(float(prediction.probs[i, j]), 6))
            for j in range(k)
            if prediction.probs[i, j] > 0
        )
        found.append((tuple(outcomes), round(float(prediction.legal[i]), 6), round(float(prediction.cost[i]), 6)))
    return found


def controlled(mode: str, seed: int = 0, keep: bool = False) -> Controlled:
    model = table()
    return Controlled(model, mode, seed, reference=model.observe(STATES), keep_legality=keep)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
def test_every_control_is_a_dynamics_with_sound_predictions(mode: str) -> None:
    model = controlled(mode)
    assert isinstance(model, Dynamics)
    prediction = imagine_all(model, [0, 1, 2, 3])
    b, k = prediction.probs.shape
    assert b == 16
    assert torch.allclose(prediction.probs.sum(-1), torch.ones(b, dtype=prediction.probs.dtype))
    assert torch.allclose(prediction.head_probs.sum(-1), torch.ones(1, b, dtype=prediction.head_probs.dtype))
    sums = prediction.duration_probs.sum(-1)
    assert prediction.duration_probs.shape == (b, k, len(model.duration_values))
    assert torch.allclose(sums, torch.ones_like(sums))
    assert len(prediction.next) == b * k
    latent = table().observe(STATES)
    assert torch.equal(model.behaviour(latent), table().behaviour(latent))
    assert model.holds(latent, [Condition("a", 1)]).tolist() == [False, False, True, True]


def test_real_changes_nothing() -> None:
    assert rows_of(imagine_all(controlled("real"), [0, 1, 2, 3])) == rows_of(imagine_all(table(), [0, 1, 2, 3]))


def test_shuffled_keeps_each_states_predictions_and_moves_them() -> None:
    truth = rows_of(imagine_all(table(), [0, 1, 2, 3]))
    moved = 0
    for seed in range(5):
        got = rows_of(imagine_all(controlled("shuffled", seed), [0, 1, 2, 3]))
        for s in range(4):
            assert sorted(map(str, got[4 * s : 4 * s + 4])) == sorted(map(str, truth[4 * s : 4 * s + 4]))
        moved += got != truth
    assert moved >= 4


def test_shuffled_is_consistent_between_legality_batches_and_calls() -> None:
    model = controlled("shuffled", 3)
    latent = table().observe(STATES)
    legal = model.legality(latent)
    together = imagine_all(model, [0, 1, 2, 3]).legal.view(4, 4)
    assert torch.equal(legal, together)
    alone = [model.imagine(latent.take(torch.tensor([s])), torch.tensor([a])) for s in range(4) for a in range(4)]
    assert [rows_of(p)[0] for p in alone] == rows_of(imagine_all(model, [0, 1, 2, 3]))
    permutations = {tuple(controlled("shuffled", seed).legality(latent).flatten().tolist()) for seed in range(8)}
    assert len(permutations) > 1


def test_shuffled_may_keep_legality_and_then_stays_among_the_allowed() -> None:
    latent = table().observe(STATES)
    for seed in range(4):
        model = controlled("shuffled", seed, keep=True)
        assert torch.equal(model.legality(latent), table().legality(latent))
        got, truth = rows_of(imagine_all(model, [0, 1, 2, 3])), rows_of(imagine_all(table(), [0, 1, 2, 3]))
        for s in range(4):
            allowed = [4 * s + a for a in range(4) if table().legality(latent)[s, a] > 0]
            assert sorted(str(got[i][0]) for i in allowed) == sorted(str(truth[i][0]) for i in allowed)


def test_uniform_flattens_probabilities_and_allows_everything() -> None:
    prediction = imagine_all(controlled("uniform"), [0])
    gamble = 2
    live = prediction.probs[gamble][prediction.probs[gamble] > 0]
    assert live.tolist() == [0.5, 0.5]
    assert prediction.legal.tolist() == [0.75] * 4
    assert controlled("uniform").legality(table().observe(STATES)).unique().tolist() == [0.75]


def test_prior_forgets_the_state() -> None:
    model = controlled("prior")
    prediction = imagine_all(model, [0, 1, 2, 3])
    k = prediction.probs.shape[1]
    per_state = prediction.probs.view(4, 4, k)
    for s in range(1, 4):
        assert torch.equal(per_state[s], per_state[0])
    # "set a" changes a in the two of four states where it is 0, and nothing in the others
    codes = prediction.next.codes.view(4, 4, k, -1)
    start = table().observe(STATES).codes
    changed = (codes[:, 0] != start[:, None]).any(-1)
    mass = (per_state[:, 0] * changed).sum(-1)
    assert mass.tolist() == [0.5, 0.5, 0.0, 0.0]  # setting a where it is set changes nothing
    assert prediction.cost.view(4, 4)[:, 0].tolist() == [5.0] * 4


def test_none_imagines_that_nothing_happens() -> None:
    prediction = imagine_all(controlled("none"), [1])
    assert prediction.probs.tolist() == [[1.0]] * 4
    assert prediction.next.keys() == table().observe([STATES[1]] * 4).keys()
    assert float(table().duration_values[prediction.duration_probs[0, 0].argmax()]) == 1.0


def test_bad_modes_and_a_prior_without_reference_say_what_to_do() -> None:
    with pytest.raises(InputError, match="did you mean 'shuffled'"):
        Controlled(table(), "shufled")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reference="):
        Controlled(table(), "prior")
