"""What every BIDS derivative dataset has at its root."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import (
    DESCRIPTION,
    code_url,
    dataset_name,
    evaluated_dataset,
    initialise,
    read_doi,
    read_own_description,
)
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


DOI = "doi:10.18112/openneuro.ds005216.v1.0.0"
IMAGE = {"Type": "docker", "Tag": "lumirage:0.2.0"}


@pytest.mark.parametrize(
    ("given", "doi"),
    [
        (DOI, DOI),
        (DOI.removeprefix("doi:"), DOI),
        (f"https://doi.org/{DOI.removeprefix('doi:')}", DOI),
        ("TODO: get one", ""),
        (3, ""),
    ],
)
def test_a_doi_is_read_as_it_is_written(given: object, doi: str, tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).write_text(json.dumps({"DatasetDOI": given}))
    assert read_doi(tmp_path) == doi


def test_a_dataset_without_a_description_has_no_doi(tmp_path: Path) -> None:
    assert read_doi(tmp_path) == ""


@pytest.mark.parametrize("container", [None, IMAGE], ids=["outside", "in a container"])
@pytest.mark.parametrize("doi", ["", DOI])
@pytest.mark.parametrize("out", ["derivatives/out", "../out"])
def test_no_address_means_nothing_outside_a_container(
    container: dict[str, str] | None, doi: str, out: str, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    raw = dataset(tmp_path / "raw", [scan(tmp_path / "raw", "1")])
    (raw.root / DESCRIPTION).write_text(json.dumps({"Name": "d", "BIDSVersion": "1.10.0", "DatasetDOI": doi}))
    folder = Path(raw.root, out).resolve()
    initialise(Output(folder), raw, "default", sloppy=False, container=container)
    about = read_own_description(Output(folder))
    link = doi or ("../.." if out.startswith("derivatives") else "" if container else raw.root.as_uri())
    assert about["DatasetLinks"] == ({"raw": link} if link else {})
    assert about.get("SourceDatasets", []) == ([{"DOI": doi} if doi else {"URL": link}] if link else [])
    assert about["GeneratedBy"][0].get("Container") == container
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([validator, "--json", folder], capture_output=True, text=True, check=False)
    about_description = [
        i
        for i in json.loads(done.stdout)["issues"]["issues"]
        if i["severity"] == "error" and DESCRIPTION in i.get("location", "")
    ]
    assert about_description == []


def test_the_code_has_the_address_of_the_project_or_none() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert code_url() == project.get("urls", {}).get("Source", "")
