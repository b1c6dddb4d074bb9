"""Models to serve: a learned small world and a learned process, saved as folders, and questions about them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import uvicorn

from tests.event_logs import loans
from tests.test_agent_learned import TINY, log
from wmagent.agent.doubles import REVIEW_START
from wmagent.domain.event_log import EventLog
from wmagent.model.world_model import WorldModel
from wmagent.serve.running import address, bound
from wmagent.service.opening import open_toolbox
from wmagent.service.tools import Toolbox

GOAL = "approved within 20 days without a hold"
PLAN = {"goal": GOAL, "state": dict(REVIEW_START)}
SKIPPED = {"state": dict(REVIEW_START), "until": GOAL, "skip": ["legal review"]}


@cache
def loans_folder() -> Path:
    """Return the folder of a model of the loans process."""
    from wmagent.events.process_model import ProcessModel

    folder = Path(mkdtemp()) / "loans.wm"
    ProcessModel.learn(loans_log(), seed=0, preset="tiny").save(folder)
    return folder


@cache
def loans_log() -> EventLog:
    """Return the log it was learned from."""
    from wmagent.worlds.logs import read_log

    return read_log(loans()).log


@cache
def review_folder() -> Path:
    """Return the folder of a model of the small review world, learned once per process."""
    folder = Path(mkdtemp()) / "review.wm"
    WorldModel.learn(log(700), config=TINY, text="learned", seed=0).save(folder)
    return folder


@cache
def review_box() -> Toolbox:
    """Return its tools."""
    return open_toolbox(review_folder())


@cache
def loans_box() -> Toolbox:
    """Return the tools of a process model, with the log it was learned from."""
    return open_toolbox(loans_folder(), loans_log())


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an application on a real server; gives its address."""
    place = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, args=([place],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield address("127.0.0.1", place.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()
