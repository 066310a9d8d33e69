"""Corresponding points of two scans, from files of points that somebody placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.found_maps import Pattern
from lumirage_bids.spatial.point_files import read_points

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.bids.scans import Scan


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
        See `lumirage_bids.spatial.point_files.read_points`.

    Returns
    -------
    mapping
        Name → coordinates, shape (3,), mm.

    Raises
    ------
    MissingInputError
        The file cannot be read.
    BadDataError
        It cannot be used.
    """
    found = read_points(path)
    return dict(zip(found.names, found.coordinates, strict=True))


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
