"""The house keeps its shape: packaging, dependency directions, sizes, silence, and what imports cost."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINKED = {"worlds", "adapters", "evals"}
LONGEST = 350  # lines of a file
HEAVY = (
    "torch",
    "transformers",
    "langgraph",
    "sentence_transformers",
    "peft",
    "accelerate",
    "polars",
    "matplotlib",
    "langchain",
    "pydantic_ai",
    "smolagents",
)

# part -> what it must not import, as top-level packages or parts of wmagent
FORBIDDEN = {
    "domain": {"torch", "transformers", "langgraph", "wmagent.latent", "wmagent.model", "wmagent.planning",
               "wmagent.agent", "wmagent.worlds", "wmagent.adapters", "wmagent.language", "wmagent.evals",
               "wmagent.cli", "wmagent.report"},
    "worlds": {"torch", "transformers", "langgraph", "wmagent.latent", "wmagent.model", "wmagent.planning",
               "wmagent.agent", "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli",
               "wmagent.report"},
    "latent": {"transformers", "langgraph", "wmagent.model", "wmagent.planning", "wmagent.agent", "wmagent.worlds",
               "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli", "wmagent.report"},
    "adapters": {"langgraph", "wmagent.model", "wmagent.planning", "wmagent.agent", "wmagent.worlds",
                 "wmagent.language", "wmagent.evals", "wmagent.cli", "wmagent.report"},
    "model": {"transformers", "sentence_transformers", "langgraph", "wmagent.planning", "wmagent.agent",
              "wmagent.worlds", "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli",
              "wmagent.report"},
    "planning": {"transformers", "sentence_transformers", "langgraph", "wmagent.model", "wmagent.agent",
                 "wmagent.worlds", "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli",
                 "wmagent.report"},
    "agent": {"transformers", "sentence_transformers", "wmagent.model", "wmagent.worlds", "wmagent.adapters",
              "wmagent.language", "wmagent.evals", "wmagent.cli", "wmagent.report"},
    "events": {"transformers", "sentence_transformers", "langgraph", "wmagent.planning", "wmagent.agent",
               "wmagent.worlds", "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli",
               "wmagent.report"},
    "causal": {"torch", "transformers", "langgraph", "wmagent.domain", "wmagent.latent", "wmagent.model",
               "wmagent.planning", "wmagent.agent", "wmagent.worlds", "wmagent.adapters", "wmagent.evals",
               "wmagent.cli", "wmagent.report"},
    "words": {"torch", "numpy", "transformers", "langgraph", "wmagent.domain", "wmagent.latent", "wmagent.model",
              "wmagent.planning", "wmagent.agent", "wmagent.worlds", "wmagent.adapters", "wmagent.evals", "wmagent.cli",
              "wmagent.report"},
    "language": {"langgraph", "wmagent.evals", "wmagent.cli", "wmagent.report"},
    "service": {"torch.nn", "transformers", "langgraph", "fastapi", "mcp", "wmagent.adapters", "wmagent.language",
                "wmagent.evals", "wmagent.cli", "wmagent.serve"},
    "serve": {"torch", "transformers", "langgraph", "wmagent.latent", "wmagent.model", "wmagent.planning",
              "wmagent.agent", "wmagent.events", "wmagent.worlds", "wmagent.adapters", "wmagent.language",
              "wmagent.evals", "wmagent.cli"},
    "integrations": {"torch", "transformers", "wmagent.model", "wmagent.planning", "wmagent.events", "wmagent.worlds",
                     "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli", "wmagent.serve"},
    "pixels": {"sentence_transformers", "langgraph", "wmagent.agent", "wmagent.events", "wmagent.worlds",
               "wmagent.adapters", "wmagent.language", "wmagent.evals", "wmagent.cli", "wmagent.serve",
               "wmagent.service", "wmagent.integrations"},
    "evals": {"wmagent.cli"},
    "report": {"torch", "transformers", "langgraph", "wmagent.latent", "wmagent.model", "wmagent.planning",
               "wmagent.pixels",
               "wmagent.agent", "wmagent.worlds", "wmagent.adapters", "wmagent.evals", "wmagent.cli"},
}  # fmt: skip


SURFACES = {
    "wmagent.service",
    "wmagent.serve",
    "wmagent.integrations",
}  # only the command line, evaluations and integrations know them


def python_files() -> list[Path]:
    """Every Python file of the project, once: the links under wmagent/ are not followed."""
    folders = [ROOT / "wmagent", *(ROOT / name for name in sorted(LINKED)), ROOT / "tests"]
    return sorted(p for folder in folders for p in _walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix == ".py":
            yield path


def part_of(path: Path) -> str:
    first, *rest = path.relative_to(ROOT).parts
    return rest[0] if first == "wmagent" and len(rest) > 1 else first


def runtime_imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module, line) of every import that runs, wherever it stands; `if TYPE_CHECKING:` blocks do not run."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_parts_import_only_what_they_may() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {part_of(path)} imports {module}"
        for path in python_files()
        for module, line in runtime_imports(path)
        for banned in FORBIDDEN.get(part_of(path), ())
        if module == banned or module.startswith(banned + ".")
    ]
    assert wrong == []


def test_surfaces_are_known_to_nobody_below_them() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in python_files()
        if part_of(path) not in ("service", "serve", "integrations", "cli", "evals", "tests")
        for module, line in runtime_imports(path)
        if any(module == surface or module.startswith(surface + ".") for surface in SURFACES)
    ]
    assert wrong == []


def test_nothing_imports_the_folders_under_their_bare_names() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in python_files()
        for module, line in runtime_imports(path)
        if module.split(".")[0] in LINKED
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(LINKED))
def test_the_folders_are_linked_and_guarded(name: str) -> None:
    link = ROOT / "wmagent" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"wmagent.{name}" in done.stderr


def test_listed_packages_are_those_on_disk() -> None:
    packages = {
        ("wmagent." if part_of(path) in LINKED else "") + ".".join(path.relative_to(ROOT).parent.parts)
        for path in python_files()
        if path.name == "__init__.py" and part_of(path) != "tests"
    }
    assert set(_project()["tool"]["setuptools"]["packages"]) == packages


def test_data_files_beside_the_code_are_packaged() -> None:
    listed = _project()["tool"]["setuptools"]["package-data"]
    for folder in sorted(LINKED):
        for path in (ROOT / folder).rglob("*.yaml"):
            package = ".".join(("wmagent", *path.parent.relative_to(ROOT).parts))
            assert "*.yaml" in listed.get(package, ()), path
    tiny = {path.name for path in (ROOT / "adapters" / "tiny").iterdir()}
    kinds = {pattern.removeprefix("tiny/*") for pattern in listed["wmagent.adapters"]}
    assert {"model.safetensors", "tokenizer.json", "config.json", "training.json"} <= tiny
    assert {Path(name).suffix for name in tiny} <= kinds
    for path in (ROOT / "wmagent" / "words").glob("*.txt"):
        assert "*.txt" in listed["wmagent.words"], path
    for path in (ROOT / "wmagent" / "serve" / "studio").iterdir():
        assert f"studio/*{path.suffix}" in listed["wmagent.serve"], path


def test_one_version_everywhere() -> None:
    import wmagent

    version = _project()["project"]["version"]
    assert wmagent.__version__ == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8").replace("[", "").replace("]", "")


def test_constraints_name_no_build_no_host_and_no_path() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert "torch==2.13.0" in pins
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.\-]+==[0-9][A-Za-z0-9.]*", pin)] == []


def test_files_are_short_and_say_what_they_know() -> None:
    for path in python_files():
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= LONGEST, path
        assert ast.get_docstring(ast.parse(text)), f"{path} has no module docstring"


def test_library_code_is_silent() -> None:
    prints = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        if part_of(path) not in ("cli", "tests") and path.name != "__main__.py"  # commands, not library
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


@pytest.mark.parametrize(
    "code",
    [
        "import wmagent",
        "import wmagent; wmagent.Goal; wmagent.Plan; wmagent.InputError",
        "import wmagent.worlds, wmagent.adapters, wmagent.evals",
        "import wmagent.cli.app",
        "import wmagent.report",
        "import wmagent.integrations, wmagent.integrations.judging, wmagent.integrations.graph",
        "import wmagent.integrations.pydantic_ai, wmagent.integrations.smolagents",
    ],
)
def test_imports_stay_light(code: str) -> None:
    check = f"{code}\nimport sys\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: sys.stderr.write(' '.join(sorted(set({HEAVY!r}) & set(sys.modules)))))\n"
        "sys.argv = ['wmagent', '--help']\n"
        "from wmagent.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "what-if" in done.stdout
    assert done.stderr == ""


def test_continuous_integration_runs_what_people_run() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert "make test" in run.read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test", "lint", "clean", "help"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def _project() -> dict[str, dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
