"""What every BIDS derivative dataset has at its root."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import DESCRIPTION, dataset_name, evaluated_dataset, initialise, read_own_description
from tests.small_plan import dataset, scan


def test_an_output_folder_says_what_it_was_made_from(tmp_path: Path) -> None:
    raw, output = dataset(tmp_path, [scan(tmp_path, "1")]), Output(tmp_path / "out")
    raw = replace(raw, derivatives={"mine": tmp_path / "mine", "templateflow": tmp_path / "templates"})
    assert read_own_description(output) == {}
    initialise(output, raw, "default", sloppy=True)
    about = read_own_description(output)
    assert about["Name"] == dataset_name("d", sloppy=True) == "LUMirage evaluation of d (SLOPPY, not for publication)"
    old = {key: value for key, value in about.items() if key != "Dataset"}
    assert [evaluated_dataset(of) for of in (about, old, {})] == ["d", "d", ""]
    assert about["DatasetType"] == "derivative"
    # What the sidecars' URIs begin with; label maps are not named by such.
    assert set(about["DatasetLinks"]) == {"raw", "templateflow"}
    assert "protocol default" in (output / "README").read_text()
    assert "*_scores.tsv" in (output / ".bidsignore").read_text().splitlines()


def test_root_files_are_written_again_only_where_they_differ(tmp_path: Path) -> None:
    """Other runs may be reading them."""
    raw, output = dataset(tmp_path, [scan(tmp_path, "1")]), Output(tmp_path / "out")
    initialise(output, raw, "default", sloppy=False)
    before = {file: (output / file).stat().st_ino for file in output.find("*")}
    (output / DESCRIPTION).write_text("{")
    initialise(output, raw, "default", sloppy=False)
    assert read_own_description(output)["Protocol"] == "default"
    after = {file: (output / file).stat().st_ino for file in output.find("*")}
    assert [file.name for file in after if after[file] != before[file]] == [DESCRIPTION]
