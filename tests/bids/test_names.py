"""Names of files by BIDS."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.names import ENTITIES, natural_key, parse_name


@given(st.lists(st.text("ab019-_"), unique=True))
def test_natural_order_is_total(texts: list[str]) -> None:
    backwards = texts[::-1]
    assert sorted(texts, key=natural_key) == sorted(backwards, key=natural_key)
    assert len({natural_key(text) for text in texts}) == len(texts)


@given(st.dictionaries(st.sampled_from(sorted(ENTITIES)), st.from_regex(r"[0-9A-Za-z+]{1,3}", fullmatch=True)))
def test_names_are_parsed_back(entities: dict[str, str]) -> None:
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), "T1w"])
    assert parse_name(f"{name}.nii.gz") == (entities, "T1w")
