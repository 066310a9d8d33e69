"""JSON files that describe a dataset or an image, and what is read from them."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumirage_bids.base.annex import in_place_of_file, is_pointer
from lumirage_bids.base.errors import InvalidDatasetError, MissingInputError
from lumirage_bids.bids.look_up_tables import decode
from lumirage_bids.bids.scans import normalise_sequence

# Sequences that other fields than PulseSequenceType are trusted to name.
UNSAID = frozenset({"n/a", "na", "nan", "none", "null", "unknown", "unspecified", "other", "-", "?"})
"""Words of ``participants.tsv`` that name no species."""
KNOWN_SEQUENCES = frozenset({"MPRAGE", "MP2RAGE"})
ABSENT = "content not here (git annex get --include='*.json' fetches it; it may change which scans are taken)"
LATIN = "text that is not Unicode, read as Latin-1"
SURROGATES = re.compile("[\ud800-\udfff]")
EXAMPLE = '{"Name": "My dataset", "BIDSVersion": "1.10.0"}'


def read_description(root: Path, what: str) -> dict[str, Any]:
    """Read and check a dataset's ``dataset_description.json``.

    Parameters
    ----------
    root : Path
        The dataset.
    what : str
        What it is, told in errors: ``BIDS dataset``.

    Raises
    ------
    MissingInputError
        There is no such folder.
    InvalidDatasetError
        The file is missing, not a JSON object, or lacks ``Name`` or ``BIDSVersion``.
    """
    if not root.is_dir():
        raise MissingInputError(f"There is no {what} {root}: {'not a folder' if root.exists() else 'no such folder'}.")
    file = root / "dataset_description.json"
    if is_pointer(file) or (file.is_symlink() and not file.exists()):
        raise InvalidDatasetError(
            f"The content of {file}, without which {root} is not a {what}, is not here. To get it: "
            f"{shlex.join(['datalad', 'get', '-d', str(root), str(file)])}"
        )
    if other := in_place_of_file(file):
        raise InvalidDatasetError(f"{file} is {other}, not a file. Put a file there, for example {EXAMPLE}.")
    try:
        content = _clean(_parse(file.read_bytes())[0])
    except FileNotFoundError:
        below = sorted(str(path.parent) for path in root.glob("*/dataset_description.json"))
        instead = f"below it there are {', '.join(below)}; give one of these" if below else ""
        raise InvalidDatasetError(
            f"{root} is not a {what}: it has no dataset_description.json; "
            f"{instead or f'write one, for example {EXAMPLE}'}."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidDatasetError(
            f"The dataset_description.json of {what} {root} cannot be read: {error}. It needs at least {EXAMPLE}."
        ) from None
    if not isinstance(content, dict):
        raise InvalidDatasetError(f"The dataset_description.json of {what} {root} is not an object such as {EXAMPLE}.")
    for key in ("Name", "BIDSVersion"):
        if not isinstance(content.get(key), str) or not content[key]:
            raise InvalidDatasetError(
                f"The dataset_description.json of {what} {root} lacks the text {key!r}: got {content.get(key)!r:.80}. "
                f"It needs at least {EXAMPLE}."
            )
    return content


def read_participants(root: Path) -> list[dict[str, str]]:
    """Rows of ``participants.tsv``, keys in small letters; none where there is no such table or it cannot be read."""
    if in_place_of_file(root / "participants.tsv"):
        return []
    try:
        content = (root / "participants.tsv").read_bytes()
    except OSError:
        return []
    try:
        text = decode(content)
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # labels and names of species are in letters that all of these share
    lines = text.splitlines()
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    try:
        rows = list(csv.DictReader(lines, delimiter=delimiter))
    except csv.Error:
        return []
    return [{str(k).strip().lower(): v for k, v in cells.items() if isinstance(v, str)} for cells in rows]


def read_species(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Species that ``participants.tsv`` names; none where there is no such table or column.

    Returns
    -------
    said : dict
        Subject → species.
    unsaid : dict
        Subject → the word that stands there in place of one (`UNSAID`).
    """
    said: dict[str, str] = {}
    unsaid: dict[str, str] = {}
    for row in read_participants(root):
        name, species = (row.get(key, "").strip() for key in ("participant_id", "species"))
        if name and species:
            (unsaid if species.lower() in UNSAID else said)[name.removeprefix("sub-")] = species
    return said, unsaid


def sequence(metadata: Mapping[str, object]) -> str | None:
    """Pulse sequence that a sidecar names, normalised; None where it names none, or several.

    ``PulseSequenceType`` is taken as it is. Of other fields only those that spell a well-known sequence are trusted,
    and only when they agree.

    Examples
    --------
    >>> sequence({"PulseSequenceType": "MP-RAGE"}), sequence({"SequenceName": "tfl3d1_16ns"})
    ('MPRAGE', None)
    """
    value = metadata.get("PulseSequenceType")
    if isinstance(value, str) and (name := normalise_sequence(value)) and name != "NA":
        return name
    others = [metadata.get(key) for key in ("SequenceName", "PulseSequenceName", "PulseSequenceDetails")]
    names = {normalise_sequence(v) for v in others if isinstance(v, str)} & KNOWN_SEQUENCES
    return names.pop() if len(names) == 1 else None


def truth(value: object) -> bool | None:
    """Read a yes or no, also one written as text; None for anything else.

    Examples
    --------
    >>> truth(True), truth("false"), truth(None)
    (True, False, None)
    """
    return {"true": True, "false": False}.get(str(value).lower())


@dataclass(frozen=True, kw_only=True)
class Sidecars:
    """The sidecars of a dataset, read.

    Attributes
    ----------
    contents : mapping
        Path → fields, of those that can be used.
    unusable : mapping
        Path → why it cannot: content not here, broken JSON, a list in place of an object.
    repaired : mapping
        Path → what was passed over or replaced in it; a file may have several.
    """

    contents: Mapping[Path, Mapping[str, Any]]
    unusable: Mapping[Path, str]
    repaired: Mapping[Path, tuple[str, ...]]


def read_sidecars(paths: Iterable[Path], entities: Container[str]) -> Sidecars:
    """Read sidecars, whatever their encoding, without what would contradict the names of the images.

    Parameters
    ----------
    paths : iterable of Path
        JSON files.
    entities : container of str
        Names of entities (long), whose values are told by file names: fields called so do not count.
    """
    contents, reasons, repaired = {}, {}, {}
    for path in paths:
        if other := in_place_of_file(path):
            reasons[path] = f"{other} in place of a file"
            continue
        try:
            found, odd = _parse(path.read_bytes())
            if not isinstance(found, dict):
                reasons[path] = f"{type(found).__name__} in place of an object"
                continue
            contents[path], more = _repair(found, entities)
        except FileNotFoundError:
            reasons[path] = ABSENT
        except (OSError, ValueError, RecursionError) as error:
            reasons[path] = ABSENT if is_pointer(path) else f"not readable ({error})"
        else:
            if said := (*((odd,) if odd else ()), *more):
                repaired[path] = said
    return Sidecars(contents=contents, unusable=reasons, repaired=repaired)


def _parse(content: bytes) -> tuple[object, str | None]:
    """Content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark; and what is odd about it.

    Raises
    ------
    ValueError, RecursionError
        It is no JSON.
    """
    try:
        return json.loads(content), None
    except UnicodeDecodeError as error:
        try:
            return json.loads(content.decode("latin-1")), LATIN
        except ValueError:
            raise error from None


def _repair(content: Mapping[str, Any], entities: Container[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Fields without those called like an entity, in text that is text; and what was done."""
    called = [key for key in content if key in entities]
    # Associations between files are of no use here, and a wrong one stops PyBIDS.
    kept = {key: value for key, value in content.items() if key not in called and key != "IntendedFor"}
    clean = {str(_clean(key)): _clean(value) for key, value in kept.items()}
    done = [f"field {key!r}, which is an entity: the file's name counts" for key in called]
    if clean != kept:
        done.append("half a character (a lone surrogate), replaced")
    return clean, tuple(done)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(v) for v in value]
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    return value
