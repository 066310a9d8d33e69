"""The contract of a labeller: a scan in, a label map out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from lumirage_bids.images import Volume
    from lumirage_bids.scans import Scan


@dataclass(frozen=True, kw_only=True)
class Labeller(ABC):
    """One way to get the label map of a scan.

    A subclass is a frozen dataclass in a file of its own whose fields are its parameters: defaults, the
    ``[labellings.NAME]`` table of a protocol, the sidecar and the cache key at once.

    Attributes
    ----------
    name, summary : str
        How users call it, and one line about it.
    labelling : str or None
        The labelling that it makes; None where it reads whatever is there.
    bounds : mapping
        Index → lowest and highest plausible share of the labelled volume. Structures named here must be there.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    labelling: ClassVar[str | None] = None
    bounds: ClassVar[Mapping[int, tuple[float, float]]] = {}

    @classmethod
    def missing(cls) -> str | None:
        """What is missing to run here and how to get it; None when nothing is."""
        return None

    @abstractmethod
    def segment(self, scan: Scan, image: Volume, mask: Volume, labelling: str) -> Volume:
        """Label a scan.

        Parameters
        ----------
        scan : Scan
            What is labelled.
        image, mask : Volume
            Its image as it came, and its brain mask on the same grid.
        labelling : str
            Name of the labelling.

        Returns
        -------
        Volume
            Labels, int32, 0 for background; existing maps on their own grid, others on the image's.
        """

    @abstractmethod
    def structures(self, scan: Scan, labelling: str, labels: Volume) -> Mapping[int, str]:
        """Look-up table, index → name, without background."""
