"""Label transfer against the computation that it replaces: interpolate every binary mask, take the arg-max."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import DisplacementField, Transform

seeds = st.integers(0, 2**32 - 1)


def random_affine(rng, centre):
    """Affine of an oblique, anisotropic, perhaps mirrored grid whose voxel `centre` is near the origin."""
    affine = np.eye(4)
    spacing = rng.uniform(0.5, 2.0, 3) * rng.choice([-1, 1], 3)
    affine[:3, :3] = (Rotation.random(random_state=rng).as_matrix() * spacing)[:, rng.permutation(3)]
    affine[:3, 3] = rng.normal(0, 1, 3) - affine[:3, :3] @ centre
    return affine


def random_case(rng, values):
    """Labels in blocks, a chain of affine and field, and a fixed grid, all over one another."""
    shape, fixed_shape, field_shape = (tuple(int(n) for n in rng.integers(4, 12, 3)) for _ in range(3))
    seeds_ = rng.choice(values, size=rng.integers(2, 5, 3))
    blocks = [np.sort(rng.integers(0, n, size)) for n, size in zip(seeds_.shape, shape, strict=True)]
    labels = Volume(array=seeds_[np.ix_(*blocks)], affine=random_affine(rng, np.array(shape) / 2))
    field = DisplacementField(
        vectors=rng.normal(0, 1, (*field_shape, 3)).astype(np.float32),
        affine=random_affine(rng, np.array(field_shape) / 2),
    )
    matrix = np.eye(4) + np.pad(rng.normal(0, 0.1, (3, 4)), ((0, 1), (0, 0)))
    transform = Transform.affine(matrix).then(Transform((field,)))
    return labels, transform, fixed_shape, random_affine(rng, np.array(fixed_shape) / 2)


def in_order(matrix, points):
    """Apply an affine to points (..., 3), adding up in the order x, y, z, offset."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in matrix[:3]], axis=-1)


def voxels_of(labels, transform, shape, affine):
    """Coordinates in the moving grid, in voxels, to a billionth."""
    world = in_order(affine, np.moveaxis(np.indices(shape), 0, -1).astype(float))
    voxels = in_order(np.linalg.inv(labels.affine), transform.apply(world))
    return np.floor(voxels * 2**30 + 0.5) / 2**30


def one_hot(labels, voxels):
    """Arg-max of all binary masks, each interpolated trilinearly in float64; outside is background."""
    base = np.floor(voxels).astype(int)
    part = voxels - base
    present = np.unique(np.append(labels, 0))
    probability = np.zeros((len(present), *voxels.shape[:-1]))
    for corner in product((0, 1), repeat=3):
        at = base + corner
        inside = ((at >= 0) & (at < labels.shape)).all(axis=-1)
        value = np.where(inside, labels[tuple(np.moveaxis(at.clip(0, np.array(labels.shape) - 1), -1, 0))], 0)
        wx, wy, wz = np.moveaxis(np.where(corner, part, 1 - part), -1, 0)
        for channel, label in enumerate(present):
            probability[channel] += wx * wy * wz * (value == label)
    return present[probability.argmax(axis=0)], np.sort(probability, axis=0)


@given(seeds, st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.int64]), st.integers(1, 3))
@settings(max_examples=150)
def test_equals_one_hot_bit_for_bit(seed, dtype, threads):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, min(np.iinfo(dtype).max, 16200), 6, endpoint=True).astype(dtype)
    labels, transform, shape, affine = random_case(rng, np.append(values, dtype(0)))
    transferred = transfer_labels(labels, transform, shape, affine, threads=threads)
    expected, _ = one_hot(labels.array, voxels_of(labels, transform, shape, affine))
    assert transferred.dtype == dtype
    np.testing.assert_array_equal(transferred, expected)


@given(seeds)
@settings(max_examples=50)
def test_equals_one_hot_where_many_ties_are(seed):
    """Shifts by half a voxel along x and some quarters along y and z, between grids with odd origins."""
    rng = np.random.default_rng(seed)
    labels = Volume(array=rng.integers(0, 4, (6, 5, 7)).astype(np.uint8), affine=np.diag([0.6, 0.7, 1.1, 1.0]))
    affine = labels.affine.copy()
    shift = np.array([2, *rng.integers(-4, 5, 2)]) / 4
    affine[:3, 3] = shift * affine.diagonal()[:3]
    voxels = np.moveaxis(np.indices((6, 5, 7)), 0, -1) + shift
    expected, probability = one_hot(labels.array, voxels)
    assert (probability[-1] == probability[-2]).any()
    origin = rng.uniform(-100, 100, 3)
    labels.affine[:3, 3] += origin
    affine[:3, 3] += origin
    np.testing.assert_array_equal(transfer_labels(labels, Transform(), (6, 5, 7), affine), expected)


def test_agrees_with_itk_resampling_of_each_mask():
    rng = np.random.default_rng(5)
    labels, transform, shape, affine = random_case(rng, np.array([0, 2, 3, 1000, 14175], np.uint16))
    # A rim of background: between the outermost centres and the border ITK extrapolates, this does not.
    padded = labels.affine.copy()
    padded[:3, 3] -= labels.affine[:3, :3] @ [2, 2, 2]
    labels = Volume(array=np.pad(labels.array, 2), affine=padded)
    field = transform.steps[1]
    vectors = (field.vectors * [-1, -1, 1]).transpose(2, 1, 0, 3).astype(np.float64)
    itk_field = SimpleITK.DisplacementFieldTransform(place(SimpleITK.GetImageFromArray(vectors, True), field.affine))
    flip = np.diag([-1, -1, 1, 1])
    matrix = flip @ transform.steps[0] @ flip
    itk_affine = SimpleITK.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())
    chain = SimpleITK.CompositeTransform([itk_field, itk_affine])
    reference = place(SimpleITK.Image(*[int(n) for n in shape], SimpleITK.sitkFloat64), affine)
    present = np.unique(labels.array)
    probability = []
    for label in present:
        mask = SimpleITK.GetImageFromArray((labels.array == label).astype(np.float64).transpose(2, 1, 0))
        mask = place(mask, labels.affine)
        moved = SimpleITK.Resample(mask, reference, chain, SimpleITK.sitkLinear, float(label == 0))
        probability.append(SimpleITK.GetArrayFromImage(moved).transpose(2, 1, 0))
    clear = np.diff(np.sort(probability, axis=0)[-2:], axis=0)[0] > 1e-5
    expected = present[np.argmax(probability, axis=0)]
    assert clear.mean() > 0.9
    assert len(np.unique(expected[clear])) > 2
    transferred = transfer_labels(labels, transform, shape, affine)
    np.testing.assert_array_equal(transferred[clear], expected[clear])


def place(image, affine):
    affine = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


@given(seeds, st.permutations(range(3)), st.tuples(*[st.sampled_from([-1, 1])] * 3))
@settings(max_examples=30)
def test_does_not_depend_on_how_scans_are_stored(seed, axes, signs):
    rng = np.random.default_rng(seed)
    labels, transform, shape, affine = random_case(rng, np.array([0, 1, 2, 3], np.uint8))
    stored = labels.array.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    reorder = np.eye(4)[:, [*axes, 3]]
    mirror = np.diag([*signs, 1.0])
    mirror[:3, 3] = [n - 1 if sign < 0 else 0 for n, sign in zip(stored.shape, signs, strict=True)]
    other = Volume(array=stored, affine=labels.affine @ reorder @ mirror)
    np.testing.assert_array_equal(
        transfer_labels(labels, transform, shape, affine), transfer_labels(other, transform, shape, affine)
    )


def test_identity_changes_nothing_and_far_away_is_background():
    rng = np.random.default_rng(6)
    labels = Volume(array=rng.integers(0, 9, (5, 6, 7)), affine=random_affine(rng, np.zeros(3)))
    np.testing.assert_array_equal(transfer_labels(labels, Transform(), labels.shape, labels.affine), labels.array)
    away = np.eye(4)
    away[:3, 3] = 1e6
    assert not transfer_labels(labels, Transform.affine(away), (4, 4, 4), np.eye(4)).any()
    lost = DisplacementField(vectors=np.full((4, 4, 4, 3), np.nan, np.float32), affine=np.eye(4))
    assert not transfer_labels(labels, Transform((lost,)), (4, 4, 4), np.eye(4)).any()


def test_tie_goes_to_the_smallest_and_outside_is_background():
    labels = Volume(array=np.array([7, 3]).reshape(2, 1, 1), affine=np.eye(4))

    def at(x):
        affine = np.eye(4)
        affine[0, 3] = x
        return int(transfer_labels(labels, Transform(), (1, 1, 1), affine)[0, 0, 0])

    assert [at(x) for x in (-0.51, -0.5, -0.49, 0.49, 0.5, 0.51, 1.49, 1.5)] == [0, 0, 7, 7, 3, 3, 3, 0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nothing_is_read_beyond_the_last_plane(axis):
    memory = np.full((5, 4, 4), 7, np.uint16)  # more of the same follows the labels in memory
    labels = Volume(array=memory[:4], affine=np.eye(4))
    shift = np.eye(4)
    shift[axis, 3] = 0.6
    expected = np.full((4, 4, 4), 7)
    expected[tuple(-1 if a == axis else slice(None) for a in range(3))] = 0
    np.testing.assert_array_equal(transfer_labels(labels, Transform.affine(shift), (4, 4, 4), np.eye(4)), expected)


def test_nearest_takes_the_nearest_voxel():
    rng = np.random.default_rng(7)
    labels, transform, shape, affine = random_case(rng, np.array([0, 4, 500], np.uint16))
    expected = map_coordinates(
        labels.array, np.moveaxis(voxels_of(labels, transform, shape, affine), -1, 0), order=0, mode="grid-constant"
    )
    np.testing.assert_array_equal(transfer_labels(labels, transform, shape, affine, method="nearest"), expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 2, 2), -1, np.int16), "from -1 to -1"),
        (np.full((2, 2, 2), 2**40), "4294967295"),
        (np.zeros((2, 2, 2), np.float32), "float32"),
    ],
)
def test_labels_that_cannot_be_carried_are_refused(array, message):
    with pytest.raises(BadDataError, match=message):
        transfer_labels(Volume(array=array, affine=np.eye(4)), Transform(), (2, 2, 2), np.eye(4))


def test_grid_that_has_no_place_is_refused():
    with pytest.raises(BadDataError, match="cannot be inverted"):
        transfer_labels(
            Volume(array=np.zeros((2, 2, 2), int), affine=np.eye(4)), Transform(), (2, 2, 2), np.diag([1, 1, 0, 1])
        )
