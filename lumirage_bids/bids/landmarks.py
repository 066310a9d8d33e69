"""Corresponding points of two scans, from tables that somebody placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.bids.found_maps import Pattern

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.bids.scans import Scan

AXES = ["x", "y", "z"]


def with_landmarks(dataset: Dataset, pattern: str) -> Dataset:
    """Attach the landmarks that a path pattern finds to the scans.

    Raises
    ------
    UsageError
        The pattern is wrong.
    """
    find = Pattern(pattern, "landmarks").find
    return replace(dataset, scans=tuple(replace(s, landmarks=find(s)) for s in dataset.scans))


def read_landmarks(path: Path) -> Mapping[str, np.ndarray]:
    """Read landmarks.

    Parameters
    ----------
    path : Path
        TSV with columns ``name``, ``x``, ``y``, ``z``: a point's name and its world coordinates in the scan (RAS+, mm).

    Returns
    -------
    mapping
        Name → coordinates, shape (3,), mm.

    Raises
    ------
    MissingInputError
        The file cannot be read.
    BadDataError
        It is no table, lacks a column, names a point twice, or a coordinate is no finite number.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except OSError as error:
        raise MissingInputError(f"Landmarks {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadDataError(f"Landmarks {path} cannot be read as a TSV: {error}.") from None
    if lacking := [c for c in ("name", *AXES) if c not in table]:
        raise BadDataError(f"Landmarks {path}: no column {', '.join(lacking)}. Needed are name, x, y, z (RAS+, mm).")
    points = table[AXES].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    bad = table["name"][~np.isfinite(points).all(axis=1)].tolist()
    if bad:
        raise BadDataError(f"Landmarks {path}: a coordinate of {bad[0]!r:.40} is no finite number. Mend or drop it.")
    if twice := table["name"][table["name"].duplicated()].tolist():
        raise BadDataError(f"Landmarks {path}: {twice[0]!r:.40} is there twice. Give each point a name of its own.")
    return dict(zip(table["name"], points, strict=True))


def corresponding_points(fixed: Scan, moving: Scan) -> tuple[np.ndarray, np.ndarray] | None:
    """Landmarks that two scans share, matched by name.

    Returns
    -------
    tuple of array, shape (n, 3), or None
        The same points in the fixed and the moving scan, world coordinates (RAS+, mm); None where a scan has no file
        of landmarks.

    Raises
    ------
    MissingInputError
        A file cannot be read.
    BadDataError
        A file cannot be used, or the two have no name in common.
    """
    if moving.landmarks is None or fixed.landmarks is None:
        return None
    ours, theirs = (read_landmarks(file.path) for file in (fixed.landmarks, moving.landmarks))
    common = [name for name in ours if name in theirs]
    if not common:
        raise BadDataError(f"The landmarks of {fixed.name} and {moving.name} have no name in common.")
    return np.array([ours[n] for n in common]), np.array([theirs[n] for n in common])
