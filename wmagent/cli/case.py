"""`wmagent case`: plans and what-ifs for one case of an event log. Knows the answers by name and no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wmagent.cli.logs import Columns, Lifecycle, SkipBad, open_log
from wmagent.cli.output import AsJson, Commands, Seed, command, show, show_json
from wmagent.errors import InputError

if TYPE_CHECKING:
    from wmagent.events.recorded import RecordedProcess
    from wmagent.events.what_if import Change

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Plan and ask what-if for one case of an event log.",
    rich_markup_mode="markdown",
)

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="Learned from an event log.")]
Source = Annotated[Path, typer.Argument(metavar="FILE", help="The event log with the case and finished ones.")]
Case = Annotated[str, typer.Argument(metavar="CASE", help="Which case.")]
Outcome = Annotated[
    str | None,
    typer.Option("--reach", "-u", metavar="ACTIVITY", help="What should happen; * matches several. Default: the end."),
]
Within = Annotated[float | None, typer.Option("--within", min=0, metavar="HOURS", help="… within so many hours.")]
After = Annotated[int | None, typer.Option("--after", min=1, metavar="N", help="Ask after the first N events.")]


@app.command("what-if")
@command
def what_if(
    path: Model,
    source: Source,
    case: Case,
    do: Annotated[str | None, typer.Option("--do", metavar="ACTIVITY", help="Do this next.")] = None,
    skip: Annotated[str | None, typer.Option(metavar="ACTIVITY", help="The next is not this.")] = None,
    insert: Annotated[
        tuple[str, int] | None, typer.Option(metavar="ACTIVITY N", help="Do this after N events of the case.")
    ] = None,
    swap: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Two neighbouring events change places.")
    ] = None,
    wait: Annotated[float | None, typer.Option(min=0, metavar="HOURS", help="Decide nothing for so long.")] = None,
    reach: Outcome = None,
    within: Within = None,
    after: After = None,
    force: Annotated[bool, typer.Option("--force", help="Give a number even outside recorded experience.")] = False,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Ask what becomes of a case if something is done next, skipped, inserted, swapped, or waited for.

    Examples:

        wmagent case what-if loans.wm loans.xes.gz 173688 --do A_DECLINED --within 240

        wmagent case what-if loans.wm loans.xes.gz 173688 --after 4 --wait 48 --reach A_APPROVED --json

        wmagent case what-if loans.wm loans.xes.gz 173688 --after 6 --swap A_ACCEPTED O_SELECTED --reach "A_APP*"
    """
    from wmagent.events.what_if import what_if as answer

    change = _change(do, skip, insert, swap, wait)
    process = recorded(path, source, columns, skip_bad, lifecycle)
    found = answer(process, case, change, reach, within, after, force, seed)
    if as_json:
        show_json(found.to_dict())
        return
    from wmagent.cli.log_tables import case_what_if_view

    show(case_what_if_view(found))


@app.command("plan")
@command
def plan(
    path: Model,
    source: Source,
    case: Case,
    reach: Outcome = None,
    within: Within = None,
    objective: Annotated[
        str, typer.Option(help="likely: most likely to reach it; fast: soonest; cheap: least cost.")
    ] = "likely",
    costs: Annotated[
        list[str] | None, typer.Option("--cost", metavar="ACTIVITY=COST", help="Of a decision, 1 unless given; repeat.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0.1, metavar="HOURS", help="How long waiting takes, as an option.")] = 24.0,
    steps: Annotated[int, typer.Option(min=1, help="How many decisions, at most.")] = 3,
    after: After = None,
    columns: Columns = None,
    skip_bad: SkipBad = False,
    lifecycle: Lifecycle = "complete",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Choose the next decisions for a case. Only what the organisation decides is chosen (see: wmagent ownership).

    Examples:

        wmagent case plan loans.wm loans.xes.gz 173688 --reach A_APPROVED

        wmagent case plan loans.wm loans.xes.gz 173688 --objective fast --steps 2 --json

        wmagent case plan loans.wm loans.xes.gz 173688 --objective cheap --cost "W_Nabellen offertes=5"
    """
    from wmagent.events.plans import plan as answer

    process = recorded(path, source, columns, skip_bad, lifecycle)
    found = answer(process, case, reach, within, _objective(objective), _costs(costs or []), wait, after, steps, seed)
    if as_json:
        show_json(found.to_dict())
        return
    from wmagent.cli.log_tables import case_plan_view

    show(case_plan_view(found))


def recorded(path: Path, source: Path, columns: list[str] | None, skip_bad: bool, lifecycle: str) -> RecordedProcess:
    """Return the model of a folder with the log that it is asked about."""
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.recorded import RecordedProcess

    model = ProcessModel.load(path)
    log, _ = open_log(source, columns, skip_bad, lifecycle)
    return RecordedProcess(model, log)


def _change(
    do: str | None,
    skip: str | None,
    insert: tuple[str, int] | None,
    swap: tuple[str, str] | None,
    wait: float | None,
) -> Change:
    from wmagent.domain.interventions import Do, Insert, Skip, Swap, Wait
    from wmagent.domain.types import Action

    given: list[Change] = []
    if do is not None:
        given.append(Do((Action(do),)))
    if skip is not None:
        given.append(Skip((Action(skip),)))
    if insert is not None:
        given.append(Insert(Action(insert[0]), insert[1]))
    if swap is not None:
        given.append(Swap(Action(swap[0]), Action(swap[1])))
    if wait is not None:
        given.append(Wait(wait))
    if len(given) != 1:
        raise InputError("say one thing to change: --do A, --skip A, --insert A N, --swap A B or --wait HOURS")
    return given[0]


def _objective(word: str) -> Literal["likely", "fast", "cheap"]:
    if word == "likely" or word == "fast" or word == "cheap":
        return word
    raise InputError(f"--objective is likely, fast or cheap, not {word!r}")


def _costs(said: list[str]) -> dict[str, float]:
    found = {}
    for text in said:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError as error:
            raise InputError(f"--cost takes ACTIVITY=COST, such as 'call the customer=5', not {text!r}") from error
    return found
