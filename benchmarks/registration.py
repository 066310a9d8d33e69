"""Deformable registration: this package's FireANTs methods beside FireANTs as it comes.

Both get the same images, the same start and the same parameters (the methods' defaults); stock FireANTs uses its own
local cross-correlation, smoothing and optimiser. Each runs in a process of its own. `seconds` and `cpu_seconds` (over
all threads; they tell on a busy machine) are for the registration up to the field, imports and compilation included;
`peak_gb` is the most memory the process held. SyN's reverse warp is inverted by this package's iteration in both, as
FireANTs' own inversion ignores that the grids differ. With labels, Dice is the mean over structures present in both.

    python benchmarks/registration.py --fixed F.nii.gz --moving M.nii.gz [--fixed-labels F --moving-labels M]
        [--start centre_of_mass|aligned|none] [--methods greedy syn] [--threads 2] [--sloppy] [--out FILE.json]

Without images a synthetic pair is made, 128 voxels (or --side) a side. Linux and macOS, for the peak memory.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lumirage_bids.measures.overlap import dice, scored_structures
from lumirage_bids.methods import Context, Method, method
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.spatial.images import Volume, read_image, read_labels
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import rescale, winsorise
from lumirage_bids.spatial.transforms import Transform

COMPETITORS = ("fireants", "lumirage")


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


def compete(name: str, chosen: Method, case: Path, threads: int) -> None:
    """Be one competitor: register, keep the transform beside the case, print the numbers as JSON."""
    with case.open("rb") as file:
        fixed, moving = pickle.load(file)
    run: Callable[..., Transform] = stock if name == "fireants" else type(chosen).register
    start, used = time.perf_counter(), time.process_time()
    transform = run(chosen, fixed, moving, Context(threads=threads))
    numbers = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - used}
    unit = 1 if sys.platform == "darwin" else 1024
    numbers["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    case.with_suffix(".transform").write_bytes(pickle.dumps(transform))
    print(json.dumps(numbers))


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


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let every competitor run every method and score the results."""
    images, labels = pair_of(options)
    fixed, moving = (Volume(array=rescale(winsorise(v.array)), affine=v.affine) for v in images)
    start = align(fixed, moving, alignment=Alignment(start=options.start), context=Context(threads=options.threads))
    moving = Volume(array=moving.array, affine=np.linalg.inv(start) @ moving.affine)
    case = folder / "case.pickle"
    case.write_bytes(pickle.dumps((fixed, moving)))
    results = []
    for name in options.methods:
        for competitor in options.competitors:
            result = {"method": name, "competitor": competitor, **in_process(competitor, name, case, options)}
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


def in_process(competitor: str, name: str, case: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--compete", competitor, "--methods", name, "--case", str(case)]
    command += ["--threads", str(options.threads), *(["--sloppy"] if options.sloppy else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [str(done.returncode)])[-1]}
    numbers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def ratios(results: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """FireANTs' numbers over ours, for every method that both finished; Dice as ours minus FireANTs'."""
    table: dict[str, dict[str, float]] = {}
    for theirs in results:
        for ours in results:
            pair = (theirs["competitor"], ours["competitor"]) == COMPETITORS and theirs["method"] == ours["method"]
            if not pair or "failed" in theirs or "failed" in ours:
                continue
            row = {key: theirs[key] / ours[key] for key in ("seconds", "cpu_seconds", "peak_gb")}
            if "dice" in ours:
                row["dice_gain"] = ours["dice"] - theirs["dice"]
            table[ours["method"]] = row
    return table


def print_row(row: dict[str, Any]) -> None:
    print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v:<9}" for k, v in row.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pair_options(parser, side=128)
    parser.add_argument("--start", choices=["aligned", "centre_of_mass", "none"], default="centre_of_mass")
    parser.add_argument("--methods", nargs="+", choices=["greedy", "syn"], default=["greedy", "syn"])
    parser.add_argument("--competitors", nargs="+", choices=COMPETITORS, default=list(COMPETITORS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sloppy", action="store_true", help="a tenth of the iterations")
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    parser.add_argument("--compete", choices=COMPETITORS, help=argparse.SUPPRESS)
    parser.add_argument("--case", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compete:
        chosen = method(options.methods[0])
        compete(options.compete, chosen.sloppy() if options.sloppy else chosen, options.case, options.threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    for name, row in report["ratios"].items():
        print_row({"FireANTs / ours": name, **row})
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
