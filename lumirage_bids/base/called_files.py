"""What a command leads to: its program, the files that it names, and what scripts among these call in turn."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.own_code import find_imported, find_reached, is_file, is_python, read_script

_SUFFIXES = {".py", ".sh", ".bash", ".zsh", ".r", ".m", ".pl", ".jl", ".lua", ".js", ".so"}
# Not code, though a folder of code holds them.
_LEFT_OUT = re.compile(r"\..*|__pycache__|.*\.(pyc|pyo|log)")
_INTERPRETER = re.compile(r"(python|pypy)[\d.]*|(ba|da|z|k)?sh|env|perl|Rscript|R|julia|octave|matlab|node|java")
# What the operating system holds is not the user's; /usr/local is.
_SYSTEM = re.compile(r"/(bin|sbin|lib\d*|libx32|etc|dev|proc|sys|usr/(bin|sbin|lib\d*|libexec|share|include))(/|$)")
_VARIABLE = re.compile(r"\$\{\w+\}|\$\w+|\$\(dirname [^)]*\)")
_WORD = re.compile(r"[\w@%+.,~/-]+")
_FULL = re.compile(r"(?<![\w.~])[/~][^\s,\[\]'\"=;:|&]+")
_SOURCED = re.compile(r"^[ \t]*(?:source|\.)[ \t]+[\"']?([^\s\"';]+)", re.M)
# Words before the program of a line of a shell script.
_BEFORE = re.compile(r"exec|env|nice|time|nohup|command|sudo|xargs|then|do|else|if|while|!|\{|\w+=.*|-.*|\d+")
_MOST_FOLDERS = 20


def called_files(argv: Sequence[str]) -> tuple[Path, ...]:
    """Files of the user's that a command leads to.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.

    Returns
    -------
    tuple of Path
        The program, unless it is an interpreter or the operating system's; files that arguments name in full; the
        module of ``python -m``; and programs, scripts and Python modules that scripts among these name, and so on.
        Other files that a script names do not count: it may write them.
    """
    line = shlex.join(argv)
    starts = [file for word in argv for file in _find_in_argument(word)]
    starts += [file for word in argv if " " in word for file in _programs(_commands(word))]
    starts += [*_programs(_commands(line)), *_modules_run(line, [])]
    scripts = frozenset(starts)
    return find_reached(starts, lambda file: (*find_imported(file), *_files_named(file, scripts)))


def check_depends(names: Iterable[str]) -> None:
    """Refuse names of files and folders that would depend on where the program is started.

    Raises
    ------
    UsageError
        One is not given in full.
    """
    for name in names:
        if not Path(name).is_absolute():
            raise UsageError(f"depends holds {name!r}; files and folders must be given in full.")


def tell_absent(names: Iterable[str]) -> str:
    """Say what of `depends` is not there; empty where all is."""
    absent = [name for name in names if not Path(name).exists()]
    return f"depends names {', '.join(absent)}, which is not there" if absent else ""


def files_below(names: Iterable[str]) -> tuple[Path, ...]:
    """Files that are named, and those below folders that are; not what Python and git leave there, nor logs."""
    return tuple(sorted({file for name in names for file in _walk_below(Path(name))}))


def _walk_below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    seen = set()
    for folder, folders, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders[:] = []
            continue
        folders[:] = [name for name in folders if not _LEFT_OUT.fullmatch(name)]
        seen.add(real)
        yield from (file for name in files if not _LEFT_OUT.fullmatch(name) and is_file(file := Path(folder, name)))


def _find_in_argument(word: str) -> list[Path]:
    """Files of the user's that an argument names in full: as it is, behind a ``=``, or between brackets and commas."""
    parts = {word, word.partition("=")[2], word.rpartition("=")[2], *_FULL.findall(word)}
    folders = [Path(part, "__main__.py") for part in parts]
    return [file for part in (*parts, *map(str, folders)) for file in _find_in_full(part)]


def _find_in_full(word: str) -> list[Path]:
    """The file of the user's that a word names in full, if there is one."""
    path = Path(os.path.expanduser(word))  # noqa: PTH111 (Path's raises for a user that there is not)
    own = path.is_absolute() and not _SYSTEM.match(str(path)) and not _INTERPRETER.fullmatch(path.name)
    return [Path(os.path.normpath(path))] if own and is_file(path) else []


def _programs(words: Iterable[str]) -> list[Path]:
    """Programs of the user's on the PATH."""
    return [file for word in words if (found := shutil.which(word)) for file in _find_in_full(found)]


def _commands(text: str) -> Iterator[str]:
    """Words of a shell script that stand where a program does."""
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        expected = True
        try:
            for word in lexer:
                if not word.strip("();|&<>`$"):
                    expected = not set(word) & set("<>")
                elif expected and not _BEFORE.fullmatch(word):
                    yield word
                    expected = False
        except ValueError:  # a quotation that goes on in the next line
            continue


def _modules_run(text: str, folders: Sequence[Path]) -> Iterator[Path]:
    """Sources of modules that ``python -m`` runs: beside a script, or on Python's path but not installed."""
    for name in re.findall(r"(?<!\S)-m\s*([A-Za-z_][\w.]*)", text):
        top = name.partition(".")[0]
        found = [p for f in folders for p in (f / f"{top}.py", f / top / "__init__.py") if is_file(p)]
        for file in found or _find_on_path(top):
            yield from sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]


def _find_on_path(module: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    installed = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    places = [Path(p, "__init__.py") for p in (spec and spec.submodule_search_locations) or ()]
    files = places or ([Path(spec.origin)] if spec and spec.origin else [])
    return [file for file in files if not any(file.is_relative_to(place) for place in installed)]


def _is_code(file: Path) -> bool:
    return is_file(file) and (file.suffix.lower() in _SUFFIXES or os.access(file, os.X_OK))


def _files_named(file: Path, scripts: frozenset[Path]) -> Iterator[Path]:
    """Programs and scripts that a script names: in full, beside itself or in a folder that it names, or by the PATH."""
    text = read_script(file) if file in scripts or _is_code(file) else ""
    if not text:
        return
    sourced = set(_SOURCED.findall(text)) if not is_python(file) else set()
    plain = _VARIABLE.sub("", text)
    words = {*_WORD.findall(plain), *(_VARIABLE.sub("", word) for word in sourced)}
    absolute = (Path(word) for word in sorted(words) if word.startswith("/"))
    folders = [file.parent, *islice((path for path in absolute if _is_folder(path)), _MOST_FOLDERS)]
    inside = {folder: _names_in(folder) for folder in folders}
    for word in words:
        for path in _find_in_full(word) or _find_near(word, inside):
            if path != file and (_is_code(path) or any(path.name == Path(w).name for w in sourced)):
                yield path
    yield from _modules_run(plain, folders)
    yield from _programs(_find_called_by_python(text) if is_python(file) else _commands(text))


def _find_near(word: str, inside: Mapping[Path, frozenset[str]]) -> Iterator[Path]:
    """Files that a word names below one of some folders, given with the names in each."""
    name = word.lstrip("/")
    first = name.partition("/")[0]
    if not name.strip("./-"):
        return
    for folder, names in inside.items():
        if (first in {".", ".."} or first in names) and is_file(path := folder / name):
            yield Path(os.path.normpath(path))


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in folder.iterdir())
    except OSError:
        return frozenset()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _find_called_by_python(text: str) -> Iterator[str]:
    """Texts of a Python script that stand where `subprocess` has a program: first in a list, or the first argument."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return
    for node in ast.walk(tree):
        values = (
            node.elts if isinstance(node, ast.List | ast.Tuple) else node.args if isinstance(node, ast.Call) else []
        )
        for value in values[:1]:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and "\0" not in value.value:
                yield value.value.split(" ", 1)[0]
