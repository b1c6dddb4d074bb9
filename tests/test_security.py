"""What SECURITY.md promises: nothing is unpickled or run out of files, hostile files of every format are refused,
hostile text stays text."""

from __future__ import annotations

import ast
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.served import loans_folder, loans_log, review_folder
from tests.test_house import part_of, python_files
from wmagent.errors import CheckpointError, InputError, WmagentError
from wmagent.service.opening import open_toolbox

BANNED = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "multiprocessing.connection"}
CALLS = {"eval", "exec", "compile", "__import__"}
LOADERS = {"torch.load", "numpy.load", "np.load", "pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load"}


def test_no_call_of_the_library_unpickles_or_runs_text() -> None:
    wrong = []
    for path in python_files():
        if part_of(path) == "tests":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{where}: imports {name}" for name in names if name in BANNED]
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            plain = ("allow_pickle", "False") in {(word.arg, ast.unparse(word.value)) for word in node.keywords}
            if called in CALLS | LOADERS | {"os.system"} and not (called == "np.load" and plain):
                wrong.append(f"{where}: calls {called}")
            for keyword in node.keywords:
                told = ast.unparse(keyword.value)
                if (keyword.arg, told) in {
                    ("shell", "True"),
                    ("allow_pickle", "True"),
                    ("trust_remote_code", "True"),
                    ("weights_only", "False"),
                    ("pickle_fallback", "True"),
                }:
                    wrong.append(f"{where}: {keyword.arg}={told}")
            if called == "yaml.load" and not any(keyword.arg == "Loader" for keyword in node.keywords):
                wrong.append(f"{where}: yaml.load without a safe loader")
    assert wrong == []


class _Attack:
    """What would write a file if it were unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def _hostile(kind: str, mark: Path) -> bytes:
    payload = pickle.dumps(_Attack(mark))
    if kind == "pickle":
        return payload
    if kind == "torch zip":
        import io

        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("archive/data.pkl", payload)
            archive.writestr("archive/version", "3")
        return packed.getvalue()
    if kind == "yaml":
        return b"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['" + bytes(mark) + b"']]"
    return json.dumps({"py/object": "pathlib.Path", "__reduce__": str(mark)}).encode()


@pytest.mark.parametrize("kind", ["pickle", "torch zip", "yaml", "json"])
@pytest.mark.parametrize("model", ["world", "process"])
def test_hostile_files_in_a_model_folder_do_nothing(tmp_path: Path, kind: str, model: str) -> None:
    mark = tmp_path / "attacked"
    assert not mark.exists()
    source = review_folder() if model == "world" else loans_folder()
    for name in sorted(path.name for path in source.iterdir() if path.is_file()):
        folder = tmp_path / f"{name}.wm"
        shutil.copytree(source, folder)
        (folder / name).write_bytes(_hostile(kind, mark))
        log = loans_log() if model == "process" else None
        try:
            open_toolbox(folder, log)
            refused = False
        except WmagentError:
            refused = True
        assert refused or name in ("README.md", "card.json", "ownership.yaml"), name
        assert not mark.exists()


def test_paths_and_addresses_are_no_models(tmp_path: Path) -> None:
    for given in ("..", "/etc", "https://example.org/model.wm", "\x00"):
        with pytest.raises((CheckpointError, InputError, ValueError)):
            open_toolbox(tmp_path / given if given != "/etc" else Path(given))


def test_names_with_script_tags_come_back_as_the_same_text() -> None:
    from wmagent.report.markup import safe, tag

    name = '<script>alert("1")</script>'
    assert "<script>" not in tag("p", name, title=name)
    assert safe(name) == "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"
