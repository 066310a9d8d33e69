from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from lumirage_bids.experiment.software import UNKNOWN, list_versions, software_notes
from lumirage_bids.output.folder import Output

RUN = """
[versions]
fireants = "{fireants}"
torch = "{torch}"
[methods]
greedy = "greedy"
fast = "greedy"
identity = "identity"
"""


def run(out: Path, time: str, fireants: str, torch: str = "2.13.0") -> None:
    file = out / "config" / f"{time}-abcdef.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(RUN.format(fireants=fireants, torch=torch))


def rows(method: str, *made: str | None, finished: str = "2026-01-02T10:00:00.000000+00:00") -> pd.DataFrame:
    return pd.DataFrame({"method": method, "made_with": list(made), "finished": finished, "status": "ok"})


def test_a_row_says_the_versions_of_its_packages() -> None:
    assert list_versions(["torch", "antspyx", "no-such"]) == f"antspyx={version('antspyx')} torch={version('torch')}"
    assert list_versions([]) == ""


def test_rows_of_other_versions_are_named_and_counted(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000Z", "1.5.0")
    table = pd.concat(
        [
            rows("greedy", "fireants=1.5.0 torch=2.1.0", "fireants=1.4.0 torch=2.1.0", "fireants=1.4.0 torch=2.1.0"),
            rows("fast", "fireants=1.5.0 torch=1.9.0"),
            rows("identity", None),
        ]
    )
    told = software_notes(Output(tmp_path), {"demo": table}, None)
    assert len(told) == 2
    assert told[0].startswith("2 row(s) of greedy were made with fireants 1.4.0, the latest run has fireants 1.5.0")
    assert told[1].startswith("1 row(s) of fast were made with torch 1.9.0")
    assert "--redo fast" in told[1]
    assert software_notes(Output(tmp_path), {"demo": table.iloc[:1]}, None) == []


@pytest.mark.parametrize(("hour", "named"), [("09", True), ("13", False)])
def test_rows_that_do_not_say_it_are_those_of_the_run_they_fell_into(hour: str, named: bool, tmp_path: Path) -> None:
    run(tmp_path, "20260102T080000Z", "1.4.0")
    run(tmp_path, "20260102T120000Z", "1.5.0")
    table = rows("greedy", None, finished=f"2026-01-02T{hour}:30:00.000000+00:00")
    assert bool(software_notes(Output(tmp_path), {"demo": table}, None)) is named


def test_rows_of_unknown_versions_are_named(tmp_path: Path) -> None:
    run(tmp_path, "20260102T080000Z", "1.5.0")
    told = software_notes(Output(tmp_path), {"demo": rows("greedy", UNKNOWN)}, None)
    assert told[0].startswith("1 row(s) of greedy were made with fireants of unknown version, the latest run has fire")
    assert software_notes(Output(tmp_path), {"demo": rows("identity", UNKNOWN)}, None) == []


def test_label_maps_of_other_versions_are_named(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000Z", "1.5.0")
    record = next((tmp_path / "config").iterdir())
    record.write_text(record.read_text().replace("[methods]", 'antspyx = "0.6.3"\n[methods]'))
    for name, made in (("sub-1_", "0.6.2"), ("sub-2_", "0.6.2"), ("sub-3_", "0.6.3"), ("sub-4_space-1T1w_", "0.6.1")):
        file = tmp_path / name[:5] / "anat" / f"{name}seg-tissue_dseg.json"
        file.parent.mkdir(parents=True)
        # As this version has it, and as those before 0.2.0 had.
        told = {"antspyx": made} if name == "sub-1_" else f"antspyx={made}"
        file.write_text(json.dumps({"MadeWith": told}))
    tables = {"tissue": rows("identity", None), "manual": rows("identity", None)}
    (told,) = software_notes(Output(tmp_path), tables, None)
    assert told.startswith("2 label map(s) of tissue were made with antspyx 0.6.2, the latest run has antspyx 0.6.3")
