"""A small synthetic BIDS dataset with exact labels, for the first run and the tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from lumirage_bids.base.errors import UsageError
from lumirage_bids.spatial.images import Volume, write_image

# index: name, intensity (T1w, arbitrary units)
STRUCTURES: dict[int, tuple[str, float]] = {
    1: ("Left cortex", 62),
    2: ("Right cortex", 62),
    3: ("Left white matter", 100),
    4: ("Right white matter", 100),
    5: ("Left lateral ventricle", 22),
    6: ("Right lateral ventricle", 22),
    7: ("Left thalamus", 80),
    8: ("Right thalamus", 80),
    9: ("Left putamen", 74),
    10: ("Right putamen", 74),
    11: ("Cerebrospinal fluid", 20),
    12: ("Cerebellum", 70),
}
# Half axes and centres (mm, RAS; deep structures mirrored to the left) of the ellipsoids that make up a brain.
BRAIN_MM = (68.0, 85.0, 62.0)
DEEP = {
    5: ((7.0, 26.0, 9.0), (12.0, 4.0, 12.0)),
    7: ((10.0, 15.0, 9.0), (12.0, -14.0, -4.0)),
    9: ((6.0, 15.0, 9.0), (27.0, 6.0, -4.0)),
}

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """How one synthetic subject is stored."""

    label: str
    orientation: str
    degrees: float


SUBJECTS = (
    Subject(label="01", orientation="RAS", degrees=0.0),
    Subject(label="02", orientation="LPS", degrees=5.0),
    Subject(label="03", orientation="PSR", degrees=-7.0),
)


def write_dataset(folder: Path, *, spacing: float = 3.0, seed: int = 0) -> Path:
    """Write three subjects' T1w images and the label maps they were made from.

    Parameters
    ----------
    folder : Path
        Root of the dataset; must not exist.
    spacing : float
        Size of the (cubic) voxels, mm.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    Path
        The derivatives dataset with the labels.
    """
    derivatives = folder / "derivatives" / "truth"
    derivatives.mkdir(parents=True)
    about = {"Name": "Synthetic brains", "BIDSVersion": "1.10.0", "License": "CC0", "DatasetType": "raw"}
    _json(folder / "dataset_description.json", about)
    made = {"Name": "synthesis", "Description": "the labels that the images were made from"}
    _json(derivatives / "dataset_description.json", {**about, "DatasetType": "derivative", "GeneratedBy": [made]})
    (folder / "README").write_text("Three synthetic brains: ellipsoids, folded and warped. Made by lumirage demo.\n")
    rows = "".join(f"{i}\t{name}\n" for i, (name, _) in STRUCTURES.items())
    (derivatives / "seg-demo_dseg.tsv").write_text(f"index\tname\n{rows}", "utf-8")
    participants = "".join(f"sub-{s.label}\n" for s in SUBJECTS)
    (folder / "participants.tsv").write_text(f"participant_id\n{participants}", "utf-8")
    for number, subject in enumerate(SUBJECTS):
        image, labels = synthesise(subject, spacing, np.random.default_rng([seed, number]))
        name = f"sub-{subject.label}"
        write_image(image, folder / name / "anat" / f"{name}_T1w.nii.gz", np.float32)
        _json(folder / name / "anat" / f"{name}_T1w.json", {"PulseSequenceType": "MPRAGE", "SkullStripped": True})
        write_image(labels, derivatives / name / "anat" / f"{name}_seg-demo_dseg.nii.gz", np.int16)
    return derivatives


def _json(file: Path, content: Mapping[str, object]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def synthesise(subject: Subject, spacing: float, rng: np.random.Generator) -> tuple[Volume, Volume]:
    """Make one brain: image and labels on the same oblique, reoriented grid."""
    import nibabel as nib

    shape = tuple(int(np.ceil(2 * (half + 12) / spacing)) for half in BRAIN_MM)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    points = (grid - (np.array(shape) - 1) / 2) * spacing
    labels = anatomy(points * rng.uniform(0.95, 1.05, 3) + _smooth_warp(shape, spacing, rng), rng)
    means = np.array([0.0] + [STRUCTURES[i][1] for i in sorted(STRUCTURES)])
    image = gaussian_filter(means[labels] * (1 + 0.04 * rng.standard_normal(shape)), 0.5)
    bias = gaussian_filter(rng.standard_normal(shape), 40 / spacing)
    image *= np.exp(0.1 * bias / bias.std())
    image[labels == 0] = 0
    angle = np.deg2rad(subject.degrees)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine[:3, :3] = rotation @ affine[:3, :3]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + rng.uniform(-10, 10, 3)
    wanted = nib.orientations.axcodes2ornt(subject.orientation)
    volumes = []
    for array in (image.astype(np.float32), labels.astype(np.int16)):
        nifti = nib.Nifti1Image(array, affine)
        turn = nib.orientations.ornt_transform(nib.io_orientation(affine), wanted)
        turned = nifti.as_reoriented(turn)
        volumes.append(Volume(array=np.asarray(turned.dataobj), affine=turned.affine))
    return volumes[0], volumes[1]


def _smooth_warp(shape: tuple[int, ...], spacing: float, rng: np.random.Generator) -> Array:
    """A smooth random displacement with a standard deviation of 2.5 mm along each axis, shape (*shape, 3)."""
    fields = [gaussian_filter(rng.standard_normal(shape), 15 / spacing) for _ in range(3)]
    return np.stack([2.5 * f / f.std() for f in fields], axis=-1)


def anatomy(points: Array, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Labels at points (mm, RAS, shape (..., 3)); folds differ a little between subjects."""
    x, y, z = np.moveaxis(points, -1, 0)
    radius = _radius(points, BRAIN_MM, (0, 0, 0))
    phase = rng.normal(0, 0.3, 3)
    folds = np.sin(x / 4.5 + phase[0]) * np.sin(y / 4.5 + phase[1]) * np.sin(z / 4.5 + phase[2])
    fissure = 0.25 * np.exp(-((x / 2.5) ** 2)) * (z > -15)
    depth = radius + 0.12 * folds + fissure
    right = (x > 0).astype(np.int16)
    labels = np.zeros(x.shape, np.int16)
    labels[radius < 1.0] = 11
    for limit, index in ((0.94, 1), (0.76, 3)):
        labels[depth < limit] = index + right[depth < limit]
    cerebellum = _radius(points, (45, 28, 22), (0, -48, -42)) < 1
    labels[cerebellum] = 12
    for index, (half, centre) in DEEP.items():
        inside = _radius(np.stack([np.abs(x), y, z], axis=-1), half, centre) < 1
        labels[inside] = index + right[inside]
    return labels


def _radius(points: Array, half: tuple[float, float, float], centre: tuple[float, float, float]) -> Array:
    """Distance from an ellipsoid's centre, 1 on its surface."""
    return np.asarray(np.linalg.norm((points - centre) / half, axis=-1))


def run(folder: Path, evaluate: Callable[[Sequence[str]], int]) -> int:
    """Write a synthetic dataset and evaluate it as a user would; the return value is the exit code."""
    if folder.exists():
        raise UsageError(f"{folder} exists; name a new folder for the demo.")
    bids, out = folder / "bids", folder / "out"
    truth = write_dataset(bids)
    print(f"A synthetic dataset of three subjects is in {bids}.", flush=True)
    common = [str(bids), str(out)]
    options = ["--derivatives", f"truth={truth}", "--labellings", "demo", "tissue", "--methods", "greedy", "syn"]
    for arguments in ([*common, "participant", *options], [*common, "group"]):
        print("lumirage " + " ".join(arguments), flush=True)
        if code := evaluate(arguments):
            return code
    return 0
