"""Publications that a report may cite; ``publications.bib`` holds them all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybtex.database import Entry

_INITIAL = re.compile(r"(?:^|[ -])(\w)")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One publication.

    Attributes
    ----------
    key : str
        Its name in BibTeX and in our own texts.
    cited : str
        How running text names it: ``Avants et al., 2008``; unique.
    text : str
        The entry of a list of references, without its address.
    url : str
        Where it is found; empty where that is not known.
    bibtex : str
        The entry in BibTeX.
    """

    key: str
    cited: str
    text: str
    url: str
    bibtex: str


@cache
def publications() -> Mapping[str, Publication]:
    """All publications, by key."""
    from pybtex.database import parse_file

    entries = parse_file(str(Path(__file__).with_name("publications.bib"))).entries
    alike: dict[str, list[str]] = defaultdict(list)
    for key, entry in entries.items():
        alike[_cite(entry)].append(key)
    letters = {key: "abcdefgh"[i] for keys in alike.values() if len(keys) > 1 for i, key in enumerate(keys)}
    return MappingProxyType(
        {
            key: Publication(
                key=key,
                cited=_cite(entry) + letters.get(key, ""),
                text=_text(entry, letters.get(key, "")),
                url=_url(entry.fields),
                bibtex=entry.to_string("bibtex").strip(),
            )
            for key, entry in entries.items()
        }
    )


def _authors(entry: Entry) -> list[tuple[str, str]]:
    """Family name and initials of each author; a name in braces stays whole."""
    return [
        (
            " ".join([*author.prelast_names, *author.last_names]).strip("{}"),
            "".join(_INITIAL.findall(" ".join([*author.first_names, *author.middle_names]))),
        )
        for author in entry.persons["author"]
    ]


def _cite(entry: Entry) -> str:
    """Name and year as running text has them."""
    first, *more = [family for family, _ in _authors(entry)]
    if more == ["others"] or len(more) > 1:
        first += " et al."
    elif more:
        first += f" and {more[0]}"
    return f"{first}, {entry.fields['year']}"


def _text(entry: Entry, letter: str) -> str:
    fields = entry.fields
    authors = ", ".join(" ".join(name).strip() for name in _authors(entry)).replace("others", "et al.")
    title = fields["title"].strip("{}").rstrip(".")
    book = ", ".join(
        fields[name] for name in ("edition", "booktitle", "journal", "series", "howpublished") if name in fields
    )
    pages = fields.get("pages", "").replace("--", "–")
    place = ":".join(part for part in (fields.get("volume", ""), pages) if part)
    stop = "" if title.endswith("?") else "."
    where = " ".join(part for part in (book, place) if part)
    return f"{authors} ({fields['year']}{letter}). {title}{stop}{f' {where}.' if where else ''}"


def _url(fields: Mapping[str, str]) -> str:
    return f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
