from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from small_plan import asked

from lumirage_bids import protocol, registration
from lumirage_bids.arms import choose_arms
from lumirage_bids.errors import UsageError
from lumirage_bids.own_code import called_files, code_digest, own_sources
from lumirage_bids.registration.command import Command


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def hash_of(root: Path, name: str, table: str) -> str:
    file = root / "protocol.toml"
    file.write_text(f"[methods.{name}]\n{table}")
    return choose_arms(protocol.load(str(file)), asked(root, methods=(name,), dry_run=True))[-1].hash


@pytest.mark.parametrize(
    "call",
    [
        'exec {there}/tool "$@"',
        'HERE=$(dirname "$0")\n"$HERE/tool" $1',
        "cd $(dirname $0); ./tool",
        "python3 {there}/deep.py",
        "tool --fast",
    ],
)
def test_a_program_that_a_script_calls_counts(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(there), prepend=os.pathsep)
    tool = script(there / "tool", "#!/bin/sh\necho 1\n")
    deep = script(there / "deep.py", "import beside\n")
    (there / "beside.py").write_text("def register(): return 1\n")
    run = script(there / "run.sh", "#!/bin/sh\n" + call.format(there=there) + f"\necho >> {tmp_path}/calls.txt\n")
    argv = f"argv = ['{run}', '{{fixed}}', '{{moving}}', '{{output}}']"
    before = hash_of(tmp_path, "command", argv)
    (tmp_path / "calls.txt").write_text("written by the program itself")
    os.utime(tool)
    assert hash_of(tmp_path, "command", argv) == before
    edited = there / "beside.py" if "deep" in call else tool
    edited.write_text(edited.read_text().replace("1", "2"))
    assert hash_of(tmp_path, "command", argv) != before
    assert deep.exists()


def test_what_argv_names_counts_and_the_systems_own_does_not(tmp_path: Path) -> None:
    weights = tmp_path / "net.pt"
    weights.write_bytes(b"\0weights")
    main = script(tmp_path / "main.py", "from package import part\n")
    part = script(tmp_path / "package" / "part.py", "from . import other\n")
    other = script(tmp_path / "package" / "other.py", "x = 1\n")
    init = script(tmp_path / "package" / "__init__.py", "")
    found = called_files([sys.executable, "-u", str(main), f"--weights={weights}", "/bin/ls", "{fixed}", "x" * 5000])
    assert set(found) == {weights, main, part, other, init}


def test_the_module_of_python_m_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    own = [script(tmp_path / "mine" / f, "") for f in ("__init__.py", "__main__.py", "sub/__init__.py")]
    assert set(called_files(["python", "-m", "mine", "{output}"])) == set(own)
    assert called_files(["python", "-m", "json.tool"]) == called_files(["python", "-m", "numpy.f2py"]) == ()


def test_what_depends_names_counts_and_must_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    script(folder / "deep" / "part", "1")
    argv = f"argv = ['true']\ndepends = ['{folder}']"
    before = hash_of(tmp_path, "command", argv)
    assert before != hash_of(tmp_path, "command", "argv = ['true']")
    script(folder / "deep" / "part", "2")
    assert hash_of(tmp_path, "command", argv) != before
    gone = registration.method("command", argv=["true"], depends=[str(tmp_path / "gone")])
    assert "is not there" in str(gone.missing(registration.Context()))
    with pytest.raises(UsageError, match="in full"):
        registration.method("command", argv=["true"], depends=["gone"])


OWN = """
from dataclasses import dataclass
from typing import ClassVar
from lumirage_bids.registration.identity import Identity

@dataclass(frozen=True, kw_only=True)
class Own(Identity):
    name: ClassVar[str] = "own"
    summary: ClassVar[str] = "of the user's"
    {revision}

    def register(self, fixed, moving, context):
        return super().register(fixed, moving, context)  # {version}
"""


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, **text: str) -> type:
    (folder / "own_method.py").write_text(OWN.format(**{"revision": "", "version": "1", **text}))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "own_method", raising=False)
    sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode
    try:
        return __import__("own_method").Own  # type: ignore[no-any-return]
    finally:
        sys.dont_write_bytecode = kept


def test_an_own_method_counts_by_its_source_unless_it_keeps_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = code_digest(imported(tmp_path, monkeypatch)().code())
    assert first == code_digest(imported(tmp_path, monkeypatch)().code()) != ""
    assert code_digest(imported(tmp_path, monkeypatch, version="2")().code()) != first
    assert imported(tmp_path, monkeypatch, revision="revision: ClassVar[int] = 3")().code() == ()
    assert own_sources(Command) == ()


def test_the_digest_of_code_tells_contents_and_not_folders(tmp_path: Path) -> None:
    one, two = (script(tmp_path / folder / "a.py", "x = 1\n") for folder in ("here", "there"))
    assert code_digest([one]) == code_digest([two]) != code_digest([one, script(tmp_path / "b.py", "")])
    assert code_digest([]) == ""
    assert code_digest([tmp_path / "gone.py"]) == code_digest([tmp_path / "here" / "gone.py"]) != ""
