from __future__ import annotations

import pytest

from lumirage_bids.experiment import status

KILLED = "killed by SIGKILL (out of memory?)"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("ok", None)], 0),
        ([], 0),
        ([("ok", None), ("failed", "out of memory")], 1),
        ([("failed", "out of memory")], 1),
        ([("failed", "bad data: sub-1 is 4D"), ("failed", "bad data: sub-2 is empty")], 65),
        ([("ok", None), ("failed", "bad data: sub-1 is 4D")], 1),
        ([("failed", KILLED), ("failed", "out of memory")], 75),
        ([("ok", None), ("pending", None)], 75),
    ],
)
def test_the_exit_code_follows_from_the_pairs(rows: list[tuple[str, str | None]], code: int) -> None:
    assert status.exit_code([s for s, _ in rows], [r for _, r in rows]) == code


def test_only_a_killed_pair_is_tried_again() -> None:
    assert status.is_final("ok", None)
    assert status.is_final("failed", "out of memory")
    assert not status.is_final("failed", KILLED)
