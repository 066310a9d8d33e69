"""From BIDS trees, tidy and untidy, to scans."""

from __future__ import annotations

import shlex
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base import errors
from lumirage_bids.bids.dataset import KNOWN_LABELLINGS, Query, datalad_get_line, most_sensible, open_dataset
from lumirage_bids.bids.filters import read_filter
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.bids.scans import File
from tests.bids.trees import T1W, look, make, names, put

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real datasets in ../shared/data are not here")


# The published trees


@pytest.fixture(scope="session")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    for archive in sorted((DATA / "layouts").glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder / archive.name.split("-")[0], filter="tar")
    return folder


@pytest.fixture(scope="session")
def nimh_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index")


@needs_data
class TestPublishedTrees:
    def test_ultracortex(self, layouts: Path) -> None:
        (root,) = (layouts / "ultracortex").iterdir()
        derivatives = "derivatives/{}/sub-{{subject}}_ses-{{session}}_{}.nii"
        dataset = look(
            root,
            label_patterns={"manual": derivatives.format("manual_segmentation", "seg")},
            mask_pattern=derivatives.format("brainmasks", "brainmask"),
            brain_pattern=derivatives.format("skullstrips", "skullstrip"),
        )
        first = [scan for scan in dataset.scans if scan.session == "1"]
        labelled = [scan for scan in dataset.scans if "manual" in scan.labels]
        assert (len(dataset.scans), len(first), len({scan.subject for scan in first})) == (86, 78, 78)
        assert len(labelled) == 12
        assert {scan.session for scan in labelled} == {"1"}
        assert [scan.sequence for scan in first].count("MPRAGE") == 17
        assert [scan.sequence for scan in first].count("MP2RAGE") == 61
        assert sorted(scan.session or "" for scan in dataset.scans if scan.subject == "3") == ["1", "2", "3"]
        assert all(scan.mask and scan.brain and not scan.present for scan in dataset.scans)
        assert dataset.found["manual"].endswith("for 12 of 86 scans")
        assert names(look(root, read_filter("ultracortex"))) == [scan.name for scan in first]

    @pytest.mark.parametrize(
        ("name", "n"), [("nimh-t1w", 155), ("nimh-t2w", 153), ("nimh-t2starw", 147), ("nimh-flair", 146)]
    )
    def test_nimh(self, layouts: Path, name: str, n: int, nimh_index: Path) -> None:
        (root,) = (layouts / "nimh").iterdir()
        dataset = open_dataset(root, Query(filters=read_filter(name)), database_dir=nimh_index)
        assert len(dataset.scans) == len({scan.subject for scan in dataset.scans}) == n
        assert len({scan.suffix for scan in dataset.scans}) == 1
        assert not dataset.notes

    def test_nimh_choices_follow_the_preference(self, layouts: Path, nimh_index: Path) -> None:
        (root,) = (layouts / "nimh").iterdir()
        query = Query(filters=read_filter("nimh-t1w"), prefer=({"rec": "SCIC"},))
        dataset = open_dataset(root, query, database_dir=nimh_index)
        assert {scan.entities["rec"] for scan in dataset.scans} == {"SCIC"}
        assert {choice.reason for choice in dataset.choices} == {
            "preferred: reconstruction SCIC",
            "first in natural order",
        }
        plain = open_dataset(root, Query(filters=read_filter("nimh-t1w")), database_dir=nimh_index)
        assert [scan.entities.get("rec") for scan in plain.scans].count(None) == 93

    def test_oasis(self) -> None:
        dataset = look(
            DATA / "oasis-braincolor",
            labellings=("tissue", "braincolor", "synthseg"),
            derivatives={"braincolor": DATA / "oasis-braincolor/derivatives/braincolor"},
        )
        assert len(dataset.scans) == 10
        assert dataset.found == {
            n: f"existing maps seg-{n} from derivatives 'braincolor' for 10 of 10 scans"
            for n in ("tissue", "braincolor")
        }
        scan = dataset.scans[0]
        assert (scan.sequence, scan.skull_stripped, scan.kind) == ("MPRAGE", True, "MPRAGE")
        assert scan.mask is not None
        assert scan.mask.present
        lut = scan.labels["braincolor"].lut
        assert lut is not None
        rows = [line.split("\t") for line in lut.read_text().splitlines()[1:]]
        assert [[str(index), name] for index, name in read_lut(lut).items()] == [row for row in rows if row[0] != "0"]
        assert read_lut(DATA / "oasis-braincolor/derivatives/braincolor/seg-tissue_dseg.tsv") == {
            1: "CSF",
            2: "GM",
            3: "WM",
        }

    def test_several_contrasts(self) -> None:
        dataset = look(DATA / "openms", {**T1W, "t2w": {}, "flair": {}})
        assert [scan.suffix for scan in dataset.scans] == ["FLAIR", "T1w", "T2w"] * 2
        assert {scan.session for scan in dataset.scans} == {None}


# Untidy trees


def test_derivatives_are_used_only_when_they_are_given(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", **{"derivatives/a.json": [1], "derivatives/masks/sub-1_mask.nii": ""})
    made = make(root / "derivatives/mine", "sub-1_seg-tissue_dseg.nii")
    put(root / "derivatives/broken/dataset_description.json", "{")
    dataset = look(root, labellings=("tissue",))
    assert names(dataset) == ["sub-1_T1w"]
    assert not dataset.derivatives
    assert not dataset.found
    assert not dataset.notes
    assert "tissue" in look(root, labellings=("tissue",), derivatives={"mine": made}).found


def test_misnamed_images_are_left_out_and_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii", "sub-1/anat/sub-2_T1w.nii", "sub-1/anat/sub-1_copy_T1w.nii")
    dataset = look(root)
    assert names(dataset) == ["sub-1_T1w"]
    assert "2 image(s)" in dataset.notes[0]


def test_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingInputError, match="no such folder"):
        look(tmp_path / "none")
    put(tmp_path / "file", "")
    with pytest.raises(errors.MissingInputError, match="not a folder"):
        look(tmp_path / "file")


def test_given_derivatives_must_be_datasets(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T1w.nii")
    with pytest.raises(errors.MissingInputError, match="--derivatives synthseg"):
        look(root, derivatives={"synthseg": tmp_path / "none"})
    (tmp_path / "flat").mkdir()
    with pytest.raises(errors.InvalidDatasetError, match="BIDSVersion"):
        look(root, derivatives={"flat": tmp_path / "flat"})


@given(st.dictionaries(st.sampled_from([*KNOWN_LABELLINGS, "mine", "other"]), st.integers(1, 5), min_size=1))
def test_the_labelling_of_most_scans_is_the_most_sensible(offered: dict[str, int]) -> None:
    chosen = most_sensible(offered)
    assert (chosen is None) == (max(offered.values()) == 1)
    assert chosen is None or offered[chosen] == max(offered.values())


def test_the_folder_around_derivative_datasets_names_them(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    for name in "ab":
        make(root / "derivatives" / name)
    with pytest.raises(errors.InvalidDatasetError, match=f"below it there are {root}/derivatives/a, .*/b; give one"):
        look(root, derivatives={"d": root / "derivatives"})
    (root / "code").mkdir()
    with pytest.raises(errors.InvalidDatasetError, match="; write one, for example"):
        look(root, derivatives={"d": root / "code"})


# Odds and ends


def test_datalad_line_survives_the_shell() -> None:
    root, other = Path("/data/raw $(x)"), Path("/data/der")
    files = [File(path=root / f"sub-{i}" / "a b'.nii", dataset=root) for i in (10, 9, 9)]
    line = datalad_get_line(root, files)
    assert shlex.split(line) == ["datalad", "get", "-d", str(root), *(f"{root}/sub-{i}/a b'.nii" for i in (9, 10))]
    both = datalad_get_line(root, [*files, File(path=other / "m.nii", dataset=other)])
    assert both == f"{line} && datalad get -d /data/der /data/der/m.nii"
    assert datalad_get_line(root, []) == ""


def test_relative_root_and_links_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "raw", "sub-1_T1w.nii")
    (tmp_path / "link").symlink_to("raw")
    monkeypatch.chdir(tmp_path)
    assert look(Path("raw")).root == tmp_path / "raw"
    (scan,) = look(Path("link")).scans
    assert scan.relative == "sub-1/anat/sub-1_T1w.nii"
    assert scan.dataset == tmp_path / "link"


# T1w scans whose labels are carried to other contrasts


T2W = {"t2w": {"suffix": "T2w"}}
SESSION = ["sub-1_ses-1_T2w.nii.gz", "sub-1_ses-1_acq-a_T1w.nii.gz", "sub-1_ses-1_acq-b_T1w.nii.gz"]


def test_the_sessions_t1w_scan_is_found_only_where_it_is_asked_for(tmp_path: Path) -> None:
    root = make(tmp_path, *SESSION, "sub-1_ses-2_T2w.nii.gz", "sub-2_T2w.nii.gz", "sub-2_T1w.nii.gz")
    assert all(s.t1w is None for s in look(root, T2W).scans)
    assert all(s.t1w is None and s.lender is None for s in look(root, {"t1w": {"suffix": "T1w"}}).scans)
    found = look(root, T2W, t1w_labellings=("any",), prefer=({"acq": "b"},))
    t1w = {s.name: s.t1w.name if s.t1w else None for s in found.scans}
    assert t1w == {
        "sub-1_ses-1_T2w": "sub-1_ses-1_acq-b_T1w", "sub-1_ses-2_T2w": None, "sub-2_T2w": "sub-2_T1w",
    }  # fmt: skip
    assert any("No T1w scan in the session of 1 scan(s)" in n and "sub-1_ses-2_T2w" in n for n in found.notes)
    (choice,) = found.choices
    assert choice.chosen.endswith("acq-b_T1w.nii.gz")


def test_a_selected_t1w_scan_is_its_own_and_its_sessions(tmp_path: Path) -> None:
    root = make(tmp_path, *SESSION)
    both = {**T2W, "t1w": {"suffix": "T1w", "acquisition": "b"}}
    found = look(root, both, t1w_labellings=("any",))
    assert {s.t1w.name for s in found.scans if s.t1w} == {"sub-1_ses-1_acq-b_T1w"}
    assert found.choices == ()


def test_maps_of_the_t1w_scan_are_found_and_needed(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", "sub-1_T2w.nii.gz", "!sub-1_T1w.nii.gz")
    maps = make(tmp_path / "maps", "sub-1_space-T1w_seg-mine_dseg.nii.gz")
    found = look(root, T2W, t1w_labellings=("mine",), labellings=("mine",), derivatives={"maps": maps})
    (scan,) = found.scans
    assert scan.t1w is not None
    assert list(scan.t1w.labels) == ["mine"]
    assert (dict(scan.labels), dict(found.found)) == ({}, {})
    assert [f.path.name for f in scan.needs() if not f.present] == ["sub-1_T1w.nii.gz"]


# T1w scans whose brain masks are carried to other contrasts


def test_scans_without_a_mask_borrow_the_one_of_their_session(tmp_path: Path) -> None:
    root = make(tmp_path / "raw", *SESSION, "sub-1_ses-2_T2w.nii.gz", "sub-2_T2w.nii.gz", "sub-2_T1w.nii.gz")
    masks = make(
        tmp_path / "maps", "sub-2_space-T2w_desc-brain_mask.nii.gz", "sub-1_acq-a_space-T1w_desc-brain_mask.nii.gz"
    )
    found = look(root, T2W, derivatives={"maps": masks})
    lenders = {s.name: s.lender.name if s.lender else None for s in found.scans}
    assert lenders == {"sub-1_ses-1_T2w": "sub-1_ses-1_acq-a_T1w", "sub-1_ses-2_T2w": None, "sub-2_T2w": None}
    assert [s.lender.mask.path.name for s in found.scans if s.lender and s.lender.mask] == [
        "sub-1_acq-a_space-T1w_desc-brain_mask.nii.gz"
    ]
    assert any("No T1w scan in the session of 1 scan(s)" in n and "no mask" in n for n in found.notes)


def test_a_t1w_scan_that_is_here_lends_in_place_of_a_preferred_one_that_is_not(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T2w.nii.gz", "!sub-1_acq-a_T1w.nii.gz", "sub-1_acq-b_T1w.nii.gz")
    (scan,) = look(root, T2W, prefer=({"acq": "a"},)).scans
    assert scan.lender is not None
    assert (scan.lender.name, scan.lends) == ("sub-1_acq-b_T1w", True)
    absent = make(tmp_path / "b", "sub-1_T2w.nii.gz", "!sub-1_acq-a_T1w.nii.gz", "!sub-1_acq-b_T1w.nii.gz")
    (scan,) = look(absent, T2W, prefer=({"acq": "b"},)).scans
    assert scan.lender is not None
    assert (scan.lender.name, scan.lends) == ("sub-1_acq-b_T1w", False)


def test_names_that_do_not_begin_with_the_subject_are_read_and_told(tmp_path: Path) -> None:
    root = make(tmp_path, "sub-1_T1w.nii")
    put(root / "sub-2" / "anat" / "acq-x_sub-2_T1w.nii", "")
    dataset = look(root)
    assert len(dataset.scans) == 2
    assert [note for note in dataset.notes if "do not begin" in note and "acq-x_sub-2_T1w.nii" in note]
