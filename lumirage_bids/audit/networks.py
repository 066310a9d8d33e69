"""What networks were trained on, as their authors say: the ground that they stand on."""

from __future__ import annotations

import re
from dataclasses import dataclass

GRID = re.compile(r"(\d+) × (\d+) × (\d+) voxels of ([\d.]+)(?: × ([\d.]+) × ([\d.]+))? mm(?:, ([A-Z]{3}))?")
SPACING = re.compile(r"([\d.]+)(?: × ([\d.]+) × ([\d.]+))? mm")


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a network has seen.

    Attributes
    ----------
    images : str
        In words.
    contrasts : frozenset of str
        BIDS suffixes; empty for images of random contrast.
    datasets : tuple of str
        Names of the datasets, as a dataset's own name would have them.
    orientation : str
        Where the axes of its images pointed.
    source : str
        DOI.
    """

    images: str
    contrasts: frozenset[str]
    datasets: tuple[str, ...] = ()
    orientation: str = "RAS"
    source: str


METHODS: dict[str, Training] = {
    "lapirn": Training(
        images="skull-stripped T1w scans of OASIS, 160 × 192 × 144 voxels of 1 mm",
        datasets=("OASIS",),
        contrasts=frozenset({"T1w"}),
        source="doi:10.1007/978-3-030-59716-0_21",
    ),
    "vfa": Training(
        images="skull-stripped T1w scans of LUMIR, 160 × 224 × 192 voxels of 1 mm",
        datasets=("LUMIR", "OpenBHB"),
        contrasts=frozenset({"T1w"}),
        source="doi:10.1117/1.JMI.11.6.064001",
    ),
}
"""Learned methods whose training is known."""

UNKNOWN = ("torchscript",)
"""Learned methods whose training the user alone knows."""

LABELLERS: dict[str, Training] = {
    "synthseg": Training(
        images="synthetic images of random contrast", contrasts=frozenset(), source="doi:10.1016/j.media.2023.102789"
    ),
    "deepatropos": Training(images="T1w scans", contrasts=frozenset({"T1w"}), source="doi:10.1038/s41598-021-87564-6"),
    "slant": Training(images="T1w scans", contrasts=frozenset({"T1w"}), source="doi:10.1016/j.neuroimage.2019.03.041"),
}
"""Labellers that are networks."""


def input_spacing(text: str) -> float | None:
    """Finest voxel size that an ``input`` of the score table tells, mm; None for images as they came.

    Examples
    --------
    >>> input_spacing("160 × 192 × 144 voxels of 1 mm, RAS"), input_spacing("0.6 mm"), input_spacing("native spacing")
    (1.0, 0.6, None)
    """
    match = SPACING.search(text)
    return min(float(g) for g in match.groups() if g) if match else None


def grid_extent(text: str) -> tuple[float, ...] | None:
    """Size of the grid that an ``input`` of the score table tells, mm; None where it tells none.

    Examples
    --------
    >>> grid_extent("160 × 192 × 144 voxels of 1 mm, RAS"), grid_extent("0.6 mm")
    ((160.0, 192.0, 144.0), None)
    """
    match = GRID.search(text)
    if match is None:
        return None
    spacing = [float(match[i] or match[4]) for i in (4, 5, 6)]
    return tuple(float(match[i + 1]) * spacing[i] for i in range(3))
