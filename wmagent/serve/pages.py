"""What is looked at in a browser: the studio's files, and answers as reports. Knows files and kept answers as plain
data; must not know models."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from wmagent.domain.answers import Explanation, Plan, WhatIf
from wmagent.errors import InputError
from wmagent.report.page import render_report
from wmagent.serve.http import FAILURES, Missing
from wmagent.service.kept import kept
from wmagent.service.tools import Toolbox

MEDIA = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
ALONE = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"  # of a report
Id = Annotated[str, Query(max_length=60)]


def add_pages(app: FastAPI, box: Toolbox) -> None:
    """Add the studio at `/studio/` (and `/`), and `/v1/report/{id}`."""
    known = {path.name: path.read_bytes() for path in files("wmagent.serve").joinpath("studio").iterdir()}

    @app.get("/", include_in_schema=False)
    def first() -> Response:
        return RedirectResponse("/studio/")

    @app.get("/studio/{name:path}", include_in_schema=False)
    def file(name: str) -> Response:
        name = name or "index.html"
        if name not in known:
            raise Missing(f"the studio has no file {name!r}")
        kind = MEDIA[name.rpartition(".")[2]]
        return Response(known[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    @app.get("/v1/report/{key}", operation_id="report", response_class=HTMLResponse, responses=FAILURES)
    def report(key: str, what_if: Annotated[list[Id], Query(max_length=50)] = []) -> Response:  # noqa: B006
        """Return a plan that was answered, and what-ifs beside it, as one HTML page without scripts."""
        headers = {"Content-Disposition": 'attachment; filename="plan.html"', "Content-Security-Policy": ALONE}
        return HTMLResponse(reported(box, key, what_if), headers=headers)


def reported(box: Toolbox, key: str, what_ifs: list[str]) -> str:
    """Return the report of a kept plan with kept what-ifs; Missing where there is no such answer any more."""
    try:
        plan, answers = kept(box, key, Plan), [kept(box, one, WhatIf) for one in what_ifs]
    except InputError as error:
        raise Missing(str(error)) from None
    said = box.call("explain", {"id": key}).model_dump()
    return render_report(plan, answers, explanation=Explanation(said["text"], (), said["dropped"]))
