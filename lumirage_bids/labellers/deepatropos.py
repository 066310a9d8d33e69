"""Deep Atropos: six tissues of human T1w scans, by ANTsPyNet."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.labellers._deepatropos_child import list_needed
from lumirage_bids.labellers._program import ProgramLabeller, labels_by_program, packaged_table
from lumirage_bids.methods.base import Training
from lumirage_bids.spatial.preparation import ground

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

CONTRASTS = ("T1w", "UNIT1", "MP2RAGE", "inplaneT1")
"""Contrasts like those that the network was trained on."""


@dataclass(frozen=True, kw_only=True)
class DeepAtropos(ProgramLabeller):
    """Call ``antspynet.deep_atropos`` on the scan as it came; it finds the brain and the way to MNI by itself.

    It runs in a process of its own. Networks and templates (five files) are read from the folder ``antsxnet`` in the
    folder of weights, or, where there is none, from where ANTsPyNet keeps them; nothing is downloaded during a run.

    References
    ----------
    Tustison NJ et al. The ANTsX ecosystem for quantitative biological and medical imaging. Sci Rep 11:9068 (2021).
    doi:10.1038/s41598-021-87564-6
    """

    name: ClassVar[str] = "deepatropos"
    digest_name: ClassVar[str] = "DeepAtropos"
    revision: ClassVar[int | None] = 1
    packages: ClassVar[tuple[str, ...]] = ("antspyx", "antspynet")
    summary: ClassVar[str] = "six tissues on T1w by ANTsPyNet's Deep Atropos; needs antspynet and its weights"
    phrase: ClassVar[str] = "are six tissues, found by ANTsPyNet's Deep Atropos"
    references: ClassVar[tuple[str, ...]] = ("tustison2021",)
    training: ClassVar[Training | None] = Training(
        description="T1w scans", contrasts=("T1w",), species=("human",), source="doi:10.1038/s41598-021-87564-6"
    )
    labelling: ClassVar[str | None] = "deepatropos"
    # An estimate: TensorFlow, a network at 1 mm, and ANTs' registration to MNI.
    memory_gb: ClassVar[float] = 12.0
    # Wide: they catch lost and swapped classes, not atrophy.
    bounds: ClassVar[Mapping[int, tuple[float, float]]] = {
        1: (0.02, 0.5), 2: (0.2, 0.65), 3: (0.15, 0.5), 4: (0.005, 0.1), 5: (0.004, 0.08), 6: (0.03, 0.2),
    }  # fmt: skip

    def missing(self, context: Context) -> str | None:
        """The package, or its weights."""
        if not find_spec("antspynet"):
            return "ANTsPyNet is not installed; pip install 'lumirage-bids[deepatropos]' (it brings TensorFlow)"
        folder = _folder(context)
        absent = [file.name for file in list_needed(folder) if not file.is_file()]
        if not absent:
            return None
        return (
            f"{', '.join(absent)} of ANTsXNet are not in {folder}. Get them once, where there is network: "
            f"python -m lumirage_bids.labellers._deepatropos_child fetch {shlex.quote(str(folder))}"
        )

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Segment the scan; see `Labeller.segment` and `labels_by_program`.

        Raises
        ------
        UsageError
            The network knows no such contrast.
        MissingInputError
            ANTsPyNet or its weights are not here.
        """
        if scan.suffix not in CONTRASTS:
            raise UsageError(
                f"{scan.relative}: Deep Atropos was trained on T1w; allowed are {', '.join(CONTRASTS)}. Give labels of "
                f"'{scan.suffix}' with --derivatives NAME=PATH, or take the labelling 'synthseg'."
            )
        if complaint := self.missing(context):
            raise MissingInputError(f"The labeller 'deepatropos' cannot run: {complaint}.")

        def command(source: Path, target: Path) -> list[str]:
            # -P: the script's own folder holds modules whose names others may import too.
            child = str(Path(__file__).with_name("_deepatropos_child.py"))
            return [sys.executable, "-P", child, "segment", str(source), str(target), str(_folder(context))]

        # N4, which it begins with, takes logarithms: what was added to an image, or made its mean 0, would matter.
        image = replace(image, array=ground(image.array))
        return labels_by_program(image, command, packaged_table("deepatropos"), context, self.timeout)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """The six tissues."""
        return packaged_table("deepatropos")


def _folder(context: Context) -> Path:
    """Where networks and templates lie: with the other weights, or where ANTsPyNet itself keeps them."""
    return context.weights / "antsxnet" if context.weights else Path.home() / ".keras" / "ANTsXNet"
