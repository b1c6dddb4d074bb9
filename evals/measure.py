"""Peak memory, versions, quantiles and atomic result files: what every evaluation reports beside its scores.
Knows the process it runs in; knows no model."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def peak_mib() -> float:
    """Return the highest resident memory of this process so far, in MiB (imports and data included).

    Linux's VmHWM, because ru_maxrss there starts from the parent's size; elsewhere ru_maxrss.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    import resource

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions() -> dict[str, str]:
    """Return the versions that decide a result: Python, torch, numpy, wmagent."""
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "wmagent"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile of the values (share .5: the median)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def write_text(path: Path, text: str) -> Path:
    """Write a file in one piece (a reader sees the old or the new one, never half)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def write_json(path: Path, result: dict[str, object]) -> Path:
    """Write a result as JSON with readable indentation."""
    return write_text(path, json.dumps(result, indent=2, sort_keys=False, allow_nan=False) + "\n")
