"""Fit of the MNI152 template, which nilearn carries, to a whole head. Loaded lazily, so SimpleITK is at the top.

The template has no skull, so a fit to a whole head has two wrong optima: the brain inflated to the skin, and the
brain tilted within the skull. Against the first, the search starts in the image, all of the head counting, so that
growing wins nothing; against the second, it starts from several pitches. Only then is the fit refined in the
template, where just the brain and a thin rim around it count. Heads at 7 T and above need the bias field removed
before any of this.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from lumirage_bids.spatial.grids import pad_to, resample, resample_isotropic, voxel_centres
from lumirage_bids.spatial.images import Volume

Matrix = npt.NDArray[np.float64]

COARSE, FINE = 6.0, 3.0
"""Spacings of the search and of the refinement, mm."""
RIM = 5.0
"""Width of the rim around the template's brain that counts in the refinement, mm."""
SURROUND = 100.0
"""Width of the empty space around the template in the search, mm."""
HEIGHT = 130.0
"""Height of the part of the head, from the vertex, whose centre is taken for the brain's, mm."""
PITCHES = (-20.0, 0.0, 20.0)
SHIFTS_UP = (-20.0, 0.0, 20.0)
SHIFTS_FORWARD = (-15.0, 0.0, 15.0)
SCALES = (1.0, 1.1)
REFINED = 3
"""Number of starts, of different pitch or height, that are optimised."""
SAMPLED = 0.3
"""Share of the voxels at which the refinement looks."""

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Template:
    """Template brain (0 to 1) and its mask (0 or 1) on one grid."""

    brain: Volume
    mask: Volume


@lru_cache(maxsize=2)
def load_template(spacing: float) -> Template:
    """Load the MNI152 nonlinear symmetric template (Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033)."""
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_template

    brain, mask = load_mni152_template(resolution=2), load_mni152_brain_mask(resolution=2)
    volumes = (
        resample_isotropic(Volume(array=np.asarray(i.dataobj, dtype=np.float32), affine=i.affine), spacing)
        for i in (brain, mask)
    )
    brain, mask = volumes
    return Template(brain=brain, mask=replace(mask, array=(mask.array >= 0.5).astype(np.float32)))


def fit_template(image: Volume) -> tuple[Matrix, float]:
    """Find the affine map of the template's world to the image's.

    Parameters
    ----------
    image : Volume
        A whole human head of any contrast, RAS+ axes or any other.

    Returns
    -------
    matrix : array, shape (4, 4)
        World points of the template to those of the image (RAS+, mm).
    quality : float
        Share of the image's variance, within the template's brain and rim, that the template explains
        (`explained`), after removal of the bias field.
    """
    coarse = level(resample_isotropic(image, COARSE))
    fine = remove_bias(level(resample_isotropic(image, FINE)), coarse)
    coarse = remove_bias(coarse, coarse)
    with _one_thread():
        refined = [_refine(fine, start) for start in _search(coarse)]
    best = min(refined, key=lambda r: r[0])[1]
    return best, share_explained(fine, best)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for ITK: sums over threads depend on their number and order, and the metric asks the default only."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def share_explained(image: Volume, matrix: Matrix) -> float:
    """Correlation ratio: share of the variance of the image that a function of the template's intensity explains.

    It asks nothing of the contrast (Roche et al. 1998, doi:10.1007/BFb0056301), and falls towards 0 for a bad fit.
    """
    template = load_template(FINE)
    moved = resample(
        replace(image, affine=np.asarray(np.linalg.solve(matrix, image.affine), dtype=np.float64)),
        template.brain.shape,
        template.brain.affine,
    )
    region = _rim(template) > 0
    values, bins = moved.array[region].astype(np.float64), (template.brain.array[region] * 31.999).astype(np.intp)
    counts = np.maximum(np.bincount(bins, minlength=32), 1)
    means = np.bincount(bins, values, minlength=32) / counts
    return float(means[bins].var() / max(values.var(), 1e-12))


def head_mask(image: Volume) -> npt.NDArray[np.bool_]:
    """The head: largest bright piece by Otsu's threshold, holes filled."""
    from scipy import ndimage

    smooth = sitk.GetImageFromArray(ndimage.gaussian_filter(image.array, 1.0))
    bright = ndimage.binary_opening(sitk.GetArrayFromImage(sitk.OtsuThreshold(smooth, 0, 1)) > 0)
    pieces, number = ndimage.label(bright)
    if not number:
        return np.ones(image.shape, dtype=bool)
    head = pieces == 1 + np.argmax(np.bincount(pieces.reshape(-1))[1:])
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_dilation(head)), dtype=bool)


def down_to_the_skin(image: Volume) -> npt.NDArray[np.bool_]:
    """The head by the lower of two thresholds (Otsu), as one leaves out what a strong bias field makes dim."""
    from scipy import ndimage

    smooth = sitk.GetImageFromArray(ndimage.gaussian_filter(image.array, 1.0))
    bright = ndimage.binary_opening(sitk.GetArrayFromImage(sitk.OtsuMultipleThresholds(smooth, 2)) > 0)
    pieces, number = ndimage.label(bright)
    head = pieces == 1 + np.argmax(np.bincount(pieces.reshape(-1))[1:]) if number else np.ones(image.shape, dtype=bool)
    reach = 4  # voxels: across the dark skull
    closed = ndimage.binary_closing(np.pad(head, 2 * reach), iterations=reach)
    return np.asarray(ndimage.binary_fill_holes(closed[(slice(2 * reach, -2 * reach),) * 3]), dtype=bool)


def _search(image: Volume) -> list[Matrix]:
    """Similarity maps, template to image, from the best of many starts, in the image's frame at coarse spacing."""
    template = load_template(COARSE)
    margin = 2 * round(SURROUND / COARSE)
    x, y, z = (n + margin for n in template.brain.shape)
    head = head_mask(image)
    metric = _metric(image, head, pad_to(template.brain, (x, y, z)))
    there, here = _centre(template.mask.array > 0, template.mask.affine), _upper_centre(head, image.affine)
    starts = []
    for scale, pitch, up, forward in itertools.product(SCALES, PITCHES, SHIFTS_UP, SHIFTS_FORWARD):
        start = sitk.Similarity3DTransform()
        centre = here + np.array([0.0, forward, up])
        start.SetCenter((_LPS[:3, :3] @ centre).tolist())
        start.SetMatrix((scale * _turn_about_x(pitch)).reshape(-1).tolist())
        start.SetTranslation((_LPS[:3, :3] @ (there - centre)).tolist())
        metric.method.SetInitialTransform(start, False)
        starts.append((metric.value(), (pitch, up), start))
    starts.sort(key=lambda s: s[0])
    different = {key: start for _, key, start in reversed(starts)}  # the best of each pitch and height
    order = list(dict.fromkeys(key for _, key, _ in starts))[:REFINED]
    found = []
    for key in order:
        metric.optimise(different[key], step=2.0, iterations=60)
        found.append(np.asarray(np.linalg.inv(_matrix(different[key])), dtype=np.float64))
    return found


def _refine(image: Volume, start: Matrix) -> tuple[float, Matrix]:
    """Affine map, template to image, from a start, in the template's frame at fine spacing; with its metric."""
    template = load_template(FINE)
    metric = _metric(template.brain, _rim(template) > 0, image)
    metric.method.SetMetricSamplingStrategy(metric.method.REGULAR)
    metric.method.SetMetricSamplingPercentage(SAMPLED, 1)  # the seed; without one, the clock's
    lps = _LPS @ start @ _LPS
    centre = _LPS[:3, :3] @ _centre(template.mask.array > 0, template.mask.affine)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(centre.tolist())
    affine.SetMatrix(lps[:3, :3].reshape(-1).tolist())
    affine.SetTranslation((lps[:3, :3] @ centre + lps[:3, 3] - centre).tolist())
    value = metric.optimise(affine, step=1.0, iterations=100)
    return value, _matrix(affine)


@dataclass(frozen=True)
class _Metric:
    """Negative mutual information of two images over a region of the fixed one (Mattes et al. 2003)."""

    method: Any
    fixed: Any
    moving: Any

    def value(self) -> float:
        """At the initial transform."""
        return float(self.method.MetricEvaluate(self.fixed, self.moving))

    def optimise(self, transform: Any, *, step: float, iterations: int) -> float:
        """Improve a transform in place; steps in mm at voxels. Returns the metric."""
        self.method.SetInitialTransform(transform, True)
        self.method.SetOptimizerAsRegularStepGradientDescent(step, 1e-3, iterations, relaxationFactor=0.6)
        self.method.SetOptimizerScalesFromPhysicalShift()
        self.method.Execute(self.fixed, self.moving)
        return float(self.method.GetMetricValue())


def _metric(fixed: Volume, region: npt.NDArray[np.bool_], moving: Volume) -> _Metric:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(sitk.Cast(_itk(replace(fixed, array=region)), sitk.sitkUInt8))
    method.SetInterpolator(sitk.sitkLinear)
    return _Metric(method, _itk(fixed), _itk(moving))


def _itk(volume: Volume) -> Any:
    """Image in ITK's LPS world."""
    affine, spacing = _LPS @ volume.affine, volume.spacing
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array.astype(np.float32).T))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).reshape(-1).tolist())
    return image


def _matrix(transform: Any) -> Matrix:
    """RAS+ matrix, shape (4, 4), of a linear ITK transform with a centre."""
    linear, centre = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = linear
    lps[:3, 3] = np.array(transform.GetTranslation()) + centre - linear @ centre
    return np.asarray(_LPS @ lps @ _LPS, dtype=np.float64)


def _turn_about_x(degrees: float) -> Matrix:
    """Rotation about the axis from left to right, shape (3, 3)."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _rim(template: Template) -> npt.NDArray[np.float32]:
    """1 in the template's brain and the rim around it, else 0."""
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(template.mask.array == 0, sampling=template.mask.spacing)
    return np.asarray(distance <= RIM, dtype=np.float32)


def _centre(region: npt.NDArray[np.bool_], affine: Matrix) -> Matrix:
    """World position of a region's centre of mass, mm, shape (3,)."""
    return np.asarray(affine[:3, :3] @ np.argwhere(region).mean(axis=0) + affine[:3, 3], dtype=np.float64)


def _upper_centre(head: npt.NDArray[np.bool_], affine: Matrix) -> Matrix:
    """World position of the centre of mass of the uppermost part of the head, mm, shape (3,)."""
    points = voxel_centres(head, affine)
    vertex = np.percentile(points[:, 2], 99.9)
    return np.asarray(points[points[:, 2] > vertex - HEIGHT].mean(axis=0), dtype=np.float64)


def level(image: Volume) -> Volume:
    """Intensities from the 1st to the 99th percentile as 0 to 1."""
    low, high = np.percentile(image.array, (1, 99))
    return replace(image, array=np.clip((image.array - low) / max(high - low, 1e-12), 0, 1).astype(np.float32))


def remove_bias(image: Volume, coarse: Volume) -> Volume:
    """A head divided by its bias field, which is estimated from a coarse image of it; from 0 to 1."""
    with _one_thread():
        return level(_divide(image, _bias_field(coarse, head_mask(coarse))))


def _bias_field(image: Volume, head: npt.NDArray[np.bool_]) -> Volume:
    """Bias field of a head by N4 (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908), on the image's grid."""
    raised = sitk.GetImageFromArray(np.asarray(image.array + np.float32(0.05)))
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([20, 20, 20])
    n4.Execute(raised, sitk.GetImageFromArray(head.astype(np.uint8)))
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(raised)))
    return replace(image, array=field.astype(np.float32))


def _divide(image: Volume, field: Volume) -> Volume:
    """Image divided by a field given on another grid; as it is where there is none."""
    on_grid = resample(field, image.shape, image.affine).array
    return replace(image, array=image.array / np.where(on_grid > 0.05, on_grid, np.float32(1)))
