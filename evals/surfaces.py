"""The commands that evaluate surfaces: a server under load, runs that are killed, a guarded agent, another's evaluator.
Knows these evaluations by name and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wmagent.errors import InputError

Say = Callable[[str], None]


def add(kinds: Any, shared: argparse.ArgumentParser, say: Say) -> None:
    """Add the commands to those of `python -m wmagent.evals`."""
    _serving(
        kinds.add_parser("serving", parents=[shared], help="a served model under load: errors, times, memory"), say
    )
    _kills(kinds.add_parser("kills", parents=[shared], help="kill -9 while acting: is a deed lost or done twice?"), say)
    _guard(
        kinds.add_parser("guard", parents=[shared], help="rule-breaking and fine tool calls of a guarded agent"), say
    )
    _theirs(
        kinds.add_parser("stable-worldmodel", parents=[shared], help="a Two-Room model by another's evaluator"), say
    )


def _kills(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument("--world", default="contract-approval")
    parser.add_argument("--kills", type=int, default=20, help="in each kind of environment")

    def run(options: argparse.Namespace) -> dict[str, Any]:
        from wmagent.evals import kills

        return kills.run(options.world, options.kills, options.seeds[0], say)

    parser.set_defaults(run=run)


def _serving(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument("--world", default="contract-approval")
    for option, default in {"transitions": 20_000, "clients": 32, "distinct": 200, "calls": 10_000}.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=60.0)

    def run(options: argparse.Namespace) -> dict[str, Any]:
        from wmagent.evals import serving

        named = ("world", "transitions", "preset", "text", "clients", "seconds", "distinct", "calls")
        load = serving.Load(**{name: getattr(options, name) for name in named})
        return serving.run(load, options.seeds[0], options.models, say)

    parser.set_defaults(run=run)


def _guard(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument("--worlds", nargs="+", default=["contract-approval", "purchase-to-pay"])
    for option, default in {"transitions": 20_000, "calls": 50}.items():
        parser.add_argument(f"--{option}", type=int, default=default, help="calls: of each kind, world and seed")

    def run(options: argparse.Namespace) -> dict[str, Any]:
        from wmagent.evals import guard

        given = {name: getattr(options, name) for name in ("transitions", "preset", "text", "calls")}
        return guard.run(options.seeds, guard.Settings(tuple(options.worlds), **given), options.models, say)

    parser.set_defaults(run=run)


def _theirs(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument("--model", type=Path, required=True, help="a saved world model from pixels")
    parser.add_argument("--pairs", type=int, default=50, help="of a start and a goal, for each offset")
    parser.add_argument("--offset", type=int, nargs="+", default=[25], help="recorded steps from start to goal")
    parser.add_argument("--budget", type=int, nargs="+", default=[50], help="steps that are allowed, for each offset")
    parser.add_argument("--envs", type=int, default=50, help="pairs that are evaluated, and kept in memory, at once")

    def run(options: argparse.Namespace) -> dict[str, Any]:
        from wmagent.evals import stable_worldmodel as theirs

        if len(options.offset) != len(options.budget):
            raise InputError("give as many budgets as offsets")
        offsets = tuple(zip(options.offset, options.budget, strict=True))
        settings = theirs.Settings(options.pairs, offsets, options.envs)
        return theirs.run(options.model, settings, options.seeds[0], say)

    parser.set_defaults(run=run, seeds=[0])
