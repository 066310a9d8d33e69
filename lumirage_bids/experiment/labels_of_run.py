"""The labellings of a run: which there are, and how their maps come about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lumirage_bids import labellers
from lumirage_bids.base.errors import LumirageError, MissingInputError, UsageError
from lumirage_bids.base.own_code import Code, code_digest, read_code
from lumirage_bids.base.parameters import counted_fields, digest
from lumirage_bids.bids.look_up_tables import is_mixed, read_lut
from lumirage_bids.bids.names import LABEL
from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment.declared import DeclaredLabelling, Protocol
from lumirage_bids.experiment.reference_maps import references
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.labellers.base import Labeller
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.methods.base import Context


@dataclass(frozen=True, kw_only=True)
class LabellingOfRun:
    """One labelling of this run, how its maps come about, and which other's they are scored against.

    Attributes
    ----------
    structures : tuple of mapping
        Codings (index → name) of the structures that are scored; empty for those that the maps' tables name.
    shipped : bool
        Whether `structures` are this program's, not the protocol's.
    corrected : bool
        Whether an earlier version has scored indices in OUT_DIR that the maps' tables do not name.
    """

    name: str
    labeller: Labeller
    structures: tuple[Mapping[int, str], ...] = ()
    source: str = ""
    reference: str | None = None
    shipped: bool = False
    corrected: bool = False

    def hash(self, scan: Scan) -> str:
        """Digest of what this labelling of this scan depends on."""
        return digest(self.digest, [f.fingerprint for f in self.labeller.files(scan, self.name)])

    @property
    def is_existing(self) -> bool:
        """Whether the maps are files that were found."""
        return self.labeller.reads

    @cached_property
    def digest(self) -> str:
        """Digest of what is the same for all scans."""
        revised = [list(self.labeller.revisions)] if max(self.labeller.revisions) > 1 else []
        code = [code_digest(self.code)] if self.code else []
        changed = ["what no table names is left out"] if self.corrected else []
        codings = [sorted(coding.items()) for coding in self.structures]
        return digest(self.labeller.name, self.labeller, codings, *revised, *code, *changed)

    @cached_property
    def code(self) -> Code:
        """The user's own code that the labeller runs, by file."""
        return read_code(self.labeller.code())

    @property
    def conditions(self) -> dict[str, object]:
        """All that counts of how the maps come about."""
        codings = [{str(index): name for index, name in sorted(coding.items())} for coding in self.structures]
        changed = {"what no table names": "left out"} if self.corrected else {}
        return {"labeller": self.labeller.name, **counted_fields(self.labeller), "structures": codings, **changed}

    def has(self, scan: Scan) -> bool:
        """Whether the scan has this labelling, or can be given it."""
        return self.labeller.available(scan, self.name)


def digest_agreement(labels: LabellingOfRun, reference: LabellingOfRun) -> str:
    """Digest of what the agreements of a labelling with its reference must share to be summed up together."""
    return digest("agreement", labels.digest, reference.digest)


def choose_labels(protocol: Protocol, settings: Settings, dataset: Dataset) -> tuple[LabellingOfRun, ...]:
    """For every labelling asked for, where its maps come from: files that were found come before labellers."""
    names = settings.labellings or protocol.default_labellings
    compared = references(protocol, names)
    optional = {n for n in compared if n not in dataset.found and labellers.reads(protocol.labellings[n].labeller)}
    found = tuple(
        replace(
            labels,
            reference=compared.get(labels.name),
            corrected=not labels.structures and has_scored_unnamed(settings.output, labels.name),
        )
        for labels in (
            _with_structures(_labels(n, protocol, dataset, given=bool(settings.derivatives)), dataset)
            for n in names
            if n not in optional
        )
    )
    if not settings.dry_run:
        _check_can_be_made(found, settings.here, dataset)
    return found


def _with_structures(labels: LabellingOfRun, dataset: Dataset) -> LabellingOfRun:
    """Add the structures that are scored of FreeSurfer's, where the protocol names none and no table contradicts."""
    of = labels.labeller.of_t1w or labels.name
    scored = labellers.scored_of(of)
    if labels.structures or not scored:
        return labels
    if any(labellers.contradicts(table) for table in _tables(dataset, labels.name, of)):
        told = "its look-up table has another numbering than FreeSurfer's, so all that it names is scored"
        return replace(labels, source=f"{labels.source}; {told}")
    told = f"scored are {len(scored)} structures of FreeSurfer's, without bookkeeping"
    return replace(labels, structures=(scored,), shipped=True, source=f"{labels.source}; {told}")


def _tables(dataset: Dataset, labelling: str, of: str) -> Iterator[Mapping[int, str]]:
    """Look-up tables that can be read of a labelling's maps, and of those that it is carried over from."""
    maps = [scan.labels.get(labelling) for scan in dataset.scans]
    maps += [scan.t1w.labels.get(of) for scan in dataset.scans if scan.t1w]
    for table in sorted({found.lut for found in maps if found is not None and found.lut is not None}):
        with suppress(LumirageError):  # what is wrong with it is told for itself
            yield read_lut(table)


def has_scored_unnamed(output: Output, labelling: str) -> bool:
    """Whether the look-up table of an output folder has names beside stopgaps, as an earlier version wrote them."""
    with suppress(LumirageError):
        return is_mixed(read_lut(output / paths.look_up_table(labelling)))
    return False


def _check_can_be_made(labellings: Iterable[LabellingOfRun], here: Context, dataset: Dataset) -> None:
    for labels in labellings:
        if labels.name in dataset.found or starts_from_maps(labels.labeller, dataset.scans):
            continue
        if complaint := labels.labeller.missing(here):
            raise MissingInputError(
                f"Labelling '{labels.name}' cannot be made here by {labels.labeller.name}: {complaint}. Maps that are "
                f"there, as files …_seg-{labels.name}_dseg.nii.gz of a BIDS derivatives dataset, are read with "
                "--derivatives NAME=PATH."
            )


def _labels(name: str, protocol: Protocol, dataset: Dataset, *, given: bool) -> LabellingOfRun:
    """How a labelling's maps come about; `given` says whether there are ``--derivatives``."""
    if not LABEL.fullmatch(name):
        raise UsageError(f"Labelling {name!r} is not allowed; letters and digits only (it goes into file names).")
    declared = protocol.labellings.get(name)
    structures = declared.structures if declared else ()
    if declared is not None and declared.labeller != "existing":
        labellers.labeller(declared.labeller, **declared.parameters)  # refuses one that there is not
    if name in dataset.found:
        reader = labellers.reader(name)
        return LabellingOfRun(name=name, labeller=reader, structures=structures, source=dataset.found[name])
    if declared is None:
        makers = labellers.labellings()
        declared = DeclaredLabelling(labeller=makers[name].name if name in makers else "existing")
    if declared.labeller == "existing":
        derived = "in the derivatives given" if given else "since no --derivatives are given"
        looked = f"by the pattern {declared.pattern}" if declared.pattern else derived
        known = sorted({*protocol.labellings, *dataset.found, *labellers.labellings()})
        there = ", ".join(f"{other} ({n} scans)" for other, n in dataset.offered.items())
        raise MissingInputError(
            f"No label map of labelling '{name}' was found {looked}. "
            + (f"{dataset.hints[name]} " if name in dataset.hints else "")
            + (f"They have: {there}. " if there else "")
            + f"Known here: {', '.join(known)}. Give a BIDS derivatives dataset with files …_seg-{name}_dseg.nii.gz "
            "by --derivatives NAME=PATH."
        )
    labeller = labellers.labeller(declared.labeller, **declared.parameters)
    return LabellingOfRun(name=name, labeller=labeller, structures=structures, source=labeller.source)


def starts_from_maps(labeller: Labeller, scans: Iterable[Scan]) -> bool:
    """Whether maps were found of the T1w labelling that a labeller carries to other scans."""
    t1w = [scan.t1w for scan in scans if scan.t1w]
    return labeller.of_t1w is not None and any(labeller.of_t1w in scan.labels for scan in t1w)
