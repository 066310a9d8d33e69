"""A small brain of known tissues: an ellipsoid of folded grey and white matter in CSF; and scans of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.measures import overlap
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume

MEANS = {
    "T1w": (0.0, 20.0, 60.0, 100.0),
    "T2w": (0.0, 190.0, 85.0, 58.0),
    "FLAIR": (0.0, 18.0, 95.0, 72.0),
}
"""Intensity of background, CSF, grey and white matter, by contrast."""


def tissues(size: int = 36) -> npt.NDArray[np.int64]:
    """Tissue of each voxel, shape (size,) * 3: about 25 % CSF around folded grey (45 %) and white matter (30 %)."""
    axis = (np.arange(size) - (size - 1) / 2) / (size * 0.45)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt((x / 0.85) ** 2 + y**2 + (z / 0.9) ** 2)
    # Folds, not shells: a bias field must not be able to explain the anatomy.
    folds = gaussian_filter(np.random.default_rng(11).standard_normal((size,) * 3), 2.0)
    white = folds > np.quantile(folds[radius < 0.92], 0.6)
    return np.asarray(np.select([radius >= 1, radius >= 0.92, white], [0, 1, 3], 2))


def brain(suffix: str = "T1w", *, axes: str = "RAS", bias: float = 0.0, spacing: float = 1.0) -> tuple[Volume, Volume]:
    """Image and tissue map, both stored along `axes`.

    Parameters
    ----------
    suffix : str
        One of `MEANS`.
    axes : str
    bias : float
        Logarithm of the factor by which intensities differ between the middle and either end.
    spacing : float
        mm.
    """
    labels = tissues()
    rng = np.random.default_rng(7)
    array = np.array(MEANS[suffix])[labels] + 4 * rng.standard_normal(labels.shape)
    ramp = np.linspace(-1, 1, labels.shape[1])[None, :, None]
    array = np.where(labels > 0, np.maximum(array * np.exp(bias * ramp), 1), 0)
    affine = np.array([[0.98, -0.199, 0, -20], [0.199, 0.98, 0, -10], [0, 0, 1, 5], [0, 0, 0, 1]])
    affine[:3, :3] *= spacing
    volumes = (Volume(array=a, affine=affine) for a in (array.astype(np.float32), labels.astype(np.int32)))
    image, truth = (reorient(v, axes) for v in volumes)
    return image, truth


def scan(suffix: str = "T1w", folder: Path = Path("/data"), **more: object) -> Scan:
    """A scan of this contrast; only its names are real unless the folder holds the file."""
    path = folder / f"sub-1_{suffix}.nii.gz"
    return Scan(path=path, dataset=folder, subject="1", session=None, suffix=suffix, entities={"sub": "1"}, **more)  # type: ignore[arg-type]


def label_file(folder: Path, name: str, lut: Path | None = None) -> LabelMapFile:
    """A label map of such a scan."""
    return LabelMapFile(path=folder / name, dataset=folder, lut=lut)


def dice(a: npt.NDArray[np.integer], b: npt.NDArray[np.integer], index: int) -> float:
    """Overlap of one structure of two label maps on one grid."""
    return float(overlap.dice(a, b, [index])[0])
