"""A batch's rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.batch_files import Rows, start_name, thin_out_pictures
from lumirage_bids.experiment.done import _check_clock
from lumirage_bids.experiment.plan import Batch
from lumirage_bids.methods import method
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.pair_pictures import PairPictures, read_notes, read_pictures
from lumirage_bids.spatial.mosaic import Tile
from tests.execution.batches import score, states
from tests.small_plan import plan, scan


def test_a_failure_does_not_take_the_place_of_a_score(batch: Batch, tmp_path: Path) -> None:
    score(batch, tmp_path, 0)
    for task in batch.tasks[:2]:
        Rows(batch, Output(tmp_path)).fail(task, Failure("out of memory", "out of memory"))
    assert states(batch, tmp_path) == {"sub-2_T1w": "ok", "sub-3_T1w": "out of memory"}


def test_a_table_that_lost_its_last_row_says_nothing_of_the_clock(batch: Batch, tmp_path: Path) -> None:
    rows = Rows(batch, Output(tmp_path))
    rows.fail(batch.tasks[0], Failure("killed", "killed by SIGKILL"))
    rows.forget_killed()
    (table,) = score_table.collect(Output(tmp_path)).values()
    assert len(table) == 0
    _check_clock(table)


def test_fields_between_scans_as_they_are_begin_where_all_do_if_that_is_there(tmp_path: Path) -> None:
    (arm,) = (arm for arm in plan(tmp_path, [scan(tmp_path, s) for s in "12"]).arms if arm.name == "greedy")
    fields = replace(arm, method=method("precomputed", path="/x/{moving}_{fixed}.nii"))
    assert start_name(arm) == arm.alignment.start
    assert start_name(fields) == "own"
    untouched = replace(arm.alignment, start="none")
    assert start_name(replace(fields, alignment=untouched)) == start_name(replace(arm, alignment=untouched)) == "none"


def keep(batch: Batch, out: Path, dice: dict[int, tuple[float, ...]], *, asked: bool = False) -> list[int]:
    """Offer pairs one by one with a Dice by each labelling, as `PairAtWork` does; which were drawn."""
    drawn: list[int] = []
    tile, rows = Tile("axial", 0, 0, 2, 2), Rows(batch, Output(out))
    for number, scores in dice.items():
        task = batch.tasks[number]
        new = {key: {"status": "ok", "dice_mean": score} for key, score in zip(task.hashes, scores, strict=True)}

        def draw(number: int = number) -> PairPictures:
            drawn.append(number)
            return PairPictures(layers={"fixed.webp": b"%d" % number}, tiles=(tile,), shape=(2, 2), cell=1.0)

        rows.keep_pictures(task, new, draw, asked=asked)
        rows.add(task, new)
    return drawn


def kept(batch: Batch, out: Path) -> set[int]:
    """Numbers of pairs of which there are pictures, each its own."""
    fixed = {task.pair.fixed.key: number for number, task in enumerate(batch.tasks)}
    notes = read_notes(out / paths.slices(batch.moving, batch.arm.label, batch.digest))
    for key, note in notes.items():
        task = batch.tasks[fixed[key]]
        assert note["hashes"] == {name: task.hashes[batch.arm.label, name] for name in note["hashes"]}
        pictures = read_pictures(Output(out), paths.slices(batch.moving, batch.arm.label, batch.digest), key)
        assert pictures.layers == {"fixed.webp": b"%d" % fixed[key]}
    return {fixed[key] for key in notes}


def large(tmp_path: Path, n: int) -> Batch:
    """A batch of `n` pairs of one moving scan, under one method."""
    scans = [scan(tmp_path, f"{i:03}") for i in range(n + 1)]
    made = plan(tmp_path, scans, participant_label=("000",), methods=("greedy",))
    (batch,) = (b for b in made.batches if b.arm.label == "greedy")
    assert len(batch.tasks) == n
    return batch


def test_of_many_pairs_the_pictures_of_three_are_kept_and_few_are_drawn(tmp_path: Path) -> None:
    """So that a run of 191 406 pairs, 100 a batch, leaves pictures of some 6000 for each method."""
    batch = large(tmp_path, 30)
    scores = np.random.default_rng(0).random(30)
    drawn = keep(batch, tmp_path, {i: (float(dice),) for i, dice in enumerate(scores)})
    assert len(drawn) < 20
    order = np.argsort(scores).tolist()
    worst, middle, best = sorted(kept(batch, tmp_path), key=order.index)
    assert (worst, best) == (order[0], order[-1])
    assert 13 <= order.index(middle) <= 17


def test_pictures_that_were_asked_for_stay(tmp_path: Path) -> None:
    batch = large(tmp_path, 8)
    assert keep(batch, tmp_path, {0: (0.5,), 1: (0.51,)}, asked=True) == [0, 1]
    keep(batch, tmp_path, {2: (0.1,), 3: (0.9,), 4: (0.505,), 5: (0.2,), 6: (0.95,)})
    assert kept(batch, tmp_path) >= {0, 1, 2, 6}
    assert 5 not in kept(batch, tmp_path)


def test_the_end_of_a_run_leaves_pictures_of_three_pairs_of_each_moving_scan(tmp_path: Path) -> None:
    """Whatever the number of batches was: on a cluster a batch has few pairs."""
    scans = [scan(tmp_path, f"{i:03}") for i in range(13)]
    made = plan(tmp_path, scans, participant_label=("000",), methods=("greedy",), nprocs=1)
    (whole,) = (b for b in made.batches if b.arm.label == "greedy")
    batches = [replace(whole, tasks=whole.tasks[i : i + 3]) for i in range(0, 12, 3)]
    dice = np.random.default_rng(2).permutation(12) / 12
    for batch, of in zip(batches, dice.reshape(4, 3).tolist(), strict=True):
        keep(batch, tmp_path, {i: (value,) for i, value in enumerate(of)}, asked=batch is batches[3])
    assert sum(len(kept(batch, tmp_path)) for batch in batches) == 12
    rows = score_table.collect(Output(tmp_path))
    thin_out_pictures(made, rows, Output(tmp_path))
    order = np.argsort(np.argsort(dice))
    left = {3 * i + number for i, batch in enumerate(batches) for number in kept(batch, tmp_path)}
    assert {int(order[number]) for number in left if number < 9} == {0, 6, 11} & {*order[:9].tolist()}
    assert left >= {9, 10, 11}
    # Rows that do not count any more have no pictures.
    thin_out_pictures(made, {name: table.assign(hash="others") for name, table in rows.items()}, Output(tmp_path))
    assert {3 * i + number for i, batch in enumerate(batches) for number in kept(batch, tmp_path)} == {9, 10, 11}


def test_pairs_without_a_score_are_not_drawn(tmp_path: Path) -> None:
    batch = large(tmp_path, 3)
    assert keep(batch, tmp_path, {0: (float("nan"),)}) == []
    rows = Rows(batch, Output(tmp_path))
    new = {key: score_table.failed_row(Failure("error", "error")) for key in batch.tasks[1].hashes}
    rows.keep_pictures(batch.tasks[1], new, lambda: pytest.fail("drawn"), asked=False)
    assert kept(batch, tmp_path) == set()
    assert keep(batch, tmp_path, {2: (0.3,)}) == [2]
