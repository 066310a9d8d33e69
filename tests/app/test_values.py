"""Values of options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.values import folder, labels


@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1))
def test_labels_may_be_parted_by_commas_or_not(given_labels: list[str]) -> None:
    once = tuple(dict.fromkeys(given_labels))
    assert labels(given_labels, "sub-") == once
    assert labels([",".join(f"sub-{label}" for label in given_labels)], "sub-") == once


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_folder_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        folder(text)
