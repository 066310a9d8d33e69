"""Reading what was made of a scan: never a file that is damaged, half replaced, or made under other conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.bids.look_up_tables import only_named, read_lut
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import derivatives, paths, score_table
from lumirage_bids.output.files import read_json
from lumirage_bids.spatial.images import Volume, read_grid, read_image, read_labels
from lumirage_bids.spatial.itk import read_itk

T = TypeVar("T")
Wanted = Mapping[Path, str] | None
"""Path below the output folder → digest that the file there must have; None takes what is there, for pictures."""


class NotPreparedError(BadDataError):
    """A scan could not be prepared, or what was made of it is not there; the message says why."""


class NotMadeError(NotPreparedError):
    """What was made of a scan is not there since it could not be made; that was told then."""


def lost_error(file: Path, scan: Scan, what: str) -> NotPreparedError:
    """Error for a file of ours that was there when the run was planned."""
    return NotPreparedError(f"{score_table.LOST}: {file} of {scan.name} {what}. The same command makes it again.")


def current_path(out_dir: Path, file: Path, scan: Scan, wanted: Wanted) -> Path:
    """The absolute path of a file made earlier.

    Raises
    ------
    NotPreparedError
        It could not be made, or is gone, or another run has replaced it by one made under other conditions.
    """
    value = derivatives.hash_of(out_dir / file)
    if wanted is not None and value == wanted[file]:
        return out_dir / file
    reason = derivatives.why_not(out_dir, file, None if wanted is None else wanted[file])
    if reason:
        raise NotMadeError(reason)
    if wanted is None and value is not None:
        return out_dir / file
    raise lost_error(file, scan, "is not there" if value is None else "was replaced by a run under other conditions")


def _read(read: Callable[[Path], T], out_dir: Path, file: Path, scan: Scan, wanted: Wanted) -> T:
    path = current_path(out_dir, file, scan, wanted)
    try:
        found = read(path)
    except MissingInputError as error:
        raise lost_error(file, scan, f"cannot be read ({error})") from error
    except BadDataError as error:
        if wanted is not None:
            derivatives.disown(path)
        raise lost_error(file, scan, f"is damaged ({error})") from error
    current_path(out_dir, file, scan, wanted)  # nor was it replaced while it was read
    return found


def read_prepared(out_dir: Path, scan: Scan, variant: str, wanted: Wanted = None) -> Volume:
    """Prepared image of a scan."""
    return _read(read_image, out_dir, paths.prepared_image(scan, variant), scan, wanted)


def prepared_grid(
    out_dir: Path, scan: Scan, variant: str, wanted: Wanted = None
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of a scan's prepared image."""
    return _read(read_grid, out_dir, paths.prepared_image(scan, variant), scan, wanted)


def read_prepared_mask(out_dir: Path, scan: Scan, variant: str, wanted: Wanted = None) -> Volume:
    """Brain mask on the prepared grid, 0 or 1."""
    volume = _read(read_labels, out_dir, paths.prepared_mask(scan, variant), scan, wanted)
    return replace(volume, array=volume.array.astype(np.float32))


def read_label_map(out_dir: Path, scan: Scan, labelling: str, wanted: Wanted = None) -> Volume:
    """Label map of a scan on its own grid."""
    return _read(read_labels, out_dir, paths.label_map(scan, labelling), scan, wanted)


def read_structures(out_dir: Path, scan: Scan, labelling: str) -> dict[int, str]:
    """Structures of a scan's label map, by the look-up table of the output folder.

    That table holds the names of all maps, earlier ones too. What the scan's own map has and its own table does not
    name is no structure, whatever another scan's table, or an earlier state of this one, says of the index.

    Raises
    ------
    NotPreparedError
        The table is gone or damaged; it is made again with all label maps of the labelling.
    """
    file = paths.look_up_table(labelling)
    found = structures_if_whole(out_dir, labelling)
    if found is None:
        raise lost_error(file, scan, "is gone or damaged, so are the label maps that it names")
    unnamed = read_json(paths.sidecar(out_dir / paths.label_map(scan, labelling)))
    left_out = unnamed.get("VoxelsWithoutName", {})
    return {index: name for index, name in only_named(found).items() if str(index) not in left_out}


def structures_if_whole(out_dir: Path, labelling: str) -> dict[int, str] | None:
    """The same; None where there is no whole table, in which case no label map counts as made any more.

    A table holds the names of all scans' structures, so one that lost some could not be told from one that never had
    them. We end the last line, which a table that is cut short lacks.
    """
    file = out_dir / paths.look_up_table(labelling)
    try:
        if file.read_bytes().endswith(b"\n"):
            return read_lut(file)
    except (BadDataError, FileNotFoundError):
        pass
    for sidecar in derivatives.files(out_dir, f"sub-*/**/*_seg-{labelling}_*dseg.json"):
        if "Labeller" in read_json(sidecar):  # a scan's own map, not one that was moved to another
            derivatives.disown(sidecar)
    return None


def native_grid(
    out_dir: Path, scan: Scan, labelling: str, wanted: Wanted = None
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of the scan's image as it came."""

    def read(path: Path) -> tuple[tuple[int, int, int], np.ndarray]:
        about: dict[str, Any] = read_json(paths.sidecar(path))
        if not about:
            raise MissingInputError("another run is about to replace it")
        x, y, z = about["NativeShape"]
        return (x, y, z), np.array(about["NativeAffine"])

    return _read(read, out_dir, paths.label_map(scan, labelling), scan, wanted)


def read_alignment(out_dir: Path, scan: Scan, reference: Scan, variant: str, wanted: Wanted = None) -> np.ndarray:
    """Matrix from the reference's world to the scan's."""
    transform = _read(read_itk, out_dir, paths.alignment(scan, reference, variant), scan, wanted)
    matrix = np.eye(4)
    for step in transform.steps:
        matrix = np.asarray(step) @ matrix
    return matrix
