"""Files that a program calls."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from lumirage_bids.base.called_files import called_files, files_below
from tests.base.scripts import script


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
    own = [script(tmp_path / "called" / f, "") for f in ("__init__.py", "__main__.py", "sub/__init__.py")]
    assert set(called_files(["python", "-m", "called", "{output}"])) == set(own)
    assert called_files(["python", "-m", "json.tool"]) == called_files(["python", "-m", "numpy.f2py"]) == ()


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
