"""Process models as folders: safetensors, JSON and the trees' own text, checked on reading. Nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from wmagent.errors import CheckpointError, other_kind
from wmagent.events.histories import Vocabulary
from wmagent.events.intervals import Reach
from wmagent.events.network import HistoryNetwork
from wmagent.events.ownership import Ownership
from wmagent.events.process_model import ProcessModel
from wmagent.events.remaining import RemainingTrees
from wmagent.events.settings import EventSettings
from wmagent.events.targets import Bins
from wmagent.events.trees import Trees
from wmagent.model.files import read_json, read_tensors, sha256, write_atomic, write_json, write_tensors

FORMAT = 3
KIND = "process-model"
NETWORK, TREES, HOURS = FILES = ("network.safetensors", "trees.txt", "remaining.json")
OWNERSHIP = "ownership.yaml"  # for people to edit, so its contents are not held to what was saved


class _Header(BaseModel):
    """What config.json holds."""

    model_config = ConfigDict(extra="forbid")
    format: Literal[3]
    kind: Literal["process-model"]
    seed: int
    settings: EventSettings
    vocabulary: Vocabulary
    weights: list[float]
    imagined_weights: list[float]
    patience_hours: float
    reach: Reach
    gaps: dict[str, list[float]]
    remaining: dict[str, list[float]]
    classes: list[int] | None
    courses: list[tuple[list[int], bool, int]]
    card: dict[str, Any]
    sha256: dict[str, str]


def save(model: ProcessModel, folder: Path) -> None:
    """Save a model; config.json is written last, so that a folder with it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / NETWORK, dict(model.network.state_dict()))
    files = [NETWORK]
    if (trees := model.trees) is not None:
        write_atomic(folder / TREES, lambda path: path.write_text(trees.text, encoding="utf-8"))
        files.append(TREES)
    if model.hours is not None:
        write_json(folder / HOURS, model.hours.texts)
        files.append(HOURS)
    header = _Header(
        format=FORMAT,
        kind=KIND,
        seed=model.seed,
        settings=model.settings,
        vocabulary=model.vocabulary,
        weights=model.weights.tolist(),
        imagined_weights=model.imagined_weights.tolist(),
        patience_hours=model.patience_hours,
        reach=model.reach,
        gaps=_plain(model.gaps),
        remaining=_plain(model.remaining),
        classes=model.trees.classes.tolist() if model.trees else None,
        courses=[(list(codes), ended, times) for codes, ended, times in model.courses],
        card=model.card,
        sha256={name: sha256(folder / name) for name in files},
    )
    model.ownership.write(folder / OWNERSHIP)
    write_json(folder / "config.json", header.model_dump(mode="json"))


def load(folder: Path) -> ProcessModel:
    """Load a saved model; CheckpointError where files are missing, foreign, damaged or do not belong together."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder}: no process model there; `wmagent learn LOG -o MODEL` makes one")
    raw = read_json(folder / "config.json")
    if isinstance(raw, dict) and raw.get("kind") != KIND:
        raise other_kind(folder, raw.get("kind"), KIND)
    try:
        header = _Header.model_validate(raw)
    except ValidationError as error:
        raise CheckpointError(f"{folder}: config.json is not a process model's ({error.errors()[0]['msg']})") from error
    for name, digest in header.sha256.items():
        if name not in FILES or not (folder / name).is_file():
            raise CheckpointError(f"{folder}: {name} is missing")
        if sha256(folder / name) != digest:
            raise CheckpointError(f"{folder}: {name} is not the file that was saved")
    words = header.vocabulary
    network = HistoryNetwork(len(words.activities), len(words.resources), words.width, header.settings)
    try:
        network.load_state_dict(read_tensors(folder / NETWORK))
    except RuntimeError as error:
        raise CheckpointError(f"{folder}: the weights do not fit config.json") from error
    if not (folder / OWNERSHIP).is_file():
        raise CheckpointError(f"{folder}: {OWNERSHIP} is missing")
    trees = None
    if header.classes is not None:
        text = (folder / TREES).read_text(encoding="utf-8")
        trees = Trees(text, np.array(header.classes), len(words.activities))
    hours = None
    if HOURS in header.sha256:
        hours = RemainingTrees(tuple(tuple(reader) for reader in read_json(folder / HOURS)))
    network.eval()
    courses = tuple((tuple(codes), ended, times) for codes, ended, times in header.courses)
    return ProcessModel(
        words,
        header.settings,
        network,
        _bins(header.gaps),
        _bins(header.remaining),
        trees,
        hours,
        np.array(header.weights),
        np.array(header.imagined_weights),
        header.patience_hours,
        header.reach,
        courses,
        Ownership.read(folder / OWNERSHIP, words.activities),
        header.card,
        header.seed,
    )


def _plain(bins: Bins) -> dict[str, list[float]]:
    return {"edges": bins.edges.tolist(), "middles": bins.middles.tolist()}


def _bins(plain: dict[str, list[float]]) -> Bins:
    return Bins(np.array(plain["edges"]), np.array(plain["middles"]))
