"""What is synthesised, and whether what a program made belongs to the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.parameters import digest, from_table
from lumirage_bids.spatial.grids import resample_isotropic
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.preparation import Preparation
from lumirage_bids.spatial.synthesis import Synthesis, accept_synthesised

MINE = ("/opt/mine", "{input}", "{output}")


def head(spacing: tuple[float, float, float] = (1.0, 1.2, 4.0)) -> tuple[Volume, Volume]:
    """A ball of 30 mm with a slope inside, and its mask."""
    shape = tuple(round(100 / s) for s in spacing)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -50
    points = np.moveaxis(np.indices(shape), 0, -1) * spacing - 50
    inside = np.linalg.norm(points, axis=-1) < 30
    array = np.where(inside, 1 + points[..., 0] / 100, 0).astype(np.float32)
    return Volume(array=array, affine=affine), Volume(array=inside, affine=affine)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "either program or argv"),
        ({"program": "mri_synthsr", "argv": list(MINE)}, "both program = 'mri_synthsr' and argv = .* leave one"),
        ({"argv": [*MINE, "{foo}"]}, r"\{foo\}, which stands for nothing\. Known: \{input\}, \{output\}, \{threads\}"),
        ({"argv": ["/opt/mine", "{input}{output}"]}, "two values in one word"),
        ({"program": "synthsr"}, "'mri_synthsr'"),
        ({"argv": ["/opt/mine", "{input}"]}, r"must hold \{output\}"),
        ({"argv": list(MINE), "contrasts": []}, "contrasts is empty"),
        ({"argv": list(MINE), "depends": ["weights"]}, "given in full"),
        ({"argv": list(MINE), "timeout": 0}, "timeout is 0; it must be a positive number"),
        ({"argv": list(MINE), "grid": "1 mm"}, "'native' or 'own'"),
    ],
)
def test_what_is_no_synthesis_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_table(Preparation, {"synthesis": table}, "[preparation]")


def test_words_of_a_shell_and_its_variables_are_left_alone() -> None:
    line = "${tool} -i {input} -o={output} | awk '{print $1}'"
    assert (
        Synthesis(argv=("sh", "-c", line)).fill_in(input="a", output="b")[2] == "${tool} -i a -o=b | awk '{print $1}'"
    )


def test_freesurfers_program_is_called_as_its_manual_says() -> None:
    argv = Synthesis(program="mri_synthsr").fill_in(input="/a.nii.gz", output="/b.nii.gz", threads="2")
    assert argv == ["mri_synthsr", "--i", "/a.nii.gz", "--o", "/b.nii.gz", "--threads", "2", "--cpu"]


def test_scans_of_other_contrasts_are_prepared_as_ever() -> None:
    made = Preparation(spacing=1.0, synthesis=Synthesis(argv=MINE, contrasts=("FLAIR",)))
    assert made.of_contrast("FLAIR") == made
    assert digest(made.of_contrast("T1w")) == digest(Preparation(spacing=1.0)) != digest(made)
    other = Synthesis(argv=MINE, contrasts=("FLAIR",), makes="T2w")  # a word for the audit
    assert digest(made) == digest(Preparation(spacing=1.0, synthesis=other))


def test_the_program_counts_by_what_it_holds(tmp_path: Path) -> None:
    program, weights = tmp_path / "mine.py", tmp_path / "weights"
    program.write_text("print(1)")
    weights.write_text("1")
    made = Synthesis(argv=("python", str(program), "{input}", "{output}"), depends=(str(weights),))
    found = [made.code()]
    program.write_text("print(20)")
    found.append(made.code())
    weights.write_text("20")
    found.append(made.code())
    assert len(set(found)) == 3


def test_the_new_image_comes_to_the_scans_own_grid_or_keeps_its_own() -> None:
    image, mask = head()
    fine = resample_isotropic(image, 1.0)
    native = accept_synthesised(fine, image, mask, Synthesis(argv=MINE))
    assert native.array.shape == image.array.shape
    np.testing.assert_allclose(native.affine, image.affine)
    well_inside = np.linalg.norm(np.moveaxis(np.indices(image.shape), 0, -1) * (1, 1.2, 4) - 50, axis=-1) < 20
    np.testing.assert_allclose(native.array[well_inside], image.array[well_inside], atol=0.02)
    own = accept_synthesised(fine, image, mask, Synthesis(argv=MINE, grid="own"))
    assert own.array.shape == fine.array.shape


@pytest.mark.parametrize("move", [60.0, 1000.0])
def test_an_image_whose_header_is_lost_is_refused(move: float) -> None:
    image, mask = head()
    lost = image.affine.copy()
    lost[0, 3] += move
    with pytest.raises(BadDataError, match=r"holds \d+% of the scan's brain: its header"):
        accept_synthesised(Volume(array=image.array, affine=lost), image, mask, Synthesis(argv=MINE))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_an_image_of_nothing_is_refused(value: float) -> None:
    image, mask = head()
    nothing = Volume(array=np.full(image.shape, value, np.float32), affine=image.affine)
    with pytest.raises(BadDataError, match="no finite values or no contrast"):
        accept_synthesised(nothing, image, mask, Synthesis(argv=MINE))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_brain_that_is_not_finite_is_not_held_and_what_lies_outside_does_not_matter(value: float) -> None:
    image, mask = head()
    array = np.where(mask.array, image.array, value)
    accepted = accept_synthesised(Volume(array=array, affine=image.affine), image, mask, Synthesis(argv=MINE))
    assert np.isfinite(accepted.array).all()
    array[:, :, : image.shape[2] // 2] = value
    said = r"finite values in \d+% of the scan's brain.*'/opt/mine \{input\} \{output\}' by hand"
    with pytest.raises(BadDataError, match=said):
        accept_synthesised(Volume(array=array, affine=image.affine), image, mask, Synthesis(argv=MINE))
