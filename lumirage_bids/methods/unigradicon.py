"""uniGradICON, a network for many organs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Trained, Training
from lumirage_bids.methods.programs.gradicon import GradICON

TRAINING = Training(
    description="brains of HCP, lungs of COPDGene, knees of OAI, abdomens of Learn2Reg, pairs of one contrast",
    species=("human",),
    datasets=("HCP", "COPDGene", "OAI", "Learn2Reg Abdomen CT-CT"),
    labels=("none",),
    source="arXiv:2403.05780",
)


@dataclass(frozen=True, kw_only=True)
class UniGradICON(GradICON):
    """The network for pairs of one contrast; see `GradICON`.

    References
    ----------
    Tian L, Greer H, Kwitt R, Vialard FX, San José Estépar R, Bouix S, Rushmore R, Niethammer M. uniGradICON: a
    foundation model for medical image registration. arXiv (2024).
    doi:10.48550/arXiv.2403.05780
    """

    name: ClassVar[str] = "unigradicon"
    digest_name: ClassVar[str] = "UniGradICON"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "uniGradICON, a network for many organs, optimised on the pair; needs program and weights"
    phrase: ClassVar[str] = "uniGradICON, a network for many organs, optimised on each pair"
    references: ClassVar[tuple[str, ...]] = ("tian2024",)
    MODEL: ClassVar[str] = "unigradicon"
    DEFAULT: ClassVar[str] = "unigradicon1.0/Step_2_final.trch"

    training: Trained = aside(TRAINING)
