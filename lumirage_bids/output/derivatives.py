"""Where everything below the output folder lies, and how it is written: whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock

from lumirage_bids import __version__
from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.bids.scans import Scan

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset

BIDS_VERSION = "1.10.0"
# What file systems without locks answer: Lustre mounted without them, NFS without its lock daemon.
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
SLOPPY = " (SLOPPY, not for publication)"
# Order of entities in a derivative's file name (BIDS schema); those of the raw file come first, in their own order.
DERIVED = ("from", "to", "mode", "space", "seg", "res", "desc")
BIDSIGNORE = """\
.lumirage
config
group
logs
work
*.html
scores.json
status.tsv
status.json
*_agreement.json
*_scores.tsv
*_slices.npz
*_xfm.*
"""


def label(text: str) -> str:
    """Turn a name into a BIDS label: letters and digits stay, a decimal point becomes ``p``, the rest goes.

    Examples
    --------
    >>> label("0.6mm"), label("ants_syn")
    ('0p6mm', 'antssyn')
    """
    return re.sub(r"[^0-9a-zA-Z+]", "", re.sub(r"(?<=\d)\.(?=\d)", "p", text))


def description(variant: str, method: str) -> str:
    """``desc-`` label of an arm: the method, after the variant unless that is ``default``.

    Examples
    --------
    >>> description("default", "greedy"), description("0.6mm", "ants_syn")
    ('greedy', '0p6mm+antssyn')
    """
    return label(method) if variant == "default" else f"{label(variant)}+{label(method)}"


def variant_label(variant: str, what: str) -> str:
    """``desc-`` label of something made once per variant: ``prepared``, ``0p6mm+prepared``."""
    return what if variant == "default" else f"{label(variant)}+{what}"


def path(scan: Scan, suffix: str, extension: str, **entities: str | None) -> Path:
    """Path, below the output folder, of a file derived from a scan.

    Parameters
    ----------
    scan : Scan
        Its own entities come first in the name, but those of `DERIVED`, which further ones may replace.
    suffix, extension : str
        ``dseg`` and ``.nii.gz``, say.
    **entities : str or None
        Further entities, from `DERIVED` (``from_`` for ``from``); None leaves one out.

    Examples
    --------
    >>> scan = Scan(path=Path("/d/sub-1/anat/sub-1_T1w.nii"), dataset=Path("/d"), subject="1", session=None,
    ...             suffix="T1w", entities={"sub": "1"})
    >>> path(scan, "dseg", ".nii.gz", seg="tissue", space="T1w").as_posix()
    'sub-1/anat/sub-1_space-T1w_seg-tissue_dseg.nii.gz'
    """
    given = {k.rstrip("_"): v for k, v in entities.items() if v is not None}
    unknown = set(given) - set(DERIVED)
    if unknown:
        raise ValueError(f"unknown entities {sorted(unknown)}; known: {DERIVED}")
    values = {**scan.entities, **given}
    parts = [f"{k}-{values[k]}" for k in (*(k for k in scan.entities if k not in DERIVED), *DERIVED) if k in values]
    folder = Path(f"sub-{scan.subject}", *([f"ses-{scan.session}"] if scan.session else []), "anat")
    return folder / f"{'_'.join([*parts, suffix])}{extension}"


def entities_of(file: Path) -> dict[str, str]:
    """Entities and suffix of a BIDS file name: the inverse of `path`.

    Examples
    --------
    >>> entities_of(Path("sub-1_seg-tissue_desc-greedy_scores.tsv"))
    {'sub': '1', 'seg': 'tissue', 'desc': 'greedy', 'suffix': 'scores'}
    """
    *parts, suffix = file.name.split(".")[0].split("_")
    return {**dict(p.split("-", 1) for p in parts if "-" in p), "suffix": suffix}


def prepared_image(scan: Scan, variant: str) -> Path:
    """Prepared image: reoriented, at the variant's spacing, skull-stripped, scaled, cropped."""
    return path(scan, scan.suffix, ".nii.gz", desc=variant_label(variant, "prepared"))


def is_prepared_image(file: Path) -> bool:
    """Whether a file is some scan's prepared image.

    Examples
    --------
    >>> is_prepared_image(Path("sub-1_desc-1mm+prepared_T1w.nii.gz"))
    True
    >>> is_prepared_image(Path("sub-1_desc-1mm+prepared_T1w.json"))
    False
    """
    return file.name.endswith(".nii.gz") and entities_of(file).get("desc", "").endswith("prepared")


def prepared_mask(scan: Scan, variant: str) -> Path:
    """Brain mask on the grid of the prepared image."""
    return path(scan, "mask", ".nii.gz", space=scan.suffix, desc=variant_label(variant, "brain"))


def label_map(scan: Scan, labelling: str) -> Path:
    """Label map of a scan, on the grid it was made on."""
    return path(scan, "dseg", ".nii.gz", space=scan.suffix, seg=labelling)


def agreement(scan: Scan, labelling: str, reference: str) -> Path:
    """How well a labelling's map of a scan agrees with a reference's of the same scan; a JSON."""
    return path(scan, "agreement", ".json", space=scan.suffix, seg=labelling, desc=reference)


def look_up_table(labelling: str) -> Path:
    """Names of a labelling's structures."""
    return Path(f"seg-{labelling}_dseg.tsv")


def alignment(scan: Scan, reference: Scan, variant: str) -> Path:
    """ITK affine from the reference's world to the scan's."""
    desc = variant_label(variant, "alignment")
    return path(scan, "xfm", ".txt", from_=scan.suffix, to=reference.key, mode="image", desc=desc)


def scores(moving: Scan, labelling: str, arm: str, digest: str) -> Path:
    """Rows of one batch of pairs."""
    return path(moving, "scores", ".tsv", seg=labelling, desc=f"{arm}+{digest}")


def slices(moving: Scan, arm: str, digest: str) -> Path:
    """Moved labels in three planes of the fixed scan, for figures."""
    return path(moving, "slices", ".npz", desc=f"{arm}+{digest}")


def moved_labels(moving: Scan, fixed: Scan, arm: str, labelling: str) -> Path:
    """Labels of the moving scan on the fixed scan's native grid."""
    return path(moving, "dseg", ".nii.gz", space=fixed.key, seg=labelling, desc=arm)


def moved_image(moving: Scan, fixed: Scan, arm: str) -> Path:
    """Image of the moving scan on the fixed scan's prepared grid."""
    return path(moving, moving.suffix, ".nii.gz", space=fixed.key, desc=arm)


def transform(moving: Scan, fixed: Scan, arm: str) -> Path:
    """ITK transform from the fixed scan's world to the moving scan's: it resamples moving images on the fixed grid."""
    return path(moving, "xfm", ".h5", from_=moving.suffix, to=fixed.key, mode="image", desc=arm)


def inverse_transform(moving: Scan, fixed: Scan, arm: str) -> Path:
    """ITK transform from the moving scan's world to the fixed scan's."""
    return path(moving, "xfm", ".h5", from_=fixed.key, to=moving.suffix, mode="image", desc=arm)


def kept(moving: Scan, fixed: Scan, arm: str, save: str, labellings: Iterable[str]) -> list[Path]:
    """What ``--save`` asks for of a pair; without the inverse, which not every method gives."""
    files = []
    if save in {"labels", "all"}:
        files += [moved_labels(moving, fixed, arm, name) for name in labellings]
    if save in {"images", "all"}:
        files.append(moved_image(moving, fixed, arm))
    if save in {"transforms", "all"}:
        files.append(transform(moving, fixed, arm))
    return files


def sidecar(file: Path) -> Path:
    """The JSON beside a file."""
    return file.with_name(file.name.split(".")[0] + ".json")


def failure(file: Path) -> Path:
    """Where it is noted that a file could not be made, and why."""
    return Path("logs", "failures", f"{file.name.split('.')[0]}.json")


def why_not(out_dir: Path, file: Path, value: str | None) -> str | None:
    """Why a file could not be made, if it is noted; only of the file with digest `value` where one is given."""
    note = read_json(out_dir / failure(file))
    return note.get("Reason") if value in (None, note.get("Hash")) else None


def hash_of(file: Path) -> str | None:
    """Digest in the sidecar of a file that is there."""
    return read_json(sidecar(file)).get("Hash") if is_there(file) else None


def disown(file: Path) -> None:
    """Take away the sidecar: what the file holds is not known while it is written, or from now on."""
    sidecar(file).unlink(missing_ok=True)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A temporary path that takes the file's place when the block ends well; else nothing is left behind."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays, since writers choose the format by it.
        name = file.name.split(".", 1)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{name[0]}-", suffix="." + "".join(name[1:]))
    except OSError as error:
        raise CannotWriteError(f"{file} cannot be written: {error.strerror}. Check permissions and space.") from None
    os.close(handle)
    try:
        yield Path(temporary)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        with Path(temporary).open("rb") as written:
            os.fsync(written)  # some file systems put the new name on the disk before the content
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)


def files(out_dir: Path, pattern: str) -> list[Path]:
    """Files below an output folder that fit a pattern, in order; not what a killed process left half written."""
    return sorted(f for f in out_dir.glob(pattern) if not f.name.startswith("."))


def is_there(file: Path) -> bool:
    """Whether a file is there and not empty, as some file systems leave one when a machine goes down."""
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def write_text(file: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(file) as temporary:
        temporary.write_text(text, "utf-8")


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(file, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(file: Path) -> dict[str, Any]:
    """Content of a JSON file; empty where there is none or it is torn."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def publishing(file: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Write a file in the block and its sidecar after it.

    The sidecar holds the digest: it goes first and comes last, so a file with a digest is whole, and made as it says.
    """
    disown(file)
    yield
    write_json(sidecar(file), about)


def write_table(file: Path, table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Write a TSV, ``n/a`` for missing, and its data dictionary beside it."""
    with replacing(file) as temporary:
        table.to_csv(temporary, sep="\t", index=False, na_rep="n/a", float_format="%.6g", lineterminator="\n")
    if columns is not None:
        write_json(file.with_suffix(".json"), columns)


def read_table(file: Path, dtype: Any = str, columns: Callable[[str], bool] | None = None) -> pd.DataFrame:
    """A table that `write_table` wrote, or some of its columns; empty where there is none or it is torn."""
    try:
        return pd.read_csv(file, sep="\t", na_values=["n/a"], keep_default_na=False, dtype=dtype, usecols=columns)
    except (FileNotFoundError, ValueError):  # empty, cut within a row, or not text
        return pd.DataFrame()


@contextmanager
def lock(out_dir: Path, name: str) -> Iterator[None]:
    """Hold a lock of this output folder; other runs on it wait."""
    file = out_dir / ".lumirage" / "locks" / f"{name}.lock"
    # Not the files that stand in for locks where there are none: a killed process would leave them locked.
    held = FileLock(file, fallback_to_soft=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except PermissionError as error:
        raise CannotWriteError(f"{error.filename or file} cannot be written: {error.strerror}.") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise CannotWriteError(
            f"The file system of {out_dir} has no file locks (flock). Mount it with them, or give another OUT_DIR."
        ) from None
    try:
        yield
    finally:
        held.release()


def raw_uri(scan: Scan) -> str:
    """``bids:raw:`` URI of a scan's image, ``bids:templateflow:`` of a template's."""
    return f"bids:{'templateflow' if scan.template else 'raw'}:{(scan.brain or scan).relative}"


def dataset_name(raw: str, sloppy: bool) -> str:
    """Name of the derivatives made from a dataset."""
    return f"LUMirage evaluation of {raw}" + (SLOPPY if sloppy else "")


def initialise(out_dir: Path, dataset: Dataset, protocol: str, sloppy: bool) -> None:
    """Write what every BIDS derivative dataset has at its root, if it is not there yet."""
    links = {"raw": dataset.root.as_uri()}
    links |= {name: root.as_uri() for name, root in dataset.derivatives.items() if name == "templateflow"}
    made_by: dict[str, str] = {"Name": "LUMirage", "Version": __version__, "Description": f"protocol {protocol}"}
    content = {
        "Name": dataset_name(dataset.name, sloppy),
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
        "SourceDatasets": [{"URL": dataset.root.as_uri()}],
        "DatasetLinks": links,
        "Protocol": protocol,
        "Sloppy": sloppy,
    }
    about = {
        "dataset_description.json": json.dumps(content, indent=2, ensure_ascii=False) + "\n",
        ".bidsignore": BIDSIGNORE,
        "README": README.format(version=__version__, protocol=protocol),
    }
    for name, text in about.items():
        if not (out_dir / name).exists() or (out_dir / name).read_text("utf-8") != text:
            write_text(out_dir / name, text)


README = """\
Evaluation of deformable image registration by LUMirage {version}, protocol {protocol}.

group/report.html   the result, to read; group/*.tsv the same as tables, each with a JSON that explains its columns
sub-*.html          each subject's scans, labels, alignment and registrations, to look at
sub-*/              prepared images, masks, label maps, alignments; the scores of pairs whose moving scan is this one's
status.tsv          what happened to every pair
descriptions.tsv    what the desc- labels stand for
config/             the settings of every run
"""
