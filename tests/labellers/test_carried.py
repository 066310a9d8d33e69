"""Labels of a T1w scan on another contrast of its session, whose header puts it elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.labellers import segment_checked
from lumirage_bids.labellers.carried import Carried
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.testing.small_brain import brain, dice, label_file, scan

POSE = np.array([[0.995, -0.0998, 0, 12], [0.0998, 0.995, 0, -7], [0, 0, 1, 20], [0, 0, 0, 1]])
NOT_NEEDED = Context()


def session(folder: Path, labelling: str = "mine") -> Scan:
    """A T2w scan and the T1w scan of its session, with a map of the T1w scan and a table of names."""
    image, truth = brain(spacing=3.0)
    write_image(image, folder / "sub-1_T1w.nii.gz")
    write_image(truth, folder / "map.nii.gz", np.int32)
    (folder / "map.tsv").write_text("index\tname\n1\tCSF\n2\tgrey\n3\twhite\n")
    t1w = scan("T1w", folder, labels={labelling: label_file(folder, "map.nii.gz", folder / "map.tsv")})
    return scan("T2w", folder, t1w=t1w)


def moved(volume: Volume) -> Volume:
    return Volume(array=volume.array, affine=POSE @ volume.affine)


@pytest.fixture(scope="module")
def t2w() -> tuple[Volume, Volume]:
    """T2w image of the same brain under a header that says another place; and its true labels."""
    image, truth = brain("T2w", axes="LPS", spacing=3.0)
    return moved(image), moved(truth)


def test_labels_come_to_where_the_anatomy_lies(tmp_path: Path, t2w: tuple[Volume, Volume]) -> None:
    image, truth = t2w
    labels, structures = segment_checked(Carried(of="mine"), session(tmp_path), image, truth, "carried", NOT_NEEDED)
    assert labels.array.dtype == np.int32
    np.testing.assert_array_equal(labels.affine, image.affine)
    assert structures == {1: "CSF", 2: "grey", 3: "white"}
    assert min(dice(labels.array, truth.array, i) for i in structures) > 0.8


def test_without_a_map_the_labeller_of_that_labelling_makes_one(tmp_path: Path, t2w: tuple[Volume, Volume]) -> None:
    image, truth = t2w
    labels, structures = segment_checked(Carried(of="tissue"), session(tmp_path), image, truth, "x", NOT_NEEDED)
    assert len(structures) == 3
    assert dice(labels.array, truth.array, 3) > 0.7


def test_a_t1w_scan_keeps_its_own(tmp_path: Path) -> None:
    image, truth = brain(spacing=3.0)
    here = session(tmp_path).t1w
    assert here is not None
    for one in (here, replace(here, labels={}, t1w=here)):  # a template, and a subject's scan
        labels = Carried(of="mine").segment(one, image, truth, "carried", NOT_NEEDED)
        np.testing.assert_array_equal(labels.array, truth.array)


def test_what_there_cannot_be_is_known_by_names(tmp_path: Path, t2w: tuple[Volume, Volume]) -> None:
    alone = scan("T2w", tmp_path)
    assert not Carried(of="tissue").available(alone, "carried")
    with pytest.raises(MissingInputError, match=r"sub-1_T2w.nii.gz: its session has no T1w scan"):
        Carried().segment(alone, *t2w, "carried", NOT_NEEDED)
    here = session(tmp_path)
    assert Carried(of="mine").available(here, "carried")
    assert Carried(of="tissue").available(here, "carried")
    assert not Carried(of="manual").available(here, "carried")
    assert "no map of labelling 'manual'" in (Carried(of="manual").missing(NOT_NEEDED) or "")
    assert Carried(of="tissue").missing(NOT_NEEDED) is None
    with pytest.raises(MissingInputError, match=r"sub-1_T1w.nii.gz has no label map .*'manual'.*manual=PATH"):
        Carried(of="manual").segment(here, *t2w, "carried", NOT_NEEDED)


def test_labels_depend_on_both_scans_and_the_map(tmp_path: Path) -> None:
    names = {f.path.name for f in Carried(of="mine").files(session(tmp_path), "carried")}
    assert names == {"sub-1_T2w.nii.gz", "sub-1_T1w.nii.gz", "map.nii.gz", "map.tsv"}
