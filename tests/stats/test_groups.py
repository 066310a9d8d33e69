"""Subjects with the same scans are a group."""

from __future__ import annotations

import pandas as pd
import pytest

from lumirage_bids.stats.classes import splits_of
from lumirage_bids.stats.groups import groups_of

Pairs = list[tuple[str, str, str]]


def groups(pairs: Pairs) -> dict[str, str]:
    return groups_of(pairs, splits_of(pd.DataFrame({"split": [split for *_, split in pairs]})))


pytestmark = pytest.mark.filterwarnings("error")


def test_a_subject_that_lacks_a_scan_is_no_group_of_its_own():
    pairs = [(f"s{i}", f"s{j}", "T1w to T2w") for i in range(6) for j in range(1, 6) if i != j]
    assert set(groups(pairs).values()) == {"T1w + T2w"}
    strangers = [*pairs, ("x", "s1", "FLAIR to T2w")]
    assert groups(strangers)["x"] == "FLAIR"


def test_a_sequence_called_like_two_is_another_group_than_the_two():
    one = [(f"a{i}", f"a{j}", "A + B to A + B") for i in range(3) for j in range(3) if i != j]
    two = [(f"b{i}", f"b{j}", "A to B") for i in range(3) for j in range(3) if i != j]
    assert set(groups([*one, *two]).values()) == {"“A + B”", "A + B"}
