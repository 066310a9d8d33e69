"""Label transfer: this package beside FireANTs' one-hot evaluation, in seconds and memory.

Both carry the same label map through the same full-size displacement field, from integer labels to integer labels:
`transfer_labels`, and FireANTs' `Image(..., is_segmentation=True)`, `evaluate` and arg-max. Each runs in a process of
its own, after a warm-up on a small case; the fastest of some repeats counts, and the most memory held beyond what
was held before (labels, field and, for FireANTs, its registration object). CPU seconds, over all threads, tell on a
busy machine. Linux only, for the peak memory.

    python benchmarks/label_transfer.py [--oasis FOLDER] [--spacing 0.6] [--out FILE.json]

The one-hot computation of 139 structures needs some 15 GB at 1 mm; `--competitors lumirage` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import DisplacementField, Transform, displacement_on

FloatArray = npt.NDArray[np.floating]
LabelArray = npt.NDArray[np.integer]
Run = Callable[[], LabelArray]


def synthetic_labels(structures: int = 139, side: int = 192) -> tuple[Volume, Volume]:
    """Make two label maps at 1 mm: cells of random points in an ellipsoid, and the same ones elsewhere."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    shape = (side * 5 // 6, side, side * 5 // 6)
    voxels = np.moveaxis(np.indices(shape), 0, -1)
    inside = (((voxels / np.array(shape) - 0.5) / 0.45) ** 2).sum(axis=-1) < 1
    points = voxels[inside][rng.integers(0, inside.sum(), structures)]
    labels = np.zeros(shape, np.uint16)
    labels[inside] = cKDTree(points).query(voxels[inside])[1] + 1
    return Volume(array=np.roll(labels, 3, axis=1), affine=np.eye(4)), Volume(array=labels, affine=np.eye(4))


def oasis_labels(folder: Path) -> tuple[Volume, Volume]:
    """Read the label maps of the first two subjects of a BIDS folder with derivatives/braincolor."""
    import nibabel as nib

    paths = sorted((folder / "derivatives" / "braincolor").glob("sub-*/**/*_seg-braincolor_dseg.nii.gz"))[:2]
    images = [nib.load(path) for path in paths]
    fixed, moving = (Volume(array=np.asarray(i.dataobj).astype(np.uint16), affine=i.affine) for i in images)
    return fixed, moving


def finer(labels: Volume, spacing: float) -> Volume:
    """Give a label map another spacing (mm), nearest neighbour."""
    x, y, z = (int(n) for n in np.ceil(np.array(labels.shape) * labels.spacing / spacing))
    affine = labels.affine @ np.diag([*(spacing / labels.spacing), 1.0])
    array = transfer_labels(labels, Transform(), (x, y, z), affine, method="nearest", threads=os.cpu_count() or 1)
    return Volume(array=array, affine=affine)


def write_case(path: Path, fixed: Volume, moving: Volume) -> None:
    """Write what both competitors start from, with a smooth field of some millimetres on the fixed grid."""
    nodes = 9
    coarse = fixed.affine @ np.diag([*((np.array(fixed.shape) - 1) / (nodes - 1)), 1.0])
    vectors = np.random.default_rng(1).normal(0, 4, (nodes, nodes, nodes, 3))
    # The centre of one grid goes to the centre of the other.
    middle = [volume.affine @ [*((np.array(volume.shape) - 1) / 2), 1] for volume in (fixed, moving)]
    shift = np.eye(4)
    shift[:3, 3] = (middle[1] - middle[0])[:3]
    chain = Transform((DisplacementField(vectors=vectors, affine=coarse), shift))
    field = displacement_on(chain, fixed.shape, fixed.affine, threads=os.cpu_count() or 1)
    np.savez(path, vectors=field.vectors, affine=fixed.affine, labels=moving.array, moving_affine=moving.affine)


def lumirage(moving: Volume, field: DisplacementField, threads: int) -> Run:
    transform = Transform((field,))
    return lambda: transfer_labels(moving, transform, field.vectors.shape[:3], field.affine, threads=threads)


def fireants(moving: Volume, field: DisplacementField, threads: int) -> Run:
    import torch
    from fireants.io.image import BatchedImages, Image
    from fireants.registration.greedy import GreedyRegistration

    torch.set_num_threads(threads)
    shape = field.vectors.shape[:3]
    fixed_images = BatchedImages([Image(itk_image(np.zeros(shape, np.float32), field.affine), device="cpu")])
    moving_images = BatchedImages([Image(itk_image(moving.array.astype(np.float32), moving.affine), device="cpu")])
    registration = GreedyRegistration(
        scales=[1], iterations=[0], fixed_images=fixed_images, moving_images=moving_images, loss_params={}
    )
    # Its field lies on the (z, y, x) grid and counts in half fields of view of the moving image, LPS+.
    to_normalised = moving_images.get_phy2torch()[0, :3, :3]
    vectors = torch.from_numpy(field.vectors * np.array([-1, -1, 1], np.float32)).permute(2, 1, 0, 3)
    registration.warp.warp.data.copy_((vectors @ to_normalised.T)[None])
    image = itk_image(moving.array, moving.affine)

    def run() -> LabelArray:
        with torch.inference_mode():
            labels = BatchedImages([Image(image, device="cpu", is_segmentation=True)])
            moved = registration.evaluate(fixed_images, labels)
            result: LabelArray = moved.argmax(1)[0].numpy().transpose(2, 1, 0).astype(moving.array.dtype)
        return result

    return run


def itk_image(array: npt.NDArray[np.generic], affine: FloatArray) -> Any:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array.transpose(2, 1, 0))
    affine = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


COMPETITORS = {"lumirage": lumirage, "fireants": fireants}


def memory(kind: str) -> int:
    """Read VmRSS (held now) or VmHWM (most held since the last reset) of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(kind)))


def compete(name: str, case: Path, threads: int, repeats: int) -> None:
    """Be one competitor: measure, write the labels beside the case, print the numbers as JSON."""
    with np.load(case) as data:
        field = DisplacementField(vectors=data["vectors"], affine=data["affine"])
        moving = Volume(array=data["labels"], affine=data["moving_affine"])
    small = (slice(20, 60),) * 3
    COMPETITORS[name](
        Volume(array=moving.array[small], affine=moving.affine),
        DisplacementField(vectors=field.vectors[small], affine=field.affine),
        threads,
    )()
    run = COMPETITORS[name](moving, field, threads)
    seconds, cpu, extra = [], [], []
    for _ in range(repeats):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before, start, used = memory("VmRSS"), time.perf_counter(), time.process_time()
        labels = run()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        extra.append(memory("VmHWM") - before)
        np.save(case.with_name(f"{name}.npy"), labels)
        del labels
    print(json.dumps({"name": name, "seconds": min(seconds), "cpu_seconds": min(cpu), "extra_mb": max(extra) / 1e6}))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let all competitors run on one case and compare their labels with the first one's."""
    fixed, moving = oasis_labels(options.oasis) if options.oasis else synthetic_labels(side=options.side)
    if options.spacing:
        fixed, moving = finer(fixed, options.spacing), finer(moving, options.spacing)
    case = folder / "case.npz"
    write_case(case, fixed, moving)
    results = []
    for name in options.competitors:
        command = [sys.executable, __file__, "--compete", name, "--case", str(case)]
        command += ["--threads", str(options.threads), "--repeats", str(options.repeats)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            results.append({"name": name, "failed": (done.stderr.strip().splitlines() or [f"{done.returncode}"])[-1]})
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        first = np.load(folder / f"{options.competitors[0]}.npy")
        result["different_voxels"] = int((np.load(folder / f"{name}.npy") != first).sum())
        results.append(result)
    return {
        "data": "oasis" if options.oasis else "synthetic",
        "shape": fixed.shape,
        "spacing_mm": fixed.spacing.tolist(),
        "structures": int((np.unique(moving.array) > 0).sum()),
        "threads": options.threads,
        "versions": {package: version(package) for package in ("lumirage-bids", "numba", "fireants", "torch")},
        "results": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oasis", type=Path, help="BIDS folder with derivatives/braincolor; else synthetic labels")
    parser.add_argument("--spacing", type=float, help="resample both label maps to this spacing, mm")
    parser.add_argument("--side", type=int, default=192, help="voxels along the longest axis of synthetic labels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--competitors", nargs="+", choices=COMPETITORS, default=list(COMPETITORS))
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    parser.add_argument("--compete", choices=COMPETITORS, help=argparse.SUPPRESS)
    parser.add_argument("--case", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compete:
        compete(options.compete, options.case, options.threads, options.repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    print(f"{report['structures']} structures on {report['shape']}, {report['threads']} threads")
    print(f"{'':12}{'seconds':>10}{'CPU s':>10}{'extra MB':>10}{'different voxels':>18}")
    for r in report["results"]:
        numbers = (
            r.get("failed")
            or f"{r['seconds']:10.2f}{r['cpu_seconds']:10.2f}{r['extra_mb']:10.0f}{r['different_voxels']:18}"
        )
        print(f"{r['name']:12}{numbers}")
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
