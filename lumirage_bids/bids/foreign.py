"""Images in other formats than NIfTI: what they are, and how to convert them."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

NIFTI = re.compile(r"\.nii(\.gz)?")
CONVERTERS = (
    (re.compile(r"\.(mgz|mgh|mnc|img|hdr)", re.I), "nib-convert {0} {1}"),
    (re.compile(r"\.(head|brik(\.gz)?)", re.I), "3dAFNItoNIFTI -prefix {1} {0}"),
    (
        re.compile(r"\.(nrrd|nhdr|mha|mhd)", re.I),
        "python -c 'import sys, SimpleITK as i; i.WriteImage(i.ReadImage(sys.argv[1]), sys.argv[2])' {0} {1}",
    ),
    (re.compile(r"\.nii\.(bz2|xz|zst|zip)", re.I), "uncompress {0}, then gzip it as {1}"),
    (re.compile(r"\.(dcm|ima)", re.I), "dcm2niix -z y -f {2} {3}"),
    (re.compile(r"\.nii(\.gz)?", re.I), "mv {0} {4}"),  # .NII.GZ: those in lower case have been told before
)
"""Extension → how to convert such a file, with its path, that of the NIfTI file, its stem, its folder, and its name in
lower case; `nib-convert` comes with nibabel, SimpleITK with this program."""


def is_foreign(name: str) -> bool:
    """Whether a file is an image, by its extension, but none that this program takes from a dataset.

    Examples
    --------
    >>> is_foreign("sub-1_T1w.mgz"), is_foreign("sub-1_T1w.nii.gz"), is_foreign("sub-1_T1w.json")
    (True, False, False)
    """
    extension = _extension(name)
    return not NIFTI.fullmatch(extension) and any(pattern.fullmatch(extension) for pattern, _ in CONVERTERS)


def is_converted(path: Path) -> bool:
    """Whether a NIfTI file, or a link to one, of the same name lies beside an image in another format."""
    stem = path.name.removesuffix(_extension(path.name))
    return any(os.path.lexists(path.with_name(stem + extension)) for extension in (".nii.gz", ".nii"))


def how_to_convert(path: Path) -> str:
    """Command that makes NIfTI of an image in another format.

    Examples
    --------
    >>> how_to_convert(Path("/data/sub-1_T1w.mgz"))
    'nib-convert /data/sub-1_T1w.mgz /data/sub-1_T1w.nii.gz'
    """
    extension = _extension(path.name)
    form = next(form for pattern, form in CONVERTERS if pattern.fullmatch(extension))
    stem = path.name.removesuffix(extension)
    target = path.with_name(f"{stem}.nii.gz")
    paths = (path, target, stem, path.parent, path.with_name(stem + extension.lower()))
    return form.format(*(shlex.quote(str(p)) for p in paths))


def _extension(name: str) -> str:
    return name[name.index(".") :] if "." in name else ""
