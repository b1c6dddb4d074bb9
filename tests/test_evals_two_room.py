"""The Two-Room evaluation, small: every part runs, floors and ceilings lie where they must."""

from __future__ import annotations

from pathlib import Path

import pytest

from wmagent.evals.report import two_room_markdown
from wmagent.evals.two_room import Settings, pooled, run
from wmagent.evals.two_room_tasks import tasks
from wmagent.pixels.config import PRESETS
from wmagent.worlds.two_room import TwoRoom, collect


def test_pairs_are_recorded_walks_and_strict_ones_cross_the_wall() -> None:
    held = collect(TwoRoom(), 200, 7)
    near, far, _, strict = tasks(held, 20, 0)
    assert (near.budget, far.budget, strict.budget) == (50, 100, 50)
    assert (near.world.distance(near.starts, near.goals) <= 25 * 5 * 2**0.5).all()
    assert strict.world.strict
    assert (strict.world.room(strict.starts) != strict.world.room(strict.goals)).all()
    assert not strict.world.succeeded(strict.starts, strict.goals).any()


def test_a_small_run_measures_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", PRESETS["tiny"] | {"steps": 40, "reach_steps": 50, "decoder_steps": 5,
                                                            "batch": 32})  # fmt: skip
    monkeypatch.setattr("wmagent.evals.two_room.HELD_OUT", 120)
    page = tmp_path / "page.html"
    result = run(Settings(pairs=4, episodes=60, words=False), 0, page=page)
    assert list(result["success"]) == ["+25", "+50", "+100", "strict +25"]
    for rows in result["success"].values():
        assert rows["expert"]["solved"] == 1.0
        assert rows["still"]["solved"] <= rows["ours"]["solved"] + 1e-9
        assert rows["ours"]["n"] == 4
    assert result["surprise"]["teleport_auroc"] > 0.5
    assert len(result["probe_r2"]) == 2
    assert result["surprise"]["through_wall_away_from_door_trials"] <= result["surprise"]["through_wall_trials"]
    assert all(f"Walks, {task}" in page.read_text("utf-8") for task in result["success"])
    both = pooled([result, result])
    assert both["+25"]["ours"]["n"] == 8
    assert "strict +25" in two_room_markdown(result)


def test_goals_in_words_stand_in_the_tables_beside_frames() -> None:
    def near(share: float) -> dict[str, object]:
        return {"near": {"share": share}}

    said = {
        "success": {"frames": near(1.0), "words": near(0.95)},
        "understood": {"fresh": {"right": {"share": 0.9}, "refused_off_topic": {"share": 0.8}}},
        "settings": {"pairs": 20},
        "notes": ["how words were measured"],
    }
    cell = {"solved": 0.5, "n": 20, "interval": [0.3, 0.7]}
    run = {"seed": 4, "success": {"+25": {"ours": cell}}, "probe_r2": None, "surprise": {}, "notes": [], "words": said,
           "training": {"cpu_seconds": 1}, "plan_cpu_seconds": 0.1}  # fmt: skip
    written = two_room_markdown(run)
    assert "| seed | n | % near, frames | % near, words | % understood, fresh | % off topic refused |" in written
    assert "| 4 | 20 | 100.0 | 95.0 | 90.0 | 80.0 |" in written
    assert "- how words were measured" in written
    assert "% near" not in two_room_markdown(run | {"words": None})
