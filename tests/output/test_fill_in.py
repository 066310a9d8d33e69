from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from lumirage_bids.output.fill_in import FACTS, fill_in

OLD = pd.DataFrame(
    {
        "moving": ["sub-01_ses-1_acq-a_T1w", "sub-01_ses-1_acq-a_T1w", "tpl-MNI_res-01_T1w"],
        "fixed": ["sub-02_T2w", "sub-01_ses-2_T1w", "sub-02_T2w"],
        "split": ["MPRAGE to T2w", "same subject", "template to subject"],
        "evaluation": ["native", "reference, nearest", "half of them"],
    }
)


def test_what_earlier_versions_did_not_write_is_told_by_names() -> None:
    rows = fill_in(OLD)
    assert rows["moving_subject"].tolist() == ["01", "01", "MNI"]
    assert rows["fixed_contrast"].tolist() == ["T2w", "T1w", "T2w"]
    assert rows["split_moving"].tolist() == ["MPRAGE", None, "template"]
    assert rows["grid"].tolist() == ["native", "reference", None]
    assert rows["transfer"].tolist() == ["linear", "nearest", None]


def test_what_rows_say_themselves_stays_and_only_gaps_are_filled() -> None:
    rows = fill_in(OLD.assign(moving_subject=["A", np.nan, "C"], grid="prepared"))
    assert rows["moving_subject"].tolist() == ["A", "01", "C"]
    assert set(rows["grid"]) == {"prepared"}


def test_whole_rows_are_left_as_they_are() -> None:
    whole = fill_in(OLD.head(1))
    assert set(FACTS) <= set(whole)
    assert fill_in(whole) is whole


def test_columns_whose_names_are_not_there_are_not_made() -> None:
    assert list(fill_in(OLD[["moving"]])) == ["moving", "moving_subject", "moving_contrast"]


def test_tables_of_many_pieces_are_filled_in_without_a_warning() -> None:
    rows = pd.DataFrame({"moving": ["sub-1_T1w"], "fixed": ["sub-2_T2w"], "split": ["T1w to T2w"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in range(150):
            rows[f"dice_{index}"] = 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fill_in(rows)["moving_subject"].tolist() == ["1"]
