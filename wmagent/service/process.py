"""The tools of an event log's model, asked about the cases of a log. Knows process models; no transport."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from wmagent.domain.interventions import Do, Insert, Skip, Swap, Wait
from wmagent.domain.types import Action
from wmagent.errors import unknown
from wmagent.report.wording import percent
from wmagent.service import answers as told
from wmagent.service import case_questions as asked
from wmagent.service.answers import MOST_ACTIONS, MOST_WARNINGS, verdict
from wmagent.service.examples import case_examples
from wmagent.service.offers import process_documents, process_tools
from wmagent.service.questions import ExplainQuestion
from wmagent.service.tools import Answered, Toolbox
from wmagent.service.watched import watched_process

if TYPE_CHECKING:
    from wmagent.domain.event_log import EventLog
    from wmagent.events.anomalies import Anomaly
    from wmagent.events.forecasts import CaseForecast
    from wmagent.events.plans import CasePlan
    from wmagent.events.process_model import ProcessModel
    from wmagent.events.what_if import CaseWhatIf, Change

ALPHA = 0.05  # how many of all events are flagged in the long run


class ProcessTools:
    """Answers the questions of `case_questions` with a learned model and the log its cases are in."""

    def __init__(self, model: ProcessModel, log: EventLog, folder: Path) -> None:
        from wmagent.events.recorded import RecordedProcess

        self.process, self.folder = RecordedProcess(watched_process(model), log), folder

    def toolbox(self, title: str, version: str) -> Toolbox:
        """Return the tools."""
        box: Toolbox

        def explain(question: ExplainQuestion, key: str) -> Answered:
            return Answered(told.Explained(id=question.id, text="\n".join(_lines(box.about(question.id)))))

        runs = {
            "plan": self.plan,
            "what_if": self.what_if,
            "predict": self.predict,
            "check_anomaly": self.check_anomaly,
            "describe_world": self.describe_world,
            "explain": explain,
        }
        reads = {"ownership": self._ownership, "examples": lambda: case_examples(self.process)}
        box = Toolbox(title, process_tools(runs), process_documents(reads), version)
        return box

    def plan(self, question: asked.CasePlanQuestion, key: str) -> Answered:
        """Return the next decisions for a case."""
        from wmagent.events.plans import plan

        found = plan(
            self.process,
            question.case,
            question.reach,
            question.within,
            question.objective,
            question.costs,
            question.wait,
            question.after,
            question.steps,
            question.seed,
        )
        return Answered(decision(found, key), found)

    def what_if(self, question: asked.CaseWhatIfQuestion, key: str) -> Answered:
        """Return what becomes of a case under a change."""
        from wmagent.events.what_if import what_if

        found = what_if(
            self.process,
            question.case,
            change(question),
            question.reach,
            question.within,
            question.after,
            question.force,
            question.seed,
        )
        return Answered(compared(found, key), found)

    def predict(self, question: asked.CasePredictQuestion, key: str) -> Answered:
        """Return what comes next in a case that is open."""
        self._known(question.case)
        found = self._forecasts.get(question.case)
        if found is None:
            return Answered(told.Forecast(id=key, decision="over", because="this case is over"))
        name, chance = found.next[0]
        low, middle, high = found.remaining_hours
        forecast = told.Forecast(
            id=key,
            decision="told",
            because=f"after {found.last} most likely {name} ({percent(chance)})",
            next=list(found.next),
            likely=list(found.likely),
            remaining_hours=(low, middle, high),
        )
        return Answered(forecast, found)

    def check_anomaly(self, question: asked.CaseAnomalyQuestion, key: str) -> Answered:
        """Return the odd events of a case."""
        self._known(question.case)
        found = self._anomalies.get(question.case, [])
        odd = [
            told.OddEvent(
                event=one.event,
                activity=one.activity,
                kind=one.kind,
                p_value=one.p_value,
                expected=list(one.expected),
            )
            for one in found
        ]
        first = odd[0] if odd else None
        because = f"event {first.event} ({first.activity}): {first.kind}" if first else "nothing in this case is odd"
        judged = told.CaseJudged(id=key, decision="odd" if odd else "usual", because=because, odd=odd)
        return Answered(judged, found)

    def describe_world(self, question: asked.ProcessQuestion, key: str) -> Answered:
        """Return which activities the model knows, and who chooses them."""
        model, part = self.process.model, (question.about or "").lower()
        kinds = model.ownership.kinds
        names = [f"{name} ({kinds[name]})" for name in model.vocabulary.activities if part in name.lower()]
        world = told.World(
            title="process model",
            kind="event log",
            learned_from=f"{model.card.get('events', 0):,} events of {model.card.get('cases', 0):,} cases",
            actions=names[:MOST_ACTIONS],
            actions_left_out=max(0, len(names) - MOST_ACTIONS),
            limits="Only decisions are planned. Capacity and other cases stay as they are; answers are predicted "
            "associations.",
        )
        return Answered(world)

    def _known(self, case: str) -> None:
        if case not in self.process.log.cases:
            raise unknown("case", case, self.process.log.cases)

    def _ownership(self) -> str:
        from wmagent.events.checkpoint import OWNERSHIP

        return (self.folder / OWNERSHIP).read_text("utf-8")

    @cached_property
    def _forecasts(self) -> dict[str, CaseForecast]:
        from wmagent.events.forecasts import forecasts

        return {one.case: one for one in forecasts(self.process.model, self.process.log)}

    @cached_property
    def _anomalies(self) -> dict[str, list[Anomaly]]:
        from wmagent.events.anomalies import anomalies

        found: dict[str, list[Anomaly]] = {}
        checked = anomalies(self.process.model, self.process.log, ALPHA)
        for one in (*checked.anomalies, *checked.overdue):
            found.setdefault(one.case, []).append(one)
        return found


def change(question: asked.CaseWhatIfQuestion) -> Change:
    """Return the change that is asked about."""
    if question.do is not None:
        return Do((Action(question.do),))
    if question.skip is not None:
        return Skip((Action(question.skip),))
    if question.insert is not None:
        return Insert(Action(question.insert.activity), question.insert.place)
    if question.swap is not None:
        return Swap(Action(question.swap[0]), Action(question.swap[1]))
    assert question.wait is not None
    return Wait(question.wait)


def decision(plan: CasePlan, key: str) -> told.Decision:
    """Return a plan in short."""
    low, high = plan.interval
    labels = [step.chosen.decision for step in plan.steps]
    numbers = {
        "probability": round(plan.probability, 4),
        "interval": (round(low, 4), round(high, 4)),
        "risk": round(1 - low, 4),
        "plan": labels,
        "warnings": list(plan.notes[:MOST_WARNINGS]),
    }
    if not labels:
        because = plan.notes[0] if plan.notes else "nothing is proposed"
        return told.Decision(id=key, decision="abstain", because=because, **numbers)
    first = plan.steps[0].chosen
    because = f"{percent(plan.probability)} reach {plan.goal} this way, {percent(plan.as_is)} if nothing is decided"
    numbers |= {"support": first.support.kind, "hours": round(first.hours, 2), "cost": round(first.cost, 3)}
    return told.Decision(id=key, decision="act", action=labels[0], because=because, **numbers)


def compared(found: CaseWhatIf, key: str) -> told.Compared:
    """Return a what-if in short."""
    base, done = found.as_is.probability, found.if_done
    numbers = {
        "baseline": round(base, 4),
        "support": found.support.kind,
        "n": found.support.acted,
        "propensity": None if found.estimates is None else round(found.estimates.propensity, 4),
        "wording": found.wording,
        "warnings": list(found.notes[:MOST_WARNINGS]),
    }
    if done is None:
        return told.Compared(id=key, decision="abstain", because=found.notes[0], **numbers)
    low, high = done.interval
    numbers |= {
        "probability": round(done.probability, 4),
        "interval": (round(low, 4), round(high, 4)),
        "hours": round(done.hours[1], 2),
        "actions": list(done.typical),
    }
    because = f"{found.question}: {percent(done.probability)} reach {found.outcome}, {percent(base)} as it is"
    return told.Compared(id=key, decision=verdict(base, done.interval), because=because, **numbers)


def _lines(about: object) -> list[str]:
    """Return what stands behind an answer, one line per thing."""
    from wmagent.events.plans import CasePlan
    from wmagent.events.what_if import CaseWhatIf

    if isinstance(about, CasePlan):
        lines = [
            f"{number}. {step.chosen.decision}: {percent(step.chosen.probability)}, {step.chosen.hours:.1f} h; "
            f"{step.chosen.support.kind}, {step.chosen.support.acted} of {step.chosen.support.cases} cases did it; "
            f"nearest: {', '.join(step.chosen.support.nearest) or 'none'}"
            for number, step in enumerate(about.steps, 1)
        ]
        lines += [f"instead: {one.decision}: {percent(one.probability)}, {one.hours:.1f} h" for one in about.rejected]
        return lines + list(about.notes)
    if isinstance(about, CaseWhatIf):
        support = about.support
        lines = [f"{support.kind}: {support.acted} of {support.cases} cases in such a state did it"]
        lines.append(f"nearest cases: {', '.join(support.nearest) or 'none'}")
        if (said := about.estimates) is not None:
            robust = said.doubly_robust
            lines.append(
                f"the record itself (doubly robust): {percent(robust[0].value)} with it, {percent(robust[1].value)} "
                f"otherwise; E-value {said.e_value:.2f}"
            )
        return lines + list(about.notes)
    return ["There is nothing more to say about this."]
