"""Publications are told apart, found, and named as docstrings name them."""

from __future__ import annotations

import inspect
import re

import pytest

from lumirage_bids import labellers, methods
from lumirage_bids.base.publications import publications

KINDS = [*methods.methods().values(), *labellers.labellers().values()]


def test_references_are_told_apart_and_found():
    found = publications()
    assert len({reference.cited for reference in found.values()}) == len(found)
    for reference in found.values():
        assert re.fullmatch(
            r"https://(doi\.org/10\.\d{4,}/\S+|arxiv\.org/\S+|openreview\.net/\S+|www\.jstor\.org/\S+)|", reference.url
        )
        assert reference.bibtex.count("{") == reference.bibtex.count("}")
        assert not re.search(r"[{}]", reference.text)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.references], ids=lambda kind: kind.name)
def test_a_docstring_names_the_same_publications(kind: type):
    # What a class says of its sources is in its docstring or its module's.
    told = inspect.getdoc(kind) + (inspect.getmodule(kind).__doc__ or "")
    urls = [publications()[key].url for key in kind.references]
    for url in urls:
        assert url.removeprefix("https://doi.org/").removeprefix("https://arxiv.org/abs/") in told
