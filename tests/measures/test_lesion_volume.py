"""The change of a lesion's volume, where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.measures.lesion_volume import MOST, LesionVolume
from lumirage_bids.measures.pair import Deformation, Lesions, RegisteredPair
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform

SHAPE = (40, 44, 36)
AFFINE = np.diag([-1.0, 1.0, 1.5, 1.0])
MIDDLE = (AFFINE @ [19.5, 21.5, 17.5, 1])[:3]


def ball(radius: float) -> Volume:
    """1 in a ball in the middle of the grid, on a grid of its own."""
    own = np.diag([0.8, 0.8, 0.8, 1.0])
    own[:3, 3] = MIDDLE - 20
    points = np.moveaxis(np.indices((51, 51, 51)), 0, -1) * 0.8 + own[:3, 3]
    return Volume(array=(np.linalg.norm(points - MIDDLE, axis=-1) < radius).astype(np.float32), affine=own)


def scaling(factor: float) -> Transform:
    """Fixed points go so many times as far from the middle."""
    matrix = np.diag([factor] * 3 + [1.0])
    matrix[:3, 3] = (1 - factor) * MIDDLE
    return Transform((matrix,))


def measured(
    deformation: Transform, *, start: Transform | None = None, fixed: bool = True, moving: bool = True
) -> dict[str, float]:
    start = start or Transform()
    field = Deformation(transform=deformation, mask=np.ones(SHAPE, bool), affine=AFFINE)
    lesions = Lesions(
        fixed=ball(12) if fixed else None, moving=ball(12) if moving else None,
        start=start, transform=deformation.then(start),
    )  # fmt: skip
    return dict(LesionVolume().of(RegisteredPair(parts={"field": field, "lesions": lesions})))


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_the_change_is_the_known_one(factor: float) -> None:
    """Fixed points that go apart make the moving lesion smaller, and the fixed one larger."""
    values = measured(scaling(factor))
    assert values["fixed_lesion_volume_percent"] == pytest.approx(100 * (factor**3 - 1), abs=0.1)
    assert values["moving_lesion_volume_percent"] == pytest.approx(100 * (factor**-3 - 1), abs=1)
    assert values["lesion_volume_change"] == pytest.approx(abs(3 * np.log(factor)), abs=0.01)


def test_what_the_alignment_does_is_no_change() -> None:
    values = measured(Transform(), start=scaling(1.2))
    assert values == {
        "moving_lesion_volume_percent": 0, "fixed_lesion_volume_percent": 0, "lesion_volume_change": 0,
    }  # fmt: skip
    both = measured(scaling(1.1), start=scaling(1.2))
    assert both["lesion_volume_change"] == pytest.approx(3 * np.log(1.1), abs=0.01)


def test_a_scan_without_a_lesion_has_no_change() -> None:
    values = measured(scaling(1.25), moving=False)
    assert np.isnan(values["moving_lesion_volume_percent"])
    assert values["lesion_volume_change"] == pytest.approx(3 * np.log(1.25), abs=0.001)


def test_a_lesion_that_vanishes_counts_as_the_largest_change() -> None:
    away = np.eye(4)
    away[0, 3] = 100
    values = measured(Transform((away,)), fixed=False)
    assert values["moving_lesion_volume_percent"] == -100
    assert values["lesion_volume_change"] == pytest.approx(np.log(MOST))


def small_lesion(radius: float, step: float, shift: np.ndarray, factor: float) -> dict[str, float]:
    """A ball in a mask of 1 mm, and in both scans; the method's grid has voxels of `step` mm."""
    n = int(60 / step)
    middle = np.array([30.3, 29.6, 30.1])
    points = np.moveaxis(np.indices((60, 60, 60)), 0, -1)
    lesion = Volume(array=(np.linalg.norm(points - middle, axis=-1) <= radius).astype(np.float32), affine=np.eye(4))
    matrix = np.diag([factor] * 3 + [1.0])
    matrix[:3, 3] = (1 - factor) * middle + shift
    deformation = Transform((matrix,))
    field = Deformation(transform=deformation, mask=np.ones((n, n, n), bool), affine=np.diag([step] * 3 + [1.0]))
    lesions = Lesions(fixed=lesion, moving=lesion, start=Transform(), transform=deformation)
    return dict(LesionVolume().of(RegisteredPair(parts={"field": field, "lesions": lesions})))


@pytest.mark.parametrize("step", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("radius", [0.9, 2.0, 5.0])
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_a_lesion_smaller_than_a_voxel_of_the_images_has_its_change(radius: float, step: float, factor: float) -> None:
    """Points of the images' own grid said -17 to +69 % of a ball of 2 mm that nothing had changed, at 3 mm."""
    for shift in np.random.default_rng(0).uniform(-1.5, 1.5, (6, 3)):
        values = small_lesion(radius, step, shift, factor)
        assert values["fixed_lesion_volume_percent"] == pytest.approx(100 * (factor**3 - 1), abs=0.1)
        assert values["moving_lesion_volume_percent"] == pytest.approx(100 * (factor**-3 - 1), abs=2)


def test_a_lesion_that_spans_the_images_is_counted_at_their_own_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lumirage_bids.measures.lesion_volume.MOST_POINTS", 1000)
    values = measured(scaling(1.25))
    assert values["moving_lesion_volume_percent"] == pytest.approx(100 * (1.25**-3 - 1), abs=1)
