"""`wmagent goal`: how a goal in words is understood, before anything is planned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wmagent.cli.output import AsJson, command, show, show_json
from wmagent.cli.parts import open_model

if TYPE_CHECKING:
    from wmagent.agent.language import LanguageModel


@command
def goal(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What should become true, in words.")],
    model: Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="The model whose facts may be meant.")],
    lm: Annotated[
        str | None,
        typer.Option(
            "--lm",
            metavar="tiny|FOLDER|URL#NAME",
            help="A language model for what rules cannot read: tiny (comes with wmagent), a local folder, or an "
            "OpenAI-compatible address and, after #, a model's name there.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the facts, limits and exclusions that a goal's words are read as; exit code 2 where they are not clear.

    Examples:

        wmagent goal "get the contract approved within 10 days" --model contracts.wm

        wmagent goal "get the lawyers off our backs" -m contracts.wm --lm http://127.0.0.1:11434/v1#qwen3 --json
    """
    from wmagent import Agent
    from wmagent.agent.language_goals import LIKE, LanguageGoals

    reader = LanguageGoals(_language_model(lm), LIKE if lm == "tiny" else None) if lm else None
    found = Agent(open_model(model), goals=reader).understanding(words)
    if as_json:
        from wmagent.domain.answers import plain

        show_json(
            {
                "goal": plain(found.goal),
                "phrases": plain(found.phrases),
                "understood": found.words(),
                "reader": found.reader or "rules",
            }
        )
        return
    show(found.words())


def _language_model(given: str) -> LanguageModel:
    from wmagent.registry import resolve

    if given.startswith(("http://", "https://")):
        url, _, name = given.partition("#")
        return resolve("language", "endpoint")(url, name or "default")
    return resolve("language", "local")(given)
