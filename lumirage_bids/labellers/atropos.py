"""Three tissues by Atropos: a Gaussian mixture with a Markov random field, as ANTs has it. Nothing is downloaded.

Avants et al. 2011, doi:10.1007/s12021-011-9109-y; bias field: N4, Tustison et al. 2010, doi:10.1109/TMI.2010.2046908.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.labellers._program import packaged_table
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.spatial.grids import bounding_box, mask_on, reorient
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context

CSF, GM, WM = 1, 2, 3

_T1 = (CSF, GM, WM)
_T2 = (WM, GM, CSF)
DARK_TO_BRIGHT: Mapping[str, tuple[int, int, int]] = {
    "T1w": _T1,
    "UNIT1": _T1,
    "MP2RAGE": _T1,
    "inplaneT1": _T1,
    "T2w": _T2,
    "inplaneT2": _T2,
    "T2starw": _T2,
    "PDw": _T2,
    "FLAIR": (CSF, WM, GM),
}
"""Contrast → tissues from the darkest to the brightest."""

SHARES: Mapping[int, float] = {CSF: 0.2, GM: 0.45, WM: 0.35}
"""Rough shares of a brain's volume; the medians that classes would have with them are where k-means starts."""

N4_SIZE = 30
"""Most voxels along the brain's longest side that N4 looks at: it fits a smooth field to every n-th voxel."""

OUTER_SLOPE = 0.1
"""What remains of the distance between intensities beyond the limits."""

JITTER = 0.02
"""Standard deviation of the noise that is added, where the brain's range is 100."""

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Atropos(Labeller):
    """Segment a brain of any size into CSF, grey and white matter by its intensities.

    Intensities far from the brain's median are first compressed, and k-means starts from rough shares of the tissues:
    a few bright voxels would otherwise get a class of their own, and bright CSF on T2w would leave grey and white
    matter only one.

    Attributes
    ----------
    mrf : float
        Weight of the Markov random field over 3 × 3 × 3 voxels, 0 to 1.
    iterations : int
        Most iterations of the mixture; it stops by itself when the mean posterior no longer rises.
    deviations : float
        Intensities beyond this many deviations (1.4826 × median absolute deviation) from the median are compressed.
    bias_correction : bool
        Whether N4 divides the image by a smooth field first.
    """

    name: ClassVar[str] = "atropos"
    digest_name: ClassVar[str] = "Atropos"
    from_intensities: ClassVar[bool] = True
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[tuple[float, float]] = (3.0, 2.9)
    packages: ClassVar[tuple[str, ...]] = ("antspyx",)
    summary: ClassVar[str] = "CSF, grey and white matter from intensities by ANTs Atropos; no downloads"
    phrase: ClassVar[str] = (
        "are cerebrospinal fluid, grey and white matter, found by ANTs' Atropos in the intensities of the images"
    )
    references: ClassVar[tuple[str, ...]] = ("avants2011", "tustison2010")
    labelling: ClassVar[str | None] = "tissue"
    # Shares of the intracranial volume in adults from 20 to 90 years are about 10-35 % CSF, 35-50 % GM and 25-40 % WM
    # (Courchesne et al. 2000, doi:10.1148/radiology.216.3.r00au37672); masks cut much or all of the outer CSF away,
    # and partial volume goes either way. The bounds are wider: they catch lost and swapped classes, not atrophy.
    bounds: ClassVar[Mapping[int, tuple[float, float]]] = {CSF: (0.03, 0.5), GM: (0.25, 0.7), WM: (0.15, 0.65)}

    mrf: float = 0.2
    iterations: int = 10
    deviations: float = 3.5
    bias_correction: bool = True

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be used."""
        if not 0 <= self.mrf <= 1:
            raise ValueError(f"mrf is {self.mrf}; allowed: 0 to 1")
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}; allowed: 1 or more")
        if not self.deviations >= 1:
            raise ValueError(f"deviations is {self.deviations}; allowed: 1 or more")

    def missing(self, context: Context) -> str | None:
        """ANTsPy."""
        return None if find_spec("ants") else "ANTsPy is not installed; pip install antspyx"

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Segment the brain; see `Labeller.segment`.

        Raises
        ------
        UsageError
            The order of intensities of this contrast is not known.
        BadDataError
            The mask is empty, or the brain has no contrast.
        """
        if scan.suffix not in DARK_TO_BRIGHT:
            raise UsageError(
                f"{scan.relative}: how bright tissues are on '{scan.suffix}' is not known; known are "
                f"{', '.join(DARK_TO_BRIGHT)}. Give labels with --derivatives NAME=PATH."
            )
        # One orientation for all, so that how a file stores its voxels does not change a label.
        upright = reorient(image)
        inside = reorient(Volume(array=mask_on(mask, image), affine=image.affine)).array > 0
        x, y, z = (slice(a, b) for a, b in bounding_box(inside))
        box = (x, y, z)
        values = upright.array[box].astype(np.float32)
        labels = np.zeros(upright.shape, dtype=np.int32)
        order = DARK_TO_BRIGHT[scan.suffix]
        labels[box] = np.array((0, *order))[self._classes(values, inside[box], upright.spacing, order)]
        back = reorient(Volume(array=labels, affine=upright.affine), _axes(image))
        return Volume(array=back.array, affine=image.affine)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """The three tissues."""
        return packaged_table("tissue")

    def _classes(
        self, values: Floats, inside: Mask, spacing: npt.NDArray[np.float64], order: tuple[int, ...]
    ) -> npt.NDArray[np.intp]:
        """Class of each voxel: 0 outside, 1 the darkest to 3 the brightest."""
        values = limit(values, inside, self.deviations)
        if self.bias_correction:
            values = limit(_remove_bias(values, inside, spacing), inside, self.deviations)
        # A class of one single value has no variance, which Atropos refuses.
        values = values + np.random.default_rng(0).normal(0, JITTER, values.shape).astype(np.float32)
        ends = np.cumsum([SHARES[tissue] for tissue in order])
        middles = 100 * (ends - np.array([SHARES[tissue] for tissue in order]) / 2)
        # Classes must start apart even where much of the brain is one value.
        means = np.maximum.accumulate(np.percentile(values[inside], middles) + 0.01 * np.arange(len(order)))
        return _atropos(values, inside, spacing, means, mrf=self.mrf, iterations=self.iterations)


def limit(values: Floats, inside: Mask, deviations: float) -> Floats:
    """Compress intensities far from the median of the brain, and scale the brain's range to [0, 100].

    Beyond the limit a tenth of the distance remains: a class that lies there as a whole keeps a variance. Nothing goes
    beyond the percentiles 0.5 and 99.5. The range is 100 and not 1 because Atropos refuses variances below 10^-6.

    Raises
    ------
    BadDataError
        The brain has no contrast.
    """
    brain = values[inside]
    low, middle, high = np.percentile(brain, (0.5, 50, 99.5))
    if not low < high:
        raise BadDataError(f"the brain has no contrast: 99 % of its voxels are {low:g}")
    reach = deviations * 1.4826 * np.median(np.abs(brain - middle))
    if reach == 0:  # more than half of the brain is one value
        reach = high - low
    inner = max(low, middle - reach), min(high, middle + reach)
    ends = inner[0] - OUTER_SLOPE * (inner[0] - low), inner[1] + OUTER_SLOPE * (high - inner[1])
    scaled = np.interp((ends[0], *inner, ends[1]), ends, (0, 100))
    return np.asarray(np.interp(values, (low, *inner, high), scaled), dtype=np.float32)


def _remove_bias(values: Floats, inside: Mask, spacing: npt.NDArray[np.float64]) -> Floats:
    """Image divided by its bias field (N4); raised above 0 first, as N4 works on logarithms."""
    import ants

    shrink = -(-max(values.shape) // N4_SIZE)
    image, mask = (_ants_image(a, spacing) for a in (values + np.float32(10), inside))
    convergence = {"iters": [50, 50, 30, 20], "tol": 1e-4}
    corrected = ants.n4_bias_field_correction(image, mask=mask, shrink_factor=shrink, convergence=convergence)
    return np.asarray(corrected.numpy(), dtype=np.float32)


def _atropos(
    values: Floats,
    inside: Mask,
    spacing: npt.NDArray[np.float64],
    means: npt.NDArray[np.float64],
    *,
    mrf: float,
    iterations: int,
) -> npt.NDArray[np.intp]:
    """Run Atropos with as many classes as there are means, k-means starting from those."""
    # ants.atropos() itself writes probability images to the temporary folder and leaves them there.
    from ants.internal import get_lib_fn, get_pointer_string, process_arguments

    image, mask = (_ants_image(a, spacing) for a in (values, inside))
    out, region = image.clone("unsigned int"), mask.clone("unsigned int")
    arguments = {
        "d": 3,
        "a": image,
        "x": region,
        "i": f"KMeans[{len(means)},{'x'.join(f'{m:.4f}' for m in means)}]",
        "m": f"[{mrf},1x1x1]",
        "c": f"[{iterations},0]",
        "r": 0,  # not a seed: whether to draw a random one
        "o": get_pointer_string(out),
    }
    status = get_lib_fn("Atropos")(process_arguments(arguments))
    if status != 0:
        raise BadDataError(f"Atropos failed with status {status}; check the image and its mask")
    return np.asarray(out.numpy(), dtype=np.intp)


def _ants_image(array: npt.NDArray[Any], spacing: npt.NDArray[np.float64]) -> Any:
    """ANTs image with this spacing; neither step needs to know where the image lies in the world."""
    import ants

    return ants.from_numpy(np.ascontiguousarray(array, dtype=np.float32), spacing=spacing.tolist())


def _axes(volume: Volume) -> str:
    """Letters of the directions in which the axes of a volume point, such as ``LPS``."""
    from nibabel.orientations import aff2axcodes

    return "".join(aff2axcodes(volume.affine))
