"""How a command answers: results on stdout, everything else on stderr, one line per error, exit codes by class."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from wmagent.errors import WmagentError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 120  # columns where the output is no terminal: a file, a pipe, a log
INTERRUPTED = 130  # the shell's convention for Ctrl-C

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]
Seed = Annotated[int, typer.Option("--seed", help="Same inputs and seed, same answer.")]

R = TypeVar("R")


def command(function: Callable[..., R]) -> Callable[..., R]:
    """Wrap a command so that failures become one clear line on stderr, an `error` object under --json, an exit code."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> R:
        try:
            return function(*args, **kwargs)
        except WmagentError as error:
            _fail(type(error).__name__, str(error), error.exit_code, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:  # the reader went away: `wmagent … | head`
            sys.stderr.close()
            raise typer.Exit(0) from None
        except OSError as error:
            _fail(type(error).__name__, _os_words(error), 2, as_json=bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            _fail("Interrupted", "interrupted", INTERRUPTED, as_json=False)

    return wrapped


def show(renderable: RenderableType = "") -> None:
    """Print a table or text to stdout (a result a person reads)."""
    results().print(renderable, markup=False)


def show_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout; NaN and infinity are refused, because JSON has none."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2 if sys.stdout.isatty() else None))


def note(text: str) -> None:
    """Say something on stderr that is not a result."""
    typer.echo(text, err=True)


@functools.cache
def _console(stderr: bool, stream: int) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH)


def results() -> Console:
    """Return the console on stdout."""
    return _console(False, id(sys.stdout))


def messages() -> Console:
    """Return the console on stderr, for progress."""
    return _console(True, id(sys.stderr))


def _fail(kind: str, message: str, code: int, as_json: bool) -> NoReturn:
    if as_json:
        show_json({"error": {"type": kind, "message": message, "exit_code": code}})
    typer.echo("wmagent: " + " ".join(message.split()), err=True)
    raise typer.Exit(code)


def _os_words(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
