"""The `vfa` method with a stand-in for the program that keeps its contract."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nibabel.orientations import aff2axcodes
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from lumirage_bids.base.errors import BadDataError, LumirageError, MissingInputError, UsageError
from lumirage_bids.experiment.arms import choose_arms
from lumirage_bids.experiment.protocol import load
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.preparation import prepare
from lumirage_bids.spatial.transforms import Transform

SHIFT = np.array([1.0, -2.0, 0.5])

# Reads the list of pairs as vfa-run does, checks the images, writes absolute positions with an identity header.
PROGRAM = """#!{python}
import argparse, json, pathlib, nibabel, numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["evaluate"])
for name in ("--checkpoint", "--params", "--eval_data_configs", "--gpu"):
    parser.add_argument(name, required=True)
parser.add_argument("--save_results", type=int, default=1)
args = parser.parse_args()
assert pathlib.Path(args.checkpoint).read_text() == "weights" and json.load(open(args.params)) == {{}}
configs = json.load(open(args.eval_data_configs))
assert configs["loader"] == "Pairwise" and configs["labels"] == []
assert [t["class_name"] for t in configs["transform"]] == [
    "Nifti2Array", "DatatypeConversion", "RangeNormalize", "ToTensor"]
(pair,) = configs["pairs"]
fixed, moving = (nibabel.load(pair[k]) for k in ("f_img", "m_img"))
assert [1, *fixed.shape] == configs["shape"] and moving.shape == fixed.shape
assert np.array_equal(fixed.affine, moving.affine) and args.gpu == "{gpu}"
assert np.asarray(fixed.dataobj).any() and np.asarray(moving.dataobj).any()
print("evaluating")
{then}
"""
WRITES = f"""
grid = np.moveaxis(np.indices(fixed.shape), 0, -1) + np.array({SHIFT.tolist()})
nibabel.save(nibabel.Nifti1Image(grid.astype(np.float32), np.eye(4)), pair["prefix"] + "_grid.nii.gz")
"""


def program(folder, then=WRITES, gpu="-1"):
    path = folder / "vfa-run"
    path.write_text(PROGRAM.format(python=sys.executable, then=then, gpu=gpu))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights" / "vfa" / "lumir"
    folder.mkdir(parents=True)
    (folder / "net.pth").write_text("weights")
    (folder / "params.json").write_text("{}")
    return tmp_path / "weights"


def oblique(rng):
    """A blob, stored mirrored and permuted, turned by 15 degrees."""
    array = np.zeros((20, 26, 22), np.float32)
    array[4:16, 5:21, 6:18] = gaussian_filter(rng.random((12, 16, 12)), 1)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (15, -10, 5), degrees=True).as_matrix() @ np.diag([-1.5, 1.5, 2.0])
    affine[:3, 3] = 40, -20, 10
    return Volume(array=array, affine=affine)


def registered(tmp_path, weights, made, **context):
    rng = np.random.default_rng(0)
    fixed, moving = oblique(rng), oblique(rng)
    return fixed, made.register(fixed, moving, Context(weights=weights, work_dir=tmp_path, **context))


def test_sampling_positions_become_displacements_along_the_images_own_axes(tmp_path, weights):
    made = method("vfa", program=program(tmp_path), shape=[32, 32, 32], spacing=2.0)
    assert made.missing(Context(weights=weights)) is None
    fixed, found = registered(tmp_path, weights, made)
    centre = (fixed.affine @ [10, 13, 11.5, 1])[:3]
    # The network's axes are the image's, nearest to right, anterior and superior: the first is reversed.
    axes = fixed.affine[:3, :3] / fixed.spacing * [-1, 1, 1]
    np.testing.assert_allclose(found.apply(centre) - centre, axes @ SHIFT * 2.0, atol=1e-3)
    assert "32 × 32 × 32 voxels of 2 mm, RAS" in made.own_input.words
    assert sorted(p.name for p in tmp_path.iterdir()) == ["vfa-run", "weights"]


@pytest.mark.parametrize("start", [np.eye(4), np.diag([1.1, 0.9, 1.0, 1.0])])
def test_arrays_as_given_meet_voxel_by_voxel(tmp_path, weights, start):
    made = method("vfa", program=program(tmp_path), shape=[32, 32, 32], input="as-given")
    rng = np.random.default_rng(0)
    fixed, moving = oblique(rng), oblique(rng)
    moving = replace(moving, array=moving.array[:18, :, :20], affine=np.linalg.inv(start) @ moving.affine)
    given = made.inputs(fixed, moving)
    assert given["fixed"].shape == given["moving"].shape == (32, 32, 32)
    np.testing.assert_array_equal(given["fixed"].array[6:26, 3:29, 5:27], fixed.array)
    np.testing.assert_array_equal(given["moving"].array[7:25, 3:29, 6:26], moving.array)
    found = made.register(fixed, moving, Context(weights=weights, work_dir=tmp_path))
    # Voxel 10 of the fixed array is voxel 16 of the input, whose partner lies SHIFT further in the moving input.
    there = found.then(Transform.affine(start)).apply((fixed.affine @ [10, 13, 11, 1])[:3])
    partner = np.array([16, 16, 16]) + SHIFT - [7, 3, 6]
    np.testing.assert_allclose(there, (start @ moving.affine @ [*partner, 1])[:3], atol=1e-3)
    assert (made.takes_start, method("vfa").takes_start) == (False, True)
    assert made.own_input.words == "as-given: 32 × 32 × 32 voxels, as prepared"
    assert not made.own_input.as_trained


def small_head():
    """A head without symmetry on a grid that the preparations of Fig. 7 cut and pad, and its brain."""
    grid = np.indices((70, 90, 80)) - np.array([30, 50, 45])[:, None, None, None]
    head, brain = ((grid / np.array(r)[:, None, None, None]) ** 2 for r in ([29, 39, 34], [20, 30, 25]))
    array = np.where(head.sum(0) < 1, 60 + grid[0] + 0.5 * grid[1] + 0.3 * grid[2], 1).astype(np.float32)
    affine = np.eye(4)
    affine[:3, 3] = -25, -40, -30
    return Volume(array=array, affine=affine), Volume(array=(brain.sum(0) < 1).astype(np.int32), affine=affine)


def seen(names, **parameters):
    """What VFA sees of a head, under variants of the protocol of Fig. 7."""
    protocol = load("preprocessing")
    arms = choose_arms(
        protocol,
        Settings(
            bids_dir=Path("in"),
            out_dir=Path("out"),
            level="participant",
            methods=("vfa",),
            variants=names,
            dry_run=True,
        ),
    )
    image, mask = small_head()
    for arm in (arm for arm in arms if arm.name == "vfa"):
        prepared = prepare(image, mask, arm.preparation).image
        yield replace(arm.method, **parameters).inputs(prepared, prepared)["moving"]


@pytest.mark.parametrize("names", [("crop", "nocrop", "LPS"), ("published-crop", "published-nocrop", "published-LPS")])
def test_the_three_inputs_of_the_papers_figure_7_differ(names):
    crop, nocrop, turned = seen(names)
    assert (crop.shape, nocrop.shape, turned.shape) == ((160, 224, 192), (208, 256, 256), (160, 224, 192))
    assert [aff2axcodes(v.affine) for v in (crop, nocrop, turned)] == [tuple("RAS"), tuple("RAS"), tuple("LPS")]
    assert not np.array_equal(crop.array, turned.array)
    for other in (nocrop, turned):  # the same head at the same places of the world
        np.testing.assert_array_equal(bright(other), bright(crop))


def bright(volume):
    """World position (mm) and value of every voxel above the air's, in order of position."""
    index = np.argwhere(volume.array > (2 if volume.array.max() > 2 else 0))
    world = np.round(index @ volume.affine[:3, :3].T + volume.affine[:3, 3], 3)
    return np.column_stack([world, volume.array[tuple(index.T)]])[np.lexsort(world.T)]


def test_on_the_grid_that_it_was_trained_on_the_three_are_one_to_the_last_bit():
    crop, nocrop, turned = seen(("crop", "nocrop", "LPS"), input="trained", shape=(160, 224, 192))
    for other in (nocrop, turned):
        np.testing.assert_array_equal(other.array, crop.array)


def test_weights_can_be_named_and_are_what_the_result_depends_on(tmp_path, weights):
    net = weights / "vfa" / "lumir" / "net.pth"
    other = tmp_path / "other.json"
    other.write_text("{}")
    made = method("vfa", program=program(tmp_path), checkpoint=str(net), params=str(other), shape=[32, 32, 32])
    assert made.files(Context()) == (net, other)
    assert method("vfa").files(Context(weights=weights)) == (net, net.with_name("params.json"))
    registered(tmp_path, None, made)


def test_gpu_is_the_one_of_those_visible(tmp_path, weights, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    made = method("vfa", program=program(tmp_path, gpu="5"), shape=[32, 32, 32])
    registered(tmp_path, weights, made, device="cuda:1")


@pytest.mark.parametrize(
    ("then", "error", "words"),
    [
        ("", LumirageError, r"made no pair_grid\.nii\.gz"),
        ("raise SystemExit('CUDA out of memory')", LumirageError, "exit code 1 .*evaluating \\| CUDA out of memory"),
        (
            "nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 3), np.float32), np.eye(4)), "
            "pair['prefix'] + '_grid.nii.gz')",
            BadDataError,
            r"\(4, 4, 4, 3\).*\(32, 32, 32, 3\)",
        ),
    ],
)
def test_failures_are_told(tmp_path, weights, then, error, words):
    made = method("vfa", program=program(tmp_path, then=then), shape=[32, 32, 32])
    with pytest.raises(error, match=words):
        registered(tmp_path, weights, made)


def test_what_is_missing_says_where_to_get_it(tmp_path, weights):
    assert "github.com/yihao6/vfa" in method("vfa", program="no-such-vfa").missing(Context(weights=weights))
    made = method("vfa", program=program(tmp_path))
    for where in (None, tmp_path / "empty"):
        assert "vfa_v0.0.6_lumir.zip" in made.missing(Context(weights=where))
    (weights / "vfa" / "second.pth").touch()
    assert "second.pth" in made.missing(Context(weights=weights))
    named = method("vfa", program=program(tmp_path), checkpoint=str(weights / "vfa" / "second.pth"))
    assert "params.json" in named.missing(Context())
    assert named.files(Context()) == ()
    with pytest.raises(MissingInputError, match=r"params\.json"):
        registered(tmp_path, weights, named)
    with pytest.raises(UsageError, match="multiples of 16"):
        method("vfa", shape=[160, 200, 192])
