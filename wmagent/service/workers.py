"""A toolbox whose thinking is done by other processes, one per processor: answers come side by side, and the server
itself stays free. Knows the tools by kind of model and the workers' lines; must not know models."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from wmagent import errors
from wmagent.errors import WmagentError
from wmagent.service.tools import BUG, KEPT, WATCH, Answered, Broken, Gone, Stopped, Tool, Toolbox, Watch

logger = logging.getLogger(__name__)
LOOK = 0.1  # seconds after which a call looks whether it should go on
STARTING = 300.0  # seconds in which a worker should have opened its model
OWN = {"Stopped": Stopped, "Gone": Gone}  # failures of tools, beside those of `wmagent.errors`


class Worker:
    """One process. Answers one question at a time; started again when it has died."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given, self.turn = given, threading.Lock()
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wmagent.service.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")},
            start_new_session=True,  # Ctrl-C is the server's to handle: its calls may end
        )
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=_listen, args=(self.process, self.lines), daemon=True).start()
        self._write(self.given)

    def until_ready(self) -> None:
        """Wait until the model is open; raises what was wrong with it."""
        try:
            line = self.lines.get(timeout=STARTING)
        except queue.Empty:
            raise Broken(f"the model was not open after {STARTING:.0f} s") from None
        if line is None:
            raise Broken("the process that thinks ended while it opened the model; its log says why")
        if "error" in line:
            raise _error(line)

    def ask(self, line: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
        """Return what it answers to a line; Stopped when the watch says so."""
        if self.process.poll() is not None:
            self.close()
            self._start()
            self.until_ready()
        self._write(line)
        before, stopping = 0, False
        while True:
            try:
                said = self.lines.get(timeout=LOOK)
            except queue.Empty:
                said = {"imagined": before}
            if said is None:
                raise Broken("the process that thinks went away; ask again")
            if "imagined" not in said:
                if "error" in said:
                    raise _error(said)
                return said
            try:
                if not stopping:
                    watch.step(max(0, said["imagined"] - before))
                before = max(before, said["imagined"])
            except Stopped:
                stopping = True  # go on listening until it has stopped, so that the next question finds it free
                self._write({"stop": True})

    def close(self) -> None:
        """Let it end."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):  # what it died over is still to be written
                self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Broken("the process that thinks went away; ask again") from None


class Workers:
    """Some workers, and who of them keeps which answer: more about an answer is asked of the one who gave it."""

    def __init__(self, given: Mapping[str, Any], count: int) -> None:
        self.workers = [Worker(given) for _ in range(count)]
        self.free: queue.Queue[Worker] = queue.LifoQueue()
        self.keeper: OrderedDict[str, Worker] = OrderedDict()
        self.keeping = threading.Lock()
        for worker in self.workers:
            self.free.put(worker)

    def until_ready(self) -> None:
        """Wait until all have opened the model; raises what was wrong with it."""
        for worker in self.workers:
            worker.until_ready()

    def run(self, tool: Tool, forget: Callable[[str], None]) -> Callable[[BaseModel, str], Answered]:
        """Return what asks a worker for a tool's answers. `forget` is told the id of an earlier answer that
        a worker was asked more about, and keeps no longer."""

        def ask(question: BaseModel, key: str) -> Answered:
            watch, about = WATCH.get() or Watch(), getattr(question, "id", "")
            line = {"tool": tool.name, "question": question.model_dump(mode="json", exclude_defaults=True)}
            try:
                said, worker = self.asked(line, watch, self.keeper.get(about))
            except Gone:
                forget(about)
                raise
            if tool.kept:
                with self.keeping:
                    self.keeper[key] = worker
                    while len(self.keeper) > KEPT:
                        self.keeper.popitem(last=False)
            return Answered(tool.tells.model_validate(said["told"]))

        return ask

    def asked(self, line: Mapping[str, Any], watch: Watch, of: Worker | None = None) -> tuple[dict[str, Any], Worker]:
        """Return a worker's answer and who gave it: `of` that one, or of the next that is free."""
        worker = of or self._next(watch)
        try:
            while not worker.turn.acquire(timeout=LOOK):
                watch.step(0)
            try:
                return worker.ask(line, watch), worker
            finally:
                worker.turn.release()
        finally:
            if of is None:
                self.free.put(worker)

    def _next(self, watch: Watch) -> Worker:
        while True:
            try:
                return self.free.get(timeout=LOOK)
            except queue.Empty:
                watch.step(0)

    def close(self) -> None:
        """Let all of them end."""
        for worker in self.workers:
            worker.close()


def spread(box: Toolbox, given: Mapping[str, Any], count: int) -> Toolbox:
    """Return a toolbox with the tools and documents of `box` (which needs no model for this), answered by `count`
    processes that open what `given` describes: model, planner, log. They have begun to; `ready` waits for them."""
    workers = Workers(given, count)
    found: Toolbox
    tools = tuple(replace(tool, run=workers.run(tool, lambda key: found.forget(key))) for tool in box.tools.values())

    def reads(name: str) -> Callable[[], str]:
        return lambda: workers.asked({"document": name}, Watch())[0]["text"]

    documents = tuple(replace(document, read=reads(name)) for name, document in box.documents.items())
    found = Toolbox(box.title, tools, documents, box.version, at_once=count)
    found.opening.append(workers.until_ready)
    found.closing.append(workers.close)
    return found


def _listen(process: subprocess.Popen[str], lines: queue.Queue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(json.loads(line))
    except ValueError:  # closed, or half a line of a process that was killed
        logger.debug("a worker's output ended")
    lines.put(None)


def _error(line: Mapping[str, Any]) -> WmagentError:
    kind = OWN.get(line["error"]) or getattr(errors, line["error"], None)
    if isinstance(kind, type) and issubclass(kind, WmagentError):
        return kind(line["message"])
    return Broken(f"{BUG} ({line['message']})")
