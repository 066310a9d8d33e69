"""Kinds of what a JSON file holds."""

from __future__ import annotations

import pytest

from lumirage_bids.output.json_kinds import why_not_of_kind


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (None, int | None, ""),
        (1, int | float, ""),
        (False, bool | None, ""),
        (True, int | None, "the content is True, not int | None"),
        ([], {"*": str}, "the content is [], not a mapping"),
        ({"a": {"b": "c"}}, {"a": {"b": [str]}}, "a.b is 'c', not a list"),
        ({"a": {"b": ["c", None]}}, {"a": {"*": [str]}}, "a.b[1] is None, not str"),
        ({"unknown": 3}, {"a": str}, ""),
    ],
)
def test_the_first_that_is_of_another_kind_is_named(value, kind, told):
    assert why_not_of_kind(value, kind) == told
