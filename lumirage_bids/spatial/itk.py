"""Transforms in files: ITK's, Learn2Reg's, FSL's and displacements in RAS+.

Whatever the file holds, what is read maps points of the fixed world to points of the moving world (RAS+, mm).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lumirage_bids.base.errors import BadDataError, CannotWriteError, MissingInputError, UsageError
from lumirage_bids.spatial.other_conventions import (
    fsl_intent,
    is_matrix,
    read_fsl,
    read_header,
    read_learn2reg,
    read_ras,
)
from lumirage_bids.spatial.transforms import DisplacementField, Step, Transform

if TYPE_CHECKING:
    import SimpleITK

    from lumirage_bids.spatial.images import Volume

Format = Literal["auto", "itk", "learn2reg", "fsl", "ras"]
"""Whose conventions a file follows; ``auto``: as its name and header tell, where they do."""

# ITK's world is LPS+: its first two axes point the other way.
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_transform(
    path: Path | str, format: Format = "auto", *, fixed: Volume | None = None, moving: Volume | None = None
) -> Transform:
    """Read a transform that any registration program wrote.

    Parameters
    ----------
    path : Path
        See `read_itk`, `read_learn2reg`, `read_fsl` and `read_ras`.
    format : {"auto", "itk", "learn2reg", "fsl", "ras"}
        Whose conventions the file follows.
    fixed, moving : Volume
        The images that were registered, on the grids that the program saw; only shape and affine are used. ITK's
        linear maps and displacement fields, and displacements in RAS+, do without.

    Returns
    -------
    Transform
        Fixed world to moving world.

    Raises
    ------
    MissingInputError
        There is no such file.
    BadDataError
        It does not hold what its format says, or not for images of these grids.
    UsageError
        The format is not told by the file, or the grids are not given.
    """
    path = Path(path)
    if not path.exists():
        raise MissingInputError(f"There is no transform file {path}.")
    kind = _format(path) if format == "auto" else format
    if kind == "itk":
        return read_itk(path, fixed)
    if kind == "ras":
        return read_ras(path)
    if fixed is None or moving is None:
        raise UsageError(f"{path} is in the units of the images' grids; give the fixed and the moving image.")
    return (read_fsl if kind == "fsl" else read_learn2reg)(path, fixed, moving)


def _format(path: Path) -> Literal["itk", "learn2reg", "fsl"]:
    """Tell the format of an existing file from its name, and from its beginning where the name is not enough."""
    if path.suffix == ".npz":
        return "learn2reg"
    if path.name.endswith((".nii", ".nii.gz")):
        header = read_header(path)
        if fsl_intent(header):
            return "fsl"
        if len(header.get_data_shape()) == 5:
            return "itk"
        raise UsageError(
            f"{path} has shape {header.get_data_shape()} and does not say whether its vectors are voxels (Learn2Reg) "
            'or mm (FSL; or RAS+, as SynthMorph\'s); say format = "learn2reg", "fsl" or "ras".'
        )
    return "fsl" if path.suffix in {".mat", ".txt"} and is_matrix(path) else "itk"


def write_itk(transform: Transform, path: Path | str) -> None:
    """Write a transform as ITK does (LPS+, maps fixed points to moving points, as `Transform` does).

    Parameters
    ----------
    transform : Transform
        Chain of affine maps and displacement fields.
    path : Path
        ``.txt``, ``.tfm`` or ``.h5`` for affine maps; ``.h5`` (a composite transform) for anything with a field.

    Raises
    ------
    UsageError
        If the file's extension does not fit the transform.
    CannotWriteError
        If the file cannot be written.
    """
    import SimpleITK

    path, folded = Path(path), Transform().then(transform)
    linear = not any(isinstance(step, DisplacementField) for step in folded.steps)
    allowed = (".txt", ".tfm", ".h5") if linear else (".h5",)
    if path.suffix not in allowed:
        kind = "An affine transform" if linear else "A transform with a displacement field"
        raise UsageError(f"{kind} cannot be written to {path}: the name must end with {' or '.join(allowed)}.")
    if linear:
        matrix = folded.steps[0] if folded.steps else np.eye(4)
        itk: SimpleITK.Transform = _to_itk(matrix)
    else:
        # ITK applies the transform added last first.
        itk = SimpleITK.CompositeTransform([_to_itk(step) for step in reversed(folded.steps)])
    try:
        SimpleITK.WriteTransform(itk, str(path))
    except RuntimeError as error:
        raise CannotWriteError(f"The transform could not be written to {path}: {_last_line(error)}") from error


def read_itk(path: Path, fixed: Volume | None = None) -> Transform:
    """Read a transform that ITK, a program that uses it, or `write_itk` wrote.

    Parameters
    ----------
    path : Path
        A transform or a composite of several (``.txt``, ``.tfm``, ``.mat``, ``.h5``, ``.hdf5``), or a displacement
        field as an ITK vector image (``.nii``, ``.nii.gz``, as ANTs' ``1Warp.nii.gz``). Linear maps of any kind and
        displacement fields are taken as they are; others, such as B-splines, are sampled on the fixed image's grid.
    fixed : Volume
        Image whose grid that is; only shape and affine are used.

    Raises
    ------
    MissingInputError
        If there is no such file.
    BadDataError
        If it is not such a transform.
    """
    import SimpleITK

    if not path.exists():
        raise MissingInputError(f"There is no transform file {path}.")
    try:
        if path.name.endswith((".nii", ".nii.gz")):
            image = SimpleITK.ReadImage(str(path), SimpleITK.sitkVectorFloat64)
            itk: SimpleITK.Transform = SimpleITK.DisplacementFieldTransform(image)
        else:
            # The public function turns what it has read into a class of its own, and fails over kinds of which it has
            # none, CenteredAffineTransform among them.
            itk = SimpleITK._SimpleITK.ReadTransform(str(path))
        parts = _parts(itk)
        if not all(_is_known(part) for part in parts):
            return _sample(itk, path, fixed)
        transform = Transform()
        for part in parts:
            transform = transform.then(_from_itk(part))
    except (
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # UnicodeDecodeError too, where an error's text quotes the file
        raise BadDataError(f"{path} is not a three-dimensional transform: {_last_line(error)}") from error
    return transform


def _last_line(error: Exception) -> str:
    """Keep what SimpleITK has to say, without where in its sources it said it."""
    return str(error).strip().splitlines()[-1]


def _to_itk(step: Step) -> Any:
    """Express one step in LPS+ as an ITK transform."""
    import SimpleITK

    if not isinstance(step, DisplacementField):
        matrix = _LPS @ step @ _LPS
        return SimpleITK.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())
    vectors = step.vectors.transpose(2, 1, 0, 3).astype(np.float64)
    vectors *= np.diag(_LPS)[:3]
    image = SimpleITK.GetImageFromArray(vectors, isVector=True)
    affine = _LPS @ step.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return SimpleITK.DisplacementFieldTransform(image)


def _parts(itk: Any) -> list[Any]:
    """List the elementary parts of an ITK transform in the order in which they apply to a point."""
    import SimpleITK

    if itk.GetTransformEnum() != SimpleITK.sitkComposite:
        return [itk]
    whole = SimpleITK.CompositeTransform(itk)
    numbers = reversed(range(whole.GetNumberOfTransforms()))
    # Not whole.GetNthTransform, for the reason given in `read_itk`.
    return [part for n in numbers for part in _parts(SimpleITK._SimpleITK.CompositeTransform_GetNthTransform(whole, n))]


def _is_known(itk: Any) -> bool:
    """Whether an elementary transform is one of ours: linear, or a displacement field."""
    import SimpleITK

    return bool(
        itk.GetDimension() == 3 and (itk.IsLinear() or itk.GetTransformEnum() == SimpleITK.sitkDisplacementField)
    )


def _from_itk(itk: Any) -> Transform:
    """Express one elementary ITK transform in RAS+."""
    import SimpleITK

    if itk.GetTransformEnum() == SimpleITK.sitkDisplacementField:
        return _from_field(SimpleITK.DisplacementFieldTransform(itk).GetDisplacementField())
    # Whatever its parameters are, a linear map is known from where it takes the origin and the unit vectors.
    origin, *units = (np.array(itk.TransformPoint(point)) for point in np.eye(4)[[3, 0, 1, 2], :3].tolist())
    matrix = np.eye(4)
    matrix[:3] = np.stack([*(unit - origin for unit in units), origin], axis=1)
    return Transform.affine(_LPS @ matrix @ _LPS)


def _from_field(image: Any) -> Transform:
    """Express a displacement field, an ITK vector image, in RAS+."""
    import SimpleITK

    vectors = SimpleITK.GetArrayViewFromImage(image).transpose(2, 1, 0, 3) * np.diag(_LPS)[:3]
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Transform((DisplacementField(vectors=vectors, affine=_LPS @ affine),))


def _sample(itk: Any, path: Path, fixed: Volume | None) -> Transform:
    """Turn a transform of any kind into a displacement field on the fixed image's grid."""
    import SimpleITK

    if itk.GetDimension() != 3:
        raise BadDataError(f"{path} holds a transform in {itk.GetDimension()} dimensions; it must have three.")
    if fixed is None:
        raise BadDataError(
            f"{path} holds a transform that is neither linear nor a displacement field, and no grid is known to sample "
            "it on. Write it as a displacement field."
        )
    affine, shape = _LPS @ fixed.affine, fixed.shape
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = affine[:3, :3] / spacing
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):  # ITK's images cannot shear: a box around it
        corners = np.stack(np.meshgrid(*((0, n - 1) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
        world = corners @ affine[:3, :3].T + affine[:3, 3]
        spacing, axes = np.full(3, spacing.min()), np.eye(3)
        affine[:3, 3] = world.min(axis=0)
        a, b, c = np.ceil(np.ptp(world, axis=0) / spacing) + 1
        shape = int(a), int(b), int(c)
    field = SimpleITK.TransformToDisplacementField(
        itk,
        SimpleITK.sitkVectorFloat64,
        [int(n) for n in shape],
        affine[:3, 3].tolist(),
        spacing.tolist(),
        axes.ravel().tolist(),
    )
    return _from_field(field)
