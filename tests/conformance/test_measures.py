"""What every measure must do, for all that are found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import lumirage_bids.measures
from lumirage_bids.base.publications import publications
from lumirage_bids.measures import Measure, RegisteredPair, columns, measure, measures
from lumirage_bids.measures.base import Column, Need, Values
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.testing import MeasureLaws
from lumirage_bids.testing.measures import pair, waves

NAMES = list(measures())

every = pytest.mark.parametrize("each", [measure(name) for name in NAMES], ids=NAMES)


@every
class TestMeasures(MeasureLaws):
    pass


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_is_called_by_its_name(name: str) -> None:
    kind = measures()[name]
    assert kind.name == name
    assert kind.columns
    assert set(kind.references) <= publications().keys()


def test_no_two_measures_share_a_column() -> None:
    assert len(columns()) == sum(len(kind.columns) for kind in measures().values())


def _round_trip(out: Path, values: Values, *, structures: bool = True) -> dict[str, object]:
    """What of values a batch's table gives back."""
    file = Path("sub-1/anat/sub-1_seg-demo_desc-greedy+x_scores.tsv")
    score_table.write_rows(Output(out), file, [{"method": "greedy", "status": "ok", **values}])
    if structures:
        (row,) = score_table.read_rows(Output(out), file)
    else:
        (row,) = score_table.collect(Output(out), structures=False)["demo"].to_dict("records")
    return {str(name): value for name, value in row.items() if name in values}


@every
def test_values_come_back_from_the_score_table(each: Measure, tmp_path: Path) -> None:
    values = each.of(pair(waves(0.3)))
    assert _round_trip(tmp_path, values) == pytest.approx(dict(values), rel=1e-5, nan_ok=True)


def test_single_columns_of_a_measure_of_ones_own_are_kept_and_taken_for_no_dice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Jaccard(Measure):
        name: ClassVar[str] = "jaccard"
        summary: ClassVar[str] = "Jaccard index"
        needs: ClassVar[tuple[Need, ...]] = ("labels",)
        structures: ClassVar[str] = "jaccard_"
        landmarks: ClassVar[str] = "jaccard_at_"
        columns: ClassVar[dict[str, Column]] = {}

        def of(self, pair: RegisteredPair) -> Values:
            return {"jaccard_10": 0.5, "jaccard_2": 0.25, "jaccard_at_AC": 0.125}

    known = {**measures(), "jaccard": Jaccard}
    monkeypatch.setattr(lumirage_bids.measures, "measures", lambda: known)
    values = {**Jaccard().of(RegisteredPair(parts={})), "dice_10": 0.75, "dice_mean": 0.75, "tre_mm_AC": 2.0}
    kept = _round_trip(tmp_path, values)
    assert kept == values
    assert [name for name in kept if name != "dice_mean"] == [
        "dice_10", "tre_mm_AC", "jaccard_2", "jaccard_10", "jaccard_at_AC",
    ]  # fmt: skip
    assert [name for name in kept if score_table.structure_index(name) is not None] == ["dice_10"]
    assert [name for name in kept if score_table.landmark_name(name) is not None] == ["tre_mm_AC"]
    assert _round_trip(tmp_path, values, structures=False) == {"dice_mean": 0.75}
