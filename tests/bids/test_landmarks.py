"""Landmarks: their tables, and the error that a transform leaves."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.bids.landmarks import attach_landmarks, corresponding_points, placed_points, read_landmarks
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.output import paths
from tests.bids.trees import look, make, put
from tests.conftest import SHARED

HEADER = "name\tx\ty\tz\n"


def scan(folder: Path, subject: str, text: str | None) -> Scan:
    file = folder / f"sub-{subject}_landmarks.tsv"
    if text is not None:
        file.write_text(text)
    found = None if text is None else File(path=file, dataset=folder)
    path = folder / f"sub-{subject}_T1w.nii"
    return Scan(path=path, dataset=folder, subject=subject, session=None, suffix="T1w", entities={}, landmarks=found)


def test_points_are_matched_by_name(tmp_path: Path) -> None:
    fixed = scan(tmp_path, "1", HEADER + "AC\t0\t0\t0\nPC\t0\t-25.5\t0\nonly here\t1\t1\t1\n")
    moving = scan(tmp_path, "2", HEADER + "PC\t10\t-25.5\t4\nAC\t10\t0\t0\n")
    points = corresponding_points(fixed, moving)
    assert points is not None
    assert points.names == ("AC", "PC")
    assert points.fixed.tolist() == [[0, 0, 0], [0, -25.5, 0]]
    assert points.moving.tolist() == [[10, 0, 0], [10, -25.5, 4]]


def test_names_that_differ_in_capitals_alone_are_one(tmp_path: Path) -> None:
    fixed = scan(tmp_path, "1", HEADER + "AC\t0\t0\t0\npc\t1\t0\t0\nPC\t2\t0\t0\n")
    moving = scan(tmp_path, "2", HEADER + "ac\t3\t0\t0\nPC\t4\t0\t0\n")
    points = corresponding_points(fixed, moving)
    assert points is not None
    assert dict(zip(points.names, points.moving[:, 0], strict=True)) == {"AC": 3, "PC": 4}


def described(*points: tuple[str, str]) -> str:
    rows = (f"{name}\t{i}\t0\t0\t{text}\n" for i, (name, text) in enumerate(points))
    return "name\tx\ty\tz\tdescription\n" + "".join(rows)


def test_names_that_descriptions_say_are_exchanged_are_refused(tmp_path: Path) -> None:
    fixed = scan(tmp_path, "1", described(("1", "AC"), ("2", "PC"), ("3", "PMJ")))
    for wrong in ((("1", "PC"), ("2", "AC")), (("1", "pc"), ("2", "PMJ"), ("3", "culmen"))):
        with pytest.raises(BadDataError, match=r"contradict each other: '[12]' is described as '(ac|pc)' and"):
            corresponding_points(fixed, scan(tmp_path, "2", described(*wrong)))
    for other in (
        (("1", "ac"), ("2", "posterior commissure")),
        (("1", ""), ("2", "")),
        (("1", "AC"), ("2", "PMJ"), ("3", "PMJ")),  # a slip of the pen: the point is there, and is the third
    ):
        found = corresponding_points(fixed, scan(tmp_path, "2", described(*other)))
        assert found is not None
        assert len(found.names) == len(other)


def test_without_a_file_on_both_sides_there_are_no_points(tmp_path: Path) -> None:
    one, other = scan(tmp_path, "1", HEADER + "AC\t0\t0\t0\n"), scan(tmp_path, "2", None)
    assert corresponding_points(one, other) is None
    assert corresponding_points(other, one) is None


def test_points_without_a_common_name_are_refused(tmp_path: Path) -> None:
    one, other = (scan(tmp_path, s, HEADER + f"p{s}\t0\t0\t0\n") for s in "12")
    with pytest.raises(BadDataError, match="no name in common"):
        corresponding_points(one, other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column name, x, y, z"),
        ("name\tx\ty\nAC\t0\t0\n", "no column z"),
        (HEADER + "AC\t0\tleft\t0\n", "'AC' is not a finite number"),
        (HEADER + "AC\t0\tinf\t0\n", "'AC' is not a finite number"),
        (HEADER + "AC\t0\t0\t0\nAC\t1\t1\t1\n", "'AC' is there twice"),
    ],
)
def test_broken_tables_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = scan(tmp_path, "1", text).landmarks
    assert file is not None
    with pytest.raises(BadDataError, match=words):
        read_landmarks(file.path)


def test_a_scan_needs_its_landmarks(tmp_path: Path) -> None:
    one = scan(tmp_path, "1", HEADER)
    assert one.landmarks in one.needs()
    assert one.landmarks not in replace(one, landmarks=None).needs()


LIST = "# Markups fiducial file version = 4.6\n# CoordinateSystem = 0\n1,{},2,3,0,0,0,1,1,1,0,1,AC,\n"


def derivatives(root: Path) -> Path:
    """Landmarks of two scans, of raters, and what is none."""
    (root / "afids").mkdir(parents=True)
    put(
        root / "afids" / "dataset_description.json",
        '{"Name": "A", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}',
    )
    anat = root / "afids" / "sub-{}" / "anat"
    for subject, name, text in (
        ("1", "sub-1_acq-MP2RAGE_run-01_space-T1w_desc-groundtruth_afids.fcsv", LIST.format(1)),
        ("1", "sub-1_acq-MP2RAGE_run-01_space-T1w_desc-groundtruth_afids.json", "{}"),
        ("1", "sub-1_acq-MP2RAGE_run-01_space-T1w_desc-rater01_afids.fcsv", LIST.format(0)),
        ("1", "sub-1_acq-MP2RAGE_run-01_space-T1w_desc-rater02_afids.fcsv", None),
        ("1", "sub-1_acq-other_space-T1w_desc-groundtruth_afids.fcsv", LIST.format(9)),
        ("2", "sub-2_landmarks.mrk.json", None),
        ("3", "sub-3_desc-automatic_afids.fcsv", LIST.format(9)),
        ("3", "sub-3_space-MNI152NLin6Asym_afids.fcsv", LIST.format(9)),
    ):
        put(Path(str(anat).format(subject)) / name, text)
    return root / "afids"


def test_landmarks_are_found_by_their_names(tmp_path: Path) -> None:
    images = ("sub-1_acq-MP2RAGE_run-1_T1w.nii", "sub-2_T1w.nii", "sub-2_T2w.nii", "sub-3_T1w.nii")
    root = make(tmp_path / "raw", *images)
    both = {"t1w": {"suffix": "T1w"}, "t2w": {"suffix": "T2w"}}
    dataset = attach_landmarks(look(root, both, derivatives={"afids": derivatives(tmp_path)}), None, None)
    found = {scan.name: scan.landmarks and scan.landmarks.path.name for scan in dataset.scans}
    assert found == {
        "sub-1_acq-MP2RAGE_run-1_T1w": "sub-1_acq-MP2RAGE_run-01_space-T1w_desc-groundtruth_afids.fcsv",
        "sub-2_T1w": "sub-2_landmarks.mrk.json",
        "sub-2_T2w": None,  # the name does not say that it is of this contrast
        "sub-3_T1w": None,
    }
    first = dataset.scans[0]
    assert placed_points(first) == {"1": {"Description": "AC", "Position": [1, 2, 3], "Raters": {"rater01": [0, 2, 3]}}}
    assert set(first.raters) <= set(first.wants())
    assert not set(first.raters) & set(first.needs())
    assert not dataset.scans[1].landmarks.present
    how_many, absent = dataset.notes[-2:]
    assert how_many == "Landmarks: of 2 of 4 scans, and as placed by 0 to 2 raters per scan."
    assert absent.startswith("What raters placed on 1 of these scans is not here; ")
    assert absent.endswith("rater02_afids.fcsv")
    assert "datalad get -d" in absent


def test_a_pattern_may_have_many_raters(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T1w.nii", "sub-2_T1w.nii")
    for name in ("sub-1_truth", "sub-1_rater-b", "sub-1_rater-a", "sub-2_rater-a"):
        put(root / "points" / f"{name}.fcsv", LIST.format(1))
    dataset = attach_landmarks(look(root), "points/sub-{subject}_truth.fcsv", "points/sub-{subject}_rater-*.fcsv")
    assert [file.path.name for file in dataset.scans[0].raters] == ["sub-1_rater-a.fcsv", "sub-1_rater-b.fcsv"]
    assert dataset.scans[1].landmarks is None
    assert not dataset.scans[1].raters
    with pytest.raises(UsageError, match="landmarks of raters"):
        attach_landmarks(dataset, None, "points/{rater}.fcsv")


@pytest.mark.skipif(not SHARED.exists(), reason="no published trees here")
def test_the_protocol_finds_what_openneuro_has(tmp_path: Path) -> None:
    with tarfile.open(SHARED / "data" / "layouts" / "afids-ds004470.tar.gz") as tar:
        tar.extractall(tmp_path, filter="tar")
    given = protocol.load("afids")
    dataset = attach_landmarks(look(tmp_path / "ds004470"), given.landmark_pattern, given.rater_pattern)
    assert len(dataset.scans) == 32
    assert all(scan.landmarks and len(scan.raters) == 3 and not scan.present for scan in dataset.scans)
    assert dataset.notes[-1] == "Landmarks: of 32 of 32 scans, and as placed by 3 raters per scan."


def test_what_a_run_put_down_of_landmarks_is_no_file_of_landmarks(tmp_path: Path) -> None:
    """An earlier run's output may be given for its label maps."""
    root = make(tmp_path / "raw", "sub-1_T1w.nii")
    out = tmp_path / "out"
    put(out / "dataset_description.json", '{"Name": "A", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}')
    put(out / paths.placements(look(root).scans[0]), '{"Points": {}}')
    assert attach_landmarks(look(root, derivatives={"out": out}), None, None).scans[0].landmarks is None
