"""Plug-ins of others: files of code and entry points."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from lumirage_bids.base import extensions
from lumirage_bids.base.errors import BadDataError, LumirageError, MissingInputError, UsageError
from lumirage_bids.methods import method, methods

METHOD = '''
from dataclasses import dataclass
from typing import ClassVar

import lumirage_bids as lm


@dataclass(frozen=True, kw_only=True)
class Shift(lm.Method):
    """A shift along x.

    Attributes
    ----------
    mm : float
        How far, mm.
    """

    name: ClassVar[str] = "{name}"
    summary: ClassVar[str] = "a shift"
    mm: float = 1.0

    def register(self, fixed, moving, context):
        return lm.Transform.affine([[1, 0, 0, self.mm], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
'''


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(extensions.VARIABLE, "")


def written(folder: Path, stem: str, text: str) -> Path:
    file = folder / f"{stem}.py"
    file.write_text(text)
    return file


def test_a_file_brings_a_method_that_other_processes_find_too(tmp_path: Path) -> None:
    file = written(tmp_path, "shifts", METHOD.format(name="shift"))
    extensions.use([file])
    made = method("shift", mm=2)
    assert made.register(None, None, None).apply([0.0, 0.0, 0.0]).tolist() == [2, 0, 0]  # type: ignore[arg-type]
    assert made.code() == (file,)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).mm)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "2.0"


def test_a_name_of_ours_stays_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path, "impostor", METHOD.format(name="identity"))
    extensions.use([file])
    assert methods()["identity"].__module__ == "lumirage_bids.methods.identity"
    assert f"{file}: there is a 'identity' already" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import", r"SyntaxError: .* \(line 1\)"),
        ("\nimport nothing_of_the_kind", r"ModuleNotFoundError: No module named 'nothing_of_the_kind' \(line 2\)"),
        ("raise SystemExit(3)", r"SystemExit: 3 \(line 1\)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_by_name_and_line(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, "broken", text)
    with pytest.raises(BadDataError, match=rf"{file} cannot be imported: {said}"):
        extensions.use([file])


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        (["absent.py"], MissingInputError, "No extension"),
        (["two words.py"], UsageError, "Rename it"),
        (["notes.txt"], UsageError, "Rename it"),
        (["one/same.py", "two/same.py"], UsageError, "have the same name"),
    ],
)
def test_files_that_cannot_be_modules_are_refused(
    tmp_path: Path, names: list[str], error: type[LumirageError], said: str
) -> None:
    files = [tmp_path / name for name in names]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        if file.stem != "absent":
            file.write_text("")
    with pytest.raises(error, match=said):
        extensions.use(files)


def test_installed_packages_bring_theirs_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    """Two packages as pip lays them: one whose class is there, one whose module is not."""
    written(tmp_path, "shifting", METHOD.format(name="shift"))
    for name, value in (("good", "shifting:Shift"), ("bad", "not_there:Shift"), ("odd", "shifting:dataclass")):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[lumirage.methods]\n{name} = {value}\n")
    there = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
    code = f"{there}from lumirage_bids.methods import methods as m; print(*m())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "shift" in done.stdout.split()
    assert "bad' in lumirage.methods of bad 1.0 cannot be imported: ModuleNotFoundError" in done.stderr
    assert "odd' in lumirage.methods of odd 1.0 is <function dataclass" in done.stderr
