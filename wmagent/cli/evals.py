"""`wmagent eval …`: thin calls into wmagent.evals; every answer is one JSON object."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure models and planners, beside floors, ceilings and controls.", no_args_is_help=True)
