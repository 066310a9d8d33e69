"""What is found out of known transforms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.batch_files import Rows
from lumirage_bids.execution.downstream import find_ready, forget, run_downstream
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.downstream import Downstream, collect
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.itk import write_itk
from lumirage_bids.spatial.transforms import Transform
from tests.small_plan import plan, scan

SHAPE, AFFINE = (20, 20, 20), np.diag([2.0, 2.0, 2.0, 1.0])
SUBJECTS = "1234"
PLACES = {subject: np.array(place) for subject, place in zip(SUBJECTS, np.eye(4)[:, :3] * 4 - 2, strict=True)}
"""Where the same thing lies in each, mm."""
WRONG = 3.0
"""mm by which one registration is off: of 2 to 1."""


def laid_out(tmp_path: Path) -> tuple[Plan, Output]:
    """Four scans of a thing that lies elsewhere in each, prepared, and registered by shifts that know where."""
    (tmp_path / "four.toml").write_text('extends = "default"\n[downstream]\nscans = 4\n')
    scans = [scan(tmp_path, s) for s in SUBJECTS]
    made = plan(tmp_path, scans, protocol=str(tmp_path / "four.toml"), methods=("greedy",))
    made = replace(made, downstream=tuple(job for job in made.downstream if job.arm.name == "greedy"))
    output = Output(tmp_path / "out")
    score_table.note_latest(output, {**made.digests, **made.digests_of_transforms})
    output.write_text(paths.look_up_table("manual"), "index\tname\n1\tleft\n2\tright\n")
    first = made.downstream[0]
    about = {"NativeShape": list(SHAPE), "NativeAffine": AFFINE.tolist()}
    for one in made.drawn:
        labels = np.roll(thing(), (PLACES[one.subject] / 2).astype(int), (0, 1, 2))
        file, mask = paths.label_map(one, "manual"), paths.prepared_mask(one, "default")
        for path, array in ((file, labels), (mask, (labels > 0).astype(np.int32))):
            with output.publishing(path, {**about, "Hash": first.inputs[path]}) as target:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_image(Volume(array=array, affine=AFFINE), target, np.int32)
    for moving, fixed in first.registrations:
        register(output, made, moving, fixed)
    return made, output


def thing() -> np.ndarray:
    array = np.zeros(SHAPE, np.int32)
    array[7:10, 7:13, 7:13], array[10:13, 7:13, 7:13] = 1, 2
    return array


def register(output: Output, made: Plan, moving: str, fixed: str) -> None:
    job = made.downstream[0]
    there = np.eye(4)
    there[:3, 3] = PLACES[subject(moving)] - PLACES[subject(fixed)]
    there[1, 3] += WRONG * ((subject(moving), subject(fixed)) == ("2", "1"))
    with output.publishing(job.transform(moving, fixed), {"Hash": job.registrations[moving, fixed]}) as file:
        write_itk(Transform((there,)), file)


def subject(name: str) -> str:
    return name.removeprefix("sub-").partition("_")[0]


def found(made: Plan, output: Output) -> Downstream:
    for job in find_ready(made, output):
        run_downstream(job, output, Context())
    return collect(output)


@pytest.fixture
def four(tmp_path: Path) -> tuple[Plan, Output]:
    return laid_out(tmp_path)


def test_chains_end_where_they_ought_to_but_for_what_is_known_to_be_wrong(four: tuple[Plan, Output]) -> None:
    chains = found(*four).chains
    assert len(chains) == 4 * 3 * 3
    for row in chains.to_dict("records"):
        scan, via, to = (subject(row[k]) for k in ("scan", "via", "to"))
        # 2 to 1 is taken as the first step of a chain, as its second, or as what it is held against.
        off = sum(step == ("2", "1") for step in ((via, scan), (to, via), (to, scan)))
        assert row["error_mm"] == pytest.approx(WRONG * off, abs=1e-4), row


def test_labels_that_all_lie_right_are_fused_to_the_scan_s_own_and_one_that_does_not_is_outvoted(
    four: tuple[Plan, Output],
) -> None:
    fused = found(*four).fused
    assert len(fused) == 4 * 2
    np.testing.assert_allclose(fused["dice"], 1.0)
    single = fused.groupby(fused["scan"].map(subject))["dice_single"].first()
    assert single["1"] < 1
    np.testing.assert_allclose(single[["2", "3", "4"]], 1.0)
    assert (fused["n_structures"] == 2).all()
    assert (fused["atlases"].str.split().str.len() == 3).all()


def test_nothing_is_made_before_all_transforms_are_there_and_nothing_twice(four: tuple[Plan, Output]) -> None:
    made, output = four
    job = made.downstream[0]
    pair = next(iter(job.registrations))
    output.disown(job.transform(*pair))
    assert find_ready(made, output) == ()
    register(output, made, *pair)
    assert len(find_ready(made, output)) == 4
    assert len(found(made, output).chains) == 36
    assert find_ready(made, output) == ()
    forget(made, output, ())
    assert len(collect(output).chains) == 36
    forget(made, output, ("greedy",))
    assert collect(output).chains.empty


def test_what_a_failed_registration_takes_part_in_is_counted_as_failed(four: tuple[Plan, Output]) -> None:
    made, output = four
    batch = next(b for b in made.batches if b.arm.name == "greedy" and b.moving.subject == "3")
    task = next(t for t in batch.tasks if t.pair.fixed.subject == "4")
    output.remove(made.downstream[0].transform(batch.moving.name, task.pair.fixed.name))
    Rows(batch, output).fail(task, Failure("error", "it was to fail"))
    told = found(made, output)
    lost = told.chains[told.chains["error_mm"].isna()]
    steps = [{(c["via"], c["scan"]), (c["to"], c["via"]), (c["to"], c["scan"])} for c in lost.to_dict("records")]
    assert steps
    assert all((batch.moving.name, task.pair.fixed.name) in of for of in steps)
    assert set(told.fused.loc[told.fused["dice"].isna(), "scan"].map(subject)) == {"4"}
    # Once it is tried again and succeeds, what it was in is found out again.
    register(output, made, batch.moving.name, task.pair.fixed.name)
    for file in output.find("sub-3/**/*_scores.tsv"):
        output.remove(file)
    assert found(made, output).chains["error_mm"].notna().all()


def test_what_cannot_be_read_is_left_for_another_time(four: tuple[Plan, Output]) -> None:
    made, output = four
    file = made.downstream[0].transform(*next(iter(made.downstream[0].registrations)))
    (output / file).write_bytes(b"torn")
    assert found(made, output).fused.shape[0] < 8
    assert output.hash_of(file) is None
    assert find_ready(made, output) == ()


def test_rows_of_other_conditions_or_another_draw_do_not_count(four: tuple[Plan, Output]) -> None:
    made, output = four
    assert len(found(made, output).fused)
    score_table.note_latest(output, {"greedy/manual": "other"})
    assert collect(output).fused.empty
    assert len(collect(output).chains)
    score_table.note_latest(output, {"greedy": "other"})
    assert collect(output).chains.empty
