"""The control: what it fools, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.measures.overlap import dice
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.grids import resample_isotropic
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform
from tests.random_volumes import world

SHAPE = (40, 44, 38)
RADIUS = 34.0


def brain(seed: int, affine: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Volume]:
    """A ball of folded tissue of three intensities with noise, and its mask."""
    grid = Volume(array=np.zeros(shape, np.float32), affine=affine)
    points, rng = world(grid), np.random.default_rng(seed)
    waves = sum(np.sin(points @ rng.normal(0, 0.12, 3) + rng.uniform(0, 6)) for _ in range(8))
    inside = np.linalg.norm(points, axis=-1) < RADIUS
    cuts = np.quantile(waves[inside], [0.2, 0.6])
    bright = 0.2 + 0.3 * np.digitize(waves, cuts) + rng.normal(0, 0.02, shape)
    image = Volume(array=np.where(inside, bright, 0).astype(np.float32), affine=affine)
    return image, Volume(array=inside.astype(np.uint8), affine=affine)


def tissues(image: Volume) -> Volume:
    """Maps as a segmentation by intensity has them: 1 to 3."""
    labels = np.digitize(image.array, [0.1, 0.35, 0.65]).astype(np.int16)
    return Volume(array=labels, affine=image.affine)


def regions(mask: Volume) -> Volume:
    """Blocks of 14 mm, in the same place in every brain."""
    blocks = np.floor(world(mask) / 14).astype(int) + 3
    labels = np.where(mask.array > 0, 1 + blocks @ [49, 7, 1], 0).astype(np.int16)
    return Volume(array=labels, affine=mask.affine)


def centred(spacing: float, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    affine = np.diag([spacing, -spacing, spacing, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def overlap(transform: Transform, fixed: Volume, moving: Volume) -> float:
    """Mean Dice of labels carried over."""
    moved = transfer_labels(moving, transform, fixed.shape, fixed.affine)
    both = np.intersect1d(np.unique(fixed.array), np.unique(moving.array))
    return float(dice(fixed.array, moved, both[both > 0].tolist()).mean())


def test_tissues_are_fooled_and_regions_are_not():
    (fixed, of_fixed), (moving, of_moving) = brain(1, centred(2)), brain(2, centred(1.9, (44, 46, 42)), (44, 46, 42))
    found = method("curt").register(fixed, moving, Context(fixed_mask=of_fixed, moving_mask=of_moving))
    assert overlap(Transform(), tissues(fixed), tissues(moving)) < 0.5
    assert overlap(found, tissues(fixed), tissues(moving)) > 0.97
    assert overlap(Transform(), regions(of_fixed), regions(of_moving)) > 0.9
    assert overlap(found, regions(of_fixed), regions(of_moving)) < 0.1
    assert found.inverse is not None
    assert overlap(found.inverse, tissues(moving), tissues(fixed)) > 0.97


def test_outside_of_the_brain_nothing_moves_and_no_mask_means_what_is_not_darkest():
    fixed, mask = brain(3, centred(2))
    moving, other = brain(4, centred(2))
    found = method("curt").register(fixed, moving, Context(fixed_mask=mask, moving_mask=other))
    still = np.linalg.norm(found.apply(world(fixed)) - world(fixed), axis=-1) < 1e-5
    assert still[mask.array == 0].all()
    assert still[mask.array > 0].mean() < 0.01
    without = method("curt").register(fixed, moving, Context())
    np.testing.assert_array_equal(without.steps[0].vectors, found.steps[0].vectors)


def test_brains_of_the_same_voxels_are_matched_one_to_one():
    fixed, mask = brain(5, centred(2))
    moving, _ = brain(6, centred(2))
    found = method("curt").register(fixed, moving, Context(fixed_mask=mask, moving_mask=mask))
    back = found.inverse.apply(found.apply(world(fixed)))
    np.testing.assert_allclose(back, world(fixed), atol=1e-3)


def test_brain_without_a_voxel_is_refused():
    fixed, mask = brain(7, centred(2))
    empty = Volume(array=np.zeros_like(mask.array), affine=mask.affine)
    with pytest.raises(BadDataError, match="do not overlap"):
        method("curt").register(fixed, fixed, Context(fixed_mask=empty, moving_mask=mask))


def test_the_scans_own_grids_are_sorted_whatever_they_were_prepared_to(tmp_path):
    affines = (centred(2), centred(1.9, (44, 46, 42)))
    (fixed, of_fixed), (moving, of_moving) = brain(1, affines[0]), brain(2, affines[1], (44, 46, 42))
    scans = []
    for name, image in (("01", fixed), ("02", moving)):
        path = tmp_path / f"sub-{name}_T1w.nii.gz"
        write_image(image, path, np.float32)
        scans.append(
            Scan(path=path, dataset=tmp_path, subject=name, session=None, suffix="T1w", entities={"sub": name})
        )
    start = np.array([[1, 0.02, 0, 3], [-0.02, 1, 0, -2], [0, 0, 1, 1], [0, 0, 0, 1]])
    coarse = [resample_isotropic(v, 5.0) for v in (fixed, of_fixed, moving, of_moving)]
    coarse[2:] = [replace(v, affine=np.linalg.inv(start) @ v.affine) for v in coarse[2:]]
    context = Context(
        fixed_mask=coarse[1], moving_mask=coarse[3], start=start, pair=Pair(fixed=scans[0], moving=scans[1])
    )
    found = method("curt").register(coarse[0], coarse[2], context).then(Transform((start,)))
    assert overlap(found, tissues(fixed), tissues(moving)) > 0.9
