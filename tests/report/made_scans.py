"""Scans as a run prepares and keeps them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.files import write_json
from lumirage_bids.report.pictures_of_scans import scan_of_row
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.planes import moved_planes
from lumirage_bids.spatial.transforms import Transform

SHAPE = (10, 12, 8)
VOXELS = np.arange(1, np.prod(SHAPE) + 1, dtype=np.int32).reshape(SHAPE)
"""A label for each voxel, so that no two slices are the same."""


def row(moving: str, fixed: str, split: str = "MPRAGE to MP2RAGE", dice: float = 0.5, **given: object) -> dict:
    sides = {"moving": moving, "fixed": fixed}
    subjects = {f"{side}_subject": name.split("_")[0].removeprefix("sub-") for side, name in sides.items()}
    key = {"variant": "default", "method": "syn", "labelling": "mine", "split": split, "status": "ok"}
    return {**key, **sides, **subjects, "dice_mean": dice, **given}


def scan(name: str) -> Scan:
    return scan_of_row(pd.Series(row(name, name)), "moving")


def prepare(out: Path, name: str, affine: np.ndarray, **about: object) -> None:
    """Write a prepared image, its mask and a label map."""
    labels = np.zeros(SHAPE, np.int32)
    labels[2:5, 3:9, 2:6], labels[5:8, 3:9, 2:6] = 1, 2
    image = labels + np.linspace(0, 0.3, SHAPE[0])[:, None, None]
    files = {
        paths.prepared_image(scan(name), "default"): (image, np.float32),
        paths.prepared_mask(scan(name), "default"): (labels > 0, np.uint8),
        paths.label_map(scan(name), "mine"): (labels, np.int32),
    }
    for file, (array, dtype) in files.items():
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        write_image(Volume(array=array.astype(dtype), affine=affine), out / file, dtype)
        write_json(paths.sidecar(out / file), {"Hash": "x", **about})


def keep_slices(
    out: Path, moving: str, *fixed: str, index: tuple[int, int, int] = (4, 5, 3), without: Collection[str] = ()
) -> None:
    """Keep moved labels, `VOXELS`, as a participant run does."""
    volume = Volume(array=VOXELS, affine=np.eye(4))
    parts = {**moved_planes(volume, Transform(), volume, index, 1), "index": np.array(index)}
    kept = {f"{scan(name).key}/mine/{p}": array for name in fixed for p, array in parts.items() if p not in without}
    np.savez(out / paths.slices(scan(moving), "syn", "abc"), **kept)
