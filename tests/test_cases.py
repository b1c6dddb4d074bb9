"""What-ifs and plans for cases of a made-up process in which one decision is twice as good as the other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import HOUR, START
from wmagent.cli.app import app
from wmagent.domain.event_log import EventLog
from wmagent.domain.interventions import Do, Insert, Skip, Swap, Wait
from wmagent.domain.types import Action
from wmagent.errors import CheckpointError, InputError
from wmagent.events.drafting import draft
from wmagent.events.plans import WAIT, plan
from wmagent.events.process_model import ProcessModel
from wmagent.events.recorded import RecordedProcess
from wmagent.events.rollouts import OVER, Imagination, rollouts
from wmagent.events.what_if import what_if
from wmagent.worlds.logs import read_log

WON = {"assess fully": 0.85, "assess briefly": 0.35}


def sales(cases: int = 500, seed: int = 0) -> pl.DataFrame:
    """Return a table of cases: an order is received, assessed fully (two days) or briefly (two hours), and then the
    customer accepts or leaves; full assessment wins more."""
    rng, rows = np.random.default_rng(seed), []
    for case in range(cases):
        chosen = "assess fully" if rng.random() < 0.5 else "assess briefly"
        answer = "customer accepts" if rng.random() < WON[chosen] else "customer leaves"
        hours = [0, (48 if chosen == "assess fully" else 2) * rng.uniform(0.8, 1.2), 5 * rng.uniform(0.8, 1.2)]
        moment = START + case * 3 * HOUR
        for activity, gap in zip(["order received", chosen, answer], hours, strict=True):
            moment += int(gap * HOUR)
            rows.append((f"c{case}", activity, moment, f"clerk {case % 3}"))
    rows += [("open", "order received", START + cases * 3 * HOUR, "clerk 1")]
    table = pl.DataFrame(
        rows, schema=["case:concept:name", "concept:name", "time:timestamp", "org:resource"], orient="row"
    )
    return table.with_columns(pl.col("time:timestamp").cast(pl.Datetime("us", "UTC")))


@pytest.fixture(scope="module")
def log() -> EventLog:
    return read_log(sales()).log


@pytest.fixture(scope="module")
def process(log: EventLog) -> RecordedProcess:
    return RecordedProcess(ProcessModel.learn(log, seed=0, preset="tiny"), log)


def test_who_chooses_is_drafted_kept_and_edited(process: RecordedProcess, tmp_path: Path) -> None:
    assert set(process.model.ownership.decisions) == set(WON)
    process.model.save(tmp_path / "sales.wm")
    file = tmp_path / "sales.wm" / "ownership.yaml"
    text = file.read_text()
    assert "\"customer accepts\": exogenous  # its label says 'customer accepts'" in text
    file.write_text(text.replace('"customer leaves": exogenous', '"customer leaves": decision'))
    assert set(ProcessModel.load(tmp_path / "sales.wm").ownership.decisions) == {*WON, "customer leaves"}
    file.write_text(text.replace('"customer leaves": exogenous', '"customer leaves": maybe'))
    with pytest.raises(InputError, match="'customer leaves' is 'maybe'; write one of decision, exogenous, automatic"):
        ProcessModel.load(tmp_path / "sales.wm")
    file.write_text(text + '  "assess fully": automatic\n')
    with pytest.raises(InputError, match="'assess fully' is given twice"):
        ProcessModel.load(tmp_path / "sales.wm")
    file.unlink()
    with pytest.raises(CheckpointError, match=r"ownership.yaml is missing"):
        ProcessModel.load(tmp_path / "sales.wm")


def test_reasons_name_no_resource(log: EventLog) -> None:
    assert not any("clerk" in reason for reason in draft(log).reasons.values())


def test_courses_end_and_stay_ended(process: RecordedProcess) -> None:
    rows = process.log.starts[:20]
    told = rollouts(process.model, process.history, rows, 10, 8, seed=1)
    assert told.told.sum(2) == pytest.approx(np.ones((20, 8)))
    end = process.model.vocabulary.end
    places = (told.events == end).argmax(2)
    assert (told.events == end).sum(2).max() == 1
    after = np.arange(8) > places[..., None]
    assert (told.events[after & (told.events == end).any(2)[..., None]] == OVER).all()
    assert (np.diff(told.hours, axis=2) >= 0).all()
    again = rollouts(process.model, process.history, rows, 10, 8, seed=1)
    assert np.array_equal(told.events, again.events)


def test_what_is_done_decides_what_comes(process: RecordedProcess) -> None:
    for action, truth in WON.items():
        found = what_if(process, "open", Do((Action(action),)), "customer accepts")
        assert found.if_done is not None
        assert found.if_done.probability == pytest.approx(truth, abs=0.12)
        assert found.if_done.interval[0] < truth < found.if_done.interval[1]
        assert found.as_is.probability == pytest.approx(0.6, abs=0.1)
        assert found.support.kind == "observed"
        assert found.estimates is not None
        done, other = found.estimates.doubly_robust
        assert done.interval[0] < truth < done.interval[1]
        assert other.value == pytest.approx(sum(WON.values()) - truth, abs=0.12)
        assert found.wording == "predicted association"


def test_deadlines_and_waiting_take_time(process: RecordedProcess) -> None:
    fully, briefly = (
        what_if(process, "open", Do((Action(name),)), "customer accepts", within_hours=24).if_done for name in WON
    )
    assert fully is not None
    assert briefly is not None
    assert fully.probability < 0.1 < briefly.probability
    waited = what_if(process, "open", Wait(100), "customer accepts", within_hours=90)
    assert waited.if_done is not None
    assert waited.if_done.probability < 0.05 < waited.as_is.probability
    assert waited.if_done.hours[0] > 100


def test_what_was_never_recorded_gets_no_number_unless_forced(process: RecordedProcess) -> None:
    asked = Do((Action("customer leaves"),))
    refused = what_if(process, "c3", asked, "customer accepts", after=3)
    assert refused.support.kind == "extrapolated"
    assert refused.if_done is None
    assert any("no number" in note for note in refused.notes)
    assert what_if(process, "c3", asked, "customer accepts", after=3, force=True).if_done is not None


def test_skip_insert_and_swap(process: RecordedProcess) -> None:
    skipped = what_if(process, "open", Skip((Action("assess fully"),)), "customer accepts")
    assert skipped.if_done is not None
    assert skipped.if_done.probability == pytest.approx(WON["assess briefly"], abs=0.12)
    inserted = what_if(process, "open", Insert(Action("assess fully"), 1), "customer accepts")
    assert inserted.if_done is not None
    assert inserted.if_done.probability == pytest.approx(WON["assess fully"], abs=0.12)
    first = process.name(int(process.history.activity[process.log.starts[3] + 1]))
    answer = process.name(int(process.history.activity[process.log.starts[3] + 2]))
    swapped = what_if(process, "c3", Swap(Action(first), Action(answer)), force=True)
    assert swapped.support.kind == "extrapolated"
    with pytest.raises(InputError, match="do not follow one another in this case"):
        what_if(process, "c3", Swap(Action(first), Action("order received")))
    with pytest.raises(InputError, match="unknown case 'opem'; did you mean 'open'"):
        what_if(process, "opem", Wait(1))
    with pytest.raises(InputError, match="has 1 events; ask after 1 to 1, not 2"):
        what_if(process, "open", Wait(1), after=2)


def test_plans_choose_the_better_decision_and_only_decisions(process: RecordedProcess) -> None:
    found = plan(process, "open", "customer accepts", steps=1)
    assert found.steps[0].chosen.decision == "assess fully"
    assert found.steps[0].expected == ("customer accepts",)
    assert found.interval[0] < WON["assess fully"] < found.interval[1]
    assert found.probability > found.as_is + 0.1
    assert {option.decision for option in found.rejected} == {"assess briefly", WAIT}
    fast = plan(process, "open", "customer *", objective="fast", steps=1)
    assert fast.steps[0].chosen.decision == "assess briefly"
    cheap = plan(process, "open", objective="cheap", costs={"assess fully": 1, "assess briefly": 9}, steps=1)
    assert cheap.steps[0].chosen.decision in ("assess fully", WAIT)
    with pytest.raises(InputError, match="a plan has 1 to 5 decisions, not 9"):
        plan(process, "open", steps=9)


def test_forks_leave_the_imagined_case_where_it_is(process: RecordedProcess) -> None:
    start = Imagination(process.model, process.history, process.log.starts[:1], 1, 0)
    before = start.latents.clone()
    start.fork(5, 0).step()
    assert np.array_equal(before.numpy(), start.latents.numpy())
    assert not start.over.any()
    assert np.isinf(start.when).all()


def test_cases_from_the_command_line(process: RecordedProcess, tmp_path: Path) -> None:
    model, file = tmp_path / "sales.wm", tmp_path / "sales.csv"
    process.model.save(model)
    sales().write_csv(file)

    def run(*words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.stdout

    asked = ("case", "what-if", model, file, "open", "--do", "assess fully", "--reach", "customer accepts")
    assert json.loads(run(*asked, "--json"))["support"]["kind"] == "observed"
    shown = run(*asked)
    assert "do assess fully now" in shown
    assert "clerk" not in shown
    planned = run("case", "plan", model, file, "open", "--reach", "customer accepts", "--steps", 1)
    assert "assess fully" in planned
    owned = json.loads(run("ownership", model, "--json"))
    assert {row["activity"] for row in owned["activities"] if row["kind"] == "decision"} == set(WON)
    assert all(row["reason"] for row in owned["activities"])
    wrong = CliRunner().invoke(app, ["case", "what-if", str(model), str(file), "open"])
    assert wrong.exit_code != 0
    assert "say one thing to change" in wrong.output
