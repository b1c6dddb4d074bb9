"""One imagined step: what the network predicts, corrected by what was recorded where the deciding facts are alike.
Knows the world model's tensors; must not know facts by name, planners or files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wmagent.latent.protocols import Latent, Prediction

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel


@torch.inference_mode()
def imagine(model: WorldModel, latent: Latent, action: Tensor) -> Prediction:
    """Imagine one step for b states and b action indices at once; see `Prediction` for shapes."""
    predictor = model.network.predictor
    context = predictor(latent.z, model.summary(latent), model.words.actions[action], model.dynamic)
    change = predictor.change(context, model.words.outcomes[action])
    head_probs = model.choices(context, action).softmax(-1)
    now = latent.codes[:, model.dynamic_slots]
    probs, code = head_probs.mean(0), model.readout.likeliest(change, now)
    hours, done = change.duration.softmax(-1), change.done.sigmoid()
    legal, surprise = model.accepts(latent, action), torch.zeros(len(latent))
    if model.precedents is not None:
        rows = model.rows(latent)
        known = model.precedents.of_pairs(rows, action)
        surprise = model.precedents.surprise(known, rows, action)
        probs, head_probs = known.probs(probs), known.heads(head_probs)
        refused = legal[:, None, None] < 0.5  # all stays as it is
        code = torch.where(refused, now[:, None, :], known.values(code, now))
        hours, done = known.hours(hours), known.endings(done)
    codes = latent.codes.unsqueeze(1).repeat(1, code.shape[1], 1)
    codes[:, :, model.dynamic_slots] = code
    return Prediction(
        probs=probs,
        next=model.latent(codes.flatten(0, 1)),
        head_probs=head_probs,
        legal=legal,
        done=done,
        duration_probs=hours,
        cost=model.costs[action],
        surprise=surprise,
    )


@torch.inference_mode()
def marginals(model: WorldModel, latent: Latent, action: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probabilities of outcomes (b, k), and under each those of the facts' values (b, k, q, v)."""
    context = model.context(latent.z, action)
    change = model.network.predictor.change(context, model.words.outcomes[action])
    probs = model.choices(context, action).softmax(-1).mean(0)
    place = model.readout.places.now(latent.codes[:, model.dynamic_slots])
    now = torch.nn.functional.one_hot(place, model.readout.mask.shape[1])
    values = model.readout.chances(change, now)
    if model.precedents is not None:
        known = model.precedents.of_pairs(model.rows(latent), action)
        legal = model.accepts(latent, action)[:, None, None, None]
        probs, values = known.probs(probs), legal * known.marginals(values, place) + (1 - legal) * now.unsqueeze(1)
    return probs, values
