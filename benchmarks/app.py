"""What the app costs beside the registrations: a run of n pairs against a bare loop of the same registrations.

Both do one moving scan and n fixed ones with one method in one process, start-up included: the app (dataset query,
plan, Nipype, reading, scoring every pair, tables, subject page), and a script that reads the prepared images and
alignments and calls the method, as one would by hand. Preparation has been done before. `overhead` is the app's wall
time over the bare loop's; `starts` holds the seconds of ``lumirage --help`` and ``--dry-run``.

    python benchmarks/app.py [--bids BIDS --moving LABEL --fixed LABEL ... --option=--derivatives=NAME=PATH ...]
        [--method greedy] [--threads 2] [--out FILE.json]

Without a dataset the demo's is made, at 1.5 mm. `--option` hands an argument on to the app.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BARE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from lumirage_bids.spatial.images import read_image
from lumirage_bids.methods import method
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.transforms import Transform
from lumirage_bids.spatial.itk import read_itk

name, threads, sloppy, *files = sys.argv[1:]
chosen = method(name).sloppy() if sloppy == "True" else method(name)
sides = [(read_image(Path(i)), read_itk(Path(a)).steps[0]) for i, a in zip(files[::2], files[1::2])]
moving, to_moving = sides[0]
for fixed, to_fixed in sides[1:]:
    start = to_moving @ np.linalg.inv(to_fixed)
    chosen.register(fixed, replace(moving, affine=np.linalg.inv(start) @ moving.affine), Context(threads=int(threads)))
"""


def seconds(command: list[str]) -> float:
    """Wall time of a command; its output is shown only when it fails."""
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begin


def demo(folder: Path) -> tuple[Path, str, list[str], list[str]]:
    """Make the demo dataset at 1.5 mm."""
    from lumirage_bids.app.demo import write_dataset

    truth = write_dataset(folder / "bids", spacing=1.5)
    return folder / "bids", "01", ["02", "03"], [f"--derivatives=truth={truth}", "--labellings=demo"]


def one(out: Path, subject: str, pattern: str) -> str:
    """The only file of a subject that fits."""
    found = sorted(out.glob(f"sub-{subject}/**/{pattern}"))
    if len(found) != 1:
        sys.exit(f"{len(found)} files of subject {subject} in {out} fit {pattern}; give subjects with one scan each.")
    return str(found[0])


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Prepare, then time the bare loop and the app."""
    if options.bids:
        bids, moving, fixed, more = options.bids, options.moving, options.fixed, options.option
    else:
        bids, moving, fixed, more = demo(folder)
    out, program = folder / "out", [sys.executable, "-m", "lumirage_bids"]
    app = [*program, str(bids), str(out), "participant", "--participant-label", moving, "--fixed-label", *fixed]
    app += ["--device", "cpu", "--nprocs", "1", "--omp-nthreads", str(options.threads), *more]
    app += ["--sloppy"] if options.sloppy else []
    starts = {"help": seconds([*program, "--help"]), "dry_run": seconds([*app, "--dry-run"])}
    seconds([*app, "--stage=prepare", "--methods", options.method])
    sides = [f for s in (moving, *fixed) for f in (one(out, s, "*desc-*prepared*.nii.gz"), one(out, s, "*_xfm.txt"))]
    bare = [sys.executable, "-c", BARE, options.method, str(options.threads), str(options.sloppy), *sides]
    seconds([*app, "--methods", "identity"])  # always run beside a method; here before the clock starts
    loop = seconds(bare)
    whole = seconds([*app, "--methods", options.method])
    return {
        "pairs": len(fixed),
        "method": options.method,
        "threads": options.threads,
        "load_before": os.getloadavg()[0],
        "bare_seconds": loop,
        "app_seconds": whole,
        "overhead": whole / loop,
        "starts": starts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bids", type=Path)
    parser.add_argument("--moving", help="subject label")
    parser.add_argument("--fixed", nargs="+", help="subject labels")
    parser.add_argument("--option", action="append", default=[], help="handed on to the app")
    parser.add_argument("--method", default="greedy")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sloppy", action="store_true", help="coarse images and a tenth of the iterations")
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    options = parser.parse_args()
    if options.bids and not (options.moving and options.fixed):
        parser.error("with --bids, say --moving and --fixed")
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    for key, value in report.items():
        print(f"{key:14} {value}")
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
