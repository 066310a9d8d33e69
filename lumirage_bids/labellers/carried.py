"""Labels of a session's T1w scan on its other scans, as the LUMIR challenge labelled other contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.labellers import labellings, reader, segment_checked
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.maskers import brain_mask
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.spatial.images import Volume, read_image
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from lumirage_bids.bids.scans import File, Scan
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class Carried(Labeller):
    """Carry the labels of the same session's T1w scan over, by a rigid alignment of the two brains.

    The alignment maximises mutual information. A T1w scan keeps its own
    labels; a scan whose session has no T1w scan has none.

    Attributes
    ----------
    of : str
        Labelling of the T1w scan: a map that was found for it, else one made by the labeller of that labelling, with
        its default parameters.

    References
    ----------
    Chen J et al. Beyond the LUMIR challenge: The pathway to foundational registration models. arXiv:2505.24160 (2025).
    """

    name: ClassVar[str] = "carried"
    digest_name: ClassVar[str] = "Carried"
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[tuple[float, float]] = (0.0, 2.0)
    summary: ClassVar[str] = "labels of the session's T1w scan, carried over rigidly; made without the image they label"
    phrase: ClassVar[str] = "are those of {maker} for the T1w scan of the session, carried over rigidly"

    references: ClassVar[tuple[str, ...]] = ("chen2025",)

    of: str = "synthseg"

    @property
    def source(self) -> str:
        """Names the labelling that is carried, and the labeller that makes it where no maps are given."""
        maker = _maker(self.of)
        return f"{super().source}; {self.of} of the T1w scan{'' if maker is None else f' ({maker.source})'}"

    @property
    def maker(self) -> str:
        """The labeller of the T1w scans; their labelling where no labeller makes it."""
        maker = _maker(self.of)
        return self.of if maker is None else maker.maker

    @property
    def of_t1w(self) -> str:
        """Labelling of the T1w scan."""
        return self.of

    def code(self) -> tuple[Path, ...]:
        """That of the labeller of the T1w scans too."""
        maker = _maker(self.of)
        return (*super().code(), *(maker.code() if maker else ()))

    @property
    def revisions(self) -> tuple[int, ...]:
        """That of the labeller of the T1w scans too."""
        maker = _maker(self.of)
        return (*super().revisions, *(maker.revisions if maker else ()))

    def missing(self, context: Context) -> str | None:
        """What the labeller of the T1w scans lacks; only asked where no maps of them were found."""
        if (maker := _maker(self.of)) is None:
            return f"no map of labelling '{self.of}' was found for a T1w scan, and no labeller makes it"
        return maker.missing(context)

    def available(self, scan: Scan, labelling: str) -> bool:
        """Whether the session has a T1w scan, with a map or a labeller that makes one."""
        source = _t1w(scan)
        return source is not None and (self.of in source.labels or _maker(self.of) is not None)

    def files(self, scan: Scan, labelling: str) -> list[File]:
        """Both images with their masks, and the map of the T1w scan."""
        source = _t1w(scan)
        own = super().files(scan, labelling)
        return own if source is None else [*own, *source.needs((self.of,))]

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Label the T1w scan, align it to this one and carry its labels over; see `Labeller.segment`.

        Raises
        ------
        MissingInputError
            The session has no T1w scan, or there are no labels of it.
        BadDataError
            The T1w scan or its labels cannot be used.
        """
        source = _t1w(scan)
        if source is None:
            raise MissingInputError(f"{scan.relative}: its session has no T1w scan whose labels could be carried over.")
        theirs, their_mask, way = image, mask, np.eye(4)
        if source.path != scan.path:
            theirs = read_image((source.brain or source).path)
            their_mask = brain_mask(source, theirs, context)[0]
            way = _rigid((image, mask), (theirs, their_mask), context)
        labels, _ = segment_checked(self._labeller(source), source, theirs, their_mask, self.of, context)
        array = transfer_labels(labels, Transform((way,)), image.shape, image.affine, threads=context.threads)
        return Volume(array=array.astype(np.int32), affine=image.affine)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """Names of the T1w scan's labelling."""
        source = _t1w(scan) or scan
        return self._labeller(source).structures(source, self.of, labels)

    def _labeller(self, source: Scan) -> Labeller:
        maker = reader(self.of) if self.of in source.labels else _maker(self.of)
        if maker is None:
            raise MissingInputError(
                f"{source.relative} has no label map of labelling '{self.of}', and no labeller makes it. Give one with "
                f"--derivatives {self.of}=PATH."
            )
        return maker


def _t1w(scan: Scan) -> Scan | None:
    """The scan whose labels are carried; a template's is itself."""
    return scan.t1w or (scan if scan.suffix == "T1w" else None)


@cache
def _maker(labelling: str) -> Labeller | None:
    """The labeller that makes a labelling, with its default parameters; asked for every pair, so kept."""
    kind = labellings().get(labelling)
    return None if kind is None or kind.reads else kind()


def _rigid(to: tuple[Volume, Volume], scan: tuple[Volume, Volume], context: Context) -> np.ndarray:
    """Map from the world of one image to another's, shape (4, 4); images come with their brain masks."""
    reference, moving = (Volume(array=i.array * (m.array > 0), affine=i.affine) for i, m in (to, scan))
    return align(reference, moving, alignment=Alignment(transform="rigid"), context=context)
