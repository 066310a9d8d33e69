"""Label maps in the folder that a program of its own left, which need not be a BIDS dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.bids.found_maps import Layout
from lumirage_bids.labellers._program import packaged_table
from lumirage_bids.labellers.existing import Existing

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Importer(Existing):
    """Read maps that a program made which cannot be called from here.

    Attributes
    ----------
    layout : Layout
        Where the program leaves them.
    recipe : str
        The command that makes them.
    table : str or None
        Look-up table of this package that names the structures.
    """

    layout: ClassVar[Layout]
    recipe: ClassVar[str]
    table: ClassVar[str | None] = None

    def missing(self, context: Context) -> str | None:
        """Say how to make the maps; only asked where none were found."""
        place = self.layout.labels[str(self.labelling)][0]
        return (
            f"no map of it was found. Give the folder that holds {place} with --derivatives {self.layout.name}=FOLDER; "
            f"to make it: {self.recipe}"
        )

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """Names from the map's own look-up table, else the package's; ``label N`` where there is neither."""
        if self.table and scan.labels[labelling].lut is None:
            return packaged_table(self.table)
        return super().structures(scan, labelling, labels)
