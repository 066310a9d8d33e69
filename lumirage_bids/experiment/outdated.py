"""What an earlier version made of a scan in a way that was wrong for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.ends import cut_planes
from lumirage_bids.spatial.fill import DARKEST, FAR_BELOW, faces
from lumirage_bids.spatial.images import read_image
from lumirage_bids.spatial.preparation import FOREGROUND


def is_outdated(output: Output, file: Path) -> bool:
    """Whether an earlier version prepared a scan in a way that was wrong for it, by its prepared image's sidecar.

    Versions before 0.2.0 masked whole heads by the template, which cuts the cortex; put the background into the
    middle of the brain's intensities where these go below 0; let values far below these flatten them; and took a brain
    that the image's edge cuts for a whole one.

    Parameters
    ----------
    file : Path
        Prepared image below the output folder.
    """
    about = output.read_sidecar(file)
    if "AtEdge" in about or "MaskSource" not in about:
        return False
    if about["MaskSource"] in ("template", "T1w-template"):
        return True
    try:
        image = read_image(output / file)
    except (BadDataError, MissingInputError):
        return False  # it is made again anyhow
    array = image.array
    raised = about.get("SkullStripped", True) and np.median(faces(array)) > 0
    cut = len(cut_planes(replace(image, array=array > FOREGROUND))) > 0
    return bool(raised or cut or _is_flattened(array))


def _is_flattened(array: npt.NDArray[np.floating]) -> bool:
    """Whether a brain fills the upper part only of the intensities of its prepared image."""
    brain = array[array > 0]
    low, high = np.percentile(brain, (DARKEST, 99)) if brain.size else (0.0, 1.0)
    return bool(low > FAR_BELOW * (high - low))
