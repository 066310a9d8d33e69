"""What FireANTs' two deformable methods share: their parameters, their check, and their cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, Self

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import added
from lumirage_bids.methods.base import Cost, Method


@dataclass(frozen=True, kw_only=True)
class Deformable(Method):
    """Multi-resolution registration by FireANTs with the parameters of the published evaluation (NIMH).

    Attributes
    ----------
    scales : tuple of int
        Factors by which both images are reduced, decreasing.
    iterations : tuple of int
        Largest number of iterations at each scale.
    similarity : str
        ``lncc``: squared local normalised cross-correlation, with FireANTs' constant 1e-5, which is made for
        intensities from 0 to 1; ``mind``: squared difference of MIND-SSC, the warped image
        described anew in every iteration; ``mind-lncc``: both images described once, their twelve channels warped and
        compared by ``lncc``; ``mi``: mutual information; ``auto``: that of multimodal for pairs of different contrast
        or sequence, else ``lncc``.
    window : int
        Side of the cubic window of ``lncc`` and ``mind-lncc``, voxels, odd.
    step : float
        Longest step of an iteration, half voxels of the longest axis, at most 1.
    smooth_warp_sigma, smooth_grad_sigma : float
        Gaussians that smooth the warp and the gradient in every iteration: standard deviation, voxels of the current
        scale; 0 for none.
    max_tolerance_iters : int
        Iterations over which the loss must not have risen, else the scale ends.
    multimodal : str
        What ``auto`` takes for pairs of different contrast or sequence.
    start_from : str
        Name of another method, one of the program's or a ``[methods.NAME]`` of the protocol, that is run first and
        whose result is optimised on from: a network's, for instance optimisation. Each scale begins with it as its own
        grid shows it; run time is that of both. Empty for the common start alone.
    mask_lesions : bool
        Whether what lies in a lesion of either scan, wherever the warp takes it, is left out of the similarity:
        windows, histograms and descriptors take nothing from there (cost function masking, Brett 2001), and what
        smoothing takes at reduced scales is filled in from around. Without a lesion mask nothing changes.
    """

    scales: tuple[int, ...] = (8, 4, 2, 1)
    iterations: tuple[int, ...] = (200, 100, 50, 20)
    similarity: Literal["auto", "lncc", "mind", "mind-lncc", "mi"] = "auto"
    window: int = 7
    step: float = 0.75
    smooth_warp_sigma: float = 0.5
    smooth_grad_sigma: float = 1.0
    max_tolerance_iters: int = 100
    multimodal: Literal["mind", "mind-lncc", "mi"] = added("mind", since="0.2.0")
    start_from: str = added("", since="0.2.0")
    mask_lesions: bool = added(False, since="0.2.0")

    def __post_init__(self) -> None:
        """Refuse parameters that FireANTs would fail on, or silently change."""
        check_pyramid(self.scales, self.iterations)
        rules = {
            "window": (self.window >= 3 and self.window % 2 == 1, "an odd number, at least 3"),
            "step": (0 < self.step <= 1, "above 0 and at most 1"),
            "smooth_warp_sigma": (self.smooth_warp_sigma >= 0, "at least 0"),
            "smooth_grad_sigma": (self.smooth_grad_sigma >= 0, "at least 0"),
            "max_tolerance_iters": (self.max_tolerance_iters >= 2, "at least 2"),
        }
        for field, (fine, allowed) in rules.items():
            if not fine:
                raise UsageError(f"{field} is {getattr(self, field)!r}; allowed: {allowed}.")

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised."""
        if self.similarity == "auto":
            return self.multimodal if multimodal else "lncc"
        return self.similarity

    @property
    def begins_with(self) -> str:
        """Name of the method that is run first."""
        return self.start_from

    @property
    def masks_lesions(self) -> bool:
        """Whether lesions are left out."""
        return self.mask_lesions

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Scales and iterations."""
        return tuple(zip(self.scales, self.iterations, strict=True))

    def sloppy(self) -> Self:
        """Return the same with a tenth of the iterations, at least one at each scale."""
        return replace(self, iterations=tenth(self.iterations))

    def _cost(self, voxels: int, device: str, *, seconds: float, bytes_per_voxel: float) -> Cost:
        """Cost from seconds for one iteration of a million voxels and from bytes a voxel, both on two CPU cores.

        The bytes include the label maps of both scans, which are in memory meanwhile.
        """
        work = sum(n * max(voxels / s**3, 32**3) for s, n in zip(self.scales, self.iterations, strict=True)) / 1e6
        # Where auto may take the dearest of all, a run must have room for it.
        times, more_bytes = _DEARER.get(self.similarity_for(multimodal=self.multimodal == "mind-lncc"), (1.0, 0))
        started = 48 if self.start_from else 0  # the start, and what is made of it for a scale
        masked = 3.5 if self.mask_lesions else 1.0  # measured on a CPU, of pairs with lesions
        seconds, bytes_per_voxel = masked * times * seconds, bytes_per_voxel + more_bytes + started
        if device.startswith("cuda"):
            return Cost(seconds=5 + work * seconds / 50, memory_gb=1.5 + voxels * bytes_per_voxel * 1e-9)
        return Cost(seconds=3 + work * seconds, memory_gb=0.6 + voxels * bytes_per_voxel * 1e-9)


_DEARER = {"mind": (2.5, 100), "mi": (2.5, 100), "mind-lncc": (7.0, 450)}
"""Similarity → times the seconds, and bytes a voxel beyond those, of ``lncc``."""


def check_pyramid(scales: tuple[int, ...], iterations: tuple[int, ...]) -> None:
    """Refuse scales that do not decrease to 1 or more, and iterations that do not match them.

    Raises
    ------
    UsageError
    """
    if not scales or min(scales) < 1 or any(a <= b for a, b in pairwise(scales)):
        raise UsageError(f"scales are {list(scales)}; allowed: whole numbers of at least 1 that decrease.")
    if len(iterations) != len(scales) or min(iterations) < 1:
        raise UsageError(
            f"iterations are {list(iterations)}; allowed: whole numbers of at least 1, one for each of the "
            f"{len(scales)} scales."
        )


def tenth(iterations: tuple[int, ...]) -> tuple[int, ...]:
    """Take a tenth of the iterations of each scale, at least one.

    Examples
    --------
    >>> tenth((200, 100, 50, 5))
    (20, 10, 5, 1)
    """
    return tuple(max(1, n // 10) for n in iterations)
