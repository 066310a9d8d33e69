"""Pictures of scans and registrations, from the derivatives that participant runs keep."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import read_label_map, read_prepared, read_prepared_mask
from lumirage_bids.report.figures.slices import ContourLayer, View, from_voxel_planes
from lumirage_bids.spatial.planes import middle, moved_planes
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.report.figures.slices import Planes
    from lumirage_bids.spatial.images import Volume

logger = logging.getLogger("lumirage")
NO_PICTURES = "Made without pictures of heads and brains (--no-pictures)."


class ScanView:
    """A prepared scan cut through a voxel of its grid, the middle of its brain where none is given.

    Raises
    ------
    LumirageError
        The scan was not prepared, or what was made of it is gone.
    IndexError
        The voxel is not in its grid.
    """

    def __init__(self, output: Output, scan: Scan, variant: str, index: tuple[int, int, int] | None = None) -> None:
        self.output, self.scan = output, scan
        self.mask: Volume = read_prepared_mask(output, scan, variant)
        self.index = index or middle(self.mask)
        self.image = self.cut(read_prepared(output, scan, variant).array)
        self.brain = self.cut(self.mask.array.astype(np.int32))

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along the world's axes, mm."""
        from nibabel.orientations import io_orientation

        x, y, z = (float(s) for s in self.mask.spacing[np.argsort(io_orientation(self.mask.affine)[:, 0])])
        return x, y, z

    def cut(self, array: np.ndarray) -> Planes:
        """Take the view's planes of an array on the prepared grid."""
        x, y, z = self.index
        return self.planes({"x": array[x], "y": array[:, y], "z": array[:, :, z]})

    def planes(self, slices: dict[str, np.ndarray]) -> Planes:
        """Turn slices across the prepared grid's axes into planes of the world, whatever its orientation."""
        return from_voxel_planes(slices, self.mask.affine)

    def labels(self, labelling: str) -> Planes:
        """The scan's own labels in the same planes."""
        labels = read_label_map(self.output, self.scan, labelling)
        return self.planes(moved_planes(labels, Transform(), self.mask, self.index, 1))

    def show(self, title: str, *layers: ContourLayer) -> View:
        """Ready the view for a figure."""
        return View(image=self.image, layers=layers, spacing=self.spacing, title=title)


def pair_views(output: Output, pairs: pd.DataFrame) -> Iterator[View]:
    """Worst, median and best pair by Dice, with the fixed scan's labels and the moved ones.

    Parameters
    ----------
    output : Output
        Where participant runs kept the moved labels in three planes of the fixed scan.
    pairs : DataFrame
        Rows of one arm and labelling, with columns moving_subject and fixed_subject; of fewer than three scored
        pairs each is shown. A pair of which nothing was kept is left out.
    """
    scored = pairs[pairs["status"] == "ok"].sort_values("dice_mean", kind="stable")
    places = {0: "worst", len(scored) // 2: "median", len(scored) - 1: "best"}
    for place, word in (places if len(scored) > 2 else dict.fromkeys(range(len(scored)), "pair")).items():
        view = _pair_view(output, scored.iloc[place], word)
        if view is not None:
            yield view


def _pair_view(output: Output, row: pd.Series[str], word: str) -> View | None:

    moving, fixed = (scan_of_row(row, side) for side in ("moving", "fixed"))
    labelling = row["labelling"]
    kept = read_slices(output, moving, fixed, paths.description(row["variant"], row["method"]), labelling)
    if kept is None:
        return None
    try:
        view = ScanView(output, fixed, row["variant"], kept.index)
        own = ContourLayer(labels=view.labels(labelling), name=f"{labelling} of the fixed scan", colour="#E69F00")
        moved = ContourLayer(labels=view.planes(kept.planes), name="moved labels", colour="#56B4E9", dashed=True)
        return view.show(f"{word}: {moving.name} → {fixed.name}, Dice {float(row['dice_mean']):.3f}", own, moved)
    except (
        LumirageError,
        ValueError,
        IndexError,
    ) as error:  # deleted since, or made anew on another grid: a picture less
        logger.warning("No picture of %s on %s: %s", moving.name, fixed.name, error)
        return None


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


@dataclass(frozen=True, kw_only=True)
class PairSlices:
    """Moved labels of a pair as they were kept.

    Attributes
    ----------
    index : tuple of int
        The voxel of the fixed scan's prepared grid that they were cut through.
    planes : dict
        ``x``, ``y``, ``z`` → labels across that axis of the grid.
    """

    index: tuple[int, int, int]
    planes: dict[str, np.ndarray]


def read_slices(output: Output, moving: Scan, fixed: Scan, arm: str, labelling: str) -> PairSlices | None:
    """Moved labels of a pair, the latest.

    None where nothing was kept when the pair was registered, or it is gone, or it does not say where it was cut.
    """
    pattern = paths.slices(moving, arm, "*")
    files = [output / file for file in output.find(pattern.as_posix())]
    for file in sorted(files, key=lambda f: f.stat().st_mtime, reverse=True):
        try:
            with np.load(file) as archive:
                kept = {part: archive.get(f"{fixed.key}/{labelling}/{part}") for part in ("index", "x", "y", "z")}
        except (EOFError, ValueError, zipfile.BadZipFile):  # left torn when a machine went down
            continue
        if kept["x"] is None:
            continue
        index = kept.pop("index")
        if index is None:
            return None
        x, y, z = (int(i) for i in index)
        return PairSlices(index=(x, y, z), planes=kept)
    return None
