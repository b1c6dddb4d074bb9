"""`wmagent demo`: the whole journey on a shipped world or on one's own transitions, ending in an HTML report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wmagent.cli.output import AsJson, Seed, command, messages, show, show_json
from wmagent.cli.parts import agent_around, check_place
from wmagent.cli.progress import learning_bar

if TYPE_CHECKING:
    from wmagent import Agent, Anomaly, Facts, Plan, Transition, WhatIf, WorldModel
    from wmagent.cli.journey import Tampered
    from wmagent.cli.journeys import Journey

SHOWN = 12  # facts of the starting state
MEASURED = 2_000  # held-out rows that exactness is measured on, at most


@dataclass(frozen=True)
class Findings:
    """What the journey found: the terminal, the JSON and the page show the same."""

    exact: float
    persistence: float
    held_out: int
    plan: Plan
    plan_truth: float | None  # of doing its first step and planning again, and so on
    best: float | None
    what_if: WhatIf | None
    what_if_truth: float | None
    anomaly: Anomaly
    tampered: Tampered
    false_alarms: float


@command
def demo(
    data: Annotated[Path | None, typer.Argument(metavar="[DATA]", help="Your transitions, not the world's.")] = None,
    goal: Annotated[str | None, typer.Option("--goal", "-g", metavar="WORDS", help="What to plan for.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For model and report.")] = Path("demo"),
    transitions: Annotated[int, typer.Option("--transitions", "-n", min=200, help="Experience to make.")] = 40_000,
    preset: Annotated[str, typer.Option(help="Size and patience: tiny, small or base.")] = "small",
    limit: Annotated[int | None, typer.Option(min=20, metavar="N", help="Use the first N rows of DATA.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Show the whole journey: learn from experience, plan, ask what-if, flag an odd step, write an HTML report.

    Without DATA the experience comes from the shipped contract-approval world, whose exact truth stands beside
    every answer. With DATA (.jsonl, .jsonl.gz, .parquet) the last tenth of the rows is held out and measured.

    Examples:

        wmagent demo

        wmagent demo transitions.jsonl --goal "network status is connected"

        wmagent demo log.parquet --limit 4000 --preset tiny -o my-demo
    """
    began = time.perf_counter()
    say = _Speaker(quiet=as_json)
    from wmagent.cli.journeys import Contracts, Recorded

    journey = Contracts(transitions, seed, goal) if data is None else Recorded(data, limit, goal)
    path, report = out / f"{journey.name}.wm", out / "report.html"
    check_place(path)
    say.head("1  Experience", journey.about)
    say.head("2  Learning a world model")
    from wmagent import WorldModel

    with learning_bar(messages()) as progress:
        model = WorldModel.learn(journey.known, preset=preset, seed=seed, progress=progress)
    model.save(path)
    findings = _travel(journey, model, say, seed)
    _write(report, findings, model)
    seconds = time.perf_counter() - began
    if as_json:
        show_json(_as_json(findings, path, report, seconds))
    say.head("6  Report", f"{report}: one file, opens without a network. The model is in {path}.")
    say.line(f"All in {seconds:.0f} s. Go on with: wmagent describe {path}, wmagent plan {path} --help")


def _travel(journey: Journey, model: WorldModel, say: _Speaker, seed: int) -> Findings:
    """Measure, plan, ask and flag, saying each as it is found."""
    from wmagent.cli.tables import anomalies_view, plan_view, what_if_view
    from wmagent.report.wording import percent

    measured = [row for row in journey.held_out if row.error is None][:MEASURED]
    exact, persistence = _exactness(model, measured)
    most = journey.ceiling(measured)
    say.line(
        f"on {len(measured):,} held-out steps the likeliest next state is exactly right in {percent(exact)} "
        f"(saying that nothing changes: {percent(persistence)}"
        + (f"; knowing the world's exact chances: {percent(most)})" if most is not None else ")")
    )
    agent = agent_around(model)
    plan, start = journey.plan(agent, seed)
    say.head("3  Planning", f"from {_in_short(start, plan)}\n")
    say.view(plan_view(plan))
    truth, best = journey.followed(agent, start, plan.goal), journey.best(start, plan.goal)
    if truth is not None:
        say.line(
            "exact truth: whoever follows such plans, planning again after every step, succeeds with "
            f"{percent(truth)}; the best that any policy can do is {percent(best)}"
        )
    say.head("4  What if")
    answer, answer_truth = _ask(journey, agent, plan, start, seed)
    if answer is None:
        say.line("the plan has no step that could be left out")
    else:
        say.view(what_if_view(answer))
        if answer_truth is not None:
            say.line(f"exact truth of the same actions, from the world's oracle: {percent(answer_truth)}")
    say.head("5  An odd transition")
    anomaly, tampered, false_alarms = _flag(journey, agent)
    say.line(f"one held-out step was recorded wrongly on purpose: {tampered.key} should be {tampered.true}")
    say.view(anomalies_view([anomaly], checked=1, flagged=int(anomaly.flagged)))
    say.line(f"of the untouched held-out steps {percent(false_alarms)} are flagged (alpha 1 %)")
    return Findings(
        exact, persistence, len(measured), plan, truth, best, answer, answer_truth, anomaly, tampered, false_alarms
    )


def _in_short(start: Facts, plan: Plan) -> str:
    """Return the facts of a state that the plan is about first, then others, up to a line or two."""
    about = [condition.key for condition in plan.goal.conditions]
    about += [change.key for step in plan.steps for change in step.changes]
    keys = [key for key in dict.fromkeys([*about, *start]) if key in start]
    more = f", … ({len(keys) - SHOWN} more facts)" if len(keys) > SHOWN else ""
    return ", ".join(f"{key}: {start[key]}" for key in keys[:SHOWN]) + more


def _exactness(model: WorldModel, rows: list[Transition]) -> tuple[float, float]:
    """Return the shares of exact next states: by the model, and by saying that nothing changes."""
    from wmagent.cli.journey import same_facts

    forecasts = model.forecast([row.before.facts for row in rows], [row.action for row in rows])
    hits = sum(same_facts(said.most_likely, row.after.facts) for said, row in zip(forecasts, rows, strict=True))
    still = sum(same_facts(row.before.facts, row.after.facts) for row in rows)
    return hits / max(len(rows), 1), still / max(len(rows), 1)


def _ask(journey: Journey, agent: Agent, plan: Plan, start: Facts, seed: int) -> tuple[WhatIf | None, float | None]:
    skipped = journey.skipped(plan)
    if skipped is None:
        return None, None
    answer = agent.what_if(start, skip=skipped.label(), until=plan.goal, seed=seed)
    return answer, journey.truth(start, answer.actions, answer.until)


def _flag(journey: Journey, agent: Agent) -> tuple[Anomaly, Tampered, float]:
    """Return the anomaly of a tampered held-out step, what was tampered with, and the share of false alarms."""
    from wmagent.cli.journey import tamper

    tampered = tamper(journey.held_out, journey.known)
    checked = agent.anomalies([tampered.transition, *journey.held_out[:MEASURED]], every=True)
    return checked[0], tampered, sum(anomaly.flagged for anomaly in checked[1:]) / max(len(checked) - 1, 1)


def _write(path: Path, found: Findings, model: WorldModel) -> None:
    from wmagent.report import render_report, write_report

    what_ifs = [found.what_if] if found.what_if else []
    page = render_report(
        found.plan,
        what_ifs,
        [found.anomaly],
        model.card,
        what_if_truths=[found.what_if_truth] if what_ifs else [],
        truth=found.plan_truth,
        best=found.best,
    )
    write_report(path, page)


def _as_json(found: Findings, model: Path, report: Path, seconds: float) -> dict[str, Any]:
    return {
        "model": str(model),
        "report": str(report),
        "held_out": {"n": found.held_out, "exact": found.exact, "persistence": found.persistence},
        "plan": found.plan.to_dict(),
        "plan_truth": found.plan_truth,
        "best_possible": found.best,
        "what_if": found.what_if.to_dict() if found.what_if else None,
        "what_if_truth": found.what_if_truth,
        "anomaly": found.anomaly.to_dict(),
        "tampered_fact": found.tampered.key,
        "false_alarms": found.false_alarms,
        "seconds": round(seconds, 1),
    }


class _Speaker:
    """Says what is going on, or nothing under --json."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def head(self, title: str, text: str = "") -> None:
        from rich.text import Text

        self.view(Text(f"\n{title}", style="bold cyan"))
        self.line(text)

    def line(self, text: str) -> None:
        if text:
            self.view(text)

    def view(self, renderable: Any) -> None:
        if not self.quiet:
            show(renderable)
