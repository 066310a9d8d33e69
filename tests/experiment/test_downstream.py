"""Which scans are drawn, and what is left to be found out about them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.describe import describe, list_work
from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.scans import Pair
from lumirage_bids.experiment.downstream import draw
from lumirage_bids.experiment.plan import Plan
from tests.small_plan import asked, dataset, finished, plan, scan, with_transforms


def protocol(tmp_path: Path, scans: int = 4, more: str = "") -> str:
    file = tmp_path / "drawn.toml"
    file.write_text(f'extends = "default"\n[downstream]\nscans = {scans}\n{more}')
    return str(file)


def planned(tmp_path: Path, subjects: str = "123456", **changes: object) -> Plan:
    changes.setdefault("methods", ("identity", "greedy"))
    return plan(tmp_path, [scan(tmp_path, s) for s in subjects], **changes)  # type: ignore[arg-type]


@given(size=st.integers(3, 8), seed=st.integers(0, 5), lost=st.sets(st.integers(0, 55), max_size=30))
def test_all_pairs_of_those_drawn_are_there_both_ways(size: int, seed: int, lost: set[int]) -> None:
    scans = [scan(Path("/d"), s) for s in "12345678"]
    pairs = [Pair(moving=a, fixed=b) for i, (a, b) in enumerate(permutations(scans, 2)) if i not in lost]
    drawn = draw(pairs, size, seed)
    there = {(p.moving.name, p.fixed.name) for p in pairs}
    assert {(a.name, b.name) for a, b in permutations(drawn, 2)} <= there
    assert len(drawn) <= size
    assert len({s.subject for s in drawn}) == len(drawn)
    if not lost:
        assert len(drawn) == size
        assert set(draw(pairs, size - 1, seed)) < set(drawn)


def test_rescans_are_not_drawn_together_and_nothing_is_without_a_word_of_it() -> None:
    scans = [scan(Path("/d"), s, session) for s in "12" for session in ("a", "b")]
    pairs = [Pair(moving=a, fixed=b) for a, b in permutations(scans, 2)]
    assert {s.subject for s in draw(pairs, 4, 0)} == {"1", "2"}
    assert draw(pairs, None, 0) == ()


def test_transforms_are_kept_of_the_pairs_of_those_drawn_until_all_is_found_out(tmp_path: Path) -> None:
    asked = {"protocol": protocol(tmp_path)}
    made = planned(tmp_path, **asked)
    names = {s.name for s in made.drawn}
    assert len(names) == 4
    for batch in made.batches:
        for task in batch.tasks:
            inside = {batch.moving.name, task.pair.fixed.name} <= names
            assert task.kinds_kept("labels") == ({"labels", "transforms"} if inside else {"labels"})
    assert len(made.downstream) == 2 * 4
    done = finished(made)
    again = planned(tmp_path, **asked, done=done)
    assert (again.n_todo, again.again.n_unsaved) == (2 * 12, 12)  # what is lacking are transforms; identity costs none
    saved = with_transforms(done, made)
    assert planned(tmp_path, **asked, done=saved).n_todo == 0
    products = {file: value for job in made.downstream for file, value in job.digests.items()}
    assert list_work(planned(tmp_path, **asked, done=saved)) == [("compose", made.drawn[0].subject)]
    # Transforms are not asked for any more once there is nothing left to find out.
    whole = replace(done, files={**done.files, **products})
    after = planned(tmp_path, **asked, done=whole)
    assert (after.n_todo, after.downstream) == (0, ())
    assert len(planned(tmp_path, **asked, done=whole, redo=("greedy",)).downstream) == 4


def test_jobs_of_an_array_are_of_one_mind_about_what_is_to_be_found_out(tmp_path: Path) -> None:
    asked = {"protocol": protocol(tmp_path)}
    whole = planned(tmp_path, **asked)
    for subject in "16":
        part = planned(tmp_path, **asked, participant_label=(subject,), fixed_label=("2",))
        assert [job.digests for job in part.downstream] == [job.digests for job in whole.downstream]


def test_of_three_scans_no_labels_are_fused_and_of_perturbed_images_nothing_is_asked(tmp_path: Path) -> None:
    ladder = "[variants.plain]\n[variants.noisy]\npreparation = {perturbation = {kind = 'noise', size = 0.1}}\n"
    made = planned(tmp_path, protocol=protocol(tmp_path, 3, ladder))
    assert {job.arm.variant for job in made.downstream} == {"plain"}
    assert all([file.name.endswith("_consistency.tsv") for file in job.products] == [True] for job in made.downstream)


def test_controls_are_not_composed(tmp_path: Path) -> None:
    made = planned(tmp_path, protocol=protocol(tmp_path), methods=("identity", "curt", "greedy"))
    assert {job.arm.name for job in made.downstream} == {"identity", "greedy"}
    kept = {(b.arm.name, t.composed) for b in made.batches for t in b.tasks}
    assert kept == {("identity", True), ("identity", False), ("greedy", True), ("greedy", False), ("curt", False)}


def test_the_dry_run_says_what_is_kept_and_which_pairs_are_not_of_this_run(tmp_path: Path) -> None:
    asked_for: dict[str, Any] = {"protocol": protocol(tmp_path), "dry_run": True}
    scans = [scan(tmp_path, s) for s in "123456"]

    def said(**more: Any) -> str:
        changes = {**asked_for, **more}
        return describe(
            plan(tmp_path, scans, **changes), dataset(tmp_path, scans), asked(tmp_path, **changes), 1_000_000
        )

    whole = said(methods=("identity", "greedy"))
    assert "12 ordered pairs are kept, about 0.3 GB in all" in whole
    assert "not asked for in this run" not in whole
    # A network keeps its transforms on its own grid: 160 x 192 x 144 voxels; a control none.
    assert "about 1.6 GB in all" in said(methods=("identity", "greedy", "lapirn", "curt"))
    drawn = planned(tmp_path, **asked_for).drawn
    other = next(s for s in "123456" if s not in {d.subject for d in drawn})
    part = said(participant_label=(other, drawn[0].subject), fixed_label=(other, drawn[0].subject))
    assert "12 of these 12 pairs are not asked for in this run" in part


def test_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\[downstream\] scans = 4: it takes 3 scans .* no more than 2"):
        planned(tmp_path, "12", protocol=protocol(tmp_path))
    with pytest.raises(UsageError, match=r"downstream\.scans = 2 is not allowed; it must be at least 3"):
        planned(tmp_path, protocol=protocol(tmp_path, 2))
