"""What a plan knows of its pairs and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from lumirage_bids.output import paths
from tests.small_plan import plan, scan


def test_what_is_missing_is_left_out_of_the_work_but_not_of_the_protocol(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(12)]
    made = plan(tmp_path, scans, present=["3", "4", "7", "9"])
    assert (len(made.pairs), len(made.runnable), len(made.missing)) == (132, 12, 8)
    assert made.reference.subject == "3"
    assert made.n_todo == 24


@tried(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(failed=st.sets(st.sampled_from(["a", "b"])), there=st.sets(st.sampled_from(["a", "b", "xfm"])))
def test_what_is_saved_of_a_pair_is_asked_of_its_scored_labellings_alone(
    tmp_path: Path, failed: set[str], there: set[str]
) -> None:
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"])
    batch = made.batches[0]
    moving, fixed, arm = batch.moving, batch.tasks[0].pair.fixed, batch.arm.label
    task = replace(batch.tasks[0], hashes={(arm, "a"): "1", (arm, "b"): "2"})
    files = {name: paths.moved_labels(moving, fixed, arm, name) for name in "ab"}
    files["xfm"] = paths.transform(moving, fixed, arm)
    noted = {files[name]: task.registration_hash for name in there}.get
    hashes = {task.hashes[arm, name] for name in failed}
    scored = {"a", "b"} - failed
    assert task.is_kept("labels", hashes, noted) == (scored <= there)
    assert task.is_kept("transforms", hashes, noted) == ("xfm" in there or not scored)
    assert task.is_kept("transforms", hashes, dict.fromkeys(files.values(), "other").get) == (not scored)


def test_files_are_those_of_the_pairs_asked_for_and_of_the_reference(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12345"]
    for present in ([], "12345"):
        some = plan(tmp_path, scans, present=present, participant_label=("4",), fixed_label=("3", "5"))
        assert {f.relative.split("_")[0] for f in some.files} == {"sub-1", "sub-3", "sub-4", "sub-5"}
        assert len({f.path for f in some.files}) == len(some.files) == 4 * 2
