"""Values of options."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.values import derivatives, folder, labels
from lumirage_bids.base.errors import UsageError


@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1))
def test_labels_may_be_parted_by_commas_or_not(given_labels: list[str]) -> None:
    once = tuple(dict.fromkeys(given_labels))
    assert labels(given_labels, "sub-") == once
    assert labels([",".join(f"sub-{label}" for label in given_labels)], "sub-") == once


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_folder_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        folder(text)


def test_derivatives_that_are_given_twice_are_taken_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert derivatives([a, a])[0] == derivatives([f"a={a}", a, f"a={a}"])[0] == {"a": tmp_path / "a"}
    with pytest.raises(UsageError, match="'a' twice"):
        derivatives([f"a={a}", f"a={b}"])
