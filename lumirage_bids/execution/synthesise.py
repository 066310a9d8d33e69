"""Runs the program that makes an image of another contrast of a scan."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.methods.programs.call import made_file, run_program, scratch
from lumirage_bids.spatial.images import Volume, read_image, write_image
from lumirage_bids.spatial.synthesis import Synthesis, accept_synthesised

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context

logger = logging.getLogger("lumirage")


def synthesise(image: Volume, mask: Volume, synthesis: Synthesis, context: Context, name: str) -> Volume:
    """Make an image of another contrast of a native one.

    Parameters
    ----------
    image, mask : Volume
        The native image, and its brain mask on any grid.
    synthesis : Synthesis
    context : Context
        Threads, and the scratch folder.
    name : str
        Of the scan, for messages.

    Raises
    ------
    LumirageError
        The program is not there, fails, does not end in time, or makes no image that belongs to the scan.
    """
    try:
        return _run_program(image, mask, synthesis, context)
    except LumirageError as error:
        error.args = (f"{name}, synthesis of a {synthesis.makes} image: {error}",)
        raise


def _run_program(image: Volume, mask: Volume, synthesis: Synthesis, context: Context) -> Volume:
    with scratch(context) as folder:
        source, made = folder / "input.nii.gz", folder / "output.nii.gz"
        write_image(image, source, np.float32)
        argv = synthesis.fill_in(input=str(source), output=str(made), threads=str(context.threads))
        logger.info("Synthesises a %s image: %s", synthesis.makes, " ".join(argv))
        run_program(argv, context, folder, limit_s=synthesis.timeout)
        return accept_synthesised(read_image(made_file(made, argv), fill=False), image, mask, synthesis)
