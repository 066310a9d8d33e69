"""What lies at the root of the output folder, as of every BIDS derivative dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lumirage_bids import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lumirage_bids.bids.dataset import Dataset
    from lumirage_bids.output.folder import Output

BIDS_VERSION = "1.10.0"
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


def initialise(output: Output, dataset: Dataset, protocol: str, sloppy: bool) -> None:
    """Write what every BIDS derivative dataset has at its root, if it is not there yet."""
    links = {"raw": dataset.root.as_uri()}
    links |= {name: root.as_uri() for name, root in dataset.derivatives.items() if name == "templateflow"}
    made_by: dict[str, str] = {"Name": "LUMirage", "Version": __version__, "Description": f"protocol {protocol}"}
    content = {
        "Name": dataset_name(dataset.name, sloppy),
        "Dataset": dataset.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made_by],
        "SourceDatasets": [{"URL": dataset.root.as_uri()}],
        "DatasetLinks": links,
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
