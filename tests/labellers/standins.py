"""Programs that keep the contract of those that cannot be installed here."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

# Like mri_synthseg it works at 1 mm where the spacing is not that already, and writes on the grid it works on.
SYNTHSEG = """#!{python}
import argparse, json, os, pathlib
import nibabel, numpy as np
from scipy.ndimage import affine_transform
parser = argparse.ArgumentParser()
for name in ("--i", "--o"):
    parser.add_argument(name, required=True)
parser.add_argument("--threads", type=int, default=1)
for flag in ("--cpu", "--parc", "--robust", "--fast"):
    parser.add_argument(flag, action="store_true")
args = parser.parse_args()
asked = dict(vars(args), visible=os.environ["CUDA_VISIBLE_DEVICES"])
pathlib.Path({told!r}).write_text(json.dumps(asked))
image = nibabel.load(args.i)
array, affine = image.get_fdata(), image.affine
zooms = np.array(image.header.get_zooms())
if (abs(zooms - 1) > 0.05).any():
    step = np.diag([*(1 / zooms), 1])
    shape = np.round(np.array(array.shape) * zooms).astype(int)
    array, affine = affine_transform(array, step, output_shape=tuple(shape), order=1), affine @ step
labels = np.digitize(array, (10, 40, 80)).astype(np.int32)
i, j, k = np.indices(labels.shape)
x = affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3]
right = x > x[labels > 0].mean()
labels = np.where(right, np.array([0, 24, 42, 41])[labels], np.array([0, 24, 3, 2])[labels])
if args.parc:
    labels[labels == 3], labels[labels == 42] = 1035, 2035
{then}
nibabel.save(nibabel.Nifti1Image(labels.astype(np.int32), affine), args.o)
"""


def synthseg(folder: Path, then: str = "", name: str = "synthseg.py") -> str:
    """Path of a program that cuts T1w intensities into tissues, left and right, and writes what it was asked."""
    return executable(folder / name, SYNTHSEG.format(python=sys.executable, told=str(folder / "asked.json"), then=then))


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


# As antspynet 0.3.2, but for the networks.
ANTSPYNET = """
import json, os, pathlib, sys
_folder = None

def set_antsxnet_cache_directory(folder):
    global _folder
    _folder = folder

def _get(name, extension):
    path = pathlib.Path(_folder, name + extension)
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("")
    return str(path)

def get_pretrained_network(name):
    return _get(name, ".h5")

def get_antsxnet_data(name):
    return _get(name, ".nii.gz")

def deep_atropos(t1, do_preprocessing=True, use_spatial_priors=1, do_denoising=True, verbose=False):
    assert do_preprocessing and use_spatial_priors == 1
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "CUDA_VISIBLE_DEVICES", "KERAS_HOME")
    told = {name: os.environ[name] for name in names} | {"folder": _folder, "base": "base" in sys.modules}
    pathlib.Path(__file__).with_name("asked.json").write_text(json.dumps(told))
    array = t1.numpy()
    labels = sum((array > limit) * 1.0 for limit in (10, 40, 80))
    depth = array.shape[0] // 2
    labels[depth:depth + 1][labels[depth:depth + 1] == 2] = 4
    labels[depth + 1:depth + 2][labels[depth + 1:depth + 2] == 2] = 5
    labels[depth + 2:depth + 6][labels[depth + 2:depth + 6] == 2] = 6
    return {"segmentation_image": t1.new_image_like(labels), "probability_images": []}
"""
