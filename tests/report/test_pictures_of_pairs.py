"""Which pairs are shown, of those that there are pictures of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.output.folder import Output
from lumirage_bids.report.pictures_of_pairs import MOST_ASKED, find_kept, find_shown
from tests.report.made_scans import keep_pictures, row

NAMES = [f"sub-{i:02}_T1w" for i in range(40)]


def pairs(*dice: float, **given: object) -> pd.DataFrame:
    """Rows of one moving scan."""
    rows = [row(NAMES[0], fixed, dice=of, **given) for fixed, of in zip(NAMES[1:], dice, strict=False)]
    return pd.DataFrame(rows)


def places(output: Path, table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(pair.place, pair.row["fixed"]) for pair in find_shown(Output(output), table)]


def test_nearest_to_the_median_is_told_as_what_it_is_and_none_takes_the_place_of_the_worst(tmp_path: Path):
    table = pairs(0.5, 0.1, 0.4, 0.2, 0.3, 0.6, 0.7)
    # Of the worst, 0.1, nothing is there; the median is 0.4, and there is 0.5.
    keep_pictures(tmp_path, NAMES[0], NAMES[1], NAMES[4], NAMES[7])
    assert places(tmp_path, table) == [
        ("number 5 from the worst of 7 pairs", NAMES[1]),
        ("best of 7 pairs", NAMES[7]),
    ]
    keep_pictures(tmp_path, NAMES[0], NAMES[2], NAMES[3])
    assert places(tmp_path, table) == [
        ("worst of 7 pairs", NAMES[2]),
        ("median of 7 pairs", NAMES[3]),
        ("best of 7 pairs", NAMES[7]),
    ]


def test_one_or_two_pairs_are_each_shown_once_and_failed_ones_never(tmp_path: Path):
    keep_pictures(tmp_path, NAMES[0], *NAMES[1:4])
    assert places(tmp_path, pairs(0.5)) == [("the only pair", NAMES[1])]
    assert places(tmp_path, pairs(0.5, 0.4)) == [("worst of 2 pairs", NAMES[2]), ("best of 2 pairs", NAMES[1])]
    table = pairs(0.5, 0.4, np.nan)
    assert places(tmp_path, table) == places(tmp_path, pairs(0.5, 0.4))
    assert places(tmp_path, table.assign(status="failed")) == []


def test_pictures_of_another_registration_are_not_shown(tmp_path: Path):
    keep_pictures(tmp_path, NAMES[0], NAMES[1])
    assert places(tmp_path, pairs(0.5, hash="of other parameters")) == []


def test_a_subject_shows_each_pair_once_and_some_of_those_that_were_asked_for(tmp_path: Path):
    keep_pictures(tmp_path, NAMES[0], *NAMES[1:4])
    keep_pictures(tmp_path, NAMES[0], *NAMES[4:30], asked=True)
    mine = pairs(0.1, 0.5, 0.9, *np.linspace(0.2, 0.4, 26))
    # Another labelling, of which the worst is the first one's best.
    other = pairs(0.6, 0.5, 0.1, *np.linspace(0.52, 0.58, 26), labelling="other")
    shown, more = find_kept(Output(tmp_path), pd.concat([mine, other], ignore_index=True))
    fixed = [pair.row["fixed"] for pair in shown]
    assert len(fixed) == len(set(fixed))
    assert fixed[0] == NAMES[1]
    assert NAMES[3] in fixed
    asked = [pair for pair in shown if pair.place == "kept on request"]
    assert len(asked) == MOST_ASKED
    assert len(shown) + more == 2 + 26
    assert len({pair.anchor for pair in shown}) == len(shown)
