"""The contract of a registration method: images in, a transform out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from lumirage_bids.images import Volume
    from lumirage_bids.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a method runs: nothing in it may change the result beyond rounding.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int
        Threads that the method may use.
    seed : int
        For methods that draw random numbers.
    work_dir : Path or None
        Scratch folder of this pair, for methods that call other programs.
    """

    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    work_dir: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one registration is expected to take: seconds and GB (10^9 bytes)."""

    seconds: float
    memory_gb: float


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """One way to register a moving scan to a fixed scan.

    A subclass is a frozen dataclass in a file of its own whose fields are its hyper-parameters. The fields are at
    once the defaults, the ``[methods.NAME]`` table of a protocol, the sidecar and the cache key, so two methods with
    equal fields give equal results.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    similarity_used: ClassVar[str] = "n/a"

    @classmethod
    def missing(cls) -> str | None:
        """Say what is missing to run here and how to get it; None when nothing is."""
        return None

    @abstractmethod
    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Find the transform that carries the moving image onto the fixed one.

        Parameters
        ----------
        fixed, moving : Volume
            Prepared images (float32, in [0, 1]). The grids may differ in shape, spacing and orientation. The moving
            image's affine already holds the start (it may shear), so that world coordinates agree roughly.
        context : Context
            Device, threads, seed and scratch folder.

        Returns
        -------
        Transform
            Maps world points (RAS+, mm) of the fixed image to the moving image's.
        """

    def sloppy(self) -> Self:
        """Return the same method with about a tenth of the work, for trying things out."""
        return self

    def cost(self, voxels: int, device: str) -> Cost:
        """Estimate the cost of one pair whose images have about `voxels` voxels each."""
        return Cost(seconds=0.1, memory_gb=0.3 + voxels * 40e-9)
