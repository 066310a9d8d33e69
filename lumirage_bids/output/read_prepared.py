"""Reading what was made of a scan: never a file that is damaged, half replaced, or made under other conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lumirage_bids.base.errors import BadDataError, LumirageError, MissingInputError, OverdueError
from lumirage_bids.base.failures import Failure, Kind
from lumirage_bids.bids.look_up_tables import only_named, read_lut
from lumirage_bids.bids.scans import Scan
from lumirage_bids.output import paths
from lumirage_bids.output.files import read_json
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume, read_grid, read_image, read_labels
from lumirage_bids.spatial.itk import read_itk
from lumirage_bids.spatial.transforms import Transform

T = TypeVar("T")
Wanted = Mapping[Path, str] | None
"""Path below the output folder → digest that the file there must have; None takes what is there, for pictures."""


class NotPreparedError(BadDataError):
    """A scan could not be prepared, or what was made of it is not there; the message says why.

    Attributes
    ----------
    kind : str
        What kind of failure it is.
    """

    kind: Kind = "lost input"


class DamagedError(NotPreparedError):
    """What was made of a scan is damaged, and has to be made again.

    Parameters
    ----------
    message : str
    files : iterable of Path
        Paths below the output folder: what whoever works on it is to disown.
    """

    def __init__(self, message: str, files: Iterable[Path] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)


class NotMadeError(NotPreparedError):
    """What was made of a scan is not there since it could not be made; that was told then."""

    def __init__(self, why: Failure) -> None:
        super().__init__(why.reason)
        self.kind = why.kind


def failure_of(error: LumirageError) -> Failure:
    """What an error says of a scan or pair; one that another failure led to is of that one's kind."""
    if isinstance(error, NotPreparedError):
        return Failure(error.kind, str(error))
    if isinstance(error, OverdueError):
        return Failure("killed", str(error))
    return Failure("bad data" if isinstance(error, BadDataError) else "error", str(error))


def _tell_lost(file: Path, scan: Scan, what: str) -> str:
    """What is told of a file of ours that was there when the run was planned."""
    return f"input lost: {file} of {scan.name} {what}. The same command makes it again."


def current_path(output: Output, file: Path, scan: Scan, wanted: Wanted) -> Path:
    """The absolute path of a file made earlier.

    Raises
    ------
    NotPreparedError
        It could not be made, or is gone, or another run has replaced it by one made under other conditions.
    """
    value = output.hash_of(file)
    if wanted is not None and value == wanted[file]:
        return output / file
    if why := output.why_not(file, None if wanted is None else wanted[file]):
        raise NotMadeError(why)
    if wanted is None and value is not None:
        return output / file
    what = "is not there" if value is None else "was replaced by a run under other conditions"
    raise NotPreparedError(_tell_lost(file, scan, what))


def _read(read: Callable[[Path], T], output: Output, file: Path, scan: Scan, wanted: Wanted) -> T:
    path = current_path(output, file, scan, wanted)
    try:
        found = read(path)
    except MissingInputError as error:
        raise NotPreparedError(_tell_lost(file, scan, f"cannot be read ({error})")) from error
    except BadDataError as error:
        raise DamagedError(_tell_lost(file, scan, f"is damaged ({error})"), [file]) from error
    current_path(output, file, scan, wanted)  # nor was it replaced while it was read
    return found


def read_prepared(output: Output, scan: Scan, variant: str, wanted: Wanted = None) -> Volume:
    """Prepared image of a scan."""
    return _read(read_image, output, paths.prepared_image(scan, variant), scan, wanted)


def prepared_grid(
    output: Output, scan: Scan, variant: str, wanted: Wanted = None
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of a scan's prepared image."""
    return _read(read_grid, output, paths.prepared_image(scan, variant), scan, wanted)


def read_prepared_mask(output: Output, scan: Scan, variant: str, wanted: Wanted = None) -> Volume:
    """Brain mask on the prepared grid, 0 or 1."""
    volume = _read(read_labels, output, paths.prepared_mask(scan, variant), scan, wanted)
    return replace(volume, array=volume.array.astype(np.float32))


def read_label_map(output: Output, scan: Scan, labelling: str, wanted: Wanted = None) -> Volume:
    """Label map of a scan on its own grid."""
    return _read(read_labels, output, paths.label_map(scan, labelling), scan, wanted)


def read_structures(output: Output, scan: Scan, labelling: str) -> dict[int, str]:
    """Structures of a scan's label map, by the look-up table of the output folder.

    That table holds the names of all maps, earlier ones too. What the scan's own map has and its own table does not
    name is no structure, whatever another scan's table, or an earlier state of this one, says of the index.

    Raises
    ------
    DamagedError
        The table is gone or damaged; it is made again with all label maps of the labelling.
    """
    file = paths.look_up_table(labelling)
    found = structures_if_whole(output, labelling)
    if found is None:
        what = "is gone or damaged, so are the label maps that it names"
        raise DamagedError(_tell_lost(file, scan, what), own_label_maps(output, labelling))
    unnamed = output.read_sidecar(paths.label_map(scan, labelling))
    left_out = unnamed.get("VoxelsWithoutName", {})
    return {index: name for index, name in only_named(found).items() if str(index) not in left_out}


def structures_if_whole(output: Output, labelling: str) -> dict[int, str] | None:
    """The same; None where there is no whole table, in which case no label map is worth anything.

    A table holds the names of all scans' structures, so one that lost some could not be told from one that never had
    them. We end the last line, which a table that is cut short lacks.
    """
    file = output / paths.look_up_table(labelling)
    try:
        if file.read_bytes().endswith(b"\n"):
            return read_lut(file)
    except (BadDataError, FileNotFoundError):
        pass
    return None


def own_label_maps(output: Output, labelling: str) -> list[Path]:
    """Sidecars of the scans' own maps of a labelling, which its look-up table names; not of those moved to others."""
    found = output.find(f"sub-*/**/*_seg-{labelling}_*dseg.json")
    return [sidecar for sidecar in found if "Labeller" in output.read_json(sidecar)]


def native_grid(
    output: Output, scan: Scan, labelling: str, wanted: Wanted = None
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of the scan's image as it came."""

    def read(path: Path) -> tuple[tuple[int, int, int], np.ndarray]:
        about: dict[str, Any] = read_json(paths.sidecar(path))
        if not about:
            raise MissingInputError("another run is about to replace it")
        x, y, z = about["NativeShape"]
        return (x, y, z), np.array(about["NativeAffine"])

    return _read(read, output, paths.label_map(scan, labelling), scan, wanted)


def read_alignment(output: Output, scan: Scan, reference: Scan, variant: str, wanted: Wanted = None) -> np.ndarray:
    """Matrix from the reference's world to the scan's."""
    transform = _read(read_itk, output, paths.alignment(scan, reference, variant), scan, wanted)
    matrix = np.eye(4)
    for step in transform.steps:
        matrix = np.asarray(step) @ matrix
    return matrix


def read_transform(output: Output, moving: Scan, fixed: Scan, arm: str, wanted: Wanted = None) -> Transform:
    """What a registration found, alignment included: the fixed scan's world to the moving scan's."""
    return _read(read_itk, output, paths.transform(moving, fixed, arm), moving, wanted)
