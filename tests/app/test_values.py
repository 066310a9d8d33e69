"""Values of options."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.values import labels


@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1))
def test_labels_may_be_parted_by_commas_or_not(given_labels: list[str]) -> None:
    once = tuple(dict.fromkeys(given_labels))
    assert labels(given_labels, "sub-") == once
    assert labels([",".join(f"sub-{label}" for label in given_labels)], "sub-") == once
