"""What a run is over: scans, their pairs, and which of them are here. Nothing is read but names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError
from lumirage_bids.bids.left_out import LeftOut, list_names
from lumirage_bids.bids.scans import File, Pair, Scan
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.pairs import choose_pairs, sample_subjects
from lumirage_bids.experiment.settings import Settings

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a run is over.

    Attributes
    ----------
    scans : tuple of Scan
        Eligible scans: selected by the filters and with at least one label map, here or to be made.
    unlabelled : tuple of Scan
        Those that the filters select and that have none.
    labels : tuple of LabellingOfRun
    pairs : tuple of Pair
        The protocol's pairs, sampled before it was asked what is present.
    n_subjects, n_pairs : int
        Subjects, and pairs of the sampled subjects, that there were to draw from.
    asked : tuple of Pair
        Those of `pairs` that this run was asked to do (participant and fixed labels).
    runnable : tuple of Pair
        Those of `asked` whose files are all here.
    reference : Scan
        The scan that all others are aligned to.
    left_out : tuple of LeftOut
        Subjects of the dataset no image of whom fits the filters.
    """

    scans: tuple[Scan, ...]
    unlabelled: tuple[Scan, ...]
    labels: tuple[LabellingOfRun, ...]
    pairs: tuple[Pair, ...]
    n_subjects: int
    n_pairs: int
    asked: tuple[Pair, ...]
    runnable: tuple[Pair, ...]
    reference: Scan
    left_out: tuple[LeftOut, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects that the pairs are made of, all or a sample."""
        return tuple(sorted({s.subject for s in self.scans if not s.template}))

    @property
    def missing(self) -> tuple[Scan, ...]:
        """Scans of the pairs asked for whose content is not here."""
        scans = {s.name: s for p in self.asked for s in (p.moving, p.fixed)}
        return tuple(s for _, s in sorted(scans.items()) if not is_present(s, self._labellings))

    @property
    def n_present(self) -> int:
        """Pairs of the protocol whose scans are here, whoever is asked to do them."""
        scans = {s.name: s for p in self.pairs for s in (p.moving, p.fixed)}
        present = {name for name, scan in scans.items() if is_present(scan, self._labellings)}
        return sum({p.moving.name, p.fixed.name} <= present for p in self.pairs)

    @property
    def files(self) -> tuple[File, ...]:
        """Files that the pairs asked for read if they are here: those of their scans and of the reference."""
        scans = {s: None for p in self.asked for s in (p.moving, p.fixed)} | {self.reference: None}
        return tuple({f.path: f for s in scans for f in s.wants(self._labellings)}.values())

    @property
    def _labellings(self) -> tuple[str, ...]:
        return tuple(labels.name for labels in self.labels)


def is_present(scan: Scan, labellings: tuple[str, ...]) -> bool:
    """Whether all files of a scan that a run reads are here."""
    return all(f.present for f in scan.needs(labellings))


def select(dataset: Dataset, protocol: Protocol, settings: Settings, labels: tuple[LabellingOfRun, ...]) -> Selection:
    """Decide what a run is over: a subset is drawn from names before it is asked what is here.

    Parameters
    ----------
    dataset : Dataset
        Scans that the filters select.
    labels : tuple of LabellingOfRun
        Labellings of the run.

    Raises
    ------
    MissingInputError, NothingSelectedError
        Something asked for is not there, or no pair is left.
    """
    selected = [s for s in dataset.scans if s.template or not settings.session_id or s.session in settings.session_id]
    eligible = tuple(s for s in selected if any(labelling.has(s) for labelling in labels))
    scans = sample_subjects(eligible, settings.seed, protocol.pairs.subjects)
    _check_selection(scans, dataset, settings.named_subjects, settings.exclude_participant_label)
    pairs = choose_pairs(scans, protocol.pairs, settings.seed, settings.max_pairs)
    possible = choose_pairs(scans, replace(protocol.pairs, max=None, max_per_contrast=None), settings.seed)
    asked = _choose_asked(pairs, len(scans), settings)
    names = tuple(labelling.name for labelling in labels)
    # A template may be the reference though it has no label map.
    reference = choose_reference((*scans, *(s for s in selected if s.template)), protocol.reference, names)
    here = {s for s in {s for p in asked for s in (p.moving, p.fixed)} if is_present(s, names)}
    return Selection(
        scans=scans,
        unlabelled=tuple(s for s in selected if s not in eligible and s is not reference),
        labels=labels,
        pairs=pairs,
        n_subjects=len({s.subject for s in eligible if not s.template}),
        n_pairs=len(possible),
        asked=asked,
        runnable=tuple(p for p in asked if p.moving in here and p.fixed in here),
        reference=reference,
        left_out=dataset.left_out,
    )


def _choose_asked(pairs: Sequence[Pair], n_scans: int, settings: Settings) -> tuple[Pair, ...]:
    """Pairs of the moving and fixed subjects that are named; of all where none are."""
    moving, fixed = settings.participant_label, settings.fixed_label
    asked = tuple(
        p for p in pairs if (not moving or p.moving.subject in moving) and (not fixed or p.fixed.subject in fixed)
    )
    if not asked:
        check = " and ".join([*settings.named_subjects, *(["--max-pairs"] if settings.max_pairs else [])])
        raise NothingSelectedError(
            f"No pair is left of {len(pairs)} pairs of {n_scans} scans. Check {check or '[pairs] of the protocol'}."
        )
    return asked


def choose_reference(scans: Sequence[Scan], wanted: str, labellings: tuple[str, ...]) -> Scan:
    """Scan that all others are aligned to: the first or the named subject's.

    One whose content is here if any is; of these a T1w scan if there is one, else T1-weighted otherwise (UNIT1).

    Raises
    ------
    MissingInputError
        The named subject is not among the scans.
    """
    candidates = [s for s in scans if wanted in ("first", s.subject)]
    if not candidates:
        subjects = ", ".join(sorted({s.subject for s in scans}))
        raise MissingInputError(f"The protocol's reference is subject '{wanted}', but the scans are of: {subjects}.")
    contrasts = ("T1w", "UNIT1")
    return min(
        candidates,
        key=lambda s: (
            not is_present(s, labellings),
            contrasts.index(s.suffix) if s.suffix in contrasts else len(contrasts),
        ),
    )


def _check_selection(
    scans: Sequence[Scan], dataset: Dataset, named: Mapping[str, Iterable[str]], excluded: Collection[str]
) -> None:
    for option, wanted in named.items():
        for subject in wanted:
            if scans and subject not in {s.subject for s in scans}:
                have = ", ".join(sorted({s.subject for s in scans}))
                why = "".join(f" ({s.reason})" for s in dataset.left_out if s.subject == subject)
                if subject in excluded:
                    why = " (--exclude-participant-label leaves it out)"
                raise MissingInputError(
                    f"{option} {subject}: no eligible scan of that subject{why}. There are: {have}."
                )
    if len(scans) < 2:
        excluding = "--exclude-participant-label, " if excluded else ""
        there = ", ".join(f"{name} ({n} scans)" for name, n in dataset.offered.items())
        raise NothingSelectedError(
            f"{len(scans)} scan(s) selected in {dataset.root}: a pair needs two. Check {excluding}--bids-filter-file, "
            "--session-id and which scans have label maps."
            + (f" The derivatives have: {there}. To choose: --labellings {' '.join(dataset.offered)}." if there else "")
            + (f" No scan fits for {list_names(dataset.left_out)}." if dataset.left_out else "")
        )
