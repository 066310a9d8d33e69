"""The brain by deepbet, a network whose weights come with its package."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers._checks import implausible
from lumirage_bids.maskers._regions import largest_piece
from lumirage_bids.maskers.base import Found, Mask, Masker
from lumirage_bids.spatial.fill import find_seen
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class DeepBet(Masker):
    """Let deepbet find the brain of a whole human head.

    Two networks, one for the box around the brain and one for the brain, trained on T1w scans of healthy adults. They
    run on the CPU, so that the mask is the same whatever the device; nothing is written or downloaded.

    Attributes
    ----------
    threshold : float
        Least probability of brain.

    References
    ----------
    Fisch L et al. deepbet: Fast brain extraction of T1-weighted MRI using convolutional neural networks. Comput Biol
    Med 179:108845 (2024). doi:10.1016/j.compbiomed.2024.108845
    """

    name: ClassVar[str] = "deepbet"
    summary: ClassVar[str] = "brain by the network deepbet, trained on T1w scans of healthy adults; no downloads"
    phrase: ClassVar[str] = "were made by deepbet, a network trained on T1w scans of healthy adults"
    references: ClassVar[tuple[str, ...]] = ("fisch2024",)
    human: ClassVar[bool] = True
    digest_name: ClassVar[str] = "DeepBet"
    revision: ClassVar[int | None] = 1

    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a threshold that no probability passes or fails."""
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold:g}; allowed: between 0 and 1")

    def missing(self, context: Context) -> str | None:
        """The package, or its weights."""
        files = _weights()
        if not files:
            return "deepbet is not installed; pip install deepbet"
        absent = [file for file in files if not file.is_file()]
        return f"deepbet's weights {absent[0]} are not there; pip install --force-reinstall deepbet" if absent else None

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Run the networks and check the result; see `Masker.find`."""
        mask = self._brain(image, context)
        if not mask.any():
            raise BadDataError("it found no brain")
        if problems := implausible(mask, image):
            raise BadDataError("; ".join(problems))
        # It goes on where an image ends, as brains do.
        return Found(mask=mask & find_seen(image.array), masker=self.name)

    def _brain(self, image: Volume, context: Context) -> Mask:
        import torch
        from nibabel.orientations import aff2axcodes

        upright = reorient(image)
        # From 0 to 1 in double precision: the networks only look at percentiles, but single precision has its limits.
        low, high = np.percentile(upright.array, (0, 100))
        values = (upright.array.astype(np.float64) - low) / max(high - low, np.finfo(np.float64).tiny)
        torch.set_num_threads(context.threads)
        try:
            probability = _networks().run_model(values.astype(np.float32))
        except (AssertionError, ValueError):  # its own way to say that there is nothing
            return np.zeros(image.shape, dtype=bool)
        brain = probability > self.threshold
        if brain.any():
            brain = largest_piece(brain)
        back = reorient(Volume(array=brain, affine=upright.affine), "".join(aff2axcodes(image.affine)))
        return np.asarray(back.array, dtype=bool)


def _weights() -> tuple[Path, ...]:
    """Files of the weights, in a folder that the package has beside its own; to import it takes seconds."""
    package = find_spec("deepbet")
    if package is None or package.origin is None:
        return ()
    models = Path(package.origin).parents[1] / "data" / "models"
    return models / "bbox_model.pt", models / "model.pt"


def _networks() -> Any:

    from deepbet import BrainExtraction

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch, about the format of the weights
        return BrainExtraction(no_gpu=True)
