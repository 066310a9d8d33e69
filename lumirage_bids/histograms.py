"""Intensity histograms of prepared images, kept in their sidecars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lumirage_bids import derivatives
from lumirage_bids.images import Volume

BINS = 64
"""Bins of equal width, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Intensities of one prepared image within its brain mask.

    Attributes
    ----------
    scan, variant : str
    kind : str
        Sequence of the scan where it is known, else its contrast.
    counts : tuple of int
        Voxels in each of the bins of equal width from 0 to 1; the last one holds 1 as well.
    """

    scan: str
    variant: str
    kind: str
    counts: tuple[int, ...]


def histogram(image: Volume, mask: Volume) -> list[int]:
    """Count the voxels of the brain by intensity.

    Parameters
    ----------
    image : Volume
        Prepared image, from 0 to 1.
    mask : Volume
        Brain mask on the same grid.

    Returns
    -------
    list of int
        `BINS` numbers that sum up to the voxels of the mask.
    """
    values = np.clip(image.array[mask.array > 0], 0, 1)
    return [int(n) for n in np.histogram(values, bins=BINS, range=(0, 1))[0]]


def collect(out_dir: Path) -> list[Histogram]:
    """Histograms of all prepared images below an output folder, by variant, kind and scan.

    Images that an earlier version prepared have none and are left out.
    """
    found = []
    for file in derivatives.files(out_dir, "sub-*/**/*prepared_*.json"):
        about = derivatives.read_json(file)
        if "Histogram" in about:
            found.append(
                Histogram(
                    scan=about["Scan"],
                    variant=about["Variant"],
                    kind=about["Kind"],
                    counts=tuple(about["Histogram"]),
                )
            )
    return sorted(found, key=lambda h: (h.variant, h.kind, h.scan))
