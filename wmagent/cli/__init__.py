"""The command line: words and files in, tables and JSON out. Nothing heavy is imported before it is needed."""

from __future__ import annotations


def main() -> None:
    """Run the command line (`wmagent …`)."""
    from wmagent.cli.app import run

    run()
