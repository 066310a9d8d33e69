"""Laws of measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from lumirage_bids.base.parameters import from_table
from lumirage_bids.measures.base import Measure, Values
from lumirage_bids.measures.pair import (
    ComparedLabels,
    Deformation,
    Detour,
    Images,
    Lesions,
    Points,
    RegisteredPair,
    RunCost,
)
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform

SHAPE = (14, 15, 16)
AFFINE = np.diag([2.0, 1.5, 1.0, 1.0])
STRUCTURES = (1, 2)


def parts_of_a_brain() -> npt.NDArray[np.int32]:
    """Two halves of a ball, shape `SHAPE`."""
    i, j, k = np.indices(SHAPE)
    ball = (i - 6.5) ** 2 + (j - 7) ** 2 + (k - 7.5) ** 2 < 30
    return np.where(ball, np.where(i < 7, 1, 2), 0).astype(np.int32)


def waves(size: float) -> Transform:
    """A transform that is no exact map of the grid onto itself; above half a voxel (`size`) it folds."""
    i, j, _ = np.indices(SHAPE)
    vectors = np.zeros((*SHAPE, 3), np.float32)
    vectors[..., 0] = size * np.sin(2.1 * i) * np.cos(0.7 * j)
    return Transform((DisplacementField(vectors=vectors, affine=AFFINE),), inverse=Transform())


def pair(transform: Transform, *, structures: tuple[int, ...] = STRUCTURES) -> RegisteredPair:
    """A scan with itself, registered by a transform, with everything that a measure may need."""
    labels = Volume(array=parts_of_a_brain(), affine=AFFINE)
    image = Volume(array=np.random.default_rng(0).random(SHAPE, np.float32), affine=AFFINE)
    mask = labels.array > 0
    maps = ComparedLabels(
        fixed=labels, moving=labels, transform=transform, start=transform, structures=np.array(structures, np.int64)
    )
    lesion = Volume(array=np.zeros(SHAPE, np.float32), affine=AFFINE)
    lesion.array[10:12, 6:9, 6:10] = 1
    points = np.argwhere(mask)[::50] @ AFFINE[:3, :3]
    names = tuple(map(str, range(len(points))))
    return RegisteredPair(
        parts={
            "labels": maps,
            "prepared": maps,
            "field": Deformation(transform=transform, mask=mask, affine=AFFINE),
            "points": Points(fixed=points, moving=points, transform=transform, names=names),
            "lesions": Lesions(fixed=lesion, moving=lesion, start=Transform(), transform=transform),
            "images": Images(fixed=image, moving=image, transform=transform, mask=mask),
            "cost": RunCost(seconds=2.0, memory_gb=0.5),
            "detour": Detour(ends=transform.apply(points), meant=points),
        }
    )


class MeasureLaws:
    """All laws.

    Attributes
    ----------
    measure : Measure
    """

    measure: ClassVar[Measure]

    @pytest.fixture
    def each(self) -> Measure:
        """What is tested."""
        return self.measure

    def test_description(self, each: Measure) -> None:
        """What tables, dictionaries and texts are made of."""
        kind = type(each)
        assert kind.name
        assert kind.summary
        assert "\n" not in kind.summary
        assert kind.columns or kind.structures or kind.landmarks
        assert from_table(kind, {f.name: f.default for f in fields(kind)}, kind.name) == kind()
        for column in kind.columns.values():
            assert column.description
            assert column.title
            assert column.unit or column.better == "none", "what has a direction has a unit; 1 where there is none"
            assert column.reference.startswith("https://") or not column.reference
            assert column.margin is None or column.margin > 0
            assert not column.tells or column.margin, "methods are compared by it: what is of no consequence?"
            assert not column.margin or column.better != "none", "nothing is compared by what has no direction"

    def test_what_is_declared_is_what_is_measured(self, each: Measure) -> None:
        """Columns, and those of single structures and landmarks."""
        given = pair(waves(0.3))
        values = each.of(given)
        single = values.keys() - each.columns.keys()
        structures = {f"{each.structures}{i}" for i in STRUCTURES} if each.structures else set()
        landmarks = {f"{each.landmarks}{i}" for i in given.points.names} if each.landmarks else set()
        assert values.keys() - single == each.columns.keys()
        assert single == structures | landmarks
        assert all(isinstance(value, int | float) for value in values.values())

    def test_no_change_scores_best_and_a_wrong_one_worse(self, each: Measure) -> None:
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

    def test_what_is_not_there_is_not_a_number(self, each: Measure) -> None:
        """Structures that none of the maps has: nothing to be measured, which is neither 0 nor perfect."""
        if not each.looks_at_labels:
            pytest.skip("looks at no labels")
        told = _with_direction(each, each.of(pair(Transform(), structures=(7, 8))))
        assert all(np.isnan(value) for value in told.values()), told

    def test_it_is_the_same_again_and_changes_nothing(self, each: Measure) -> None:
        """To the last bit."""
        given = pair(waves(0.3))
        labels, mask = given.labels.fixed.array.copy(), given.field.mask.copy()
        first = dict(each.of(given))
        again, other = each.of(given), each.of(pair(waves(0.3)))
        np.testing.assert_equal([first, first], [dict(again), dict(other)])
        np.testing.assert_array_equal(given.labels.fixed.array, labels)
        np.testing.assert_array_equal(given.field.mask, mask)

    def test_it_needs_what_it_says(self, each: Measure) -> None:
        """It does without everything else."""
        whole = pair(waves(0.3))
        least = RegisteredPair(parts={need: whole.parts[need] for need in each.needs})
        np.testing.assert_equal(dict(each.of(least)), dict(each.of(whole)))
        assert each.needs
        assert not RegisteredPair(parts={}).has(each.needs)


def _with_direction(of: Measure, values: Values) -> Mapping[str, float]:
    """Values of single structures, and of columns for which higher or lower is better."""
    return {name: v for name, v in values.items() if name not in of.columns or of.columns[name].better != "none"}
