"""What is made again after an earlier run, and what is said of it beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.app.describe import describe
from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment import status
from lumirage_bids.experiment.plan import Plan
from tests.small_plan import asked, dataset, finished, plan, scan, with_transforms


@pytest.fixture
def scans(tmp_path: Path) -> list[Scan]:
    return [scan(tmp_path, s) for s in "123"]


def protocol(root: Path, text: str = "") -> str:
    file = root / "mine.toml"
    file.write_text(f"[methods.greedy]\n{text}")
    return str(file)


def said(root: Path, made: Plan, scans: list[Scan], **changes: object) -> str:
    return describe(made, dataset(root, scans), asked(root, dry_run=True, **changes), 1_000_000)


def test_nothing_is_said_of_work_that_is_new_or_done(scans: list[Scan], tmp_path: Path) -> None:
    first = plan(tmp_path, scans)
    assert not first.again.reasons
    assert "again" not in said(tmp_path, first, scans)
    again = plan(tmp_path, scans, done=finished(first)).again
    assert (again.reasons, again.outdated, again.n_scored, again.n_unsaved) == ({}, {}, 0, 0)


def test_a_changed_parameter_is_named_with_both_values(scans: list[Scan], tmp_path: Path) -> None:
    done = finished(plan(tmp_path, scans, protocol=protocol(tmp_path)))
    made = plan(tmp_path, scans, done=done, protocol=protocol(tmp_path, "step = 0.5"))
    assert {key[1] for key in made.again.reasons} == {"greedy"}
    assert set(made.again.reasons.values()) == {"method step 0.75 → 0.5"}
    assert not made.again.outdated  # rows of other parameters may come back
    assert "Made again, 6 row(s) of greedy, variant default, labelling manual: method step 0.75 → 0.5" in said(
        tmp_path, made, scans
    )


def test_a_changed_image_and_a_changed_label_map_are_named(scans: list[Scan], tmp_path: Path) -> None:
    done = finished(plan(tmp_path, scans))
    scans[1].path.write_bytes(b"other")
    made = plan(tmp_path, scans, done=done)
    # The first scan is the reference; all that touches the second is made again.
    assert set(made.again.reasons.values()) == {"the image or the brain mask of sub-2_T1w changed"}
    assert len(made.again.reasons) == len(made.again.outdated) == 2 * 4
    assert made.again.outdated.keys() <= done.rows
    scans[1].path.write_bytes(b"")
    done = finished(plan(tmp_path, scans))
    scans[2].labels["manual"].path.write_bytes(b"other")
    made = plan(tmp_path, scans, done=done)
    assert set(made.again.reasons.values()) == {"the label map of sub-3_T1w changed"}
    assert made.again.n_unsaved == 4
    table = status.status_table(made, {})
    waiting = table[(table["moving"] == "sub-3_T1w") | (table["fixed"] == "sub-3_T1w")]
    assert set(waiting["status"]) == {"pending"}
    assert set(waiting["reason"]) == {"made again: the label map of sub-3_T1w changed"}


def test_a_further_measure_costs_registrations_only_where_transforms_were_not_saved(
    scans: list[Scan], tmp_path: Path
) -> None:
    first = plan(tmp_path, scans, protocol=protocol(tmp_path))
    surface = protocol(tmp_path, "[evaluation]\nsurface = true")
    made = plan(tmp_path, scans, done=finished(first), protocol=surface)
    assert (made.again.n_scored, made.again.n_unsaved) == (0, 6)  # identity registers nothing
    assert "6 registrations again, because transforms were not saved" in said(tmp_path, made, scans)
    assert set(made.again.reasons.values()) == {"evaluation surface False → True"}
    made = plan(tmp_path, scans, done=with_transforms(finished(first), first), protocol=surface)
    assert (made.again.n_scored, made.again.n_unsaved) == (12, 0)
    assert "of these only scored again, from their saved transforms: 12" in said(tmp_path, made, scans)


def test_redo_forgets_what_it_names_and_nothing_else(scans: list[Scan], tmp_path: Path) -> None:
    first = plan(tmp_path, scans)
    done = with_transforms(finished(first), first)
    made = plan(tmp_path, scans, done=done, redo=("greedy",))
    assert {b.arm.name for b in made.batches} == {"greedy"}
    assert (made.n_todo, made.n_done) == (6, 6)
    assert set(made.again.reasons.values()) == {"asked for by --redo"}
    assert (made.again.n_scored, made.again.n_unsaved) == (0, 0)
    with pytest.raises(UsageError, match=r"--redo gready: no method of this run\. There are: identity, greedy"):
        plan(tmp_path, scans, redo=("gready",))


def test_redo_of_a_start_makes_again_what_goes_on_from_it(scans: list[Scan], tmp_path: Path) -> None:
    mine = 'start_from = "mine"\n[methods.mine]\ndefault = false\nmethod = "greedy"\n'
    chain = protocol(tmp_path, f'{mine}[methods.syn]\nstart_from = "greedy"\n')
    first = plan(tmp_path, scans, protocol=chain)
    done = with_transforms(finished(first), first)
    for redo, again in {"mine": {"greedy", "syn"}, "greedy": {"greedy", "syn"}, "syn": {"syn"}}.items():
        made = plan(tmp_path, scans, done=done, protocol=chain, redo=(redo,))
        assert {b.arm.name for b in made.batches} == {key[1] for key in made.again.reasons} == again
        assert set(made.again.reasons.values()) == {"asked for by --redo"}


def test_a_pair_that_is_only_tried_again_is_not_outdated(scans: list[Scan], tmp_path: Path) -> None:
    done = finished(plan(tmp_path, scans))
    killed = next(iter(done.rows))
    made = plan(tmp_path, scans, done=replace(done, rows=done.rows - {killed}))
    assert made.n_todo == 1
    assert not made.again.reasons
    assert not made.again.outdated
