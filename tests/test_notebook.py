"""Answers show themselves in notebooks, safely and without touching the page; the worked notebook runs."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import samples

from tests.test_report import HOSTILE, Page
from wmagent import Condition, Explanation, Goal
from wmagent.domain.answers import Compared, Comparison, Difference
from wmagent.report.notebook import LOOK, shown

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _html(answer: object) -> str:
    html = answer._repr_html_()  # type: ignore[attr-defined]
    assert html is not None
    return html


def _compared(name: str = "late") -> Comparison:
    until = Goal((Condition("status", "approved"),), words=name)
    gain = Difference(-0.2, (-0.3, -0.1))
    ranked = (Compared(name, samples.what_if(), gain, None), Compared("burnt", samples.refused(), None, None))
    return Comparison(until, (samples.SUBMIT,), 0.51, (0.4, 0.6), ranked)


def test_answers_show_what_they_say() -> None:
    plan = Page(_html(samples.plan())).text
    for said in ("87.4 %", "submit(channel=portal)", "P(goal) 0.60 against 0.87", "c17", "the deadline is tight"):
        assert said in plan
    assert "<svg" in _html(samples.plan())
    assert "31.0 %" in Page(_html(samples.what_if())).text
    assert "No number is given" in Page(_html(samples.refused())).text
    compared = Page(_html(_compared())).text
    assert "-20.0 points (-30.0 to -10.0)" in compared
    assert compared.index("late") < compared.index("burnt")
    assert "Submit it." in Page(_html(Explanation("Submit it.\nThen wait.", ()))).text
    assert "expected approved" in Page(_html(samples.anomaly())).text
    assert shown("anything else") is None


def test_names_out_of_records_stay_text() -> None:
    named = replace(samples.plan(HOSTILE), goal=replace(samples.APPROVED, words=HOSTILE), warnings=(HOSTILE,))
    odd = replace(samples.anomaly(), note=HOSTILE, odd=(replace(samples.anomaly().odd[0], seen=HOSTILE, key=HOSTILE),))
    for answer in (named, replace(samples.what_if(), question=HOSTILE), _compared(HOSTILE), odd):
        page = Page(_html(answer))
        assert "alert('x')" in page.text
        assert "script" not in {name for name, _ in page.tags}
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "script" not in {name for name, _ in Page(_html(Explanation(HOSTILE, ()))).tags}


def test_the_look_stays_inside_the_answer() -> None:
    selectors = [one.strip() for rule in re.findall(r"([^{}]+)\{", LOOK) for one in rule.split(",")]
    assert len(selectors) > 40
    assert [one for one in selectors if ".wmagent" not in one] == ["@media (prefers-color-scheme: dark)"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert len(pictures) >= 5
    assert "get the contract approved within 10 days" in pictures[0]
    assert "status: expected" in Page(pictures[-1]).text.replace("  ", " ")
    said = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    model, steps, best = (float(number) for number in re.findall(r"0\.\d+|1\.0+", said))
    assert steps <= best + 1e-6
    assert model == pytest.approx(best, abs=0.15)
