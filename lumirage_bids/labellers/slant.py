"""SLANT: 132 BrainCOLOR structures of human T1w scans, from the output of its published container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.bids.found_maps import Layout
from lumirage_bids.labellers._importer import Importer
from lumirage_bids.methods.base import Training

FOLDERS = ("", "{name}/", "sub-{subject}/", "sub-{subject}/ses-{session}/")
"""The container may have been run on all scans at once, or with an output folder for each scan, subject or session."""


@dataclass(frozen=True, kw_only=True)
class Slant(Importer):
    """Read ``FinalResult/<scan>_seg.nii.gz``, which lies on the scan's own grid.

    References
    ----------
    Huo Y et al. 3D whole brain segmentation using spatially localized atlas network tiles. NeuroImage 194:105–119
    (2019). doi:10.1016/j.neuroimage.2019.03.041
    """

    name: ClassVar[str] = "slant"
    digest_name: ClassVar[str] = "Slant"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "132 BrainCOLOR structures on T1w, read from what SLANT's container wrote"
    phrase: ClassVar[str] = "were made by SLANT"
    references: ClassVar[tuple[str, ...]] = ("huo2019",)
    training: ClassVar[Training | None] = Training(
        description="T1w scans", contrasts=("T1w",), species=("human",), source="doi:10.1016/j.neuroimage.2019.03.041"
    )
    labelling: ClassVar[str | None] = "slant"
    layout: ClassVar[Layout] = Layout(
        name="slant", labels={"slant": tuple(f"{folder}FinalResult/{{name}}_seg.nii.gz" for folder in FOLDERS)}
    )
    recipe: ClassVar[str] = (
        "docker run --rm --gpus all -v /path/to/scans:/INPUTS -v /path/to/FOLDER:/OUTPUTS "
        "vuiiscci/slant:deep_brain_seg_v1_0_0 /extra/run_deep_brain_seg.sh"
    )
    table: ClassVar[str | None] = "slant"
