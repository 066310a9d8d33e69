"""What a run will do, as data: scans, pairs, arms, labellings, and the work that is left."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeAlias

from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.downstream import DownstreamJob, digest_of_draw
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, digest_agreement
from lumirage_bids.experiment.selection import Selection
from lumirage_bids.maskers import Masking
from lumirage_bids.methods.alignment import Alignment
from lumirage_bids.output import agreements, paths
from lumirage_bids.output.downstream import DRAWN
from lumirage_bids.output.history import Conditions
from lumirage_bids.spatial.preparation import Preparation


def prepared_files(scan: Scan, variant: str) -> tuple[Path, Path]:
    """Prepared image of a scan and its brain mask, below the output folder."""
    return paths.prepared_image(scan, variant), paths.prepared_mask(scan, variant)


@dataclass(frozen=True, kw_only=True)
class ScanJob:
    """Everything that is made of one scan alone.

    Attributes
    ----------
    landmarks : str
        Digest of its landmarks, where they are to be put down; else empty.
    inputs : mapping
        File made earlier that is read, below the output folder → digest that it must have.
    """

    scan: Scan
    variants: tuple[tuple[str, Preparation, str], ...]
    labels: tuple[tuple[LabellingOfRun, str], ...]
    agreements: tuple[tuple[LabellingOfRun, LabellingOfRun, str], ...] = ()
    landmarks: str = ""
    inputs: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AlignmentJob:
    """The affine map of one scan to the reference, for the variants in which it is the same one.

    Attributes
    ----------
    preparation : Preparation
        What was done to both, in all these variants.
    inputs : mapping
        As of `ScanJob`.
    """

    scan: Scan
    reference: Scan
    variants: tuple[str, ...]
    preparation: Preparation
    alignment: Alignment
    hash: str
    inputs: Mapping[Path, str]

    @property
    def files(self) -> tuple[Path, ...]:
        """Where it goes, below the output folder."""
        return tuple(paths.alignment(self.scan, self.reference, variant) for variant in self.variants)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One pair to be registered once, and scored under every arm that shares the registration.

    Attributes
    ----------
    hashes : mapping
        (arm label, labelling) → hash of the row.
    composed : bool
        Whether its transform is needed after scoring, so that it is kept whatever ``--save`` says.
    transformed : bool
        Whether there is a transform: else labels are all that can be kept.
    """

    pair: Pair
    registration_hash: str
    hashes: Mapping[tuple[str, str], str]
    composed: bool = False
    transformed: bool = True

    def kinds_kept(self, save: str) -> frozenset[str]:
        """What is to be kept of it: labels, images, transforms.

        Parameters
        ----------
        save : str
            ``--save``.
        """
        asked = {"none": (), "all": ("labels", "images", "transforms")}.get(save, (save,))
        kinds = frozenset((*asked, *["transforms"] * self.composed))
        return kinds if self.transformed else kinds & {"labels"}

    def is_kept(self, save: str, failed: Container[str], noted: Callable[[Path], str | None]) -> bool:
        """Whether what is to be kept of this finished pair is there; of what failed there is nothing.

        Parameters
        ----------
        failed : container of str
            Hashes of rows that say why there is no score.
        noted : callable
            Path below the output folder → hash noted with the file; None where there is no file.
        """
        scored: dict[str, list[str]] = {}
        for (arm, name), value in self.hashes.items():
            if value not in failed:
                scored.setdefault(arm, []).append(name)
        return all(
            noted(file) == self.registration_hash
            for arm, names in scored.items()
            for file in paths.files_kept(self.pair.moving, self.pair.fixed, arm, self.kinds_kept(save), names)
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One moving scan, some fixed scans, arms of one registration: what one process does at a stretch.

    Attributes
    ----------
    inputs : mapping
        File of a scan that is read, below the output folder → digest that it must have.
    """

    moving: Scan
    arms: tuple[ArmOfRun, ...]
    reference: Scan
    tasks: tuple[Task, ...]
    labels: tuple[LabellingOfRun, ...]
    inputs: Mapping[Path, str]

    @property
    def arm(self) -> ArmOfRun:
        """The first arm: its method, preparation and alignment are those of all."""
        return self.arms[0]

    @property
    def digest(self) -> str:
        """Names the batch's own files; the same pairs give the same name."""
        return digest(self.moving.key, [sorted(t.hashes.items()) for t in self.tasks])


def digest_conditions(arm: ArmOfRun, reference: Scan, labels: LabellingOfRun | None = None) -> str:
    """Digest of what the rows of an arm, and of a labelling if they are of one, must share to be summed up together."""
    return digest(arm.hash, reference.name, *([labels.digest] if labels else []))


def tell_conditions(arm: ArmOfRun, reference: Scan, labels: LabellingOfRun) -> Conditions:
    """The same conditions in full, as they are kept to be told later."""
    return {
        **arm.conditions,
        "labelling": labels.conditions,
        "revisions": {**arm.revisions, "labelling": max(labels.labeller.revisions)},
        "code": arm.code,
        "labeller_code": labels.code,
        "reference": reference.name,
    }


RowKey: TypeAlias = tuple[str, str, str, str, str]
"""Variant, method, labelling, moving and fixed scan."""


class EarlierRow(NamedTuple):
    """What an earlier row was made of, and whether it has scores."""

    digest: str
    registration: str
    hash: str
    is_scored: bool


@dataclass(frozen=True, kw_only=True)
class Done:
    """What is already there.

    Attributes
    ----------
    rows : frozenset of str
        Hashes of score rows that need not be made again.
    failed : frozenset of str
        Those of them that say why there is no score.
    files : mapping
        Path below the output folder → hash noted in its sidecar.
    notes : mapping
        The same of files that could not be made, where trying again is of no use.
    earlier : mapping
        Row → what earlier ones were made of, the latest last.
    conditions : mapping
        Digest of conditions → the conditions in full.
    outdated : frozenset of Path
        Prepared images, below the output folder, that an earlier version made in a way that was wrong for them.
    """

    rows: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    files: Mapping[Path, str] = field(default_factory=dict)
    notes: Mapping[Path, str] = field(default_factory=dict)
    earlier: Mapping[RowKey, tuple[EarlierRow, ...]] = field(default_factory=dict)
    conditions: Mapping[str, Conditions] = field(default_factory=dict)
    outdated: frozenset[Path] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Again:
    """What is made again.

    Attributes
    ----------
    reasons : mapping
        Row that is made again → why.
    outdated : mapping
        Hash of a row that must not count any more, though its conditions do → why.
    n_scored : int
        Pairs that are scored from the transform that an earlier run saved, and not registered.
    n_unsaved : int
        Registrations that are repeated unchanged, since their transforms were not saved.
    """

    reasons: Mapping[RowKey, str] = field(default_factory=dict)
    outdated: Mapping[str, str] = field(default_factory=dict)
    n_scored: int = 0
    n_unsaved: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan(Selection):
    """What is to be done, and what it is over.

    Attributes
    ----------
    arms : tuple of ArmOfRun
    masking : Masking
        How brains are found.
    preparing, aligning, batches : tuple
        Work that is left, in the order that it is done in.
    n_done : int
        Registrations that need not be repeated.
    again : Again
        What of the work was done before, and why it is done again.
    found : frozenset of str
        Labellings whose maps were found.
    made : mapping
        Name of a scan → what is made of it, as file below the output folder → digest.
    expected : mapping
        (arm label, labelling, moving, fixed) → hash that the row of a runnable pair must have.
    drawn : tuple of Scan
        Scans that the protocol's ``[downstream]`` draws.
    downstream : tuple of DownstreamJob
        What is left to be found out of the transforms among them, whoever registers them.
    """

    arms: tuple[ArmOfRun, ...]
    masking: Masking
    preparing: tuple[ScanJob, ...]
    aligning: tuple[AlignmentJob, ...]
    batches: tuple[Batch, ...]
    n_done: int
    again: Again
    found: frozenset[str]
    made: Mapping[str, Mapping[Path, str]]
    expected: Mapping[tuple[str, str, str, str], str]
    drawn: tuple[Scan, ...] = ()
    downstream: tuple[DownstreamJob, ...] = ()

    @property
    def n_todo(self) -> int:
        """Registrations still to be run."""
        return sum(len(b.tasks) for b in self.batches)

    @property
    def digests(self) -> dict[str, str]:
        """``arm/labelling``, and ``labelling against reference``, → digest of their conditions."""
        scored = {
            f"{arm.label}/{labels.name}": digest_conditions(arm, self.reference, labels)
            for arm, labels in product(self.arms, self.labels)
        }
        against = {
            agreements.key(a.name, b.name): digest_agreement(a, b)
            for a, b in product(self.labels, self.labels)
            if a.reference == b.name
        }
        return scored | against

    @property
    def digests_of_transforms(self) -> dict[str, str]:
        """``arm`` → digest of the conditions of its transforms; and which scans were drawn to compose them."""
        drawn = {DRAWN: digest_of_draw(self.drawn)} if self.drawn else {}
        return {arm.label: digest_conditions(arm, self.reference) for arm in self.arms} | drawn

    @property
    def conditions(self) -> dict[str, Conditions]:
        """Digest of the conditions of each arm and labelling → the conditions in full."""
        return {
            digest_conditions(arm, self.reference, labels): tell_conditions(arm, self.reference, labels)
            for arm, labels in product(self.arms, self.labels)
        }
