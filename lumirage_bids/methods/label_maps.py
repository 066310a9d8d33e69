"""Label maps that somebody else carried over, where the transforms were not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.base.parameters import aside
from lumirage_bids.methods._pair_files import check_path, file_of_pair
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained
from lumirage_bids.spatial.images import Volume, read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from lumirage_bids.bids.scans import Pair
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class LabelMaps(Method):
    """Reads the moving scan's labels, carried over by whoever registered the pair, from a file.

    How they were interpolated is not known, and there is no transform: overlap and surfaces are measured, folding,
    landmarks and the way back are not. Where the transforms can be had, `precomputed` says more and is fairer.

    Attributes
    ----------
    path : str
        File of a pair, in full, with placeholders as ``precomputed`` has them:
        ``/maps/{moving_subject}_to_{fixed_subject}.nii.gz``. A map lies in the fixed scan's world by its header, on
        that scan's native grid or on another one.
    labelling : str
        Labelling of this run whose indices the maps hold; pairs have no score by others.
    similarity : str
        Name of the similarity measure that was optimised, for the tables.
    training : Training or str
        What the program that made the maps has learned from; ``none`` for one that learns nothing. It changes no
        result.
    """

    name: ClassVar[str] = "label_maps"
    digest_name: ClassVar[str] = "LabelMaps"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "label maps carried over elsewhere, where there are no transforms"
    phrase: ClassVar[str] = "a set of label maps that had been carried over elsewhere"

    computes: ClassVar[bool] = False
    takes_start: ClassVar[bool] = False

    path: str = ""
    labelling: str = ""
    similarity: str = "n/a"
    training: Trained = aside("unknown")

    def __post_init__(self) -> None:
        """Refuse a path that cannot be one file for each pair."""
        if self.path:
            check_path(self.path)
            if not self.labelling:
                raise UsageError('labelling is not set; name the labelling of the maps: labelling = "NAME".')

    def missing(self, context: Context) -> str | None:
        """The path."""
        if self.path:
            return None
        return (
            'it is not said where the maps are; say path = "/maps/{moving_subject}_to_{fixed_subject}.nii.gz" and '
            'labelling = "NAME" in [methods.label_maps]'
        )

    def files(self, context: Context) -> tuple[Path, ...]:
        """File of the pair."""
        return (file_of_pair(self.path, context.pair),) if context.pair and self.path else ()

    def similarity_for(self, *, multimodal: bool) -> str:
        """Return what the user says of the maps."""
        return self.similarity

    @property
    def own_input(self) -> OwnInput | None:
        """It is not known here what the program saw."""
        return OwnInput(words="whatever those saw who made the label maps")

    @property
    def carries(self) -> str:
        """The labelling of the maps."""
        return self.labelling

    def carried(self, pair: Pair) -> Volume:
        """Read the pair's map.

        Raises
        ------
        MissingInputError, BadDataError
            There is none, or it is no label map.
        """
        file = file_of_pair(self.path, pair)
        if not file.exists():
            raise MissingInputError(
                f"There is no file {file} for {pair.moving.name} to {pair.fixed.name}; make it, or correct path."
            )
        return read_labels(file)

    def register(self, fixed: Volume, moving: Volume, context: Context) -> NoReturn:
        """Refuse: there is no transform.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(f"{self.name} has label maps and no transforms. Take precomputed where there are transforms.")

    def cost(self, voxels: int, device: str) -> Cost:
        """Reading one map."""
        return Cost(seconds=0.2 + voxels * 0.1e-6, memory_gb=0.3 + voxels * 12e-9)
