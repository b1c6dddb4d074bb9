"""A process that thinks for a server: questions as JSON lines on stdin, progress and answers on stdout.
Knows toolboxes; must not know transports. Nothing but JSON passes, so nothing is unpickled."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from wmagent.errors import InputError, WmagentError
from wmagent.service.tools import Toolbox, Watch

EVERY = 0.05  # seconds between two lines of progress, at least


def main() -> None:
    """Open the tools that the first line describes, then answer line by line until the input ends."""
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not end up among the answers
    first = json.loads(sys.stdin.readline())
    try:
        box = _opened(first)
    except WmagentError as error:
        _say(out, {"error": type(error).__name__, "message": str(error)})
        return
    _say(out, {"ready": True})
    asked: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(asked, stop), daemon=True).start()
    while (line := asked.get()) is not None:
        _say(out, _answer(box, line, stop, out))


def _listen(asked: queue.Queue[dict[str, Any] | None], stop: threading.Event) -> None:
    for line in sys.stdin:
        said = json.loads(line)
        if said.get("stop"):
            stop.set()
        else:
            stop.clear()  # here, in the order of the lines: what stops this question may come before it is begun
            asked.put(said)
    stop.set()  # whoever asked is gone
    asked.put(None)


def _answer(box: Toolbox, line: dict[str, Any], stop: threading.Event, out: TextIO) -> dict[str, Any]:
    said = [0.0]

    def progress(imagined: int, most: int) -> None:
        if (now := time.monotonic()) - said[0] >= EVERY:
            said[0] = now
            _say(out, {"imagined": imagined})

    try:
        if "document" in line:
            return {"text": box.documents[line["document"]].read()}
        told = box.call(line["tool"], line["question"], Watch(progress=progress, stop=stop))
    except WmagentError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 - a bug ends one answer, not the process
        import traceback

        traceback.print_exc(file=sys.stderr)
        return {"error": "Bug", "message": type(error).__name__}
    return {"told": told.model_dump(mode="json")}


def _opened(first: dict[str, Any]) -> Toolbox:
    import torch

    from wmagent.service.opening import open_toolbox

    torch.set_num_threads(1)
    log = None
    if first.get("log") is not None:
        from wmagent.domain.event_log import with_transitions
        from wmagent.worlds.logs import read_log

        given = first["log"]
        reading = read_log(Path(given["file"]), skip_bad=given["skip_bad"], **given["columns"])
        log = with_transitions(reading.log, given["lifecycle"])
    return open_toolbox(Path(first["model"]), log, first["planner"])


def _say(out: TextIO, what: dict[str, Any]) -> None:
    try:
        out.write(json.dumps(what) + "\n")
        out.flush()
    except OSError:  # nobody listens any more
        os._exit(0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        main()
    except (InputError, KeyboardInterrupt):
        sys.exit(1)
