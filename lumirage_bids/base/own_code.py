"""Code that a user supplies: the files that it is made of, and a digest of what they say."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

from lumirage_bids.base.parameters import digest

#: Larger files count by size and time, as images and weights do: reading them would take longer than planning.
LARGE = 100 * 2**20
_LONGEST_SCRIPT = 2**20
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+\(?([\w, \t]+)|import[ \t]+([\w., \t]+))", re.M
)

Code = Mapping[str, str]
"""File, by its path below the folder that all files have in common → digest of what it holds."""


def read_code(files: Iterable[Path]) -> Code:
    """What files hold.

    Parameters
    ----------
    files : iterable of Path
        One that is not there counts as absent.
    """
    found = sorted(set(files))
    common = os.path.commonpath([file.parent for file in found]) if found else ""
    return {os.path.relpath(file, common): _content(file) for file in found}


def code_digest(code: Code) -> str:
    """Digest of what files hold; empty where there are none."""
    return digest(code) if code else ""


def _content(file: Path) -> str:
    try:
        stat = file.stat()
        large = stat.st_size > LARGE
        return f"{stat.st_size}:{int(stat.st_mtime)}" if large else _hash(file, stat.st_size, stat.st_mtime_ns)[:16]
    except OSError:
        return "absent"


@lru_cache(maxsize=4096)
def _hash(file: Path, _size: int, _time: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def own_sources(cls: type) -> tuple[Path, ...]:
    """Files behind a class that keeps no ``revision`` of its own: its module, its bases', and what they import.

    A class that sets ``revision`` has an author who raises it when results change; it has none of these files. Modules
    count that lie beside the importing one or in its package; this program's own and other packages' do not.
    """
    if vars(cls).get("revision") is not None:
        return ()
    modules = {base.__module__ for base in cls.__mro__ if vars(base).get("revision") is None}
    mine = cls.__module__.partition(".")[0]
    return tuple(sorted(set(find_reached(_sources(modules, mine), find_imported)) - _list_own_modules()))


def _sources(modules: Iterable[str], mine: str) -> Iterator[Path]:
    """Files of modules, without Python's own and those of installed packages other than `mine`."""
    for name in modules:
        top = name.partition(".")[0]
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and top not in sys.stdlib_module_names:
            path = Path(file)
            if top == mine or not any(_is_installed(folder) for folder in path.parents):
                yield path


@cache
def _list_own_modules() -> frozenset[Path]:
    """Modules of this program: what it reaches by itself, and the plug-ins that keep a revision."""
    package = Path(__file__).parents[1]
    plugins = [file for file in package.rglob("*.py") if re.search(r"^    revision: ", read_script(file), re.M)]
    return frozenset(find_reached([package / "__main__.py", *plugins], find_imported))


def find_reached(starts: Iterable[Path], leads_to: Callable[[Path], Iterable[Path]]) -> tuple[Path, ...]:
    """Files and all that they lead to, and what links among them point at."""
    found: dict[Path, None] = {}
    todo = list(starts)
    while todo:
        file = todo.pop()
        if file not in found:
            found[file] = None
            todo += leads_to(file)
            if (real := Path(os.path.realpath(file))) != file:
                todo.append(real)
    return tuple(sorted(found))


def is_file(path: Path) -> bool:
    """Whether a path is one of a file that may be looked at; not one that is too long or out of reach."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_script(file: Path) -> str:
    """Text of a script; empty for what is too large, binary, or not to be read."""
    try:
        stat = file.stat()
        return _text(file, stat.st_mtime_ns) if stat.st_size <= _LONGEST_SCRIPT else ""
    except OSError:
        return ""


@lru_cache(maxsize=4096)
def _text(file: Path, _time: int) -> str:
    data = file.read_bytes()
    return "" if b"\0" in data else data.decode("utf-8-sig", "replace")


def is_python(file: Path) -> bool:
    """Whether a file is a Python script, by its name or its first line."""
    return file.suffix == ".py" or re.match(r"#!.*python", read_script(file)) is not None


def find_imported(file: Path) -> Iterator[Path]:
    """Modules that a Python script imports and that lie beside it, or in its package."""
    if not is_python(file):
        return
    roots = _roots(file)
    for level, module, names in _imports(read_script(file)):
        places = [file.parents[level - 1]] if 0 < level <= len(file.parents) else [] if level else roots
        for place in places:
            if _is_installed(place) and module.partition(".")[0] != _name_top(file, place):
                continue  # an import of another package
            yield from _modules(place, module)
            for name in names:
                yield from _modules(place, ".".join(filter(None, (module, name))))


def _imports(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Dots, module and names of the imports of a script; what Python's parser here refuses is searched for by lines."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        for dots, module, names, plain in _IMPORT.findall(text):
            yield from ((0, name.split()[0], []) for name in plain.split(",") if name.strip())
            if module or dots:
                yield len(dots), module, [name.split()[0] for name in names.split(",") if name.strip()]
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]


def _roots(file: Path) -> list[Path]:
    """Folders that absolute imports are looked up in: the file's own, and the one that holds its package."""
    folder = file.parent
    while is_file(folder / "__init__.py") and folder != folder.parent:
        folder = folder.parent
    return list(dict.fromkeys((file.parent, folder)))


def _name_top(file: Path, root: Path) -> str:
    """First name of a file's module, seen from a root."""
    return file.relative_to(root).parts[0].removesuffix(".py")


def _is_installed(folder: Path) -> bool:
    return str(folder) in {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}


def _modules(folder: Path, module: str) -> Iterator[Path]:
    """Files of a dotted module below a folder: those of its packages and its own."""
    path = folder
    for part in filter(None, module.split(".")):
        path = path / part
        yield from (file for file in (path / "__init__.py", path.with_name(f"{part}.py")) if is_file(file))
