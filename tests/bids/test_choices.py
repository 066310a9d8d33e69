"""Which of several images of a subject is taken: never one that is less than a plain scan of the whole head."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.bids.choices import choose, is_magnitude, mixtures
from lumirage_bids.bids.names import parse_name
from lumirage_bids.bids.scans import Scan
from tests.bids.trees import look, make, names

AT_REST = "no motion or task, no correction of motion turned off"


def scan(name: str) -> Scan:
    entities, suffix = parse_name(name) or ({}, "")
    return Scan(
        path=Path("/data", f"{name}.nii"),
        dataset=Path("/data"),
        subject=entities["sub"],
        session=entities.get("ses"),
        suffix=suffix,
        entities=entities,
    )


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ("sub-1_rec-RMS_T1w", "sub-1_echo-1_T1w", "not a single echo"),
        ("sub-1_acq-mprage_rec-rms_run-1_T1w", "sub-1_echo-1_T1w", "not a single echo"),
        ("sub-1_acq-b_rec-c_T1w", "sub-1_space-MNI152NLin2009cAsym_T1w", "in its own space, not resampled to another"),
        (
            "sub-1_acq-standard_T1w",
            "sub-1_acq-headmotion1_T1w",
            AT_REST,
        ),
        ("sub-1_acq-PMCon_T1w", "sub-1_acq-PMCoff_T1w", AT_REST),
        (
            "sub-1_acq-t1mprpmcon_T1w",
            "sub-1_acq-t1mprpmcoff_T1w",
            AT_REST,
        ),
        (
            "sub-1_acq-z_rec-motioncorrected_T1w",
            "sub-1_acq-MoCoOff_T1w",
            AT_REST,
        ),
        ("sub-1_task-STILL_T1w", "sub-1_task-NOD_T1w", AT_REST),
        ("sub-1_acq-x_rec-y_run-2_T1w", "sub-1_task-rest_T1w", "no task"),
        ("sub-1_acq-x_rec-y_T1w", "sub-1_ce-gadolinium_T1w", "no contrast agent"),
        ("sub-1_desc-preproc_T1w", "sub-1_desc-brain_T1w", "the whole head, not its brain alone"),
        ("sub-1_acq-x_rec-y_T1w", "sub-1_hemi-L_T1w", "whole, not one hemisphere or chunk"),
        ("sub-1_acq-x_rec-y_T1w", "sub-1_chunk-1_T1w", "whole, not one hemisphere or chunk"),
        ("sub-1_acq-mtoff_T1w", "sub-1_acq-mton_T1w", "first in natural order"),
        ("sub-1_acq-nomotion_T1w", "sub-1_acq-nomotiona_T1w", "first in natural order"),
        ("sub-1_acq-x_T1w", "sub-1_acq-x_part-mag_T1w", "fewest entities"),
    ],
)
def test_the_plain_whole_scan_comes_first(better: str, worse: str, reason: str) -> None:
    for order in permutations((better, worse)):
        scans, (choice,) = choose(map(scan, order), ())
        assert [s.name for s in scans] == [better]
        assert choice.reason == reason


def test_a_preference_of_the_protocol_comes_before_all_that() -> None:
    scans, _ = choose(map(scan, ("sub-1_T1w", "sub-1_echo-2_T1w", "sub-1_echo-1_T1w")), [{"echo": "2"}])
    assert [s.name for s in scans] == ["sub-1_echo-2_T1w"]


@given(st.permutations(["_acq-a", "_echo-1", "_space-MNI", "_task-move", "_ce-gd", "_hemi-L", "_part-mag", ""]))
def test_the_order_of_files_plays_no_part(parts: list[str]) -> None:
    scans, (choice,) = choose([scan(f"sub-1{part}_T1w") for part in parts], ())
    assert [s.name for s in scans] == ["sub-1_T1w"]
    assert [Path(o).name[5:9] for o in choice.others[:2]] == ["_acq", "_par"]


@pytest.mark.parametrize(("part", "whole"), [("mag", True), ("phase", False), ("real", False), ("imag", False)])
def test_parts(part: str, whole: bool) -> None:
    assert is_magnitude({"part": part}) == whole
    assert is_magnitude({})


def test_mixtures_are_told_and_equal_kinds_are_not() -> None:
    alike = [
        scan(n) for n in ("sub-1_echo-1_T1w", "sub-2_echo-1_T1w", "sub-1_T2w", "sub-2_part-mag_T2w", "sub-3_acq-x_T2w")
    ]
    assert not list(mixtures(alike))
    (told,) = mixtures([scan("sub-1_rec-SCIC_T2w"), scan("sub-2_T2w"), scan("sub-1_rec-SCIC_T1w")])
    assert told.startswith("the T2w scans are of different reconstructions: no rec- in 1 (sub-2_T2w), rec-SCIC in 1 (")
    (told,) = mixtures([*alike, scan("sub-3_T1w"), scan("sub-4_echo-1_T1w")])
    assert told.startswith(
        "the T1w scans are of different echoes: no echo- in 1 (sub-3_T1w), echo-1 in 3 (sub-1_echo-1_T1w, …)."
    )


def test_keys_that_would_be_equal_are_refused(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-a+b_T1w.nii", "sub-a_ses-b_T1w.nii")
    with pytest.raises(errors.InvalidDatasetError, match=r"a\+b\+T1w"):
        look(root)


def test_choice_rules_in_order(tmp_path: Path) -> None:
    images = ("sub-1_acq-b_T1w.nii", "!sub-1_acq-a_T1w.nii", "sub-1_acq-c_rec-x_T1w.nii", "sub-2_T1w.nii")
    root = make(tmp_path, *images, "sub-3_run-10_T1w.nii", "sub-3_run-9_T1w.nii", "sub-3_acq-b_rec-y_run-1_T1w.nii")
    dataset = look(root)
    assert names(dataset) == ["sub-1_acq-a_T1w", "sub-2_T1w", "sub-3_run-9_T1w"]
    first, second = dataset.choices
    assert first.reason == "first in natural order"
    assert first.others == ("sub-1/anat/sub-1_acq-b_T1w.nii", "sub-1/anat/sub-1_acq-c_rec-x_T1w.nii")
    assert second.reason == "first in natural order"
    preferred = look(root, prefer=({"rec": "x"}, {"acquisition": "b"}))
    assert names(preferred) == ["sub-1_acq-c_rec-x_T1w", "sub-2_T1w", "sub-3_acq-b_rec-y_run-1_T1w"]
    assert [choice.reason for choice in preferred.choices] == [
        "preferred: reconstruction x",
        "preferred: acquisition b",
    ]


@pytest.mark.parametrize(
    ("plain", "taken", "reason"),
    [
        ("here", "sub-1_T1w.nii", "plain before compressed"),
        ("empty", "sub-1_T1w.nii.gz", "this one is here"),
        ("nowhere", "sub-1_T1w.nii.gz", "this one is here"),
    ],
)
def test_of_a_plain_and_a_compressed_file_of_one_name_the_one_that_is_here_is_taken(
    plain: str, taken: str, reason: str, tmp_path: Path
) -> None:
    root = make(tmp_path, "!sub-1_T1w.nii" if plain == "nowhere" else "sub-1_T1w.nii", "sub-1_T1w.nii.gz")
    (root / "sub-1/anat/sub-1_T1w.nii.gz").write_bytes(b"x")
    if plain == "here":
        (root / "sub-1/anat/sub-1_T1w.nii").write_bytes(b"x")
    dataset = look(root)
    assert [scan.path.name for scan in dataset.scans] == [taken]
    assert reason in dataset.choices[0].reason


def test_a_dataset_of_parts_that_are_no_scans_by_themselves_is_told_why(tmp_path: Path) -> None:
    root = make(tmp_path, *(f"sub-{s}_part-{part}_T1w.nii" for s in "12" for part in ("phase", "imag")))
    with pytest.raises(errors.NothingSelectedError, match=r"1 2 \(phase, real or imaginary parts only\)"):
        look(root)


def test_presence_decides_nothing_between_scans_of_two_names(tmp_path: Path) -> None:
    dataset = look(make(tmp_path, "!sub-1_run-1_T1w.nii", "sub-1_run-2_T1w.nii"))
    assert names(dataset) == ["sub-1_run-1_T1w"]


def test_unknown_preference(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="unknown entity 'colour'"):
        look(make(tmp_path, "sub-1_T1w.nii"), prefer=({"colour": "red"},))
