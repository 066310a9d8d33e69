"""Which scans, pairs and reference a run is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError
from lumirage_bids.experiment.selection import choose_reference
from tests.small_plan import plan, scan


def test_all_ordered_pairs_and_their_splits(tmp_path: Path) -> None:
    scans = [scan(tmp_path, "1", "1"), scan(tmp_path, "1", "2"), scan(tmp_path, "2", "1", sequence="MP2RAGE")]
    made = plan(tmp_path, scans)
    assert [(p.moving.name, p.fixed.name, p.split) for p in made.pairs] == [
        ("sub-1_ses-1_T1w", "sub-1_ses-2_T1w", "same subject"),
        ("sub-1_ses-1_T1w", "sub-2_ses-1_T1w", "MPRAGE to MP2RAGE"),
        ("sub-1_ses-2_T1w", "sub-1_ses-1_T1w", "same subject"),
        ("sub-1_ses-2_T1w", "sub-2_ses-1_T1w", "MPRAGE to MP2RAGE"),
        ("sub-2_ses-1_T1w", "sub-1_ses-1_T1w", "MP2RAGE to MPRAGE"),
        ("sub-2_ses-1_T1w", "sub-1_ses-2_T1w", "MP2RAGE to MPRAGE"),
    ]
    assert made.n_todo == 6 * 2
    assert [arm.label for arm in made.arms] == ["identity", "greedy"]


def test_contrasts_are_not_mixed(tmp_path: Path) -> None:
    scans = [scan(tmp_path, "1"), scan(tmp_path, "2"), replace(scan(tmp_path, "3"), suffix="T2w")]
    assert len(plan(tmp_path, scans).pairs) == 2


def test_participants_move_and_others_stay_fixed(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    made = plan(tmp_path, scans, participant_label=("1",))
    assert {(p.moving.subject, p.fixed.subject) for p in made.asked} == {("1", "2"), ("1", "3")}
    made = plan(tmp_path, scans, participant_label=("1",), fixed_label=("3",))
    assert {(p.moving.subject, p.fixed.subject) for p in made.asked} == {("1", "3")}
    assert {p.scan.subject for p in made.preparing} == {"1", "3"}


def test_the_reference_is_a_t1w_scan_that_is_here(tmp_path: Path) -> None:
    scans = [replace(scan(tmp_path, s), suffix=suffix) for s, suffix in (("1", "FLAIR"), ("2", "T1w"), ("3", "T1w"))]
    for s in scans[:2]:
        s.path.touch()
    assert choose_reference(scans, "first", ()) is scans[1]
    assert choose_reference(scans, "1", ()) is scans[0]
    assert choose_reference(scans[:1], "first", ()) is scans[0]
    assert choose_reference([scans[0], scans[2]], "first", ()) is scans[0]  # the T1w scan is not here
    assert choose_reference([scans[2], replace(scans[2], suffix="UNIT1")], "first", ()) is scans[2]


def test_a_subset_is_drawn_before_it_is_asked_what_is_here(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(8)]
    whole = plan(tmp_path, scans, max_pairs=20)
    for s in scans[4:]:
        for file in s.needs(("manual",)):
            file.path.unlink()
    part = plan(tmp_path, scans, present=[s.subject for s in scans[:4]], max_pairs=20)
    assert [(p.moving.name, p.fixed.name) for p in part.pairs] == [(p.moving.name, p.fixed.name) for p in whole.pairs]
    assert 0 < len(part.runnable) < 20


def test_scans_without_labels_are_not_eligible(tmp_path: Path) -> None:
    scans = [scan(tmp_path, "1"), scan(tmp_path, "2"), scan(tmp_path, "3", labelled=False)]
    made = plan(tmp_path, scans)
    assert [s.subject for s in made.scans] == ["1", "2"]
    assert [s.subject for s in made.unlabelled] == ["3"]


@pytest.mark.parametrize("option", ["--only", "--participant-label"])
def test_refusals_name_the_option_that_was_given(option: str, tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    only = option == "--only"
    both = ("7",) if only else ()
    with pytest.raises(MissingInputError, match=f"^{option} 7: "):
        plan(tmp_path, scans, participant_label=("7",), fixed_label=both, only=only)
    with pytest.raises(MissingInputError, match=rf"^{option} 2: .*\(--exclude-participant-label leaves it out\)"):
        plan(tmp_path, scans[:1], participant_label=("2",), only=only, exclude_participant_label=("2",))
    with pytest.raises(NothingSelectedError, match=r"^0 scan\(s\) selected .*--session-id"):
        plan(tmp_path, [], participant_label=("1",), only=only)  # another option has left nobody
    with pytest.raises(NothingSelectedError, match="Check --exclude-participant-label, --bids-filter-file"):
        plan(tmp_path, scans[:1], exclude_participant_label=("2",))
    with pytest.raises(NothingSelectedError, match=f"No pair is left of 2 pairs of 2 scans. Check {option}"):
        plan(tmp_path, scans, participant_label=("1",), fixed_label=("1",), only=only)
