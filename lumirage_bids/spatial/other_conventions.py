"""Transforms other than ITK's: Learn2Reg's fields (voxels), FSL's fields and matrices (scaled voxels), RAS+ fields.

Such a file alone says nothing of the world; the grids of the fixed and of the moving image do. A field becomes a
displacement within the fixed world, followed by the affine map between the two worlds that equal coordinates imply.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Shape, Transform, inverse_affine

if TYPE_CHECKING:
    import nibabel

FloatArray = npt.NDArray[np.float64]

# Intent codes of FSL's NIfTI files (its fnirt_file_writer).
_FSL_FIELD = 2006
_FSL_COEFFICIENTS = {2007: "cubic spline", 2008: "discrete cosine", 2009: "quadratic spline"}


def read_learn2reg(path: Path, fixed: Volume, moving: Volume) -> Transform:
    """Read a displacement field as submitted to the Learn2Reg challenges, LUMIR among them.

    Voxel i of the fixed image is voxel i + u(i) of the moving image.

    Parameters
    ----------
    path : Path
        ``.nii.gz`` with u of shape (X, Y, Z, 3), or ``.npz`` with u as ``arr_0``; the components may come first, as
        they did in 2020. Displacements are voxels of the images along their array axes. Fields of half the images'
        shape are enlarged as the challenge did, by quadratic splines that keep the corners.
    fixed, moving : Volume
        Grids of the images that were registered.

    Raises
    ------
    BadDataError
        If the file does not hold such a field for an image of this shape.

    References
    ----------
    Hering A, et al. Learn2Reg. IEEE Trans Med Imaging 42:697-712 (2023). doi:10.1109/TMI.2022.3213983; its evaluation
    program, github.com/MDL-UzL/L2R.
    """
    vectors = _npz(path) if path.suffix == ".npz" else _nifti(path)
    if vectors.ndim == 4 and vectors.shape[0] == 3 and vectors.shape[3] != 3:
        vectors = np.moveaxis(vectors, 0, -1)
    if vectors.shape == (*(n / 2 for n in fixed.shape), 3):
        vectors = _double(vectors)
    _check(path, vectors, fixed.shape)
    return _displace_between(vectors, np.eye(4), np.eye(4), fixed, moving)


def read_fsl(path: Path, fixed: Volume, moving: Volume) -> Transform:
    """Read a FLIRT matrix or a FNIRT displacement field.

    FSL's coordinates are voxel indices times the voxel size, the first axis reversed in images whose affine has a
    positive determinant. A FLIRT matrix maps the moving image's to the fixed image's; a field lies on the fixed grid
    and holds the moving image's, either as they are (absolute) or as displacements (relative). The file does not say
    which; FSL's own rule decides: coordinates vary more over the grid than displacements do.

    Parameters
    ----------
    path : Path
        ``.mat`` or ``.txt`` with the 4 × 4 numbers of a matrix (``flirt -omat``); or ``.nii``, ``.nii.gz`` with a
        field of shape (X, Y, Z, 3) that includes the affine part (``fnirt --fout``, ``convertwarp``).
    fixed, moving : Volume
        Grids of the images that were registered, ``-ref`` and ``-in``.

    Raises
    ------
    BadDataError
        If the file is not of this kind, holds spline coefficients, or lies on another grid than the fixed image's.

    References
    ----------
    Jenkinson M, et al. FSL. NeuroImage 62:782-790 (2012). doi:10.1016/j.neuroimage.2011.09.015
    """
    to_fixed, to_moving = (_fsl_coordinates(v) for v in (fixed, moving))
    if not path.name.endswith((".nii", ".nii.gz")):
        matrix = _matrix(path)
        return Transform.affine(
            moving.affine @ inverse_affine(to_moving) @ inverse_affine(matrix) @ to_fixed @ inverse_affine(fixed.affine)
        )
    header = read_header(path)
    if kind := _FSL_COEFFICIENTS.get(fsl_intent(header) or 0):
        raise BadDataError(
            f"{path} holds {kind} coefficients; turn them into a field: "
            f"fnirtfileutils --in={path.name} --ref=FIXED --out=FIELD --withaff"
        )
    vectors = _nifti(path)
    _check(path, vectors, fixed.shape)
    if not same_grid(Volume(array=vectors[..., 0], affine=_affine(path)), fixed):
        raise BadDataError(f"{path} lies on another grid than the fixed image: {np.round(_affine(path), 3).tolist()}.")
    coordinates = np.moveaxis(np.indices(fixed.shape, dtype=np.float32), 0, -1)
    coordinates = coordinates @ to_fixed[:3, :3].T.astype(np.float32) + to_fixed[:3, 3].astype(np.float32)
    if _variation(vectors - coordinates) < _variation(vectors):
        vectors = vectors - coordinates
    return _displace_between(vectors, to_fixed, to_moving, fixed, moving)


def read_ras(path: Path) -> Transform:
    """Read a displacement field in mm along the world's axes (RAS+) on its own grid, as SynthMorph writes it.

    Parameters
    ----------
    path : Path
        ``.nii``, ``.nii.gz`` of shape (X, Y, Z, 3): a point goes from where its header places the voxel to there plus
        the vector.

    Raises
    ------
    BadDataError
        If the file does not hold such a field.
    """
    vectors = _nifti(path)
    _check(path, vectors, vectors.shape[:3])
    return Transform((DisplacementField(vectors=vectors, affine=_affine(path)),))


def _displace_between(
    vectors: npt.NDArray[Any], to_fixed: FloatArray, to_moving: FloatArray, fixed: Volume, moving: Volume
) -> Transform:
    """Displace grid coordinates c = to_fixed · i of the fixed image; equal ones of the moving image are meant.

    Parameters
    ----------
    vectors : array, shape (X, Y, Z, 3)
        Displacement of each fixed voxel in these coordinates.
    to_fixed, to_moving : array, shape (4, 4)
        Voxel indices of each image to coordinates.
    """
    world = fixed.affine @ inverse_affine(to_fixed)
    field = DisplacementField(vectors=vectors @ world[:3, :3].T.astype(np.float32), affine=fixed.affine)
    across = moving.affine @ inverse_affine(to_moving) @ inverse_affine(world)
    return Transform((field,)).then(Transform(() if np.allclose(across, np.eye(4), atol=1e-9) else (across,)))


def _fsl_coordinates(volume: Volume) -> FloatArray:
    """Voxel indices to FSL's coordinates (mm), shape (4, 4)."""
    matrix = np.diag([*volume.spacing, 1.0])
    if np.linalg.det(volume.affine[:3, :3]) > 0:
        matrix[0, 3] = (volume.shape[0] - 1) * matrix[0, 0]
        matrix[0, 0] *= -1
    return matrix


def _variation(vectors: npt.NDArray[Any]) -> float:
    """Sum of the variances of the three components."""
    return float(vectors.reshape(-1, 3).var(axis=0, dtype=np.float64).sum())


def _double(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Enlarge a field twofold along each axis; the displacements are voxels of the large grid already."""
    from scipy.ndimage import zoom

    return np.stack([zoom(np.asarray(u, np.float32), 2, order=2) for u in np.moveaxis(vectors, -1, 0)], axis=-1)


def _check(path: Path, vectors: npt.NDArray[Any], shape: Shape) -> None:
    """Refuse a field that is not one finite vector for every fixed voxel."""
    if vectors.shape != (*shape, 3):
        raise BadDataError(
            f"{path} has shape {vectors.shape}; a field for a fixed image of shape {shape} has shape {(*shape, 3)}."
        )
    if not np.isfinite(vectors).all():
        raise BadDataError(f"{path} holds displacements that are not finite.")


def read_header(path: Path) -> nibabel.Nifti1Header:
    """Read the header of a NIfTI file.

    Raises
    ------
    BadDataError
        If it is not one.
    """
    return _load(path).header


def fsl_intent(header: nibabel.Nifti1Header) -> int | None:
    """Intent code of the file where it is one of FSL's for fields, else None."""
    code = int(header["intent_code"])
    return code if code == _FSL_FIELD or code in _FSL_COEFFICIENTS else None


def _affine(path: Path) -> FloatArray:
    return np.asarray(_load(path).affine, dtype=np.float64)


def _load(path: Path) -> nibabel.Nifti1Image:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        return nibabel.Nifti1Image.from_filename(path)
    except (ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, zlib.error, ValueError) as error:
        raise BadDataError(f"{path} cannot be read as NIfTI: {error}") from error


def _nifti(path: Path) -> npt.NDArray[Any]:
    """Array of a NIfTI file, float32; the fourth axis of NIfTI's vector images, of length 1, is left out."""
    image = _load(path)
    try:
        array = image.get_fdata(dtype=np.float32, caching="unchanged")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise BadDataError(f"{path} cannot be read, probably truncated: {error}") from error
    return np.asarray(array.squeeze(axis=3) if array.ndim == 5 and array.shape[3] == 1 else array)


def _npz(path: Path) -> npt.NDArray[Any]:
    """Array ``arr_0`` of a NumPy archive, float32; pickled objects are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive["arr_0"], dtype=np.float32)
    except KeyError as error:
        raise BadDataError(f"{path} holds no array named arr_0; write it by numpy.savez(path, field).") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise BadDataError(f"{path} cannot be read as a NumPy archive: {error}") from error


def is_matrix(path: Path) -> bool:
    """Whether a file holds the 4 × 4 numbers of a FLIRT matrix as text."""
    try:
        _matrix(path)
    except BadDataError:
        return False
    return True


def _matrix(path: Path) -> FloatArray:
    try:
        matrix = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadDataError(f"{path} is no FLIRT matrix of 4 × 4 numbers: {error}") from error
    inverse_affine(matrix)
    return matrix
