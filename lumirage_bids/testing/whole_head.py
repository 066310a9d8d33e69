"""A synthetic head of known brain."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from lumirage_bids.maskers import _template_fit
from lumirage_bids.spatial.grids import pad_to, resample
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import dice as overlap_of


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Overlap of two masks on one grid."""
    return overlap_of(a.astype(np.uint8), b.astype(np.uint8), 1)


@lru_cache
def whole_head(*, tilt: float = 12.0, scale: float = 0.9, bias: float = 0.5) -> tuple[Volume, Volume]:
    """The template's brain, tilted, shrunk, in a dark skull and a bright scalp on a neck, 4 mm; and its mask.

    Parameters
    ----------
    tilt : float
        Degrees around the x axis.
    scale : float
        Size of the brain beside the template's.
    bias : float
        Strength of the field that shades it; 0 for none.
    """
    template = _template_fit.load_template(4.0)
    pose = np.eye(4)
    pose[:3, :3] = scale * _template_fit._turn_about_x(tilt)
    pose[:3, 3] = 5, -12, 20
    grid = pad_to(template.brain, tuple(n + 16 for n in template.brain.shape))  # type: ignore[arg-type]
    brain, mask = (
        resample(replace(v, affine=pose @ v.affine), grid.shape, grid.affine).array
        for v in (template.brain, template.mask)
    )
    inside = mask >= 0.5
    x, y, z = np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3).T
    centre = np.argwhere(inside).mean(0)
    radius = np.sqrt((((np.stack([x, y, z]) - centre[:, None]) * 4 / np.array([[85], [105], [95]])) ** 2).sum(0))
    skull, scalp = (radius.reshape(grid.shape) < r for r in (1.0, 1.1))
    neck = (np.hypot(x - centre[0], y - centre[1] + 3) * 4 < 60).reshape(grid.shape) & (
        z.reshape(grid.shape) < centre[2]
    )
    rng = np.random.default_rng(0)
    array = np.select([inside, skull, scalp | neck], [0.2 + 0.8 * brain, 0.1, 0.75], 0)
    array = array * np.exp(bias * 12 * gaussian_filter(rng.standard_normal(grid.shape), 10)) + 0.02 * np.abs(
        rng.standard_normal(grid.shape)
    )
    return (
        Volume(array=(1000 * array).astype(np.float32), affine=grid.affine),
        Volume(array=inside.astype(np.int32), affine=grid.affine),
    )
