"""HTML text that is safe by construction: every plain string is escaped, only `Html` passes as it is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = ("img",)  # elements without contents and end tag, as far as they are used


class Html(str):
    """Text that is already HTML; only this module's functions and literals of this package make it."""

    __slots__ = ()


def safe(content: object) -> Html:
    """Return the content as HTML: `Html` unchanged, anything else as escaped text."""
    return content if isinstance(content, Html) else Html(escape(str(content), quote=True))


def tag(name: str, *contents: object, **attributes: object) -> Html:
    """Return one element; `class_` is class, other underscores become hyphens, None attributes are left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(item), quote=True)}"'
        for key, item in attributes.items()
        if item is not None
    )
    return Html(f"<{name}{written}>" + ("" if name in VOID else f"{join(contents)}</{name}>"))


def join(contents: Iterable[object], between: str = "") -> Html:
    """Return the contents one after the other, each made safe."""
    return Html(between.join(safe(content) for content in contents))


def table(head: Iterable[object], rows: Iterable[Iterable[object]], numeric: Iterable[int] = ()) -> Html:
    """Return a table in a container that scrolls sideways on narrow screens; `numeric` columns align right."""
    right = set(numeric)

    def cells(kind: str, items: Iterable[object]) -> Html:
        return join(tag(kind, item, class_="n" if i in right else None) for i, item in enumerate(items))

    body = join(tag("tr", cells("td", row)) for row in rows)
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", cells("th", head))), tag("tbody", body)),
        class_="wide",
        tabindex=0,
    )


def section(heading: str, *contents: object, note: str = "") -> Html:
    """Return a section with its heading and a line on how to read it; an empty section vanishes."""
    if not any(safe(content) for content in contents):
        return Html("")
    how = tag("p", note, class_="note") if note else Html("")
    return tag("section", tag("h2", heading), how, *contents)
