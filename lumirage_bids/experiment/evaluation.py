"""Where and how the labels of a pair are compared, and by which measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How label maps are compared.

    Attributes
    ----------
    grid : str
        ``native``: moving labels are carried once, from their native grid to the fixed scan's, and compared there.
        ``prepared``: besides, both maps are first resampled to their scans' prepared grids, and compared on the fixed
        one, as published evaluations did.
        ``reference``: both maps are first carried through their scans' alignments to the prepared grid of the scan that
        all are aligned to, and compared there alone, as the LUMIR challenge does in MNI space.
    transfer : str
        ``linear`` (trilinear votes) or ``nearest`` (for comparison only); of every step.
    surface : bool
        Whether surface distances are measured too (some seconds a pair).
    diffeomorphism : bool
        Whether the volume that is not diffeomorphic is measured too (some seconds a pair).
    """

    digest_name: ClassVar[str] = "Evaluation"
    revision: ClassVar[int] = 1
    """Raised when a score changes for the same transform, so that rows are made again."""

    grid: Literal["native", "prepared", "reference"] = "native"
    transfer: Literal["linear", "nearest"] = "linear"
    surface: bool = False
    diffeomorphism: bool = False

    @property
    def words(self) -> str:
        """Where and how the labels behind ``dice_mean`` are compared; ``prepared`` adds a column to ``native``.

        Examples
        --------
        >>> Evaluation().words, Evaluation(grid="reference", transfer="nearest").words
        ('native', 'reference, nearest')
        """
        grid = "reference" if self.grid == "reference" else "native"
        return grid if self.transfer == "linear" else f"{grid}, {self.transfer}"
