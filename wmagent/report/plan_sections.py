"""The parts of the page that show a plan: figures, steps, contingencies, alternatives, evidence."""

from __future__ import annotations

from wmagent.domain.answers import Change, Plan
from wmagent.report.charts import probability_bar
from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.tree import tree_picture
from wmagent.report.wording import amount, arrow, hours, interval, percent, recorded, value


def summary(plan: Plan, truth: float | None, best: float | None) -> Html:
    """Return the goal as understood, the headline numbers and the warnings."""
    goal = plan.goal
    understood = " and ".join(condition.words() for condition in goal.conditions)
    limits = [f"never {condition.words()}" for condition in goal.forbidden]
    if goal.deadline is not None:
        limits.append(f"within {hours(goal.deadline)}")
    if goal.max_cost is not None:
        limits.append(f"for at most {amount(goal.max_cost)}")
    figures = [
        _figure(percent(plan.probability), f"P(goal), {interval(plan.interval)}", lead=True),
        *([_figure(hours(plan.duration), "expected duration")] if plan.duration > 0 else []),
        *([_figure(amount(plan.cost), "expected cost")] if plan.cost > 0 else []),
        _figure(plan.support, "support in recorded cases"),
        _figure(f"{plan.imagined:,}", f"imagined transitions in {plan.milliseconds:.0f} ms ({plan.planner})"),
    ]
    if best is not None:
        figures.insert(1, _figure(percent(best), "exact, by the world's oracle: the best that any policy can do"))
    if truth is not None:
        figures.insert(1, _figure(percent(truth), "exact, by the world's oracle: following such plans"))
    return join(
        [
            tag("p", "understood as ", tag("b", understood), *(f", {limit}" for limit in limits), class_="soft"),
            tag("div", *figures, class_="figures"),
            probability_bar(plan.probability, plan.interval, truth),
            *(tag("p", text, class_="warning") for text in plan.warnings),
        ]
    )


def tree(plan: Plan) -> Html:
    """Return the picture of the imagined futures with its legend."""
    if not plan.tree:
        return Html("")
    legend = tag(
        "p",
        tag("span", tag("i", class_="c"), "the chosen course, drawn bold"),
        tag("span", tag("i", class_="g"), "the goal holds"),
        tag("span", tag("i"), "another imagined state; the disc inside grows with P(goal) from there"),
        class_="legend",
    )
    picture = tag("div", tree_picture(plan.tree), class_="wide", tabindex=0)
    return section(
        "What was imagined",
        legend,
        picture,
        note="Left is now. Each line is an action with the probability of that outcome; point at it for what changes.",
    )


def steps(plan: Plan) -> Html:
    """Return the steps of the main line."""
    rows = [
        (
            number,
            tag("b", step.action.label()),
            percent(step.probability),
            changes_list(step.changes),
            hours(step.duration),
            amount(step.cost),
            f"{step.evidence.n:,} ({step.evidence.support})",
        )
        for number, step in enumerate(plan.steps, 1)
    ]
    names = ("", "step", "P(reached)", "most likely change", "time", "cost", "similar cases")
    if not rows:
        return section("The plan", tag("p", "Nothing to do: the goal holds, or no step helps."))
    head, cells = recorded(names, rows)
    return section("The plan", table(head, cells, numeric=_numeric(head)))


def contingencies(plan: Plan) -> Html:
    """Return what the plan does when a step turns out differently."""
    rows = [
        (item.after_step + 1, changes_list(item.changes), percent(item.probability), arrow(item.actions))
        for item in plan.contingencies
    ]
    return section(
        "If it turns out differently",
        table(("after step", "if instead", "P", "then"), rows, (2,)) if rows else Html(""),
    )


def alternatives(plan: Plan) -> Html:
    """Return the courses that were considered and rejected, and why."""
    rows = [
        (arrow(item.actions), percent(item.probability), hours(item.duration), amount(item.cost), item.reason)
        for item in plan.alternatives
    ]
    head, cells = recorded(("course", "P(goal)", "time", "cost", "why not"), rows)
    return section("Considered and rejected", table(head, cells, numeric=_numeric(head)) if cells else Html(""))


def evidence(plan: Plan) -> Html:
    """Return the nearest recorded cases behind every step."""
    parts = []
    for number, step in enumerate(plan.steps, 1):
        cases = step.evidence.cases
        rows = [(case.case or "—", case.action, f"{case.distance:.2f}", changes_list(case.changes)) for case in cases]
        if rows:
            head = f"Step {number}, {step.action.label()}: {step.evidence.n:,} similar recorded transitions"
            body = table(("case", "action", "distance", "what happened then"), rows, (2,))
            parts.append(tag("details", tag("summary", head), body, open="open" if number == 1 else None))
    how = "Nearest recorded transitions in the model's latent space; distance 0 is the same state and action."
    return section("Evidence", *parts, note=how)


def changes_list(changes: tuple[Change, ...]) -> Html:
    """Return changes one per line, what was and what is."""
    if not changes:
        return tag("span", "nothing changes", class_="soft")
    return join(tag("div", *_change(item)) for item in changes)


def _change(item: Change) -> tuple[object, ...]:
    before, after = value(item.before), value(item.after)
    if before == after:
        return f"{item.key} stays ", tag("span", after, class_="now")
    return f"{item.key}: ", tag("span", before, class_="was"), " → ", tag("span", after, class_="now")


def _numeric(head: list[str]) -> list[int]:
    return [i for i, name in enumerate(head) if name in ("time", "cost") or name.startswith("P(")]


def _figure(number: str, meaning: str, lead: bool = False) -> Html:
    return tag("div", tag("b", number), tag("span", meaning), class_="figure lead" if lead else "figure")
