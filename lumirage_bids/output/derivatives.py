"""Where everything below the output folder lies, and how it is written: whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids import __version__
from lumirage_bids.output import files as files_
from lumirage_bids.output.files import is_there, read_json, write_json, write_text
from lumirage_bids.output.paths import failure, sidecar

if TYPE_CHECKING:
    from lumirage_bids.bids.dataset import Dataset

BIDS_VERSION = "1.10.0"
SLOPPY = " (SLOPPY, not for publication)"
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


def files(out_dir: Path, pattern: str) -> list[Path]:
    """Files below an output folder that fit a pattern, in order; not what a killed process left half written."""
    return sorted(f for f in out_dir.glob(pattern) if not f.name.startswith("."))


@contextmanager
def publishing(file: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Write a file in the block and its sidecar after it.

    The sidecar holds the digest: it goes first and comes last, so a file with a digest is whole, and made as it says.
    """
    disown(file)
    yield
    write_json(sidecar(file), about)


@contextmanager
def lock(out_dir: Path, name: str) -> Iterator[None]:
    """Hold a lock of this output folder; other runs on it wait."""
    with files_.lock(out_dir / ".lumirage" / "locks" / f"{name}.lock"):
        yield


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
