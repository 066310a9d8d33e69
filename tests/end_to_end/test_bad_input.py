"""Bad input gets a message, the right exit code and no traceback; nothing half-written stays behind."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from conftest import options, run_program


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


def no_folder(case: Case) -> None:
    case.bids = case.bids / "nowhere"


def no_description(case: Case) -> None:
    (case.bids / "dataset_description.json").unlink()


def empty_filter(case: Case) -> None:
    file = case.out.with_name("filter.json")
    file.write_text(json.dumps({"t1w": {"session": "9"}}))
    case.arguments += ["--bids-filter-file", file]


def unknown_filter_key(case: Case) -> None:
    file = case.out.with_name("filter.json")
    file.write_text(json.dumps({"t1w": {"sesion": "1"}}))
    case.arguments += ["--bids-filter-file", file]


def one_subject(case: Case) -> None:
    shutil.rmtree(case.bids / "sub-01")
    shutil.rmtree(case.bids / "sub-03")


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


def unknown_participant(case: Case) -> None:
    case.arguments += ["--participant-label", "sub-77"]


def unknown_method(case: Case) -> None:
    case.arguments += ["--methods", "gredy"]


def unknown_protocol(case: Case) -> None:
    case.arguments += ["--protocol", "ultra"]


def unknown_labelling(case: Case) -> None:
    case.arguments += ["--labellings", "synthseg9"]


def unknown_option(case: Case) -> None:
    case.arguments += ["--metods", "greedy"]


def bad_number(case: Case) -> None:
    case.arguments += ["--max-pairs", "-3"]


def no_cuda(case: Case) -> None:
    case.arguments += ["--device", "cuda:99"]


def no_plugin_file(case: Case) -> None:
    case.arguments += ["--use-plugin", case.out / "plugin.yml"]


def out_is_dataset(case: Case) -> None:
    case.out = case.bids


def out_in_raw_tree(case: Case) -> None:
    case.out = case.bids / "sub-01" / "results"


def out_holds_dataset(case: Case) -> None:
    case.out = case.bids.parent


def out_is_a_file(case: Case) -> None:
    case.out.write_text("precious")


def out_is_another_dataset(case: Case) -> None:
    case.out.mkdir()
    (case.out / "dataset_description.json").write_text('{"Name": "fMRIPrep"}')


def out_of_another_protocol(case: Case) -> None:
    case.out.mkdir()
    about = {"GeneratedBy": [{"Name": "LUMirage"}], "Protocol": "prime-de", "Sloppy": True}
    (case.out / "dataset_description.json").write_text(json.dumps(about))


def out_of_another_dataset(case: Case) -> None:
    case.out.mkdir()
    name = "LUMirage evaluation of ds-A (SLOPPY, not for publication)"
    about = {"Name": name, "GeneratedBy": [{"Name": "LUMirage"}], "Protocol": "default", "Sloppy": True}
    (case.out / "dataset_description.json").write_text(json.dumps(about))


def both(*changes: Change) -> Change:
    def change(case: Case) -> None:
        for one in changes:
            one(case)

    return change


CASES: dict[str, tuple[Change, int, list[str]]] = {
    "no such folder": (no_folder, 66, ["nowhere"]),
    "no dataset_description": (no_description, 16, ["dataset_description.json", "write one"]),
    "filter selects nothing": (empty_filter, 18, ["T1w"]),
    "unknown filter key": (unknown_filter_key, 64, ["'sesion'", "session"]),
    "one subject only": (one_subject, 18, ["a pair needs two"]),
    "unknown participant": (unknown_participant, 66, ["77", "01, 02, 03"]),
    "truncated image": (both(truncated, name), 65, ["sub-02_T1w.nii.gz"]),
    "4D image": (both(four_dimensional, name), 65, ["sub-02_T1w.nii.gz", "2"]),
    "image of NaNs": (both(not_a_number, name), 65, ["sub-02_T1w.nii.gz"]),
    "empty label map": (both(empty_labels, name), 65, ["sub-02_seg-demo_dseg.nii.gz"]),
    "labels that are no integers": (both(broken_labels, name), 65, ["sub-02_seg-demo_dseg.nii.gz", "integer"]),
    "label file missing": (both(no_labels, name), 66, ["02"]),
    "named participant not here": (both(dangling, name), 66, ["datalad get", "sub-02_T1w.nii.gz"]),
    "unknown method": (unknown_method, 64, ["gredy", "greedy", "identity"]),
    "unknown protocol": (unknown_protocol, 64, ["ultra", "ultracortex"]),
    "unknown labelling": (unknown_labelling, 66, ["synthseg9", "--derivatives"]),
    "unknown option": (unknown_option, 64, ["--metods"]),
    "number out of range": (bad_number, 64, ["--max-pairs", "-3"]),
    "no such GPU": (no_cuda, 64, ["cuda:99", "cpu"]),
    "no such plugin file": (no_plugin_file, 66, ["plugin.yml"]),
    "OUT is the dataset": (out_is_dataset, 64, ["must not be the dataset"]),
    "OUT in the raw tree": (out_in_raw_tree, 64, ["raw tree"]),
    "OUT holds the dataset": (out_holds_dataset, 64, ["hold it"]),
    "OUT is a file": (out_is_a_file, 73, ["is a file"]),
    "OUT is another dataset": (out_is_another_dataset, 64, ["another dataset"]),
    "OUT of another protocol": (out_of_another_protocol, 64, ["'prime-de'", "'default'"]),
    "OUT of another dataset": (out_of_another_dataset, 64, ["ds-A", "Synthetic brains"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name: str, demo_dataset: Path, tmp_path: Path) -> None:
    change, code, words = CASES[name]
    case = Case(bids=tmp_path / "data" / "bids", out=tmp_path / "out")
    shutil.copytree(demo_dataset, case.bids, symlinks=True)
    change(case)
    before = snapshot(tmp_path)
    bids = tmp_path / "data" / "bids"
    done = run_program([case.bids, case.out, "participant", *options(bids), *case.arguments])
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
    done = run_program([case.bids, case.out, "participant", *options(case.bids), "--methods", "identity"])
    assert done.code == 1, done.said
    rows = (case.out / "status.tsv").read_text().splitlines()[1:]
    assert len(rows) == 6
    assert all(("failed\tbad data: " in row) == ("sub-02" in row) for row in rows)
    again = run_program([case.bids, case.out, "participant", *options(case.bids), "--methods", "identity"])
    assert again.code == 1
    assert "6 done already, 0 to do" in again.out
    assert run_program([case.bids, case.out, "group"]).code == 0


def test_group_without_participant(demo_dataset: Path, tmp_path: Path) -> None:
    done = run_program([demo_dataset, tmp_path / "out", "group"])
    assert done.code == 66
    assert "participant" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_out_not_writable(demo_dataset: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = run_program([demo_dataset, tmp_path / "out", "participant", *options(demo_dataset)])
    tmp_path.chmod(0o700)
    assert done.code == 73, done.said


def test_out_where_nothing_can_be_made(demo_dataset: Path) -> None:
    done = run_program([demo_dataset, "/proc/lumirage", "participant", *options(demo_dataset)])
    assert done.code == 73, done.said
    assert "/proc" in done.err


@pytest.mark.parametrize("level", ["participant", "group"])
def test_names_are_not_run_and_not_rendered(level: str, demo_dataset: Path, tmp_path: Path) -> None:
    label = "$(touch${IFS}pwned)<script>alert(1)</script>"
    done = run_program([demo_dataset, tmp_path / "o", level, *options(demo_dataset), "--participant-label", label])
    assert done.code == 66
    assert "Traceback" not in done.said
    assert not Path("pwned").exists()
