from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path

import pytest

from lumirage_bids import methods
from lumirage_bids.base.called_files import called_files, files_below
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.own_code import code_digest, own_sources, read_code
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.arms import choose_arms
from lumirage_bids.methods.command import Command
from tests.small_plan import asked


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
    package = tmp_path / "mine"
    script(package / "__init__.py", "")
    script(package / "helper.py", "SHIFT = 2\n")
    script(package / "sub" / "__init__.py", "from lumirage_bids.methods.networks.grid import NetworkGrid\n")
    script(package / "base.py", OWN.format(revision="", version="1") + "\nfrom mine.helper import SHIFT\n")
    script(package / "method.py", "import torch, numpy as np\nfrom mine import base, sub\nclass Mine(base.Own): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = own_sources(__import__("mine.method").method.Mine)
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


REACHED = {
    "an absolute import inside a package": (
        {"main.py": "import pkg.a", "pkg/__init__.py": "", "pkg/a.py": "from pkg.b import x", "pkg/b.py": ""},
        "python3 {0}/main.py",
        "pkg/b.py",
    ),
    "an import of a script with a BOM": (
        {"main.py": "\ufeffimport helper", "helper.py": ""},
        "python3 {0}/main.py",
        "helper.py",
    ),
    "an import of a script for a newer Python": (
        {"main.py": "import helper\ntype X = int\n", "helper.py": ""},
        "python3 {0}/main.py",
        "helper.py",
    ),
    "an import of a script without suffix": ({"main": "import helper", "helper.py": ""}, "python3 {0}/main", None),
    "a script without suffix that sh is given": ({"run": "{0}/tool", "tool": "#!/bin/sh"}, "sh {0}/run", "tool"),
    "a program within sh -c": ({"tool": "#!/bin/sh"}, "sh -c 'exec \"{0}/tool\" {{fixed}}'", "tool"),
    "a program behind env and nice": ({"tool": "#!/bin/sh"}, "env A=1 nice -n 5 tool", "tool"),
    "a file behind a second equals sign": ({"a=b.cfg": ""}, "true --config={0}/a=b.cfg", "a=b.cfg"),
    "a file within brackets": ({"init.mat": ""}, "true [{0}/init.mat,1]", "init.mat"),
    "a file behind an option in one word": ({"p.txt": ""}, "true '-p {0}/p.txt'", "p.txt"),
    "a folder that Python runs": (
        {"app/__main__.py": "import other", "app/other.py": ""},
        "python3 {0}/app",
        "app/other.py",
    ),
    "a sourced file": ({"run.sh": ". ./settings.env", "settings.env": "A=1"}, "{0}/run.sh", "settings.env"),
    "a program in a folder that is named": (
        {"run.sh": "T={0}/lib\n$T/deep.py", "lib/deep.py": ""},
        "{0}/run.sh",
        "lib/deep.py",
    ),
    "a program that Python starts": (
        {"main.py": "import subprocess\nsubprocess.run(['tool', 'x'])", "tool": "#!/bin/sh"},
        "python3 {0}/main.py",
        "tool",
    ),
    "a module that a script runs": (
        {"run.sh": "cd {0}\npython3 -m pkg.a", "pkg/__init__.py": "", "pkg/a.py": ""},
        "{0}/run.sh",
        "pkg/a.py",
    ),
    "what lies beside the target of a link": (
        {"run.sh": "tool-link", "real/main.py": "import helper", "real/helper.py": ""},
        "{0}/tool-link",
        "real/helper.py",
    ),
}


@pytest.mark.parametrize("case", REACHED)
def test_what_is_reached(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, command, expected = REACHED[case]
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for name, text in files.items():
        script(tmp_path / name, text.format(tmp_path) if "{0}" in text else text)
    (tmp_path / "tool-link").symlink_to(tmp_path / "real" / "main.py")
    found = called_files([word.replace("{{", "{").replace("}}", "}") for word in shlex.split(command.format(tmp_path))])
    assert expected is None or tmp_path / expected in found


def test_what_looks_like_a_folder_of_the_system_is_not_taken_for_it() -> None:
    assert not any(
        map(called_files_system, ("/processing/x", "/devel/x", "/library/x", "/usr/people/x", "/usr/local/bin/x"))
    )
    assert all(map(called_files_system, ("/bin/x", "/usr/lib/x", "/usr/lib64/x", "/proc/self", "/etc/x", "/lib64/y")))


def called_files_system(path: str) -> bool:
    from lumirage_bids.base import called_files as module

    return module._SYSTEM.match(path) is not None


def test_comments_and_data_are_no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    script(tmp_path / "conda", "#!/bin/sh")
    run = script(tmp_path / "run" / "run.sh", "# first call conda\necho conda > conda.txt\nls\n")
    assert called_files([str(run)]) == (run,)


@pytest.mark.parametrize("text", ["A" * 5000, "/" + "b" * 300, "(" * 100_000, "import " + "a." * 3000 + "a", "\0", ""])
def test_no_script_stops_the_plan(text: str, tmp_path: Path) -> None:
    for name in ("run.sh", "main.py"):
        file = script(tmp_path / name, text)
        assert called_files([str(file)]) == (file,)


def test_a_folder_counts_by_its_code(tmp_path: Path) -> None:
    kept = script(tmp_path / "lib" / "a.py", "x = 1")
    for name in ("__pycache__/a.pyc", ".git/HEAD", "run.log"):
        script(tmp_path / "lib" / name, "")
    os.mkfifo(tmp_path / "lib" / "pipe")
    (tmp_path / "lib" / "loop").symlink_to(tmp_path / "lib")
    deep = script(tmp_path / "elsewhere" / "b.py", "")
    (tmp_path / "lib" / "linked").symlink_to(tmp_path / "elsewhere")
    found = files_below([str(tmp_path / "lib")])
    assert [file.resolve() for file in found] == [kept, deep]


def test_the_digest_of_code_tells_contents_and_places_among_each_other(tmp_path: Path) -> None:
    def tree(root: Path, one: str, two: str) -> tuple[Path, ...]:
        return script(root / "one" / "a.py", one), script(root / "two" / "a.py", two)

    here, there, swapped = (tree(tmp_path / n, *t) for n, t in (("h", "12"), ("t", "12"), ("s", "21")))
    assert code_digest(read_code(here)) == code_digest(read_code(there)) != code_digest(read_code(swapped))
    assert code_digest(read_code([])) == ""
    gone = read_code([tmp_path / "gone.py"])
    assert gone == {"gone.py": "absent"}
