"""Learned world models that are kept in a folder between evaluations, so that each is learned once.
Knows the public WorldModel; a kept model that no longer loads is learned anew."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wmagent.domain.types import Transition
from wmagent.errors import CheckpointError
from wmagent.evals.measure import peak_mib

log = logging.getLogger(__name__)


def learned(
    world: str, rows: Sequence[Transition], seed: int, preset: str, text: str, folder: Path | None
) -> tuple[Any, dict[str, object]]:
    """Return a model learned from the rows, and what learning took; a model kept in the folder is loaded instead.

    Models are kept as `<world>-<rows>-<preset>-<text>-<seed>.wm`; the folder must belong to one version of wmagent.
    """
    from wmagent import WorldModel

    name = f"{Path(world).stem}-{len(rows)}-{preset}-{Path(text).name}-{seed}.wm"
    place = folder / name if folder else None
    if place is not None and place.exists():
        try:
            return WorldModel.load(place), {"n": len(rows), "loaded": name}
        except CheckpointError as error:
            log.warning("learning %s anew: %s", name, error)
    began = time.perf_counter()
    model = WorldModel.learn(rows, preset=preset, seed=seed, text=text)
    learning: dict[str, object] = {
        "n": len(rows),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mib": round(peak_mib(), 1),
    }
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        model.save(place)
    return model, learning
