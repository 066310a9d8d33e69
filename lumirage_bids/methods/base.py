"""The contract of a registration method: images in, a transform out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from lumirage_bids.base.own_code import own_sources

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lumirage_bids.bids.scans import Pair, Scan
    from lumirage_bids.spatial.images import Volume
    from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Found:
    """A brain that was found.

    Attributes
    ----------
    mask : array of bool, shape of the image
        True in the brain.
    masker : str
        Name of the masker that made it.
    of_t1w : bool
        Whether that masked the session's T1w scan, and the mask was carried over.
    """

    mask: npt.NDArray[np.bool_]
    masker: str
    of_t1w: bool = False

    @property
    def source(self) -> str:
        """How sidecars and texts name where it comes from."""
        return f"T1w-{self.masker}" if self.of_t1w else self.masker


class BrainFinder(ABC):
    """How brains are found in a run, for those that get scans as they came: `lumirage_bids.maskers.Masking`."""

    @abstractmethod
    def find(self, scan: Scan, image: Volume, context: Context) -> Found:
        """Find the brain of a scan in its image as it came.

        Raises
        ------
        BadDataError
            There is no plausible one; the message has every reason.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """Where a method runs, and what else is known of the pair at hand.

    Device, threads and scratch folder may not change a result beyond rounding.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    threads : int
        Threads that the method may use.
    seed : int
        For methods that draw random numbers.
    work_dir : Path or None
        Scratch folder of this pair, which exists and is empty, for methods that call other programs.
    weights : Path or None
        Folder of network weights that the user has got.
    masking : BrainFinder or None
        How brains are found; None for the default.
    pair : Pair or None
        The scans that the images are of, for methods that look something up by name or choose by contrast.
    fixed_mask, moving_mask : Volume or None
        Brain masks on the grids of the images, the moving one's affine with the start too.
    fixed_lesion, moving_lesion : Volume or None
        Lesion masks in the worlds of the images, on grids of their own (`mask_on` brings one onto an image's); None
        where the scan has none, and for methods that do not say `Method.masks_lesions`.
    start : array, shape (4, 4), or None
        The start that the moving image's affine holds: fixed world to native moving world (RAS+, mm); None for the
        identity.
    initial : Transform or None
        What another method found for the same images, for methods that go on from there (``start_from``): fixed world
        to moving world as `Method.register` has them, in one with what is found; None to begin at the identity.
    """

    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    work_dir: Path | None = None
    weights: Path | None = None
    masking: BrainFinder | None = None
    pair: Pair | None = None
    fixed_mask: Volume | None = None
    moving_mask: Volume | None = None
    fixed_lesion: Volume | None = None
    moving_lesion: Volume | None = None
    start: npt.NDArray[np.float64] | None = None
    initial: Transform | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one registration is expected to take: seconds and GB (10^9 bytes)."""

    seconds: float
    memory_gb: float


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a method has learned from; a part that is empty is not known.

    Attributes
    ----------
    description : str
        In words: images, grid, axes.
    contrasts : tuple of str
        BIDS suffixes of the images; ``any`` for images of random contrast.
    species : tuple of str
        ``human``, ``macaque``, …
    datasets : tuple of str
        Names of the datasets that the images are from.
    labels : tuple of str
        Labellings whose maps took part in the training; ``none`` where it was unsupervised.
    source : str
        Publication, as a DOI.
    """

    description: str = ""
    contrasts: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    source: str = ""

    @property
    def words(self) -> str:
        """All that is known, in words.

        Examples
        --------
        >>> Training(contrasts=("T1w",), datasets=("OASIS",), source="doi:10.1000/1").words
        'contrasts T1w, datasets OASIS (doi:10.1000/1)'
        """
        parts = {name: " and ".join(getattr(self, name)) for name in ("contrasts", "species", "datasets", "labels")}
        told = self.description or ", ".join(f"{name} {value}" for name, value in parts.items() if value)
        return f"{told or 'something that is not declared'}{f' ({self.source})' if self.source else ''}"


Trained = Training | Literal["none", "unknown"]
"""What a method has learned from, ``none`` for what was not trained, ``unknown`` where nobody has said."""


def weights_file(name: str, context: Context) -> Path:
    """File of weights that a parameter names: in full, or below the folder of weights.

    A path relative to the working directory would not do: processes that register have another one.
    """
    path = Path(name)
    if name.startswith("~"):
        with suppress(RuntimeError):  # there is no such user
            path = path.expanduser()
    return path if context.weights is None else context.weights / path


@dataclass(frozen=True, kw_only=True)
class OwnInput:
    """What a method sees where that is not the prepared images themselves.

    Attributes
    ----------
    words : str
        For column ``input`` of the score table.
    shape : tuple of int
        Voxels along each axis of a grid that is the same for all pairs; empty where there is none.
    spacing : tuple of float
        Distances of that grid's voxel centres, mm.
    as_trained : bool
        Whether a network sees images on the grid that it was trained on.
    """

    words: str
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] = ()
    as_trained: bool = True

    def __str__(self) -> str:
        """The words."""
        return self.words

    @property
    def extent(self) -> tuple[float, ...]:
        """Size of the grid, mm; empty where there is none."""
        return tuple(n * mm for n, mm in zip(self.shape, self.spacing, strict=True))


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """One way to register a moving scan to a fixed scan.

    A subclass is a frozen dataclass in a file of its own whose fields are its hyper-parameters. The fields are at
    once the defaults, the ``[methods.NAME]`` table of a protocol, the sidecar and the cache key, so two methods with
    equal fields give equal results.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    phrase: ClassVar[str] = ""
    """What a methods section says that it was; by default its summary."""
    revision: ClassVar[int | None] = None
    """Raised when the method gives another result, so that what depends on it is made again. A method that does not
    set it counts by its source: whatever is edited there, its results are made again."""
    references: ClassVar[tuple[str, ...]] = ()
    """Keys of `lumirage_bids.base.publications` that whoever uses the method should cite."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions may change its results; each row says with which it was made."""
    computes: ClassVar[bool] = True
    """Whether a registration takes place here, whose run time and memory mean something."""
    takes_start: ClassVar[bool] = True
    """Whether the method begins at the start that all methods get; else its rows and the audit say so."""

    control: ClassVar[bool] = False
    """Whether it is no registration but a negative control, which shows what a score is worth and is never ranked."""

    @property
    def uses_seed(self) -> bool:
        """Whether the result depends on the context's seed."""
        return False

    @property
    def training(self) -> Trained:
        """What the method has learned from. It changes no result and is no part of a digest."""
        return "none"

    @property
    def effort(self) -> tuple[tuple[int, int], ...]:
        """Factor by which the images are reduced, and largest number of iterations, level by level, coarse to fine.

        Empty where the method does not iterate, or it is not known.
        """
        return ()

    @property
    def masks_lesions(self) -> bool:
        """Whether the method is given lesion masks, to leave what lies in them out of what it optimises."""
        return False

    @property
    def carries(self) -> str:
        """Name of the labelling whose maps somebody has carried over already, and gave no transform; else empty."""
        return ""

    def carried(self, pair: Pair) -> Volume:
        """Label map of the moving scan in the fixed scan's world, for a method that `carries` them and no other."""
        raise NotImplementedError(f"{self.name} gives transforms")

    @property
    def begins_with(self) -> str:
        """Name of the method of the protocol whose result this one goes on from; empty for none."""
        return ""

    def missing(self, context: Context) -> str | None:
        """Say what is missing to run here and how to get it; None when nothing is."""
        return None

    def files(self, context: Context) -> tuple[Path, ...]:
        """Files besides the images on which the result depends: weights, or a field that somebody else made."""
        return ()

    def code(self) -> tuple[Path, ...]:
        """Files of the user's own code on which the result depends; they count by what they hold."""
        return own_sources(type(self))

    def similarity_for(self, *, multimodal: bool) -> str:
        """Name of the similarity measure that is optimised for a pair: ``lncc``, ``mind``, …; ``n/a`` for none."""
        return "n/a"

    @property
    def own_input(self) -> OwnInput | None:
        """What the method sees, where that is not the prepared images themselves."""
        return None

    @abstractmethod
    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Find the transform that carries the moving image onto the fixed one.

        Parameters
        ----------
        fixed, moving : Volume
            Prepared images (float32; in [0, 1], unless the preparation normalises nothing). The grids may differ in
            shape, spacing and orientation. The moving image's affine already holds the start (it may shear), so that
            world coordinates agree roughly.
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
