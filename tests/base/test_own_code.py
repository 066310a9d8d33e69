from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from lumirage_bids import methods
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.own_code import code_digest, own_sources, read_code
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.arms import choose_arms
from lumirage_bids.methods.command import Command
from tests.base.scripts import script
from tests.small_plan import asked


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


def test_what_depends_names_counts_and_must_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    script(folder / "deep" / "part", "1")
    argv = f"argv = ['true']\ndepends = ['{folder}']"
    before = hash_of(tmp_path, "command", argv)
    assert before != hash_of(tmp_path, "command", "argv = ['true']")
    script(folder / "deep" / "part", "2")
    assert hash_of(tmp_path, "command", argv) != before
    gone = methods.method("command", argv=["true"], depends=[str(tmp_path / "gone")])
    assert "is not there" in str(gone.missing(methods.Context()))
    with pytest.raises(UsageError, match="in full"):
        methods.method("command", argv=["true"], depends=["gone"])


OWN = """
from dataclasses import dataclass
from typing import ClassVar
from lumirage_bids.methods.identity import Identity

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
    first = read_code(imported(tmp_path, monkeypatch)().code())
    assert first == read_code(imported(tmp_path, monkeypatch)().code())
    assert list(first) == ["own_method.py"]
    assert read_code(imported(tmp_path, monkeypatch, version="2")().code()) != first
    assert imported(tmp_path, monkeypatch, revision="revision: ClassVar[int] = 3")().code() == ()
    assert own_sources(Command) == ()


def test_bases_and_what_they_import_count_and_this_program_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "counted_package"
    script(package / "__init__.py", "")
    script(package / "helper.py", "SHIFT = 2\n")
    script(package / "sub" / "__init__.py", "from lumirage_bids.methods.networks.grid import NetworkGrid\n")
    script(package / "base.py", OWN.format(revision="", version="1") + "\nfrom counted_package.helper import SHIFT\n")
    script(
        package / "method.py",
        "import torch, numpy as np\nfrom counted_package import base, sub\nclass Mine(base.Own): pass\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = own_sources(__import__("counted_package.method").method.Mine)
    names = ("__init__.py", "base.py", "helper.py", "method.py", "sub/__init__.py")
    assert found == tuple(sorted(package / name for name in names))


def test_a_helper_among_this_programs_own_modules_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a fork does that adds a method in place.
    folder = Path(methods.__file__).parent
    added = folder / "zz_mine_for_a_test.py", folder / "_zz_helper_for_a_test.py"
    name = "lumirage_bids.methods.zz_mine_for_a_test"
    try:
        added[1].write_text("SHIFT = 2\n")
        text = OWN.format(revision="", version="1")
        added[0].write_text(f"{text}from lumirage_bids.methods._zz_helper_for_a_test import SHIFT\n")
        own = importlib.import_module(name).Own
        assert set(own_sources(own)) == set(added)
    finally:
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delitem(sys.modules, "lumirage_bids.methods._zz_helper_for_a_test", raising=False)
        for file in added:
            file.unlink(missing_ok=True)


def test_the_digest_of_code_tells_contents_and_places_among_each_other(tmp_path: Path) -> None:
    def tree(root: Path, one: str, two: str) -> tuple[Path, ...]:
        return script(root / "one" / "a.py", one), script(root / "two" / "a.py", two)

    here, there, swapped = (tree(tmp_path / n, *t) for n, t in (("h", "12"), ("t", "12"), ("s", "21")))
    assert code_digest(read_code(here)) == code_digest(read_code(there)) != code_digest(read_code(swapped))
    assert code_digest(read_code([])) == ""
    gone = read_code([tmp_path / "gone.py"])
    assert gone == {"gone.py": "absent"}
