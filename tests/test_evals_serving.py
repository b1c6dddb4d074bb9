"""A served model under a little load: every call is answered or refused, and counted."""

from __future__ import annotations

import json
from pathlib import Path

from wmagent.evals.__main__ import main


def test_a_little_load_is_measured(tmp_path: Path) -> None:
    options = ["--transitions", "1500", "--preset", "tiny", "--text", "learned", "--seeds", "0", "--no-plots"]
    load = ["--clients", "2", "--seconds", "1", "--distinct", "4", "--calls", "8"]
    assert main(["serving", *options, *load, "--out", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "serving.json").read_text())
    assert told["cold_start_s"] > 0
    for kind in ("few", "distinct", "fresh"):
        row = told["what_if"][kind]
        assert row["errors"] == 0, row
        assert row["calls"] > 0
        assert row["p50_ms"] <= row["p99_ms"]
    assert set(told["memory"]["mib"]) >= {"0", "8"}
