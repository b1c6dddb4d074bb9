"""Who chooses what, as drafted and as edited, and the steps from decision to decision; on made-up logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.event_logs import loans
from wmagent.cli.app import app
from wmagent.domain.event_log import HOUR, Categories, EventLog
from wmagent.errors import InputError
from wmagent.events import process_model
from wmagent.events.drafting import draft
from wmagent.events.ownership import Ownership
from wmagent.events.settings import EventSettings
from wmagent.events.steps import steps

Event = tuple[str, float, str]  # activity, hours since the case began, who


def log_of(cases: list[list[Event]]) -> EventLog:
    rows = [
        (name, who, int((1 + 7.3 * case + hours) * HOUR)) for case, row in enumerate(cases) for name, hours, who in row
    ]
    names, people, times = zip(*rows, strict=True)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in cases])])
    return EventLog(tuple(map(str, range(len(cases)))), starts, _column(names), np.array(times), _column(people))


def _column(texts: tuple[str, ...]) -> Categories:
    values = sorted(set(texts))
    return Categories(np.array([values.index(text) for text in texts], np.int32), tuple(values))


def orders(cases: int = 60, hours: float = 1.0) -> EventLog:
    """Every case: opened, sorted, booked by a machine a second later, and a visit by somebody new; one is merged."""
    rows = [
        [
            ("open", 0, "ann"),
            ("sort", hours, f"clerk {case % 5}"),
            ("book", hours + (1 / 3600 if hours == 1.0 else 0), "machine"),
            ("visit", 3 * hours, f"visitor {case}"),
        ]
        for case in range(cases)
    ]
    rows[0].append(("merge", 3 * hours, "ann"))
    return log_of(rows)


def test_resources_and_times_tell_who_chooses() -> None:
    drafted = draft(orders())
    assert drafted.kinds == {
        "open": "exogenous",
        "sort": "decision",
        "book": "automatic",
        "visit": "exogenous",
        "merge": "decision",  # at once, but a single event says nothing
    }
    assert drafted.reasons["sort"] == "5 resources have done it"
    assert drafted.reasons["visit"] == "100% by people who occur in one case only"
    assert not any(
        who in reason for reason in drafted.reasons.values() for who in ("ann", "clerk", "machine", "visitor")
    )


def test_roles_systems_and_nobody_tell_who_chooses() -> None:
    """Every case: opened, sorted by one of those who work there, hinted at by nobody, told by a system, filled in by a
    role of applicants."""
    log = log_of(
        [
            [
                ("open", 0, "System"),
                ("sort", 2, "ann"),
                ("hint", 4, "__INVALID__"),
                ("tell", 6, "SYSTEM-01"),
                ("fill in", 8, f"p{case % 4}"),
                ("sort", 10, "ann"),
                ("approve", 12, "System"),
            ]
            for case in range(30)
        ]
    )
    filled = log.activity.codes == log.activity.values.index("fill in")
    roles = tuple(np.where(filled, "Applicant", "Clerk").tolist())
    found = draft(replace(log, event_attributes={"Role": _column(roles)}))
    assert found.kinds == {
        "open": "exogenous",
        "sort": "decision",
        "hint": "exogenous",
        "tell": "automatic",
        "fill in": "exogenous",
        "approve": "automatic",
    }
    assert not any("SYSTEM-01" in reason for reason in found.reasons.values())
    everywhere = replace(log, event_attributes={"role": _column(("Customer",) * len(log))})
    assert draft(everywhere).kinds["fill in"] == "decision"  # a role that all have distinguishes nothing


def test_scheduling_is_nobodys_work_and_work_that_begins_at_once_is_somebodys() -> None:
    log = log_of(
        [
            [
                ("begin", 0, "x"),
                ("look+schedule", 1, "x"),
                ("look+start", 1, f"p{case % 4}"),
                ("look+complete", 1, f"p{case % 4}"),
                ("mend+start", 1.01, "x"),
                ("book", 2, "x"),
            ]
            for case in range(30)
        ]
    )
    kinds = draft(log).kinds
    assert kinds["look+schedule"] == "automatic"
    assert kinds["look+start"] == kinds["look+complete"] == "decision"
    assert kinds["mend+start"] == "automatic"  # at once, always after the same, and no end of it is recorded


def test_numbers_that_come_together_are_results() -> None:
    """Iron and salt are measured together; a fee of its own does not make charging it one."""
    log = log_of(
        [
            [
                ("begin", 0, "x"),
                ("iron", 5, "lab"),
                ("salt", 5, "lab"),
                ("charge", 9, f"p{case % 4}"),
                ("iron", 11, "lab"),
            ]
            for case in range(30)
        ]
    )
    names = np.array(log.activity.values)[log.activity.codes]
    numbers = {name: np.where(names == name, 7.0, np.nan) for name in ("iron", "salt", "charge")}
    found = draft(replace(log, event_attributes=numbers))
    assert (found.kinds["iron"], found.kinds["salt"], found.kinds["charge"]) == ("exogenous", "exogenous", "decision")
    assert "results" in found.reasons["salt"]
    assert draft(log).kinds["iron"] == "decision"


def test_a_log_of_whole_days_does_not_say_what_follows_at_once() -> None:
    assert draft(orders(hours=24.0)).kinds["book"] == "decision"


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Customer accepts", "exogenous"),
        ("Rejected by EMPLOYEE", "exogenous"),
        ("O_SENT_BACK", "exogenous"),
        ("Payment Handled", "exogenous"),
        ("Inform customer", "decision"),
        ("Return application back to applicant", "decision"),
        ("Authorize payment", "decision"),
        ("Write description", "decision"),
        ("Customer informed", "decision"),
        ("PaymentReceived", "exogenous"),
        ("Request payment", "decision"),
        ("Permit SAVED by head_of_unit", "decision"),
        ("Get opinion 2", "exogenous"),
        ("Closed automatically", "automatic"),
        ("Assign responsible", "decision"),
    ],
)
def test_labels_tell_who_acts_and_not_on_whom(label: str, kind: str) -> None:
    cases: list[list[Event]] = [[("begin", 0, "x"), (label, 2, f"p{case % 4}")] for case in range(30)]
    assert draft(log_of(cases)).kinds[label] == kind


def test_reasons_are_kept_with_what_people_changed(tmp_path: Path) -> None:
    path, names = tmp_path / "who.yaml", ("yes", 'say "no": #1', "wait", "ä" * 200)
    kinds = dict.fromkeys(names, "exogenous")
    Ownership(kinds, {"wait": "because: it # rains", names[3]: "long"}).write(path)  # type: ignore[arg-type]
    path.write_text(path.read_text().replace('"wait": exogenous', '"wait": decision'))
    found = Ownership.read(path, names)
    assert found.decisions == ("wait",)
    assert found.reasons == {"wait": "because: it # rains", names[3]: "long"}
    found.write(tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == path.read_text()
    path.write_text("activities: {wait: decision, go: exogenous}  # mine")
    assert Ownership.read(path, ("wait", "go")).reasons == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("activities:\n  yes: decision\n", "True is not read as a text; write activities in double quotes"),
        ('activities:\n  "yes": decision\n', "'a: b' is missing; write `\"a: b\": decision | exogenous | automatic`"),
        ('activities:\n  "yes": ours\n', "'yes' is 'ours'; write one of decision, exogenous, automatic"),
        ('activities:\n  "yess": decision\n', "unknown activity 'yess'; did you mean 'yes'"),
        ('activities:\n  "yes": decision\n  "yes": decision\n', "'yes' is given twice"),
        ("activities: [\n", "cannot be read as YAML"),
        ("", "write `activities:` and below it"),
    ],
)
def test_a_wrong_map_is_refused_with_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "who.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        Ownership.read(path, ("yes", "a: b"))
    assert said in str(error.value)


def test_steps_end_at_the_next_decision_of_the_same_case() -> None:
    log = log_of(
        [
            [("ask", 0, "x"), ("note", 1, "x"), ("decide", 3, "x"), ("answer", 4, "x")],
            [("ask", 0, "x"), ("decide", 2, "x"), ("decide", 5, "x")],
        ]
    )
    found = steps(log, Ownership({"decide": "decision", "ask": "exogenous", "note": "automatic"}, {}))
    decide = log.activity.values.index("decide")
    assert found.decision.tolist() == [decide, decide, -1, -1, decide, decide, -1]
    assert found.until.tolist() == [2, 2, 4, 4, 5, 6, 7]
    assert found.between.tolist() == [1, 0, 1, 0, 0, 0, 0]
    assert found.hours == pytest.approx([3, 2, np.nan, np.nan, 2, 3, np.nan], nan_ok=True)


def test_learning_again_keeps_what_people_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = EventSettings(width=8, epochs=1, bins=8, trees=0, refresh=0)
    monkeypatch.setattr(process_model, "event_preset", lambda _: small)
    monkeypatch.setattr(process_model, "FEWEST", 1)
    model, file = tmp_path / "loans.wm", tmp_path / "loans.csv"
    loans(20).filter(pl.col("concept:name") != "check again").write_csv(file)

    def learn() -> str:
        done = CliRunner().invoke(app, ["learn", str(file), "-o", str(model), "--preset", "tiny"])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert "kept for" not in learn()
    yaml = model / "ownership.yaml"
    kept = yaml.read_text().replace('"grant": decision', '"grant": automatic').splitlines()
    kept = [line.split(" # ")[0] + "# ours" if '"grant"' in line or '"decide"' in line else line for line in kept]
    yaml.write_text("\n".join([*kept, '  "ask a friend": exogenous']) + "\n")
    loans(20).write_csv(file)
    assert "kept for 6 activities (1 say other than a new draft); 1 drafted; 1 no longer occur" in learn()
    written = {line.split(":")[0].strip(' "'): line.partition(": ")[2] for line in yaml.read_text().splitlines()[4:]}
    assert written["grant"] == "automatic  # ours"
    assert written["decide"] == "decision  # ours"
    assert written["check again"].startswith("decision  # ")
    assert "ask a friend" not in written
    yaml.write_text("activities: [\n")
    done = CliRunner().invoke(app, ["learn", str(file), "-o", str(model), "--preset", "tiny"])
    assert done.exit_code == 2
    assert yaml.read_text() == "activities: [\n"
