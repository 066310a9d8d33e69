"""Corrections for many tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.stats.holm import benjamini_hochberg, holm

pytestmark = pytest.mark.filterwarnings("error")
UNIT = st.floats(0, 1)


def test_holm_against_known_values():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.5, np.nan, 0.01, 0.9]) == pytest.approx([1.0, np.nan, 0.03, 1.0], nan_ok=True)
    assert holm([]).shape == (0,)


@given(st.lists(UNIT, min_size=1, max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p: list[float]):
    raw, adjusted = np.array(p), holm(p)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_benjamini_hochberg_against_known_values():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.5), "BH")
    assert benjamini_hochberg([0.01, 0.02, 0.03, 0.04, 0.5]) == pytest.approx([0.05, 0.05, 0.05, 0.05, 0.5])
    assert benjamini_hochberg([0.5, np.nan, 0.01]) == pytest.approx([0.5, np.nan, 0.02], nan_ok=True)
