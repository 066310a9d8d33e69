"""How far the surfaces of structures lie apart, and landmarks from where they should be; mm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.transforms import Transform

FloatArray = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.integer]
Slices = tuple[slice, ...]

PERCENT = 95


class SurfaceDistances(NamedTuple):
    """Distances of each structure, mm, lower is better; NaN where one of the two maps lacks the structure.

    Attributes
    ----------
    hd95 : array, shape (n,)
        Robust Hausdorff distance: the larger of the two directions' 95th percentiles.
    average : array, shape (n,)
        Average symmetric surface distance: the mean over the points of both surfaces.
    """

    hd95: FloatArray
    average: FloatArray


def surface_distances(
    fixed_labels: LabelArray, moved_labels: LabelArray, indices: npt.ArrayLike, spacing: npt.ArrayLike
) -> SurfaceDistances:
    """Distances between the surfaces of each structure in two label maps.

    As in the Learn2Reg challenges (and LUMIR, which however takes the spacing for 1 mm whatever it is), a surface
    consists of the voxel corners whose eight voxels are not all inside or all outside, distances are Euclidean in mm,
    and means and percentiles are weighted by area. A corner's area here is a quarter of each boundary face that meets
    there, not that of a triangle mesh: only the weights differ. Outside the grid nothing is inside.

    Parameters
    ----------
    fixed_labels, moved_labels : array, shape (X, Y, Z)
        Labels of the fixed scan, and of the moving scan after transfer to the fixed grid.
    indices : array, shape (n,)
        Indices of the structures, each once and above 0.
    spacing : array, shape (3,)
        Voxel size along each axis, mm.

    Returns
    -------
    SurfaceDistances
        In the order of `indices`. A structure that was lost on the way has no surface and no distance: NaN, where
        its Dice is 0. Say how many there are beside a mean.

    Raises
    ------
    BadDataError
        If shapes differ, labels are no integers, or the spacing is not three positive numbers.

    References
    ----------
    Hering A et al. (2023), IEEE Trans Med Imaging 42:697-712, doi:10.1109/TMI.2022.3213983.
    Nikolov S et al. (2021), J Med Internet Res 23:e26151, doi:10.2196/26151 (points and weighting).
    """
    size = np.asarray(spacing, dtype=np.float64)
    if fixed_labels.shape != moved_labels.shape or fixed_labels.ndim != 3:
        raise BadDataError(
            f"The label maps to be compared have shapes {fixed_labels.shape} and {moved_labels.shape}; both must be "
            "three-dimensional and lie on one grid."
        )
    if size.shape != (3,) or not (np.isfinite(size) & (size > 0)).all():
        raise BadDataError(f"The spacing is {size.tolist()}; it must be three positive numbers, mm.")
    wanted = np.asarray(indices, dtype=np.int64)
    maps = [_number(labels, wanted) for labels in (fixed_labels, moved_labels)]
    boxes = [_boxes(labels, len(wanted)) for labels in maps]
    out = SurfaceDistances(np.full(len(wanted), np.nan), np.full(len(wanted), np.nan))
    for n, places in enumerate(zip(*boxes, strict=True)):
        if any(box is None for box in places):
            continue
        surfaces = [_surface(m, box, n + 1, size) for m, box in zip(maps, places, strict=True)]
        out.hd95[n], out.average[n] = _compare_surfaces(*surfaces)
    return out


def _number(labels: LabelArray, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Replace the wanted labels by 1, 2, … in their order and all others by 0."""
    if labels.dtype.kind not in "bui":
        raise BadDataError(f"Labels are of type {labels.dtype}; they must be integers. Round them on reading.")
    order = np.argsort(wanted)
    ranked = wanted[order]
    if len(ranked) == 0:
        return np.zeros(labels.shape, np.int32)
    place = np.searchsorted(ranked, labels).clip(max=len(ranked) - 1)
    return np.where(ranked[place] == labels, order[place] + 1, 0).astype(np.int32)


def _boxes(numbered: npt.NDArray[np.int32], n: int) -> list[Slices | None]:
    """Box around each structure; None where it is absent."""
    from scipy.ndimage import find_objects

    found: list[Slices | None] = list(find_objects(numbered, max_label=n)) if n else []
    return found


def _surface(
    numbered: npt.NDArray[np.int32], box: Slices, number: int, spacing: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Corners on a structure's surface: where they are, shape (n, 3), mm, and their areas, shape (n,), mm²."""
    inside = np.pad(numbered[box] == number, 1)
    area = np.zeros([n - 1 for n in inside.shape])
    for axis in range(3):
        faces = np.diff(inside.view(np.int8), axis=axis) != 0
        quarter = np.prod(np.delete(spacing, axis)) / 4
        # A face has its corners at both ends along the other two axes.
        one, other = (a for a in range(3) if a != axis)
        for first in (slice(None, -1), slice(1, None)):
            for second in (slice(None, -1), slice(1, None)):
                cut = [slice(None)] * 3
                cut[one], cut[other] = first, second
                area += quarter * faces[tuple(cut)]
    corners = np.argwhere(area > 0)
    start = np.array([part.start for part in box])
    return (corners + start) * spacing, area[tuple(corners.T)]


def _compare_surfaces(
    fixed: tuple[FloatArray, FloatArray], moved: tuple[FloatArray, FloatArray]
) -> tuple[float, float]:
    """Robust Hausdorff and average symmetric distance of two surfaces."""
    from scipy.spatial import cKDTree

    trees = [cKDTree(points, balanced_tree=False, compact_nodes=False) for points, _ in (fixed, moved)]
    there, back = (np.asarray(t.query(s[0])[0]) for t, s in ((trees[1], fixed), (trees[0], moved)))
    weights = np.concatenate([fixed[1], moved[1]])
    average = float(np.average(np.concatenate([there, back]), weights=weights))
    return max(_percentile(there, fixed[1]), _percentile(back, moved[1])), average


def _percentile(distances: FloatArray, weights: FloatArray) -> float:
    """Smallest distance within which `PERCENT` percent of the area lie."""
    order = np.argsort(distances, kind="stable")
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, reached[-1] * PERCENT / 100)
    return float(distances[order][min(int(place), len(distances) - 1)])


def landmark_errors(
    fixed_landmarks: npt.ArrayLike, moving_landmarks: npt.ArrayLike, transform: Transform
) -> FloatArray:
    """Target registration error of landmarks.

    Parameters
    ----------
    fixed_landmarks, moving_landmarks : array, shape (n, 3)
        The same points in both scans, world coordinates (RAS+, mm).
    transform : Transform
        Fixed world to moving world, alignment included.

    Returns
    -------
    array, shape (n,), float64
        Distance in the moving world between where the transform takes each fixed landmark and the moving one, mm;
        lower is better.

    Raises
    ------
    BadDataError
        If the two lists do not match or hold anything but finite coordinates.

    References
    ----------
    Fitzpatrick JM, West JB (2001), IEEE Trans Med Imaging 20:917-927, doi:10.1109/42.952729.
    """
    fixed, moving = (np.asarray(p, dtype=np.float64) for p in (fixed_landmarks, moving_landmarks))
    if fixed.shape != moving.shape or fixed.ndim != 2 or fixed.shape[1] != 3:
        raise BadDataError(f"Landmarks have shapes {fixed.shape} and {moving.shape}; both must be (n, 3), in order.")
    if not (np.isfinite(fixed).all() and np.isfinite(moving).all()):
        raise BadDataError("A landmark's coordinates are not finite; leave it out of both lists.")
    errors: FloatArray = np.linalg.norm(transform.apply(fixed) - moving, axis=1)
    return errors


def grow(region: npt.NDArray[np.bool_], spacing: npt.ArrayLike, reach: float) -> npt.NDArray[np.bool_]:
    """Grow a region: voxels whose centres are at most so far from that of one of its voxels.

    Parameters
    ----------
    region : array of bool, shape (X, Y, Z)
    spacing : array, shape (3,)
        Voxel size along each axis, mm.
    reach : float
        mm.

    Examples
    --------
    >>> grow(np.array([[[True, False, False, False]]]), (1, 1, 1.5), 3.0)
    array([[[ True,  True,  True, False]]])
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    steps = np.asarray(spacing, dtype=np.float64)
    pads = np.ceil(reach / steps).astype(int)
    grown = np.zeros_like(region)
    for box in find_objects(region.astype(np.uint8)):
        wider = tuple(slice(max(0, s.start - pad), s.stop + pad) for s, pad in zip(box, pads, strict=True))
        grown[wider] = distance_transform_edt(~region[wider], sampling=steps) <= reach
    return grown
