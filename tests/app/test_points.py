"""``lumirage points``: the way round, formats, and what is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.app.cli import main
from lumirage_bids.spatial.itk import write_itk
from lumirage_bids.spatial.point_files import read_points
from lumirage_bids.spatial.transforms import DisplacementField, Transform

FIXED = "name\tx\ty\tz\nAC\t0\t0\t0\nPC\t0\t-25\t0\n"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A transform as ``--save transforms`` writes it: 5 mm to the right, then a field that adds 2 mm upwards."""
    shift = np.eye(4)
    shift[0, 3] = 5
    vectors = np.zeros((40, 40, 40, 3), np.float32)
    vectors[..., 2] = 2
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -60
    file = tmp_path / "sub-01_from-T1w_to-02+T1w_mode-image_desc-syn_xfm.h5"
    write_itk(Transform((shift, DisplacementField(vectors=vectors, affine=affine))), file)
    return file


def carry(folder: Path, saved: Path, of: str, text: str = FIXED, out: str = "out.fcsv", *more: str) -> np.ndarray:
    (folder / "in.tsv").write_text(text)
    arguments = ["points", folder / "in.tsv", folder / out, "--of", of, "--transform", saved, *more]
    assert main(list(map(str, arguments))) == 0
    return read_points(folder / out).coordinates


def test_points_of_the_fixed_image_go_with_the_transform(tmp_path: Path, saved: Path) -> None:
    np.testing.assert_allclose(carry(tmp_path, saved, "fixed"), [[5, 0, 2], [5, -25, 2]], atol=1e-5)


def test_points_of_the_moving_image_go_against_it(
    tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moving = "name\tl\tp\ts\nAC\t-5\t0\t2\nPC\t-5\t25\t2\n"
    found = carry(tmp_path, saved, "moving", moving, "out.mrk.json")
    np.testing.assert_allclose(found, [[0, 0, 0], [0, -25, 0]], atol=1e-3)
    said = capsys.readouterr()
    assert "2 points of the moving image, where they lie in the fixed image; moved by 5.39 mm on average" in said.out
    assert not said.err


def test_several_transforms_in_the_order_of_a_fixed_point(tmp_path: Path, saved: Path) -> None:
    turn = tmp_path / "turn.txt"
    write_itk(Transform((np.diag([-1.0, -1.0, 1.0, 1.0]),)), turn)
    np.testing.assert_allclose(
        carry(tmp_path, saved, "fixed", FIXED, "out.csv", str(turn)), [[-5, 0, 2], [-5, 25, 2]], atol=1e-5
    )


def test_points_outside_the_field_are_told_of(tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carry(tmp_path, saved, "fixed", FIXED + "far\t0\t0\t900\n")
    assert "1 of 3 points lie outside the displacement field, which moves nothing there: far" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{}/in.tsv", "{}/out.tsv", "--transform", "{}/x.h5"), 64, "--of"),
        (("{}/in.tsv", "{}/out.txt", "--of", "fixed", "--transform", "{}/x.h5"), 64, "must end with one of"),
        *(
            (("{}/in.tsv", "{}/" + same, "--of", "fixed", "--transform", "{}/x.h5"), 64, "would replace the points")
            for same in ("in.tsv", "folder/../in.tsv", "link.tsv")
        ),
        (("{}/no.tsv", "{}/out.tsv", "--of", "fixed", "--transform", "{}/x.h5"), 66, "no file of points"),
        (("{}/in.tsv", "{}/out.tsv", "--of", "fixed", "--transform", "{}/x.h5"), 66, "no transform file"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "in.tsv").write_text(FIXED)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.tsv").symlink_to("in.tsv")
    assert main(["points", *(a.format(tmp_path) for a in arguments)]) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.tsv").exists()
