"""Settings of world models from pixels and their named presets. The constructor arguments are the saved config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wmagent.errors import InputError, unknown


class PixelConfig(BaseModel):
    """Every choice of a world model from pixels. Frozen; unknown keys are errors; saved in `config.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=64, ge=16, le=512, description="side of the square frames, in pixels")
    width: int = Field(default=64, ge=4, le=4096, description="latent width d")
    history: int = Field(default=3, ge=1, le=64, description="frames that the predictor looks at")
    block: int = Field(default=5, ge=1, le=64, description="environment steps between two frames")
    encoder: Literal["conv", "vit"] = "conv"
    channels: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1, description="of the convolutions")
    patch: int = Field(default=14, ge=2, description="side of a ViT's patches")
    layers: int = Field(default=12, ge=1, description="of a ViT")
    heads: int = Field(default=3, ge=1, description="of a ViT; its width is the latent width")
    projector: int = Field(default=256, ge=4, description="hidden width of the BatchNorm projectors")
    action_hidden: int = Field(default=128, ge=4, description="hidden width of the action encoder")
    predictor: Literal["transformer", "residual"] = Field(
        default="transformer", description="transformer: LeWorldModel's; residual: an MLP's change of the last latent"
    )
    predictor_layers: int = Field(default=2, ge=1)
    predictor_heads: int = Field(default=4, ge=1)
    head_width: int = Field(default=16, ge=2, description="of the predictor's attention")
    predictor_mlp: int = Field(default=256, ge=4)
    dropout: float = Field(default=0.0, ge=0, lt=1, description="in the predictor")
    directions: int = Field(default=256, ge=1, description="random directions of SIGReg")
    regularizer_weight: float = Field(default=0.09, ge=0)
    rollout: int = Field(default=1, ge=1, description="blocks that are predicted from predictions; 1 is one step only")
    steps: int = Field(default=900, ge=1, description="optimizer steps of encoder and predictor")
    batch: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    warmup: float = Field(default=0.05, ge=0, le=1, description="share of the steps")
    reach_steps: int = Field(default=2_000, ge=1, description="optimizer steps of the learned distance")
    decoder_steps: int = Field(default=600, ge=1, description="optimizer steps of the bolt-on decoder")
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.encoder == "vit" and self.size % self.patch:
            raise ValueError(f"frames of {self.size} pixels are not whole patches of {self.patch}")
        if self.encoder == "vit" and self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.heads} heads")
        if self.encoder == "conv" and self.size % (2 * 2 ** len(self.channels)):
            raise ValueError(f"{self.size} pixels cannot be halved {len(self.channels) + 1} times; give a multiple")
        if self.predictor == "residual" and self.history != 1:
            raise ValueError(
                f"a residual predictor looks at the last frame only; history must be 1, not {self.history}"
            )
        return self

    @property
    def window(self) -> int:
        """Frames of a training window: the history and what follows it."""
        return max(self.history, self.rollout) + 1


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"predictor": "residual", "history": 1, "rollout": 4, "batch": 102},
    "small": {
        "size": 112, "encoder": "vit", "patch": 14, "layers": 6, "heads": 3, "width": 96, "projector": 512,
        "predictor_layers": 4, "predictor_heads": 6, "predictor_mlp": 512, "steps": 10_000,
    },
    "paper": {
        "size": 224, "encoder": "vit", "width": 192, "projector": 2048, "action_hidden": 768,
        "predictor_layers": 6, "predictor_heads": 16, "head_width": 64, "predictor_mlp": 2048, "dropout": 0.1,
        "directions": 1024, "steps": 20_000, "learning_rate": 5e-5, "mixed_precision": "bf16",
    },
}  # fmt: skip


def preset(name: str) -> PixelConfig:
    """Return a named preset: tiny (minutes on two cores), small (a GPU's quarter hour), paper (arXiv 2603.19312)."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return PixelConfig(**PRESETS[name])


def changed(name: str, changes: Mapping[str, Any]) -> PixelConfig:
    """Return a named preset with other values of some settings; InputError for settings it does not have or allow."""
    known = preset(name).model_dump(exclude_unset=True)
    try:
        return PixelConfig(**known | dict(changes))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "together"
        raise InputError(f"preset {name} with {dict(changes)}: {where}: {first['msg']}") from None
