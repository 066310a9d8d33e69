"""What is planned, done already, refused, or to be fetched."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.describe import needs, warnings
from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.bids.scans import File
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.make_plan import check_content, make_plan
from lumirage_bids.experiment.plan import Done, Task
from lumirage_bids.experiment.plan_builder import chunk_size
from lumirage_bids.maskers import Masking
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from tests.experiment.plans import registered, template, written
from tests.small_plan import asked, dataset, finished, plan, scan


def test_what_is_done_is_not_planned_again(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    done = finished(plan(tmp_path, scans))
    again = plan(tmp_path, scans, done=done)
    assert (again.n_todo, again.n_done, again.preparing, again.aligning) == (0, 12, (), ())
    more = plan(tmp_path, scans, done=done, methods=("greedy", "syn"))
    assert {b.arm.label for b in more.batches} == {"syn"}


def test_what_is_prepared_without_its_mask_is_planned_again(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    done = finished(plan(tmp_path, scans))
    kept = {file: value for file, value in done.files.items() if file != paths.prepared_mask(scans[1], "default")}
    again = plan(tmp_path, scans, done=replace(done, files=kept, rows=frozenset()))
    assert [p.scan.subject for p in again.preparing] == ["2"]


def test_a_note_of_other_conditions_does_not_hide_what_is_there(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    done = finished(plan(tmp_path, scans))
    image = paths.prepared_image(scans[1], "default")
    assert plan(tmp_path, scans, done=replace(done, rows=frozenset(), notes={image: "other"})).preparing == ()
    gone = {file: value for file, value in done.files.items() if file != image}
    noted = {image: done.files[image]}
    assert plan(tmp_path, scans, done=replace(done, rows=frozenset(), files=gone, notes=noted)).preparing == ()


def test_jobs_of_an_array_begin_with_the_scans_of_their_own(tmp_path: Path) -> None:
    made = plan(tmp_path, [scan(tmp_path, s) for s in "1234"], participant_label=("3",))
    assert [p.scan.subject for p in made.preparing] == ["3", "1", "2", "4"]


def test_a_changed_parameter_or_file_is_planned_again(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    done = finished(plan(tmp_path, scans))
    sloppy = plan(tmp_path, scans, done=done, sloppy=True)
    assert sloppy.n_todo == 12
    (tmp_path / "sub-2_T1w.nii").write_text("other content")
    changed = plan(tmp_path, scans, done=done)
    assert [p.scan.subject for p in changed.preparing] == ["2"]
    assert all("2" in (b.moving.subject, t.pair.fixed.subject) for b in changed.batches for t in b.tasks)
    assert changed.n_todo == 8
    (tmp_path / "sub-2_T1w.nii").write_text("")
    (tmp_path / "sub-3_seg-manual_dseg.nii").write_text("other labels")
    relabelled = plan(tmp_path, scans, done=done)
    assert {p.scan.subject for p in relabelled.preparing if not p.variants} == {"3"}


def test_a_labelling_that_one_scan_lacks_costs_only_its_own_rows(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    lacking = replace(scans[2], labels={"other": scans[2].labels["manual"]})
    scans = [replace(s, labels={**s.labels, "other": s.labels["manual"]}) for s in scans[:2]] + [lacking]
    found = replace(dataset(tmp_path, scans), found={"manual": "files", "other": "files"})
    made = make_plan(found, protocol.load("default"), asked(tmp_path, labellings=("manual", "other")))
    hashes = {
        (t.pair.moving.subject, t.pair.fixed.subject): {name for _, name in t.hashes}
        for b in made.batches
        for t in b.tasks
    }
    assert hashes[("1", "2")] == {"manual", "other"}
    assert hashes[("1", "3")] == {"other"}
    assert {labels.name for p in made.preparing if p.scan.subject == "3" for labels, _ in p.labels} == {"other"}


def test_which_structures_count_is_part_of_the_result(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    text = '[labellings.manual]\n[labellings.manual.structures]\n1 = "a"\n'
    plans = []
    for more in ("", '2 = "b"\n'):
        (tmp_path / "p.toml").write_text(text + more)
        experiment = protocol.load(str(tmp_path / "p.toml"))
        plans.append(make_plan(dataset(tmp_path, scans), experiment, asked(tmp_path)))
    assert set(plans[0].expected.values()).isdisjoint(plans[1].expected.values())


def test_refusals_name_what_is_there(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    with pytest.raises(MissingInputError, match=r"--participant-label 7.*1, 2"):
        plan(tmp_path, scans, participant_label=("7",))
    with pytest.raises(MissingInputError, match=r"'synthseg'.*--derivatives NAME=PATH"):
        plan(tmp_path, scans, labellings=("synthseg",))
    with pytest.raises(MissingInputError, match="'aseg' was found since no --derivatives are given"):
        plan(tmp_path, scans, labellings=("aseg",))
    with pytest.raises(MissingInputError, match="'aseg' was found in the derivatives given"):
        plan(tmp_path, scans, labellings=("aseg",), derivatives={"d": tmp_path})
    with pytest.raises(UsageError, match="greedy"):
        plan(tmp_path, scans, methods=("gredy",))
    with pytest.raises(NothingSelectedError, match="a pair needs two"):
        plan(tmp_path, scans[:1])
    other = replace(dataset(tmp_path, [scan(tmp_path, s, labelled=False) for s in "12"]), offered={"aparc": 2})
    with pytest.raises(NothingSelectedError, match=r"have: aparc \(2 scans\)\. To choose: --labellings aparc"):
        make_plan(other, protocol.load("default"), asked(tmp_path))


def test_content_that_is_needed_and_not_here_is_asked_for(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "123"]
    nothing = plan(tmp_path, scans, present=[])
    with pytest.raises(MissingInputError, match=r"each of the 6 pairs.*datalad get.*sub-1_T1w.*sub-2_T1w.*sub-3_T1w"):
        check_content(nothing, {})
    part = plan(tmp_path, scans, present=["1", "2"])
    check_content(part, {})
    mine = written(tmp_path, "[alignment]\nreference = '3'")
    with pytest.raises(MissingInputError, match=r"sub-3_T1w\.nii, to which others are aligned.*datalad get"):
        check_content(plan(tmp_path, scans, present=["1", "2"], protocol=mine), {})
    with pytest.raises(MissingInputError, match=r"--participant-label 3.*datalad get.*sub-3_T1w\.nii"):
        check_content(part, {"--participant-label": ("3",)})


@given(st.integers(0, 100_000), st.integers(1, 64))
def test_chunks_are_never_empty_nor_huge(n: int, nprocs: int) -> None:
    assert 1 <= chunk_size(n, nprocs) <= 100


def test_the_tasks_of_lumir_are_judged_both_ways_on_the_same_registrations(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    atlas = replace(template(tmp_path), labels=dict(scans[0].labels))
    made = plan(tmp_path, [*scans, atlas], protocol="lumir", methods=("greedy",))
    assert Counter(p.split for p in made.pairs) == {
        "MPRAGE to MPRAGE": 2, "template to subject": 2, "subject to template": 2,
    }  # fmt: skip
    assert made.reference is atlas
    assert {arm.label: arm.evaluation.words for arm in made.arms} == {
        "own+identity": "native", "own+greedy": "native",
        "lumir+identity": "reference, nearest", "lumir+greedy": "reference, nearest",
    }  # fmt: skip
    hashes = registered(made)
    assert hashes["own+greedy"] == hashes["lumir+greedy"]
    assert {a.preparation.spacing for a in made.arms} == {1.0}


def test_a_template_without_labels_is_the_reference_and_no_partner(tmp_path: Path) -> None:
    mni = template(tmp_path)
    made = plan(tmp_path, [*(scan(tmp_path, s) for s in "12"), mni], protocol="lumir-macaque", methods=("greedy",))
    assert made.reference is mni
    assert {p.split for p in made.pairs} == {"MPRAGE to MPRAGE"}
    assert made.unlabelled == ()
    assert mni in {a.scan for a in made.aligning}
    assert all(not p.labels for p in made.preparing if p.scan is mni)


def test_the_lender_of_a_mask_is_optional_and_makes_preparation_anew_when_it_comes(tmp_path: Path) -> None:
    lender = replace(scan(tmp_path, "1", labelled=False), path=tmp_path / "sub-1_lender.nii")
    scans = [replace(scan(tmp_path, s), suffix="T2w", lender=lender if s == "1" else None) for s in "123"]
    before = plan(tmp_path, scans)
    assert before.missing == ()
    assert lender.path in {f.path for f in before.files}
    (told,) = [line for line in warnings(before) if "T1w" in line]
    assert "1 scan(s) have no brain mask" in told
    assert f"datalad get -d {tmp_path} {lender.path}" in told
    lender.path.write_bytes(b"1")
    after = plan(tmp_path, scans)
    assert not list(warnings(after))
    hashes = [{p.scan.subject: [v[2] for v in p.variants] for p in made.preparing} for made in (before, after)]
    assert {s for s in hashes[0] if hashes[0][s] != hashes[1][s]} == {"1"}


def test_only_scans_that_an_earlier_version_prepared_wrongly_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [scan(tmp_path, s) for s in ("1", "2", "3")]
    monkeypatch.setattr(Masking, "depends", lambda self, scan: "")  # as before there were maskers
    before = finished(plan(tmp_path, scans))
    monkeypatch.undo()
    assert plan(tmp_path, scans, done=before).n_todo == 0
    head = paths.prepared_image(scans[2], "default")
    after = plan(tmp_path, scans, done=replace(before, outdated=frozenset({head})))
    again = {(t.pair.moving.subject, t.pair.fixed.subject) for b in after.batches for t in b.tasks}
    assert again == {("1", "3"), ("3", "1"), ("2", "3"), ("3", "2")}
    assert [p.scan.subject for p in after.preparing] == ["3"]
    now = finished(after)
    both = Done(rows=before.rows | now.rows, files={**before.files, **now.files})
    assert plan(tmp_path, scans, done=both).n_todo == 0
    # A scan of unknown kind that is not there any more is made by what holds now; one whose brain is marked as before.
    rows = Done(rows=before.rows)
    assert plan(tmp_path, scans, done=rows).n_todo == 12
    marked = [replace(s, skull_stripped=True) for s in scans]
    fresh = plan(tmp_path, marked)
    monkeypatch.setattr(Masking, "depends", lambda self, scan: "")
    assert plan(tmp_path, marked).made == fresh.made


SYNTHESISED = """
[methods.greedy]
[variants.plain]
[variants.made]
preparation.synthesis = {{ argv = ["{python}", "{program}", "{{input}}", "{{output}}"], contrasts = ["FLAIR"] }}
"""


def test_synthesis_concerns_the_scans_of_its_contrasts_and_a_changed_program_makes_them_again(tmp_path: Path) -> None:
    program = tmp_path / "mine.py"
    program.write_text("print(1)")
    mine = written(tmp_path, SYNTHESISED.format(python=sys.executable, program=program))
    scans = [scan(tmp_path, s) for s in "12"]
    scans += [replace(s, suffix="FLAIR", path=tmp_path / f"sub-{s.subject}_FLAIR.nii") for s in scans]

    def prepared() -> dict[tuple[str, str], str]:
        jobs = plan(tmp_path, scans, protocol=mine).preparing
        return {(job.scan.suffix + job.scan.subject, v): value for job in jobs for v, _, value in job.variants}

    before = prepared()
    assert before["T1w1", "plain"] == before["T1w1", "made"]
    assert before["FLAIR2", "plain"] != before["FLAIR2", "made"]
    program.write_text("print(2 + 2)")
    assert {key for key, value in prepared().items() if value != before[key]} == {
        ("FLAIR1", "made"),
        ("FLAIR2", "made"),
    }


def test_a_program_that_is_not_there_is_told_with_where_it_is_to_be_had(tmp_path: Path) -> None:
    mine = written(tmp_path, "[methods.greedy]\n[preparation.synthesis]\nprogram = 'mri_synthsr'")
    scans = [scan(tmp_path, s) for s in "12"]
    flair = [replace(s, suffix="FLAIR", path=tmp_path / f"sub-{s.subject}_FLAIR.nii") for s in scans]
    with pytest.raises(
        MissingInputError, match=r"synthesises images of T2w, .* 'mri_synthsr' is not found; .*fswiki/SynthSR"
    ):
        plan(tmp_path, scans + flair, protocol=mine)
    (needed,) = needs(plan(tmp_path, scans + flair, protocol=mine, dry_run=True), Context())
    assert "comes with FreeSurfer" in needed
    # Nobody needs it where no scan is of such a contrast.
    assert plan(tmp_path, scans, protocol=mine).preparing
    assert not list(needs(plan(tmp_path, scans, protocol=mine, dry_run=True), Context()))


def test_a_lesion_mask_is_scored_with_and_registered_with_where_a_method_masks_it(tmp_path: Path) -> None:
    """Nothing else depends on it, and without one every digest is what it was."""
    own = tmp_path / "own.toml"
    own.write_text('extends = "default"\ndescription = "x"\n[methods.masked]\nmethod = "greedy"\nmask_lesions = true\n')
    lesion = File(path=tmp_path / "lesion.nii", dataset=tmp_path)
    found = []
    for content in (None, "a", "ab"):
        scans = [scan(tmp_path, s) for s in "12"]
        if content:
            lesion.path.write_text(content)
            scans[0] = replace(scans[0], lesion=lesion)
        made = plan(tmp_path, scans, protocol=str(own), methods=("greedy", "masked"))
        by_arm: dict[str, list[Task]] = {}
        for batch in made.batches:
            by_arm.setdefault(batch.arm.name, []).extend(batch.tasks)
        found.append(
            {
                arm: ([t.registration_hash for t in of], [h for t in of for h in t.hashes.values()])
                for arm, of in by_arm.items()
            }
        )
    for one, other in combinations(found, 2):
        assert one["greedy"][0] == other["greedy"][0]
        assert not set(one["masked"][0]) & set(other["masked"][0])
        assert all(not set(one[arm][1]) & set(other[arm][1]) for arm in one)


def test_another_way_to_measure_lesions_has_rows_of_pairs_with_lesions_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesion = File(path=tmp_path / "lesion.nii", dataset=tmp_path)
    lesion.path.touch()
    scans = [scan(tmp_path, s) for s in "123"]
    scans[0] = replace(scans[0], lesion=lesion)
    before = plan(tmp_path, scans).expected
    monkeypatch.setattr("lumirage_bids.experiment.plan_builder.LESIONS_MEASURED", 3)
    after = plan(tmp_path, scans).expected
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {key for key in before if "sub-1_T1w" in key}
