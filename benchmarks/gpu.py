"""Greedy and SyN on a GPU: seconds, GPU memory and Dice, pair by pair and several fixed images in one FireANTs call.

    python benchmarks/gpu.py --fixed F.nii.gz --moving M.nii.gz [--fixed-labels F --moving-labels M]
        [--spacings 1 0.6] [--methods greedy syn] [--together 1 4] [--device cuda] [--sloppy] [--out FILE.json]

Images are resampled to each spacing (mm). `seconds` and `gb` (the most that torch held on the device, all pairs of a
call) are of a second call, after one that warms up; `seconds_a_pair` is what counts. With several fixed images in one
call the same fixed image is taken so many times: `difference_mm` says how far the first pair's points are, on average,
from where they are when it is alone. Without images a synthetic pair is made. ``--device cpu`` works too, without
memory.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import add_pair_options, at_spacing, pair_of, score

from lumirage_bids.methods import Context, method
from lumirage_bids.methods.fireants import engine, register
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform

KINDS = {"greedy": engine.GreedyWarp, "syn": engine.SynWarps}
READERS = {"greedy": register.read_greedy, "syn": register.read_syn}


def timed(
    name: str, pairs: tuple[Volume, Volume], n: int, options: argparse.Namespace
) -> tuple[dict[str, Any], Transform]:
    """Register n pairs in one call, twice; numbers of the second call and the first pair's transform."""
    fixed, moving = pairs
    chosen: Any = method(name).sloppy() if options.sloppy else method(name)
    context = Context(device=options.device, threads=options.threads)
    cuda = options.device.startswith("cuda")
    for _ in range(2):
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats(options.device)
        begin = time.perf_counter()
        registration = register.optimise(KINDS[name], chosen, fixed, moving, context, copies=n)
        transform = READERS[name](registration, fixed, moving)
        seconds = time.perf_counter() - begin
    row: dict[str, Any] = {"seconds": seconds, "seconds_a_pair": seconds / n}
    if cuda:
        row["gb"] = torch.cuda.max_memory_allocated(options.device) / 1e9
    return row, transform


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A row for every spacing, method and number of pairs a call; what fails, for lack of memory say, is a row too."""
    images, labels = pair_of(options)
    rows = []
    for spacing in options.spacings:
        fixed, moving = (at_spacing(v, spacing) for v in images)
        points = fixed.affine[:3, 3] + np.argwhere(fixed.array > 0.2)[::97] @ fixed.affine[:3, :3].T
        for name in options.methods:
            alone: Transform | None = None
            for n in options.together:
                row: dict[str, Any] = {"method": name, "spacing": spacing, "shape": fixed.shape, "together": n}
                try:
                    numbers, transform = timed(name, (fixed, moving), n, options)
                except RuntimeError as error:  # torch's out-of-memory error is one
                    rows.append({**row, "failed": str(error).splitlines()[0]})
                    continue
                alone = alone or transform
                gap = np.linalg.norm(transform.apply(points) - alone.apply(points), axis=1).mean()
                row |= {**numbers, "difference_mm": float(gap)}
                if labels:
                    row["dice"] = score(transform, labels, np.eye(4))
                rows.append(row)
                print(
                    "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()),
                    flush=True,
                )
    name = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else options.device
    return {
        "device": name,
        "versions": {package: version(package) for package in ("lumirage-bids", "fireants", "torch")},
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pair_options(parser, side=192)
    parser.add_argument("--spacings", type=float, nargs="+", default=[1.0, 0.6])
    parser.add_argument("--methods", nargs="+", choices=["greedy", "syn"], default=["greedy", "syn"])
    parser.add_argument("--together", type=int, nargs="+", default=[1, 4], help="pairs in one call")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sloppy", action="store_true", help="a tenth of the iterations")
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here; --device cpu tries the script out")
    report = measure(options)
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
