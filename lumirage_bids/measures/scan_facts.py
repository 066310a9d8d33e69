"""What an image, its brain mask and a label map tell of each other: facts that the audit of a run rests on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.measures.information import boundary_contrast, mutual_information
from lumirage_bids.measures.overlap import volumes
from lumirage_bids.spatial.ends import flat_ends
from lumirage_bids.spatial.grids import bounding_box, mask_on, same_grid
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform

MUCH_OUTSIDE = 0.02
"""Share of what is labelled that may lie outside the brain mask without a word."""
DIGITS = 4
"""Significant digits that are kept."""


def scan_facts(
    image: Volume, mask: Volume | None, labels: Volume, structures: Iterable[int], *, threads: int = 1
) -> dict[str, object]:
    """Facts of one scan and one of its label maps, as they came, for the label map's sidecar.

    Parameters
    ----------
    image : Volume
        Native image.
    mask : Volume or None
        Brain mask, on any grid; None where there is none, in which case what is labelled counts as brain.
    labels : Volume
        Label map on any grid.
    structures : iterable of int
        Indices of the labelling's structures.
    threads : int
        Number of threads; no influence on the result.

    Returns
    -------
    dict
        To be written as JSON:

        ``BrainExtent``
            Size of the box around the brain along the image's axes, mm.
        ``MutualInformation``, ``LabelEntropy``
            Of intensities and labels in the brain, bits; see `mutual_information`.
        ``Structures``
            Index (as text) → ``Volume`` (mm³), ``Contrast`` (0 to 1), ``Bare`` (share of the boundary without
            contrast), see `boundary_contrast`, and ``Cut``, the share of the boundary that is the edge of the image.
            Absent structures are not there.

        `outside_mask` and `brain_at_edge` tell what else a sidecar has: ``Outside`` and ``AtEdge``.

    Raises
    ------
    BadDataError
        The map labels nothing inside the image, or the image is not finite.
    """
    grid = labels.array if same_grid(labels, image) else None
    if grid is None:
        grid = transfer_labels(labels, Transform(), image.shape, image.affine, threads=threads)
    labelled = grid > 0
    if not labelled.any():
        raise BadDataError("The map labels nothing inside the image; check the headers of both.")
    brain = labelled if mask is None else mask_on(mask, image)
    indices = np.array([i for i in structures if i > 0], dtype=np.int64)
    sizes = volumes(grid, indices)
    indices, sizes = indices[sizes > 0], sizes[sizes > 0]
    information = mutual_information(image.array, grid, brain | labelled)
    boundary = boundary_contrast(image.array, grid, brain | labelled, indices, image.spacing)
    edge = _edge_areas(grid, indices, image.spacing)
    columns = {
        "Volume": sizes * float(np.prod(image.spacing)),
        "Contrast": boundary.contrast,
        "Bare": boundary.bare,
        "Cut": np.divide(edge, edge + boundary.area, out=np.zeros(len(edge)), where=edge > 0),
    }
    return {
        "BrainExtent": brain_extent(Volume(array=brain, affine=image.affine)),
        "MutualInformation": _round(information.mutual),
        "LabelEntropy": _round(information.entropy),
        "Structures": {
            str(index): {name: _round(values[n]) for name, values in columns.items()} for n, index in enumerate(indices)
        },
    }


def brain_extent(mask: Volume) -> list[float | None]:
    """Size of the box around the brain along the axes of its mask, mm."""
    box = bounding_box(mask.array > 0)
    return [_round(x) for x in (box[:, 1] - box[:, 0]) * mask.spacing]


def outside_mask(labels: Volume, mask: Volume, structures: Iterable[int]) -> tuple[float, dict[int, float]]:
    """How much of what is labelled lies outside the brain mask, and is not seen by registration.

    Parameters
    ----------
    labels, mask : Volume
        On any grids.
    structures : iterable of int
        Indices of the labelling's structures; others do not count.

    Returns
    -------
    share : float
        Of all labelled voxels.
    shares : dict
        Index → share of each structure's voxels; absent structures are not there.

    Raises
    ------
    BadDataError
        The mask and the label map do not overlap.
    """
    indices = np.array([i for i in structures if i > 0], dtype=np.int64)
    sizes = volumes(labels.array, indices)
    indices, sizes = indices[sizes > 0], sizes[sizes > 0]
    lost = volumes(np.where(mask_on(mask, labels), 0, labels.array), indices)
    shares = {int(i): float(n / size) for i, n, size in zip(indices, lost, sizes, strict=True)}
    return float(lost.sum() / max(sizes.sum(), 1)), shares


def brain_at_edge(mask: Volume) -> dict[str, float]:
    """Find where a brain reaches the edge of its image, so that the image may show a part of it only.

    Parameters
    ----------
    mask : Volume
        Brain mask on the image's grid.

    Returns
    -------
    dict
        Side (R, L, A, P, S or I) → area of the brain on that side's face of the image, as a share of its largest
        section along that axis; only sides with at least `AT_EDGE`. Where it ends before the face in a plane, the area
        in which it ends, from `PLANE` on: so do brains that were cut and then padded or turned. A plane that is tilted
        between two sides or three has the letters of these, as ``IA``.
    """
    found: dict[str, float] = {}
    for end in flat_ends(mask):
        found[end.side] = max(float(f"{end.share:.2g}"), found.get(end.side, 0.0))
    return found


def _edge_areas(
    labels: npt.NDArray[np.integer], indices: npt.NDArray[np.int64], spacing: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Area of each structure that lies on the six sides of the grid, mm²."""
    area = np.zeros(len(indices))
    for axis in range(3):
        for side in (0, -1):
            area += volumes(np.take(labels, side, axis), indices) * np.prod(np.delete(spacing, axis))
    return area


def _round(value: float) -> float | None:
    """Value with `DIGITS` significant digits; None, JSON's null, where there is none."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
