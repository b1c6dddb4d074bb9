"""Plans and journeys from pixels as HTML: imagined frames beside real ones, the way on a frame, what was told.
Knows the answers of `agent` and the look of `wmagent.report`; must not know models or worlds."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wmagent.pixels.reading import resized
from wmagent.report.markup import Html, join, section, table, tag
from wmagent.report.notebook import looked_at
from wmagent.report.page import document, write_report

if TYPE_CHECKING:
    from wmagent.pixels.agent import Journey, PixelPlan
    from wmagent.pixels.goals import Claim

SHOWN = 112  # pixels a side that small frames are shown at
LARGE = 336
WIDE, HIGH, PAD = 420, 160, 34  # of the curve
BELOW = "One frame a block, the start first; below each real frame the one that was imagined for it."
WAY = "The {} positions, read off the latents by a line, on the first frame; the ring is the goal."
TO_GO = "The learned distance to the goal, in blocks of actions; 0 is there."


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


def png(frame: np.ndarray, most: int = LARGE) -> str:
    """Return a frame (s, s, 3) uint8, made smaller to `most` pixels a side, as the address of a PNG that lies in the
    page itself."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(resized(frame, min(most, len(frame)))).save(written, "png")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def walked(journey: Journey) -> Html:
    """Return a journey as a part of a page: what was told, the frames, and the way beside the blocks to go."""
    return join(
        [
            tag("p", journey.explanation),
            _frames(_seen(journey)),
            _beside((_seen_way(journey), WAY.format("seen")), (_to_go(journey.to_go), TO_GO)),
        ]
    )


def planned(plan: PixelPlan) -> Html:
    """Return a plan as a part of a page: what was told, the imagined frames, and the way beside the blocks to go."""
    return join(
        [
            tag("p", plan.explanation),
            _frames(_imagined(plan)),
            _beside((_imagined_way(plan), WAY.format("imagined")), (_to_go(plan.to_go), TO_GO)),
        ]
    )


def _plan(plan: PixelPlan) -> list[Html]:
    figures = [
        _figure(f"{plan.to_go[0]:.1f}", "blocks to go now", lead=True),
        _figure(f"{plan.to_go[-1]:.1f}", f"blocks to go after {len(plan.actions)}"),
        _figure(f"{plan.imagined:,}", f"imagined blocks in {plan.milliseconds:.0f} ms"),
    ]
    return [
        tag("div", *figures, class_="figures"),
        _words(plan.explanation, plan.claims, plan.dropped, "imagined"),
        section("Frames", _frames(_imagined(plan)), note="Drawn by the decoder, one frame a block, the start first."),
        section("The way", _imagined_way(plan), note=WAY.format("imagined")),
        section("Blocks to go", _to_go(plan.to_go), note=TO_GO),
    ]


def _journey(journey: Journey) -> list[Html]:
    figures = [
        _figure("reached" if journey.reached else "not reached", "by the learned distance", lead=True),
        _figure(str(len(journey.actions)), f"blocks done, {len(journey.plans)} plans made"),
        _figure(str(len(journey.surprises)), "surprises"),
    ]
    odd = [(surprise.block, f"{surprise.p:.3f}") for surprise in journey.surprises]
    return [
        tag("div", *figures, class_="figures"),
        _words(journey.explanation, journey.claims, journey.dropped, "seen"),
        section("Frames", _frames(_seen(journey)), note=BELOW),
        section("The way", _seen_way(journey), note=WAY.format("seen")),
        section("Blocks to go", _to_go(journey.to_go), note=TO_GO),
        section("Surprises", table(("block", "p"), odd, numeric=(0, 1)) if odd else Html("")),
    ]


def _imagined(plan: PixelPlan) -> list[tuple[str, np.ndarray | None]]:
    return [("imagined", plan.frames), ("goal", _alone(plan.goal.frame))]


def _seen(journey: Journey) -> list[tuple[str, np.ndarray | None]]:
    return [("real", journey.frames), ("imagined", journey.imagined), ("goal", _alone(journey.goal.frame))]


def _imagined_way(plan: PixelPlan) -> Html:
    return _way(plan.start, plan.positions, plan.goal.position, plan.extent, "imagined")


def _seen_way(journey: Journey) -> Html:
    return _way(journey.frames[0], journey.positions, journey.goal.position, journey.extent, "seen")


def _alone(frame: np.ndarray | None) -> np.ndarray | None:
    return None if frame is None else frame[None]


def _words(explanation: str, claims: Sequence[Claim], dropped: int, path: str) -> Html:
    items = [tag("li", claim.text) for claim in claims]
    left = f" {dropped} did not hold and are not said." if dropped else ""
    note = f"Every claim on the way was checked against the {path} positions.{left}"
    return section("In words", tag("p", explanation), tag("ol", *items) if items else Html(""), note=note)


def _frames(rows: Sequence[tuple[str, np.ndarray | None]]) -> Html:
    strips = [
        tag("tr", tag("th", name), *(tag("td", _image(frame, f"{name}, block {number}", SHOWN))
                                     for number, frame in enumerate(frames)))
        for name, frames in rows if frames is not None
    ]  # fmt: skip
    return tag("div", tag("table", *strips, class_="strips"), class_="wide", tabindex=0) if strips else Html("")


def _beside(*pictures: tuple[Html, str]) -> Html:
    """Return pictures beside one another, each with a line on how to read it."""
    parts = [tag("figure", picture, tag("figcaption", note, class_="note")) for picture, note in pictures if picture]
    return tag("div", *parts, class_="beside")


def _image(frame: np.ndarray, says: str, side: int) -> Html:
    return tag("img", src=png(frame, side), alt=says, width=side, height=side)


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
    return tag(
        "svg", tag("title", f"the {kind} way"), tag("image", href=png(frame), width=LARGE, height=LARGE), *shapes,
        width=LARGE, height=LARGE, viewBox=f"0 0 {LARGE} {LARGE}", class_="picture on-frame", role="img", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


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
    return tag(
        "svg", tag("title", "blocks to go after every block"), tag("path", class_="axis", d=axis, fill="none"),
        tag("path", class_="curve", d="M" + " L".join(points)), *texts,
        width=WIDE, height=HIGH, viewBox=f"0 0 {WIDE} {HIGH}", class_="picture", role="img", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def _figure(number: str, meaning: str, lead: bool = False) -> Html:
    return tag("div", tag("b", number), tag("span", meaning), class_="figure lead" if lead else "figure")
