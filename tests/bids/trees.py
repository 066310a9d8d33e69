"""Small BIDS trees, written for a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.bids.names import parse_name

T1W = {"t1w": {"suffix": "T1w"}}
DESCRIPTION = {"Name": "Made up", "BIDSVersion": "1.10.0"}


def make(root: Path, *images: str, **files: object) -> Path:
    """Write a dataset: empty images (dangling links where the name starts with !), and JSON or text by path."""
    (root / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps(DESCRIPTION))
    for image in images:
        name = image.removeprefix("!")
        entities, _ = parse_name(name) or ({}, "")
        folder = Path(*(f"{k}-{entities[k]}" for k in ("sub", "ses") if k in entities), "anat")
        put(root / (name if "/" in name else folder / name), None if image.startswith("!") else "")
    for path, content in files.items():
        put(root / path, content if isinstance(content, str) else json.dumps(content))
    return root


def put(path: Path, content: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.symlink_to("../.git/annex/objects/aa/SHA256E-s1--ab/SHA256E-s1--ab")
    else:
        path.write_text(content)


def look(root: Path, filters: Mapping[str, Mapping[str, object]] = T1W, **query: Any) -> Dataset:
    return open_dataset(root, Query(filters=filters, **query))


def names(dataset: Dataset) -> list[str]:
    return [scan.name for scan in dataset.scans]
