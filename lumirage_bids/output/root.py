"""What lies at the root of the output folder, as of every BIDS derivative dataset."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING, Any

from lumirage_bids import __version__
from lumirage_bids.output.files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.output.folder import Output

BIDS_VERSION = "1.11.0"
TEMPLATEFLOW = "https://github.com/templateflow/templateflow"
DESCRIPTION = "dataset_description.json"
_BEFORE = "LUMirage evaluation of "
SLOPPY = " (SLOPPY, not for publication)"
BIDSIGNORE = """\
.lumirage
config
frozen.toml
group
logs
work
*.html
scores.json
status.tsv
status.json
*_agreement.json
*_consistency.*
*_fusion.*
*_placements.json
*_scores.tsv
*_slices.npz
*_xfm.*
"""
README = """\
Evaluation of deformable image registration by LUMirage {version}, protocol {protocol}.

group/report.html   the result, to read; group/*.tsv the same as tables, each with a JSON that explains its columns
sub-*.html          each subject's scans, labels, alignment and registrations, to look at
sub-*/              prepared images, masks, label maps, alignments; the scores of pairs whose moving scan is this one's
status.tsv          what happened to every pair
descriptions.tsv    what the desc- labels stand for
config/             the settings of every run
"""


def read_own_description(output: Output) -> dict[str, Any]:
    """What an output folder says of itself; empty where it does not, or its file is torn."""
    return output.read_json(DESCRIPTION)


def evaluated_dataset(about: Mapping[str, Any]) -> str:
    """Name of the dataset that derivatives were made from, by what they say of themselves; empty where not known."""
    # Versions before 0.2.0 noted it as a part of the name alone.
    return str(about.get("Dataset") or str(about.get("Name", "")).removeprefix(_BEFORE).removesuffix(SLOPPY))


def dataset_name(raw: str, sloppy: bool) -> str:
    """Name of the derivatives made from a dataset."""
    return _BEFORE + raw + (SLOPPY if sloppy else "")


def initialise(
    output: Output, dataset: Dataset, protocol: str, sloppy: bool, container: Mapping[str, str] | None = None
) -> None:
    """Write what every BIDS derivative dataset has at its root, if it is not there yet.

    Parameters
    ----------
    container : mapping, optional
        ``Type`` and ``Tag`` of the image that the program runs in. Paths within it mean nothing outside.
    """
    doi = read_doi(dataset.root)
    raw = doi or _address(dataset.root, output, inside=container is not None)
    source = {"DOI": doi} if doi else {"URL": raw}
    links = {"raw": raw, "templateflow": TEMPLATEFLOW if "templateflow" in dataset.derivatives else ""}
    made_by: dict[str, object] = {"Name": "LUMirage", "Version": __version__, "Description": f"protocol {protocol}"}
    made_by |= {"CodeURL": url} if (url := code_url()) else {}
    made_by |= {"Container": dict(container)} if container else {}
    content = {
        "Name": dataset_name(dataset.name, sloppy),
        "Dataset": dataset.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
        **({"SourceDatasets": [source]} if raw else {}),
        "DatasetLinks": {name: address for name, address in links.items() if address},
        "Protocol": protocol,
        "Sloppy": sloppy,
    }
    about = {
        DESCRIPTION: json.dumps(content, indent=2, ensure_ascii=False) + "\n",
        ".bidsignore": BIDSIGNORE,
        "README": README.format(version=__version__, protocol=protocol),
    }
    for name, text in about.items():
        if not (output / name).exists() or (output / name).read_text("utf-8") != text:
            output.write_text(name, text)


def read_doi(root: Path) -> str:
    """The DOI of a dataset as a URI, ``doi:10.…``; empty where its description gives none."""
    given = str(read_json(root / DESCRIPTION).get("DatasetDOI", ""))
    found = re.fullmatch(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,}\S*/\S+)", given.strip(), re.IGNORECASE)
    return f"doi:{found[1]}" if found else ""


def _address(root: Path, output: Output, *, inside: bool) -> str:
    """Where a dataset lies: as seen from an output within it, else in full; empty where that means nothing outside."""
    if output.root.is_relative_to(root):
        return "/".join([".."] * len(output.root.relative_to(root).parts))
    return "" if inside else root.as_uri()


def code_url() -> str:
    """The address of the source code that the package names; empty while it has none."""
    try:
        urls = metadata("lumirage-bids").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    return str(named.get("Source", ""))
