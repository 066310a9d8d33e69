from __future__ import annotations

import pytest

from lumirage_bids.experiment import status


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("ok", None)], 0),
        ([], 0),
        ([("ok", None), ("failed", "out of memory")], 1),
        ([("failed", "out of memory")], 1),
        ([("failed", "bad data"), ("failed", "bad data")], 65),
        ([("ok", None), ("failed", "bad data")], 1),
        ([("failed", "killed"), ("failed", "out of memory")], 75),
        ([("ok", None), ("failed", "lost input")], 75),
        ([("ok", None), ("pending", None)], 75),
    ],
)
def test_the_exit_code_follows_from_the_pairs(rows: list[tuple[str, str | None]], code: int) -> None:
    assert status.exit_code([s for s, _ in rows], [kind for _, kind in rows]) == code


def test_only_a_killed_pair_is_tried_again() -> None:
    assert status.is_final("ok", None)
    assert status.is_final("failed", "out of memory")
    assert not status.is_final("failed", "killed")
