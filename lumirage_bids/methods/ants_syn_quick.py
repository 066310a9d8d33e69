"""ANTsPy's quick settings of ANTs' symmetric normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from lumirage_bids.methods.ants_syn import AntsSyn


@dataclass(frozen=True, kw_only=True)
class AntsSynQuick(AntsSyn):
    """`ants_syn` with what ANTsPy 0.6 does by default, ``registration(type_of_transform="SyN")``, without its affine.

    Mutual information, few iterations and none at full resolution. It is there for who wants to judge that default; as
    a competitor take `ants_syn`.

    References
    ----------
    Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation. Med
    Image Anal 12:26-41 (2008). doi:10.1016/j.media.2007.06.004
    Tustison NJ et al. The ANTsX ecosystem for quantitative biological and medical imaging. Sci Rep 11:9068 (2021).
    doi:10.1038/s41598-021-87564-6
    """

    name: ClassVar[str] = "ants_syn_quick"
    digest_name: ClassVar[str] = "AntsSynQuick"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "ANTs SyN with ANTsPy's default settings: quick, nothing at full resolution, CPU"
    phrase: ClassVar[str] = "ANTs' SyN with the default settings of ANTsPy, without iterations at full resolution"

    metric: Literal["cc", "mattes", "meansquares"] = "mattes"
    iterations: tuple[int, ...] = (40, 20, 0)
    convergence_threshold: float = 1e-7
    convergence_window: int = 8
    winsorise: tuple[float, float] = (0.0, 1.0)
    precision: Literal["double", "single"] = "single"
    fifth_level_above: int = 0
