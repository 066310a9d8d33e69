"""What the group level says of runs before."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import read_records
from lumirage_bids.report.group_level import criteria_note, pairs_asked, warnings_of

SUBJECTS = "123456"
PAIRS = [(f"sub-{a}_T1w", f"sub-{b}_T1w") for a in SUBJECTS for b in SUBJECTS if a != b]


def test_a_change_of_criteria_is_told_loudly():
    assert criteria_note(Criteria(), Criteria()) == []
    (note,) = criteria_note(Criteria(), Criteria(margin=0.05))
    assert note.startswith("CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under margin 0.01,")
    assert "this page uses margin 0.05, threshold |d_z| 0.2, 95 % intervals." in note


def test_a_warning_of_the_dry_run_is_a_note_of_the_page():
    assert warnings_of({"warnings": ["WARNING: 2 scan(s) …", "3 scan(s) …"]}) == ["2 scan(s) …", "3 scan(s) …"]
    assert warnings_of({}) == []


def ran(folder: Path, name: str, *, moving: str = "", fixed: str = "", asked: int = 30) -> Output:
    """Write down that a run of the protocol's 30 pairs was asked for those of some subjects."""
    settings = f"participant_label = {list(moving)}\nfixed_label = {list(fixed)}"
    plan = f"pairs = 30\npairs_asked = {asked}\npairs_present = 30"
    record = folder / "config" / f"{name}.toml"
    record.parent.mkdir(exist_ok=True)
    record.write_text(f"[settings]\n{settings}\n[plan]\n{plan}\n".replace("'", '"'))
    return Output(folder)


def wrote_status(folder: Path, missing: str = "") -> None:
    states = ["missing" if f"sub-{missing}_T1w" in pair else "pending" for pair in PAIRS]
    rows = ["\t".join((*pair, state)) for pair, state in zip(PAIRS, states, strict=True)]
    (folder / "status.tsv").write_text("\n".join(["moving\tfixed\tstatus", *rows, "sub-9\tn/a\tleft out"]) + "\n")


@pytest.mark.parametrize("ended", [False, True])
def test_pairs_not_asked_for_are_a_note_and_not_unfinished(tmp_path, ended):
    output = ran(tmp_path, "20260101T000000Z-a", moving="123", fixed="123", asked=6)
    if ended:
        wrote_status(tmp_path)
    found = pairs_asked(output, read_records(output))
    assert found.pairs == 6
    assert found.notes == ("6 of the protocol's 30 pairs were asked for: runs named subjects.",)


def test_runs_of_several_subjects_ask_for_the_pairs_of_all_of_them(tmp_path):
    ran(tmp_path, "20260101T000000Z-a", moving="1", asked=5)
    output = ran(tmp_path, "20260101T000000Z-b", moving="2", asked=5)
    wrote_status(tmp_path, missing="6")
    found = pairs_asked(output, read_records(output))
    assert found.pairs == 8
    assert found.notes[0].startswith("10 of the protocol's 30 pairs were asked for")
    output = ran(tmp_path, "20260101T000000Z-c")
    whole = pairs_asked(output, read_records(output))
    assert (whole.pairs, whole.notes) == (20, ())
