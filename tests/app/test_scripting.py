"""What scripts and notebooks call."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lumirage_bids as lm
from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.base.parameters import from_table
from lumirage_bids.spatial.preparation import Preparation
from tests.methods.fireants.test_register import volume
from tests.report.situations import table

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_docs_register_score_and_judge(demo_dataset: Path) -> None:
    pairs = table(groups={"T1w": 4}).rename(columns={"dice_mean": "error_mm"})
    told = {"folder": demo_dataset, "scores": pairs}
    found = doctest.testfile(
        str(DOCS / "how-to" / "python.md"), module_relative=False, globs=told, optionflags=doctest.ELLIPSIS
    )
    assert (found.attempted > 6, found.failed) == (True, 0)


def test_every_public_name_is_there() -> None:
    names = set(dir(lm))
    assert {"Method", "Measure", "dice", "judge", "read_image", "register", "transfer_labels"} <= names
    assert all(getattr(lm, name) is not None for name in names)


def test_known_shift_is_found_from_any_header() -> None:
    image = volume(2 * np.eye(3), 0.0)
    away = np.eye(4)
    away[:3, 3] = 40, -30, 20
    mask = lm.Volume(array=(image.array > 0.2).astype(np.uint8), affine=image.affine)
    moving, region = (lm.Volume(array=v.array, affine=away @ v.affine) for v in (image, mask))
    found = lm.register(image, moving, "identity", fixed_mask=mask, moving_mask=region)
    points = np.array([[0.0, 0, 0], [10, 5, -8]])
    np.testing.assert_allclose(found.apply(points), points + away[:3, 3], atol=0.2)


def test_what_cannot_be_done_is_said() -> None:
    image = volume(2 * np.eye(3), 0.0)
    with pytest.raises(UsageError, match="There is no method 'gredy'"):
        lm.register(image, image, "gredy")
    for given in ({"grid": "reference"}, {"perturbation": {"kind": "noise", "size": 0.1}}):
        with pytest.raises(UsageError, match="make a run of the two scans"):
            lm.register(image, image, preparation=from_table(Preparation, given, "[preparation]"))
    with pytest.raises(MissingInputError, match="torch"):
        lm.register(image, image, "torchscript")
    with pytest.raises(BadDataError, match="brain"):
        lm.brain_mask(image)


def test_a_table_at_hand_is_judged_as_its_file(tmp_path: Path) -> None:
    pairs = table(subject=0.004)
    file = tmp_path / "scores.csv"
    pairs.to_csv(file, index=False)
    here, there = lm.judge(pairs), lm.judge(str(file))
    assert [v.headline for v in here.verdicts] == [v.headline for v in there.verdicts]
    assert str(here).replace("the table", str(file), 1) == str(there)
    with pytest.raises(BadDataError, match=r"The table has no rows"):
        lm.judge(pairs.head(0))
    with pytest.raises(BadDataError, match="two columns of one name: method"):
        lm.judge(pd.concat([pairs, pairs[["method"]]], axis=1))
