"""A labelling whose maps are scored against a reference's, from the maps to the group's page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_erosion

from tests.conftest import Outcome, run_program

PROTOCOL = """
[labellings.demo]
pattern = "derivatives/truth/sub-{subject}/anat/{name}_dseg.nii.gz"
[labellings.worse]
pattern = "derivatives/worse/{name}_dseg.nii.gz"
reference = "demo"
[labellings.worse.structures]
101 = "First structure"
102 = "second-structure"
[labellings.demo.structures]
1 = "first structure"
2 = "Second structure"
[methods.identity]
"""


@pytest.fixture(scope="module")
def dataset(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dataset, its labels once more, eroded, renumbered and mirrored; one of three is not here."""
    root = tmp_path_factory.mktemp("labellers") / "bids"
    shutil.copytree(demo_dataset, root)
    (root / "derivatives" / "worse").mkdir()
    for truth in sorted((root / "derivatives" / "truth").glob("sub-*/anat/*_seg-demo_dseg.nii.gz")):
        name = truth.name.replace("_seg-demo_dseg", "_T1w_dseg")
        truth.rename(truth.with_name(name))
        image = nib.load(truth.with_name(name))
        labels = np.asarray(image.dataobj)
        eroded = sum(((100 + i) * binary_erosion(labels == i) for i in range(1, 13)), np.zeros(labels.shape, int))
        flip = np.diag([-1, 1, 1, 1.0])
        flip[0, 3] = labels.shape[0] - 1
        worse = nib.Nifti1Image(eroded[::-1].astype(np.int16), image.affine @ flip)
        nib.save(worse, root / "derivatives" / "worse" / name)
    absent = root / "derivatives" / "worse" / "sub-03_T1w_dseg.nii.gz"
    absent.unlink()
    absent.symlink_to("../.git/annex/objects/gone.nii.gz")
    (root.parent / "labellers.toml").write_text(PROTOCOL, "utf-8")
    return root


def participant(dataset: Path, out: Path) -> Outcome:
    options = ("--protocol", dataset.parent / "labellers.toml", "--sloppy", "--nprocs", "2", "--omp-nthreads", "1")
    return run_program([dataset, out, "participant", *options])


def dices(dataset: Path, subject: str) -> list[float]:
    """Dice of the first two structures, by nibabel and numpy alone."""
    folders = (dataset / "derivatives" / "truth" / f"sub-{subject}" / "anat", dataset / "derivatives" / "worse")
    files = (folder / f"sub-{subject}_T1w_dseg.nii.gz" for folder in folders)
    truth, worse = (np.asarray(nib.as_closest_canonical(nib.load(file)).dataobj) for file in files)
    both = ((truth == i, worse == 100 + i) for i in (1, 2))
    return [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in both]


@pytest.fixture(scope="module")
def scored(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of both levels."""
    out = tmp_path_factory.mktemp("scored") / "out"
    done = participant(dataset, out)
    assert done.code == 0, done.said
    assert "Labelling worse: the maps of 1 of 3 scans are not here" in done.said
    assert "datalad get" in done.said
    group = run_program([dataset, out, "group"])
    assert group.code == 0, group.said
    return out


@pytest.mark.slow
def test_a_labelling_is_scored_against_its_reference(dataset: Path, scored: Path) -> None:
    out = scored
    table = pd.read_csv(out / "group" / "labellers.tsv", sep="\t")
    assert set(json.loads((out / "group" / "labellers.json").read_text())) == set(table.columns)
    expected = [d for subject in ("01", "02") for d in dices(dataset, subject)]
    assert table["dice"].tolist() == pytest.approx(expected, abs=1e-6)
    assert (table["dice"] < 1).all()
    assert table["scan"].tolist() == ["sub-01_T1w"] * 2 + ["sub-02_T1w"] * 2
    assert table["index"].tolist() == [101, 102] * 2
    page = (out / "group" / "report.html").read_text("utf-8")
    assert 'id="labellers"' in page
    assert f"{np.mean(expected):.3f}" in page

    pairs = pd.read_csv(out / "group" / "pairs.tsv", sep="\t")
    counts = pairs[pairs["status"] == "ok"].groupby("labelling").size()
    assert counts.to_dict() == {"demo": 6, "worse": 2}
    panel = (out / "sub-03.html").read_text("utf-8")
    assert "the contour is the reference&#39;s brain" in panel or "the contour is the reference" in panel


@pytest.mark.slow
def test_a_second_run_scores_nothing_again(dataset: Path, scored: Path) -> None:
    written = {f: f.stat().st_mtime_ns for f in scored.glob("sub-*/**/*") if f.is_file()}
    assert len([f for f in written if f.name.endswith("_agreement.json")]) == 2
    assert participant(dataset, scored).code == 0
    assert {f: f.stat().st_mtime_ns for f in written} == written


@pytest.mark.slow
def test_maps_of_other_indices_cost_their_own_rows_and_say_so(dataset: Path, tmp_path: Path) -> None:
    text = PROTOCOL.replace("101 =", "201 =").replace("102 =", "202 =")
    (dataset.parent / "other.toml").write_text(text, "utf-8")
    out = tmp_path / "out"
    options = ("--protocol", dataset.parent / "other.toml", "--sloppy", "--nprocs", "2", "--omp-nthreads", "1")
    done = run_program([dataset, out, "participant", *options])
    assert done.code == 1, done.said
    assert "none of the structures that the protocol names (201, 202), but 101, 102" in done.said
    assert run_program([dataset, out, "group"]).code == 0
    pairs = pd.read_csv(out / "group" / "pairs.tsv", sep="\t")
    assert pairs.groupby(["labelling", "status"]).size().to_dict() == {("demo", "ok"): 6, ("worse", "failed"): 2}
    assert not (out / "group" / "labellers.tsv").exists()
    assert "could not be scored against its reference" in (out / "group" / "report.html").read_text("utf-8")
