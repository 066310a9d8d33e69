"""What every measure must do, for all that are found."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import lumirage_bids.measures
from lumirage_bids.base.publications import publications
from lumirage_bids.measures import Measure, RegisteredPair, columns, measure, measures
from lumirage_bids.measures.base import Column, Need, Values
from lumirage_bids.measures.pair import ComparedLabels, Deformation, Detour, Images, Lesions, Points, RunCost
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform

NAMES = list(measures())
SHAPE = (14, 15, 16)
AFFINE = np.diag([2.0, 1.5, 1.0, 1.0])


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Measure:
    return measure(request.param)


def parts_of_a_brain() -> np.ndarray:
    """Two halves of a ball."""
    i, j, k = np.indices(SHAPE)
    ball = (i - 6.5) ** 2 + (j - 7) ** 2 + (k - 7.5) ** 2 < 30
    return np.where(ball, np.where(i < 7, 1, 2), 0).astype(np.int32)


def waves(size: float) -> Transform:
    """A transform that is no exact map of the grid onto itself; above half a voxel it folds."""
    i, j, _ = np.indices(SHAPE)
    vectors = np.zeros((*SHAPE, 3), np.float32)
    vectors[..., 0] = size * np.sin(2.1 * i) * np.cos(0.7 * j)
    return Transform((DisplacementField(vectors=vectors, affine=AFFINE),), inverse=Transform())


def pair(transform: Transform, *, structures: tuple[int, ...] = (1, 2)) -> RegisteredPair:
    """A scan with itself, registered by a transform."""
    labels = Volume(array=parts_of_a_brain(), affine=AFFINE)
    image = Volume(array=np.random.default_rng(0).random(SHAPE, np.float32), affine=AFFINE)
    mask = labels.array > 0
    maps = ComparedLabels(
        fixed=labels, moving=labels, transform=transform, start=transform, structures=np.array(structures, np.int64)
    )
    lesion = Volume(array=np.zeros(SHAPE, np.float32), affine=AFFINE)
    lesion.array[10:12, 6:9, 6:10] = 1
    points = np.argwhere(mask)[::50] @ AFFINE[:3, :3]
    return RegisteredPair(
        parts={
            "labels": maps,
            "prepared": maps,
            "field": Deformation(transform=transform, mask=mask, affine=AFFINE),
            "points": Points(
                fixed=points, moving=points, transform=transform, names=tuple(map(str, range(len(points))))
            ),
            "lesions": Lesions(fixed=lesion, moving=lesion, start=Transform(), transform=transform),
            "images": Images(fixed=image, moving=image, transform=transform, mask=mask),
            "cost": RunCost(seconds=2.0, memory_gb=0.5),
            "detour": Detour(ends=transform.apply(points), meant=points),
        }
    )


def own_columns(of: Measure, values: Values) -> dict[str, float]:
    """Values without those of single structures."""
    begins = of.structures or of.landmarks
    return {k: v for k, v in values.items() if not (begins and k.removeprefix(begins).isdigit())}


def test_what_is_declared_is_what_is_measured(each: Measure) -> None:
    values = each.of(pair(waves(0.3)))
    assert own_columns(each, values).keys() == each.columns.keys()
    single = values.keys() - each.columns.keys()
    structures = {f"{each.structures}{i}" for i in (1, 2)} if each.structures else set()
    landmarks = {f"{each.landmarks}{i}" for i in pair(Transform()).points.names} if each.landmarks else set()
    assert single == structures | landmarks
    assert all(isinstance(value, int | float) for value in values.values())


def test_no_change_scores_best_and_a_wrong_one_worse(each: Measure) -> None:
    """What is better of each column, by what is known: a perfect registration, and one that destroys the image."""
    best, worse = (each.of(pair(transform)) for transform in (Transform((), inverse=Transform()), waves(4.0)))
    for name, column in each.columns.items():
        if column.better == "none":
            assert column.unit or best[name] == worse[name], "a count of what was there before"
        elif column.tells == "cost":
            assert column.better == "lower"
        else:
            assert (worse[name] < best[name]) if column.better == "higher" else (worse[name] > best[name])
            assert best[name] == pytest.approx(1 if column.better == "higher" else 0, abs=1e-6)


def test_what_is_not_there_is_not_a_number(each: Measure) -> None:
    """Structures that none of the maps has: nothing to be measured, which is neither 0 nor perfect."""
    if not each.looks_at_labels:
        pytest.skip("looks at no labels")
    values = each.of(pair(Transform(), structures=(7, 8)))
    told = {name: value for name, value in values.items() if name not in columns() or columns()[name].better != "none"}
    assert all(np.isnan(value) for value in told.values()), told


def test_it_is_the_same_again_and_changes_nothing(each: Measure) -> None:
    given = pair(waves(0.3))
    labels, mask = given.labels.fixed.array.copy(), given.field.mask.copy()
    first = dict(each.of(given))
    again, other = each.of(given), each.of(pair(waves(0.3)))
    np.testing.assert_equal([first, first], [dict(again), dict(other)])
    np.testing.assert_array_equal(given.labels.fixed.array, labels)
    np.testing.assert_array_equal(given.field.mask, mask)


def test_it_needs_what_it_says(each: Measure) -> None:
    whole = pair(waves(0.3))
    least = RegisteredPair(parts={need: whole.parts[need] for need in each.needs})
    np.testing.assert_equal(dict(each.of(least)), dict(each.of(whole)))
    assert each.needs
    assert not RegisteredPair(parts={}).has(each.needs)


@pytest.mark.parametrize("name", NAMES)
def test_description(name: str) -> None:
    kind = measures()[name]
    assert kind.name == name
    assert kind.summary
    assert "\n" not in kind.summary
    assert kind.columns
    assert set(kind.references) <= publications().keys()
    assert measure(name, **{f.name: f.default for f in fields(kind)}) == measure(name)
    for column in kind.columns.values():
        assert column.description
        assert column.title
        assert column.unit or column.better == "none", "a measure with a direction has a unit; 1 where there is none"
        assert column.reference.startswith("https://") or not column.reference
        assert column.margin is None or column.margin > 0
        assert not column.tells or column.margin, "methods are compared by it: which difference is of no consequence?"
        assert not column.margin or column.better != "none", "a margin without a direction: nothing is compared by it"


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
