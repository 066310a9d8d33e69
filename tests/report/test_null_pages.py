"""Pages of equal methods claim nothing, but for one in twenty."""

from __future__ import annotations

from tests.report.null_pages import CLAIMS, DESIGNS, numbered


def test_pages_of_equal_methods_claim_nothing():
    found = [numbered(number) for number in range(len(DESIGNS))]
    assert {name for name, _ in found} == set(DESIGNS)
    assert sum(bool(told) for _, told in found) <= 1


def test_what_counts_as_a_claim():
    for claim in ("syn is above greedy by 0.01", "Highest mean: syn", "The order of a and b depends on the split: ",
                  "a and b: worse than no deformation at all, for certain."):  # fmt: skip
        assert CLAIMS.search(claim)
    for none in ("No winner: the order of a and b is not certain", "Equivalent, with no winner: a and b"):
        assert not CLAIMS.search(none)
