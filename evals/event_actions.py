"""Does the action matter? The event after an action, told with that action, with none, and with another one.
Knows splits, floors and scores, and the process model by its public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wmagent.domain.event_log import EventLog, cases_of, rows_of
from wmagent.evals.event_baselines import Boosted
from wmagent.evals.event_metrics import likelihood, over_cases
from wmagent.evals.event_split import Split, following
from wmagent.events.steps import Steps, steps

if TYPE_CHECKING:
    from wmagent.events.process_model import ProcessModel

NOTE = (
    "action: the next event where the organisation decides it; asked is the event after it. none: averaged "
    "over what could be decided there. shuffled: the action of another asked prefix with the same last activity. The "
    "hours until the action are not told; ours takes their median as the model expects it."
)


def action_gate(
    model: ProcessModel, log: EventLog, split: Split, seed: int = 0, boosted: Boosted | None = None
) -> dict[str, Any]:
    """Return NLL of the event after an action under correct, none and shuffled actions, ours by imagining it; beside it
    boosted trees that read the action as a column. JSON-ready; correct < none < shuffled says that the action counts.
    """
    nexts, ahead = following(log), steps(log, model.ownership)
    decided = np.isin(np.array(log.activity.values), model.ownership.decisions)
    case_of = cases_of(log.starts)
    known = (nexts < len(decided)) | split.over[case_of]
    rows = _acted(split.asked.rows, ahead, known)
    cases = case_of[rows]
    action, wanted = nexts[rows], nexts[rows + 1]
    others = _shuffled(log.activity.codes[rows], action, seed)
    told = {"wmagent": _imagined(model, log, rows, action, others, decided)}
    if boosted is not None:
        train = _acted(rows_of(log.starts, split.pool), ahead, known)
        told["boosted trees"] = boosted.after(train, nexts[train], nexts[train + 1], rows, action, others)
    found: dict[str, Any] = {"asked": len(rows), "left_out": len(split.asked) - len(rows)}
    found |= {"decisions": list(model.ownership.decisions), "note": NOTE}
    for name, kinds in told.items():
        lost = {kind: likelihood(probs, wanted) for kind, probs in kinds.items()}
        found[name] = {kind: float(values.mean()) for kind, values in lost.items()}
        found[name]["none_minus_correct"] = over_cases(lost["none"] - lost["correct"], cases, seed)
        found[name]["shuffled_minus_none"] = over_cases(lost["shuffled"] - lost["none"], cases, seed)
    return found


def _acted(rows: NDArray[np.int64], ahead: Steps, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows whose next event is a decision after which it is `known` (events,) what follows."""
    rows = rows[(ahead.decision[rows] >= 0) & (ahead.between[rows] == 0)]
    return rows[known[rows + 1]]


def _shuffled(last: NDArray[np.int32], action: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return actions exchanged among rows with the same last activity."""
    rng, others = np.random.default_rng(seed), action.copy()
    for code in np.unique(last):
        here = np.flatnonzero(last == code)
        others[here] = action[rng.permutation(here)]
    return others


def _imagined(
    model: ProcessModel,
    log: EventLog,
    rows: NDArray[np.int64],
    action: NDArray[np.int64],
    others: NDArray[np.int64],
    decided: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    names = log.activity.values
    known = {name: code for code, name in enumerate(model.vocabulary.activities)}
    places = np.array([known.get(name, -1) for name in names])
    columns = np.array([*(names.index(name) for name in model.vocabulary.activities), len(names)])
    latents = model.latents(model.read(log), rows)

    def after(codes: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.full((len(codes), len(names) + 1), 1e-6)
        here = places[codes] >= 0
        found[np.ix_(here, columns)] += model.after(latents[here], places[codes[here]])
        return found

    told, total = np.zeros((len(rows), len(names) + 1)), np.zeros(len(rows))
    first = model.next_events(latents)
    for code in np.flatnonzero(decided & (places >= 0)).tolist():
        share = first[:, places[code]]
        told += share[:, None] * after(np.full(len(rows), code))
        total += share
    return {"correct": after(action), "none": told / total[:, None], "shuffled": after(others)}
