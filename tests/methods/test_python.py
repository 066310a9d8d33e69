"""A function of the user's as a method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, LumirageError, MissingInputError, UsageError
from lumirage_bids.methods import Context, method
from lumirage_bids.methods.python import _list_believed
from lumirage_bids.spatial.images import Volume
from tests.methods.fireants.test_register import blobs

SHIFT = np.array([6.0, -4.5, 4.0])
SPACING = np.array([2.0, 1.5, 2.0])
FUNCTION = """
import numpy as np

def shift(fixed, moving, spacing, device, threads):
    '''The shift in whole voxels at which the images correlate most.'''
    assert (device, threads, fixed.dtype, moving.shape) == ("cpu", 1, np.float32, fixed.shape)
    both = np.fft.ifftn(np.fft.fftn(moving) * np.conj(np.fft.fftn(fixed))).real
    best = np.array(np.unravel_index(both.argmax(), both.shape))
    best = np.where(best > np.array(both.shape) // 2, best - both.shape, best)
    return np.broadcast_to(best * spacing, (*fixed.shape, 3))

def backwards(**given):
    return -shift(**given)

def reversed_voxels(**given):
    return (shift(**given) / given["spacing"])[..., ::-1]

def still(**given):
    return 0 * shift(**given)

def short(**given):
    return shift(**given)[:-1]

def fails(**given):
    raise ValueError("no such luck")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    _list_believed().clear()
    path = tmp_path / "functions.py"
    path.write_text(FUNCTION)
    return path


def volume(shift: np.ndarray, turn: np.ndarray | None = None) -> Volume:
    """The ball of 36 × 44 × 36 voxels, moved in its own axes, which may be turned in the world."""
    shape, affine = (36, 44, 36), np.diag([*SPACING, 1.0])
    affine[:3, 3] = -SPACING * (np.array(shape) - 1) / 2
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return Volume(array=blobs(points - shift), affine=affine if turn is None else turn @ affine)


@pytest.mark.parametrize("stored", ["RAS", "LPS", "oblique"])
@pytest.mark.parametrize("parameters", [{}, {"multiple": 16}, {"shape": [48, 48, 48], "spacing": 2.0}])
def test_a_shift_is_found_however_images_are_stored(file: Path, stored: str, parameters: dict[str, object]) -> None:
    turn = np.eye(4)
    if stored == "oblique":
        c, s = np.cos(0.3), np.sin(0.3)
        turn[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    fixed, moving = volume(np.zeros(3), turn), volume(SHIFT, turn)
    if stored == "LPS":
        flip = np.diag([-1.0, -1, 1, 1])
        flip[:2, 3] = np.array(fixed.shape[:2]) - 1
        fixed, moving = (Volume(array=v.array[::-1, ::-1], affine=v.affine @ flip) for v in (fixed, moving))
    found = method("python", function=f"{file}:shift", **parameters).register(fixed, moving, Context())
    middle = np.array([[0.0, 0, 0], [5, 5, 5]])
    np.testing.assert_allclose(found.apply(middle), middle + turn[:3, :3] @ SHIFT, atol=1.1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("backwards", r"moved by \(8, -4.5, 4\) mm, it says \(-8, 4.5, -4\)\. That is the opposite direction\."),
        ("reversed_voxels", r"it says \(2, -3, 4\)\. That is another order of the axes and voxels instead of mm\."),
        ("still", r"it says \(0, -?0, 0\)\. It must return"),
        ("short", r"returned shape \(35, 44, 36, 3\); a finite displacement of shape \(36, 44, 36, 3\) is needed"),
    ],
)
def test_what_does_not_find_a_known_shift_is_refused_and_told_why(file: Path, name: str, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        method("python", function=f"{file}:{name}").register(volume(np.zeros(3)), volume(SHIFT), Context())


def test_one_that_need_not_find_it_is_believed(file: Path) -> None:
    made = method("python", function=f"{file}:still", check=False)
    found = made.register(volume(np.zeros(3)), volume(SHIFT), Context())
    np.testing.assert_array_equal(found.apply([1.0, 2.0, 3.0]), [1, 2, 3])


def test_errors_of_the_function_are_told(file: Path) -> None:
    made = method("python", function=f"{file}:fails")
    with pytest.raises(LumirageError, match="ValueError: no such luck"):
        made.register(volume(np.zeros(3)), volume(SHIFT), Context())


def test_its_source_and_what_it_imports_count(file: Path) -> None:
    beside = file.with_name("helper.py")
    beside.write_text("")
    file.write_text("import helper\n" + FUNCTION)
    assert set(method("python", function=f"{file}:shift").code()) == {file, beside}


def test_what_is_not_there_is_said_before_the_run(tmp_path: Path) -> None:
    for made, said in (
        (method("python"), "it is not said which function"),
        (method("python", function="no_such_package.module:register"), "there is no module no_such_package.module"),
        (method("python", function=f"{tmp_path}/absent.py:register"), "there is no module"),
    ):
        assert said in (made.missing(Context()) or "")
        with pytest.raises(MissingInputError, match=said):
            made.register(volume(np.zeros(3)), volume(SHIFT), Context())


@pytest.mark.parametrize(
    "wrong", [{"function": "module"}, {"function": "file.py:name"}, {"shape": [9, 9, 9]}, {"multiple": 0}]
)
def test_values_that_are_not_allowed_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        method("python", **wrong)
