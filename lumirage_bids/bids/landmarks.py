"""Corresponding points of two scans, from files of points that somebody placed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.bids.dataset import datalad_get_line
from lumirage_bids.bids.found_maps import Pattern, belongs, closeness, names_in
from lumirage_bids.bids.names import natural_key, parse_name
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.spatial.point_files import EXTENSIONS, read_points

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.spatial.points import PointSet

SUFFIXES = ("afids", "landmarks")
"""Suffixes of files of points in derivative datasets."""
TRUTH = (None, "groundtruth")
"""What ``desc-`` says of the points that count; that of a single rater's begins with `RATER`."""
RATER = "rater"


def attach_landmarks(dataset: Dataset, pattern: str | None, raters: str | None) -> Dataset:
    """Attach landmarks to the scans: those that a path pattern finds, else those of the derivative datasets, by name.

    Parameters
    ----------
    dataset : Dataset
    pattern : str or None
        Path pattern of the points that count.
    raters : str or None
        Path pattern of those that single raters placed; ``*`` in the name of the file stands for the rater.

    Raises
    ------
    UsageError
        A pattern is wrong.
    """
    search = _Search(
        pattern=Pattern(pattern, "landmarks") if pattern else None,
        raters=Pattern(raters, "landmarks of raters") if raters else None,
        datasets=tuple(dataset.derivatives.values()),
    )
    scans = tuple(search.attach(scan) for scan in dataset.scans)
    return replace(dataset, scans=scans, notes=(*dataset.notes, *_notes(dataset, scans)))


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Where landmarks are looked for."""

    pattern: Pattern | None
    raters: Pattern | None
    datasets: tuple[Path, ...]

    def attach(self, scan: Scan) -> Scan:
        found = self.pattern.find(scan) if self.pattern else next(self._files_of(scan, TRUTH), None)
        if found is None:
            return scan
        placed = self.raters.find_all(scan) if self.raters else self._files_of(scan, ())
        return replace(scan, landmarks=found, raters=tuple(placed))

    def _files_of(self, scan: Scan, descriptions: Sequence[str | None]) -> Iterator[File]:
        """Files that belong to a scan by their names, best first; of single raters if no descriptions are given."""
        found = []
        for order, root in enumerate(self.datasets):
            for path, entities in _files(root, scan):
                said = entities.get("desc")
                wanted = said in descriptions if descriptions else (said or "").startswith(RATER)
                if wanted and belongs(scan, entities) and (scan.suffix == "T1w" or "space" in entities):
                    file = File(path=path, dataset=root)
                    found.append(((closeness(scan, entities), order, natural_key(file.relative)), file))
        yield from (file for _, file in sorted(found, key=lambda item: item[0]))


def _files(root: Path, scan: Scan) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Files of points (dangling links too) of a scan's folders, with the entities of their names."""
    subject = root / f"sub-{scan.subject}"
    for folder in (subject / "anat", *([subject / f"ses-{scan.session}" / "anat"] if scan.session else [])):
        yield from point_files(folder)


def point_files(folder: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Files of points that a folder holds, dangling links too, with the entities of their names; no sidecars."""
    names = [name for name in names_in(folder) if name.endswith(EXTENSIONS)]
    stems = {name.split(".")[0] for name in names if not name.endswith(".json") or name.endswith(".mrk.json")}
    for name in names:
        parsed = parse_name(name)
        sidecar = name.endswith(".json") and not name.endswith(".mrk.json") and name.split(".")[0] in stems
        if parsed and parsed[1] in SUFFIXES and not sidecar:
            yield folder / name, parsed[0]


def _notes(dataset: Dataset, scans: Sequence[Scan]) -> Iterator[str]:
    """How many scans have landmarks, and which placements of raters are not here."""
    having = [scan for scan in scans if scan.landmarks]
    if not having:
        return
    raters = sorted({len(scan.raters) for scan in having})
    each = " to ".join(map(str, dict.fromkeys((raters[0], raters[-1]))))
    placed = f", and as placed by {each} raters per scan" if raters[-1] else ""
    yield f"Landmarks: of {len(having)} of {len(scans)} scans{placed}."
    absent = {s.name: [f for f in s.raters if not f.present] for s in having if all(f.present for f in s.needs())}
    if files := [file for lacking in absent.values() for file in lacking]:
        yield (
            f"What raters placed on {sum(map(bool, absent.values()))} of these scans is not here; without it, it "
            f"is not known how far raters disagree. To get it: {datalad_get_line(dataset.root, files)}"
        )


def rater_of(file: File) -> str:
    """Name of the rater of a file: what ``desc-`` says, else the name of the file."""
    parsed = parse_name(file.path.name)
    stem = file.path.name.split(".")[0]
    return parsed[0].get("desc", stem) if parsed else stem


def read_landmarks(path: Path) -> Mapping[str, np.ndarray]:
    """Read landmarks.

    Parameters
    ----------
    path : Path
        See `lumirage_bids.spatial.point_files.read_points`.

    Returns
    -------
    mapping
        Name → coordinates, shape (3,), mm.

    Raises
    ------
    MissingInputError
        The file cannot be read.
    BadDataError
        It cannot be used.
    """
    return _by_name(read_points(path))


def _by_name(points: PointSet) -> dict[str, np.ndarray]:
    return dict(zip(points.names, points.coordinates, strict=True))


def _places_of(names: Sequence[str], path: Path) -> dict[str, np.ndarray]:
    """Where a file has points of these names."""
    its = read_landmarks(path)
    return {name: its[other] for name, other in _pair_names(names, its).items()}


def placed_points(scan: Scan) -> dict[str, dict[str, object]]:
    """What was placed on a scan: of each of its landmarks the place that counts, and those of single raters.

    Returns
    -------
    dict
        Name → ``Description``, ``Position`` and ``Raters`` (rater → position); world coordinates, RAS+, mm. Files of
        raters whose content is not here are left out.

    Raises
    ------
    MissingInputError, BadDataError
        As `read_landmarks`.
    """
    if scan.landmarks is None:
        return {}
    points = read_points(scan.landmarks.path)
    raters = {rater_of(file): _places_of(points.names, file.path) for file in scan.raters if file.present}
    return {
        name: {
            "Description": text,
            "Position": place.tolist(),
            "Raters": {rater: its[name].tolist() for rater, its in raters.items() if name in its},
        }
        for name, text, place in zip(points.names, points.descriptions, points.coordinates, strict=True)
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Correspondence:
    """Landmarks that two scans share.

    Attributes
    ----------
    names : tuple of str
    fixed, moving : array, shape (n, 3)
        The same points in both scans, world coordinates (RAS+, mm).
    """

    names: tuple[str, ...]
    fixed: npt.NDArray[np.float64]
    moving: npt.NDArray[np.float64]


def corresponding_points(fixed: Scan, moving: Scan) -> Correspondence | None:
    """Landmarks that two scans share, as `match` has them; None where a scan has no file of landmarks.

    Raises
    ------
    MissingInputError
        A file cannot be read.
    BadDataError
        A file cannot be used, or `match` refuses the two.
    """
    if moving.landmarks is None or fixed.landmarks is None:
        return None
    return match(fixed.name, read_points(fixed.landmarks.path), moving.name, read_points(moving.landmarks.path))


def match(fixed_name: str, fixed: PointSet, moving_name: str, moving: PointSet) -> Correspondence:
    """Match points of two scans by name, whose capitals may differ; a name is as the fixed scan's file has it.

    Raises
    ------
    BadDataError
        They have no name in common; or their descriptions say that two names are exchanged.
    """
    same = _pair_names(fixed.names, moving.names)
    if not same:
        raise BadDataError(f"The landmarks of {fixed_name} and {moving_name} have no name in common.")
    ours, theirs = (dict(zip(s.names, map(str.casefold, s.descriptions), strict=True)) for s in (fixed, moving))
    for name, other in same.items():
        one, two = ours[name], theirs[other]
        # Descriptions of one point may differ in words; each being that of another point is no matter of words.
        if one and two and one != two and one in theirs.values() and two in ours.values():
            raise BadDataError(
                f"The landmarks of {fixed_name} and {moving_name} contradict each other: {name!r:.40} is described as "
                f"{one!r:.40} and as {two!r:.40}, and both have a point of either. Name each point alike in both."
            )
    places, its = _by_name(fixed), _by_name(moving)
    return Correspondence(
        names=tuple(same),
        fixed=np.array([places[name] for name in same]),
        moving=np.array([its[other] for other in same.values()]),
    )


def _pair_names(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Each name's counterpart: the same, or one that differs in capitals alone."""
    known = dict.fromkeys(others)
    left = {other.casefold(): other for other in known if other not in set(names)}
    found = {name: name if name in known else left.pop(name.casefold(), None) for name in names}
    return {name: other for name, other in found.items() if other is not None}
