"""Values that an image has where nothing was seen: what scanners and programs fill with, not tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

DARKEST = 0.1
"""Percentile of an image's values that counts as its darkest."""

FAR_BELOW = 0.5
"""How far below a brain's darkest values, in ranges of its intensities, a value tells of nothing that was seen:
scanners and programs fill what they do not know with -1024 or -32768. In plain scans 0 is nearer than that."""

BELOW_ALL, ABOVE_ALL = 1.0, 0.25
"""How far below and above all other values of an image, likewise, one value tells of nothing that was seen. What is
less far changes no mask of deepbet: Dice 0.99 and more on a real head."""

MOST = 0.5
"""Share of what surrounds a brain from which one value is no tissue."""

JITTER, NEARLY = 5.0, 0.01
"""How far values that surround a brain may lie from their median to be one value: in median distances from it, and in
ranges of the brain's intensities. What is rounded, resampled or has a little noise added is a little off."""

MUCH = 0.01
"""Share of an image from which its lowest or highest value may be fill."""

ON_FACES = 0.05
"""Share of an image's faces that bright fill has: what saturates in fat or vessels does not lie there."""

STRIDE = 2
"""Of the voxels that are looked at for fill. Those beside it do not tell of others: they are mixed with it where an
image was resampled."""


def remove_outer_fill(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Intensities of an image of which no brain is known yet, with fill as dark as the darkest of the others.

    Fill is one value that many voxels have, and that lies far below all others, or far above them and on the image's
    faces: outside the scanned field, or where an image was padded.

    Parameters
    ----------
    array : array, shape (X, Y, Z)

    Returns
    -------
    array
        The same array where there is no fill.

    Examples
    --------
    >>> head = np.arange(8000.0).reshape(20, 20, 20)
    >>> head[0] = -32768.0
    >>> round(float(remove_outer_fill(head)[0].max()))
    407
    """
    for _ in range(2):  # a scanner's, and a program's that padded it
        for sign in (1, -1):
            array = _remove_extreme(array, sign)
    return array


def _remove_extreme(array: npt.NDArray[Any], sign: int) -> npt.NDArray[Any]:
    """Intensities without the lowest value (sign 1) or the highest (-1), where that is fill."""
    extreme = array.min() if sign > 0 else array.max()
    limit = _limit(array[::STRIDE, ::STRIDE, ::STRIDE], extreme, sign)
    if limit is None or sign * extreme >= sign * limit:
        return array
    far = sign * array < sign * limit
    darkest = np.percentile(array[~far].astype(np.result_type(array, np.float32), copy=False), DARKEST, method="lower")
    # Fill around an empty background becomes one with it; around a stripped brain it stays a value of its own.
    if (array == darkest).mean() < MUCH:
        darkest = np.nextafter(darkest, darkest.dtype.type(-np.inf))
    return np.where(far, darkest, array).astype(darkest.dtype)


def _limit(array: npt.NDArray[Any], extreme: float, sign: int) -> float | None:
    """What is beyond which, if the extreme is, is fill; None where too few have that to be fill."""
    from scipy import ndimage

    fill = array == extreme
    if fill.mean() < MUCH or (sign < 0 and _share_of_faces(fill) < ON_FACES):
        return None
    others = array[ndimage.maximum_filter(fill.view(np.uint8), size=3) == 0]
    if not others.size:
        return None
    low, high = np.percentile(others, (1, 99))
    return float(low - BELOW_ALL * (high - low) if sign > 0 else high + ABOVE_ALL * (high - low))


def _share_of_faces(region: npt.NDArray[np.bool_]) -> float:
    return float(faces(region).mean())


def faces(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values on the six faces of an image, shape (N,)."""
    return np.concatenate([np.take(array, end, axis).ravel() for axis in range(3) for end in (0, -1)])


def commonest_on_faces(array: npt.NDArray[Any]) -> float:
    """Value that most voxels on the six faces of an image have."""
    values, counts = np.unique(faces(array), return_counts=True)
    return float(values[counts.argmax()])


def find_seen(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where an image shows something: not where one value reaches in from its faces, as empty or filled space does.

    These values are the darkest, the brightest, and the commonest on the faces.

    Parameters
    ----------
    array : array, shape (X, Y, Z)

    Examples
    --------
    >>> head = np.arange(1.0, 8001.0).reshape(20, 20, 20)
    >>> head[:3] = 0
    >>> find_seen(head).any(axis=(1, 2)).tolist() == [False] * 3 + [True] * 17
    True
    """
    from scipy import ndimage

    nothing = np.zeros(array.shape, dtype=bool)
    for value in {float(array.min()), float(array.max()), commonest_on_faces(array)}:
        same = array == value
        if same.mean() >= MUCH:
            pieces, number = ndimage.label(same)
            reached = np.zeros(number + 1, dtype=bool)
            reached[faces(pieces)] = True
            reached[0] = False
            nothing |= reached[pieces]
    return ~nothing


def remove_fill(array: npt.NDArray[Any], brain: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Intensities of which those that tell of nothing that was seen are as dark as others.

    These are values so far below a brain's that they would flatten it (`FAR_BELOW`); and a value that most of what
    surrounds the brain has, or nearly has, and that is brighter than the brain's darkest, which would shine into it
    when resampled.

    Parameters
    ----------
    array : array
        Intensities of an image.
    brain : array of bool
        Where the brain is.

    Returns
    -------
    array
        The same array where there is nothing of the kind.
    """
    around = array[~brain]
    fill = np.median(around) if around.size else np.nan  # a value that most have is their median
    filled = _find_near(array, fill, around, array[brain])
    tissue = brain & ~filled  # masks have filled holes, or reach beyond a stripped brain
    low, high = np.percentile(array[tissue if tissue.any() else brain], (DARKEST, 99))
    reach = FAR_BELOW * (high - low)
    far = array < low - reach
    if far.any():
        array = np.where(far, np.percentile(array[~far], DARKEST), array).astype(array.dtype)
    if filled.any() and fill > high + reach:
        array = np.where(filled, low, array).astype(array.dtype)
    elif filled.any() and fill > low:
        from scipy import ndimage

        pieces, number = ndimage.label(filled)
        outside = np.zeros(number + 1, dtype=bool)
        outside[pieces[~brain]] = True
        outside[0] = False
        array = np.where(outside[pieces], low, array).astype(array.dtype)
    return array


def _find_near(
    array: npt.NDArray[Any], fill: float, around: npt.NDArray[Any], tissue: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Where an image has the value, or nearly, that most of what is `around` its brain has; nowhere if it has none."""
    if not around.size:
        return np.zeros(array.shape, dtype=bool)
    reach = JITTER * np.median(np.abs(around - fill))
    if reach > NEARLY * np.subtract(*np.percentile(tissue, (99, DARKEST))):
        return np.zeros(array.shape, dtype=bool)
    return np.asarray(np.abs(array - fill) <= reach if reach else array == fill)
