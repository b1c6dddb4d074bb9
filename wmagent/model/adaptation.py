"""Few-shot adaptation: a learned model speaks another workflow's words and is tuned to a few of its transitions.

Knows alignment and training; must not know any world or text backend.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from wmagent.domain.types import Transition
from wmagent.errors import InputError, shortened
from wmagent.latent.threads import single_thread
from wmagent.model.alignment import align
from wmagent.model.calibration import fit_temperature
from wmagent.model.learning import hold_out
from wmagent.model.losses import joint_log_probs, slot_log_probs
from wmagent.model.memory import Memory
from wmagent.model.questions import log_probs
from wmagent.model.tables import Rows, bootstrap, case_ids
from wmagent.model.training import Report, Trainer
from wmagent.model.transfer import Translation, Wording, translated
from wmagent.model.world_model import WorldModel

STEPS = 100
SLOWER = 0.1  # learning rate, relative to learning from scratch
TUNED = 50  # transitions from which tuning is tried; fewer only choose the translation
HELD = 0.2  # share of cases that decide whether tuning pays
CALIBRATED = 100  # held-out rows from which the calibration is fitted anew
SOURCE_ROWS = 5  # rows that the source's cost of an action counts for


def adapt(
    model: WorldModel,
    transitions: Sequence[Transition],
    *,
    words: Wording | None = None,
    steps: int = STEPS,
    report: Report | None = None,
) -> WorldModel:
    """Return the model under the words of the transitions' workflow, tuned to them; `model` stays as it is.

    The translation is chosen by meaning and by what makes the transitions likely; `words` are the whole vocabulary of
    the workflow where the transitions show only a part. Tuning is kept only if it makes cases likelier that it has not
    seen, so that a few rows do no harm. Precedents count the transitions beside the source's, costs are averaged with
    the source's, calibration is fitted anew where there are enough rows, and both records are remembered. Raises
    InputError where the workflow is of another kind or has more actions than the model.
    """
    if not transitions:
        raise InputError("no transitions to adapt to; translate by meaning alone with align and translated")
    translation = align(model, words, transitions)
    _check(translation, model, transitions)
    other = translated(model, translation)
    before = torch.from_numpy(other.vocabulary.encode(t.before.facts for t in transitions))
    after = torch.from_numpy(other.vocabulary.encode(t.after.facts for t in transitions))
    other.refresh()
    rows = Rows.build(transitions, other.vocabulary, other.duration_values, (before, after))
    held = hold_out(transitions, HELD, model.seed)
    said: dict[str, float] = {"transitions": len(transitions), "steps": 0}
    if len(transitions) >= TUNED and bool(held.any()) and steps > 0:
        rows.code = torch.where(rows.legal, _outcomes(other, rows), -1)
        tuned = _tuned(other, rows.take(~held), steps, report)
        kept, new = (_log_probs(m, before[held], after[held], rows.take(held)) for m in (other, tuned))
        said |= {"held_out_nll_before": -kept.mean().item(), "held_out_nll_tuned": -new.mean().item()}
        if _pays(new - kept):
            other, said["steps"] = tuned, steps
    if other.precedents is not None:
        rows.code = torch.where(rows.legal, _outcomes(other, rows), -1)
        weights = bootstrap(len(other.precedents.contexts.counts) - 1, len(rows), model.seed)
        other.precedents = other.precedents.with_more(rows, weights, other.dynamic)
    other.costs = _costs(other, transitions)
    if int(held.sum()) >= CALIBRATED:
        _calibrate(other, before[held], after[held], rows.take(held))
    hours = torch.tensor([t.duration for t in transitions], dtype=torch.float64)
    other.memory = _remembered(other, before, after, rows, hours, case_ids(transitions))
    other.refresh()
    other.card = {**other.card, "adapted": {name: round(value, 4) for name, value in said.items()}}
    return other


def _check(translation: Translation, model: WorldModel, transitions: Sequence[Transition]) -> None:
    known = {pair.new.label() for pair in translation.actions}
    new = sorted({t.action.label() for t in transitions} - known)
    if new:
        raise InputError(
            f"the model has {len(model.actions)} actions, the new workflow more; nothing is like "
            f"{shortened(', '.join(new), 200)}: learn a model of its own, or leave their transitions out"
        )


def _tuned(model: WorldModel, rows: Rows, steps: int, report: Report | None) -> WorldModel:
    """Return a copy whose network has seen the rows for a few slow steps."""
    config = model.config.model_copy(
        update={
            "steps": steps, "warmup": max(1, steps // 10), "learning_rate": SLOWER * model.config.learning_rate,
            "batch": min(model.config.batch, len(rows)), "average": 0.9, "rollout": 1,
        }
    )  # fmt: skip
    tuned = copy.copy(model)
    tuned.network = copy.deepcopy(model.network).requires_grad_(True)
    rows = dataclasses.replace(rows, following=torch.full((len(rows),), -1))
    trainer = Trainer(
        tuned.network, model.table, model.codebook, model.dynamic, rows, config, model.seed, report=report
    )
    with single_thread():
        trainer.fit()
    tuned.network.eval().requires_grad_(False)
    tuned.refresh()
    return tuned


@torch.inference_mode()
def _scores(model: WorldModel, rows: Rows) -> tuple[Tensor, Tensor]:
    """Return outcome logits (h, N, k) and log p(row | outcome) (N, k)."""
    words, dynamic = model.words, model.dynamic
    context = model.context(words.states(rows.before), rows.action)
    change = model.network.predictor.change(context, words.outcomes[rows.action])
    now, then = rows.before[:, dynamic], rows.after[:, dynamic]
    read = slot_log_probs(change, words.values[dynamic], words.mask[dynamic], now, then)
    return model.choices(context, rows.action), joint_log_probs(change, read, rows.duration, rows.done)


def _outcomes(model: WorldModel, rows: Rows) -> Tensor:
    """Return the outcome (N,) that explains each row best."""
    logits, joint = _scores(model, rows)
    return (logits.softmax(-1).mean(0).clamp(min=1e-9).log() + joint).argmax(-1)


def _log_probs(model: WorldModel, before: Tensor, after: Tensor, rows: Rows) -> Tensor:
    return log_probs(model, before, after, rows.action, rows.legal)


def _pays(gain: Tensor) -> bool:
    """Return whether the gain (N,) of log-likelihood is more than chance: two standard errors above 0."""
    return len(gain) > 1 and bool(gain.mean() > 2 * gain.std() / len(gain) ** 0.5)


def _costs(model: WorldModel, transitions: Sequence[Transition]) -> Tensor:
    total, count = SOURCE_ROWS * model.costs, torch.full_like(model.costs, SOURCE_ROWS)
    for t in transitions:
        if t.error is None:
            index = model.action_index(t.action)
            total[index] += t.cost
            count[index] += 1
    return total / count


def _calibrate(model: WorldModel, before: Tensor, after: Tensor, rows: Rows) -> None:
    model.temperature = 1.0
    model.temperature = fit_temperature(*_scores(model, rows.take(rows.legal)))
    model.held_out_nll = (-_log_probs(model, before, after, rows)).sort().values


def _remembered(
    model: WorldModel, before: Tensor, after: Tensor, rows: Rows, hours: Tensor, cases: list[str]
) -> Memory:
    """Return the memory of the source's rows and the new ones, with the source's radius."""
    old = model.memory
    assert old is not None
    new = (before, after, rows.action, rows.legal, hours)
    known = (old.before, old.after, old.action, old.accepted, old.hours)
    both = [torch.cat(pair) for pair in zip(known, new, strict=True)]
    nothing = torch.zeros(len(both[0]), dtype=torch.bool)
    memory = Memory.build(partial(_features, model), *both, cases=[*old.cases, *cases], held=nothing)
    return dataclasses.replace(memory, radius=old.radius)


def _features(model: WorldModel, before: Tensor, action: Tensor) -> Tensor:
    index = torch.arange(len(action)).split(512)
    return torch.cat([model.features(model.latent(before[i]), action[i]) for i in index])
