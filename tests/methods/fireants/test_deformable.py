"""Parameters of registrations by FireANTs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.scans import Pair
from lumirage_bids.methods import method
from lumirage_bids.methods.fireants.deformable import tenth
from tests.methods.fireants.pairs import pair, scan


@pytest.mark.parametrize(
    ("of", "multimodal"),
    [
        (pair("MPRAGE", "MP2RAGE"), True),
        (pair("MPRAGE", "MPRAGE"), False),
        (pair(None, "MPRAGE"), False),
        (Pair(moving=scan("1", None), fixed=scan("2", None, "T2w")), True),
    ],
)
def test_auto_goes_by_contrast_and_known_sequence(of: Pair, multimodal: bool) -> None:
    assert of.multimodal is multimodal
    assert method("greedy").similarity_for(multimodal=of.multimodal) == ("mind" if multimodal else "lncc")
    assert method("syn", similarity="mi").similarity_for(multimodal=of.multimodal) == "mi"
    as_published = method("syn", multimodal="mind-lncc")
    assert as_published.similarity_for(multimodal=of.multimodal) == ("mind-lncc" if multimodal else "lncc")


@given(st.lists(st.integers(1, 10**6), min_size=1))
def test_sloppy_is_a_tenth_and_never_nothing(iterations: list[int]) -> None:
    less = tenth(tuple(iterations))
    assert all(1 <= n <= max(1, m / 10) for n, m in zip(less, iterations, strict=True))
