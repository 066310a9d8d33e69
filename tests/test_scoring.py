from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.images import Volume, reorient
from lumirage_bids.memory import peak_memory
from lumirage_bids.scoring import Side, dice_prepared, middle, moved_planes, on_grid
from lumirage_bids.transforms import Transform


def labels() -> Volume:
    rng = np.random.default_rng(0)
    affine = np.diag([1.5, 2.0, 1.0, 1.0])
    affine[:3, 3] = (-20, 5, 7)
    return Volume(array=rng.integers(0, 5, (9, 8, 7)).astype(np.int32), affine=affine)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
@settings(max_examples=20)
def test_a_map_stored_otherwise_is_the_same_on_the_scans_grid(order: list[int], flip: tuple[bool, bool, bool]) -> None:
    truth = labels()
    axes = "".join({0: "RL", 1: "AP", 2: "SI"}[a][f] for a, f in zip(order, flip, strict=True))
    stored = reorient(truth, axes)
    np.testing.assert_array_equal(on_grid(stored, truth.shape, truth.affine, 1), truth.array)


def test_planes_are_slices_of_the_volume() -> None:
    truth = labels()
    mask = Volume(array=np.pad(np.ones((5, 4, 3)), 2), affine=truth.affine)
    planes = moved_planes(truth, Transform(), mask, 1)
    x, y, z = middle(mask)
    np.testing.assert_array_equal(planes["x"], truth.array[x])
    np.testing.assert_array_equal(planes["y"], truth.array[:, y])
    np.testing.assert_array_equal(planes["z"], truth.array[:, :, z])


def test_peak_memory_sees_what_was_held() -> None:
    with peak_memory("cpu") as small:
        pass
    with peak_memory("cpu") as large:
        held = np.ones(50_000_000)
        held.sum()
    assert large.peak_gb > small.peak_gb + 0.3


def side(spacing: float) -> Side:
    """A scan whose prepared grid covers its native one with cubic voxels of a spacing (mm)."""
    native = labels()
    extent = np.array(native.shape) * native.spacing
    shape = tuple(int(n) for n in np.ceil(extent / spacing))
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = native.affine[:3, 3]
    image = Volume(array=np.zeros(shape, np.float32), affine=affine)
    return Side(
        scan=None, image=image, mask=image, labels={"made": native}, grids={}, structures={}, failures={},
        alignment=np.eye(4),
    )  # type: ignore[arg-type]  # fmt: skip


def test_dice_on_prepared_grids_is_that_of_maps_resampled_first() -> None:
    indices = np.arange(1, 5)
    same = dice_prepared("made", side(1.0), side(1.0), Transform(), indices, "linear", 1)
    assert same == 1.0
    # The same anatomy, seen on another prepared grid, no longer fits itself: what that way of scoring adds.
    other = dice_prepared("made", side(2.0), side(1.0), Transform(), indices, "linear", 1)
    nearest = dice_prepared("made", side(2.0), side(1.0), Transform(), indices, "nearest", 1)
    assert 0.2 < other < 0.9
    assert nearest != other
