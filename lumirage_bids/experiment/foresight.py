"""What is known to fail before anything is done: files that cannot be used, or are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lumirage_bids.base.annex import has_content
from lumirage_bids.base.errors import BadDataError, LumirageError, MissingInputError
from lumirage_bids.bids.landmarks import match
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.bids.scans import File, LabelMapFile, Pair, Scan
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.headers import check_packing
from lumirage_bids.spatial.point_files import read_points
from lumirage_bids.spatial.points import PointSet

LISTED = 5
"""Most reasons that are listed."""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What is known to fail.

    Attributes
    ----------
    n_rows, n_failing : int
        Rows that the run is to make (arm × labelling × pair), and how many of them have no score for certain.
    reasons : tuple of str
        Why, each once, that of most rows first.
    bad_data : bool
        Whether a file that is there cannot be used, rather than that one is not there.
    """

    n_rows: int
    n_failing: int
    reasons: tuple[str, ...]
    bad_data: bool

    @property
    def error(self) -> LumirageError | None:
        """What the run stops with before it begins: nothing of it can work. None where something may."""
        if not self.n_rows or self.n_failing < self.n_rows:
            return None
        kind = BadDataError if self.bad_data else MissingInputError
        return kind(f"None of the pairs can be scored. {self._listed}")

    @property
    def exit_code(self) -> int:
        """The exit code of a run, as far as it is known."""
        return self.error.exit_code if self.error else int(self.n_failing > 0)

    @property
    def text(self) -> str:
        """One line; empty where nothing is known to fail."""
        if not self.n_failing:
            return ""
        return f"WILL FAIL: {self.n_failing} of {self.n_rows} rows (pair × method × labelling). {self._listed}"

    @property
    def _listed(self) -> str:
        more = f" And {len(self.reasons) - LISTED} more reasons." if len(self.reasons) > LISTED else ""
        return " ".join(self.reasons[:LISTED]) + more


def foresee(plan: Plan, weights: Path | None, stage: str = "all") -> Foreseen:
    """Read the small files that a run depends on, and how images begin; look whether fields exist.

    Parameters
    ----------
    plan : Plan
        Whose pairs that can run are looked at.
    weights : Path or None
        Folder of network weights.
    stage : str
        ``prepare`` needs look-up tables alone.
    """
    reader = _InputReader(plan, weights)
    reasons: Counter[str] = Counter()
    n_rows = n_failing = 0
    bad_data = False
    for pair in plan.runnable:
        scored = [labels for labels in plan.labels if labels.has(pair.moving) and labels.has(pair.fixed)]
        of_pair = () if stage == "prepare" else reader.read_landmarks(pair)
        for arm in plan.arms:
            absent = stage != "prepare" and reader.lacks_files(arm, pair)
            for labels in (labels for labels in scored if arm.scores(labels.name)):
                images = reader.read_images(labels, pair, arm)
                problems = dict.fromkeys((*images, *reader.read_tables(labels, pair), *of_pair))
                n_rows += 1
                n_failing += bool(problems) or absent
                bad_data |= any(isinstance(problem, BadDataError) for problem in problems)
                reasons.update(str(problem) for problem in problems)
    listed = (*reader.list_files(), *(reason for reason, _ in reasons.most_common()))
    return Foreseen(n_rows=n_rows, n_failing=n_failing, reasons=listed, bad_data=bad_data)


class _InputReader:
    """Reads each file once, and remembers what is wrong with it."""

    def __init__(self, plan: Plan, weights: Path | None) -> None:
        self.plan, self.weights = plan, weights
        self.table = cache(lambda path: _read(read_lut, path))
        self.points = cache(_points)
        self.image = cache(_find_packing_fault)
        self.asked: dict[str, dict[Path, bool]] = {}

    def read_images(self, labels: LabellingOfRun, pair: Pair, arm: ArmOfRun) -> Iterator[LumirageError]:
        files = [file for scan in (pair.moving, pair.fixed) for file in (*self._needs_of(scan), *_maps(labels, scan))]
        if arm.alignment.start == "aligned":
            files.extend(self._needs_of(self.plan.reference))
        for path in dict.fromkeys(file.path for file in files):
            if (problem := self.image(path)) is not None:
                yield problem

    def _needs_of(self, scan: Scan) -> Iterator[File]:
        """Images without which a scan cannot be prepared."""
        yield scan.brain or scan
        if scan.mask and "existing" in (masker.name for masker in self.plan.masking.maskers):
            yield scan.mask
        if scan.lesion:
            yield scan.lesion

    def read_tables(self, labels: LabellingOfRun, pair: Pair) -> Iterator[LumirageError]:
        for path in (path for scan in (pair.moving, pair.fixed) for path in _tables(labels, scan)):
            if (problem := self.table(path)[1]) is not None:
                yield problem

    def read_landmarks(self, pair: Pair) -> tuple[LumirageError, ...]:
        files = [scan.landmarks for scan in (pair.fixed, pair.moving) if scan.landmarks is not None]
        if len(files) < 2:
            return ()
        ours, theirs = (self.points(file.path) for file in files)
        if isinstance(ours, PointSet) and isinstance(theirs, PointSet):
            try:
                match(pair.fixed.name, ours, pair.moving.name, theirs)
            except BadDataError as error:
                return (error,)
        return tuple(found for found in (ours, theirs) if isinstance(found, LumirageError))

    def lacks_files(self, arm: ArmOfRun, pair: Pair) -> bool:
        """Whether a file that a method reads for a pair is not there; told together by `list_files`."""
        context = Context(pair=pair, weights=self.weights)
        here = {file: has_content(file) for stage in arm.stages for file in stage.method.files(context)}
        self.asked.setdefault(arm.name, {}).update(here)
        return not all(here.values())

    def list_files(self) -> Iterator[str]:
        for name, asked in self.asked.items():
            if absent := [file for file, here in asked.items() if not here]:
                folder = "" if absent[0].parent.is_dir() else f"; there is no folder {absent[0].parent}"
                yield (
                    f"Method {name}: {len(absent)} of {len(asked)} files are not there, for example {absent[0]}"
                    f"{folder}. Make them, or correct the path."
                )


def _read(read: Callable[[Path], Mapping[Any, object]], path: Path) -> tuple[Collection[object], LumirageError | None]:
    """What a table names, and what is wrong with it."""
    try:
        return tuple(read(path)), None
    except (BadDataError, MissingInputError) as error:
        return (), error


def _points(path: Path) -> PointSet | LumirageError:
    """What a file of points holds, or what is wrong with it."""
    try:
        return read_points(path)
    except (BadDataError, MissingInputError) as error:
        return error


def _find_packing_fault(path: Path) -> LumirageError | None:
    """What is wrong with how an image is packed; what cannot be opened is told where it is read."""
    try:
        check_packing(path)
    except BadDataError as error:
        return error
    except OSError:
        return None
    return None


def _maps(labels: LabellingOfRun, scan: Scan) -> Iterator[LabelMapFile]:
    """A scan's map, and the T1w scan's that a labelling is carried over from."""
    maps = [scan.labels.get(labels.name)] if labels.is_existing else []
    if labels.labeller.of_t1w and scan.t1w:
        maps.append(scan.t1w.labels.get(labels.labeller.of_t1w))
    yield from (found for found in maps if found is not None)


def _tables(labels: LabellingOfRun, scan: Scan) -> Iterator[Path]:
    """Look-up tables of these maps."""
    yield from dict.fromkeys(found.lut for found in _maps(labels, scan) if found.lut is not None)
