"""Which label maps of derivatives belong to which scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.bids.found_maps import belongs
from lumirage_bids.bids.look_up_tables import find_lut, read_lut
from lumirage_bids.bids.scans import Scan
from tests.bids.trees import T1W, look, make, names, put

LABELS = st.sampled_from(["1", "2", "01"])
ENTITY_SETS = st.dictionaries(st.sampled_from(["ses", "acq", "rec", "run", "space", "seg", "desc"]), LABELS)


def scan_of(entities: Mapping[str, str]) -> Scan:
    entities = {"sub": "1", **entities}
    path = Path("/d/sub-1/anat", "_".join(f"{k}-{v}" for k, v in entities.items()) + "_T1w.nii")
    session = entities.get("ses")
    return Scan(path=path, dataset=Path("/d"), subject="1", session=session, suffix="T1w", entities=entities)


@given(ENTITY_SETS, ENTITY_SETS)
def test_laws_of_belonging(raw: dict[str, str], derived: dict[str, str]) -> None:
    raw.pop("space", None)
    scan, derived = scan_of(raw), {"sub": "1", **derived}
    assert belongs(scan, scan.entities)
    assert belongs(scan, {"sub": "1"})
    assert belongs(scan, {**scan.entities, "space": "T1w"})
    assert not belongs(scan, {**derived, "sub": "2"})
    assert not belongs(scan, {**derived, "space": "MNI"})
    fewer = {k: v for k, v in derived.items() if k not in raw}
    if belongs(scan, derived):  # taking entities away never breaks a match
        assert belongs(scan, fewer)
    assert belongs(scan, derived) == belongs(scan, {**derived, "desc": "other", "seg": "any"})
    differs = [k for k in raw if k in derived and k not in {"run", "desc", "seg"} and raw[k] != derived[k]]
    assert not (differs and belongs(scan, derived))


def test_label_maps_go_to_their_own_scan(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_T1w.nii", "sub-1_acq-c_T2w.nii", "sub-2_ses-1_T1w.nii", "sub-2_ses-2_T1w.nii")
    maps = ("sub-1_acq-a_space-T1w_seg-x_dseg.nii", "sub-1_acq-c_space-T2w_seg-x_dseg.nii.gz")
    make(root / "derivatives/d", *maps, "sub-2_ses-1_seg-x_dseg.nii", "sub-2_ses-2_space-MNI_seg-x_dseg.nii")
    make(root / "derivatives/d", "sub-1_acq-a_desc-brain_mask.nii", "!sub-2_ses-2_desc-brain_mask.nii")
    dataset = look(root, {**T1W, "t2w": {}}, labellings=("x", "y"), derivatives={"d": root / "derivatives/d"})
    maps_found = {scan.name: scan.labels["x"].path.name for scan in dataset.scans if "x" in scan.labels}
    assert maps_found == {
        "sub-1_acq-a_T1w": maps[0],
        "sub-1_acq-c_T2w": maps[1],
        "sub-2_ses-1_T1w": "sub-2_ses-1_seg-x_dseg.nii",
    }
    assert [scan.mask is not None for scan in dataset.scans] == [True, False, False, True]
    assert dataset.found == {"x": "existing maps seg-x from derivatives 'd' for 3 of 4 scans"}
    assert not dataset.notes


def test_maps_of_fmriprep_go_by_their_description(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_acq-a_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_acq-a_desc-aseg_dseg.nii.gz", "sub-2_desc-aseg_dseg.nii.gz", "sub-2_dseg.nii.gz")
    others = ("sub-2_desc-aparcaseg_dseg.nii.gz", "sub-2_seg-x_desc-aseg_dseg.nii.gz", "sub-2_desc-brain_mask.nii.gz")
    tables = {"desc-aseg_dseg.tsv": "index\tname\n0\tUnknown\n2\tLeft-Cerebral-White-Matter\n"}
    fmriprep = make(tmp_path / "fmriprep", *maps, *others, **tables)
    dataset = look(root, labellings=("aseg",), derivatives={"fmriprep": fmriprep})
    assert [scan.labels["aseg"].path.name for scan in dataset.scans] == list(maps[:2])
    assert dataset.found == {"aseg": "existing maps desc-aseg from derivatives 'fmriprep' for 2 of 2 scans"}
    lut = find_lut(dataset.scans[1].labels["aseg"], "aseg")
    assert lut is not None
    assert read_lut(lut) == {2: "Left-Cerebral-White-Matter"}
    assert not dataset.notes
    # Its preprocessed images as the dataset itself.
    make(
        fmriprep,
        "sub-1_acq-a_desc-preproc_T1w.nii",
        "sub-2_space-MNI_desc-preproc_T1w.nii",
        "sub-2_desc-preproc_T1w.nii",
    )
    itself = look(fmriprep, labellings=("aseg",), derivatives={"fmriprep": fmriprep})
    assert names(itself) == ["sub-1_acq-a_desc-preproc_T1w", "sub-2_desc-preproc_T1w"]
    assert [scan.labels["aseg"].path.name for scan in itself.scans] == list(maps[:2])


def test_a_map_of_one_hemisphere_is_no_whole_map(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    maps = ("sub-1_hemi-L_seg-x_dseg.nii", "sub-1_hemi-R_seg-x_dseg.nii", "sub-2_hemi-L_seg-x_dseg.nii")
    made = make(root / "derivatives/d", *maps, "sub-2_seg-x_dseg.nii")
    one, two = look(root, labellings=("x",), derivatives={"d": made}).scans
    assert not one.labels
    assert two.labels["x"].path.name == "sub-2_seg-x_dseg.nii"
    # An image of that hemisphere has it.
    assert belongs(replace(one, entities={"sub": "1", "hemi": "L"}), {"sub": "1", "hemi": "L", "seg": "x"})
    assert not belongs(replace(one, entities={"sub": "1", "hemi": "R"}), {"sub": "1", "hemi": "L", "seg": "x"})


def test_derivatives_without_label_maps_are_named_with_what_they_have(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T1w.nii", "sub-2_T1w.nii")
    full = make(tmp_path / "full", "sub-2_seg-x_dseg.nii")
    mgz = make(tmp_path / "mgz", "sub-1_desc-aseg_dseg.mgz", "sub-2_desc-aseg_dseg.mgz", "sub-1_desc-brain_mask.nii")
    given = {"full": full, "mgz": mgz, "empty": make(tmp_path / "empty")}
    notes = look(root, labellings=("tissue",), derivatives=given, instead=True).notes
    assert [note.partition(",")[0] for note in notes] == [
        f"No label map (…_dseg.nii.gz) of the 2 scan(s) is in derivatives {name!r}" for name in ("mgz", "empty")
    ]
    folder = mgz / "sub-1/anat"
    command = f"nib-convert {folder}/sub-1_desc-aseg_dseg.mgz {folder}/sub-1_desc-aseg_dseg.nii.gz"
    assert notes[0].endswith(
        f"; brain masks are. 2 map(s) are not NIfTI files: {folder}/sub-1_desc-aseg_dseg.mgz. To convert it: {command}"
    )
    assert notes[1].endswith(f"{tmp_path}/empty.")


@pytest.mark.parametrize(("shift", "shape", "has"), [(0, 4, True), (16, 4, False), (0, 5, False)])
@pytest.mark.parametrize("session", ["", "_ses-1"])
def test_maps_that_name_no_contrast_are_the_t1w_scans_and_serve_others_by_their_grid(
    shift: float, shape: int, has: bool, session: str, tmp_path: Path
) -> None:
    def image(path: Path, along: float = 0, n: int = 4) -> None:
        affine = np.eye(4)
        affine[1, 3] = along
        nib.save(nib.Nifti1Image(np.ones((n, 4, 4), np.uint8), affine), path)

    raw = [f"sub-{s}{session}_{suffix}.nii" for s in "12" for suffix in ("T1w", "T2w")]
    root = make(tmp_path, *raw, "sub-3_FLAIR.nii")
    maps = [f"sub-{s}_{ending}.nii" for s in "123" for ending in ("desc-aseg_dseg", "desc-brain_mask")]
    made = make(root / "derivatives/d", *maps)
    for path in root.rglob("*.nii"):  # one subject's only scan has whatever there is, whose grid ever it has
        image(path, *((shift, shape) if path.name.endswith("T2w.nii") else (7, 6) if "FLAIR" in path.name else ()))
    filters = {name.lower(): {"suffix": name} for name in ("T1w", "T2w", "FLAIR")}
    found = look(root, filters, labellings=("aseg",), derivatives={"d": made})
    expected = {"T1w": True, "T2w": has, "FLAIR": True}
    assert {s.name: (bool(s.labels), bool(s.mask)) for s in found.scans} == {
        s.name: (expected[s.suffix],) * 2 for s in found.scans
    }
    assert found.offered == {"aseg": 5 if has else 3}
    told = [note for note in found.notes if "scan(s)" in note]
    words = "of 2 scan(s) of other contrasts is the T1w scan's" if has else "of 2 scan(s) cannot be used, for example"
    assert len(told) == 2
    assert all(words in note for note in told)
    # The name decides where it says something; so does the T1w scan that no query selects.
    one = next(s for s in found.scans if s.name == f"sub-1{session}_T2w")
    alone = look(root, {"t2w": {"suffix": "T2w"}}, labellings=("aseg",), derivatives={"d": made})
    assert [bool(s.labels) for s in alone.scans] == [has, has]
    image(made / "sub-1/anat/sub-1_space-T2w_desc-aseg_dseg.nii", shift, shape)
    again = look(root, filters, labellings=("aseg",), derivatives={"d": made})
    mine = next(s for s in again.scans if s.name == one.name)
    assert "space-T2w" in mine.labels["aseg"].path.name


def test_labellings_that_derivatives_have_are_offered_and_one_is_taken(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    every = [f"sub-{s}_desc-{name}_dseg.nii" for s in "123" for name in ("aseg", "aparcaseg")]
    other = [
        "sub-1_seg-manual_dseg.nii",
        "sub-1_space-MNI_seg-z_dseg.nii",
        "sub-1_dseg.nii",
        "sub-1_hemi-L_seg-h_dseg.nii",
    ]
    given = {"d": make(root / "derivatives/d", *every, *other)}
    found = look(root, labellings=("tissue",), derivatives=given, instead=True)
    assert found.offered == {"aparcaseg": 3, "aseg": 3, "manual": 1}
    assert (found.taken, list(found.found)) == ("aparcaseg", ["aparcaseg"])
    assert not look(root, labellings=("tissue",), derivatives=given).taken
    # A map that is called like the stand-in counts as any other.
    assert look(root, labellings=("aseg",), derivatives=given, instead=True).taken == "aparcaseg"
    assert not look(root, labellings=("aparcaseg",), derivatives=given, instead=True).taken
    # Nothing is taken of which no two scans have a map.
    only = {"e": make(tmp_path / "e", "sub-1_seg-manual_dseg.nii")}
    assert not look(root, labellings=("tissue",), derivatives=only, instead=True).taken
    assert look(root, labellings=("tissue",), instead=True).offered == {}


def test_ambiguous_label_maps_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_run-1_T1w.nii")
    maps = ("sub-1_seg-x_dseg.nii", "sub-1_acq-a_desc-z_seg-x_dseg.nii", "sub-1_acq-a_res-2_seg-x_dseg.nii")
    make(root / "derivatives/d", *maps)
    make(tmp_path / "e", "sub-1_acq-a_seg-x_dseg.nii")
    dataset = look(root, labellings=("x",), derivatives={"e": tmp_path / "e", "d": root / "derivatives/d"})
    (scan,) = dataset.scans
    assert scan.labels["x"].dataset == tmp_path / "e"
    (note,) = dataset.notes
    assert note.index("sub-1_acq-a_seg-x") < note.index("desc-z") < note.index("res-2") < note.index("sub-1_seg-x")
    assert list(dataset.derivatives) == ["e", "d"]


def test_a_folder_under_two_names_is_not_ambiguous(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    make(root / "derivatives/d", "sub-1_seg-x_dseg.nii")
    dataset = look(root, labellings=("x",), derivatives=dict.fromkeys(("x", "y"), root / "derivatives/d"))
    assert not dataset.notes
    assert dataset.found == {"x": "existing maps seg-x from derivatives 'x' for 1 of 1 scans"}


def test_patterns(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_acq-a_T1w.nii", "sub-2_T1w.nii", **{"labels/a-1.nii": "", "labels/a-1.tsv": ""})
    put(root / "labels/T1w_2.nii", None)
    put(root / "labels/seg-m_dseg.tsv", "index\tname\n1\ta\n")
    dataset = look(root, label_patterns={"m": "labels/{acq}-{subject}.nii"}, mask_pattern="labels/{suffix}_{sub}.nii")
    first, second = dataset.scans
    assert first.labels["m"].path == root / "labels/a-1.nii"
    assert first.labels["m"].lut == root / "labels/seg-m_dseg.tsv"
    assert not second.labels
    assert second.mask is not None
    assert not second.mask.present


@pytest.mark.parametrize(
    "pattern",
    [
        "{subject.__class__}",
        "{colour}",
        "{}",
        "{subject",
        "}",
        "/{subject}",
        "a/../../{subject}",
        "{sub!r}",
        "{sub:>9}",
    ],
)
def test_wrong_patterns(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(errors.UsageError, match="labelling 'm'"):
        look(make(tmp_path, "sub-1_T1w.nii"), label_patterns={"m": pattern})


def grid(path: Path, along: float = 0.0) -> None:
    """An image of ones whose first voxel lies so far along an axis."""
    affine = np.eye(4)
    affine[2, 3] = along
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.uint8), affine), path)


def test_a_map_that_names_no_session_is_of_the_session_on_whose_grid_it_lies(tmp_path: Path) -> None:
    raw = [f"sub-{s}_ses-{n}_T1w.nii" for s in "1234" for n in "12"]
    root = make(tmp_path, *raw, "sub-5_ses-1_T1w.nii")
    made = make(tmp_path / "d", *(f"sub-{s}_{what}.nii" for s in "1235" for what in ("seg-x_dseg", "desc-brain_mask")))
    grids = {"ses-1": 0.0, "ses-2": 7.0}
    for path in root.glob("sub-*/ses-*/anat/*.nii"):
        grid(path, 0.0 if "sub-3" in path.name else grids[path.parts[-3]])
    for path in made.rglob("*.nii"):  # of the second session; of neither; of both; of the only one, resampled
        grid(path, {"1": 7.0, "2": 30.0, "3": 0.0, "5": 9.0}[path.name[4]])
    found = look(root, labellings=("x",), derivatives={"d": made})
    have = {s.name for s in found.scans if s.labels}
    assert have == {"sub-1_ses-2_T1w", "sub-3_ses-1_T1w", "sub-3_ses-2_T1w", "sub-5_ses-1_T1w"}
    assert {s.name for s in found.scans if s.mask} == have
    unused, several, *_ = [note for note in found.notes if "labelling 'x'" in note]
    assert "none of the 2 sessions" in unused
    assert "has another grid" in unused
    assert "one, or not known yet, for 1 subject(s)" in several
    assert "sub-3_ses-1_T1w and sub-3_ses-2_T1w" in several
    # Also where a filter selects one session, or headers are not here yet.
    one = look(root, {"t1w": {"suffix": "T1w", "session": "1"}}, labellings=("x",), derivatives={"d": made})
    assert {s.subject for s in one.scans if s.labels} == {"3", "5"}
    (made / "sub-2/anat/sub-2_seg-x_dseg.nii").unlink()
    put(made / "sub-2/anat/sub-2_seg-x_dseg.nii", None)
    again = look(root, labellings=("x",), derivatives={"d": made})
    assert [bool(s.labels) for s in again.scans if s.subject == "2"] == [True, True]


def test_of_several_maps_the_one_on_the_scans_grid_comes_first_then_the_plain_one(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    described = [f"sub-1_seg-x_desc-{d}_dseg.nii" for d in "abc"]
    made = make(tmp_path / "d", *described, "sub-2_seg-x_dseg.nii", "sub-2_seg-x_desc-a_dseg.nii")
    for path in root.rglob("*.nii"):
        grid(path, 5.0 if "desc-a" in path.name and "sub-1" in path.name else 0.0)
    found = look(root, labellings=("x",), derivatives={"d": made})
    assert [s.labels["x"].path.name for s in found.scans] == [described[1], "sub-2_seg-x_dseg.nii"]
    (note,) = found.notes
    assert "lies on the scan's grid, then has no desc-" in note
    assert note.index("desc-b") < note.index("desc-c") < note.index("desc-a")


def test_maps_in_other_formats_are_told_also_beside_maps_that_can_be_used(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii", "sub-3_T1w.nii")
    maps = ("sub-1_seg-x_dseg.nii", "sub-2_seg-x_dseg.mgz", "sub-3_seg-x_dseg.mgz", "sub-3_seg-x_dseg.nii.gz")
    made = make(tmp_path / "d", *maps, "sub-1_desc-aseg_dseg.mgz")
    asked, other = (look(root, labellings=(name,), derivatives={"d": made}) for name in ("x", "tissue"))
    assert [bool(s.labels) for s in asked.scans] == [True, False, True]
    (hint,) = asked.notes
    assert "sub-2_seg-x_dseg.mgz" in hint
    assert "nib-convert" in hint
    (note,) = other.notes
    assert note.startswith("Not used from derivatives 'd': 2 map(s) are not NIfTI files: ")
    assert "nib-convert" in note


def test_labellings_that_differ_in_capitals_alone_are_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-2_T1w.nii")
    given = {"d": make(root / "derivatives/d", *(f"sub-1_seg-{n}_dseg.nii" for n in ("demo", "Demo", "other")))}
    (said,) = [note for note in look(root, labellings=("demo",), derivatives=given).notes if "capitals" in note]
    assert "Demo (1 scans) and demo (1 scans)" in said
    assert "other" not in said
