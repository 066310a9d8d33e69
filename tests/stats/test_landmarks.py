"""Errors of landmarks by themselves, and how far raters disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.output.placements import COLUMNS
from lumirage_bids.stats.landmarks import ALL_LANDMARKS, LandmarkScores, disagreement, per_landmark
from tests.stats.made_up import landmark_scores, score_table


def test_each_landmark_of_each_arm_is_summed_up_the_worst_first() -> None:
    pairs, _ = score_table(subjects=5, rescanned=1, kinds=("T1w",))
    scores = landmark_scores(pairs)
    table = per_landmark(scores)
    assert list(table["landmark"].unique()) == [ALL_LANDMARKS, "3", "2", "1"]
    errors = scores.errors[(scores.errors["method"] == "syn") & (scores.errors["split"] != "same subject")]
    row = table[(table["landmark"] == "3") & (table["method"] == "syn")].iloc[0]
    assert row["n"] == len(errors)
    assert row["mean"] == pytest.approx(errors["tre_mm_3"].mean())
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    whole = table[(table["landmark"] == ALL_LANDMARKS) & (table["method"] == "syn")].iloc[0]
    assert whole["mean"] == pytest.approx(errors[["tre_mm_1", "tre_mm_2", "tre_mm_3"]].to_numpy().mean())
    assert row["description"] == "point 3"


def test_failed_pairs_and_landmarks_that_a_scan_lacks_are_left_out() -> None:
    pairs, _ = score_table(subjects=4, failing=0.3)
    scores = landmark_scores(pairs)
    scores.errors.loc[scores.errors["fixed"] == "sub-00_ses-1_T1w", "tre_mm_2"] = np.nan
    table = per_landmark(scores).set_index(["landmark", "method"])
    ok = scores.errors[(scores.errors["method"] == "greedy") & (scores.errors["status"] == "ok")]
    assert table.loc[("1", "greedy"), "n"] == len(ok) < 12
    assert table.loc[("2", "greedy"), "n"] == ok["tre_mm_2"].notna().sum() < len(ok)
    assert table.loc[(ALL_LANDMARKS, "greedy"), "n"] == len(ok)


def test_what_raters_leave_is_what_a_perfect_registration_leaves() -> None:
    """Points that count are means of raters who err by 1 mm on each axis: by simulation and by the table."""
    random = np.random.default_rng(0)
    rows = []
    for scan in range(400):
        places = random.normal(0, 1, (3, 3))
        rows.append((f"s{scan}", "1", "AC", "", *places.mean(axis=0)))
        rows += [(f"s{scan}", "1", "AC", f"r{r}", *place) for r, place in enumerate(places)]
    table = disagreement(pd.DataFrame(rows, columns=list(COLUMNS))).set_index("landmark").loc["1"]
    counts = np.array([row[4:] for row in rows if row[3] == ""])
    left = np.linalg.norm(counts[::2] - counts[1::2], axis=1).mean()  # of two scans, had everything else been right
    assert table["floor_mm"] == pytest.approx(left, rel=0.06)
    assert table["raters_mm"] == pytest.approx(4 / np.sqrt(np.pi), rel=0.03)  # mean length of N(0, 2) in three axes


def test_a_single_placement_has_the_whole_disagreement() -> None:
    places = [("s", "1", "", "", 0, 0, 0), ("s", "1", "", "a", 0, 0, 0), ("s", "1", "", "b", 3, 4, 0)]
    table = disagreement(pd.DataFrame(places, columns=list(COLUMNS))).set_index("landmark")
    assert table.loc["1", ["raters_mm", "floor_mm"]].tolist() == [5, 5]
    alone = disagreement(pd.DataFrame(places[:2], columns=list(COLUMNS))).set_index("landmark")
    assert alone.loc["1", ["raters_mm", "floor_mm"]].isna().all()


def test_without_landmarks_there_is_nothing_to_tell() -> None:
    pairs, _ = score_table(subjects=3)
    none = LandmarkScores(
        errors=landmark_scores(pairs, landmarks=0).errors, placements=pd.DataFrame(columns=list(COLUMNS))
    )
    assert per_landmark(none).empty
    assert disagreement(none.placements).empty
