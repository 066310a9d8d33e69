"""The brain mask of the MNI152 template, carried over by an affine map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers._checks import carry, implausible
from lumirage_bids.maskers.base import Found, Masker

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume


@dataclass(frozen=True, kw_only=True)
class TemplateMask(Masker):
    """Fit the template that nilearn carries to a whole human head, and take its mask."""

    name: ClassVar[str] = "template"
    summary: ClassVar[str] = "the MNI152 template's mask, brought over affinely; cuts 7 % of the cortex of real heads"
    phrase: ClassVar[str] = "were carried over affinely from the MNI152 template"
    references: ClassVar[tuple[str, ...]] = ("fonov2011",)
    human: ClassVar[bool] = True
    digest_name: ClassVar[str] = "TemplateMask"
    revision: ClassVar[int | None] = 1

    def find(self, scan: Scan, image: Volume, context: Context) -> Found | None:
        """Fit it and check the result; see `Masker.find`."""
        from lumirage_bids.maskers._template_fit import FINE, fit_template, load_template

        matrix, explained = fit_template(image)
        template = load_template(FINE).mask
        mask, problems = carry(replace(template, affine=matrix @ template.affine), image)
        if problems := [*problems, *implausible(mask, image, explained=explained)]:
            raise BadDataError("; ".join(problems))
        return Found(mask=mask, masker=self.name)
