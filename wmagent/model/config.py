"""Settings of the world model and their named presets. The constructor arguments are the saved config."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wmagent.errors import unknown

Outcomes = Annotated[int, Field(ge=1)] | Literal["auto"]


class ModelConfig(BaseModel):
    """Every choice of a world model. Frozen; unknown keys are errors; saved as `config.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=64, ge=8, le=8192, description="latent width d")
    layers: int = Field(default=2, ge=1, le=128, description="transformer blocks; the last one sees the outcome")
    heads: int = Field(default=4, ge=1, le=256, description="attention heads")
    expand: int = Field(default=4, ge=1, le=64, description="hidden width of a block's MLP, in widths")
    trunk: Literal["adaln", "decoder"] = Field(default="adaln", description="kind of blocks; decoder: an LLM's own")
    trunk_from: str = Field(default="", description="language model whose upper layers a decoder trunk begins as")
    key_value_heads: int | None = Field(default=None, ge=1, description="of a decoder trunk; none: as many as heads")
    mlp: int | None = Field(default=None, ge=1, description="MLP width of a decoder trunk; none: expand widths")
    outcomes: Outcomes = Field(default="auto", description="outcomes k; auto counts them in the record")
    ensemble: int = Field(
        default=8, ge=1, le=1024, description="heads of the outcome distribution, each on its own bootstrap"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1)
    drop_summary: float = Field(default=0.5, ge=0, le=1, description="share of rows that train without the summary")
    rarity: float = Field(default=0.5, ge=0, le=1, description="how much more often uncommon situations are drawn")
    rarity_most: float = Field(default=10.0, ge=1, description="… at most so many times as often as usual ones")
    regularizer: Literal["none", "sigreg", "vicreg", "ema"] = Field(default="none", description="anti-collapse by name")
    regularizer_weight: float = Field(default=0.09, ge=0)
    reconstruction: float = Field(default=0.0, ge=0, description="weight of decoding words' latents back to features")
    rollout: int = Field(default=1, ge=1, description="steps of the rollout loss; 1 is one-step only")
    rollout_weight: float = Field(default=0.5, ge=0)
    steps: int = Field(default=1_300, ge=1, description="optimizer steps")
    batch: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup: int = Field(default=100, ge=0)
    average: float = Field(default=0.995, ge=0, lt=1, description="decay of the averaged weights that are kept")
    holdout: float = Field(default=0.1, gt=0, lt=0.9, description="share of cases held out for calibration and scores")
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.heads} heads; give a multiple of them")
        if self.heads % (self.key_value_heads or self.heads):
            raise ValueError(f"{self.heads} heads cannot share {self.key_value_heads} key-value heads evenly")
        if self.trunk_from and self.trunk != "decoder":
            raise ValueError("trunk_from needs trunk 'decoder'")
        return self


PRESETS: dict[str, dict[str, int | float]] = {
    "tiny": {"width": 32, "layers": 2, "steps": 600, "batch": 128},
    "small": {},
    "base": {"width": 128, "layers": 3, "steps": 6_000},
}


def preset(name: str) -> ModelConfig:
    """Return a named preset: tiny (seconds), small (a minute or two on two cores), base (a GPU or patience)."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return ModelConfig(**PRESETS[name])  # type: ignore[arg-type]
