"""What maps lack and hold besides is told once a labelling, however many scans there are."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.experiment.structure_notes import structure_notes
from lumirage_bids.output import paths
from lumirage_bids.output.files import write_json
from lumirage_bids.output.folder import Output
from tests.small_plan import plan, scan


def notes(
    root: Path, sidecars: dict[str, tuple[list[str], dict[str, int]]], **changes: object
) -> list[tuple[int, str]]:
    made = plan(root, [scan(root, s) for s in sidecars])
    for p in made.preparing:
        absent, unnamed = sidecars[p.scan.subject]
        file = paths.sidecar(made_file := root / "out" / paths.label_map(p.scan, "manual"))
        made_file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"AbsentStructures": absent, "VoxelsWithoutName": unnamed})
    return list(structure_notes(replace(made.labels[0], **changes), made, Output(root / "out")))  # type: ignore[arg-type]


def test_whole_maps_are_not_told(tmp_path: Path) -> None:
    assert notes(tmp_path, {"1": ([], {}), "2": ([], {})}) == []


def test_each_is_counted_once_a_labelling(tmp_path: Path) -> None:
    maps = {"1": (["fornix"], {"7": 5}), "2": (["fornix", "claustrum"], {"7": 6, "9": 1}), "3": ([], {})}
    (_, absent), (level, unnamed) = notes(tmp_path, maps)
    assert absent == ("Labelling 'manual': structures that maps lack: fornix (2 of 3 maps), claustrum (1 of 3 maps).")
    assert level == logging.WARNING
    assert "without a row in the look-up table are left out: 7 (2 of 3 maps, 11 voxels), 9 (1 of 3" in unnamed


@pytest.mark.parametrize(("absent", "level"), [([], logging.INFO), (["a"], logging.WARNING)])
def test_a_protocol_whose_indices_may_be_wrong_is_doubted(tmp_path: Path, absent: list[str], level: int) -> None:
    *_, (found, text) = notes(tmp_path, {"1": (absent, {"7": 5}), "2": ([], {})}, structures=({1: "a"},))
    assert found == level
    assert ("check [labellings.manual.structures]" in text) == (level == logging.WARNING)


def test_shipped_structures_name_what_they_leave_out(tmp_path: Path) -> None:
    changes = {"name": "manual", "structures": ({1: "a"},), "shipped": True}
    ((level, text),) = notes(tmp_path, {"1": ([], {"77": 5}), "2": ([], {"77": 1})}, **changes)
    assert level == logging.INFO
    assert "not scored, as bookkeeping or unknown: 77 (2 of 2 maps, 6 voxels)" in text
