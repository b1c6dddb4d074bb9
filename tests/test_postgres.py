"""Runs kept in Postgres, on a real server that is started for the test: reopened, crashed, forged, out of reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

from tests.test_agent_resume import WANTED, crash, done
from wmagent.agent.agent import Agent
from wmagent.agent.doubles import REVIEW_START, ScriptedEnvironment, review_model
from wmagent.errors import CheckpointError, InputError

psycopg = pytest.importorskip("psycopg")


def _programs() -> Path | None:
    """Return the folder of Postgres's programs, which a package may keep beside the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders and (folders[-1] / "pg_ctl").is_file() else None


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a database on a server of its own, which listens at a socket in its folder only."""
    programs = _programs()
    if programs is None:
        pytest.skip("there is no initdb; install Postgres to test runs in it")
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # Postgres does not run as root
        try:
            other = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("Postgres does not run as root, and there is no user postgres")
        user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="wmpg"))
    try:
        if user:
            os.chown(folder, user["user"], user["group"])
        data, quiet = folder / "data", {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **user}
        subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "runs", "-N"], **quiet)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        started = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start"]
        subprocess.run(started, **quiet)
        try:
            yield f"postgresql://runs@/postgres?host={folder}"
        finally:
            subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_person_is_waited_for_across_connections(database: str) -> None:
    model = review_model()
    environment = ScriptedEnvironment(model)
    with Agent(model, checkpoint=database) as agent:
        assert agent.act(WANTED, REVIEW_START, environment, approve="ask", thread="case 1").status == "waiting"
        with pytest.raises(InputError, match="already"):
            agent.act(WANTED, REVIEW_START, environment, thread="case 1")
    with Agent(model, checkpoint=database) as agent:
        assert agent.look("case 1").status == "waiting"
        assert agent.resume("case 1", environment, answer=True).status == "reached"
    assert environment.executed == ["submit", "legal_review", "approve"]
    with Agent(model, checkpoint=database) as agent:
        agent.forget("case 1")
        with pytest.raises(InputError, match="no run named"):
            agent.look("case 1")


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_killed_run_goes_on_without_repeating_a_deed(database: str, tmp_path: Path, when: str) -> None:
    _, log = crash(tmp_path, when, database)
    environment = ScriptedEnvironment(review_model())
    with Agent(review_model(), checkpoint=database) as agent:
        episode = agent.resume("t", environment)
        if when != "after":
            assert episode.question is not None
            assert episode.question["action"] == "legal_review"
            facts = {**REVIEW_START, "status": "in review", "legal review": "passed"}
            happened = {"happened": True, "facts": facts} if when == "during" else {"happened": False}
            episode = agent.resume("t", environment, answer=happened)
        agent.forget("t")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM wmagent_deeds")
    assert (episode.status, done(episode)) == ("reached", ["submit", "legal_review", "approve"])
    assert log + environment.executed == ["submit", "legal_review", "approve"]


@pytest.mark.parametrize("table", ["checkpoint_blobs", "checkpoint_writes"])
@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle"])
def test_forged_rows_are_refused(database: str, tmp_path: Path, table: str, kind: str) -> None:
    mark = tmp_path / "owned"
    with Agent(review_model(), checkpoint=database) as agent:
        agent.act(WANTED, REVIEW_START, ScriptedEnvironment(review_model()), approve="ask", thread="t")
    evil = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("os", "system", f"touch {mark}"))))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"UPDATE {table} SET type = %s, blob = %s", (kind, evil))
    with Agent(review_model(), checkpoint=database) as agent:
        with pytest.raises(CheckpointError, match="never read"):
            agent.resume("t", ScriptedEnvironment(review_model()), answer=True)
        agent.forget("t")
    assert not mark.exists()


def test_a_database_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be used") as told:
        Agent(review_model(), checkpoint=f"postgresql://runs:secret1@/runs?host={tmp_path}")
    assert "secret1" not in str(told.value)
