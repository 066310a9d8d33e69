"""nBEST: brain masks, tissues and subcortical structures of other primates, from the output of its container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.bids.found_maps import Layout
from lumirage_bids.labellers._importer import Importer


def _places(*folders: str) -> tuple[str, ...]:
    """Where a scan's file may lie: its script writes beside the scans or above them, nnU-Net knows them by _0000."""
    return tuple(
        f"{above}{folder}/{{name}}{channel}.nii.gz"
        for folder in folders
        for above in ("", "data/")
        for channel in ("", "_0000")
    )


LAYOUT = Layout(
    name="nbest",
    labels={
        "nbest": _places("brain_tissue"),
        "nbestsubcortical": _places("brain_subcortical_6class", "brain_subcortical"),
    },
    masks=_places("brain_mask"),
)


@dataclass(frozen=True, kw_only=True)
class NBest(Importer):
    """Read ``brain_tissue/<scan>.nii.gz``: cerebrospinal fluid, grey and white matter of the cerebrum.

    Masks in ``brain_mask`` are read too. The cerebellum and the brain stem have no label.

    References
    ----------
    Zhong T et al. nBEST: Deep-learning-based non-human primates Brain Extraction and Segmentation Toolbox across ages,
    sites and species. NeuroImage 295:120652 (2024). doi:10.1016/j.neuroimage.2024.120652
    """

    name: ClassVar[str] = "nbest"
    digest_name: ClassVar[str] = "NBest"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "three tissues of the cerebrum of other primates, read from what nBEST's container wrote"
    phrase: ClassVar[str] = "were made by nBEST"
    references: ClassVar[tuple[str, ...]] = ("zhong2024",)
    labelling: ClassVar[str | None] = "nbest"
    layout: ClassVar[Layout] = LAYOUT
    recipe: ClassVar[str] = (
        "docker run --rm --gpus all --ipc=host -v /path/to/FOLDER:/workspace/demo wxyabc/nbest:1.3 "
        "sh -c 'cp nBEST.py demo && cd demo && python nBEST.py' (the scans in FOLDER/data)"
    )
    table: ClassVar[str | None] = "nbest"


@dataclass(frozen=True, kw_only=True)
class NBestSubcortical(Importer):
    """Read ``brain_subcortical_6class/<scan>.nii.gz``, or ``brain_subcortical``.

    Thalamus, caudate, putamen, pallidum, hippocampus and amygdala of macaques. Releases differ in whether the sides
    are told apart, and none publishes its indices: names come from a table ``seg-nbestsubcortical_dseg.tsv`` in the
    folder, or are ``label N``.

    References
    ----------
    Zhong T et al. nBEST: Deep-learning-based non-human primates Brain Extraction and Segmentation Toolbox across ages,
    sites and species. NeuroImage 295:120652 (2024). doi:10.1016/j.neuroimage.2024.120652
    """

    name: ClassVar[str] = "nbestsubcortical"
    digest_name: ClassVar[str] = "NBestSubcortical"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "six subcortical structures of macaques, read from what nBEST's container wrote"
    phrase: ClassVar[str] = "were made by nBEST"
    references: ClassVar[tuple[str, ...]] = ("zhong2024",)
    labelling: ClassVar[str | None] = "nbestsubcortical"
    layout: ClassVar[Layout] = LAYOUT
    recipe: ClassVar[str] = NBest.recipe.replace("nBEST.py", "nBEST_subcortical_SDM.py")
