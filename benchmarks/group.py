"""The group level on a large study: seconds and peak memory of all tables, figures and the page.

Generates the score tables of a run (by default 438 subjects, all 191 406 ordered pairs, 3 methods, 32 structures),
with effects of the moving and of the fixed subject, every other measure that methods are compared by, two sequences,
a few failures and holes where a native label map lacks a structure.
Then each step runs in a process of its own: the tables alone (reading, and each statistic), and ``lumirage IN OUT
group`` whole, `--repeats` times; the fastest counts, and the highest resident memory. CPU seconds, over all threads,
tell on a busy machine. Linux only.

    python benchmarks/group.py [--subjects 438] [--structures 32] [--methods identity greedy syn]
        [--threads 2] [--repeats 1] [--keep FOLDER] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.measures import compared_columns
from lumirage_bids.measures.dice import Dice
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.files import write_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import BIDS_VERSION, DESCRIPTION, dataset_name
from lumirage_bids.stats.score import DICE

LABELLING = "made"
SEQUENCES = ("MPRAGE", "MP2RAGE")


def generate(out: Path, subjects: int, structures: int, methods: list[str]) -> None:
    """Write an output folder that holds scores only."""
    random = np.random.default_rng(0)
    names = np.array([f"sub-{i:04d}_T1w" for i in range(subjects)])
    sequence = np.array(SEQUENCES)[np.arange(subjects) % 2]
    effects = random.normal(0, 0.02, (len(methods), 2, subjects))
    level = np.clip(random.normal(0.6, 0.1, structures), 0.2, 0.8)
    for moving in range(subjects):
        fixed = np.delete(np.arange(subjects), moving)
        initial = 0.3 + random.normal(0, 0.03, len(fixed))
        lacking = random.random((len(fixed), structures)) < 0.001
        for place, method in enumerate(methods):
            mean = 0.02 * place + effects[place, 0, moving] + effects[place, 1, fixed]
            dice = np.clip(level + mean[:, None] + random.normal(0, 0.03, (len(fixed), structures)), 0, 1)
            failed = random.random(len(fixed)) < (0.002 if place else 0)
            dice[lacking | failed[:, None]] = np.nan
            write(out, method, names, sequence, moving, fixed, dice, initial, failed)
    output = Output(out)
    output.write_text(
        paths.look_up_table(LABELLING),
        "index\tname\n" + "".join(f"{i}\tstructure {i}\n" for i in range(1, structures + 1)),
    )
    score_table.note_latest(output, {f"{paths.description('default', m)}/{LABELLING}": "same" for m in methods})
    about = {
        **{"Name": dataset_name("generated scores", sloppy=False), "BIDSVersion": BIDS_VERSION},
        **{"GeneratedBy": [{"Name": "LUMirage"}], "Protocol": "default"},
    }
    output.write_json(DESCRIPTION, about)


def write(
    out: Path,
    method: str,
    names: np.ndarray,
    sequence: np.ndarray,
    moving: int,
    fixed: np.ndarray,
    dice: np.ndarray,
    initial: np.ndarray,
    failed: np.ndarray,
) -> None:
    """Write the rows of one moving scan and method as a participant run does."""
    n = len(fixed)
    known = np.isfinite(dice)
    subject = names[moving].removesuffix("_T1w")
    columns: dict[str, Any] = {
        **{"variant": "default", "method": method, "labelling": LABELLING, "moving": names[moving]},
        **{"fixed": names[fixed], "split": [f"{sequence[moving]} to {s}" for s in sequence[fixed]]},
        **{"status": np.where(failed, "failed", "ok"), "reason": np.where(failed, "out of memory", None)},
        "dice_mean": np.where(failed, np.nan, np.where(known, dice, 0).sum(1) / np.maximum(known.sum(1), 1)),
        **{"n_structures": known.sum(1), "dice_initial": initial},
        **others(method, moving, n, failed),
        **{"similarity": "lncc", "start": "aligned", "input": "image", "evaluation": "native", "hash": "0123456789ab"},
        **{"registration_hash": "0123456789ab", "conditions": "same", "finished": "2026-01-01T00:00:00"},
        **{"moving_subject": subject[4:], "fixed_subject": [f[4:].removesuffix("_T1w") for f in names[fixed]]},
        **{f"{Dice.structures}{i + 1}": dice[:, i] for i in range(dice.shape[1])},
    }
    file = out / subject / "anat" / f"{subject}_seg-{LABELLING}_desc-{method}+0_scores.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    order = [
        *score_table.COLUMNS,
        *score_table.INTERNAL,
        *(f"{Dice.structures}{i + 1}" for i in range(dice.shape[1])),
    ]
    write_table(file, pd.DataFrame(columns, index=range(n)).reindex(columns=order))


def others(method: str, moving: int, n: int, failed: np.ndarray) -> dict[str, np.ndarray]:
    """Every measure that methods are compared by, besides Dice."""
    random = np.random.default_rng([len(method), moving])
    names = [name for name in compared_columns() if name != DICE.column]
    values = 2 + random.normal(0, 0.1) + random.normal(0, 0.2, (n, len(names)))
    return {name: np.where(failed, np.nan, values[:, place]) for place, name in enumerate(names)}


def tables(out: Path) -> None:
    """Time reading and each statistic; print the seconds as JSON."""
    from lumirage_bids.bids.look_up_tables import read_lut
    from lumirage_bids.stats.agreement import agreement
    from lumirage_bids.stats.comparisons import compare
    from lumirage_bids.stats.further import compare_further, sum_up_measures, taken_measures
    from lumirage_bids.stats.structures import structure_differences
    from lumirage_bids.stats.summaries import failures, per_structure, summarise

    seconds: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - begin

    with timed("reading"):
        rows, _ = score_table.read_current(Output(out))
    pairs = pd.concat([table[list(score_table.COLUMNS)] for table in rows.values()], ignore_index=True)
    luts = {name: read_lut(out / paths.look_up_table(name)) for name in rows}
    with timed("summary"):
        summarise(pairs)
    with timed("failures"):
        failures(pairs)
    with timed("comparisons"):
        compare(pairs)
    with timed("laying out measures"):
        taken = taken_measures(pairs)
    with timed("measures"):
        sum_up_measures(taken)
    with timed("further_comparisons"):
        compare_further(taken)
    with timed("agreement"):
        agreement(taken)
    with timed("per_structure"):
        per_structure(rows, luts)
    with timed("structure_differences"):
        structure_differences(rows, luts)
    print(json.dumps(seconds))


def measured(command: list[str], threads: int) -> tuple[dict[str, float], str]:
    """Wall and CPU seconds and peak resident memory (GB) of a command, and its output; stops where it fails."""
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))}
    probe = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:]).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_maxrss, used.ru_utime + used.ru_stime)\n"
        "sys.exit(code)"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", probe, *command], capture_output=True, text=True, env=environment, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    *lines, used = done.stdout.strip().splitlines()
    peak, cpu = used.split()
    return {"seconds": seconds, "cpu_seconds": float(cpu), "gb": 1024 * int(peak) / 1e9}, "\n".join(lines)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Generate what is not there yet, and measure."""
    out = folder / "out"
    if not out.exists():
        generate(out, options.subjects, options.structures, options.methods)
    alone, text = measured([sys.executable, __file__, "--tables", str(out)], options.threads)
    whole = [sys.executable, "-m", "lumirage_bids", str(folder), str(out), "group"]
    runs = [measured(whole, options.threads)[0] for _ in range(options.repeats)]
    return {
        "pairs": options.subjects * (options.subjects - 1),
        "methods": options.methods,
        "structures": options.structures,
        "threads": options.threads,
        "load_before": os.getloadavg()[0],
        "versions": {package: version(package) for package in ("lumirage-bids", "numpy", "pandas", "scipy")},
        "steps_seconds": json.loads(text.splitlines()[-1]),
        "tables": alone,
        "group": {name: (max if name == "gb" else min)(run[name] for run in runs) for name in runs[0]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=438)
    parser.add_argument("--structures", type=int, default=32)
    parser.add_argument("--methods", nargs="+", default=["identity", "greedy", "syn"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="generate here and leave it, for the next time")
    parser.add_argument("--out", type=Path, help="write the numbers here as JSON")
    parser.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tables:
        tables(options.tables)
        return
    with tempfile.TemporaryDirectory() as temporary:
        report = measure(options, options.keep or Path(temporary))
    print(f"{report['pairs']} pairs, {len(options.methods)} methods, {options.structures} structures")
    print(f"{'':24}{'seconds':>10}{'CPU s':>10}{'GB':>10}")
    for step, seconds in report["steps_seconds"].items():
        print(f"{step:24}{seconds:10.1f}")
    for what, name in (("tables", "these, one process"), ("group", "group, whole")):
        print(f"{name:24}{report[what]['seconds']:10.1f}{report[what]['cpu_seconds']:10.1f}{report[what]['gb']:10.2f}")
    if options.out:
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
