"""Scans as a run prepares and keeps them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.output import paths
from lumirage_bids.output.files import write_json
from lumirage_bids.output.folder import Output
from lumirage_bids.report.pictures_of_pairs import ShownPair
from lumirage_bids.report.pictures_of_scans import scan_of_row
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.mosaic import Tile

SHAPE = (10, 12, 8)
TILES = (
    Tile("axial", 0, 0, 6, 4),
    Tile("axial", 0, 4, 6, 4),
    Tile("coronal", 6, 0, 4, 4),
    Tile("sagittal", 10, 0, 4, 6),
)


def row(moving: str, fixed: str, split: str = "MPRAGE to MP2RAGE", dice: float = 0.5, **given: object) -> dict:
    sides = {"moving": moving, "fixed": fixed}
    subjects = {f"{side}_subject": name.split("_")[0].removeprefix("sub-") for side, name in sides.items()}
    key = {"variant": "default", "method": "syn", "labelling": "mine", "split": split, "status": "ok"}
    key |= {"moving_contrast": "T1w", "fixed_contrast": "T1w", "hash": f"{moving} onto {fixed}"}
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


def pictures(*without: str) -> kept.PairPictures:
    """Pictures of a few pixels, of all kinds."""
    layers = {name: _image("webp", "L", 8) for name in (kept.FIXED, kept.START, kept.MOVED)}
    layers |= {kept.JACOBIAN: _image("png", "RGB", 4), kept.GRID: _image("png", "RGBA", 16)}
    layers |= {kept.name_labels_layer("mine"): _image("png", "RGBA", 16)}
    layers = {name: content for name, content in layers.items() if name not in without}
    return kept.PairPictures(layers=layers, tiles=TILES, shape=(14, 8), cell=13.5)


def _image(kind: str, mode: str, width: int) -> bytes:
    content = io.BytesIO()
    Image.new(mode, (width, width * 14 // 8), 77).save(content, kind)
    return content.getvalue()


def keep_pictures(
    out: Path, moving: str, *fixed: str, asked: bool = False, of: kept.PairPictures | None = None
) -> None:
    """Keep pictures of pairs, as a participant run does."""
    for name in fixed:
        notes = {"hashes": {"mine": f"{moving} onto {name}"}, "asked": asked}
        new = {scan(name).key: (of or pictures(), notes)}
        kept.rewrite(Output(out), paths.slices(scan(moving), "syn", "abc"), set(), new)


def shown_pair(moving: str = "sub-1_T1w", *without: str, fixed: str = "sub-2_T1w", **given: object) -> ShownPair:
    """A pair and its pictures."""
    return ShownPair(row=pd.Series(row(moving, fixed, **given)), place="worst of 3 pairs", pictures=pictures(*without))
