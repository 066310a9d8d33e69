"""Folders of label maps as programs leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.labellers import layouts
from lumirage_bids.spatial.images import write_image
from lumirage_bids.testing.small_brain import brain

NAME = "sub-{}_ses-1_run-1_T1w"


def leave(file: Path) -> Path:
    """Write a label map where a program would."""
    _, truth = brain()
    write_image(truth, file, np.uint8)
    return file


def look(raw: Path, name: str, folder: Path, *labellings: str) -> Dataset:
    query = Query(
        filters={"t1w": {"suffix": "T1w"}}, derivatives={name: folder}, labellings=labellings, layouts=layouts()
    )
    return open_dataset(raw, query)
