"""Settings of a process model: constructor arguments, and what a checkpoint keeps. Knows numbers only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wmagent.errors import unknown


class EventSettings(BaseModel):
    """Sizes. `tokens` are events per batch; `bins` divide gaps and remaining times; `rollout` is how many steps the
    predictor is trained ahead together with the encoder, `overshoot` how many updates it is trained farther ahead
    afterwards; `latent` weighs the latent prediction, `sigreg` the regulariser."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    width: int = Field(default=128, ge=8)
    dropout: float = Field(default=0.15, ge=0, lt=1)
    bins: int = Field(default=24, ge=4)
    epochs: int = Field(default=8, ge=1)
    tokens: int = Field(default=2048, ge=64)
    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    longest: int = Field(default=200, ge=2)
    rollout: int = Field(default=1, ge=0)
    overshoot: int = Field(default=400, ge=0)
    latent: float = Field(default=0.2, ge=0)
    sigreg: float = Field(default=0.0003, ge=0)
    encoder: Literal["trained", "random"] = "trained"
    trees: int = Field(default=150, ge=0)
    refresh: int = Field(default=2, ge=0)


PRESETS = {
    "tiny": EventSettings(width=48, epochs=5, trees=40, rollout=1, overshoot=150, refresh=1),
    "small": EventSettings(),
    "base": EventSettings(width=192, epochs=20, trees=300, overshoot=1000),
}


def event_preset(name: str) -> EventSettings:
    """Return named settings; InputError for an unknown name."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PRESETS[name]
