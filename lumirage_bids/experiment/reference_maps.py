"""Labellings that are scored against another one's maps, and what a run does where their maps are not here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lumirage_bids import labellers
from lumirage_bids.bids.dataset import Dataset, datalad_get_line
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.experiment.declared import Protocol


def references(protocol: Protocol, names: Iterable[str]) -> dict[str, str]:
    """Labelling → its reference, for those of a run's labellings whose reference takes part too."""
    chosen = {name: protocol.labellings[name].reference for name in names if name in protocol.labellings}
    return {name: reference for name, reference in chosen.items() if reference in chosen}


def leave_out_absent(dataset: Dataset, protocol: Protocol, names: Iterable[str]) -> Dataset:
    """Let scans be without those maps that are there to be scored against a reference, and whose content is not here.

    A scan keeps an absent map when it has no other labelling, since without its content nothing of it can be scored.

    Parameters
    ----------
    dataset : Dataset
        With maps whether or not their content is here.
    protocol : Protocol
    names : iterable of str
        Labellings of the run.

    Returns
    -------
    Dataset
        Without the maps left out, and with a note on each labelling of which some, or all, are missing.
    """
    names = tuple(names)
    notes = []
    for name in references(protocol, names):
        if name not in dataset.found:
            if labellers.reads(protocol.labellings[name].labeller):
                notes.append(f"Labelling {name}: no scan has such a map; the run goes on without it.")
            continue
        others = {n for n in names if n != name}
        made = any(n not in dataset.found for n in others)
        absent = {s.name: list(_find_absent(s, name)) for s in dataset.scans if made or others & s.labels.keys()}
        absent = {scan: files for scan, files in absent.items() if files}
        if absent:
            have = sum(name in s.labels for s in dataset.scans)
            notes.append(_note(name, dataset, absent, have))
            dataset = _leave_out(dataset, name, absent)
    return replace(dataset, notes=(*dataset.notes, *notes))


def _find_absent(scan: Scan, name: str) -> Iterator[File]:
    """Files of a scan's label map whose content is not here."""
    if name in scan.labels:
        yield from (f for f in scan.needs((name,))[len(scan.needs()) :] if not f.present)


def _leave_out(dataset: Dataset, name: str, absent: Mapping[str, object]) -> Dataset:
    scans = tuple(
        replace(s, labels={k: v for k, v in s.labels.items() if k != name}) if s.name in absent else s
        for s in dataset.scans
    )
    found = {k: v for k, v in dataset.found.items() if k != name or any(name in s.labels for s in scans)}
    return replace(dataset, scans=scans, found=found)


def _note(name: str, dataset: Dataset, absent: Mapping[str, list[File]], have: int) -> str:
    files = [file for its in absent.values() for file in its]
    goes_on = "the run goes on" if len(absent) == have else "these scans are scored"
    return (
        f"Labelling {name}: the maps of {len(absent)} of {have} scans are not here; {goes_on} without them. "
        f"To get them: {datalad_get_line(dataset.root, files)}"
    )
