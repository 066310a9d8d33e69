"""Pictures of scans, from the derivatives that participant runs keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import read_label_map, read_prepared, read_prepared_mask
from lumirage_bids.report.figures.slices import ContourLayer, View
from lumirage_bids.spatial.label_transfer import elect_labels
from lumirage_bids.spatial.mosaic import WIDTH, choose_slices
from lumirage_bids.spatial.transforms import Transform, sample

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.spatial.images import Volume

NO_PICTURES = "Made without pictures of heads and brains (--no-pictures)."
_FINE = 2
"""How much finer than kept pictures of pairs those of scans are: a figure shows three slices of a sheet's nine."""


class ScanView:
    """Slices of a prepared scan.

    Raises
    ------
    LumirageError
        The scan was not prepared, or what was made of it is gone.
    """

    def __init__(self, output: Output, scan: Scan, variant: str) -> None:
        self.output, self.scan = output, scan
        self.mask: Volume = read_prepared_mask(output, scan, variant)
        self.mosaic = choose_slices(self.mask, _FINE * WIDTH)
        self.image = self.cut(read_prepared(output, scan, variant))

    def cut(self, image: Volume, transform: Transform | None = None) -> np.ndarray:
        """Show an image where this scan is, another one by a transform from this scan's world to its own."""
        points = self.mosaic.points
        return self.mosaic.lay_out(sample(image, points if transform is None else transform.apply(points)))

    def labels(self, labelling: str) -> np.ndarray:
        """The scan's own labels in the same slices."""
        return self._cut_labels(read_label_map(self.output, self.scan, labelling))

    @property
    def brain(self) -> np.ndarray:
        """Its brain mask."""
        return self._cut_labels(replace(self.mask, array=self.mask.array.astype(np.int32)))

    def _cut_labels(self, labels: Volume) -> np.ndarray:
        return self.mosaic.lay_out(elect_labels(labels, self.mosaic.points))

    def show(self, title: str, *layers: ContourLayer) -> View:
        """Ready the view for a figure."""
        return View(image=self.image, tiles=self.mosaic.tiles, layers=layers, title=title)


def scan_of_row(row: pd.Series[str], side: str) -> Scan:
    """Scan of a score row, to find what was derived from it; where its image is is not known.

    Parameters
    ----------
    row : Series
        With ``moving`` and ``moving_subject``, or the same of the fixed scan.
    side : {"moving", "fixed"}
    """
    name, subject = row[side], row[f"{side}_subject"]
    found = paths.entities_of(Path(name))
    suffix = found.pop("suffix")
    # A template's file begins with tpl-, its derivatives with sub-.
    entities = found if "sub" in found else {"sub": subject}
    file = Path(f"{name}.nii.gz")
    return Scan(
        path=file, dataset=Path(), subject=subject, session=entities.get("ses"), suffix=suffix, entities=entities
    )
