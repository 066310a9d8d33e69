from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.app.describe import warnings
from lumirage_bids.bids.left_out import LeftOut
from lumirage_bids.experiment import status
from lumirage_bids.experiment.declared import PairRule
from lumirage_bids.experiment.pairs import choose_pairs
from lumirage_bids.output.folder import Output
from tests.experiment.plans import written
from tests.small_plan import plan, scan


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("ok", None)], 0),
        ([], 0),
        ([("ok", None), ("failed", "out of memory")], 1),
        ([("failed", "out of memory")], 1),
        ([("failed", "bad data"), ("failed", "bad data")], 65),
        ([("ok", None), ("failed", "bad data")], 1),
        ([("failed", "killed"), ("failed", "out of memory")], 75),
        ([("ok", None), ("failed", "lost input")], 75),
        ([("ok", None), ("pending", None)], 75),
    ],
)
def test_the_exit_code_follows_from_the_pairs(rows: list[tuple[str, str | None]], code: int) -> None:
    assert status.exit_code([s for s, _ in rows], [kind for _, kind in rows]) == code


def test_only_a_killed_pair_is_tried_again() -> None:
    assert status.is_final("ok", None)
    assert status.is_final("failed", "out of memory")
    assert not status.is_final("failed", "killed")


def test_subjects_without_a_scan_are_in_the_status(tmp_path: Path) -> None:
    made = replace(plan(tmp_path, [scan(tmp_path, s) for s in "12"]), left_out=(LeftOut(subject="3", reason="gone"),))
    table = status.status_table(made, {})
    assert table["status"].tolist() == ["pending"] * 4 + ["left out"]
    last = table.iloc[-1]
    assert (last["moving"], last["reason"]) == ("sub-3", "gone")
    assert len(status.keep_own(table, made)) == 4
    status.write(Output(tmp_path), table)
    rule = PairRule(file=tmp_path / "status.tsv")
    assert len(choose_pairs(made.scans, rule, 0)) == 2
    assert any("no scan fits the filter for 1 subject(s): 3 (gone)" in text for text in warnings(made))


def test_the_pairs_of_a_sample_are_read_back_from_its_status_table(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(9)]
    sampled = written(tmp_path, "[pairs]\nsubjects = 6\n[methods.greedy]")
    drawn = plan(tmp_path, scans, present=["1", "4"], protocol=sampled, max_pairs=12, seed=3)
    assert (len(drawn.subjects), drawn.n_subjects, len(drawn.pairs), drawn.n_pairs) == (6, 9, 12, 30)
    status.write(Output(tmp_path / "out"), status.status_table(drawn, {}))
    listed = written(tmp_path, "[pairs]\nfile = 'out/status.tsv'")
    again = plan(tmp_path, scans, protocol=listed, seed=4)
    assert [(p.moving.name, p.fixed.name) for p in again.pairs] == [(p.moving.name, p.fixed.name) for p in drawn.pairs]
