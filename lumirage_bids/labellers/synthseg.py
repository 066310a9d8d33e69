"""FreeSurfer's SynthSeg: 32 structures of human brains on scans of any contrast, by a program you install."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.base.called_files import called_files
from lumirage_bids.base.errors import UsageError
from lumirage_bids.labellers._freesurfer import CORTEX, FIRST_REGION
from lumirage_bids.labellers._program import ProgramLabeller, labels_by_program, packaged_table
from lumirage_bids.methods.base import Training
from lumirage_bids.methods.programs.call import missing_program

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

PROGRAM = "mri_synthseg"


@dataclass(frozen=True, kw_only=True)
class SynthSeg(ProgramLabeller):
    """Call ``mri_synthseg`` on the scan as it came, with skull or without.

    It works at 1 mm. Where the image has another spacing, the labels are carried to the image's grid.

    Attributes
    ----------
    program : str
        Name of the program on the PATH, or its path in full; a script of yours that calls a container will do, if it
        passes on ``--i``, ``--o``, ``--threads``, ``--cpu``, ``--parc``, ``--robust`` and ``--fast``.
    parc : bool
        Whether the cortex is divided into the 34 regions of Desikan and Killiany in each hemisphere.
    robust : bool
        Whether SynthSeg-robust is used, for scans of low quality.
    fast : bool
        Whether the program leaves out some of its postprocessing.

    References
    ----------
    Billot B et al. SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining. Med
    Image Anal 86:102789 (2023). doi:10.1016/j.media.2023.102789
    """

    name: ClassVar[str] = "synthseg"
    digest_name: ClassVar[str] = "SynthSeg"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "32 structures on any contrast by FreeSurfer's mri_synthseg, which you install"
    phrase: ClassVar[str] = "were made by SynthSeg"
    references: ClassVar[tuple[str, ...]] = ("billot2023",)
    training: ClassVar[Training | None] = Training(
        description="synthetic images of random contrast",
        contrasts=("any",),
        species=("human",),
        source="doi:10.1016/j.media.2023.102789",
    )
    labelling: ClassVar[str | None] = "synthseg"
    # An estimate: at 1 mm its network holds several arrays of some 2 GB each, and each thread adds to that.
    memory_gb: ClassVar[float] = 16.0
    # White matter of each hemisphere fills about 15 % of the labelled volume, CSF included.
    bounds: ClassVar[Mapping[int, tuple[float, float]]] = {2: (0.05, 0.35), 41: (0.05, 0.35)}

    program: str = PROGRAM
    parc: bool = False
    robust: bool = False
    fast: bool = False

    def code(self) -> tuple[Path, ...]:
        """A script of the user's that is the program."""
        return (*super().code(), *(called_files([self.program]) if self.program != PROGRAM else ()))

    def missing(self, context: Context) -> str | None:
        """The program, or FreeSurfer's setting."""
        if complaint := missing_program(self.program):
            return f"{complaint} (it comes with FreeSurfer 7.3 and later, surfer.nmr.mgh.harvard.edu)"
        if Path(self.program).name == PROGRAM and not os.environ.get("FREESURFER_HOME"):
            return f"FREESURFER_HOME is not set, which {PROGRAM} needs; source SetUpFreeSurfer.sh before the run"
        return None

    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Run the program; see `Labeller.segment` and `labels_by_program`."""
        if complaint := self.missing(context):
            raise UsageError(f"The labeller 'synthseg' cannot run: {complaint}.")

        def command(source: Path, target: Path) -> list[str]:
            on = [f"--{flag}" for flag in ("parc", "robust", "fast") if getattr(self, flag)]
            on += [] if context.device.startswith("cuda") else ["--cpu"]
            return [self.program, "--i", str(source), "--o", str(target), "--threads", str(context.threads), *on]

        return labels_by_program(image, command, self._table, context, self.timeout)

    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """FreeSurfer's names."""
        return self._table

    @property
    def _table(self) -> dict[int, str]:

        whole = packaged_table("freesurfer")
        if self.parc:
            return {i: name for i, name in whole.items() if i not in CORTEX}
        return {i: name for i, name in whole.items() if i < FIRST_REGION}
