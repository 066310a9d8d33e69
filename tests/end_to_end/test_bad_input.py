"""Bad data at the command line: a message, the right exit code, no traceback. See tests/hostile for much more."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import options, run_here, run_program


@dataclass
class Case:
    """What a test case may change before the run."""

    bids: Path
    out: Path
    arguments: list[object] = field(default_factory=list)

    @property
    def image(self) -> Path:
        return self.bids / "sub-02" / "anat" / "sub-02_T1w.nii.gz"

    @property
    def labels(self) -> Path:
        return self.bids / "derivatives/truth/sub-02/anat/sub-02_seg-demo_dseg.nii.gz"

    def rewrite(self, file: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
        image = nib.load(file)
        array = change(np.asarray(image.dataobj))
        nib.save(nib.Nifti1Image(array, image.affine), file)


Change = Callable[[Case], None]


def truncated(case: Case) -> None:
    content = gzip.decompress(case.image.read_bytes())
    case.image.write_bytes(gzip.compress(content)[: len(content) // 8])


def four_dimensional(case: Case) -> None:
    case.rewrite(case.image, lambda a: np.stack([a, a], axis=-1))


def not_a_number(case: Case) -> None:
    case.rewrite(case.image, lambda a: np.full(a.shape, np.nan, np.float32))


def empty_labels(case: Case) -> None:
    case.rewrite(case.labels, np.zeros_like)


def broken_labels(case: Case) -> None:
    case.rewrite(case.labels, lambda a: a.astype(np.float32) + 0.5)


def no_labels(case: Case) -> None:
    case.labels.unlink()


def dangling(case: Case) -> None:
    case.image.unlink()
    case.image.symlink_to("../../.git/annex/objects/aa/SHA256E-s9--ab.nii.gz/SHA256E-s9--ab.nii.gz")


def name(case: Case) -> None:
    case.arguments += ["--participant-label", "02"]


def both(*changes: Change) -> Change:
    def change(case: Case) -> None:
        for one in changes:
            one(case)

    return change


CASES: dict[str, tuple[Change, int, list[str]]] = {
    "truncated image": (both(truncated, name), 65, ["sub-02_T1w.nii.gz"]),
    "4D image": (both(four_dimensional, name), 65, ["sub-02_T1w.nii.gz", "2"]),
    "image of NaNs": (both(not_a_number, name), 65, ["sub-02_T1w.nii.gz"]),
    "empty label map": (both(empty_labels, name), 65, ["sub-02_seg-demo_dseg.nii.gz"]),
    "labels that are no integers": (both(broken_labels, name), 65, ["sub-02_seg-demo_dseg.nii.gz", "integer"]),
    "label file missing": (both(no_labels, name), 66, ["02"]),
    "named participant not here": (both(dangling, name), 66, ["datalad get", "sub-02_T1w.nii.gz"]),
}


OF_VOXELS = ("4D image", "image of NaNs", "empty label map")  # these take a run each; tests/hostile has many more


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in OF_VOXELS)) for n in CASES])
def test_bad_input(name: str, demo_dataset: Path, tmp_path: Path) -> None:
    change, code, words = CASES[name]
    case = Case(bids=tmp_path / "data" / "bids", out=tmp_path / "out")
    shutil.copytree(demo_dataset, case.bids, symlinks=True)
    change(case)
    before = snapshot(tmp_path)
    bids = tmp_path / "data" / "bids"
    done = run_here([case.bids, case.out, "participant", *options(bids), *case.arguments])
    assert done.code == code, done.said
    assert "Traceback" not in done.said
    for word in words:
        assert word in done.said
    if code != 65:  # found out before anything was written
        assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[str, object]:
    return {str(p): p.readlink() if p.is_symlink() else p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_one_bad_scan_costs_its_own_pairs(demo_dataset: Path, tmp_path: Path) -> None:
    case = Case(bids=tmp_path / "bids", out=tmp_path / "out")
    shutil.copytree(demo_dataset, case.bids)
    four_dimensional(case)
    done = run_here([case.bids, case.out, "participant", *options(case.bids), "--methods", "identity"])
    assert done.code == 1, done.said
    rows = (case.out / "status.tsv").read_text().splitlines()[1:]
    assert len(rows) == 6
    assert all(("failed\tbad data\tbad data: " in row) == ("sub-02" in row) for row in rows)
    again = run_here([case.bids, case.out, "participant", *options(case.bids), "--methods", "identity"])
    assert again.code == 1
    assert "6 done already, 0 to do" in again.out
    assert run_here([case.bids, case.out, "group"]).code == 0


@pytest.mark.parametrize("level", ["participant", "group"])
def test_names_are_not_run_and_not_rendered(level: str, demo_dataset: Path, tmp_path: Path) -> None:
    label = "$(touch${IFS}pwned)<script>alert(1)</script>"
    done = run_program([demo_dataset, tmp_path / "o", level, *options(demo_dataset), "--participant-label", label])
    assert done.code == 66
    assert "Traceback" not in done.said
    assert not Path("pwned").exists()
