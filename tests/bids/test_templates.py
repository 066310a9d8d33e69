"""Templates out of a small archive made here, laid out as TemplateFlow's client lays it out; never from the network."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.bids.templates import template_scan
from lumirage_bids.spatial.images import Volume, read_image, read_labels, write_image

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with one template: files, and the client's empty placeholders for what is not downloaded."""
    folder = tmp_path / "flow" / "tpl-Toy"
    array = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    for res in ("01", "02"):
        write_image(Volume(array=array, affine=AFFINE), folder / f"tpl-Toy_res-{res}_T1w.nii.gz")
        for name in (
            "desc-brain_mask",
            "atlas-Regions_desc-th25_dseg",
            "atlas-Regions_desc-th50_dseg",
            "seg-aseg_dseg",
        ):
            labels = Volume(array=(array > 9).astype(np.int32), affine=AFFINE)
            write_image(labels, folder / f"tpl-Toy_res-{res}_{name}.nii.gz", np.uint8)
        (folder / f"tpl-Toy_res-{res}_desc-brain_T1w.nii.gz").touch()
        (folder / f"tpl-Toy_res-{res}_T2w.nii.gz").touch()
        (folder / f"tpl-Toy_res-{res}_atlas-Unfetched_dseg.nii.gz").touch()
    (folder / "tpl-Toy_atlas-Regions_dseg.tsv").write_text("index\tname\n1\tregion\n")
    (folder / "template_description.json").write_text('{"Name": "Toy", "Identifier": "Toy"}')
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "flow"))
    return tmp_path / "flow"


def test_image_mask_and_atlases_become_a_scan(home: Path) -> None:
    atlases = {"regions": {"atlas": "Regions", "desc": "th25"}, "aseg": {"seg": "aseg"}}
    scan = template_scan("Toy", resolution=2, atlases=atlases)
    assert scan.relative == "tpl-Toy_res-02_T1w.nii.gz"
    assert (scan.subject, scan.key, scan.suffix, scan.session) == ("Toy", "Toy+T1w", "T1w", None)
    assert scan.mask is not None
    assert scan.mask.relative == "tpl-Toy_res-02_desc-brain_mask.nii.gz"
    assert scan.labels["regions"].relative == "tpl-Toy_res-02_atlas-Regions_desc-th25_dseg.nii.gz"
    assert scan.labels["regions"].lut is not None
    assert read_lut(scan.labels["regions"].lut) == {1: "region"}
    assert scan.labels["aseg"].lut is None
    assert all(file.present for file in scan.needs(tuple(atlases)))
    assert read_image(scan.path).array.max() == 26
    assert read_labels(scan.labels["aseg"].path).array.sum() == 17


def test_folders_above_the_archive_do_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client would take desc and resolution of every file from them."""
    above = home.parent / "atlas-mine" / "desc-mine_res-7"
    above.mkdir(parents=True)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(home.rename(above / "flow")))
    scan = template_scan("Toy", atlases={"aseg": {"seg": "aseg"}})
    assert scan.relative == "tpl-Toy_res-01_T1w.nii.gz"
    assert scan.labels["aseg"].relative == "tpl-Toy_res-01_seg-aseg_dseg.nii.gz"
    assert scan.mask is not None


def test_a_template_without_a_mask_has_none(home: Path) -> None:
    (home / "tpl-Toy" / "tpl-Toy_res-01_desc-brain_mask.nii.gz").unlink()
    assert template_scan("Toy").mask is None


def test_looking_changes_nothing(home: Path) -> None:
    before = sorted(p.stat().st_mtime_ns for p in home.rglob("*"))
    template_scan("Toy", atlases={"regions": {"atlas": "Regions", "desc": "th50"}})
    assert sorted(p.stat().st_mtime_ns for p in home.rglob("*")) == before


def queries(message: str, home: Path) -> list[Path]:
    """Files that the command in a message would download."""
    from templateflow.client import TemplateFlowClient

    setting, python, flag, code = shlex.split(message.split("To get")[1].split(": ", 1)[1])
    assert (setting, python, flag) == (f"TEMPLATEFLOW_HOME={home}", "python", "-c")
    client, asked = TemplateFlowClient(root=home), []
    statements = code.split("; ")
    assert statements.pop(0) == "from templateflow.api import get"
    for statement in statements:
        exec(statement, {"get": lambda *a, **k: asked.extend(client.ls(*a, **k))})
    return sorted(asked)


def test_everything_not_downloaded_is_named_with_the_command(home: Path) -> None:
    folder = home / "tpl-Toy"
    (folder / "tpl-Toy_res-01_desc-brain_mask.nii.gz").unlink()
    (folder / "tpl-Toy_res-01_desc-brain_mask.nii.gz").symlink_to("../.git/annex/objects/gone")  # as DataLad has it
    (folder / "tpl-Toy_atlas-Regions_dseg.tsv").write_text("")
    atlases = {"a": {"atlas": "Unfetched"}, "b": {"atlas": "Regions", "desc": "th25"}}
    with pytest.raises(MissingInputError) as caught:
        template_scan("Toy", suffix="T2w", atlases=atlases)
    names = [
        "tpl-Toy_atlas-Regions_dseg.tsv",
        "tpl-Toy_res-01_T2w.nii.gz",
        "tpl-Toy_res-01_atlas-Unfetched_dseg.nii.gz",
        "tpl-Toy_res-01_desc-brain_mask.nii.gz",
    ]
    assert all(name in str(caught.value) for name in names)
    assert queries(str(caught.value), home) == [folder / name for name in names]


def test_an_empty_or_absent_archive_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "no where"))
    with pytest.raises(MissingInputError, match=r"no template 'Toy' .*TEMPLATEFLOW_HOME='.*no where' python -c '"):
        template_scan("Toy")
    assert not (tmp_path / "no where").exists()


def test_unknown_templates_list_those_there(home: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no template 'Toys' .*\(there: Toy\)"):
        template_scan("Toys")
    with pytest.raises(UsageError, match="letters and digits"):
        template_scan("../flow/tpl-Toy")


def test_wrong_choices_list_what_there_is(home: Path) -> None:
    with pytest.raises(UsageError, match=r"several .*th25_dseg.*th50_dseg.*Say which"):
        template_scan("Toy", atlases={"regions": {"atlas": "Regions"}})
    with pytest.raises(UsageError, match=r"no atlas 'regions' \(.*atlas Nope\).*atlas-Regions_desc-th25"):
        template_scan("Toy", atlases={"regions": {"atlas": "Nope"}})
    with pytest.raises(UsageError, match=r"no T1w image \(resolution 3.*res-01_T1w"):
        template_scan("Toy", resolution=3)
    for wrong in ({}, {"resolution": "1"}):
        with pytest.raises(UsageError, match=r"'regions'.*choose it by atlas, seg, segmentation, desc, scale"):
            template_scan("Toy", atlases={"regions": wrong})


def test_the_atlas_with_fewest_entities_is_meant(home: Path) -> None:
    folder = home / "tpl-Toy"
    whole = folder / "tpl-Toy_res-01_atlas-Regions_dseg.nii.gz"
    whole.write_bytes((folder / "tpl-Toy_res-01_atlas-Regions_desc-th25_dseg.nii.gz").read_bytes())
    assert template_scan("Toy", atlases={"regions": {"atlas": "Regions"}}).labels["regions"].path == whole


def test_cohorts_are_subjects_of_their_own(home: Path) -> None:
    folder = home / "tpl-Toy" / "cohort-2"
    folder.mkdir()
    os.link(home / "tpl-Toy" / "tpl-Toy_res-01_T1w.nii.gz", folder / "tpl-Toy_cohort-2_res-1_T1w.nii.gz")
    scan = template_scan("Toy", cohort=2)
    assert (scan.subject, scan.relative) == ("Toy+2", "cohort-2/tpl-Toy_cohort-2_res-1_T1w.nii.gz")
    assert template_scan("Toy").subject == "Toy"


def test_the_published_archive_before_any_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own list of all published files, each an empty placeholder."""
    home = tmp_path / "flow"
    home.mkdir()
    (home / "placeholder").touch()  # else the import of the client would write into an empty folder
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(home))
    from templateflow.client import TemplateFlowClient

    assert TemplateFlowClient(root=home).cache.update(local=True, overwrite=False, silent=True)
    atlases = {"hospa": {"atlas": "HOSPA", "desc": "th25"}, "aseg": {"seg": "aseg"}}
    with pytest.raises(MissingInputError) as caught:
        template_scan("MNI152NLin2009cAsym", resolution=1, atlases=atlases)
    ends = ("T1w", "atlas-HOSPA_desc-th25_dseg", "seg-aseg_dseg", "desc-brain_mask")
    expected = sorted(home / "tpl-MNI152NLin2009cAsym" / f"tpl-MNI152NLin2009cAsym_res-01_{e}.nii.gz" for e in ends)
    one = home.parent / "one"
    one.mkdir()
    (home / "tpl-MNI152NLin2009cAsym").rename(one / "tpl-MNI152NLin2009cAsym")
    found = queries(str(caught.value).replace(str(home), str(one)), one)
    assert [p.name for p in found] == [p.name for p in expected]


AFIDS = "# Markups fiducial file version = 4.6\n# CoordinateSystem = 0\n1,1,2,3,0,0,0,1,1,1,0,1,AC,\n"


def test_landmarks_are_those_of_the_template(home: Path, tmp_path: Path) -> None:
    assert template_scan("Toy").landmarks is None
    given = tmp_path / "afids"
    for name in ("tpl-Other_res-01_afids.fcsv", "tpl-Toy_cohort-2_afids.fcsv", "tpl-Toy_desc-rater01_afids.fcsv"):
        (given / "tpl-Toy").mkdir(parents=True, exist_ok=True)
        (given / "tpl-Toy" / name).write_text(AFIDS)
    assert template_scan("Toy", points=[given]).landmarks is None
    file = given / "tpl-Toy" / "tpl-Toy_res-01_desc-groundtruth_afids.fcsv"
    file.write_text(AFIDS)
    scan = template_scan("Toy", resolution=2, points=[given])
    assert scan.landmarks is not None
    assert scan.landmarks.path == file
    own = home / "tpl-Toy" / file.name
    own.write_text(AFIDS)
    again = template_scan("Toy", points=[given])
    assert again.landmarks is not None
    assert again.landmarks.path == own
