"""Affine alignment of a scan to a reference: by centres of mass, then by FireANTs' rigid and affine registration.

The reference's centre of mass and radius become origin and unit of length, so that one step size suits rotation,
scaling and translation, human and macaque brains alike.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.methods.base import Context
from lumirage_bids.methods.fireants.deformable import check_pyramid, tenth
from lumirage_bids.spatial.ends import Planes, cut_planes
from lumirage_bids.spatial.grids import bounding_box
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.preparation import FOREGROUND, ground

if TYPE_CHECKING:
    from lumirage_bids.methods._affine_search import Search

log = logging.getLogger("lumirage")

Matrix = npt.NDArray[np.float64]

WORSE = 0.02
"""Loss of foreground overlap (Dice) at which a result is not believed."""

SHIFTS = (0.15, 0.3, 0.45, 0.6)
"""How far the centre of mass of a foreground that is cut may lie off, in radii of the reference."""

TURNED = 45.0
"""Rotation, degrees, from which the result for a foreground that is cut is not believed."""

DETERMINANTS = (0.3, 3.0)
"""Change of volume that a result may have, in itself or from the one that the sizes of the foregrounds tell."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How a scan is aligned to a reference.

    Attributes
    ----------
    start : str
        What every method starts from: ``aligned`` (the transform that was found), ``centre_of_mass`` (one onto the
        other), or ``none`` (the world coordinates of the headers).
    transform : str
        What is looked for when the start is ``aligned``: ``rigid`` or ``affine``.
    on : str
        What is aligned: ``image`` (similarity: mutual information) or ``mask`` (soft Dice).
    max_voxels : int or "all"
        The box around each foreground is first reduced by averaging to about this many voxels; ``"all"``: it is not,
        which takes time and memory in proportion.
    scales, iterations : tuple of int
        Further factors by which both are reduced, and the number of iterations at each.
    step : float
        Adam's step: rotations in about half radians, scales as fractions, translations in radii of the reference.
    """

    digest_name: ClassVar[str] = "Alignment"
    revision: ClassVar[int] = 2
    """Raised when aligning gives another result, so that what depends on it is made again."""

    start: Literal["aligned", "centre_of_mass", "none"] = "aligned"
    transform: Literal["rigid", "affine"] = "affine"
    on: Literal["image", "mask"] = "image"
    max_voxels: int | Literal["all"] = 1_000_000
    scales: tuple[int, ...] = (4, 2, 1)
    iterations: tuple[int, ...] = (200, 100, 50)
    step: float = 3e-3

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be used."""
        check_pyramid(self.scales, self.iterations)
        if not 0 < self.step <= 0.1:
            raise UsageError(f"step is {self.step}; allowed: above 0 and at most 0.1.")
        if self.max_voxels != "all" and self.max_voxels < 32**3:
            raise UsageError(f'max_voxels is {self.max_voxels}; allowed: at least {32**3}, or "all".')

    def sloppy(self) -> Self:
        """Return the same with a tenth of the iterations, at least one at each scale."""
        return replace(self, iterations=tenth(self.iterations))


def align(
    reference: Volume,
    scan: Volume,
    *,
    alignment: Alignment | None = None,
    context: Context | None = None,
    name: str = "the scan",
) -> Matrix:
    """Find the affine map that carries points of the reference to the same anatomy in the scan.

    Parameters
    ----------
    reference, scan : Volume
        Images, or brain masks when ``alignment.on`` is ``mask``. Grids and world coordinates may differ in anything.
    alignment : Alignment
        What kind of map, and how it is found.
    context : Context
        Device and threads.
    name : str
        How warnings call the scan.

    Returns
    -------
    array, shape (4, 4)
        World points of the reference to world points of the scan (RAS+, mm): what a scan resampled onto the reference
        is sampled with (ITK's direction).

    Raises
    ------
    BadDataError
        When a volume has no foreground or values that are not finite.

    Notes
    -----
    Where a foreground ends in a plane, as a brain does that is cut by the edge of its image or obliquely, nothing is
    known of what is beyond: positions there do not count, in either volume. Everywhere else the outside of a volume is
    background.

    A rigid or affine result that is not finite, changes volume by more than a factor of about three (from what the
    sizes of the foregrounds suggest too, for brains of two species), or makes the foregrounds overlap less than the
    translation did, is not believed: the translation is returned, with a warning. Nor is one that turns a foreground
    that is cut by more than 45 degrees: too little is seen of it to tell.
    """
    alignment, context = alignment or Alignment(), context or Context()
    if alignment.start == "none":
        return np.eye(4)
    (fixed, cuts), (moving, its_cuts) = (
        _foreground(v, name, alignment) for v, name in ((reference, "reference"), (scan, "scan"))
    )
    here, there = centre_of_mass(fixed), centre_of_mass(moving)
    if alignment.start == "centre_of_mass":
        return _express_in_world(np.eye(4), here, there, 1.0)
    from lumirage_bids.methods._affine_search import Search

    radius, other = (float(np.sqrt(np.trace(_covariance(v)))) for v in (fixed, moving))
    scales = [1.0, other / radius] if alignment.transform == "affine" else [1.0]
    search = Search(
        fixed=fixed, moving=moving, cuts=(cuts, its_cuts), centres=(here, there), unit=radius, alignment=alignment,
        context=context,
    )  # fmt: skip
    starts = _starts(fixed, moving, scales)
    shifted = [*_shifted_starts(cuts, 1.0), *_shifted_starts(its_cuts, -1.0)]
    if shifted:  # the axes and the size of a part tell nothing of those of the whole
        starts = [starts[0][:1], *shifted]
    result = _if_plausible(
        search,
        search.run(starts, [m for group in starts for m in group] if shifted else []),
        (other / radius) ** 3,
        name,
    )
    return _express_in_world(result, here, there, radius)


def centre_of_mass(volume: Volume) -> Matrix:
    """World point (RAS+, mm) that is the mean of the voxels' positions, weighted by intensity; shape (3,)."""
    total = volume.array.sum(dtype=np.float64)
    sums = [volume.array.sum(axis=tuple({0, 1, 2} - {i}), dtype=np.float64) for i in range(3)]
    index = np.array([s @ np.arange(s.size) / total for s in sums])
    return np.asarray(volume.affine[:3, :3] @ index + volume.affine[:3, 3], dtype=np.float64)


def _covariance(volume: Volume) -> Matrix:
    """Second central moments of the voxels' positions, weighted by intensity, mm², shape (3, 3)."""
    total = volume.array.sum(dtype=np.float64)
    second, means = np.zeros((3, 3)), np.zeros(3)
    for i, j in product(range(3), repeat=2):
        plane = volume.array.sum(axis=tuple({0, 1, 2} - {i, j}), dtype=np.float64)
        along = [np.arange(n, dtype=np.float64) for n in plane.shape]
        if i == j:
            means[i] = plane @ along[0] / total
            second[i, i] = plane @ along[0] ** 2 / total
        else:
            second[i, j] = along[0] @ plane @ along[1] / total
    linear = np.asarray(volume.affine[:3, :3], dtype=np.float64)
    return np.asarray(linear @ (second - np.outer(means, means)) @ linear.T, dtype=np.float64)


def _starts(fixed: Volume, moving: Volume, scales: list[float]) -> list[list[Matrix]]:
    """Matrices to start from, each scaled: no rotation; and the four that carry principal axes onto principal axes."""
    axes_fixed, axes_moving = (np.linalg.eigh(_covariance(v))[1] for v in (fixed, moving))
    turned: list[Matrix] = []
    for signs in product((1.0, -1.0), repeat=3):
        rotation = axes_moving @ np.diag(signs) @ axes_fixed.T
        if np.linalg.det(rotation) > 0:
            turned.append(np.eye(4))
            turned[-1][:3, :3] = rotation
    return [[m @ np.diag([s, s, s, 1.0]) for m, s in product(ms, scales)] for ms in ([np.eye(4)], turned)]


def _shifted_starts(cuts: Planes, sign: float) -> list[list[Matrix]]:
    """Starts for a foreground that is cut, whose centre of mass lies too far from the cut: one group for each plane."""
    groups = []
    for normal in cuts[:, :3]:
        groups.append([np.eye(4) for _ in SHIFTS])
        for start, shift in zip(groups[-1], SHIFTS, strict=True):
            start[:3, 3] = -sign * shift * normal
    return groups


def _express_in_world(matrix: Matrix, here: Matrix, there: Matrix, unit: float) -> Matrix:
    """Matrix between coordinates around `here` and `there`, in `unit` mm, as one between world coordinates in mm."""
    world = matrix.copy()
    world[:3, 3] = unit * matrix[:3, 3] + there - matrix[:3, :3] @ here
    return world


def _if_plausible(search: Search, result: Matrix, expected: float, name: str) -> Matrix:
    """Return the result where it is plausible, else the translation.

    The sizes of the foregrounds suggest a change of volume, `expected`: a macaque's brain has a tenth of a human's.
    They mislead where one image shows a neck; then the change itself must be small.
    """
    low, high = DETERMINANTS
    determinant = float(np.linalg.det(result[:3, :3])) if np.isfinite(result).all() else np.nan
    before, after = search.overlap(np.eye(4)), search.overlap(result)
    log.debug("Alignment: foregrounds overlap by %.3f (Dice), %.3f before; volume × %.3f", after, before, determinant)
    sizes_fit = any(low <= change <= high for change in (determinant, determinant / expected))
    turned = _rotation(result) if search.is_partial and sizes_fit else 0.0
    if sizes_fit and after >= before - WORSE and turned <= TURNED:
        return result
    log.warning(
        "The %s alignment of %s failed (change of volume %.3g, foreground overlap %.3f, %.3f with the translation "
        "alone%s): the translation is used.", search.alignment.transform, name, determinant, after, before,
        f", turned by {turned:.0f} degrees though a part of it only is seen" if turned > TURNED else "",
    )  # fmt: skip
    return np.eye(4)


def _rotation(matrix: Matrix) -> float:
    """Angle of the rotation that is nearest to an affine map, degrees."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    return float(np.degrees(np.arccos(np.clip((np.trace(left @ right) - 1) / 2, -1, 1))))


def _foreground(volume: Volume, name: str, alignment: Alignment) -> tuple[Volume, Planes]:
    """Cut out the box around the foreground, scale it to [0, 1] and reduce it to about `max_voxels`.

    Returns
    -------
    volume : Volume
    cuts : array
        Planes beyond which the foreground goes on unseen.
    """
    array = np.asarray(volume.array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise BadDataError(f"The {name} to be aligned has values that are not finite. Replace them first.")
    array = (array > 0).astype(np.float32) if alignment.on == "mask" else _scale(array)
    inside = array > FOREGROUND
    if not inside.any():
        raise BadDataError(f"The {name} to be aligned has no foreground: all values are equal or not above zero.")
    box = []
    for n, (first, last) in zip(array.shape, bounding_box(inside), strict=True):
        margin = 2 + (last - 1 - first) // 10
        box.append(slice(max(0, first - margin), min(n, last + margin)))
    most = np.inf if alignment.max_voxels == "all" else alignment.max_voxels
    reduced = _reduce(array[tuple(box)], [b.start for b in box], volume, most)
    return reduced, cut_planes(Volume(array=inside, affine=volume.affine))


def _scale(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intensities from the darkest to the 99th percentile of the brighter ones as 0 to 1."""
    array = ground(array)
    positive = array[array > 0]
    top = np.percentile(positive, 99) if positive.size else 1.0
    return np.clip(array / np.float32(top), 0, 1)


def _reduce(array: npt.NDArray[np.float32], first: list[int], volume: Volume, max_voxels: float) -> Volume:
    """Average blocks so that about `max_voxels`, as nearly cubic as can be, remain; `first` is its first voxel.

    Blocks that the far end does not fill are filled with background.
    """
    side = (np.prod(np.multiply(array.shape, volume.spacing)) / max_voxels) ** (1 / 3)
    factors = [max(1, round(side / s)) for s in volume.spacing]
    array = np.pad(array, [(0, -n % f) for n, f in zip(array.shape, factors, strict=True)])
    blocks = [n for size, f in zip(array.shape, factors, strict=True) for n in (size // f, f)]
    affine = np.asarray(volume.affine, dtype=np.float64).copy()
    affine[:3, 3] += affine[:3, :3] @ (np.array(first) + (np.array(factors) - 1) / 2)
    affine[:3, :3] *= factors
    return Volume(array=array.reshape(blocks).mean(axis=(1, 3, 5), dtype=np.float32), affine=affine)
