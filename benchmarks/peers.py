"""Deformable registration of one pair: this package's FireANTs methods, FireANTs as it comes, and other programs.

All get the same images and the same start; stock FireANTs (``fireants:greedy``, ``fireants:syn``) gets our parameters
too, with its own local cross-correlation, smoothing and optimiser; the others have their defaults here, which are their
authors'. Each runs in a process of its own. `seconds` and `cpu_seconds` (over all threads and programs called; they
tell on a busy machine) are for the registration up to the field, imports and compilation included; `peak_gb` is the
most memory that the process or a program called held. SyN's reverse warp is inverted by this package's iteration in
both, as FireANTs' own inversion ignores that the grids differ. With labels, Dice is the mean over structures present in
both; `folded_percent` is of the voxels above zero.

    python benchmarks/peers.py --fixed F.nii.gz --moving M.nii.gz [--fixed-labels F --moving-labels M] [--spacing 1]
        [--start centre_of_mass|aligned|none] [--methods greedy fireants:greedy ...] [--threads 2] [--repeats 1]
        [--sloppy] [--out FILE.json]

Ratios are a method's numbers over those of the first one named. Without images a synthetic pair is made, 128 voxels (or
--side) a side. With repeats the fastest counts. Linux and macOS, for the peak memory.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.measures.field import folding_percent, jacobian_determinant
from lumirage_bids.measures.overlap import dice, scored_structures
from lumirage_bids.methods import Context, Method, method
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.spatial.images import Volume, read_image, read_labels
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.transforms import Transform

STOCK = "fireants:"
PEERS = (
    "greedy", "syn", f"{STOCK}greedy", f"{STOCK}syn", "picsl_greedy", "dipy_syn", "convexadam", "ants_syn_quick",
    "elastix", "ants_syn",
)  # fmt: skip
NUMBERS = ("seconds", "cpu_seconds", "peak_gb")


def synthetic(side: int = 128) -> tuple[Volume, Volume, Volume, Volume]:
    """Make a smooth textured ball and the same one bent; cells of random points are the labels."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(0)
    centres, heights = rng.uniform(-0.9, 0.9, (200, 3)), rng.uniform(0.2, 1, 200)
    tree = cKDTree(centres)
    at = np.moveaxis(np.indices((side,) * 3), 0, -1) / (side - 1) * 2.4 - 1.2

    def see(points: npt.NDArray[np.float64]) -> tuple[Volume, Volume]:
        inside = np.linalg.norm(points, axis=-1) < 1
        distance, nearest = (np.asarray(a) for a in tree.query(points[inside], k=2))
        image, labels = np.zeros(points.shape[:3], np.float32), np.zeros(points.shape[:3], np.int32)
        mix = 1 / (1 + np.exp((distance[:, 0] - distance[:, 1]) / 0.03))
        image[inside] = mix * heights[nearest[:, 0]] + (1 - mix) * heights[nearest[:, 1]]
        labels[inside] = nearest[:, 0] + 1
        return Volume(array=image, affine=np.eye(4)), Volume(array=labels, affine=np.eye(4))

    (moving, moving_labels), (fixed, fixed_labels) = see(at), see(at + 0.06 * np.sin(4 * at[..., [1, 2, 0]]))
    return fixed, moving, fixed_labels, moving_labels


def stock(chosen: Method, fixed: Volume, moving: Volume, context: Context) -> Transform:
    """Run FireANTs as it comes, with a method's parameters."""
    from lumirage_bids.methods.fireants import register
    from lumirage_bids.methods.fireants.library import batch, centre, prepare_torch, quiet

    device = prepare_torch(context)
    with quiet():
        from fireants.registration.greedy import GreedyRegistration
        from fireants.registration.syn import SyNRegistration

        images = [batch(v, origin=centre(fixed), device=device) for v in (fixed, moving)]
        p: Any = chosen
        registration = {"greedy": GreedyRegistration, "syn": SyNRegistration}[chosen.name](
            list(p.scales), list(p.iterations), *images, loss_type="cc", cc_kernel_size=p.window, optimizer_lr=p.step,
            smooth_warp_sigma=p.smooth_warp_sigma, smooth_grad_sigma=p.smooth_grad_sigma, loss_params={},
            max_tolerance_iters=p.max_tolerance_iters, progress_bar=False,
        )  # fmt: skip
        registration.optimize()
    return register.read_syn(registration, fixed, moving) if chosen.name == "syn" else register.read_greedy(
        registration, fixed, moving
    )  # fmt: skip


def compete(name: str, case: Path, threads: int, *, sloppy: bool) -> None:
    """Be one competitor: register, keep the transform beside the case, print the numbers as JSON."""
    with case.open("rb") as file:
        fixed, moving = pickle.load(file)
    chosen = method(name.removeprefix(STOCK))
    chosen = chosen.sloppy() if sloppy else chosen
    run: Callable[..., Transform] = stock if name.startswith(STOCK) else type(chosen).register
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), cpu_seconds()
        transform = run(chosen, fixed, moving, Context(threads=threads, work_dir=Path(folder)))
        numbers = {"seconds": time.perf_counter() - start, "cpu_seconds": cpu_seconds() - used}
    unit = 1 if sys.platform == "darwin" else 1024
    held = [resource.getrusage(whose).ru_maxrss for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    numbers["peak_gb"] = max(held) * unit / 1e9
    brain = fixed.array > 0
    numbers["folded_percent"] = folding_percent(jacobian_determinant(transform, fixed.shape, fixed.affine), brain)
    case.with_suffix(".transform").write_bytes(pickle.dumps(transform))
    print(json.dumps(numbers))


def cpu_seconds() -> float:
    """Of this process and of all that it has called."""
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, (0, resource.RUSAGE_CHILDREN)))


def score(transform: Transform, labels: tuple[Any, Any], start: npt.NDArray[np.float64]) -> float:
    """Mean Dice of the structures present in both maps; the native labels are carried over once."""
    fixed, moving = labels
    moved = transfer_labels(moving, transform.then(Transform.affine(start)), fixed.shape, fixed.affine)
    indices = scored_structures(fixed.array, moving.array, np.unique(fixed.array))
    return float(dice(fixed.array, moved, indices).mean())


def pair_of(options: argparse.Namespace) -> tuple[list[Volume], tuple[Volume, Volume] | None]:
    """Fixed and moving image, and their labels where there are any, as `add_pair_options` lets the user choose."""
    if not options.fixed:
        fixed, moving, *labels = synthetic(options.side)
        return [fixed, moving], (labels[0], labels[1])
    images = [read_image(p) for p in (options.fixed, options.moving)]
    given = options.fixed_labels and options.moving_labels
    return images, (read_labels(options.fixed_labels), read_labels(options.moving_labels)) if given else None


def add_pair_options(parser: argparse.ArgumentParser, side: int) -> None:
    """Options for a pair of images of the user's, or a synthetic one of so many voxels a side."""
    for name in ("fixed", "moving", "fixed-labels", "moving-labels"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--side", type=int, default=side, help="voxels a side of the synthetic pair")


def at_spacing(volume: Volume, spacing: float | None) -> Volume:
    """Prepare an image as the app does, at a spacing; what is above zero is the brain."""
    mask = replace(volume, array=(volume.array > 0).astype(np.uint8))
    return prepare(volume, mask, Preparation(spacing=spacing)).image


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let every competitor register the pair, and score the results."""
    images, labels = pair_of(options)
    fixed, moving = (at_spacing(image, options.spacing) for image in images)
    start = align(fixed, moving, alignment=Alignment(start=options.start), context=Context(threads=options.threads))
    moving = Volume(array=moving.array, affine=np.linalg.inv(start) @ moving.affine)
    case = folder / "case.pickle"
    case.write_bytes(pickle.dumps((fixed, moving)))
    results = []
    for name in options.methods:
        runs = [in_process(name, case, options) for _ in range(options.repeats)]
        result = {"method": name, **min(runs, key=lambda run: run.get("seconds", float("inf")))}
        if labels and "failed" not in result:
            transform = pickle.loads(case.with_suffix(".transform").read_bytes())
            result["dice"] = score(transform, labels, start)
        results.append(result)
        print_row(result)
    return {
        "shape": fixed.shape,
        "spacing_mm": fixed.spacing.tolist(),
        "start": options.start,
        "dice_at_start": score(Transform(), labels, start) if labels else None,
        "sloppy": options.sloppy,
        "threads": options.threads,
        "versions": {package: version(package) for package in ("lumirage-bids", "numba", "fireants", "torch")},
        "results": results,
        "ratios": ratios(results),
    }


def in_process(name: str, case: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Numbers of one competitor, or what it failed with."""
    command = [sys.executable, __file__, "--compete", name, "--case", str(case), "--threads", str(options.threads)]
    done = subprocess.run([*command, *["--sloppy"] * options.sloppy], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]}
    numbers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def ratios(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Numbers over those of the first; Dice less that of the first."""
    first, *others = [result for result in results if "failed" not in result] or [{}]
    table = {}
    for other in others:
        table[other["method"]] = {key: other[key] / first[key] for key in NUMBERS}
        if "dice" in other:
            table[other["method"]]["dice_gain"] = other["dice"] - first["dice"]
    return table


def print_row(row: dict[str, Any]) -> None:
    """Names and numbers in one line."""
    print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v:<15}" for k, v in row.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pair_options(parser, side=128)
    parser.add_argument("--start", choices=["aligned", "centre_of_mass", "none"], default="centre_of_mass")
    parser.add_argument("--spacing", type=float, help="resample to it, mm; by default as they are")
    parser.add_argument("--methods", nargs="+", default=PEERS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sloppy", action="store_true", help="a tenth of the iterations")
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    parser.add_argument("--compete", help=argparse.SUPPRESS)
    parser.add_argument("--case", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compete:
        compete(options.compete, options.case, options.threads, sloppy=options.sloppy)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    for name, row in report["ratios"].items():
        print_row({"method": f"{name} / {options.methods[0]}", **row})
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
