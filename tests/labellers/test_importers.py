"""What SLANT's and nBEST's containers leave is found and read as it lies there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.dataset import Dataset, Query, open_dataset
from lumirage_bids.experiment.labels_of_run import choose_labels
from lumirage_bids.experiment.protocol import load
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.labellers import labellings, layouts, reader, segment_checked
from lumirage_bids.labellers._program import packaged_table
from lumirage_bids.maskers import brain_mask
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import write_image
from tests.labellers.phantom import brain

NAME = "sub-{}_ses-1_run-1_T1w"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two subjects with a session each."""
    root = tmp_path / "raw"
    image, _ = brain()
    for subject in "AB":
        write_image(image, root / f"sub-{subject}" / "ses-1" / "anat" / f"{NAME.format(subject)}.nii.gz", np.float32)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "raw", "BIDSVersion": "1.10.0"}))
    return root


def leave(file: Path) -> Path:
    """Write a label map where a program would."""
    _, truth = brain()
    write_image(truth, file, np.uint8)
    return file


def look(raw: Path, name: str, folder: Path, *labellings: str) -> Dataset:
    query = Query(
        filters={"t1w": {"suffix": "T1w"}}, derivatives={name: folder}, labellings=labellings, layouts=layouts()
    )
    return open_dataset(raw, query)


@pytest.mark.parametrize("folder", ["", "{}", "sub-{0[4]}", "sub-{0[4]}/ses-1"])
def test_slant_for_one_or_many_scans_at_once(raw: Path, tmp_path: Path, folder: str) -> None:
    out = tmp_path / "out"
    made = {
        s: leave(out / folder.format(NAME.format(s)) / "FinalResult" / f"{NAME.format(s)}_seg.nii.gz") for s in "AB"
    }
    dataset = look(raw, "slant", out, "slant")
    assert {scan.subject: scan.labels["slant"].path for scan in dataset.scans} == made
    assert dataset.found["slant"] == "existing maps seg-slant from derivatives 'slant' for 2 of 2 scans"


@pytest.mark.parametrize(("above", "channel"), [("", ""), ("data", ""), ("", "_0000"), ("data", "_0000")])
def test_nbest_tissues_subcortical_structures_and_masks(raw: Path, tmp_path: Path, above: str, channel: str) -> None:
    out = tmp_path / "out" / above
    file = f"{NAME.format('A')}{channel}.nii.gz"
    tissue, mask, deep = (leave(out / f / file) for f in ("brain_tissue", "brain_mask", "brain_subcortical_6class"))
    found, other = look(raw, "nbest", tmp_path / "out", "nbest", "nbestsubcortical").scans
    assert (found.labels["nbest"].path, found.labels["nbestsubcortical"].path) == (tissue, deep)
    assert found.mask is not None
    assert found.mask.path == mask
    assert not other.labels
    assert other.mask is None
    assert brain_mask(found, brain()[0], Context())[1] == "existing"


def test_labels_are_read_as_they_are_with_the_packages_names(raw: Path, tmp_path: Path) -> None:
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    scan, _ = look(raw, "slant", tmp_path / "out", "slant").scans
    image, truth = brain()
    labels, names = segment_checked(reader("slant"), scan, image, truth, "slant", Context())
    assert same_grid(labels, truth)
    np.testing.assert_array_equal(labels.array, truth.array)
    # 1 to 3 are no BrainCOLOR indices; all of those are named.
    assert 1 not in names
    assert (names[4], names[207]) == ("3rd Ventricle", "Left TTG transverse temporal gyrus")
    assert len(names) == 132


def test_a_table_beside_the_maps_comes_first(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(out / "brain_tissue" / f"{NAME.format('A')}.nii.gz")
    leave(out / "brain_subcortical" / f"{NAME.format('A')}.nii.gz")
    scan, _ = look(raw, "nbest", out, "nbest", "nbestsubcortical").scans
    _, truth = brain()
    assert reader("nbest").structures(scan, "nbest", truth) == packaged_table("nbest")
    assert reader("nbestsubcortical").structures(scan, "nbestsubcortical", truth)[2] == "label 2"
    (out / "seg-nbestsubcortical_dseg.tsv").write_text("index\tname\n1\tthalamus\n2\tcaudate\n3\tputamen\n")
    scan, _ = look(raw, "nbest", out, "nbest", "nbestsubcortical").scans
    assert reader("nbestsubcortical").structures(scan, "nbestsubcortical", truth)[2] == "caudate"
    assert reader("nbest").structures(scan, "nbest", truth) == packaged_table("nbest")


def test_bids_derivatives_of_the_same_name_stay_bids(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(out / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    here = leave(out / "sub-B" / "ses-1" / "anat" / "sub-B_ses-1_run-1_seg-slant_dseg.nii.gz")
    (out / "dataset_description.json").write_text(json.dumps({"Name": "SLANT", "BIDSVersion": "1.10.0"}))
    first, second = look(raw, "slant", out, "slant").scans
    assert not first.labels
    assert second.labels["slant"].path == here


def test_a_folder_of_another_name_must_be_bids(raw: Path, tmp_path: Path) -> None:
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    with pytest.raises(Exception, match=r"dataset_description\.json"):
        look(raw, "mine", tmp_path / "out", "slant")
    with pytest.raises(MissingInputError, match="nowhere"):
        look(raw, "slant", tmp_path / "nowhere", "slant")


def test_the_plan_reads_what_was_found_and_else_says_how_to_make_it(raw: Path, tmp_path: Path) -> None:
    settings = Settings(bids_dir=raw, out_dir=tmp_path, level="participant", labellings=("slant",))
    (tmp_path / "out").mkdir()
    with pytest.raises(MissingInputError, match=r"'slant' cannot .*FinalResult.*--derivatives slant=.*docker run"):
        choose_labels(load("default"), settings, look(raw, "slant", tmp_path / "out", "slant"))
    leave(tmp_path / "out" / "FinalResult" / f"{NAME.format('A')}_seg.nii.gz")
    (labels,) = choose_labels(load("default"), settings, look(raw, "slant", tmp_path / "out", "slant"))
    assert labels.is_existing
    assert labels.labeller.name == "slant"


def test_tables_name_what_the_protocols_define() -> None:
    sizes = {"slant": 132, "freesurfer": 32 + 68, "deepatropos": 6, "nbest": 3, "tissue": 3}
    assert {name: len(packaged_table(name)) for name in sizes} == sizes
    for name, size in sizes.items():
        assert len(set(packaged_table(name).values())) == size
    slant = packaged_table("slant")
    sides = {i: n.split(" ", 1) for i, n in slant.items() if n.startswith(("Left ", "Right "))}
    for i, (side, structure) in sides.items():
        assert structure in {other for j, (its, other) in sides.items() if j != i and its != side}
    assert all(i % 2 == (side == "Left") for i, (side, _) in sides.items() if i >= 100)


def test_layouts_are_those_of_the_labellers() -> None:
    assert set(layouts()) == {"slant", "nbest"}
    for layout in layouts().values():
        assert all(labellings()[name].layout is layout for name in layout.labels)
