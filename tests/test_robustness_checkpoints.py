"""Checkpoints that were cut, swapped, edited or made up: a CheckpointError, or a model that works; nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from wmagent import Action, Agent, CheckpointError, Observation, Transition, WorldModel
from wmagent.errors import WmagentError
from wmagent.model.config import ModelConfig

TINY = ModelConfig(width=16, layers=1, heads=2, steps=30, batch=32, ensemble=2)
NEXT = {"send": "sent", "approve": "approved", "reset": "draft"}
JSON_PARTS, TENSOR_PARTS = ("config.json", "vocabulary.json", "card.json"), ("model.safetensors", "memory.safetensors")


def rows() -> list[Transition]:
    return [
        Transition(
            Observation({"status": status, "owner": owner, "round": number}),
            Action(name),
            Observation({"status": after, "owner": owner, "round": number}),
            duration=1.0,
            case=f"{owner}{status}",
        )
        for number in range(3)
        for owner in ("ann", "bob")
        for status in NEXT.values()
        for name, after in NEXT.items()
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "m.wm"
    WorldModel.learn(rows(), config=TINY, text="learned").save(path)
    return path


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "m.wm"))


def seal(folder: Path) -> None:
    """Make the checksums right again, as somebody would who tampers on purpose."""
    header = json.loads((folder / "config.json").read_text())
    if isinstance(header, dict) and isinstance(header.get("files"), dict):
        there = [name for name in header["files"] if (folder / name).is_file()]
        header["files"] |= {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}
        (folder / "config.json").write_text(json.dumps(header))


def use(folder: Path) -> None:
    """Load a model and ask it everything; any failure must be one of ours."""
    with contextlib.suppress(WmagentError):
        model = WorldModel.load(folder)
        facts = {"status": "draft", "owner": "ann", "round": 1}
        Agent(model).plan("status = approved", facts)
        model.score(rows()[:3])
        model.evidence(facts, "send")
        model.card_markdown()
        model.similarity("approved", ["status approved"])


@pytest.mark.parametrize("name", [*JSON_PARTS, *TENSOR_PARTS])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_cut_files(copy: Path, name: str, share: float) -> None:
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"m\.wm"):
        WorldModel.load(copy)
    seal(copy) if name != "config.json" else None
    with pytest.raises(CheckpointError, match=r"m\.wm"):
        WorldModel.load(copy)


@pytest.mark.parametrize("name", [*JSON_PARTS, *TENSOR_PARTS])
def test_missing_files_folders_and_pickles_in_their_place(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointError):
        WorldModel.load(copy)
    (copy / name).write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    if name != "config.json":
        seal(copy)
    with pytest.raises(CheckpointError):
        WorldModel.load(copy)
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(CheckpointError):
        WorldModel.load(copy)


def test_files_named_outside_the_folder_are_not_opened(copy: Path) -> None:
    header = json.loads((copy / "config.json").read_text())
    header["files"]["../../secret"] = "0" * 64
    (copy / "config.json").write_text(json.dumps(header))
    with pytest.raises(CheckpointError, match="secret"):
        WorldModel.load(copy)


def test_a_file_and_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "file.wm").write_text("{}")
    for place in (tmp_path / "file.wm", tmp_path / "none.wm", tmp_path):
        with pytest.raises(CheckpointError):
            WorldModel.load(place)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value, the containers too."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        [10**6, 10**30, 0.5, -1.0, float("nan"), float("inf"), "", "x", "../../etc/passwd", "\x00", [], {}]
    ),
    st.just([[]]),
    st.just({"a": 1}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_edited_json(saved: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(JSON_PARTS))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(saved, Path(place) / "m.wm"))
        value = json.loads((folder / name).read_text())
        path = data.draw(st.sampled_from(list(leaves(value))))
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if data.draw(st.booleans()):
            parent[path[-1]] = data.draw(STRANGE)
        else:
            del parent[path[-1]]
        (folder / name).write_text(json.dumps(value))
        seal(folder)
        use(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_edited_tensors(saved: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(TENSOR_PARTS))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(saved, Path(place) / "m.wm"))
        tensors = load_file(folder / name)
        key = data.draw(st.sampled_from(sorted(tensors)))
        change = data.draw(st.sampled_from(["drop", "shorten", "fill", "nan", "kind", "flat", "grow"]))
        tensor = tensors.pop(key).clone()
        if change != "drop":
            tensors[key] = {
                "shorten": lambda: tensor[:-1].clone() if tensor.dim() else tensor,
                "fill": lambda: torch.full_like(tensor, 77),
                "nan": lambda: tensor * float("nan") if tensor.is_floating_point() else tensor.int() - 99,
                "kind": lambda: tensor.bool() if tensor.is_floating_point() else tensor.float(),
                "flat": lambda: tensor.flatten(),
                "grow": lambda: torch.cat([tensor, tensor]) if tensor.dim() else tensor,
            }[change]()
        save_file(tensors, folder / name)
        seal(folder)
        use(folder)
