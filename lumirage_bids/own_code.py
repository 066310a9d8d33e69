"""Code that a user supplies: the files that it is made of, and a digest of what they say."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from lumirage_bids.parameters import digest

#: Larger files count by size and time, as images and weights do: reading them would take longer than planning.
LARGE = 100 * 2**20
_LONGEST_SCRIPT = 2**20
_SUFFIXES = {".py", ".sh", ".bash", ".zsh", ".r", ".m", ".pl", ".jl", ".lua", ".js", ".so"}
_INTERPRETER = re.compile(r"(python|pypy)[\d.]*|(ba|da|z|k)?sh|env|perl|Rscript|R|julia|octave|matlab|node|java")
# What the operating system holds is not the user's; /usr/local is.
_SYSTEM = re.compile(r"/(bin|sbin|lib\w*|etc|dev|proc|sys|usr/(?!local/))")
_VARIABLE = re.compile(r"\$\{\w+\}|\$\w+")
_WORD = re.compile(r"[\w@%+.,~/-]+")


def code_digest(files: Iterable[Path]) -> str:
    """Digest of names and contents of files; empty where there are none.

    Parameters
    ----------
    files : iterable of Path
        Their folders do not count, so that code may be moved. One that is not there counts as absent.
    """
    found = sorted({(file.name, _content(file)) for file in files})
    return digest(found) if found else ""


def _content(file: Path) -> str:
    try:
        stat = file.stat()
        large = stat.st_size > LARGE
        return f"{stat.st_size}:{int(stat.st_mtime)}" if large else _hash(file, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return "absent"


@lru_cache(maxsize=4096)
def _hash(file: Path, _size: int, _time: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def own_sources(cls: type) -> tuple[Path, ...]:
    """Files behind a class that keeps no ``revision`` of its own: its module and what that imports beside itself.

    A class that sets ``revision`` has an author who raises it when results change; it has none of these files.
    """
    if vars(cls).get("revision") is not None:
        return ()
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return _reached([Path(file)], _imported) if file else ()


def called_files(argv: Sequence[str]) -> tuple[Path, ...]:
    """Files of the user's that a command leads to.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.

    Returns
    -------
    tuple of Path
        The program, unless it is an interpreter or the operating system's; arguments, or what follows their ``=``,
        that are files in full; the module of ``python -m``; and programs, scripts and Python modules that scripts
        among these name, and so on. Other files that a script names do not count: it may write them.
    """
    starts = [file for word in argv for file in _in_full(word.rpartition("=")[2])]
    starts += _programs(argv[:1])
    if "-m" in argv[:-1]:
        starts += _module(argv[argv.index("-m") + 1])
    return _reached(starts, lambda file: (*_imported(file), *_named(file)))


def _reached(starts: Iterable[Path], leads_to: Callable[[Path], Iterable[Path]]) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    todo = list(starts)
    while todo:
        file = todo.pop()
        if file not in found:
            found[file] = None
            todo += leads_to(file)
    return tuple(sorted(found))


def _in_full(word: str) -> list[Path]:
    """The file of the user's that a word names in full, if there is one."""
    path = Path(os.path.expanduser(word))  # noqa: PTH111 (Path's raises for a user that there is not)
    own = path.is_absolute() and not _SYSTEM.match(str(path)) and not _INTERPRETER.fullmatch(path.name)
    try:
        return [Path(os.path.normpath(path))] if own and path.is_file() else []
    except (OSError, ValueError):  # too long, or no name at all
        return []


def _programs(words: Iterable[str]) -> list[Path]:
    return [file for word in words if (found := shutil.which(word)) for file in _in_full(found)]


def _module(name: str) -> list[Path]:
    """Sources of a module that ``python -m`` runs, unless it was installed."""
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])  # a part of it would be imported to be found
    except (ImportError, ValueError):
        return []
    places = [Path(p) for p in (spec and spec.submodule_search_locations) or ()]
    files = [Path(spec.origin)] if spec and spec.origin and not places else []
    installed = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    found = [*files, *(file for place in places for file in sorted(place.rglob("*.py")))]
    return [file for file in found if not any(file.is_relative_to(place) for place in installed)]


@lru_cache(maxsize=4096)
def _script(file: Path) -> str:
    """Text of a script; empty for everything else."""
    try:
        if file.stat().st_size > _LONGEST_SCRIPT or not _is_code(file):
            return ""
        data = file.read_bytes()
    except OSError:
        return ""
    return "" if b"\0" in data else data.decode("utf-8", "replace")


def _is_code(file: Path) -> bool:
    try:
        return file.suffix.lower() in _SUFFIXES or os.access(file, os.X_OK)
    except ValueError:
        return False


def _imported(file: Path) -> Iterator[Path]:
    """Modules that lie beside a Python script and that it imports."""
    text = _script(file)
    if file.suffix != ".py" and not re.match(r"#!.*python", text):
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _beside(file.parent, alias.name)
        elif isinstance(node, ast.ImportFrom):
            folder = file.parents[max(0, node.level - 1)] if node.level <= len(file.parents) else file.parent
            yield from _beside(folder, node.module or "")
            for alias in node.names:
                yield from _beside(folder, ".".join(filter(None, (node.module, alias.name))))


def _beside(folder: Path, module: str) -> Iterator[Path]:
    """Files of a dotted module below a folder: those of its packages and its own."""
    path = folder
    for part in filter(None, module.split(".")):
        path = path / part
        candidates = (path / "__init__.py", path.with_name(f"{part}.py"))
        yield from (file for file in candidates if file.is_file())


def _named(file: Path) -> Iterator[Path]:
    """Programs and scripts that a script names: in full, beside itself (also by ``$HERE/name``), or by the PATH."""
    text = _script(file)
    if not text:
        return
    words = set(_WORD.findall(_VARIABLE.sub("", text)))
    for word in words:
        near = [Path(os.path.normpath(file.parent / word.lstrip("/")))] if word.strip("./-") else []
        full = _in_full(word)
        yield from (path for path in full or near if path.is_file() and path != file and _is_code(path))
    if file.suffix in {".sh", ".bash", ".zsh"} or re.match(r"#!.*sh\b", text):
        yield from _programs(word for word in words if "/" not in word)
