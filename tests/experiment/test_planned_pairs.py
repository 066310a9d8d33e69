from __future__ import annotations

from pathlib import Path

from lumirage_bids.experiment.planned_pairs import PlannedPairs, asked_pairs, read_planned
from lumirage_bids.output.folder import Output

PAIRS = [("sub-1_T1w", "sub-2_T1w"), ("sub-2_T1w", "sub-1_T1w")]
HEAD = "moving\tfixed\tstatus\n"


def test_pairs_are_known_where_the_status_table_has_as_many_as_the_plan(tmp_path: Path) -> None:
    output = Output(tmp_path)
    assert read_planned(output, 2) == PlannedPairs(number=2)
    rows = "sub-1_T1w\tsub-2_T1w\tok\nsub-1_T1w\tsub-2_T1w\tfailed\nsub-2_T1w\tsub-1_T1w\tmissing\n"
    (tmp_path / "status.tsv").write_text(f"{HEAD}{rows}sub-9\tn/a\tleft out\n")
    found = read_planned(output, 2)
    assert (found.which, found.gone) == (frozenset(PAIRS), frozenset(PAIRS[1:]))
    assert read_planned(output, 3) == PlannedPairs(number=3)


def test_pairs_of_subjects_that_no_run_named_were_not_asked_for() -> None:
    one = {"settings": {"participant_label": ["1"]}}
    assert asked_pairs(PAIRS, [one]) == frozenset(PAIRS[:1])
    assert asked_pairs(PAIRS, [one, {"settings": {}}]) == frozenset(PAIRS)
    assert asked_pairs(PAIRS, [{"settings": {"participant_label": ["1"], "fixed_label": ["1"]}}]) == frozenset()
