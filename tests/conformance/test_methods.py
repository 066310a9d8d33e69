"""What every registration method must do, whatever it is: one suite for all methods that are found.

The images are samples of one smooth function of space, so the true map of every pair is known exactly. Methods run in
their `sloppy` form.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields

import numpy as np
import numpy.typing as npt
import pytest

from lumirage_bids.errors import UsageError
from lumirage_bids.images import Volume
from lumirage_bids.registration import Context, Method, method, methods
from lumirage_bids.transforms import Transform

Array = npt.NDArray[np.float64]
Map = Callable[[Array], Array]

SPACING = 2.0
AVAILABLE = [name for name, kind in methods().items() if kind.missing() is None]
MOVING = [name for name in AVAILABLE if name != "identity"]
every = pytest.mark.parametrize("name", AVAILABLE)
every_that_moves = pytest.mark.parametrize("name", MOVING)


def head(points: Array) -> Array:
    """A soft-edged, textured, asymmetric ellipsoid around the origin; points in mm, shape (..., 3)."""
    random = np.random.default_rng(7)
    radii = np.array([34.0, 40.0, 30.0])
    centres = random.uniform(-0.85, 0.85, (50, 3)) * radii
    widths, heights = random.uniform(5, 9, 50), random.uniform(-1, 1, 50)
    texture = np.zeros(points.shape[:-1])
    for c, w, h in zip(centres, widths, heights, strict=True):
        texture += h * np.exp(-((points - c) ** 2).sum(-1) / (2 * w**2))
    inside = 1 / (1 + np.exp(12 * (np.sqrt(((points / radii) ** 2).sum(-1)) - 1)))
    return inside * np.clip(0.5 + 0.35 * texture, 0.05, 1)


def grid(shape: tuple[int, int, int] = (44, 48, 42), spacing: object = SPACING, rotation: object = None) -> Volume:
    """An empty grid around the origin."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if rotation is None else np.asarray(rotation)) @ np.diag(np.broadcast_to(spacing, 3))
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Volume(array=np.zeros(shape, dtype=np.float32), affine=affine)


def world(volume: Volume) -> Array:
    """World points of all voxel centres, shape (X, Y, Z, 3)."""
    index = np.moveaxis(np.indices(volume.shape), 0, -1)
    return index @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def image(where: Volume, true_map: Map = lambda points: points) -> Volume:
    """The head on a grid, seen through a map."""
    return Volume(array=head(true_map(world(where))).astype(np.float32), affine=where.affine)


def shifted(points: Array) -> Array:
    return points + np.array([5.0, -4.0, 3.0])


def bent(points: Array) -> Array:
    waves = np.sin(points[..., [1, 2, 0]] / 14.0)
    return points + 3.5 * waves


def rotation(degrees: float) -> Array:
    """A rotation around an axis that is none of the grid's."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def register(name: str, fixed: Volume, moving: Volume) -> Transform:
    return method(name).sloppy().register(fixed, moving, Context(threads=1))


def inside(fixed: Volume) -> Array:
    """World points of the fixed image's foreground, shape (N, 3)."""
    return world(fixed)[fixed.array > 0.2]


def error(transform: Transform, true_map: Map, fixed: Volume) -> float:
    """Mean distance (mm) between found and true points in the foreground."""
    points = inside(fixed)
    return float(np.linalg.norm(transform.apply(points) - true_map(points), axis=-1).mean())


def dissimilarity(transform: Transform, fixed: Volume) -> float:
    """Mean squared difference of fixed and warped moving image in the foreground."""
    points = inside(fixed)
    return float(np.mean((head(transform.apply(points)) - fixed.array[fixed.array > 0.2]) ** 2))


def mirrored(volume: Volume, axis: int) -> Volume:
    """The same image, stored the other way round along an axis."""
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, volume.shape[axis] - 1
    return Volume(array=np.flip(volume.array, axis), affine=volume.affine @ flip)


@every
def test_equal_images_stay_where_they_are(name: str) -> None:
    both = image(grid())
    assert error(register(name, both, both), lambda p: p, both) < 0.15 * SPACING


@every_that_moves
@pytest.mark.parametrize(("true_map", "left"), [(shifted, 0.35), (bent, 0.5)])
def test_known_map_is_found(name: str, true_map: Map, left: float) -> None:
    fixed, moving = image(grid(), true_map), image(grid())
    found = register(name, fixed, moving)
    assert error(found, true_map, fixed) < left * error(Transform(()), true_map, fixed)
    assert dissimilarity(found, fixed) < left * dissimilarity(Transform(()), fixed)


@every_that_moves
def test_oblique_headers_rotate_the_result(name: str) -> None:
    fixed, moving = image(grid(), shifted), image(grid())
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = rotation(20), [300, -200, 100]
    straight = register(name, fixed, moving)
    oblique = register(name, *(Volume(array=v.array, affine=turn @ v.affine) for v in (fixed, moving)))
    points = inside(fixed)
    expected = Transform((turn,)).apply(straight.apply(points))
    np.testing.assert_allclose(oblique.apply(Transform((turn,)).apply(points)), expected, atol=0.05)


@every_that_moves
@pytest.mark.parametrize("who", ["fixed", "moving"])
def test_mirrored_storage_changes_nothing(name: str, who: str) -> None:
    pair = {"fixed": image(grid(), bent), "moving": image(grid((40, 48, 44)))}
    plain = register(name, **pair)
    turned = register(name, **{**pair, who: mirrored(pair[who], 0)})
    points = inside(pair["fixed"])
    distance = np.linalg.norm(plain.apply(points) - turned.apply(points), axis=-1)
    # Not zero: at voxel centres linear interpolation has two slopes, and samplers take the one of the next voxel.
    assert distance.mean() < 0.05 * SPACING
    assert distance.max() < 0.5 * SPACING


@every_that_moves
@pytest.mark.parametrize(
    "of_moving",
    [
        grid(spacing=(2.0, 2.0, 2.5)),
        grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)),
        grid((52, 54, 50), rotation=rotation(15)),
    ],
    ids=["anisotropic", "another grid", "oblique to the fixed"],
)
def test_grids_may_differ(name: str, of_moving: Volume) -> None:
    fixed, moving = image(grid(), shifted), image(of_moving)
    assert error(register(name, fixed, moving), shifted, fixed) < 0.4 * error(Transform(()), shifted, fixed)


@every_that_moves
def test_small_images_are_registered(name: str) -> None:
    fixed, moving = image(grid((28, 30, 26), 3.2), shifted), image(grid((30, 28, 29), 3.2))
    found = register(name, fixed, moving)
    assert error(found, shifted, fixed) < 0.5 * error(Transform(()), shifted, fixed)


@every
def test_result_is_finite_repeatable_and_leaves_the_inputs_alone(name: str) -> None:
    fixed, moving = image(grid(), bent), image(grid())
    before = [v.array.copy() for v in (fixed, moving)] + [v.affine.copy() for v in (fixed, moving)]
    for volume in (fixed, moving):
        volume.array.setflags(write=False)
        volume.affine.setflags(write=False)
    first, second = (register(name, fixed, moving).apply(inside(fixed)) for _ in range(2))
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    after = [v.array for v in (fixed, moving)] + [v.affine for v in (fixed, moving)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@every
def test_parameters_are_frozen_picklable_and_checked(name: str) -> None:
    made = method(name)
    assert isinstance(made, Method)
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(method(name))
    with pytest.raises(UsageError, match="unknown parameter 'stpe'"):
        method(name, stpe=1)
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)
        with pytest.raises(UsageError, match=field.name):
            method(name, **{field.name: {"a": "table"}})


@every
def test_cost_grows_with_the_image(name: str) -> None:
    for device in ("cpu", "cuda"):
        small, large = (method(name).cost(n, device) for n in (10**5, 10**8))
        assert 0 < small.seconds <= large.seconds
        assert 0 < small.memory_gb < large.memory_gb


@pytest.mark.parametrize("kind", methods().values(), ids=methods())
def test_missing_dependency_says_what_to_do(kind: type[Method]) -> None:
    missing = kind.missing()
    assert missing is None or len(missing) > 20
    assert kind.summary
