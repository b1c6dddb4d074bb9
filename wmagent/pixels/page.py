"""Plans and journeys from pixels as HTML: imagined frames beside real ones, the way on a frame, what was told.
Knows the answers of `agent` and the look of `wmagent.report`; must not know models or worlds."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.notebook import looked_at
from wmagent.report.page import document, write_report

if TYPE_CHECKING:
    from wmagent.pixels.agent import Journey, PixelPlan
    from wmagent.pixels.goals import Claim

SHOWN = 112  # pixels a side that small frames are shown at
LARGE = 336
WIDE, HIGH, PAD = 420, 160, 34  # of the curve


def shown_plan(plan: PixelPlan) -> str:
    """Return a plan as a notebook shows it."""
    return looked_at(join([tag("h2", plan.goal.understood), *_plan(plan)]))


def shown_journey(journey: Journey) -> str:
    """Return a journey as a notebook shows it."""
    return looked_at(join([tag("h2", journey.goal.understood), *_journey(journey)]))


def plan_page(plan: PixelPlan, path: Path) -> None:
    """Write a plan as a page."""
    heading = f"Plan: {plan.goal.understood}"
    write_report(path, document(heading, join([tag("h1", heading), *_plan(plan)])))


def journey_page(journey: Journey, path: Path) -> None:
    """Write a journey as a page."""
    heading = f"Journey: {journey.goal.understood}"
    write_report(path, document(heading, join([tag("h1", heading), *_journey(journey)])))


def png(frame: np.ndarray) -> str:
    """Return a frame (h, w, 3) uint8 as the address of a PNG that lies in the page itself."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(frame).save(written, "png")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def _plan(plan: PixelPlan) -> list[Html]:
    figures = [
        _figure(f"{plan.to_go[0]:.1f}", "blocks to go now", lead=True),
        _figure(f"{plan.to_go[-1]:.1f}", f"blocks to go after {len(plan.actions)}"),
        _figure(f"{plan.imagined:,}", f"imagined blocks in {plan.milliseconds:.0f} ms"),
    ]
    rows = [("imagined", plan.frames)] if plan.frames is not None else []
    return [
        tag("div", *figures, class_="figures"),
        _words(plan.explanation, plan.claims, plan.dropped, "imagined"),
        _frames([*rows, *_goal(plan.goal.frame)], "Drawn by the decoder, one frame a block, the start first."),
        _way(plan.start, plan.positions, plan.goal.position, plan.extent, "imagined"),
        _to_go(plan.to_go),
    ]


def _journey(journey: Journey) -> list[Html]:
    figures = [
        _figure("reached" if journey.reached else "not reached", "by the learned distance", lead=True),
        _figure(str(len(journey.actions)), f"blocks done, {len(journey.plans)} plans made"),
        _figure(str(len(journey.surprises)), "surprises"),
    ]
    rows: list[tuple[str, np.ndarray]] = [("real", journey.frames)]
    if journey.imagined is not None:
        rows.append(("imagined", journey.imagined))
    odd = [(surprise.block, f"{surprise.p:.3f}") for surprise in journey.surprises]
    return [
        tag("div", *figures, class_="figures"),
        _words(journey.explanation, journey.claims, journey.dropped, "seen"),
        _frames(
            [*rows, *_goal(journey.goal.frame)],
            "One frame a block, the start first; below each real frame the one that was imagined for it.",
        ),
        _way(journey.frames[0], journey.positions, journey.goal.position, journey.extent, "seen"),
        _to_go(journey.to_go),
        section("Surprises", table(("block", "p"), odd, numeric=(0, 1)) if odd else Html("")),
    ]


def _goal(frame: np.ndarray | None) -> list[tuple[str, np.ndarray]]:
    return [] if frame is None else [("goal", frame[None])]


def _words(explanation: str, claims: Sequence[Claim], dropped: int, path: str) -> Html:
    items = [tag("li", claim.text) for claim in claims]
    left = f" {dropped} did not hold and are not said." if dropped else ""
    note = f"Every claim on the way was checked against the {path} positions.{left}"
    return section("In words", tag("p", explanation), tag("ol", *items) if items else Html(""), note=note)


def _frames(rows: Sequence[tuple[str, np.ndarray]], note: str) -> Html:
    strips = [
        tag("tr", tag("th", name), *(tag("td", _image(frame, f"{name}, block {number}", SHOWN))
                                     for number, frame in enumerate(frames)))
        for name, frames in rows
    ]  # fmt: skip
    return section(
        "Frames", tag("div", tag("table", *strips), class_="wide", tabindex=0) if strips else Html(""), note=note
    )


def _image(frame: np.ndarray, says: str, side: int) -> Html:
    return tag("img", src=png(frame), alt=says, width=side, height=side)


def _way(
    frame: np.ndarray, positions: np.ndarray | None, goal: Sequence[float] | None, extent: float | None, kind: str
) -> Html:
    """Return the path on the first frame; nothing where positions are not pairs or their units are not known."""
    if positions is None or extent is None or positions.shape[1] != 2:
        return Html("")

    def at(position: Sequence[float]) -> str:
        return " ".join(f"{LARGE * number / extent:.1f}" for number in position)

    line = "M" + " L".join(at(position) for position in positions.tolist())
    shapes = [tag("path", class_="curve", d=line)]
    for position in positions.tolist():
        x, y = at(position).split()
        shapes.append(tag("circle", class_="dot", cx=x, cy=y, r=3.5))
    if goal is not None:
        x, y = at(goal).split()
        shapes.append(tag("circle", tag("title", "goal"), class_="truth", cx=x, cy=y, r=9, fill="none"))
    picture = tag(
        "svg", tag("title", f"the {kind} way"), tag("image", href=png(frame), width=LARGE, height=LARGE), *shapes,
        width=LARGE, height=LARGE, viewBox=f"0 0 {LARGE} {LARGE}", role="img", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip
    note = f"The {kind} positions, read off the latents by a line, on the first frame; the ring is the goal."
    return section("The way", picture, note=note)


def _to_go(values: np.ndarray) -> Html:
    top = max(1.0, float(np.ceil(values.max())))

    def at(number: int, value: float) -> str:
        x = PAD + number / max(1, len(values) - 1) * (WIDE - 2 * PAD)
        return f"{x:.1f} {HIGH - PAD + value / top * (2 * PAD - HIGH):.1f}"

    points = [at(number, value) for number, value in enumerate(values.tolist())]
    axis = "M" + " L".join([at(0, top), at(0, 0), at(len(values) - 1, 0)])
    labels = [(at(0, top), f"{top:g}", "end"), (at(0, 0), "0", "end"), (at(len(values) - 1, 0), "blocks done", "end")]
    texts = [
        tag("text", says, x=float(place.split()[0]) - (6 if number < 2 else 0),
            y=float(place.split()[1]) + (4 if number < 2 else 18), text_anchor=anchor)
        for number, (place, says, anchor) in enumerate(labels)
    ]  # fmt: skip
    picture = tag(
        "svg", tag("title", "blocks to go after every block"), tag("path", class_="axis", d=axis, fill="none"),
        tag("path", class_="curve", d="M" + " L".join(points)), *texts,
        width=WIDE, height=HIGH, viewBox=f"0 0 {WIDE} {HIGH}", role="img", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip
    return section("Blocks to go", picture, note="The learned distance to the goal, in blocks of actions; 0 is there.")


def _figure(number: str, meaning: str, lead: bool = False) -> Html:
    return tag("div", tag("b", number), tag("span", meaning), class_="figure lead" if lead else "figure")
