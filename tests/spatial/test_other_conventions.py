"""Fields and matrices of Learn2Reg, FSL and in RAS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.itk import read_transform
from lumirage_bids.spatial.transforms import warp
from tests.random_transforms import random_affine, random_grid


def voxel_pair(rng, shape=(8, 10, 12)):
    """Two images of one shape with unlike affines, and a displacement of voxels that stays inside."""
    fixed, moving = (
        Volume(array=rng.normal(size=shape).astype(np.float32), affine=random_grid(rng)[1]) for _ in range(2)
    )
    index = np.moveaxis(np.indices(shape), 0, -1)
    target = np.clip(index + rng.normal(0, 1.5, (*shape, 3)), 0.05, np.array(shape) - 1.05)
    return fixed, moving, index, (target - index).astype(np.float32)


def as_the_challenge_does(moving, index, displacement):
    """Sample the moving image at voxel i + u(i)."""
    return map_coordinates(moving.array, np.moveaxis(index + displacement, -1, 0), order=1)


@pytest.mark.parametrize("kind", ["nii.gz", "npz", "npz, components first", "float16"])
def test_learn2reg_fields_do_what_the_challenge_does_whatever_the_headers(tmp_path, kind):
    fixed, moving, index, u = voxel_pair(np.random.default_rng(5))
    path = tmp_path / f"disp_0001_0002.{'nii.gz' if kind == 'nii.gz' else 'npz'}"
    if kind == "nii.gz":
        nib.save(nib.Nifti1Image(u, np.eye(4)), path)
    elif kind == "float16":
        u = u.astype(np.float16)
        np.savez_compressed(path, np.moveaxis(u, -1, 0))
    else:
        np.savez(path, np.moveaxis(u, -1, 0) if "first" in kind else u)
    ours = warp(moving, read_transform(path, "learn2reg", fixed=fixed, moving=moving), fixed).array
    np.testing.assert_allclose(ours, as_the_challenge_does(moving, index, u), atol=2e-4)


def test_learn2reg_fields_of_half_resolution_are_enlarged_as_the_challenge_did(tmp_path):
    rng = np.random.default_rng(6)
    fixed, moving, index, _ = voxel_pair(rng)
    half = gaussian_filter(rng.normal(0, 3, (3, 4, 5, 6)), (0, 1, 1, 1)).astype(np.float16)
    np.savez(tmp_path / "disp.npz", half)
    full = np.stack([zoom(u.astype(np.float32), 2, order=2) for u in half], axis=-1)
    found = read_transform(tmp_path / "disp.npz", fixed=fixed, moving=moving).apply(
        index @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    )
    expected = (index + full) @ moving.affine[:3, :3].T + moving.affine[:3, 3]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_equal_grids_need_no_affine_map(tmp_path):
    fixed, _, _, u = voxel_pair(np.random.default_rng(7))
    nib.save(nib.Nifti1Image(u, np.eye(4)), tmp_path / "u.nii.gz")
    assert len(read_transform(tmp_path / "u.nii.gz", "learn2reg", fixed=fixed, moving=fixed).steps) == 1


def fsl_point(volume, voxel):
    """FSL's coordinates of a voxel, as its manual says: mm from the corner, x reversed for neurological images."""
    x, y, z = np.array(voxel) * volume.spacing
    if np.linalg.det(volume.affine) > 0:
        x = (volume.shape[0] - 1) * volume.spacing[0] - x
    return np.array([x, y, z])


def fsl_voxel(volume, point):
    """Voxel that has these FSL coordinates."""
    x, y, z = np.array(point) / volume.spacing
    return np.array([volume.shape[0] - 1 - x if np.linalg.det(volume.affine) > 0 else x, y, z])


def handed(rng, sign, shape):
    affine = random_grid(rng)[1]
    if np.sign(np.linalg.det(affine)) != sign:
        affine[:3, 0] *= -1
    return Volume(array=np.zeros(shape, np.float32), affine=affine)


def world(volume, voxel):
    return (volume.affine @ [*voxel, 1])[:3]


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_flirt_matrix_maps_moving_to_fixed_in_fsl_coordinates(tmp_path, signs):
    rng = np.random.default_rng(8)
    fixed, moving = handed(rng, signs[0], (5, 6, 7)), handed(rng, signs[1], (9, 8, 4))
    matrix = random_affine(rng)
    for name in ("m2f.mat", "m2f.txt"):
        np.savetxt(tmp_path / name, matrix, fmt="%.10f", delimiter="  ")
        found = read_transform(tmp_path / name, fixed=fixed, moving=moving)
        for i in rng.uniform(0, 5, (5, 3)):
            # Moving voxel i goes to the fixed voxel whose FSL coordinates are matrix · those of i.
            target = fsl_voxel(fixed, (matrix @ [*fsl_point(moving, i), 1])[:3])
            np.testing.assert_allclose(found.apply(world(fixed, target)), world(moving, i), atol=1e-5)


def test_flirt_identity_between_mirrored_images_mirrors(tmp_path):
    """A neurological and a radiological image with equal numbers look mirrored to FSL."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    fixed = Volume(array=np.zeros((5, 6, 7), np.float32), affine=affine)
    moving = replace(fixed, affine=affine @ np.diag([-1.0, 1, 1, 1]))
    np.savetxt(tmp_path / "one.mat", np.eye(4))
    found = read_transform(tmp_path / "one.mat", fixed=fixed, moving=moving)
    np.testing.assert_allclose(found.apply(world(fixed, (1, 2, 3))), world(moving, (3, 2, 3)), atol=1e-9)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("absolute", [False, True])
def test_fnirt_fields_hold_fsl_coordinates_of_the_moving_image(tmp_path, signs, absolute):
    rng = np.random.default_rng(9)
    fixed, moving = handed(rng, signs[0], (7, 6, 5)), handed(rng, signs[1], (9, 8, 4))
    moved = rng.normal(0, 1.0, (*fixed.shape, 3)).astype(np.float32)
    stored = moved.copy()
    for voxel in np.ndindex(fixed.shape):
        if absolute:
            stored[voxel] += fsl_point(fixed, voxel)
    image = nib.Nifti1Image(stored, fixed.affine)
    image.header["intent_code"] = 2006
    nib.save(image, tmp_path / "warp.nii.gz")
    found = read_transform(tmp_path / "warp.nii.gz", fixed=fixed, moving=moving)
    for voxel in [(0, 0, 0), (3, 2, 1), (6, 5, 4)]:
        j = fsl_voxel(moving, fsl_point(fixed, voxel) + moved[voxel])
        np.testing.assert_allclose(found.apply(world(fixed, voxel)), world(moving, j), atol=1e-3)


def test_fields_and_matrices_that_cannot_be_used_are_said(tmp_path):
    fixed, moving, _, u = voxel_pair(np.random.default_rng(10))
    pair = {"fixed": fixed, "moving": moving}
    field = tmp_path / "u.nii.gz"
    nib.save(nib.Nifti1Image(u, fixed.affine), field)
    with pytest.raises(UsageError, match="does not say whether"):
        read_transform(field, **pair)
    with pytest.raises(UsageError, match="give the fixed and the moving"):
        read_transform(field, "fsl")
    with pytest.raises(BadDataError, match=r"shape \(8, 10, 12, 3\).*\(8, 10, 11, 3\)"):
        read_transform(field, "learn2reg", fixed=replace(fixed, array=fixed.array[:, :, 1:]), moving=moving)
    with pytest.raises(BadDataError, match="another grid"):
        read_transform(field, "fsl", fixed=replace(fixed, affine=moving.affine), moving=moving)
    nib.save(nib.Nifti1Image(np.where(u > 1, np.nan, u), fixed.affine), field)
    with pytest.raises(BadDataError, match="not finite"):
        read_transform(field, "learn2reg", **pair)
    field.write_bytes(field.read_bytes()[:400])
    with pytest.raises(BadDataError, match="cannot be read"):
        read_transform(field, "learn2reg", **pair)
    coefficients = nib.Nifti1Image(u, fixed.affine)
    coefficients.header["intent_code"] = 2007
    nib.save(coefficients, tmp_path / "coef.nii.gz")
    with pytest.raises(BadDataError, match="fnirtfileutils"):
        read_transform(tmp_path / "coef.nii.gz", **pair)
    np.savez(tmp_path / "named.npz", field=u)
    with pytest.raises(BadDataError, match="arr_0"):
        read_transform(tmp_path / "named.npz", **pair)
    np.savez(tmp_path / "objects.npz", np.array([{}]))
    with pytest.raises(BadDataError, match="archive"):
        read_transform(tmp_path / "objects.npz", **pair)
    np.savetxt(tmp_path / "three.mat", np.eye(3))
    with pytest.raises(BadDataError, match="affine matrix"):
        read_transform(tmp_path / "three.mat", "fsl", **pair)
    (tmp_path / "words.mat").write_text("no numbers")
    with pytest.raises(BadDataError, match="FLIRT"):
        read_transform(tmp_path / "words.mat", "fsl", **pair)
    with pytest.raises(MissingInputError, match=r"none\.npz"):
        read_transform(tmp_path / "none.npz", **pair)


def test_displacements_in_ras_are_taken_as_they_are(tmp_path: Path) -> None:
    affine = np.array([[0.0, -2, 0, 5], [1.5, 0, 0, -3], [0, 0, -1, 9], [0, 0, 0, 1]])
    vectors = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    nib.Nifti1Image(vectors, affine).to_filename(tmp_path / "warp.nii.gz")
    read = read_transform(tmp_path / "warp.nii.gz", "ras")
    voxel = np.array([2, 3, 4])
    here = affine[:3, :3] @ voxel + affine[:3, 3]
    np.testing.assert_allclose(read.apply(here), here + vectors[tuple(voxel)], rtol=1e-6)
