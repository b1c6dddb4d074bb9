"""Small pictures as inline SVG: a probability with its interval and truth, and a calibration curve."""

from __future__ import annotations

from collections.abc import Sequence

from wmagent.report.markup import Html, join, tag
from wmagent.report.wording import percent

WIDTH = 240
HEIGHT = 18
SIDE = 220  # of the calibration square


def probability_bar(
    probability: float | None, interval: tuple[float, float] | None = None, truth: float | None = None
) -> Html:
    """Return a bar from 0 to 1 with the interval around its end and a line at the exact truth, if known."""
    if probability is None:
        return Html("")
    shapes = [
        tag("rect", class_="track", x=0.5, y=4.5, width=WIDTH - 1, height=HEIGHT - 9, rx=4),
        tag(
            "rect",
            class_="bar",
            x=0.5,
            y=4.5,
            width=f"{max(probability * (WIDTH - 1), 1):.1f}",
            height=HEIGHT - 9,
            rx=4,
        ),
    ]
    says = percent(probability)
    if interval is not None:
        low, high = (min(max(end, 0.0), 1.0) * WIDTH for end in interval)
        shapes.append(
            tag("rect", class_="span", x=f"{low:.1f}", y=1, width=f"{max(high - low, 1.5):.1f}", height=HEIGHT - 2)
        )
        says += f", 90 % interval {percent(interval[0])} to {percent(interval[1])}"
    if truth is not None:
        at = f"{min(max(truth, 0.004), 0.996) * WIDTH:.1f}"
        shapes.append(tag("line", class_="truth", x1=at, x2=at, y1=0, y2=HEIGHT))
        says += f", exact truth {percent(truth)}"
    return tag(
        "svg",
        tag("title", says),
        *shapes,
        width=WIDTH,
        height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def calibration_curve(points: Sequence[tuple[float, float, float]]) -> Html:
    """Return said against seen probability; `points` are (said, seen, weight), weight sizes the dots."""
    if not points:
        return Html("")
    pad, heaviest = 34, max(weight for _, _, weight in points) or 1.0

    def place(said: float, seen: float) -> tuple[str, str]:
        return f"{pad + said * SIDE:.1f}", f"{8 + (1 - seen) * SIDE:.1f}"

    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    curve = "M" + " L".join(" ".join(place(said, seen)) for said, seen, _ in sorted(points))
    dots = join(
        tag(
            "circle",
            tag("title", f"said {percent(said)}, seen {percent(seen)} ({weight:,.0f})"),
            class_="dot",
            cx=place(said, seen)[0],
            cy=place(said, seen)[1],
            r=f"{2 + 4 * (weight / heaviest) ** 0.5:.1f}",
        )
        for said, seen, weight in points
    )
    ticks = join(
        join(
            [
                tag("text", f"{mark:g}", x=place(mark, 0)[0], y=8 + SIDE + 16, text_anchor="middle"),
                tag("text", f"{mark:g}", x=pad - 6, y=place(0, mark)[1], text_anchor="end", dominant_baseline="middle"),
            ]
        )
        for mark in (0, 0.5, 1)
    )
    width, height = pad + SIDE + 12, SIDE + 44
    return tag(
        "svg",
        tag("title", "calibration: how often what was said with a probability was seen"),
        tag("rect", class_="track", x=x0, y=y1, width=SIDE, height=SIDE),
        tag("line", class_="ideal", x1=x0, y1=y0, x2=x1, y2=y1),
        tag("path", class_="curve", d=curve),
        dots,
        ticks,
        tag("text", "said by the model", x=pad + SIDE / 2, y=height - 4, text_anchor="middle"),
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )
