"""What is known to fail is told before anything is done, with the exit code that the run will have."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import BadDataError, MissingInputError
from lumirage_bids.bids.scans import File, LabelMapFile, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.foresight import Foreseen, foresee
from lumirage_bids.experiment.make_plan import make_plan
from tests.small_plan import asked, dataset, scan

GOOD, BAD = "index\tname\n1\ta\n", "index\tname\none\ta\n"
POINTS = "name\tx\ty\tz\n"


def labelled(root: Path, subject: str, table: Path) -> Scan:
    one = scan(root, subject)
    return replace(one, labels={"manual": LabelMapFile(path=one.labels["manual"].path, dataset=root, lut=table)})


def marked(root: Path, subject: str, text: str) -> Scan:
    (root / f"{subject}.tsv").write_text(POINTS + text)
    return replace(scan(root, subject), landmarks=File(path=root / f"{subject}.tsv", dataset=root))


def look(root: Path, scans: list[Scan], toml: str = "", **changes: object) -> Foreseen:
    (root / "p.toml").write_text('[alignment]\nstart = "none"\n' + toml)
    settings = asked(root, protocol=str(root / "p.toml"), **changes)
    plan = make_plan(dataset(root, scans), protocol.load(settings.protocol), settings)
    return foresee(plan, settings.weights, settings.stage)


def test_nothing_is_foreseen_where_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "good.tsv").write_text(GOOD)
    found = look(tmp_path, [labelled(tmp_path, s, tmp_path / "good.tsv") for s in "123"])
    assert (found.n_rows, found.n_failing, found.text, found.exit_code) == (12, 0, "", 0)
    assert found.error is None


@pytest.mark.parametrize("stage", ["all", "prepare", "register"])
def test_a_look_up_table_that_all_share_stops_the_run(tmp_path: Path, stage: str) -> None:
    (tmp_path / "bad.tsv").write_text(BAD)
    found = look(tmp_path, [labelled(tmp_path, s, tmp_path / "bad.tsv") for s in "123"], stage=stage)
    assert found.n_failing == found.n_rows == 12
    assert isinstance(found.error, BadDataError)
    assert found.exit_code == 65
    assert found.text.count("index 'one'") == 1


def test_one_scans_look_up_table_costs_its_own_pairs(tmp_path: Path) -> None:
    for name, text in (("good", GOOD), ("bad", BAD)):
        (tmp_path / f"{name}.tsv").write_text(text)
    tables = {"1": "good", "2": "good", "3": "bad"}
    found = look(tmp_path, [labelled(tmp_path, s, tmp_path / f"{t}.tsv") for s, t in tables.items()])
    assert (found.n_failing, found.n_rows, found.exit_code, found.error) == (8, 12, 1, None)
    assert found.text.startswith("WILL FAIL: 8 of 12 rows (pair × method × labelling). Look-up table ")


def test_landmarks_are_read_and_their_names_compared(tmp_path: Path) -> None:
    rows = {"1": "A\t0\t0\t0\n", "2": "A\t1\t1\t1\nB\t0\t0\t0\n", "3": "C\t0\t0\t0\n", "4": "A\t0\tx\t0\n"}
    found = look(tmp_path, [marked(tmp_path, s, text) for s, text in rows.items()])
    assert found.n_rows - found.n_failing == 2 * 2  # 1 and 2, both ways and by both methods
    assert found.exit_code == 1
    assert "not a finite number" in found.text
    assert "have no name in common" in found.text
    assert look(tmp_path, [marked(tmp_path, s, text) for s, text in rows.items()], stage="prepare").exit_code == 0


def test_fields_that_are_not_there_are_counted(tmp_path: Path) -> None:
    fields = tmp_path / "fields"
    toml = f'[methods.precomputed]\npath = "{fields}/{{moving}}_{{fixed}}.nii"\n'
    scans = [scan(tmp_path, s) for s in "12"]
    found = look(tmp_path, scans, toml)
    assert (found.n_failing, found.n_rows, found.exit_code) == (2, 4, 1)
    assert f"2 of 2 files are not there, for example {fields}/sub-1_T1w_sub-2_T1w.nii; there is no folder" in found.text
    fields.mkdir()
    (fields / "sub-1_T1w_sub-2_T1w.nii").touch()
    found = look(tmp_path, scans, toml)
    assert (found.n_failing, found.exit_code) == (1, 1)
    assert "1 of 2 files are not there" in found.text
    assert "folder" not in found.text


def test_images_that_are_packed_otherwise_than_they_are_called_are_told(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    scans[2].path.write_bytes(gzip.compress(b"voxels"))
    found = look(tmp_path, scans)
    assert (found.n_failing, found.n_rows, found.exit_code, found.error) == (8, 12, 1, None)
    assert found.text.count("sub-3_T1w.nii: is packed by gzip; rename it to sub-3_T1w.nii.gz") == 1
    scans[1].labels["manual"].path.write_bytes(gzip.compress(b"labels"))
    assert look(tmp_path, scans).exit_code == 65
    scans[1].labels["manual"].path.unlink()
    scans[1].labels["manual"].path.symlink_to("nowhere")
    plan = make_plan(dataset(tmp_path, scans, present=()), protocol.load("default"), asked(tmp_path))
    assert (foresee(plan, None).n_rows, foresee(plan, None).n_failing) == (4, 4)  # one pair that is here


def test_the_reference_counts_where_scans_are_aligned_to_it(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    scans[0].path.write_bytes(gzip.compress(b"voxels"))
    made = make_plan(dataset(tmp_path, scans), protocol.load("default"), asked(tmp_path))
    assert made.reference.name == "sub-1_T1w"
    found = foresee(made, None)
    assert found.n_failing == found.n_rows > 0
    assert found.exit_code == 65


def test_what_is_only_missing_is_missing_input() -> None:
    found = Foreseen(n_rows=2, n_failing=2, reasons=("gone",), bad_data=False)
    assert isinstance(found.error, MissingInputError)
    assert found.exit_code == 66
    assert Foreseen(n_rows=0, n_failing=0, reasons=(), bad_data=False).exit_code == 0
