"""Protocols, scans and hashes of small plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment.plan import Plan
from tests.small_plan import scan


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return str(file)


def registered(made: Plan) -> dict[str, set[str]]:
    """Arm → registration hashes of its pairs."""
    return {
        arm.label: {t.registration_hash for b in made.batches if arm in b.arms for t in b.tasks} for arm in made.arms
    }


def template(root: Path) -> Scan:
    return replace(scan(root, "MNI152NLin2009cAsym", labelled=False), template=True)
