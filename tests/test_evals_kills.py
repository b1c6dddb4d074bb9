"""Killing runs while they act: the evaluation's command, and that it notices a deed that is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wmagent.agent.ledger import Ledger
from wmagent.evals import kills
from wmagent.evals.__main__ import main
from wmagent.evals.killed import Settings, opened

RUN = Settings("", "contract-approval", start=3, seed=5, goal="get the contract approved", kind="not idempotent")


def test_killed_runs_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    assert main(["kills", "--kills", "1", "--seeds", "0", "--out", str(tmp_path), "--no-plots"]) == 0
    found = json.loads((tmp_path / "kills.json").read_text())
    for kind in ("idempotent", "not idempotent"):
        summed = found["summary"][kind]
        assert (summed["kills"], summed["by SIGKILL"], summed["same end"]) == (1, 1, 1)
        assert (summed["lost deeds"], summed["repeated deeds"]) == (0, 0)
    assert "repeated deeds" in (tmp_path / "kills.md").read_text()


def test_a_deed_done_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, visits = kills._uninterrupted(RUN)
    acting = [place for place, (stage, _) in enumerate(visits) if stage == "act"][1]
    late = Settings(**{**vars(RUN), "visit": acting, "call": visits[acting][1]})  # done, and not yet in the checkpoint
    sound = kills._killed(late, "act", whole)
    assert sound["killed"]
    assert sound["deeds_before"] == 2
    assert (sound["lost"], sound["repeated"], sound["same_end"]) == (0, 0, True)

    def forgetful(settings: Settings) -> tuple[Any, Any]:
        agent, place = opened(settings)
        agent._ledger.close()
        agent._ledger = Ledger()
        return agent, place

    monkeypatch.setattr(kills, "opened", forgetful)
    broken = kills._killed(late, "act", whole)
    assert broken["repeated"] > 0
    assert not broken["same_end"]
