"""The brain of an image that came skull-stripped: all that is not background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers._outline import beneath_outline
from lumirage_bids.maskers._regions import is_compact, largest_piece, litres
from lumirage_bids.maskers.base import Found, Mask, Masker
from lumirage_bids.spatial.ends import flat_ends
from lumirage_bids.spatial.fill import commonest_on_faces, faces
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context

BRAIN_LITRES = (0.02, 2.2)
"""Volumes of primate brains with their CSF; macaques have about 0.1 l, the largest humans about 2 l."""
MIN_BACKGROUND = 0.1
"""Smallest share of a skull-stripped image that is background; cut on all sides by an eighth, brains leave 0.16."""
MAX_FILLED = 0.95
"""Largest share of an image that is said to be skull-stripped that differs from its background."""
MIN_PURE = 0.95
"""Smallest share of what surrounds a skull-stripped brain that has one value; where it is said to be one,
is noise."""
MOST = 0.5
"""Smallest share of an image's faces that noise makes up."""
NOISE = 6.0
"""Standard deviations of the noise around a brain from which a value differs from it."""
WHOLE, CUT = 0.4, 0.25
"""Largest share of a brain's outline beneath which it looks like scalp and skull, where it is seen whole and where it
is cut. Thirteen real skull-stripped scans of humans and macaques have at most 0.14, and at most 0.27 when cut, but for
crowns on T2w; simulated ones have 0.28. Eight real whole heads have at least 0.61, and at least 0.45 when cut, but for
one crown of two centimetres with 0.32."""
NOISY = 0.28
"""The same for what is said to be a brain and stands out from noise: six real ones have at most 0.26, heads that are
seen whole at least 0.29."""
MAX_FACE, MAX_PLANE = 0.1, 0.3
"""Share of its largest section from which a region is cut, in a section at the image's edge and within the image: necks
and brains that go on take up more, brains end in less."""


@dataclass(frozen=True, kw_only=True)
class Stripped(Masker):
    """Take what differs from the one value that surrounds a skull-stripped brain, whatever that value is."""

    name: ClassVar[str] = "skull-stripped"
    summary: ClassVar[str] = "the image's own foreground, where it is skull-stripped by its sidecar or by its looks"
    phrase: ClassVar[str] = "are the foreground of images that came skull-stripped"
    digest_name: ClassVar[str] = "SkullStripped"
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[float] = 0.0

    def settles(self, scan: Scan) -> bool:
        """Whether names or sidecar say that the image is skull-stripped."""
        return scan.brain is not None or bool(scan.skull_stripped)

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Tell brain from background; see `Masker.find`."""
        region = _find_declared(scan, image) if self.settles(scan) else skull_stripped_region(image)
        return None if region is None else Found(mask=region, masker=self.name)


def background(image: Volume) -> float:
    """Find the value that surrounds what an image shows: 0 where that is frequent, else the commonest on its six faces.

    Files that are stored scaled, z-scored or moved up have another one than 0.
    """
    if (image.array == 0).mean() >= MIN_BACKGROUND:
        return 0.0
    return commonest_on_faces(image.array)


def _find_background(image: Volume, value: float) -> Mask:
    """Where an image has its background's value, or another one that is as frequent: padding around padding.

    The darkest value and the commonest of the six faces are asked; no single value makes up as much of a brain.
    """
    found = np.asarray(image.array == value)
    for other in {float(image.array.min()), commonest_on_faces(image.array)} - {value}:
        same = image.array == other
        if same.mean() >= MIN_BACKGROUND:
            found |= same
    return found


def skull_stripped_region(image: Volume) -> Mask | None:
    """The brain of a skull-stripped image, recognised by its data; None for any other image.

    One value makes up much of it and surrounds the rest, whose largest piece, holes filled, has the volume of a brain,
    is compact, and has no scalp and skull along its outline; it may be cut by the image's edge. Noise in place of that
    value does not do: skulls get lost in it.
    """
    region = _find_surrounded(image.array != background(image))
    return region if region is not None and _brain_like(region, image) else None


def above_noise(image: Volume) -> Mask:
    """Where an image differs from the noise that there is on its six faces; nowhere where there is none."""
    outer = faces(image.array)
    around = outer[outer != background(image)]
    if around.size < MOST * outer.size:
        return np.zeros(image.shape, dtype=bool)
    middle = np.median(around)
    deviation = 1.4826 * np.median(np.abs(around - middle))
    return np.asarray((np.abs(image.array - middle) > NOISE * deviation) & (deviation > 0), dtype=bool)


def _find_surrounded(inside: Mask) -> Mask | None:
    """Largest piece of what is not background, holes filled; None where that is not alone in much background."""
    if 1 - inside.mean() < MIN_BACKGROUND or not inside.any():
        return None
    region = largest_piece(inside)
    surround = ~region
    return None if surround.mean() < MIN_BACKGROUND or inside[surround].mean() > 1 - MIN_PURE else region


def _find_declared(scan: Scan, image: Volume) -> Mask:
    """Foreground of an image that is said to be skull-stripped.

    Raises
    ------
    BadDataError
        It is not: there is neither a background of one value, nor noise around a brain.
    """
    value = background(image)
    region = largest_piece(~_find_background(image, value))
    full = region.mean() > MAX_FILLED
    if not full and litres(region, image.affine) <= BRAIN_LITRES[1]:
        return region
    within = _find_surrounded(above_noise(image))
    if within is not None and _size_fits(within, image) and (beneath_outline(image, within) or 0.0) <= NOISY:
        return within
    if full:
        found = (
            "nothing does" if within is None else f"what does looks like a head, {litres(within, image.affine):.2f} l"
        )
        raise BadDataError(
            f"{(scan.brain or scan).relative} is said to be skull-stripped, but {region.mean():.0%} of its voxels are "
            f"not {value:g}, the commonest value at its edges, and no brain stands out from noise there ({found}); "
            "correct SkullStripped in its sidecar or give a mask with --derivatives NAME=PATH"
        )
    return region


def _size_fits(region: Mask, image: Volume) -> bool:
    """Whether a region has the volume of a primate brain, and is compact."""
    return BRAIN_LITRES[0] <= litres(region, image.affine) <= BRAIN_LITRES[1] and is_compact(region, image.affine)


def _brain_like(region: Mask, image: Volume) -> bool:
    """Whether a region has the volume of a primate brain, is compact, and has a brain's outline."""
    if not _size_fits(region, image):
        return False
    ends = flat_ends(Volume(array=region, affine=image.affine))
    is_cut = any(end.share > (MAX_FACE if end.at_edge else MAX_PLANE) for end in ends)
    like_head = beneath_outline(image, region)
    return not is_cut if like_head is None else like_head <= (CUT if is_cut else WHOLE)
