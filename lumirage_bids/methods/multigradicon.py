"""multiGradICON, uniGradICON's sister across contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Trained, Training
from lumirage_bids.methods.programs.gradicon import GradICON, Similarity

TRAINING = Training(
    description="sixteen datasets of brain, lung, knee, abdomen, heart and pancreas, within and across contrasts",
    contrasts=("any",),
    species=("human",),
    labels=("none",),
    source="arXiv:2408.00221",
)


@dataclass(frozen=True, kw_only=True)
class MultiGradICON(GradICON):
    """The network for pairs of any contrasts; see `GradICON`.

    References
    ----------
    Demir B, Tian L, Greer H, Kwitt R, Vialard FX, San José Estépar R, Bouix S, Rushmore R, Ebrahim E, Niethammer M.
    multiGradICON: a foundation model for multimodal medical image registration. arXiv (2024).
    doi:10.48550/arXiv.2408.00221
    """

    name: ClassVar[str] = "multigradicon"
    digest_name: ClassVar[str] = "MultiGradICON"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "multiGradICON, the same for pairs across contrasts; needs program and weights"
    phrase: ClassVar[str] = "multiGradICON, a network for many organs and contrasts, optimised on each pair"
    references: ClassVar[tuple[str, ...]] = ("demir2024",)
    MODEL: ClassVar[str] = "multigradicon"
    DEFAULT: ClassVar[str] = "multigradicon1.0/Step_2_final.trch"

    similarity: Similarity = "lncc2"
    training: Trained = aside(TRAINING)
