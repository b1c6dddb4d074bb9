"""Processes that think for a server: they answer as the model does here, stop when told to, and may die."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.served import PLAN, SKIPPED, review_box, review_folder
from wmagent import WorldModel
from wmagent.agent.doubles import REVIEW_START
from wmagent.errors import CheckpointError, InputError
from wmagent.service.opening import spread_toolbox
from wmagent.service.tools import Broken, Gone, Stopped, Toolbox, Watch
from wmagent.service.workers import Worker, Workers


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    """The workers that the toolboxes of this module start."""
    found: list[Worker] = []
    with pytest.MonkeyPatch.context() as patched:
        begin = Workers.__init__

        def noted(self: Workers, *given: object) -> None:
            begin(self, *given)  # type: ignore[arg-type]
            found.extend(self.workers)

        patched.setattr(Workers, "__init__", noted)
        yield found


@pytest.fixture(scope="module")
def box(workers: list[Worker]) -> Iterator[Toolbox]:
    """The tools of the review world, answered by one process."""
    with closing(spread_toolbox(review_folder(), 1)) as found:
        found.ready()
        yield found
    assert all(worker.process.poll() == 0 for worker in workers)


def test_a_worker_answers_as_the_model_does_here(box: Toolbox) -> None:
    for name, asked in (("plan", PLAN), ("what_if", SKIPPED), ("predict", {"state": dict(REVIEW_START)})):
        assert box.call(name, asked) == review_box().call(name, asked)
    key = box.call("plan", PLAN).model_dump()["id"]
    assert box.call("explain", {"id": key}) == review_box().call("explain", {"id": key})
    assert box.documents["card"].read() == WorldModel.load(review_folder()).card_markdown()
    with pytest.raises(InputError, match="painted green"):
        box.call("plan", {**PLAN, "goal": "painted green"})


def test_a_call_is_stopped_even_before_it_is_begun(box: Toolbox, workers: list[Worker]) -> None:
    process, watch = workers[0].process, Watch()
    process.send_signal(signal.SIGSTOP)  # it does not read what it is asked
    for seconds, go in ((0.3, watch.stop.set), (0.8, partial(process.send_signal, signal.SIGCONT))):
        threading.Timer(seconds, go).start()
    with pytest.raises(Stopped, match="caller"):
        box.call("plan", {**PLAN, "seed": 91}, watch)
    with pytest.raises(Stopped, match="longer"):
        box.call("what_if", {**SKIPPED, "seed": 92, "seconds": 0.01})
    assert box.call("plan", {**PLAN, "seed": 93}).model_dump()["decision"] == "act"


def test_what_a_dead_worker_knew_can_be_asked_again(box: Toolbox, workers: list[Worker]) -> None:
    told = box.call("plan", PLAN).model_dump()
    workers[0].process.kill()
    workers[0].process.wait()
    with pytest.raises(Gone, match="ask the question again"):
        box.call("explain", {"id": told["id"]})
    assert box.call("plan", PLAN).model_dump() == told
    assert "submit" in box.call("explain", {"id": told["id"]}).model_dump()["text"]


def test_a_worker_that_dies_over_a_question_breaks_that_one_only(box: Toolbox, workers: list[Worker]) -> None:
    workers[0].process.send_signal(signal.SIGSTOP)
    threading.Timer(0.3, workers[0].process.kill).start()
    with pytest.raises(Broken, match="ask again"):
        box.call("plan", {**PLAN, "seed": 94})
    workers[0].process.wait()
    assert box.call("plan", {**PLAN, "seed": 94}).model_dump()["decision"] == "act"


def test_what_is_wrong_with_a_model_is_said_before_it_is_served(tmp_path: Path) -> None:
    for name in ("config.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((review_folder() / name).read_bytes())
    with closing(spread_toolbox(tmp_path, 1)) as found, pytest.raises(CheckpointError, match=r"model\.safetensors"):
        found.ready()
