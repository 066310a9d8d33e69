"""PyBIDS filter files: query name → entities and sidecar fields that an image must have."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.names import ANAT_SUFFIXES, ENTITIES, same_value

Filter = Mapping[str, Mapping[str, object]]
QUERIES = {suffix.lower(): suffix for suffix in ANAT_SUFFIXES}
FILE_KEYS = frozenset({*ENTITIES.values(), "suffix", "datatype", "extension"})
OTHER_QUERIES = frozenset(
    {
        *(
            "asl",
            "bold",
            "boldref",
            "dwi",
            "dwiref",
            "eeg",
            "epi",
            "events",
            "fmap",
            "ieeg",
            "m0scan",
            "magnitude",
            "meg",
        ),
        *("mrs", "motion", "nirs", "pet", "phasediff", "physio", "roi", "sbref", "beh", "micr", "mrsi", "svs", "cbv"),
    }
)
"""Queries of apps for other data; a filter file is often shared with them."""
SPECIAL = {"Query.NONE": None, "Query.ANY": "*", "Query.REQUIRED": "*"}
"""PyBIDS' words for an entity that must be absent, or present, as NiPreps have them in filter files."""
VALUES = 'a string, a number, true or false, a list of these, null (must be absent) or "*" (must be present)'


def list_filters() -> list[str]:
    """Names of the filters that come with the program."""
    folder = resources.files("lumirage_bids") / "bids_filters"
    return sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))


def read_filter(name_or_path: str) -> Filter:
    """Read a PyBIDS filter by name or from a file.

    Parameters
    ----------
    name_or_path : str
        One of `list_filters`, or a JSON file.

    Returns
    -------
    mapping
        Query name → entity or sidecar field → value, as in the file, each query with its suffix; without `passed_over`.

    Raises
    ------
    MissingInputError
        The file does not exist.
    UsageError
        Unknown name, JSON that cannot be read, unknown query or value of a wrong kind.
    """
    content = _read(name_or_path)
    others = _list_others(content)
    if not others:
        return check_filter(content, name_or_path)
    anatomical = {name: query for name, query in content.items() if name not in others}
    if not anatomical:
        raise UsageError(
            f"Filter {name_or_path} has no query for anatomical images, only {', '.join(others)}. Add one of: "
            f"{', '.join(QUERIES)}."
        )
    return check_filter(anatomical, name_or_path)


def passed_over(name_or_path: str) -> tuple[str, ...]:
    """Names of a filter's queries for other data than anatomical images, as files written for fMRIPrep have."""
    return _list_others(_read(name_or_path))


def _read(name_or_path: str) -> Any:
    if name_or_path in list_filters():
        file = resources.files("lumirage_bids") / "bids_filters" / f"{name_or_path}.json"
        return _parse(file.read_bytes(), name_or_path)
    try:
        content = Path(name_or_path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        known = f"Ready-made filters: {', '.join(list_filters())}"
        if name_or_path.endswith(".json") or "/" in name_or_path:
            raise MissingInputError(f"There is no filter file {name_or_path!r}. {known}.") from None
        raise UsageError(f"No filter is called {name_or_path!r}. {known}; or give a JSON file.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"Filter {name_or_path!r} cannot be read: {error}. Give a JSON file.") from None
    return _parse(content, name_or_path)


def _list_others(content: object) -> tuple[str, ...]:
    return tuple(n for n, query in content.items() if _is_other(n, query)) if isinstance(content, dict) else ()


def _is_other(name: str, query: object) -> bool:
    """Whether a query asks for other data than anatomical images."""
    datatype = query.get("datatype") if isinstance(query, dict) else None
    return name in OTHER_QUERIES or (isinstance(datatype, str) and datatype != "anat" and name not in QUERIES)


def check_filter(content: object, source: str) -> Filter:
    """Check the content of a filter, from a file or a protocol's table, and fill in each query's suffix.

    Raises
    ------
    UsageError
        Unknown query name, or a value of a wrong kind; names `source`, query, key and what is allowed.
    """
    if not isinstance(content, Mapping) or not content:
        raise UsageError(
            f'Filter {source}: expected queries such as {{"t1w": {{"session": "1"}}}}, got {content!r:.80}.'
        )
    return {name: _check_query(name, query, source) for name, query in content.items()}


def _check_query(name: object, query: object, source: str) -> Mapping[str, object]:
    if name not in QUERIES:
        raise UsageError(
            f"Filter {source}: unknown query {name!r}.{_hint(str(name), QUERIES)} Allowed: {', '.join(QUERIES)}."
        )
    if not isinstance(query, Mapping):
        raise UsageError(f"Filter {source}: query {name!r} must map entities to values, got {query!r:.80}.")
    for key, value in query.items():
        values = value if isinstance(value, list | tuple) else [value]
        if not values or not all(v is None or isinstance(v, str | int | float) for v in values):
            raise UsageError(f"Filter {source}: {name}.{key} = {value!r:.80} is not allowed; give {VALUES}.")
    said = {key: _translate(value) for key, value in query.items() if value != "Query.OPTIONAL"}
    return {"suffix": QUERIES[str(name)], **said}


def _translate(value: object) -> object:
    """A value without PyBIDS' special words."""
    if isinstance(value, list | tuple):
        return [_translate(one) for one in value]
    return SPECIAL.get(value, value) if isinstance(value, str) else value


def _parse(content: bytes, source: str) -> object:
    """Content of a JSON file in which no key may occur twice."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise UsageError(f"Filter {source}: {', '.join(map(repr, twice))} given twice. Keep one.")
        return seen

    def refuse(constant: str) -> NoReturn:
        raise UsageError(f"Filter {source}: {constant} is not JSON. Give {VALUES}.")

    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"Filter {source} is not valid JSON, line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise UsageError(f"Filter {source} is not UTF-8 text, line {line}, column {column}.") from None
    except (ValueError, RecursionError) as error:  # a number too long, nesting too deep
        raise UsageError(f"Filter {source} cannot be read as JSON: {error}.") from None


def check_keys(filters: Filter, fields: Iterable[str]) -> None:
    """Refuse keys that are neither a BIDS entity nor a sidecar field of the dataset.

    Parameters
    ----------
    filters : mapping
        As `read_filter` returns.
    fields : iterable of str
        Fields that occur in the sidecars of the dataset's anatomical images.

    Raises
    ------
    UsageError
        Names query and key, and what is allowed.
    """
    allowed = FILE_KEYS | set(fields)
    for name, query in filters.items():
        for key in query:
            if key not in allowed:
                hint = f" Did you mean {ENTITIES[key]!r}?" if key in ENTITIES else _hint(key, allowed)
                raise UsageError(
                    f"Filter query {name!r}: unknown key {key!r}.{hint} Entities: {', '.join(sorted(FILE_KEYS))}. "
                    f"Sidecar fields of this dataset: {', '.join(sorted(set(fields) - FILE_KEYS)) or 'none'}."
                )


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def selects(query: Mapping[str, object], properties: Mapping[str, object]) -> bool:
    """Whether an image has what a query asks for.

    Parameters
    ----------
    query : mapping
        Key → value, list of alternatives, None (must be absent) or ``"*"`` (must be present).
    properties : mapping
        The image's entities (long names), ``suffix``, ``datatype``, ``extension`` and sidecar fields.

    Examples
    --------
    >>> selects({"run": 1, "acquisition": None}, {"run": "01"})
    True
    """
    return all(_fits(key, wanted, properties.get(key)) for key, wanted in query.items())


def _fits(key: str, wanted: object, actual: object) -> bool:
    if isinstance(wanted, list | tuple):
        return any(_fits(key, one, actual) for one in wanted)
    if wanted is None or actual is None:
        return wanted is actual
    if wanted == "*":
        return True
    if isinstance(actual, list):  # ImageType and its like: one of its words
        return any(_fits(key, wanted, one) for one in actual)
    if isinstance(wanted, bool) or isinstance(actual, bool) or key not in FILE_KEYS:
        return isinstance(wanted, bool) == isinstance(actual, bool) and wanted == actual
    if key == "extension":
        wanted = "." + str(wanted).lstrip(".")
    return same_value(key, str(wanted), str(actual))
