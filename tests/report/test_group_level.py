"""What the group level says of runs before."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.audit import AuditedRun
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import read_records
from lumirage_bids.report.group_level import criteria_note, find_rungs, pairs_asked
from tests.report.situations import table

SUBJECTS = "123456"
PAIRS = [(f"sub-{a}_T1w", f"sub-{b}_T1w") for a in SUBJECTS for b in SUBJECTS if a != b]


def test_a_change_of_criteria_is_told_loudly():
    assert criteria_note(Criteria(), Criteria()) == []
    (note,) = criteria_note(Criteria(), Criteria(margin=0.05))
    assert note.startswith("CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under margin 0.01,")
    assert "this page uses margin 0.05, threshold |d_z| 0.2, 95 % intervals." in note


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


def test_a_rung_begins_with_the_variant_that_is_the_same_in_all_else():
    worse = {"kind": "noise", "size": 0.2, "seed": 0}
    preparations = {
        "plain": {"spacing": 2.0},
        "noisy": {"spacing": 2.0, "perturbation": worse},
        "rigid-noisy": {"spacing": 2.0, "perturbation": worse},
        "other-seed": {"spacing": 2.0, "perturbation": {**worse, "seed": 1}},
        "coarse-noisy": {"spacing": 3.0, "perturbation": worse},
        "reference-noisy": {"spacing": 2.0, "perturbation": worse},
    }
    parameters = {name: {"alignment transform": "affine"} for name in preparations}
    parameters["rigid-noisy"] = {"alignment transform": "rigid"}
    pairs = table(variants=tuple(preparations), groups={"T1w": 3})
    pairs.loc[pairs["variant"] == "reference-noisy", "evaluation"] = "reference"
    found = find_rungs(AuditedRun(pairs=pairs, preparations=preparations, parameters=parameters))
    assert {name: rung.base for name, rung in found.items()} == {
        **{"noisy": "plain", "rigid-noisy": "", "other-seed": "plain", "coarse-noisy": "", "reference-noisy": ""}
    }
    assert len({rung.ladder for rung in found.values()}) == len(found)
    assert {(rung.kind, rung.size, rung.unit) for rung in found.values()} == {
        ("noise", 0.2, "of the brain's intensity range")
    }
