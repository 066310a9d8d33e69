"""What a protocol declares, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import UsageError

Table = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DeclaredLabelling:
    """Where the label maps of one labelling come from.

    Attributes
    ----------
    labeller : str
        ``existing`` for maps that are there, else the labeller that makes them.
    pattern : str or None
        Path pattern of existing maps below the dataset; None when they come from ``--derivatives``.
    structures : tuple of mapping
        Index → name, where the protocol gives it: one table, or several codings of which each map has one.
    reference : str or None
        Labelling whose maps of the same scans its own are scored against.
    parameters : mapping
        Fields of the labeller.
    """

    labeller: str
    pattern: str | None = None
    structures: tuple[Mapping[int, str], ...] = ()
    reference: str | None = None
    parameters: Table = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One named way to prepare, align, register and evaluate; values are checked where they are used."""

    name: str
    preparation: Table = field(default_factory=dict)
    alignment: Table = field(default_factory=dict)
    evaluation: Table = field(default_factory=dict)
    methods: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PairRule:
    """Which ordered pairs of scans are registered.

    Attributes
    ----------
    subjects : int or None
        Size of the random sample of subjects that pairs are made of; None for all.
    splits : tuple of str
        Classes of pairs that are taken (``MPRAGE to MP2RAGE``, ``same subject``); empty for all.
    file : Path or None
        TSV with columns ``moving`` and ``fixed``; None for all ordered pairs within a contrast.
    max, max_per_contrast : int or None
        Size of the random subset of pairs, in all and of each contrast.
    """

    subjects: int | None = None
    splits: tuple[str, ...] = ()
    file: Path | None = None
    max: int | None = None
    max_per_contrast: int | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """An experiment: which scans, labellings, preparation, variants, alignment, pairs and methods.

    Attributes
    ----------
    filter : str or mapping
        Name or path of a PyBIDS filter file, or its content.
    prefer : tuple of mapping
        Entities preferred, best first, when a subject, session and contrast has several scans.
    masks : mapping
        How brains are found, see `lumirage_bids.maskers.read_masking`.
    reference : str
        Scan that all others are aligned to: ``first`` (by name) or a subject label.
    names_labellings : bool
        Whether the protocol says itself which labellings there are; else what ``--derivatives`` has may come first.
    labellings : mapping
        Labelling → where its maps come from. The first ``default_labellings`` are used unless others are asked for.
    default_methods, variants, on_request : tuple
        Methods and variants of a plain run; and variants that are run only where they are asked for by name, as is a
        method of the protocol that is no default one.
    template : mapping or None
        Arguments of `templates.template_scan`: a template among the scans.
    tuned : mapping
        Method → what of it was chosen on the pairs that are evaluated, as its author declares.
    statistics : Criteria
        What counts as a difference.
    extends : tuple of str
        Names of the protocols that it is laid over, the nearest first.
    downstream : int or None
        How many scans are drawn whose transforms are composed and whose labels are fused; None for none.
    """

    name: str
    description: str
    source: str = ""
    extends: tuple[str, ...] = ()
    filter: str | Table = "t1w"
    prefer: tuple[Mapping[str, str], ...] = ()
    mask_pattern: str | None = None
    brain_pattern: str | None = None
    lesion_pattern: str | None = None
    landmark_pattern: str | None = None
    rater_pattern: str | None = None
    masks: Table = field(default_factory=dict)
    reference: str = "first"
    labellings: Mapping[str, DeclaredLabelling]
    default_labellings: tuple[str, ...]
    names_labellings: bool = True
    default_methods: tuple[str, ...]
    variants: tuple[Variant, ...]
    on_request: tuple[Variant, ...] = ()
    pairs: PairRule = PairRule()
    template: Table | None = None
    tuned: Mapping[str, str] = field(default_factory=dict)
    statistics: Criteria = field(default_factory=Criteria)
    downstream: int | None = None
    text: str = ""

    def variant(self, name: str) -> Variant:
        """Look a variant up by name."""
        every = (*self.variants, *self.on_request)
        for variant in every:
            if variant.name == name:
                return variant
        known = ", ".join(v.name for v in every)
        raise UsageError(f"Protocol '{self.name}' has no variant '{name}'. It has: {known}.")
