"""A table of methods on all ordered pairs of some subjects, by a command that goes on where it was.

    python benchmarks/results.py BIDS FOLDER --derivatives braincolor=PATH --labelling braincolor \
        --subjects 1003 1006 1007 1008 1010 [--spacing 2] [--methods NAME ...] [--table FILE.md]

FOLDER keeps protocol and output, and what a run needs to go on: the same command with another method adds a row. One
process with one thread registers, so that times can be compared; they say something of an idle machine alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pandas as pd

PROTOCOL = """\
extends = "default"
[preparation]
spacing = {spacing}
[labellings.{labelling}]
[evaluation]
surface = true
[pairs]
file = "pairs.tsv"
[downstream]
scans = {n}
{methods}
"""
METHODS = (
    "identity", "greedy", "lapirn", "syn", "picsl_greedy", "dipy_syn", "plastimatch", "convexadam", "ants_syn_quick",
    "curt", "ants_syn", "elastix",
)  # fmt: skip
REFERENCE = "greedy"
"""What the others are compared with; it stands for nothing but a name that is always there."""
SHOWN = {
    "Dice": ("dice_mean", "{:.3f}"),
    "HD95, mm": ("hd95_mm_mean", "{:.2f}"),
    "mean surface distance, mm": ("assd_mm_mean", "{:.2f}"),
    "folded, %": ("folding_percent_mean", "{:.2f}"),
    "SDlogJ": ("sdlogj_mean", "{:.2f}"),
    "there and back, mm": ("both_ways_mm_mean", "{:.2f}"),
    "s": ("runtime_s_median", "{:.0f}"),
    "GB": ("memory_gb_max", "{:.1f}"),
}


def table(group: Path, labelling: str, training: dict[str, str]) -> str:
    """Rows by mean Dice, as Markdown."""
    summary, compared = (
        pd.read_csv(group / f"{name}.tsv", sep="\t", na_values=["n/a"], keep_default_na=False)
        for name in ("summary", "comparisons")
    )
    rows = summary[(summary["labelling"] == labelling) & (summary["split"] == "all")]
    rows = rows.assign(dice_mean=rows["mean"]).sort_values("mean", ascending=False)
    differences = {}
    for row in compared[(compared["labelling"] == labelling) & (compared["split"] == "all")].to_dict("records"):
        # A difference is the second one's score less the first one's.
        for one, other, sign in (("method_a", "method_b", -1), ("method_b", "method_a", 1)):
            if row[other] == REFERENCE:
                ends = sorted(sign * row[end] for end in ("ci_low", "ci_high"))
                differences[row[one]] = f"{sign * row['mean_difference']:+.3f} ({ends[0]:+.3f} to {ends[1]:+.3f})"
    head = ["method", "pairs", *SHOWN, f"Dice beside {REFERENCE}"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows.to_dict("records"):
        cells = [form.format(row[column]) if row[column] == row[column] else "" for column, form in SHOWN.values()]
        name = f"`{row['method']}`{training.get(row['method'], '')}"
        pairs = f"{row['n_pairs'] - row['n_failed']:.0f}"
        lines.append("| " + " | ".join([name, pairs, *cells, differences.get(row["method"], "")]) + " |")
    return "\n".join(lines)


def trained(methods: list[str]) -> dict[str, str]:
    """A mark for methods that have learned from something."""
    from lumirage_bids.methods import method
    from lumirage_bids.methods import methods as known

    made = {name: method(name) for name in methods if name in known()}
    return {name: "*" for name, one in made.items() if one.training != "none"}


def main() -> None:
    """Run what is left, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bids", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--derivatives", required=True, metavar="NAME=PATH")
    parser.add_argument("--labelling", required=True)
    parser.add_argument("--subjects", nargs="+", required=True)
    parser.add_argument("--session", nargs="+", default=["1"], help="of which the scans are")
    parser.add_argument("--spacing", type=float, default=2.0)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    protocol = asked.folder / "results.toml"
    # The draw for [downstream] is of the protocol's pairs, so these are named there.
    pairs = ["moving\tfixed", *("\t".join(pair) for pair in permutations(asked.subjects, 2))]
    (asked.folder / "pairs.tsv").write_text("\n".join(pairs) + "\n")
    sections = "\n".join(f"[methods.{name}]" for name in METHODS if name != "identity")
    protocol.write_text(
        PROTOCOL.format(
            spacing=asked.spacing,
            labelling=asked.labelling,
            n=len(asked.subjects),
            methods=f"[methods.identity]\n{sections}",
        )
    )
    for name in asked.methods:  # one after the other, so that each has its rows soon
        command = [
            *(sys.executable, "-m", "lumirage_bids", str(asked.bids), str(asked.folder / "out"), "participant"),
            *("--protocol", str(protocol), "--derivatives", asked.derivatives, "--labellings", asked.labelling),
            *("--session-id", *asked.session, "--methods", name, "--device", "cpu"),
            *("--nprocs", "1", "--omp-nthreads", "1"),
        ]
        if code := subprocess.run(command, check=False).returncode:
            print(f"{name}: the run ended with exit code {code}", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "lumirage_bids", str(asked.bids), str(asked.folder / "out"), "group"], check=True
    )
    made = table(asked.folder / "out" / "group", asked.labelling, trained(list(asked.methods)))
    print(made)
    if asked.table:
        asked.table.write_text(f"{made}\n")


if __name__ == "__main__":
    main()
