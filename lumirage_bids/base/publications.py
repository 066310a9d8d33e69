"""Publications that a report may cite; ``publications.bib`` holds them all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

_ENTRY = re.compile(r"^@(?P<kind>\w+)\{(?P<key>\w+),\n(?P<fields>(?:  .+\n)+)\}$", re.MULTILINE)
_INITIAL = re.compile(r"(?:^|[ -])(\w)")
_FIELD = re.compile(r"^  (?P<name>\w+) = \{(?P<value>.+?)\},?$", re.MULTILINE)


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
        The entry as ``publications.bib`` has it.
    """

    key: str
    cited: str
    text: str
    url: str
    bibtex: str


@cache
def publications() -> Mapping[str, Publication]:
    """All publications, by key."""
    source = (Path(__file__).parent / "publications.bib").read_text("utf-8")
    entries = {
        m["key"]: (m[0], {f["name"]: f["value"] for f in _FIELD.finditer(m["fields"])}) for m in _ENTRY.finditer(source)
    }
    alike: dict[str, list[str]] = defaultdict(list)
    for key, (_, fields) in entries.items():
        alike[_cited(fields)].append(key)
    letters = {key: "abcdefgh"[i] for keys in alike.values() if len(keys) > 1 for i, key in enumerate(keys)}
    return MappingProxyType(
        {
            key: Publication(
                key=key,
                cited=_cited(fields) + letters.get(key, ""),
                text=_text(fields, letters.get(key, "")),
                url=_url(fields),
                bibtex=bibtex,
            )
            for key, (bibtex, fields) in entries.items()
        }
    )


def _authors(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Family name and initials of each author; a name in braces stays whole."""
    if fields["author"].startswith("{"):
        return [(fields["author"].strip("{}"), "")]
    names = [name.partition(", ") for name in fields["author"].split(" and ")]
    return [(family, "".join(_INITIAL.findall(given))) for family, _, given in names]


def _cited(fields: Mapping[str, str]) -> str:
    """Name and year as running text has them."""
    first, *more = [family for family, _ in _authors(fields)]
    if more == ["others"] or len(more) > 1:
        first += " et al."
    elif more:
        first += f" and {more[0]}"
    return f"{first}, {fields['year']}"


def _text(fields: Mapping[str, str], letter: str) -> str:
    authors = ", ".join(" ".join(name).strip() for name in _authors(fields)).replace("others", "et al.")
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
