"""World models from pixels as folders: safetensors and JSON, checked on reading. Nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from wmagent.errors import CheckpointError, InputError, other_kind
from wmagent.model.files import read_json, read_tensors, sha256, write_folder, write_json, write_tensors
from wmagent.pixels.config import PixelConfig
from wmagent.pixels.decoder import Decoder
from wmagent.pixels.goals import Language
from wmagent.pixels.memory import Memory
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.probe import Probe
from wmagent.pixels.reach import Reach
from wmagent.pixels.recording import Scale
from wmagent.pixels.world_model import PixelModel
from wmagent.registry import resolve

FORMAT = 1
KIND = "pixel-model"
WEIGHTS, WORDS = "model.safetensors", "words"


class _Language(BaseModel):
    """Which language was saved in the sub-folder `words`, by its short name, and the SHA-256 of its files."""

    model_config = ConfigDict(extra="forbid")
    name: str
    files: dict[str, str]


class _Header(BaseModel):
    """What config.json holds."""

    model_config = ConfigDict(extra="forbid")
    format: Literal[1]
    kind: Literal["pixel-model"]
    seed: int
    model: PixelConfig
    action_width: int = Field(ge=1, le=4096)
    sha256: str
    card: dict[str, Any]
    language: _Language | None = None


def save(model: PixelModel, folder: Path) -> None:
    """Save a model with its language; an older model there is replaced as a whole."""
    write_folder(folder, lambda fresh: _write(model, fresh))


def _write(model: PixelModel, folder: Path) -> None:
    tensors: dict[str, Tensor] = {f"network.{k}": v for k, v in model.network.state_dict().items()}
    tensors |= {f"reach.{k}": v for k, v in model.reach.state_dict().items()}
    tensors |= {f"scale.{k}": v for k, v in vars(model.scale).items()}
    tensors |= {"usual": model.usual, "memory.latents": model.memory.latents}
    if model.memory.positions is not None:
        tensors["memory.positions"] = model.memory.positions
    if model.probe is not None:
        tensors |= {"probe.weight": model.probe.weight, "probe.bias": model.probe.bias}
    if model.decoder is not None:
        tensors |= {f"decoder.{k}": v for k, v in model.decoder.state_dict().items()}
    write_tensors(folder / WEIGHTS, tensors)
    language = None
    if model.language is not None:
        model.language.save(folder / WORDS)
        language = _Language(name=model.language.name, files=_hashes(folder / WORDS))
    header = _Header(
        format=FORMAT,
        kind=KIND,
        seed=model.seed,
        model=model.config,
        action_width=len(model.scale.mean),
        sha256=sha256(folder / WEIGHTS),
        card=model.card,
        language=language,
    )
    write_json(folder / "config.json", header.model_dump(mode="json"))


def load(folder: Path) -> PixelModel:
    """Load a saved model; CheckpointError where files are missing, foreign, damaged or do not belong together."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder}: no world model there; `wmagent learn FRAMES -o {folder}` makes one")
    raw = read_json(folder / "config.json")
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise other_kind(folder, raw.get("kind") if isinstance(raw, dict) else type(raw).__name__, KIND)
    try:
        header = _Header.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{folder}: config.json: {place}: {first['msg']}") from error
    if sha256(folder / WEIGHTS) != header.sha256:
        raise CheckpointError(f"{folder}: {WEIGHTS} does not match the checksum in config.json; it was changed")
    tensors = read_tensors(folder / WEIGHTS)
    try:
        model = _model(header, tensors)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{folder}: the weights do not fit config.json ({str(error).splitlines()[0]})") from error
    if header.language is not None:
        model.language = _spoken(header.language, folder / WORDS, model.width)
    return model


def _spoken(known: _Language, folder: Path, width: int) -> Language:
    """Load the language that was saved with a model whose latents have this width."""
    if _hashes(folder) != known.files:
        raise CheckpointError(f"{folder}: the files are not those that config.json names; some were changed or removed")
    try:
        kind = resolve("pixel-language", known.name)
    except InputError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    return kind.load(folder, width)


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.glob("*")) if path.is_file()}


def _model(header: _Header, tensors: dict[str, Tensor]) -> PixelModel:
    config, width = header.model, header.action_width

    def part(name: str) -> dict[str, Tensor]:
        return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}

    with torch.device("meta"):  # nothing is allocated for what a config claims, only for what the file holds
        network, reach = PixelNetwork(config, width), Reach(config.width)
        decoder = Decoder(config) if part("decoder") else None
    network.load_state_dict(part("network"), assign=True)
    reach.load_state_dict(part("reach"), assign=True)
    if decoder is not None:
        decoder.load_state_dict(part("decoder"), assign=True)
        decoder.eval().requires_grad_(False)
    scale, memory = Scale(**part("scale")), Memory(tensors["memory.latents"], tensors.get("memory.positions"))
    if any(value.shape != (width,) for value in vars(scale).values()) or memory.latents.shape[1:] != (config.width,):
        raise ValueError("the scale of actions or the memory has another width")
    probe = Probe(**part("probe")) if part("probe") else None
    return PixelModel(
        config, network, scale, reach.eval().requires_grad_(False), probe, memory, tensors["usual"],
        decoder, header.seed, header.card,
    )  # fmt: skip
