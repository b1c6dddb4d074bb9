"""Does what makes it a JEPA count? The network alone beside one with a random encoder and one without regulariser.
Knows a trial and scores, and the process model by its public names."""

from __future__ import annotations

from typing import Any

from wmagent.evals.event_actions import action_gate
from wmagent.evals.event_metrics import likelihood
from wmagent.evals.event_trial import Trial
from wmagent.events.process_model import ProcessModel
from wmagent.events.settings import event_preset

ABLATED: dict[str, dict[str, Any]] = {
    "full": {},
    "random encoder": {"encoder": "random"},
    "no regulariser": {"sigreg": 0.0},
    "no overshooting": {"overshoot": 0},
    "no latent prediction": {"rollout": 0, "overshoot": 0, "latent": 0.0},
}
NOTE = "networks of preset tiny without trees and without a refresh, all taught alike but for what is named"


def ablations(trial: Trial) -> dict[str, Any]:
    """Return next-event NLL of the network alone, the action gate and the collapse meters of each variant."""
    found: dict[str, Any] = {"note": NOTE}
    for name, change in ABLATED.items():
        settings = event_preset("tiny").model_copy(update={"trees": 0, "refresh": 0, **change})
        model = ProcessModel.learn(
            trial.log.take(trial.split.pool), trial.seed, settings=settings, unknown_at_start=trial.unknown_at_start
        )
        told = trial.spread(model.experts(model.read(trial.log), trial.split.asked.rows)[0])
        gate = action_gate(model, trial.log, trial.split, trial.seed)["wmagent"]
        found[name] = {
            "nll": float(likelihood(told, trial.split.asked.wanted).mean()),
            "action_gate": {kind: gate[kind] for kind in ("correct", "none", "shuffled")},
            "latents": model.card["latents"],
        }
    return found
