"""Fields that somebody else made: challenge submissions, runs of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.base.parameters import added, aside
from lumirage_bids.methods._pair_files import check_path, file_of_pair
from lumirage_bids.methods._submission import Ends, ends, fields, unpack
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained
from lumirage_bids.methods.programs.call import scratch
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.itk import read_transform
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Pair, Scan
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class Precomputed(Method):
    """Reads each pair's transform from a file.

    Attributes
    ----------
    path : str
        File of a pair, in full, in which ``{fixed}`` and ``{moving}`` are replaced by the scans' names (file names
        without extension), ``{fixed_subject}``, ``{moving_subject}``, ``{fixed_session}`` and ``{moving_session}`` by
        their BIDS labels: ``/fields/disp_{fixed_subject}_{moving_subject}.nii.gz``.
    submission : str
        Instead of it: folder or zip of a submission to LUMIR or Learn2Reg, in full, whose files ``disp_FIXED_MOVING``
        (``.nii.gz``, ``.npz``; wherever they lie in it) are named by the labels of the subjects, with zeros before
        them or without.
    format : str
        Whose conventions the files follow; auto goes by the file, and is ``learn2reg`` for a submission.
    space : str
        ``native``: the files map the fixed scan to the moving scan as they are in the dataset, any affine part
        included; the start plays no part. ``prepared``: they map the prepared fixed image to the prepared moving image
        that holds the start.
    similarity : str
        Name of the similarity measure that was optimised, for the tables.
    training : Training or str
        What the program that made the files has learned from; ``none`` for one that learns nothing. It changes no
        result.
    """

    name: ClassVar[str] = "precomputed"
    digest_name: ClassVar[str] = "Precomputed"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "transforms from files: ITK, ANTs, Learn2Reg (LUMIR), FSL"
    phrase: ClassVar[str] = "a set of transforms that had been computed elsewhere"

    computes: ClassVar[bool] = False

    path: str = ""
    format: Literal["auto", "itk", "learn2reg", "fsl", "ras"] = "auto"
    space: Literal["native", "prepared"] = "native"
    similarity: str = "n/a"
    training: Trained = aside("unknown")
    submission: str = added("", since="0.2.0")

    def __post_init__(self) -> None:
        """Refuse a path with placeholders that there are not, or with the same file for all pairs."""
        if self.path and self.submission:
            raise UsageError("path and submission are both given; give the one that there is.")
        if self.submission and not Path(self.submission).is_absolute():
            raise UsageError(f"submission is {self.submission!r}; give it in full: {Path(self.submission).absolute()}.")
        if self.path:
            check_path(self.path)

    @property
    def takes_start(self) -> bool:  # type: ignore[override]
        """Whether the files begin at the start that all methods get: only those between prepared images can."""
        return self.space == "prepared"

    def missing(self, context: Context) -> str | None:
        """The path, or the submission."""
        if self.submission:
            return None if Path(self.submission).exists() else f"there is no submission {self.submission}"
        if self.path:
            return None
        return (
            'it is not said where the files are; say path = "/fields/disp_{fixed_subject}_{moving_subject}.nii.gz" '
            'in [methods.precomputed], or submission = "/folder/or.zip"'
        )

    def files(self, context: Context) -> tuple[Path, ...]:
        """File of the pair; of one in a zip the zip."""
        if not context.pair or not (self.path or self.submission):
            return ()
        return (self.file(context.pair),)

    def similarity_for(self, *, multimodal: bool) -> str:
        """Return what the user says of the files."""
        return self.similarity

    @property
    def own_input(self) -> OwnInput | None:
        """It is not known here what the program saw."""
        return OwnInput(words=f"{self.space} scans, by whoever made the files")

    def file(self, pair: Pair) -> Path:
        """Path of a pair's file; of one in a zip the zip.

        Raises
        ------
        UsageError
            If a name that goes into it could lead elsewhere, or is asked for and not there.
        MissingInputError, BadDataError
            The submission is not there or none.
        """
        if self.submission:
            return self._find_submitted(pair)
        return file_of_pair(self.path, pair)

    def _find_submitted(self, pair: Pair) -> Path:
        submission = Path(self.submission)
        name = fields(submission).get(_ends(pair))
        if name is None:
            return submission / f"disp_{pair.fixed.subject}_{pair.moving.subject}.nii.gz"
        return submission / name if submission.is_dir() else submission

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Read the pair's transform; see `Method.register`."""
        if context.pair is None:
            raise UsageError("The method 'precomputed' needs to know the scans, to find their file.")
        file = self.file(context.pair)
        if not file.exists():
            raise MissingInputError(
                f"There is no file {file} for {context.pair.moving.name} to {context.pair.fixed.name}; make it, or "
                "correct path."
            )
        sides = {"fixed": fixed, "moving": moving}
        if self.space == "native":
            sides = {"fixed": grid_of_scan(context.pair.fixed), "moving": grid_of_scan(context.pair.moving)}
        kind = "learn2reg" if self.submission and self.format == "auto" else self.format
        if self.submission and file == Path(self.submission):  # a zip
            with scratch(context) as folder:
                field = unpack(file, fields(file)[_ends(context.pair)], folder)
                whole = read_transform(field, kind, **sides)
        else:
            whole = read_transform(file, kind, **sides)
        if self.space == "prepared":
            return whole
        # The start comes after what a method finds; here it is in the file already.
        return whole if context.start is None else whole.then(Transform.affine(np.linalg.inv(context.start)))

    def cost(self, voxels: int, device: str) -> Cost:
        """Reading and decompressing one field."""
        return Cost(seconds=0.5 + voxels * 1e-6, memory_gb=0.3 + voxels * 60e-9)


def _ends(pair: Pair) -> Ends:
    return ends(pair.fixed.subject, pair.moving.subject)


def grid_of_scan(scan: Scan) -> Volume:
    """Grid of a scan as it is in the dataset, from its header alone; the array holds no data.

    Raises
    ------
    BadDataError, MissingInputError
        If the file cannot be read or is absent.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    if not scan.present:
        raise MissingInputError(f"{scan.path}: no such file")
    try:
        image = nibabel.load(scan.path)
    except (ImageFileError, OSError) as error:
        raise BadDataError(f"{scan.path}: cannot be read as an image ({error})") from error
    return Volume(
        array=np.broadcast_to(np.float32(0), image.shape[:3]), affine=np.asarray(image.affine, dtype=np.float64)
    )
