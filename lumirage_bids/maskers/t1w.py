"""The brain mask of the session's T1w scan, carried over rigidly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers import brain_mask
from lumirage_bids.maskers._checks import carry, implausible
from lumirage_bids.maskers.base import Found, Masker
from lumirage_bids.maskers.stripped import skull_stripped_region
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.spatial.fill import remove_outer_fill
from lumirage_bids.spatial.images import Volume, read_image

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class OfT1w(Masker):
    """Carry the mask of the session's T1w scan over by a rigid alignment of the two whole heads.

    The alignment maximises mutual information (`lumirage_bids.methods.alignment`). The T1w scan gets its mask as
    any scan does.
    """

    name: ClassVar[str] = "T1w"
    summary: ClassVar[str] = "the mask of the session's T1w scan, carried over rigidly"
    digest_name: ClassVar[str] = "MaskOfT1w"
    revision: ClassVar[int | None] = 1

    def suits(self, scan: Scan) -> bool:
        """Whether there is such a scan, and its content is here."""
        return scan.lender is not None and scan.lends

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Mask the T1w scan, align it and carry its mask over; see `Masker.find`."""
        lender = scan.lender
        if lender is None:
            return None
        head = read_image(lender.path)
        head = replace(head, array=remove_outer_fill(head.array))
        # A brain alone may end up anywhere in a head.
        if lender.skull_stripped or skull_stripped_region(head) is not None:
            raise BadDataError(f"the T1w scan {lender.relative} is skull-stripped, and whole heads are aligned")
        theirs, made_by = self._mask_of(lender, head, context)
        moved = replace(theirs, affine=_carried_affine(image, head, theirs, context))
        mask, problems = carry(moved, image)
        if problems := [*problems, *([] if made_by.masker in GIVEN else implausible(mask, image))]:
            raise BadDataError(f"that of {lender.relative}, carried over: {'; '.join(problems)}")
        return Found(mask=mask, masker=made_by.masker, of_t1w=True)

    def _mask_of(self, lender: Scan, head: Volume, context: Context) -> tuple[Volume, Found]:
        return brain_mask(lender, read_image(lender.brain.path) if lender.brain else head, context)


@dataclass(frozen=True, kw_only=True)
class GivenForT1w(OfT1w):
    """The same where somebody else masked the T1w scan: its mask is given, or it has a skull-stripped image."""

    name: ClassVar[str] = "given-T1w"
    summary: ClassVar[str] = "the mask that is given for the session's T1w scan, carried over rigidly"
    digest_name: ClassVar[str] = "MaskGivenForT1w"
    revision: ClassVar[int | None] = 1

    def suits(self, scan: Scan) -> bool:
        """Whether there is such a scan with such a mask."""
        return super().suits(scan) and scan.lender is not None and bool(scan.lender.mask or scan.lender.brain)


GIVEN = frozenset({"existing", "skull-stripped"})
"""Maskers whose masks somebody else made."""


def _carried_affine(image: Volume, head: Volume, mask: Volume, context: Context) -> np.ndarray:
    """Affine of a T1w scan's mask in the world of another image of the same head."""
    way = align(image, head, alignment=Alignment(transform="rigid"), context=context)
    if np.array_equal(way[:3, :3], np.eye(3)):  # only where no rotation found was believed
        raise BadDataError("the two heads could not be aligned")
    return np.asarray(np.linalg.solve(way, mask.affine), dtype=np.float64)
