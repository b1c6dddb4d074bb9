"""The command line: words and files in, tables and JSON out. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line (`wmagent …`)."""
    # Before torch is imported: threads that spin while they wait make a shared machine many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")  # the bars of libraries; the command line shows its own
    from wmagent.cli.app import app

    app(prog_name="wmagent")
