"""Transform files against the programs and definitions they come from: ITK, ANTs, Learn2Reg, FSL."""

from __future__ import annotations

from dataclasses import replace

import ants
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from lumirage_bids.base.errors import BadDataError, CannotWriteError, MissingInputError, UsageError
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.itk import read_itk, read_transform, write_itk
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import DisplacementField, Transform, warp
from tests.random_transforms import around, random_affine, random_chain, random_field, random_grid

seeds = st.integers(0, 2**32 - 1)
LPS = np.array([-1.0, -1.0, 1.0])


def itk_points(itk, points):
    return np.array([itk.TransformPoint(point) for point in (points * LPS).tolist()]) * LPS


@given(seeds)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_written_chain_is_what_itk_understands_and_reads_back(tmp_path, seed):
    transform, points = random_chain(np.random.default_rng(seed))
    path = tmp_path / "chain.h5"
    write_itk(transform, path)
    mapped = transform.apply(points)
    assert np.abs(itk_points(SimpleITK.ReadTransform(str(path)), points) - mapped).max() < 1e-3
    assert np.abs(read_itk(path).apply(points) - mapped).max() < 1e-3


@pytest.mark.parametrize("suffix", [".txt", ".tfm", ".h5"])
def test_affine_files(tmp_path, suffix):
    rng = np.random.default_rng(1)
    transform = Transform.affine(random_affine(rng)).then(Transform.affine(random_affine(rng)))
    points = rng.uniform(-80, 80, (50, 3))
    path = tmp_path / f"affine{suffix}"
    write_itk(transform, path)
    np.testing.assert_allclose(
        itk_points(SimpleITK.ReadTransform(str(path)), points), transform.apply(points), atol=1e-9
    )
    np.testing.assert_allclose(read_itk(path).steps[0], transform.steps[0], atol=1e-9)


def test_files_are_lps_and_the_identity_can_be_written(tmp_path):
    shift = np.eye(4)
    shift[:3, 3] = 1, 2, 3
    write_itk(Transform.affine(shift), tmp_path / "shift.tfm")
    assert SimpleITK.ReadTransform(str(tmp_path / "shift.tfm")).TransformPoint((0.0, 0.0, 0.0)) == (-1, -2, 3)
    write_itk(Transform(), tmp_path / "identity.txt")
    np.testing.assert_array_equal(read_itk(tmp_path / "identity.txt").apply([4.0, 5.0, 6.0]), [4, 5, 6])


def test_reads_linear_and_composite_transforms_of_other_programs(tmp_path):
    euler = SimpleITK.Euler3DTransform((3.0, 4.0, 5.0), 0.1, 0.2, 0.3, (1.0, 2.0, 3.0))
    scale = SimpleITK.ScaleTransform(3, (1.1, 0.9, 1.2))
    shift = SimpleITK.TranslationTransform(3, (7.0, 8.0, 9.0))
    chain = SimpleITK.CompositeTransform([euler, shift, scale])
    points = np.random.default_rng(2).uniform(-80, 80, (20, 3))
    for name, itk in {"euler.txt": euler, "shift.tfm": shift, "chain.h5": chain}.items():
        SimpleITK.WriteTransform(itk, str(tmp_path / name))
        np.testing.assert_allclose(read_itk(tmp_path / name).apply(points), itk_points(itk, points), atol=1e-9)


def generic(folder, *kinds):
    """ITK transforms of any kind, which SimpleITK has no classes for: kind, parameters, fixed parameters."""
    text = "#Insight Transform File V1.0\n"
    for number, (kind, parameters, fixed) in enumerate(kinds):
        text += f"#Transform {number}\nTransform: {kind}_double_3_3\n"
        text += f"Parameters: {' '.join(map(repr, parameters))}\nFixedParameters: {' '.join(map(repr, fixed))}\n"
    file = folder / "generic.tfm"
    file.write_text(text)
    return file


def centred_affine(rng):
    matrix = np.eye(3) + 0.1 * rng.normal(size=(3, 3))
    centre, shift = rng.uniform(-20, 20, (2, 3))
    parameters = [*matrix.ravel(), *centre, *shift]
    return (
        [float(p) for p in parameters],
        [float(c) for c in centre],
        lambda p: (p - centre) @ matrix.T + centre + shift,
    )


@pytest.mark.parametrize("seed", range(3))
def test_reads_composites_of_kinds_that_simpleitk_has_no_class_for(tmp_path, seed):
    """As uniGradICON writes them: CenteredAffineTransforms on both sides of a displacement field, in HDF5."""
    rng = np.random.default_rng(seed)
    (first, centre, before), (second, its_centre, after) = centred_affine(rng), centred_affine(rng)
    file = generic(tmp_path, ("CenteredAffineTransform", first, centre))
    points = rng.uniform(-20, 20, (20, 3)) * LPS
    np.testing.assert_allclose(read_itk(file).apply(points), before(points * LPS) * LPS, atol=1e-9)
    ends = [SimpleITK._SimpleITK.ReadTransform(str(file))]
    file = generic(tmp_path, ("CenteredAffineTransform", second, its_centre))
    ends.append(SimpleITK._SimpleITK.ReadTransform(str(file)))
    image = SimpleITK.GetImageFromArray(rng.normal(size=(9, 9, 9, 3)), isVector=True)
    image.SetOrigin((-80.0, -80.0, -80.0))
    image.SetSpacing((20.0, 20.0, 20.0))
    field = SimpleITK.DisplacementFieldTransform(image)
    whole = SimpleITK.CompositeTransform(3)
    for part in (ends[1], field, ends[0]):  # what is added last applies first
        whole.AddTransform(part)
    SimpleITK.WriteTransform(whole, str(tmp_path / "composite.hdf5"))
    with pytest.raises(RuntimeError):  # SimpleITK's own reader of its parts
        SimpleITK.ReadTransform(str(tmp_path / "composite.hdf5")).GetNthTransform(0)
    got = read_transform(tmp_path / "composite.hdf5").apply(points)
    expected = after(np.array([field.TransformPoint(p.tolist()) for p in before(points * LPS)])) * LPS
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("sheared", [False, True])
def test_other_transforms_are_sampled_on_the_fixed_grid(tmp_path, sheared):
    rng = np.random.default_rng(4)
    affine = np.diag([-2.0, 2.5, 2.0, 1.0])
    affine[:3, 3] = 30, -30, -30
    affine[0, 1] = 0.4 * sheared
    fixed = Volume(array=np.zeros((30, 25, 30), np.float32), affine=affine)
    spline = SimpleITK.BSplineTransform(3, 3)
    spline.SetTransformDomainOrigin((-80.0, -80.0, -80.0))
    spline.SetTransformDomainPhysicalDimensions((160.0, 160.0, 160.0))
    spline.SetTransformDomainMeshSize((4, 4, 4))
    spline.SetParameters(rng.normal(size=len(spline.GetParameters())).tolist())
    whole = SimpleITK.CompositeTransform([SimpleITK.Euler3DTransform((0, 0, 0), 0.1, 0.0, 0.1, (1, 2, 3)), spline])
    SimpleITK.WriteTransform(whole, str(tmp_path / "spline.h5"))
    inner = rng.uniform(2, 22, (50, 3)) @ affine[:3, :3].T + affine[:3, 3]
    got = read_transform(tmp_path / "spline.h5", fixed=fixed).apply(inner)
    assert np.abs(got - itk_points(whole, inner)).max() < 0.05
    with pytest.raises(BadDataError, match=r"spline\.h5.*no grid"):
        read_transform(tmp_path / "spline.h5")


def test_a_transform_that_cannot_be_used_is_named(tmp_path):
    flat = SimpleITK.AffineTransform(2)
    SimpleITK.WriteTransform(flat, str(tmp_path / "flat.h5"))
    with pytest.raises(BadDataError, match=r"flat\.h5.*2 dimensions"):
        read_transform(tmp_path / "flat.h5")
    (tmp_path / "torn.h5").write_bytes((tmp_path / "flat.h5").read_bytes()[:300])
    unknown = generic(tmp_path, ("NoSuchTransform", [1.0], [1.0]))
    for file in (tmp_path / "torn.h5", unknown):
        with pytest.raises(BadDataError, match=file.name):
            read_transform(file)


def test_reads_a_displacement_image_as_ants_writes_it(tmp_path):
    rng = np.random.default_rng(3)
    image = SimpleITK.GetImageFromArray(rng.normal(size=(6, 5, 4, 3)).astype(np.float32), isVector=True)
    image.SetSpacing((1.5, 0.7, 2.0))
    image.SetOrigin((10.0, -20.0, 30.0))
    image.SetDirection(Rotation.from_euler("xyz", (20, 30, 40), degrees=True).as_matrix().ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "1Warp.nii.gz"))
    itk = SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(image, SimpleITK.sitkVectorFloat64))
    transform = read_itk(tmp_path / "1Warp.nii.gz")
    points = around(transform.steps[0], rng)
    away_from_rim = points[np.abs(itk_points(itk, points) - points).max(axis=1) > 0]
    assert len(away_from_rim) > 50
    np.testing.assert_allclose(transform.apply(away_from_rim), itk_points(itk, away_from_rim), atol=1e-3)


def test_what_itk_cannot_hold_or_read_is_said(tmp_path):
    field = random_field(np.random.default_rng(4))
    with pytest.raises(UsageError, match=r"must end with \.h5"):
        write_itk(Transform((field,)), tmp_path / "field.txt")
    with pytest.raises(CannotWriteError, match="nowhere"):
        write_itk(Transform(), tmp_path / "nowhere" / "affine.txt")
    with pytest.raises(MissingInputError, match="no transform file"):
        read_itk(tmp_path / "none.h5")
    (tmp_path / "broken.txt").write_text("nothing of the kind")
    with pytest.raises(BadDataError, match=r"broken\.txt"):
        read_itk(tmp_path / "broken.txt")
    SimpleITK.WriteTransform(SimpleITK.Euler2DTransform(), str(tmp_path / "flat.txt"))
    with pytest.raises(BadDataError, match="2 dimensions"):
        read_itk(tmp_path / "flat.txt")


# What is written does to images and labels in ITK's and ANTs' own programs what it does here


def overlapping_pair(rng):
    """Smooth image and labels on one random grid, another random grid, and a chain that brings it onto the first."""
    field = random_field(rng)
    affine = random_grid(rng)[1]
    array = gaussian_filter(rng.normal(size=(14, 15, 13)), 1.5).astype(np.float32)
    image = Volume(array=array / np.abs(array).max(), affine=affine)
    labels = replace(image, array=rng.integers(0, 5, image.shape).astype(np.uint8))
    fixed = Volume(array=np.zeros((12, 13, 14), np.float32), affine=random_grid(rng)[1])
    before, after = random_affine(rng), random_affine(rng)
    for matrix, source, target in ((before, fixed.array, field), (after, field.vectors[..., 0], image)):
        origin = fixed.affine if source is fixed.array else field.affine
        n = target.vectors.shape[:3] if isinstance(target, DisplacementField) else target.shape
        centre_from, centre_to = (a @ [*(np.array(m) / 2), 1] for a, m in ((origin, source.shape), (target.affine, n)))
        matrix[:3, 3] += (centre_to - matrix @ centre_from)[:3]
    return image, labels, fixed, Transform((before, field, after))


def as_itk(volume):
    affine = np.diag([*LPS, 1]) @ volume.affine
    image = SimpleITK.GetImageFromArray(volume.array.T)
    image.SetOrigin(affine[:3, 3].tolist())
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def as_ants(volume):
    image = as_itk(volume)
    return ants.from_numpy(
        volume.array,
        origin=image.GetOrigin(),
        spacing=image.GetSpacing(),
        direction=np.reshape(image.GetDirection(), (3, 3)),
    )


def by_simpleitk(image, fixed, path, *, linear):
    how = SimpleITK.sitkLinear if linear else SimpleITK.sitkNearestNeighbor
    transform = SimpleITK.ReadTransform(str(path))
    return SimpleITK.GetArrayFromImage(SimpleITK.Resample(as_itk(image), as_itk(fixed), transform, how, 0.0)).T


def by_ants(image, fixed, path, *, linear):
    return ants.apply_transforms(
        as_ants(fixed), as_ants(image), [str(path)], interpolator="linear" if linear else "nearestNeighbor"
    ).numpy()


@pytest.mark.parametrize("program", [by_simpleitk, by_ants])
@given(seed=seeds)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_other_programs_resample_by_the_written_file_as_we_do(tmp_path, program, seed):
    image, labels, fixed, transform = overlapping_pair(np.random.default_rng(seed))
    path = tmp_path / "chain.h5"
    write_itk(transform, path)
    world = np.moveaxis(np.indices(fixed.shape), 0, -1) @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    voxels = (transform.apply(world) - image.affine[:3, 3]) @ np.linalg.inv(image.affine[:3, :3]).T
    # Points agree to about 0.001 mm, that is 0.0025 of the smallest voxel; where that decides between two labels, or
    # between inside and outside (of the moving grid, or of the field, where the map jumps), either is right.
    into = np.linalg.inv(transform.steps[1].affine) @ transform.steps[0]
    reached = world @ into[:3, :3].T + into[:3, 3]
    rim = [np.abs(reached - end).min(axis=-1) for end in (-0.5, np.array(transform.steps[1].vectors.shape[:3]) - 0.5)]
    clear = np.minimum(*rim) > 0.01
    inside = clear & ((voxels > 0.01) & (voxels < np.array(image.shape) - 1.01)).all(axis=-1)
    decided = clear & (np.abs(voxels - np.floor(voxels) - 0.5) > 0.005).all(axis=-1)
    assume(np.count_nonzero(inside) > 20)  # some draws hardly overlap
    ours = warp(image, transform, fixed).array
    # The image changes by at most 2 from voxel to voxel, so 0.0025 voxels are at most 0.005 along each of three axes.
    np.testing.assert_allclose(ours[inside], program(image, fixed, path, linear=True)[inside], atol=0.015)
    nearest = transfer_labels(labels, transform, fixed.shape, fixed.affine, method="nearest")
    theirs = program(labels, fixed, path, linear=False)
    np.testing.assert_array_equal(nearest[decided], theirs[decided])


def world(volume, voxel):
    return (volume.affine @ [*voxel, 1])[:3]


def test_format_is_told_by_name_and_content(tmp_path):
    transform, points = random_chain(np.random.default_rng(11))
    write_itk(transform, tmp_path / "chain.h5")
    np.testing.assert_allclose(read_transform(tmp_path / "chain.h5").apply(points), transform.apply(points), atol=1e-3)
    ants.write_transform(ants.create_ants_transform(translation=(1, 2, 3)), str(tmp_path / "0GenericAffine.mat"))
    np.testing.assert_allclose(read_transform(tmp_path / "0GenericAffine.mat").apply([0, 0, 0]), [-1, -2, 3])
