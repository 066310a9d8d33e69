"""Points carried through a transform, the right way round: ``lumirage points``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.output.files import write_text
from lumirage_bids.spatial.images import Volume, read_grid
from lumirage_bids.spatial.itk import Format, read_transform
from lumirage_bids.spatial.point_files import EXTENSIONS, check_extension, format_points, read_points
from lumirage_bids.spatial.points import carry, carry_back, outside_fields
from lumirage_bids.spatial.transforms import Transform

if TYPE_CHECKING:
    from lumirage_bids.spatial.points import PointSet

DESCRIPTION = """\
Carry points (landmarks) through a transform to where they lie in the other image.

Which way round: whoever resamples the moving image on the fixed image's grid asks the transform, for each point of the
fixed image, where to look in the moving image. So it takes points of the FIXED image to the moving image, and points of
the moving image go against it. Say of which image your points are:

  --of fixed     they go with the transform, exactly
  --of moving    they go against it: affine maps are inverted, and displacement fields are searched for the point that
                 they take there; if the program wrote the inverse transform too, that with --of fixed is the same
"""
EPILOG = f"""\
examples:
  AC and PC of the fixed scan (sub-02), found in the moving scan (sub-01), by what '--save transforms' wrote:
    lumirage points sub-02_afids.fcsv in-sub-01.fcsv --of fixed --transform \\
        OUT_DIR/sub-01/anat/sub-01_from-T1w_to-02+T1w_mode-image_desc-syn_xfm.h5
  those of the moving scan, found in the fixed one, by the same file:
    lumirage points sub-01_afids.fcsv in-sub-02.mrk.json --of moving --transform …_xfm.h5
  with what antsRegistration wrote, in the order that antsApplyTransforms -t has for the moving image:
    lumirage points fixed.tsv in-moving.tsv --of fixed --transform reg1Warp.nii.gz reg0GenericAffine.mat

files of points: {", ".join(EXTENSIONS)}. 3D Slicer's say themselves whether they are RAS+ or
LPS+; tables have columns name, x, y, z (RAS+, mm), or r, a, s, or l, p, s. What is written is RAS+.

exit codes: 0 done, 64 usage, 65 bad data, 66 input missing, 73 cannot write
"""


def define(p: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    p.description, p.epilog, p.formatter_class = DESCRIPTION, EPILOG, argparse.RawDescriptionHelpFormatter
    p.add_argument("points", type=Path, metavar="POINTS", help="file of points")
    p.add_argument("out", type=Path, metavar="OUT", help="file to be written; its ending says the format")
    p.add_argument("--of", choices=("fixed", "moving"), required=True, help="the image that POINTS are of")
    p.add_argument(
        "--transform",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="from the fixed image to the moving image: ITK (.h5, .mat, .txt, .tfm), a displacement field (.nii.gz), "
        "FSL, Learn2Reg; several: a point of the fixed image goes through the first one first",
    )
    p.add_argument("--format", choices=get_args(Format), default="auto", help="whose conventions the files follow")
    for side in ("fixed", "moving"):
        p.add_argument(
            f"--{side}", type=Path, metavar="IMAGE", help=f"the {side} image, for FSL's and Learn2Reg's transforms"
        )


def run(arguments: argparse.Namespace) -> int:
    """Read, carry, write, and say what was done."""
    check_extension(arguments.points)
    check_extension(arguments.out)
    if not arguments.points.exists():
        raise MissingInputError(f"There is no file of points {arguments.points}.")
    if arguments.out.exists() and arguments.out.samefile(arguments.points):  # another spelling, or a link
        raise UsageError(f"{arguments.out} would replace the points themselves. Give another file to be written.")
    points = read_points(arguments.points)
    transform = _transform(arguments)
    if arguments.of == "fixed":
        found, fixed = carry(points, transform), points
    else:
        found = fixed = carry_back(points, transform)
    _warn_of_outside(fixed, transform)
    write_text(arguments.out, format_points(found, arguments.out))
    print(_tell(arguments, points, found))
    return 0


def _transform(arguments: argparse.Namespace) -> Transform:
    """The whole chain, fixed world to moving world."""
    fixed, moving = (_grid(path) if path else None for path in (arguments.fixed, arguments.moving))
    transform = Transform()
    for file in arguments.transform:
        transform = transform.then(read_transform(file, arguments.format, fixed=fixed, moving=moving))
    return transform


def _grid(path: Path) -> Volume:
    shape, affine = read_grid(path)
    return Volume(array=np.broadcast_to(np.float32(0), shape), affine=affine)


def _warn_of_outside(fixed: PointSet, transform: Transform) -> None:
    """Points that no field reaches were often given the wrong way round."""
    if outside := outside_fields(fixed, transform):
        print(
            f"lumirage: {len(outside)} of {len(fixed.names)} points lie outside the displacement field, which moves "
            f"nothing there: {', '.join(outside[:5])}{', …' if outside[5:] else ''}. Check that POINTS are of the "
            "image that --of names, and that the transform is from the fixed to the moving image.",
            file=sys.stderr,
        )


def _tell(arguments: argparse.Namespace, points: PointSet, found: PointSet) -> str:
    other = "moving" if arguments.of == "fixed" else "fixed"
    far = np.linalg.norm(found.coordinates - points.coordinates, axis=1)
    moved = f"moved by {far.mean():.2f} mm on average, {far.max():.2f} mm at most" if len(far) else "there are none"
    return (
        f"{arguments.out}: {len(points.names)} points of the {arguments.of} image, where they lie in the {other} "
        f"image; {moved}."
    )
