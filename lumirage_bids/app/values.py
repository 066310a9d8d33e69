"""Values of options as users and wrappers write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from lumirage_bids.base.errors import UsageError
from lumirage_bids.output.files import read_json

UNITS_GB = {"": 1.0, "k": 1e-6, "m": 1e-3, "g": 1.0, "t": 1e3}


def positive_int(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def positive(text: str) -> float:
    """A finite number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def folder(text: str) -> Path:
    """A folder; an empty name, as of a variable that is not set, would be the one where the user is."""
    if not text.strip():
        raise ValueError
    return Path(text)


class Memory(float):
    """Gigabytes, with what was written for them; a number without a unit may have been meant otherwise."""

    written: str = ""


def gigabytes(text: str) -> Memory:
    """Memory in GB (10^9 bytes): a number of GB, or one with a unit; MiB count as MB, as the others do.

    Examples
    --------
    >>> gigabytes("16"), gigabytes("16G"), gigabytes("16000 MB"), gigabytes("0.5TiB")
    (16.0, 16.0, 16.0, 500.0)
    """
    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*(?:([kmgt]?)i?b?)\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError
    memory = Memory(positive(match[1]) * UNITS_GB[match[2].lower()])
    memory.written = text.strip()
    return memory


def megabytes(text: str) -> Memory:
    """Memory in GB from a number of MB, or one with a unit.

    Examples
    --------
    >>> megabytes("16000"), megabytes("16G")
    (16.0, 16.0)
    """
    return gigabytes(text if re.search("[a-zA-Z]", text) else f"{text}M")


positive_int.__name__ = "positive whole number"
positive.__name__ = megabytes.__name__ = "positive number"
gigabytes.__name__ = "positive number, with a unit or without (16, 16G, 16000M),"


def names(given: Iterable[str]) -> tuple[str, ...]:
    """Names from a list whose items may themselves be lists with commas, each once.

    Examples
    --------
    >>> names(["01,02", "02", "03,"]), names([""])
    (('01', '02', '03'), ('',))
    """
    every = [[part.strip() for part in item.split(",")] for item in given]
    return tuple(dict.fromkeys(part for parts in every for part in parts if part or not any(parts)))


def labels(given: Iterable[str], prefix: str) -> tuple[str, ...]:
    """BIDS labels, with or without their key.

    Examples
    --------
    >>> labels(["sub-01,02"], "sub-")
    ('01', '02')
    """
    return tuple(dict.fromkeys(name.removeprefix(prefix) for name in names(given)))


def absolute_file(name_or_path: str, suffix: str) -> str:
    """The name of something that comes with the program as it is, the path of a file in full."""
    return str(Path(name_or_path).absolute()) if name_or_path.endswith(suffix) else name_or_path


def derivatives(items: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """Derivative datasets by name, and what to tell of names that were not given.

    Parameters
    ----------
    items : iterable of str
        ``NAME=PATH``, or ``PATH``; then it is called like the program that made it, as the dataset's description says,
        or like its folder.

    Raises
    ------
    UsageError
        A name is no word, or given to two datasets.
    """
    found: dict[str, Path] = {}
    notes = []
    for item in items:
        name, equals, path = item.partition("=")
        if not equals or (not name.isidentifier() and Path(item).exists()):
            if Path(item).absolute() in found.values():
                continue  # given twice
            path, name = item, _name_of(Path(item))
            name = next(n for n in (name, *(f"{name}_{i}" for i in range(2, 99))) if n not in found)
            notes.append(f"Derivatives {path} are called {name}; for another name give --derivatives NAME={path}.")
        if not name.isidentifier() or not path:
            raise UsageError(
                f"--derivatives {item}: give NAME=PATH, with a name of letters, digits and underscores, or PATH."
            )
        if found.get(name, Path(path).absolute()) != Path(path).absolute():
            raise UsageError(f"--derivatives names '{name}' twice; give each dataset a name of its own.")
        found[name] = Path(path).absolute()
    return found, notes


def _name_of(folder: Path) -> str:
    """What a derivative dataset is called in the command line when the user does not say."""
    about = read_json(folder / "dataset_description.json") if folder.is_dir() else {}
    made_by = about.get("GeneratedBy")
    first = made_by[0] if isinstance(made_by, list) and made_by else None
    program = first.get("Name") if isinstance(first, dict) else None
    named = next((text for text in (program, about.get("Name"), folder.absolute().name) if isinstance(text, str)), "")
    word = re.sub(r"\W+", "_", named.lower()).strip("_")
    return word if word.isidentifier() else f"derivatives_{word}".rstrip("_")
