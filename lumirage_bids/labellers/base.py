"""The contract of a labeller: a scan in, a label map out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.base.own_code import own_sources
from lumirage_bids.bids.found_maps import Layout
from lumirage_bids.methods.base import Training

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import File, Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class Labeller(ABC):
    """One way to get the label map of a scan.

    A subclass is a frozen dataclass in a file of its own whose fields are its parameters: defaults, the
    ``[labellings.NAME]`` table of a protocol, the sidecar and the cache key at once.

    Attributes
    ----------
    name, summary : str
        How users call it, and one line about it.
    references : tuple of str
        Keys of `lumirage_bids.base.publications` that whoever uses its labels should cite.
    labelling : str or None
        The labelling that it makes or reads; None where that may be any.
    reads : bool
        Whether it reads maps that were found for the scans, rather than making them.
    layout : Layout or None
        Where the program that made such maps leaves them.
    memory_gb : float
        What labelling a scan is expected to take, GB (10^9 bytes), if more than preparing it; scans are prepared
        beside each other only as far as memory goes.
    bounds : mapping
        Index → lowest and highest plausible share of the labelled volume. Structures named here must be there.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    phrase: ClassVar[str] = ""
    """What a methods section says of its maps, ``were given``, with ``{maker}`` for whose they really are; by default
    that it made them."""
    revision: ClassVar[int | None] = None
    """Raised when the labeller gives another result, so that what depends on it is made again. A labeller that does not
    set it counts by its source: whatever is edited there, its results are made again."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions may change its labels; each map says with which it was made."""
    references: ClassVar[tuple[str, ...]] = ()
    from_intensities: ClassVar[bool] = False
    """Whether its labels are classes of the very intensities that are registered: no verdict rests on them."""
    labelling: ClassVar[str | None] = None
    reads: ClassVar[bool] = False
    layout: ClassVar[Layout | None] = None
    memory_gb: ClassVar[float] = 0.0
    training: ClassVar[Training | None] = None
    """What it learned from, if it is a network."""
    seconds: ClassVar[tuple[float, float]] = (150.0, 0.0)
    """What a scan takes on one core, in any case and for each million voxels of a prepared image, s; for estimates."""
    bounds: ClassVar[Mapping[int, tuple[float, float]]] = {}

    def missing(self, context: Context) -> str | None:
        """Say what is missing to run here and how to get it; None when nothing is."""
        return None

    def code(self) -> tuple[Path, ...]:
        """Files of the user's own code on which the labels depend; they count by what they hold."""
        return own_sources(type(self))

    @property
    def revisions(self) -> tuple[int, ...]:
        """Its own revision, and those of other labellers that it calls."""
        return (self.revision or 1,)

    @property
    def source(self) -> str:
        """Where its maps come from, in words that begin with its name."""
        return f"{self.name}: {self.summary}"

    @property
    def maker(self) -> str:
        """Name of the labeller that its labels are really of, or of the labelling where maps are carried over."""
        return self.name

    @property
    def of_t1w(self) -> str | None:
        """Labelling of the session's T1w scan that it starts from; None for labellers that need no other scan."""
        return None

    def available(self, scan: Scan, labelling: str) -> bool:
        """Whether the scan can have labels of it, as far as names tell."""
        return True

    def files(self, scan: Scan, labelling: str) -> list[File]:
        """Files that the labels of a scan depend on."""
        return scan.sources()

    @abstractmethod
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str, context: Context) -> Volume:
        """Label a scan.

        Parameters
        ----------
        scan : Scan
            What is labelled.
        image, mask : Volume
            Its image as it came, and its brain mask on the same grid.
        labelling : str
            Name of the labelling.
        context : Context
            Device, threads, weights and scratch folder; they may not change the labels.

        Returns
        -------
        Volume
            Labels, int32, 0 for background; maps that were found on their own grid, others on the image's.
        """

    @abstractmethod
    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """Look-up table, index → name, without background."""
