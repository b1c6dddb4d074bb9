"""A world model as a folder: safetensors, JSON and a card, with checksums. Never pickle, never a dotted path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
import torch.distributed as dist
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from wmagent.domain.types import Action, Value
from wmagent.errors import CheckpointError, other_kind
from wmagent.model.config import ModelConfig
from wmagent.model.files import read_json, read_tensors, sha256, write_folder, write_json, write_tensors
from wmagent.model.memory import Memory
from wmagent.model.network import Network
from wmagent.model.outcomes import Codebook
from wmagent.model.precedents import Precedents
from wmagent.model.soundness import check_memory, check_precedents, check_tensors, check_words
from wmagent.model.tables import FactTable
from wmagent.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from wmagent.model.world_model import WorldModel

FORMAT, KIND = 2, "wmagent.world-model"
_INDICES, _AS_IT_IS = ("pair", "before", "after", "action"), ("features", "accepted", "hours")
PARTS = ("model.safetensors", "memory.safetensors", "vocabulary.json", "card.json")


_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Header(BaseModel):
    """config.json of a checkpoint."""

    model_config = ConfigDict(extra="forbid")

    format: int
    kind: str
    model: ModelConfig
    text: str
    seed: int
    text_width: int = Field(ge=1)
    durations: list[_Number] = Field(min_length=1)
    temperature: _Positive
    strength: _Positive
    radius: _Positive
    files: dict[Literal["model.safetensors", "memory.safetensors", "vocabulary.json", "card.json"], str]


class _HeldOut(BaseModel):
    """The scores in card.json; what else stands there is kept."""

    model_config = ConfigDict(extra="allow", strict=True)

    exact: float | None = None
    exact_changed: float | None = None
    nll: float | None = None
    ece: float | None = None
    floor_persistence_exact: float | None = None
    calibration: list[Annotated[list[float], Field(min_length=3, max_length=3)]] = []


class _Card(BaseModel):
    """card.json of a checkpoint."""

    model_config = ConfigDict(extra="allow", strict=True)

    data: dict[str, float | int]
    network: dict[str, float | int]
    held_out: _HeldOut


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    arguments: dict[str, str | int | float | bool]
    actor: str


class _Words(BaseModel):
    """vocabulary.json of a checkpoint."""

    model_config = ConfigDict(extra="forbid", strict=True)

    slots: list[str]
    values: list[list[str]]
    raw: list[list[str | int | float | bool | None]]
    trained: list[int]
    active: list[int]
    dynamic: list[int]
    actions: list[_Action]
    cases: list[str]


def save(model: WorldModel, path: Path) -> None:
    """Write the folder beside `path`, then move it into place; an older model there is replaced as a whole."""
    memory, precedents = model.memory, model.precedents
    assert memory is not None
    assert precedents is not None
    if dist.is_available() and dist.is_initialized() and dist.get_rank() > 0:
        return  # of several processes that learned together, the first one saves
    write_folder(path, lambda folder: _write(model, memory, precedents, folder))


def _write(model: WorldModel, memory: Memory, precedents: Precedents, folder: Path) -> None:
    table, words = model.table, model.vocabulary
    tensors = {f"network.{k}": v for k, v in model.network.state_dict().items()}
    tensors |= {f"table.{k}": getattr(table, k) for k in ("values", "mask", "keys", "actions", "centre")}
    tensors |= {"codebook.features": model.codebook.features, "codebook.mask": model.codebook.mask}
    tensors |= {f"precedents.{k}": v for k, v in precedents.tensors().items()}
    tensors["costs"], tensors["held_out_nll"] = model.costs, model.held_out_nll
    write_tensors(folder / "model.safetensors", tensors)
    remembered = {k: getattr(memory, k).int() for k in _INDICES} | {k: getattr(memory, k) for k in _AS_IT_IS}
    write_tensors(folder / "memory.safetensors", remembered)
    vocabulary = {
        "slots": list(words.slots),
        "values": words.values,
        "raw": words.raw,
        "trained": words.trained,
        "active": list(words.active),
        "dynamic": list(words.dynamic),
        "actions": [{"name": a.name, "arguments": dict(a.arguments), "actor": a.actor} for a in words.actions],
        "cases": memory.cases,
    }
    write_json(folder / "vocabulary.json", vocabulary)
    write_json(folder / "card.json", model.card)
    header: dict[str, Any] = {
        "format": FORMAT,
        "kind": KIND,
        "model": model.config.model_dump(),
        "text": model.text,
        "seed": model.seed,
        "text_width": table.values.shape[-1],
        "durations": model.duration_values.tolist(),
        "temperature": model.temperature,
        "strength": precedents.strength,
        "radius": memory.radius,
        "files": {name: sha256(folder / name) for name in PARTS},
    }
    write_json(folder / "config.json", header)
    (folder / "README.md").write_text(model.card_markdown(), encoding="utf-8")


def load(path: Path) -> WorldModel:
    """Read a folder written by `save`; every part is checked against its checksum and shape before use."""
    from wmagent.model.world_model import WorldModel

    header, words, card = _read_header(path)
    parts = read_tensors(path / "model.safetensors")
    remembered = read_tensors(path / "memory.safetensors")
    try:
        vocabulary = _vocabulary(words)
        check_words(vocabulary)
        check_tensors(parts, vocabulary, header.text_width)
        check_precedents(parts, vocabulary, header.model.ensemble, len(header.durations))
        check_memory(remembered, vocabulary, words.cases, 2 * header.model.width)
        table = FactTable(*(parts[f"table.{k}"] for k in ("values", "mask", "keys", "actions", "centre")))
        with torch.device("meta"):  # nothing is allocated for what a config claims, only for what the file holds
            network = Network(header.model, header.text_width, len(header.durations))
        weights = {k.removeprefix("network."): v for k, v in parts.items() if k.startswith("network.")}
        network.load_state_dict(weights, assign=True)
        codebook = Codebook(parts["codebook.features"], parts["codebook.mask"])
        model = WorldModel(
            header.model, vocabulary, table, codebook, network, torch.tensor(header.durations), parts["costs"],
            seed=header.seed, text=header.text,
        )  # fmt: skip
        model.memory = _memory(remembered, words, header)
        model.held_out_nll = parts["held_out_nll"]
        own = {k.removeprefix("precedents."): v for k, v in parts.items() if k.startswith("precedents.")}
        model.precedents = Precedents.of(own, header.strength)
    except (KeyError, RuntimeError, IndexError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: the parts do not fit together ({reason})") from error
    model.temperature, model.card = header.temperature, card
    return model


def _read_header(path: Path) -> tuple[_Header, _Words, dict[str, Any]]:
    if not path.is_dir():
        raise CheckpointError(f"no world model at {path}; make one with `wmagent learn FILE -o {path}`")
    if not (path / "config.json").exists():
        raise CheckpointError(f"{path} is not a world model: it has no config.json")
    raw = read_json(path / "config.json")
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise other_kind(path, raw.get("kind") if isinstance(raw, dict) else type(raw).__name__, KIND)
    if raw.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {raw.get('format')!r}; this version reads format {FORMAT}")
    try:
        header = _Header.model_validate(raw)
        for name in PARTS:
            if header.files.get(name) != sha256(path / name):
                raise CheckpointError(f"{path / name} does not match the checksum in config.json; it was changed")
        card = read_json(path / "card.json")
        _Card.model_validate(card)
        return header, _Words.model_validate(read_json(path / "vocabulary.json")), card
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise CheckpointError(f"{path}: {place}: {first['msg']}") from error


def _vocabulary(words: _Words) -> Vocabulary:
    raw: list[list[Value | None]] = [list(values) for values in words.raw]
    return Vocabulary(
        slots=tuple(words.slots),
        values=words.values,
        raw=raw,
        trained=words.trained,
        active=tuple(words.active),
        dynamic=tuple(words.dynamic),
        actions=tuple(Action(a.name, a.arguments, a.actor) for a in words.actions),
    )


def _memory(tensors: dict[str, Tensor], words: _Words, header: _Header) -> Memory:
    """Return the memory; a file without hours is read as one that kept none."""
    tensors = {"hours": torch.full((len(words.cases),), torch.nan, dtype=torch.float64), **tensors}
    return Memory(
        **{k: tensors[k].long() for k in _INDICES},
        **{k: tensors[k] for k in _AS_IT_IS},
        cases=words.cases,
        radius=header.radius,
    )
