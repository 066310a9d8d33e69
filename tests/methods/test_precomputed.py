"""Fields from files: the right file, the right grids, and the start taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.measures.overlap import dice
from lumirage_bids.methods import Context, method
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.itk import write_itk
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform
from tests.random_transforms import random_affine, random_chain, random_grid


def scan(folder, subject, session=None, name=None):
    return Scan(
        path=Path(folder) / (name or f"sub-{subject}_T1w.nii.gz"),
        dataset=Path(folder),
        subject=subject,
        session=session,
        suffix="T1w",
        entities={"sub": subject},
    )


def pair_in(folder, rng, *, shape=(6, 7, 8)):
    """Two scans on disk with random headers."""
    pair = Pair(fixed=scan(folder, "0001"), moving=scan(folder, "0002"))
    for one in (pair.fixed, pair.moving):
        nib.save(nib.Nifti1Image(rng.random(shape, np.float32), random_grid(rng)[1]), one.path)
    return pair


def prepared(pair, start):
    """What the framework hands over: images cropped and turned, the moving one's affine with the start."""
    volumes = []
    for one in (pair.fixed, pair.moving):
        image = nib.load(one.path)
        flip = np.diag([1.0, -1, 1, 1])
        flip[:3, 3] = [1, image.shape[1] - 1, 0]
        volumes.append(
            Volume(array=np.asarray(image.get_fdata(dtype=np.float32))[1:, ::-1], affine=image.affine @ flip)
        )
    return volumes[0], replace(volumes[1], affine=np.linalg.inv(start) @ volumes[1].affine)


def test_native_field_in_voxels_is_the_whole_map_once_the_start_follows(tmp_path):
    rng = np.random.default_rng(0)
    pair = pair_in(tmp_path, rng)
    field = rng.normal(0, 1, (6, 7, 8, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(field, np.eye(4)), tmp_path / "disp_0001_0002.nii.gz")
    made = method(
        "precomputed", path=f"{tmp_path}/disp_{{fixed_subject}}_{{moving_subject}}.nii.gz", format="learn2reg"
    )
    start = random_affine(rng)
    context = Context(pair=pair, start=start)
    found = made.register(*prepared(pair, start), context).then(Transform.affine(start))
    fixed, moving = (nib.load(s.path).affine for s in (pair.fixed, pair.moving))
    index = np.moveaxis(np.indices((6, 7, 8)), 0, -1)
    expected = (index + field) @ moving[:3, :3].T + moving[:3, 3]
    np.testing.assert_allclose(found.apply(index @ fixed[:3, :3].T + fixed[:3, 3]), expected, atol=1e-3)
    assert made.files(context) == (tmp_path / "disp_0001_0002.nii.gz",)
    assert made.missing(Context()) is None
    assert made.takes_start is False


def test_field_between_prepared_images_is_what_is_returned(tmp_path):
    rng = np.random.default_rng(1)
    pair = pair_in(tmp_path, rng)
    start = random_affine(rng)
    fixed, moving = prepared(pair, start)
    field = rng.normal(0, 1, (*fixed.shape, 3)).astype(np.float32)
    np.savez(tmp_path / "sub-0001_T1w-sub-0002_T1w.npz", field)
    made = method("precomputed", path=f"{tmp_path}/{{fixed}}-{{moving}}.npz", space="prepared")
    found = made.register(fixed, moving, Context(pair=pair, start=start))
    index = np.moveaxis(np.indices(fixed.shape), 0, -1)
    expected = (index + field) @ moving.affine[:3, :3].T + moving.affine[:3, 3]
    np.testing.assert_allclose(found.apply(index @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]), expected, atol=1e-3)
    assert made.takes_start is True


def test_itk_chain_needs_no_grids(tmp_path):
    rng = np.random.default_rng(2)
    chain, points = random_chain(rng)
    write_itk(chain, tmp_path / "0002.h5")
    pair = Pair(fixed=scan(tmp_path, "0001"), moving=scan(tmp_path, "0002"))
    for one in (pair.fixed, pair.moving):
        nib.save(nib.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)), one.path)
    (tmp_path / "0001").mkdir()
    (tmp_path / "0002.h5").rename(tmp_path / "0001" / "0002.h5")
    made = method("precomputed", path=f"{tmp_path}/{{fixed_subject}}/{{moving_subject}}.h5")
    start = random_affine(rng)
    found = made.register(*prepared(pair, start), Context(pair=pair, start=start)).then(Transform.affine(start))
    np.testing.assert_allclose(found.apply(points), chain.apply(points), atol=1e-3)


def test_what_cannot_be_found_is_said(tmp_path):
    rng = np.random.default_rng(3)
    pair = pair_in(tmp_path, rng)
    images = prepared(pair, np.eye(4))
    pattern = f"{tmp_path}/{{fixed}}_{{moving}}.npz"
    made = method("precomputed", path=pattern)
    assert "path =" in method("precomputed").missing(Context())
    assert method("precomputed").files(Context(pair=pair)) == ()
    with pytest.raises(MissingInputError, match=r"sub-0001_T1w_sub-0002_T1w\.npz"):
        made.register(*images, Context(pair=pair))
    np.savez(tmp_path / "sub-0001_T1w_sub-0002_T1w.npz", np.zeros((3, 4, 4, 4)))
    with pytest.raises(BadDataError, match=r"\(4, 4, 4, 3\).*\(6, 7, 8\)"):
        made.register(*images, Context(pair=pair))
    with pytest.raises(UsageError, match="scans"):
        made.register(*images, Context())
    with pytest.raises(UsageError, match="has none"):
        method("precomputed", path=f"{tmp_path}/{{fixed_session}}{{fixed}}{{moving}}").files(Context(pair=pair))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("fields/{fixed}_{moving}.h5", "in full"),
        ("/fields/{fixed}.h5", "same file"),
        ("/fields/{fixed}_{moved}.h5", r"\{moved\}"),
        ("/fields/{fixed.path}_{moving}.h5", "placeholder"),
        ("/fields/{fixed_{moving}.h5", "brace"),
    ],
)
def test_paths_that_cannot_work_are_refused(path, words):
    with pytest.raises(UsageError, match=words):
        method("precomputed", path=path)


@pytest.mark.parametrize("label", ["../../etc", "a/b", "..", "a\\b", "a\0b"])
def test_labels_cannot_lead_elsewhere(tmp_path, label):
    made = method("precomputed", path=f"{tmp_path}/{{fixed_subject}}/{{moving_subject}}.h5")
    pair = Pair(fixed=scan(tmp_path, label, name="x.nii.gz"), moving=scan(tmp_path, "2"))
    with pytest.raises(UsageError, match="cannot be a part of a file name"):
        made.files(Context(pair=pair))


def test_a_lumir_submission_has_the_dice_that_lumir_gives_it(tmp_path):
    """Nearest neighbour on the arrays themselves, and the mean over structures that both maps have."""
    rng = np.random.default_rng(5)
    shape = (18, 20, 16)
    # A rim of background, as around a head: up to half a voxel beyond it, SciPy ends the array and we do not.
    blocks = [np.pad(np.kron(rng.integers(0, 7, (4, 6, 7)), np.ones((4, 3, 2), int)), 1) for _ in range(2)]
    fixed_labels, moving_labels = (np.where(b == 5 + i, 0, b).astype(np.int16) for i, b in enumerate(blocks))
    field = rng.normal(0, 1.5, (*shape, 3)).astype(np.float32)

    places = np.indices(shape) + np.moveaxis(field, -1, 0)
    warped = ndimage.map_coordinates(moving_labels, places, order=0)
    shared = sorted(set(np.unique(fixed_labels)) & set(np.unique(moving_labels)) - {0})
    theirs = [
        2 * ((fixed_labels == i) & (warped == i)).sum() / ((fixed_labels == i).sum() + (warped == i).sum())
        for i in shared
    ]
    assert len(shared) == 4

    pair = pair_in(tmp_path, rng, shape=shape)
    nib.save(nib.Nifti1Image(field, np.eye(4)), tmp_path / "disp_0001_0002.nii.gz")
    made = method(
        "precomputed", path=f"{tmp_path}/disp_{{fixed_subject}}_{{moving_subject}}.nii.gz", format="learn2reg"
    )
    start = random_affine(rng)
    found = made.register(*prepared(pair, start), Context(pair=pair, start=start))
    fixed_affine, moving_affine = (nib.load(one.path).affine for one in (pair.fixed, pair.moving))
    labels = Volume(array=moving_labels, affine=moving_affine)
    moved = transfer_labels(labels, found.then(Transform.affine(start)), shape, fixed_affine, method="nearest")
    np.testing.assert_allclose(dice(fixed_labels, moved, shared), theirs, rtol=0, atol=1e-12)
