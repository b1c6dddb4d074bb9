"""What every test shares: one thread, no network, and where outside data lies.

The environment is set before anything imports torch: with a busy neighbour, spinning OpenMP threads are many
times slower than one quiet thread.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("MPLBACKEND", "Agg")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public recorded data, from WMAGENT_DATA or beside the repository; skips where absent."""
    folder = Path(os.environ.get("WMAGENT_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}; set WMAGENT_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def telecom(data_dir: Path) -> Path:
    """The recorded tool calls of the tau2 telecom benchmark (JSONL, gzipped)."""
    path = data_dir / "tau2_telecom" / "transitions_train.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path
