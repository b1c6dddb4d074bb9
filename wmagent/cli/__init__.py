"""The command line: words and files in, tables and JSON out. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line (`wmagent …`)."""
    # Before torch is imported: threads that spin while they wait make a shared machine many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")  # the bars of libraries; the command line shows its own
    _open_streams()
    from wmagent.cli.app import app

    app(prog_name="wmagent")


def _open_streams() -> None:
    """Make the output fit for any terminal: what it cannot show is escaped, a closed stream swallows."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
