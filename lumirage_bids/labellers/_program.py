"""Labels by somebody else's program: an image file in, a file of labels out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.parameters import aside
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.methods.programs.call import made_file, run_program, scratch, visible_device
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import Volume, read_labels, write_image
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class ProgramLabeller(Labeller):
    """A labeller that calls a program for each scan.

    Attributes
    ----------
    timeout : float
        Seconds that the program may take for a scan; then it is ended, and the same command tries it again. The default
        is far beyond what the programs need: one that takes longer waits for something.
    """

    timeout: float = aside(6 * 3600.0)

    def __post_init__(self) -> None:
        """Refuse a time in which nothing can be done."""
        if self.timeout <= 0:
            raise UsageError(f"timeout is {self.timeout:g}; it must be a positive number of seconds.")


def packaged_table(name: str) -> dict[int, str]:
    """Look-up table of this package, index → name, without background."""
    return read_lut(Path(__file__).parent / "luts" / f"{name}.tsv")


def labels_by_program(
    image: Volume,
    command: Callable[[Path, Path], Sequence[str]],
    structures: Mapping[int, str],
    context: Context,
    timeout: float,
) -> Volume:
    """Run a program on an image and bring its labels to the image's grid.

    Parameters
    ----------
    image : Volume
        What is labelled.
    command : callable
        Image file and label file to be written → program and arguments.
    structures : mapping
        Index → name of all labels that the program may give.
    context : Context
        Device, threads and scratch folder. The program sees no GPU but the device.
    timeout : float
        Seconds that it may take.

    Returns
    -------
    Volume
        Labels, int32, on the image's grid. A label map on another grid is carried over as all labels are, see
        `transfer_labels`.

    Raises
    ------
    MissingInputError
        There is no such program.
    OverdueError
        It had not ended in that time.
    LumirageError
        It failed, or wrote nothing.
    BadDataError
        It gave a label that it should not know.
    """
    with scratch(context) as folder:
        argv = command(folder / "image.nii", folder / "labels.nii.gz")
        write_image(image, folder / "image.nii")
        own = {"CUDA_VISIBLE_DEVICES": visible_device(context.device)}
        run_program(argv, context, folder, own, limit_s=timeout)
        labels = read_labels(made_file(folder / "labels.nii.gz", argv))
    unknown = sorted(set(np.unique(labels.array).tolist()) - {0, *structures})
    if unknown:
        raise BadDataError(
            f"The program gave labels that are not among its structures: {', '.join(map(str, unknown[:10]))} "
            f"({' '.join(argv)}); is it another version?"
        )
    if same_grid(labels, image):
        return Volume(array=labels.array, affine=image.affine)
    array = transfer_labels(labels, Transform(()), image.shape, image.affine, threads=context.threads)
    return Volume(array=np.asarray(array, dtype=np.int32), affine=image.affine)
