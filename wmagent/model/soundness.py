"""Whether the parts of a checkpoint fit together: shapes, kinds, ranges. Knows no files and builds no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from wmagent.domain.types import canonical
from wmagent.model.vocabulary import ABSENT, OTHER, RARE, UNNAMED, Vocabulary

# of what was recorded; all else are whole numbers
_KINDS = {
    **dict.fromkeys(("strict", "decides"), torch.bool),
    **dict.fromkeys(("bound", "counts", "hours", "ends"), torch.float32),
    "numbers": torch.float64,
}
_SPECIAL = {ABSENT: None, RARE: UNNAMED, OTHER: UNNAMED}


def check_words(words: Vocabulary) -> None:
    """Raise ValueError unless slots, values and actions of a vocabulary are consistent."""
    n = len(words.slots)
    _need(n > 0 and len(words.actions) > 0, "there are no facts or no actions")
    _need(len({*words.slots}) == n, "a fact is there twice")
    _need(len({action.label() for action in words.actions}) == len(words.actions), "an action is there twice")
    _need(n == len(words.values) == len(words.raw) == len(words.trained), "facts and their values do not match")
    for key, values, raw, trained in zip(words.slots, words.values, words.raw, words.trained, strict=True):
        _need(len(values) == len(raw) > 0 and 0 < trained <= len(values), f"the values of {key!r} do not match")
        _need(len({*values}) == len(values), f"a value of {key!r} is there twice")
        same = [r == _SPECIAL[v] if v in _SPECIAL else r is not None and canonical(r) == v for v, r in zip(values, raw)]  # noqa: B905
        _need(all(same), f"the values of {key!r} are not their texts")
        _need((RARE in values) == (OTHER in values), f"the values of {key!r} do not match")
        _need(RARE not in values or values.index(OTHER) == values.index(RARE) + 1, f"the order of {key!r} is wrong")
    _need(bool(words.dynamic) and {*words.dynamic} <= {*words.active}, "the facts that change are not among the others")
    for group in (words.active, words.dynamic):
        _need(list(group) == sorted({*group}) and group[0] >= 0 and group[-1] < n, "there is no such fact")


def check_tensors(parts: Mapping[str, Tensor], words: Vocabulary, width: int) -> None:
    """Raise ValueError unless the tables beside the network fit the vocabulary; `width` is the text backend's."""
    n, a = len(words.active), len(words.actions)
    room = [words.told_apart(i) for i in words.active]
    k = parts["codebook.mask"].shape[-1]
    shapes = {
        "table.values": (n, max(room), width),
        "table.mask": (n, max(room)),
        "table.keys": (n, width),
        "table.actions": (a, width),
        "table.centre": (n, width),
        "codebook.features": (a, k, width),
        "codebook.mask": (a, k),
        "costs": (a,),
        "held_out_nll": (parts["held_out_nll"].numel(),),
    }
    for name, shape in shapes.items():
        _need(parts[name].shape == shape, f"{name} has shape {tuple(parts[name].shape)}, not {shape}")
    for name, tensor in parts.items():
        if name.startswith("precedents."):
            continue
        kind = torch.bool if name in ("table.mask", "codebook.mask") else torch.float32
        _need(tensor.dtype == kind, f"{name} is of kind {tensor.dtype}, not {kind}")
        _need(bool(tensor.isfinite().all()), f"{name} holds what is no number")
    _need(parts["table.mask"].sum(1).tolist() == room, "table.mask does not match the values")
    _need(bool(parts["codebook.mask"][:, 0].all()), "codebook.mask leaves an action without an outcome")


def check_precedents(parts: Mapping[str, Tensor], words: Vocabulary, heads: int, durations: int) -> None:
    """Raise ValueError unless trees and counts fit the vocabulary, ask about what exists and lead on."""
    for name in parts:
        if name.startswith("precedents."):
            kind = _KINDS.get(name.rpartition(".")[2], torch.long)
            _need(parts[name].dtype == kind, f"{name} is of kind {parts[name].dtype}, not {kind}")
    n, a, q = len(words.active), len(words.actions), len(words.dynamic)
    room, k = max(words.told_apart(i) for i in words.active), parts["codebook.mask"].shape[-1]
    for trees, counts, results in (("trees", "contexts", k), ("gates", "accepted", 2)):
        names = ("slot", "value", "bound", "other", "strict", "left", "right")
        own = {name: parts[f"precedents.{trees}.{name}"] for name in (*names, "root", "known", "decides")}
        t = len(own["slot"])
        for name, shape in {**dict.fromkeys(names, (t,)), "root": (a,), "known": (n,), "decides": (a, n)}.items():
            _need(own[name].shape == shape, f"{trees}.{name} has shape {tuple(own[name].shape)}, not {shape}")
        ranges = {
            "slot": (-1, n),
            "other": (-1, n),
            "value": (-1, room),
            "left": (0, t),
            "right": (0, t),
            "root": (0, t),
        }
        for name, (low, most) in ranges.items():
            fine = bool(((own[name] >= low) & (own[name] < most)).all())
            _need(fine, f"{trees}.{name} refers to what does not exist")
        table = {name: parts[f"precedents.{counts}.{name}"] for name in ("counts", "hours", "ends", "effects")}
        bins = durations if trees == "trees" else 1
        changing = q if trees == "trees" else 0
        _need(table["counts"].shape == (1 + heads, t, results), f"{counts}.counts do not fit")
        _need(table["hours"].shape == (t, results, bins), f"{counts}.hours do not fit")
        _need(table["ends"].shape == (t, results), f"{counts}.ends do not fit")
        _need(table["effects"].shape == (t, results, changing), f"{counts}.effects do not fit")
        limits = torch.tensor([words.told_apart(i) for i in words.dynamic][:changing], dtype=torch.long)
        fine = (table["effects"] >= -2) & (table["effects"] < limits)
        _need(bool(fine.all()), f"{counts}.effects refer to what does not exist")
        for name in ("counts", "hours", "ends"):
            _need(bool((table[name] >= 0).all()), f"{counts}.{name} are no counts")
    seen, numbers = parts["precedents.seen"], parts["precedents.numbers"]
    _need(numbers.shape[0] == n and numbers.shape[1] >= room, "numbers do not fit")
    _need(seen.shape[:2] == (a, n) and seen.shape[-1] <= room and bool((seen >= 0).all()), "seen does not fit")


def check_memory(parts: Mapping[str, Tensor], words: Vocabulary, cases: Sequence[str], features: int) -> None:
    """Raise ValueError unless the remembered rows refer to values and actions that exist; `features` is their width."""
    rows, pairs = len(cases), len(parts["features"])
    _need(rows > 0 and pairs > 0, "nothing is remembered")
    known = parts["features"]
    _need(known.dim() == 2 and known.shape[1] == features, f"features do not have width {features}")
    _need(known.dtype == torch.float32 and bool(known.isfinite().all()), "features are no numbers")
    _need(parts["accepted"].shape == (rows,) and parts["accepted"].dtype == torch.bool, "accepted does not fit")
    if "hours" in parts:
        hours = parts["hours"]
        _need(hours.shape == (rows,) and hours.dtype == torch.float64, f"hours do not fit {rows} rows")
        _need(bool(((hours >= 0) & hours.isfinite() | hours.isnan()).all()), "hours are no durations")
    limits = torch.tensor([len(values) for values in words.values])
    for name, most in (("before", limits), ("after", limits), ("action", len(words.actions)), ("pair", pairs)):
        codes, shape = parts[name], (rows, len(limits)) if name in ("before", "after") else (rows,)
        _need(codes.shape == shape and codes.dtype == torch.int32, f"{name} does not fit {rows} rows")
        _need(bool(((codes >= 0) & (codes < most)).all()), f"{name} refers to what does not exist")
    _need(len(parts["pair"].unique()) == pairs, "a remembered pair has no row")


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
