"""Several label maps of one scan made one: what multi-atlas segmentation ends with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

LabelArray = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

_SETTLED, _MOST = 1e-5, 1000
"""STAPLE ends when no rater's probabilities change by more, as in ITK; or after so many rounds."""


def majority(maps: Sequence[LabelArray]) -> LabelArray:
    """Take the label that most maps have at each voxel; of labels with as many votes that of the earliest map.

    Parameters
    ----------
    maps : sequence of array
        Label maps on one grid.
    """
    votes = np.stack([sum((one == other).astype(np.int16) for other in maps) for one in maps])
    fused: LabelArray = np.take_along_axis(np.stack(maps), votes.argmax(axis=0)[None], axis=0)[0]
    return fused


def staple(maps: Sequence[LabelArray]) -> LabelArray:
    """Weigh the maps by how reliable each turns out to be for each label: STAPLE for several labels.

    What SimpleITK's ``MultiLabelSTAPLEImageFilter`` computes with its defaults, over the voxels to which any map gives
    a label: how much background surrounds them has no influence. Voxels with the same labels in all maps are computed
    once, so that 139 structures take seconds where the filter takes minutes. Voxels whose first vote is tied are left
    out of the first guess; the filter (ITK 5.4) counts each for another label, past the end of a row of its table.

    Parameters
    ----------
    maps : sequence of array
        Label maps on one grid, 0 for background.

    References
    ----------
    Warfield et al. 2004, doi:10.1109/TMI.2004.828354; Rohlfing et al. 2004, doi:10.1109/TMI.2004.830803
    """
    out = np.zeros_like(maps[0])
    inside = np.any([of != 0 for of in maps], axis=0)
    if not inside.any():
        return out
    labels, codes = np.unique(np.stack([of[inside] for of in maps]), return_inverse=True)
    codes = codes.reshape(len(maps), -1)
    patterns, which, counts = _tell_apart(codes, len(labels))
    truth = _estimate(patterns, counts, len(labels))
    out[inside] = labels[truth.argmax(axis=1)][which]
    return out


def _tell_apart(codes: npt.NDArray[np.intp], n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Combinations of labels that occur, shape (raters, patterns); the pattern of each voxel; voxels of each."""
    number = np.zeros(codes.shape[1], np.int64)
    for of_rater in codes:  # numbered anew after each, so that they stay small
        _, number = np.unique(number * n + of_rater, return_inverse=True)
    _, first, which, counts = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    return codes[:, first], which, counts.astype(np.float64)


def _estimate(patterns: npt.NDArray[np.intp], counts: Floats, n: int) -> Floats:
    """Probability of each label for each pattern, by expectation and maximisation; shape (patterns, labels)."""
    from scipy.sparse import csr_array

    raters, size = patterns.shape
    given = [csr_array((np.ones(size), (of, np.arange(size))), shape=(n, size)) for of in patterns]
    prior = sum(of @ counts for of in given) / (raters * counts.sum())
    voted = _vote(patterns, counts, n)
    believed = [_share(of @ voted, axis=1) for of in given]
    for _ in range(_MOST):
        weighed = _expect(patterns, prior, believed) * counts[:, None]
        before, believed = believed, [_share(of @ weighed, axis=0) for of in given]
        if max(float(np.abs(a - b).max()) for a, b in zip(believed, before, strict=True)) < _SETTLED:
            break
    return _expect(patterns, prior, believed)


def _vote(patterns: npt.NDArray[np.intp], counts: Floats, n: int) -> Floats:
    """Voxels of each pattern under the label that most raters gave; none where there is no such label."""
    votes = np.stack([(patterns == of).sum(axis=0) for of in patterns])
    winner = np.take_along_axis(patterns, votes.argmax(axis=0)[None], axis=0)[0]
    tied = ((votes == votes.max(axis=0)) & (patterns != winner)).any(axis=0)
    out = np.zeros((patterns.shape[1], n))
    out[np.arange(len(winner)), winner] = np.where(tied, 0.0, counts)
    return out


def _share(confusion: Floats, axis: int) -> Floats:
    """Counts as shares along an axis; 0 where there are none."""
    total = confusion.sum(axis=axis, keepdims=True)
    return np.asarray(np.divide(confusion, total, out=np.zeros_like(confusion), where=total > 0))


def _expect(patterns: npt.NDArray[np.intp], prior: Floats, believed: Sequence[Floats]) -> Floats:
    """Probability of each label for each pattern, by how each rater is believed to err."""
    truth = np.tile(prior, (patterns.shape[1], 1))
    for of, matrix in zip(patterns, believed, strict=True):
        truth *= matrix[of]
    return _share(truth, axis=1)


FUSIONS: Mapping[str, Callable[[Sequence[LabelArray]], LabelArray]] = MappingProxyType(
    {"majority": majority, "staple": staple}
)
"""Ways to fuse label maps, by name."""
