"""Masks that were made in this run, kept in its scratch folder for the other scans of the session."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.base.parameters import digest
from lumirage_bids.maskers.base import Found
from lumirage_bids.output.files import lock, write_text
from lumirage_bids.spatial.images import Volume, read_labels, write_image

if TYPE_CHECKING:
    from pathlib import Path

    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context

FOLDER = "masks"


def keep(scan: Scan, image: Volume, depends: str, context: Context, make: Callable[[], Found]) -> Found:
    """A mask that this run has made before, or one that is made now and kept; where refused before, the same reason.

    Without a scratch folder nothing is kept.

    Parameters
    ----------
    depends : str
        Digest of what the mask depends on besides the scan's files.
    make : callable
        Makes it.
    """
    if context.work_dir is None:
        return make()
    key = digest(scan.path.as_posix(), [f.fingerprint for f in scan.sources()], depends)
    folder = context.work_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / f"{key}.lock"):
        note = folder / f"{key}.json"
        if note.is_file():
            return _read(note, image)
        try:
            found = make()
        except BadDataError as error:
            write_text(note, json.dumps({"refused": str(error)}))
            raise
        write_image(Volume(array=found.mask, affine=image.affine), note.with_suffix(".nii.gz"), np.uint8)
        write_text(note, json.dumps({"masker": found.masker, "of_t1w": found.of_t1w}))
        return found


def _read(note: Path, image: Volume) -> Found:
    about = json.loads(note.read_text("utf-8"))
    if "refused" in about:
        raise BadDataError(about["refused"])
    array = read_labels(note.with_suffix(".nii.gz")).array
    return Found(mask=array.reshape(image.shape) > 0, masker=about["masker"], of_t1w=about["of_t1w"])
