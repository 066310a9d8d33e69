"""The labellings of a run: which there are, and how their maps come about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lumirage_bids import segmentation
from lumirage_bids.arms import here
from lumirage_bids.bids_names import LABEL
from lumirage_bids.errors import MissingInputError, UsageError
from lumirage_bids.own_code import code_digest, own_sources
from lumirage_bids.parameters import counted, digest
from lumirage_bids.protocol import Labelling, Protocol
from lumirage_bids.reference_maps import references
from lumirage_bids.scans import Scan
from lumirage_bids.segmentation.base import Labeller
from lumirage_bids.settings import Settings

if TYPE_CHECKING:
    from lumirage_bids.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Labels:
    """One labelling of this run, how its maps come about, and which other's they are scored against."""

    name: str
    labeller: Labeller
    structures: tuple[Mapping[int, str], ...] = ()
    source: str = ""
    reference: str | None = None

    def hash(self, scan: Scan) -> str:
        """Digest of what this labelling of this scan depends on."""
        return digest(self.conditions, [f.fingerprint for f in self.labeller.files(scan, self.name)])

    @property
    def is_existing(self) -> bool:
        """Whether the maps are files that were found."""
        return self.labeller.reads

    @cached_property
    def conditions(self) -> str:
        """Digest of what is the same for all scans."""
        revised = [self.labeller.revision] if (self.labeller.revision or 1) > 1 else []
        codings = [sorted(coding.items()) for coding in self.structures]
        return digest(self.labeller.name, self.labeller, codings, *revised, *([self.code] if self.code else []))

    @cached_property
    def code(self) -> str:
        """Digest of the labeller's source where that is the user's own; else empty."""
        return code_digest(own_sources(type(self.labeller)))

    @property
    def facts(self) -> dict[str, object]:
        """All that counts of how the maps come about."""
        codings = [{str(index): name for index, name in sorted(coding.items())} for coding in self.structures]
        return {"labeller": self.labeller.name, **counted(self.labeller), "structures": codings}

    def has(self, scan: Scan) -> bool:
        """Whether the scan has this labelling, or can be given it."""
        return self.labeller.available(scan, self.name)


def agreement_conditions(labels: Labels, reference: Labels) -> str:
    """Digest of what the agreements of a labelling with its reference must share to be summed up together."""
    return digest("agreement", labels.conditions, reference.conditions)


def choose_labels(protocol: Protocol, settings: Settings, dataset: Dataset) -> tuple[Labels, ...]:
    """For every labelling asked for, where its maps come from: files that were found come before labellers."""
    names = settings.labellings or protocol.default_labellings
    compared = references(protocol, names)
    optional = {n for n in compared if n not in dataset.found and segmentation.reads(protocol.labellings[n].labeller)}
    return tuple(
        replace(_labels(n, protocol, settings, dataset), reference=compared.get(n)) for n in names if n not in optional
    )


def _labels(name: str, protocol: Protocol, settings: Settings, dataset: Dataset) -> Labels:
    if not LABEL.fullmatch(name):
        raise UsageError(f"Labelling {name!r} is not allowed; letters and digits only (it goes into file names).")
    given = protocol.labellings.get(name)
    structures = given.structures if given else ()
    if given is not None and given.labeller != "existing":
        segmentation.labeller(given.labeller, **given.parameters)  # refuses one that there is not
    if name in dataset.found:
        reader = segmentation.reader(name)
        return Labels(name=name, labeller=reader, structures=structures, source=dataset.found[name])
    if given is None:
        makers = segmentation.labellings()
        given = Labelling(labeller=makers[name].name if name in makers else "existing")
    if given.labeller == "existing":
        looked = f"the pattern {given.pattern}" if given.pattern else "the derivatives given"
        known = sorted({*protocol.labellings, *dataset.found, *segmentation.labellings()})
        raise MissingInputError(
            f"No label map of labelling '{name}' was found by {looked}. Known here: {', '.join(known)}. Give a BIDS "
            f"derivatives dataset with files …_seg-{name}_dseg.nii.gz by --derivatives NAME=PATH."
        )
    labeller = segmentation.labeller(given.labeller, **given.parameters)
    complaint = labeller.missing(here(settings))
    if complaint and not settings.dry_run and not starts_from_maps(labeller, dataset.scans):
        raise MissingInputError(
            f"Labelling '{name}' cannot be made here by {labeller.name}: {complaint}. Maps that are there, as files "
            f"…_seg-{name}_dseg.nii.gz of a BIDS derivatives dataset, are read with --derivatives NAME=PATH."
        )
    return Labels(name=name, labeller=labeller, structures=structures, source=labeller.source)


def starts_from_maps(labeller: Labeller, scans: Iterable[Scan]) -> bool:
    """Whether maps were found of the T1w labelling that a labeller carries to other scans."""
    t1w = [scan.t1w for scan in scans if scan.t1w]
    return labeller.of_t1w is not None and any(labeller.of_t1w in scan.labels for scan in t1w)
