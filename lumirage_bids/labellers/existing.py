"""Label maps that somebody else made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.bids.scans import File
from lumirage_bids.labellers._freesurfer import names_of
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.spatial.images import read_labels

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Existing(Labeller):
    """Read the map that was found for the scan."""

    name: ClassVar[str] = "existing"
    digest_name: ClassVar[str] = "Existing"
    revision: ClassVar[int | None] = 1
    seconds: ClassVar[tuple[float, float]] = (0.0, 0.05)
    reads: ClassVar[bool] = True
    summary: ClassVar[str] = "label maps from --derivatives NAME=PATH or a protocol's path pattern"
    phrase: ClassVar[str] = "were given"

    def available(self, scan: Scan, labelling: str) -> bool:
        """Whether a map was found."""
        return labelling in scan.labels

    def files(self, scan: Scan, labelling: str) -> list[File]:
        """The map and its look-up table."""
        found = scan.labels[labelling]
        return [found] if found.lut is None else [found, File(path=found.lut, dataset=found.lut.parent)]

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Read the map; see `Labeller.segment`.

        Raises
        ------
        MissingInputError
            No map was found for the scan, or its content is not here.
        BadDataError
            It is no label map.
        """
        if labelling not in scan.labels:
            there = ", ".join(scan.labels) or "none"
            raise MissingInputError(
                f"{scan.relative} has no label map of labelling '{labelling}' (found: {there}). "
                f"Name the folder that holds one with --derivatives {labelling}=PATH."
            )
        return read_labels(scan.labels[labelling].path)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """Names from the map's own look-up table, else FreeSurfer's; ``label N`` where there is no table at all.

        What a table does not name is no structure.
        """
        lut = scan.labels[labelling].lut
        if named := names_of(labelling) if lut is None else read_lut(lut):
            return named
        return {i: f"label {i}" for i in map(int, np.unique(labels.array)) if i}
