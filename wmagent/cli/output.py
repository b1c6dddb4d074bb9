"""How a command answers: results on stdout, everything else on stderr, one line per error, exit codes by class."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from wmagent.errors import MOST_SEED, WmagentError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 120  # columns where the output is no terminal: a file, a pipe, a log
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]  # click's, wherever typer keeps it
INTERRUPTED = 130  # the shell's convention for Ctrl-C

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MOST_SEED, help="Same inputs and seed, same answer.")]

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
            _fail("Interrupted", "interrupted", INTERRUPTED, as_json=bool(kwargs.get("as_json")))
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # a bug: the traceback is for its finder, the object for the program that asked
            if kwargs.get("as_json"):
                _show_error(type(error).__name__, f"a bug in wmagent: {error}", 1)
            raise

    return wrapped


class Commands(TyperGroup):
    """The group of all commands: options that cannot be used become an `error` object too, under --json."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run with the given arguments, by default those of the process."""
        given = list(sys.argv[1:] if args is None else args)
        if "--json" not in given:
            return super().main(args, *more, **extra)
        try:
            sys.exit(super().main(args, *more, **extra | {"standalone_mode": False}) or 0)
        except USAGE_ERROR as error:
            _show_error("UsageError", error.format_message(), 2)  # type: ignore[attr-defined]
            return super().main(args, *more, **extra)  # says it on stderr and exits


def show(renderable: RenderableType = "") -> None:
    """Print a table or text to stdout (a result a person reads)."""
    results().print(renderable, markup=False)


def show_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout; NaN and infinity are refused, because JSON has none."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, ensure_ascii=not unicode, allow_nan=False, indent=2 if sys.stdout.isatty() else None))


def show_line(value: Mapping[str, Any]) -> None:
    """Print one JSON object as one line to stdout, at once; NaN and infinity are refused."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, ensure_ascii=not unicode, allow_nan=False))


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
        _show_error(kind, message, code)
    typer.echo("wmagent: " + " ".join(message.split()), err=True)
    raise typer.Exit(code)


def _show_error(kind: str, message: str, code: int) -> None:
    with contextlib.suppress(OSError):  # stdout may be what failed
        show_json({"error": {"type": kind, "message": message, "exit_code": code}})


def _os_words(error: OSError) -> str:
    name = error.filename2 or error.filename  # of two, the second is where a file was to be moved to
    where = f"{name}: " if name else ""
    return f"{where}{error.strerror or error}"
