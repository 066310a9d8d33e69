"""Plug-ins of others: classes that installed packages declare as entry points, and files of code that a user names.

``lumirage_bids.base.extensions.NAME`` is the user's file ``NAME.py``. So every process finds what was pickled under
that name, wherever the file lies, and the file's folder hides no other module.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeGuard, TypeVar

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError

T = TypeVar("T")
logger = logging.getLogger("lumirage")

VARIABLE = "LUMIRAGE_EXTENSIONS"
"""Environment variable: files in full, separated as in PATH. ``--extension`` sets it for the processes of a run."""
GROUPS = ("methods", "labellers", "maskers", "measures")
"""What installed packages may bring: entry points of ``lumirage.methods``, …"""


__path__: list[str] = []
"""Empty, and there, so that this module can have the user's files below it."""


class _Finder(MetaPathFinder):
    """Finds the user's files as modules of this package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where the module is; None for all that are not ours."""
        parent, _, name = fullname.rpartition(".")
        here = (file for file in files() if parent == __name__ and file.stem == name)
        return next((importlib.util.spec_from_file_location(fullname, file) for file in here), None)


sys.meta_path.append(_Finder())


def files() -> list[Path]:
    """The files of code that this process was given."""
    return [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def use(given: Iterable[Path]) -> None:
    """Take files of code for this process and those that it starts.

    Parameters
    ----------
    given : iterable of Path
        Python files; they are run, so they must be trusted.

    Raises
    ------
    MissingInputError
        One is not there.
    UsageError
        One cannot be a module by its name, or two have the same.
    BadDataError
        One cannot be run.
    """
    known = list(dict.fromkeys([*files(), *(file.absolute() for file in given)]))
    for file in known:
        if not file.is_file():
            raise MissingInputError(f"No extension {file}. Give a Python file.")
        if file.suffix != ".py" or not file.stem.isidentifier():
            raise UsageError(
                f"Extension {file}: its name is not one of a Python module, such as my_method.py. Rename it."
            )
        if os.pathsep in str(file):
            raise UsageError(f"Extension {file}: there is a {os.pathsep!r} in its path. Put it elsewhere.")
        if double := [other for other in known if other.stem == file.stem and other != file]:
            raise UsageError(f"Extensions {file} and {double[0]} have the same name. Rename one.")
    os.environ[VARIABLE] = os.pathsep.join(map(str, known))
    for file in known:
        _load(file)


def find_classes(group: str, base: type[T]) -> Iterator[tuple[str, type[T]]]:
    """Plug-ins of others.

    Parameters
    ----------
    group : str
        One of `GROUPS`.
    base : type
        The class that they are derived from.

    Yields
    ------
    origin : str
        Where it is from, in words.
    found : type
        Concrete, with a ``name`` of its own.
    """
    for file in files():
        yield from ((str(file), found) for found in classes_in(_load(file), base))
    for point in _points(group):
        value = _load_point(point)
        if is_plug_in(value, base):
            yield _origin(point), value
        elif value is not None:
            complain(f"{_origin(point)} is {value!r}, and not a {base.__name__} with all that it needs")


def classes_in(module: ModuleType, base: type[T]) -> Iterator[type[T]]:
    """Plug-ins of a module, without those that it only imports."""
    for value in vars(module).values():
        if is_plug_in(value, base) and value.__module__ == module.__name__:
            yield value


def is_plug_in(value: object, base: type[T]) -> TypeGuard[type[T]]:
    """Whether something is a class derived from `base` that is whole and has a ``name`` of its own."""
    is_kind = isinstance(value, type) and issubclass(value, base)
    return is_kind and "name" in vars(value) and not inspect.isabstract(value)


def _load(file: Path) -> ModuleType:
    """Run a file of code, once a process."""
    try:
        return importlib.import_module(f"{__name__}.{file.stem}")
    except (Exception, SystemExit) as error:
        raise BadDataError(f"Extension {file} cannot be imported: {_words(error, file)}. Fix it.") from error


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"lumirage.{group}")) if group in GROUPS else ()


@cache
def _load_point(point: EntryPoint) -> object:
    """What an entry point names; None, and a warning, where that cannot be had: the others do without it."""
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        complain(f"{_origin(point)} cannot be imported: {_words(error)}")
        return None


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"entry point '{point.name}' in {point.group}{package}"


@cache
def complain(about: str) -> None:
    """Warn, once a process."""
    logger.warning("Extension left out: %s.", about)


def _words(error: BaseException, file: Path | None = None) -> str:
    """What went wrong, and in which line of the file."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if file is not None and trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        line = error.lineno
    return f"{type(error).__name__}: {error}{f' (line {line})' if line else ''}"
