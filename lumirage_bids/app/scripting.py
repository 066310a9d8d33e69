"""For scripts and notebooks: two scans registered as a run does it, a table judged; `lumirage_bids` has it by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from lumirage_bids import maskers
from lumirage_bids.app.judge import Judged, ask, judge_table
from lumirage_bids.base.criteria import CONFIDENCE, THRESHOLD
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment.protocol import load as load_protocol
from lumirage_bids.methods import Context, Method
from lumirage_bids.methods import method as make_method
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.spatial.images import Volume

__all__ = ["brain_mask", "judge", "load_protocol", "register"]


def brain_mask(
    image: Volume, *, contrast: str = "T1w", species: str = "human", context: Context | None = None
) -> Volume:
    """Find the brain, as a run does in a scan of which nothing else is known.

    Parameters
    ----------
    image : Volume
        A whole head or a skull-stripped brain, as `lumirage_bids.read_image` reads it.
    contrast : str
        BIDS suffix: ``T1w``, ``T2w``, ``FLAIR``, …
    species : str
        What is no human brain is found only where it is all that there is.
    context : Context, optional
        Device and threads.

    Returns
    -------
    Volume
        uint8, 1 in the brain, on the image's grid.

    Raises
    ------
    BadDataError
        No masker finds a plausible brain; the message has every one's reason.
    """
    file = Path("image.nii.gz")
    scan = Scan(
        path=file, dataset=file.parent, subject="-", session=None, suffix=contrast, entities={}, species=species
    )
    mask, _ = maskers.brain_mask(scan, image, context or Context())
    return mask


def register(
    fixed: Volume,
    moving: Volume,
    method: str | Method = "greedy",
    *,
    fixed_mask: Volume | None = None,
    moving_mask: Volume | None = None,
    preparation: Preparation | None = None,
    alignment: Alignment | None = None,
    context: Context | None = None,
) -> Transform:
    """Register two scans as a run does: prepare both, align them, and let a method do the rest.

    A run aligns every scan to one reference; here the moving scan is aligned to the fixed one.

    Parameters
    ----------
    fixed, moving : Volume
        Images as they are, of any grid.
    method : str or Method
        Name of a method with its defaults, or what `lumirage_bids.method` makes.
    fixed_mask, moving_mask : Volume, optional
        Brain masks, on any grid; by default `brain_mask` finds them.
    preparation : Preparation, optional
        By default at native spacing, skull-stripped, winsorised and scaled to 0 to 1.
    alignment : Alignment, optional
        By default affine.
    context : Context, optional
        Device, threads, folder of weights.

    Returns
    -------
    Transform
        Fixed world to moving world (RAS+, mm), the alignment included: what `lumirage_bids.transfer_labels` takes.

    Raises
    ------
    UsageError
        There is no such method, or the preparation is one that a run alone can do.
    LumirageError
        It cannot be done with these images, or what it needs is not here.
    """
    made = make_method(method) if isinstance(method, str) else method
    context = context or Context()
    preparation = preparation or Preparation()
    if preparation.grid != "own" or preparation.synthesis or preparation.perturbation:
        raise UsageError(
            "This registers two scans on their own grids, as they are: preparation with grid='reference', synthesis or "
            "perturbation is for a run. Leave these out, or make a run of the two scans."
        )
    if complaint := made.missing(context):
        raise MissingInputError(f"Method {made.name} cannot run: {complaint}.")
    both = ((fixed, fixed_mask), (moving, moving_mask))
    masks = [brain_mask(image, context=context) if mask is None else mask for image, mask in both]
    there, here = (prepare(image, mask, preparation) for (image, _), mask in zip(both, masks, strict=True))
    start = align(there.image, here.image, alignment=alignment, context=context)
    seen, region = (v.move(np.linalg.inv(start)) for v in (here.image, here.mask))
    known = replace(context, fixed_mask=there.mask, moving_mask=region, start=start)
    return made.register(there.image, seen, known).then(Transform.affine(start))


def judge(
    table: Path | str | pd.DataFrame,
    score: str | None = None,
    *,
    better: Literal["higher", "lower"] | None = None,
    margin: float | None = None,
    threshold: float = THRESHOLD,
    confidence: float = CONFIDENCE,
    controls: Collection[str] = (),
) -> Judged:
    """Say which method is better on a table of scores, how surely, and what bounds that; as ``lumirage judge``.

    Parameters
    ----------
    table : path or DataFrame
        Columns ``method``, ``moving``, ``fixed`` and a score; optional ones are those of ``lumirage judge``.
    score : str, optional
        Column that is judged, by default ``dice_mean``.
    better : {"higher", "lower"}, optional
        Which scores are better; known of our own measures.
    margin : float, optional
        Differences within this are equivalent, in the unit of the score; known of our own measures.
    threshold : float
        ``|d_z|`` below which a difference counts only if it is surely beyond the margin.
    confidence : float
        Level of the intervals.
    controls : collection of str
        Methods that register nothing and are not ranked.

    Returns
    -------
    Judged
        Its text is the verdict; ``verdicts``, ``tables`` and ``data`` have it in parts.

    Raises
    ------
    UsageError, BadDataError, MissingInputError
        The table or what is asked of it cannot be used.
    """
    asked = ask(
        Path(table) if isinstance(table, str) else table,
        score,
        better=better,
        margin=margin,
        threshold=threshold,
        confidence=confidence,
        controls=tuple(controls),
    )
    return judge_table(asked)
