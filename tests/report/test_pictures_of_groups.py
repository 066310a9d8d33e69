"""Scans and pairs that stand for a group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.audit import AuditedRun
from lumirage_bids.output.folder import Output
from lumirage_bids.report.figures.intensities import ShownHistogram
from lumirage_bids.report.pictures_of_groups import read_pictures, scans_by_sequence
from lumirage_bids.stats.classes import Arm
from tests.report.made_scans import keep_pictures, prepare, row


def test_sequences_come_from_pairs_of_two_subjects_else_the_contrast():
    rows = [
        row("sub-1_T1w", "sub-1_run-2_T1w", "same subject"),
        row("sub-1_T1w", "sub-2_T1w"),
        row("sub-3_T2w", "sub-3_run-2_T2w", "same subject"),
    ]
    found = {sequence: [s.name for s in scans] for sequence, scans in scans_by_sequence(pd.DataFrame(rows)).items()}
    assert found == {
        "MP2RAGE": ["sub-2_T1w"],
        "MPRAGE": ["sub-1_T1w"],
        "T1w": ["sub-1_run-2_T1w"],
        "T2w": ["sub-3_T2w", "sub-3_run-2_T2w"],
    }


def test_worst_median_and_best_of_the_pairs_of_different_subjects_are_shown(tmp_path: Path):
    names = [f"sub-{i}_T1w" for i in range(1, 5)]
    for name in names:
        prepare(tmp_path, name, np.eye(4), Histogram=[1] * 64)
    rows = [row(names[0], fixed, dice=dice) for fixed, dice in zip(names[1:], (0.7, 0.2, 0.4), strict=True)]
    rows += [
        row("sub-1_run-2_T1w", names[0], "same subject", 0.99),
        row(names[1], names[0], "MP2RAGE to MPRAGE", status="failed"),
    ]
    keep_pictures(tmp_path, names[0], *names[1:3])
    looks = read_pictures(Output(tmp_path), AuditedRun(pairs=pd.DataFrame(rows)))
    # Nothing was kept of the pair with Dice 0.4.
    titles = [pair.title for pair in looks.pairs["mine", Arm("default", "syn")]]
    assert titles == [
        "worst of 3 pairs: sub-1_T1w onto sub-3_T1w, Dice 0.200",
        "best of 3 pairs: sub-1_T1w onto sub-2_T1w, Dice 0.700",
    ]
    assert [view.title for view in looks.sequences] == ["MP2RAGE: sub-2_T1w", "MPRAGE: sub-1_T1w"]
    assert looks.histograms[ShownHistogram("default", "MPRAGE", "sub-1_T1w")] == [1] * 64
    assert len(looks.histograms) == 4
