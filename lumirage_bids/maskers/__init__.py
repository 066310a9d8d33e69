"""Maskers: one module each, found here; and the order in which they are asked."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.own_code import code_digest, own_sources, read_code
from lumirage_bids.base.parameters import digest, discover, plug_in
from lumirage_bids.maskers._kept import keep
from lumirage_bids.maskers.base import Found, Mask, Masker
from lumirage_bids.methods.base import BrainFinder
from lumirage_bids.spatial.fill import remove_outer_fill
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.methods.base import Context

__all__ = ["Found", "Mask", "Masker", "Masking", "brain_mask", "masker", "maskers", "masking"]

logger = logging.getLogger("lumirage")

ORDER = ("existing", "skull-stripped", "given-T1w", "deepbet", "T1w", "template")
"""Who is asked for a mask, best first; see docs/concepts/brain-masks.md for what this order rests on."""
HUMANS = ("human", "homo sapiens", "homosapiens", "h sapiens", "9606", "ncbitaxon 9606")
"""How names of our own species begin in ``participants.tsv`` and protocols, without signs (9606: NCBI's taxonomy); BIDS
takes it where nothing is said."""


def maskers() -> dict[str, type[Masker]]:
    """Every masker of the package, by name; none of their libraries are loaded."""
    return discover(__name__, Masker)  # type: ignore[type-abstract]


def masker(name: str, **parameters: Any) -> Masker:
    """Make a masker from its name and the parameters that differ from its defaults.

    Raises
    ------
    UsageError
        The masker or a parameter is unknown, or a value is not allowed.

    Examples
    --------
    >>> masker("deepbet", threshold=0.4).threshold
    0.4
    """
    return plug_in(maskers(), "masker", name, parameters, f"[masks.{name}]")


@dataclass(frozen=True, kw_only=True)
class Masking(BrainFinder):
    """How brains are found in a run.

    Attributes
    ----------
    maskers : tuple of Masker
        Asked in this order; the first that finds the brain counts.
    species : str
        Of subjects of whom ``participants.tsv`` does not say it; empty for humans.
    """

    digest_name: ClassVar[str] = "Masking"

    maskers: tuple[Masker, ...]
    species: str = ""

    @property
    def is_default(self) -> bool:
        """Whether maskers and order are those of a protocol without ``[masks]``."""
        return self.maskers == read_masking().maskers

    def is_human(self, scan: Scan) -> bool:
        """Whether a scan is of a human, as far as is said."""
        words = re.sub(r"[^a-z0-9]+", " ", (scan.species or self.species).lower()).split()
        return not words or any(" ".join(words).startswith(name) for name in HUMANS if name)

    def list_asked(self, scan: Scan) -> list[Masker]:
        """Maskers that a scan's names and species leave, in order."""
        human = self.is_human(scan)
        return [m for m in self.maskers if m.suits(scan) and (human or not m.human)]

    @cached_property
    def own_code(self) -> dict[str, str]:
        """Masker without a revision → digest of its source."""
        code = {m.name: code_digest(read_code(own_sources(type(m)))) for m in self.maskers}
        return {name: value for name, value in code.items() if value}

    def depends(self, scan: Scan) -> str:
        """Digest of what a scan's mask depends on besides its files; empty where the scan came with its brain marked.

        Such masks are what they have always been, unless a masker without a revision makes them.
        """
        asked = self.list_asked(scan)
        if asked and asked[0].settles(scan) and asked[0].name not in self.own_code:
            return ""
        return digest([[m.name, m.revision or 1, m, *self._code_of(m)] for m in asked])

    def find(self, scan: Scan, image: Volume, context: Context) -> Found:
        """Ask the maskers; what they make of a scan that came without its brain marked is kept for the run."""
        if depends := self.depends(scan):
            return keep(scan, image, depends, context, lambda: _find_first(scan, image, self, context))
        return _find_first(scan, image, self, context)

    def _code_of(self, m: Masker) -> list[str]:
        return [self.own_code[m.name]] if m.name in self.own_code else []


def read_masking(table: Mapping[str, Any] | None = None) -> Masking:
    """Read a protocol's ``[masks]``.

    Parameters
    ----------
    table : mapping
        ``order``, names of maskers; ``species``; and a table of parameters for each masker that has any.

    Raises
    ------
    UsageError
        A key or masker is unknown, or a value is not allowed.
    """
    given = dict(table or {})
    order, species = given.pop("order", list(ORDER)), given.pop("species", "")
    known = maskers()
    if not isinstance(order, list) or not order or not all(isinstance(name, str) for name in order):
        raise UsageError(f"[masks] order = {order!r} is not allowed; list maskers: {', '.join(known)}.")
    if not isinstance(species, str):
        raise UsageError(f'[masks] species = {species!r} is not allowed; name it, such as "macaca mulatta".')
    for name, parameters in given.items():
        if name not in known or not isinstance(parameters, dict):
            raise UsageError(
                f"[masks] {name} = {parameters!r} is not allowed; allowed: order, species, and tables of parameters "
                f"for {', '.join(known)}."
            )
    return Masking(maskers=tuple(masker(name, **given.get(name, {})) for name in order), species=species)


def brain_mask(scan: Scan, image: Volume, context: Context) -> tuple[Volume, Found]:
    """Find the brain.

    Parameters
    ----------
    scan : Scan
    image : Volume
        Its image as it came.
    context : Context
        Device, threads and scratch folder; and the run's `Masking`, where it has another than the default.

    Returns
    -------
    mask : Volume
        uint8, 1 in the brain, on the image's grid.
    found : Found
        The same with what made it.

    Raises
    ------
    BadDataError
        No masker finds a plausible brain; the message has every one's reason.
    """
    image = replace(image, array=remove_outer_fill(image.array))
    found = (context.masking or read_masking()).find(scan, image, context)
    return Volume(array=found.mask.astype(np.uint8), affine=image.affine), found


def _find_first(scan: Scan, image: Volume, how: Masking, context: Context) -> Found:
    """What the first masker finds that does not refuse."""
    refused: list[str] = []
    for one in how.list_asked(scan):
        if complaint := one.missing(context):
            refused.append(f"{one.name}: {complaint}")
            continue
        try:
            found = one.find(scan, image, context)
        except BadDataError as error:
            if one.settles(scan):
                raise
            refused.append(f"{one.name}: {error}")
            continue
        if found is not None:
            if refused:
                logger.warning(
                    "%s: the brain mask is that of '%s'; refused were %s", scan.relative, found.source,
                    "; ".join(refused),
                )  # fmt: skip
            return found
    said = scan.species or how.species
    other = "" if how.is_human(scan) else f" (species '{said}': maskers for human heads were not asked)"
    raise BadDataError(
        f"{scan.relative}: no plausible brain mask could be made{other}: {'; '.join(refused) or 'no masker is left'}. "
        "Give one with --derivatives NAME=PATH (…_desc-brain_mask.nii.gz), or a skull-stripped image"
    )
