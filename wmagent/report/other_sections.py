"""The parts of the page beside the plan: what-ifs with their truth, anomalies, the model's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wmagent.domain.answers import Anomaly, WhatIf
from wmagent.report.charts import calibration_curve, probability_bar
from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.wording import arrow, interval, outlook, percent, value, warrant


def what_ifs(answers: Sequence[tuple[WhatIf, float | None]]) -> Html:
    """Return each what-if beside the plan without it, what remains possible, and the exact truth if known."""
    parts = []
    for answer, truth in answers:
        rows = [("as planned", arrow(answer.baseline_actions), percent(answer.baseline_probability), "")]
        bar = probability_bar(answer.probability, answer.interval, truth)
        rows.append(("what if", arrow(answer.actions), percent(answer.probability), bar))
        if truth is not None:
            rows.append(("exact truth", "the same actions in the world itself", percent(truth), ""))
        if answer.replanned_probability is not None:
            best = probability_bar(answer.replanned_probability)
            rows.append(
                ("best that remains", arrow(answer.replanned_actions), percent(answer.replanned_probability), best)
            )
        said = f"{interval(answer.interval)}; {answer.wording}; support: {answer.support}"
        if answer.probability is None:
            said = "No number is given: this is outside what the model knows."
        parts.append(
            join(
                [
                    tag("h3", answer.question),
                    table(("", "course", "P(goal)", ""), rows, numeric=(2,)),
                    tag("p", said, class_="soft"),
                    *(tag("p", line) for line in outlook(answer.outlook)),
                    *(tag("p", line, class_="soft") for line in warrant(answer.warrant)),
                    *(tag("p", text, class_="warning") for text in answer.warnings),
                ]
            )
        )
    return section("What if", *parts)


def anomalies(found: Sequence[Anomaly]) -> Html:
    """Return surprising transitions and the facts that are odd about them."""
    rows = [
        (
            anomaly.index,
            tag("b", anomaly.action.label()),
            f"{anomaly.surprise:.1f}",
            f"{anomaly.p_value:.4f}",
            join(
                tag(
                    "div",
                    f"{fact.key}: expected {value(fact.expected)} ({percent(fact.expected_probability)}), saw ",
                    tag("span", f"{value(fact.seen)} ({percent(fact.seen_probability)})", class_="odd"),
                )
                for fact in anomaly.odd
            )
            or anomaly.note
            or "—",
        )
        for anomaly in found
    ]
    how = "Surprise is −log p in nats; p is the share of held-out transitions that are at least as surprising."
    body = table(("row", "action", "surprise", "p", "odd facts"), rows, (0, 2, 3)) if rows else Html("")
    return section("Odd transitions", body, note=how)


def card(content: Mapping[str, object] | None) -> Html:
    """Return the model card: plain entries as a table, groups under their names, calibration as a picture."""
    if not content:
        return Html("")
    plain = [(name, _shown(item)) for name, item in content.items() if not _is_group(item)]
    groups = [
        tag("details", tag("summary", _name(name)), _group(item), open="open" if index < 2 else None)
        for index, (name, item) in enumerate((n, i) for n, i in content.items() if _is_group(i))
    ]
    first = table(("", ""), [(_name(name), item) for name, item in plain]) if plain else Html("")
    return section("The model", calibration_curve(calibration_points(content)), first, *groups)


def calibration_points(content: Mapping[str, object]) -> list[tuple[float, float, float]]:
    """Return (said, seen, weight) from the rows of the card's `calibration`, in whichever group it lies."""
    groups = [content, *(item for item in content.values() if isinstance(item, Mapping))]
    rows = next((group["calibration"] for group in groups if isinstance(group.get("calibration"), list)), [])
    points = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, list | tuple) and len(row) == 3 and all(isinstance(part, int | float) for part in row):
            points.append((float(row[0]), float(row[1]), float(row[2])))
    return [point for point in points if point[2] > 0]


def _is_group(item: object) -> bool:
    return isinstance(item, Mapping) and bool(item)


def _group(content: object) -> Html:
    if not isinstance(content, Mapping):
        return tag("span", _shown(content))
    items = [(name, item) for name, item in content.items() if name != "calibration"]  # it is drawn above
    rows = [(_name(name), _group(item) if _is_group(item) else _shown(item)) for name, item in items]
    return table(("", ""), rows)


def _name(name: object) -> str:
    return str(name).replace("_", " ")


def _shown(item: object) -> str:
    if isinstance(item, bool) or item is None:
        return {True: "yes", False: "no", None: "—"}[item]
    if isinstance(item, float):
        return f"{item:.4g}"
    if isinstance(item, int):
        return f"{item:,}"
    if isinstance(item, Sequence) and not isinstance(item, str):
        parts = [_shown(part) for part in item[:12]]
        return ", ".join(parts) + (f", … ({len(item)} in all)" if len(item) > 12 else "")
    return str(item)
