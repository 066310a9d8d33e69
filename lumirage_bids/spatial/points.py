"""Named points, carried through transforms: with the direction in which a transform maps points, or against it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.transforms import DisplacementField, Transform, inverse_affine

Floats = npt.NDArray[np.float64]

# mm: what is left of the way back, the step that a derivative is taken over, and the longest step of the search.
_LEFT, _STEP, _LONGEST = 1e-4, 0.1, 20.0
_TRIES = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class PointSet:
    """Named points of one image.

    Attributes
    ----------
    names : tuple of str
        Unique.
    descriptions : tuple of str
        What each is, in words; empty where nobody says.
    coordinates : array, shape (n, 3), float64
        World coordinates, RAS+, mm.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    coordinates: Floats

    def move_to(self, coordinates: Floats) -> PointSet:
        """The same points elsewhere."""
        return replace(self, coordinates=coordinates)


def carry(points: PointSet, transform: Transform) -> PointSet:
    """Carry points of the fixed image to where they lie in the moving image."""
    return points.move_to(transform.apply(points.coordinates))


def carry_back(points: PointSet, transform: Transform) -> PointSet:
    """Carry points of the moving image to where they lie in the fixed image, against the transform.

    Affine maps are inverted; through displacement fields the point is searched that the transform takes to the given
    one within 0.1 µm.

    Raises
    ------
    BadDataError
        The transform takes no point there, or folds where it is looked for.
    """
    found = np.array(points.coordinates, dtype=np.float64)
    for step in reversed(transform.steps):
        if isinstance(step, DisplacementField):
            found = _search(points.names, Transform((step,)), found)
        else:
            found = Transform((inverse_affine(step),)).apply(found)
    return points.move_to(found)


def _search(names: tuple[str, ...], transform: Transform, wanted: Floats) -> Floats:
    """Where a displacement field takes to the points that are wanted: Newton's method, never further from them."""
    at = wanted.copy()
    off = transform.apply(at) - wanted
    pace = np.ones(len(at))
    for _ in range(_TRIES):
        left = np.linalg.norm(off, axis=1)
        if (left <= _LEFT).all():
            return at
        step = _newton(transform, at, off)
        length = np.linalg.norm(step, axis=1, keepdims=True)
        step *= np.minimum(1, _LONGEST / np.maximum(length, _LEFT))
        tried = at - pace[:, None] * step
        new = transform.apply(tried) - wanted
        better = np.linalg.norm(new, axis=1) < left
        at[better], off[better] = tried[better], new[better]
        pace = np.where(better, np.minimum(1, 2 * pace), pace / 2)
    worst = int(np.argmax(np.linalg.norm(off, axis=1)))
    raise BadDataError(
        f"No point of the fixed image is taken to {names[worst]!r:.40}: {np.linalg.norm(off[worst]):.2f} mm are left. "
        "The transform folds there, or does not reach it. Carry the points through the inverse transform instead, if "
        "the program wrote one."
    )


def _newton(transform: Transform, at: Floats, off: Floats) -> Floats:
    """The step by which each point is off, by the derivatives there; the plain difference where these are singular."""
    sides = [transform.apply(at + sign * _STEP * axis) for axis in np.eye(3) for sign in (1, -1)]
    jacobian = np.stack([(sides[2 * i] - sides[2 * i + 1]) / (2 * _STEP) for i in range(3)], axis=-1)
    regular = np.abs(np.linalg.det(jacobian)) > 1e-3
    step = off.copy()
    step[regular] = np.linalg.solve(jacobian[regular], off[regular][..., None])[..., 0]
    return step


def outside_fields(points: PointSet, transform: Transform) -> tuple[str, ...]:
    """Names of the points that lie outside a displacement field's grid when it is their turn: nothing moves them there.

    Parameters
    ----------
    points : PointSet
        Of the fixed image.
    transform : Transform
    """
    at, outside = points.coordinates, np.zeros(len(points.names), dtype=np.bool_)
    for step in transform.steps:
        if isinstance(step, DisplacementField):
            to_voxel = inverse_affine(step.affine)
            voxels = at @ to_voxel[:3, :3].T + to_voxel[:3, 3]
            outside |= ((voxels < -0.5) | (voxels > np.array(step.vectors.shape[:3]) - 0.5)).any(axis=1)
        at = Transform((step,)).apply(at)
    return tuple(name for name, out in zip(points.names, outside, strict=True) if out)
