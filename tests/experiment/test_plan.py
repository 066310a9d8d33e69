from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from lumirage_bids.app.describe import describe, needs, warnings
from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.bids.left_out import LeftOut
from lumirage_bids.bids.scans import LabelMapFile, Pair, Scan
from lumirage_bids.experiment import protocol, status
from lumirage_bids.experiment.make_plan import check_content, choose_reference, chunk_size, make_plan
from lumirage_bids.experiment.pairs import choose_pairs
from lumirage_bids.experiment.plan import Done, Plan
from lumirage_bids.experiment.protocol import PairRule
from lumirage_bids.maskers import Masking
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from tests.small_plan import asked, dataset, finished, plan, scan

ROOT = Path("/data")


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


def test_what_is_missing_is_left_out_of_the_work_but_not_of_the_protocol(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(12)]
    made = plan(tmp_path, scans, present=["3", "4", "7", "9"])
    assert (len(made.pairs), len(made.runnable), len(made.missing)) == (132, 12, 8)
    assert made.reference.subject == "3"
    assert made.n_todo == 24


def test_the_reference_is_a_t1w_scan_that_is_here(tmp_path: Path) -> None:
    scans = [replace(scan(tmp_path, s), suffix=suffix) for s, suffix in (("1", "FLAIR"), ("2", "T1w"), ("3", "T1w"))]
    for s in scans[:2]:
        s.path.touch()
    assert choose_reference(scans, "first", ()) is scans[1]
    assert choose_reference(scans, "1", ()) is scans[0]
    assert choose_reference(scans[:1], "first", ()) is scans[0]
    assert choose_reference([scans[0], scans[2]], "first", ()) is scans[0]  # the T1w scan is not here
    assert choose_reference([scans[2], replace(scans[2], suffix="UNIT1")], "first", ()) is scans[2]


def test_subjects_without_a_scan_are_in_the_status(tmp_path: Path) -> None:
    made = replace(plan(tmp_path, [scan(tmp_path, s) for s in "12"]), left_out=(LeftOut(subject="3", reason="gone"),))
    table = status.status_table(made, {})
    assert table["status"].tolist() == ["pending"] * 4 + ["left out"]
    last = table.iloc[-1]
    assert (last["moving"], last["reason"]) == ("sub-3", "gone")
    assert len(status.of_run(table, made)) == 4
    status.write(Output(tmp_path), table)
    rule = PairRule(file=tmp_path / "status.tsv")
    assert len(choose_pairs(made.scans, rule, 0)) == 2
    assert any("no scan fits the filter for 1 subject(s): 3 (gone)" in text for text in warnings(made))


def test_a_subset_is_drawn_before_it_is_asked_what_is_here(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(8)]
    whole = plan(tmp_path, scans, max_pairs=20)
    for s in scans[4:]:
        for file in s.needs(("manual",)):
            file.path.unlink()
    part = plan(tmp_path, scans, present=[s.subject for s in scans[:4]], max_pairs=20)
    assert [(p.moving.name, p.fixed.name) for p in part.pairs] == [(p.moving.name, p.fixed.name) for p in whole.pairs]
    assert 0 < len(part.runnable) < 20


def test_the_pairs_of_a_sample_are_read_back_from_its_status_table(tmp_path: Path) -> None:
    scans = [scan(tmp_path, str(s)) for s in range(9)]
    sampled = written(tmp_path, "[pairs]\nsubjects = 6\n[methods.greedy]")
    drawn = plan(tmp_path, scans, present=["1", "4"], protocol=sampled, max_pairs=12, seed=3)
    assert (len(drawn.subjects), drawn.n_subjects, len(drawn.pairs), drawn.n_pairs) == (6, 9, 12, 30)
    status.write(Output(tmp_path / "out"), status.status_table(drawn, {}))
    listed = written(tmp_path, "[pairs]\nfile = 'out/status.tsv'")
    again = plan(tmp_path, scans, protocol=listed, seed=4)
    assert [(p.moving.name, p.fixed.name) for p in again.pairs] == [(p.moving.name, p.fixed.name) for p in drawn.pairs]


@given(st.integers(3, 12), st.integers(0, 1000), st.integers(1, 50))
def test_a_subset_changes_little_when_scans_are_added(n: int, seed: int, size: int) -> None:
    scans = [scan(ROOT, str(s)) for s in range(n)]
    few = {(p.moving.name, p.fixed.name) for p in choose_pairs(scans[:-1], PairRule(), seed, size)}
    many = {(p.moving.name, p.fixed.name) for p in choose_pairs(scans, PairRule(), seed, size)}
    new = scans[-1].name
    assert {key for key in many if new not in key} <= few
    assert len(many) == min(size, n * (n - 1))


def test_scans_without_labels_are_not_eligible(tmp_path: Path) -> None:
    scans = [scan(tmp_path, "1"), scan(tmp_path, "2"), scan(tmp_path, "3", labelled=False)]
    made = plan(tmp_path, scans)
    assert [s.subject for s in made.scans] == ["1", "2"]
    assert [s.subject for s in made.unlabelled] == ["3"]


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


@pytest.mark.parametrize(("nprocs", "gb", "at_once"), [(64, 3.0, 3), (2, 100.0, 2), (2, 0.1, 1)])
def test_the_time_is_estimated_by_the_processes_that_fit(nprocs: int, gb: float, at_once: int, tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12345678"]
    found = dataset(tmp_path, scans)
    wanted = asked(tmp_path, nprocs=nprocs, mem=gb, methods=("greedy",), dry_run=True)
    made = plan(tmp_path, scans, nprocs=nprocs, methods=("greedy",))
    each = max(b.arm.method.cost(1_000_000, "cpu").memory_gb for b in made.batches)
    said = describe(made, found, replace(wanted, mem=gb * each), 1_000_000)
    assert f" with {at_once} process(es) at a time" in said
    assert "Participants with registrations to do: 1 2 3 4 5 6 7 8" in said
    assert ("WARNING: --mem allows" in said) == (gb < 1)
    assert "of about 1.0 million voxels" in said
    assert "of about 12\u2009000 voxels" in describe(made, found, wanted, 12_000)


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


@pytest.mark.parametrize("word", ["--only", "--only=7", "--participant-label"])
def test_refusals_name_the_option_that_was_given(word: str, tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    command = f"lumirage /b /o participant {word}"
    option = word.partition("=")[0]
    both = ("7",) if option == "--only" else ()
    with pytest.raises(MissingInputError, match=f"^{option} 7: "):
        plan(tmp_path, scans, participant_label=("7",), fixed_label=both, command=command)
    with pytest.raises(MissingInputError, match=rf"^{option} 2: .*\(--exclude-participant-label leaves it out\)"):
        plan(tmp_path, scans[:1], participant_label=("2",), command=command, exclude_participant_label=("2",))
    with pytest.raises(NothingSelectedError, match="Check --exclude-participant-label, --bids-filter-file"):
        plan(tmp_path, scans[:1], exclude_participant_label=("2",))
    with pytest.raises(NothingSelectedError, match=f"No pair is left of 2 pairs of 2 scans. Check {option}"):
        plan(tmp_path, scans, participant_label=("1",), fixed_label=("1",), command=command)


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


def test_files_are_those_of_the_pairs_asked_for_and_of_the_reference(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12345"]
    for present in ([], "12345"):
        some = plan(tmp_path, scans, present=present, participant_label=("4",), fixed_label=("3", "5"))
        assert {f.relative.split("_")[0] for f in some.files} == {"sub-1", "sub-3", "sub-4", "sub-5"}
        assert len({f.path for f in some.files}) == len(some.files) == 4 * 2


@given(st.integers(0, 100_000), st.integers(1, 64))
def test_chunks_are_never_empty_nor_huge(n: int, nprocs: int) -> None:
    assert 1 <= chunk_size(n, nprocs) <= 100


def test_a_pair_of_one_subject_is_a_rescan() -> None:
    pair = Pair(moving=scan(ROOT, "1", "1"), fixed=scan(ROOT, "1", "2", sequence="MP2RAGE"))
    assert pair.split == "same subject"


def test_a_plan_to_be_looked_at_says_what_is_needed(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    with pytest.raises(MissingInputError, match=r"lapirn.*LUMIRAGE_WEIGHTS"):
        plan(tmp_path, scans, methods=("lapirn",))
    made = plan(tmp_path, scans, methods=("lapirn",), dry_run=True)
    (need,) = needs(made, asked(tmp_path, dry_run=True))
    assert need.startswith("method lapirn: ")
    assert "LUMIRAGE_WEIGHTS" in need


def written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return str(file)


def registered(made: Plan) -> dict[str, set[str]]:
    """Arm → registration hashes of its pairs."""
    return {
        arm.label: {t.registration_hash for b in made.batches if arm in b.arms for t in b.tasks} for arm in made.arms
    }


def test_arms_that_compute_the_same_have_rows_of_their_own(tmp_path: Path) -> None:
    mine = written(tmp_path, "[methods.greedy]\n[methods.other]\nmethod = 'greedy'\n[variants.a]\n[variants.b]")
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=mine)
    hashes = [h for batch in made.batches for task in batch.tasks for h in task.hashes.values()]
    assert len(hashes) == len(set(hashes)) == 2 * 2 * 3
    assert registered(made)["a+greedy"] == registered(made)["b+greedy"] == registered(made)["a+other"]


def test_arms_that_differ_in_their_evaluation_share_a_registration(tmp_path: Path) -> None:
    variants = "[variants.a]\n[variants.b]\nevaluation = {grid = 'reference'}\n[variants.c.preparation]\nspacing = 3"
    scans = [scan(tmp_path, s) for s in "123"]
    mine = written(tmp_path, f"[methods.greedy]\n{variants}")
    made = plan(tmp_path, scans, protocol=mine)
    labels = [tuple(a.label for a in b.arms) for b in made.batches]
    assert set(labels) == {("a+identity", "b+identity"), ("c+identity",), ("a+greedy", "b+greedy"), ("c+greedy",)}
    assert made.n_todo == 6 * 4
    assert {a.variants for a in made.aligning} == {("a", "b"), ("c",)}
    assert {len(t.hashes) for b in made.batches if len(b.arms) == 2 for t in b.tasks} == {2}
    # One of the two is there already: the other one needs the registration all the same.
    there = {h for b in made.batches for t in b.tasks for (arm, _), h in t.hashes.items() if arm == "a+greedy"}
    again = plan(tmp_path, scans, done=Done(rows=frozenset(there)), protocol=mine)
    assert (again.n_done, again.n_todo) == (0, made.n_todo)
    both = there | {h for b in made.batches for t in b.tasks for (arm, _), h in t.hashes.items() if arm == "b+greedy"}
    assert plan(tmp_path, scans, done=Done(rows=frozenset(both)), protocol=mine).n_done == 6


def test_a_sequence_that_changes_the_similarity_changes_the_registration(tmp_path: Path) -> None:
    alike = [scan(tmp_path, s) for s in "12"]
    unlike = [alike[0], replace(alike[1], sequence="MP2RAGE")]
    before, after = (registered(plan(tmp_path, scans, methods=("greedy",))) for scans in (alike, unlike))
    assert before["greedy"].isdisjoint(after["greedy"])
    assert before["identity"] == after["identity"]


def test_the_seed_counts_where_a_method_uses_it(tmp_path: Path) -> None:
    text = "[methods.{name}]\nmethod = 'command'\nargv = ['{python}', '{argument}']\n"
    tables = (("plain", "{output}"), ("drawn", "{seed}"))
    mine = written(tmp_path, "".join(text.format(name=n, python=sys.executable, argument=a) for n, a in tables))
    scans = [scan(tmp_path, s) for s in "12"]
    before, after = (registered(plan(tmp_path, scans, protocol=mine, seed=seed)) for seed in (0, 1))
    assert before["plain"] == after["plain"]
    assert before["drawn"].isdisjoint(after["drawn"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[methods.identity]\nmethod = 'greedy'", "'identity' is itself a method"),
        ("[methods.syn]\nmethod = 'greedy'", "'syn' is itself a method"),
        ("[methods.mine]\nmethod = []", r"\[methods.mine\] method = \[\]"),
        ("[methods.mine]\nmethod = 'gredy'", "There is no method 'gredy'"),
        ("[methods.mine]\nmethod = 'greedy'\nwindow = 4", r"\[methods.mine\].*window is 4"),
    ],
)
def test_a_methods_name_and_kind_must_agree(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, table))


def template(root: Path) -> Scan:
    return replace(scan(root, "MNI152NLin2009cAsym", labelled=False), template=True)


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


def contrasts(root: Path, *lacking: str) -> list[Scan]:
    """T2w scans with maps of their own and T1w scans in their sessions, but for the subjects that lack one."""
    own = [replace(scan(root, s), suffix="T2w", path=root / f"sub-{s}_T2w.nii") for s in "123"]
    t1w = {s: replace(scan(root, s), labels={"synthseg": scan(root, s).labels["manual"]}) for s in "123"}
    return [replace(s, t1w=None if s.subject in lacking else t1w[s.subject]) for s in own]


def test_labels_are_carried_where_the_session_has_a_t1w_scan(tmp_path: Path) -> None:
    asked_for = {"protocol": "lumir-ood", "labellings": ("manual", "synthsegT1w"), "methods": ("greedy",)}
    scans = [*contrasts(tmp_path, "3"), template(tmp_path)]
    made = plan(tmp_path, scans, **asked_for)
    (carried,) = (labels for labels in made.labels if labels.name == "synthsegT1w")
    assert [carried.has(s) for s in scans[:3]] == [True, True, False]
    # The template could be labelled, but is in no pair.
    assert [p.labels for p in made.preparing if p.scan.template] == [()]
    found = {
        (t.pair.moving.subject, t.pair.fixed.subject): {name for _, name in t.hashes}
        for b in made.batches
        for t in b.tasks
    }
    assert found[("1", "2")] == {"manual", "synthsegT1w"}
    assert found[("1", "3")] == {"manual"}


def test_a_new_map_of_the_t1w_scan_makes_carried_labels_anew(tmp_path: Path) -> None:
    asked_for = {"protocol": "lumir-ood", "labellings": ("manual", "synthsegT1w"), "methods": ("greedy",)}
    scans = [*(replace(s, labels=dict.fromkeys(s.labels, own)) for s, own in owned(tmp_path)), template(tmp_path)]
    done = finished(plan(tmp_path, scans, **asked_for))
    assert plan(tmp_path, scans, done=done, **asked_for).preparing == ()
    (tmp_path / "sub-2_seg-manual_dseg.nii").write_text("other labels")
    again = plan(tmp_path, scans, done=done, **asked_for)
    assert [(p.scan.subject, [labels.name for labels, _ in p.labels]) for p in again.preparing] == [
        ("2", ["synthsegT1w"])
    ]


def owned(root: Path) -> list[tuple[Scan, LabelMapFile]]:
    """Scans of `contrasts` with other files as their own maps than the T1w scans have."""
    return [(s, LabelMapFile(path=root / f"{s.name}_own.nii", dataset=root)) for s in contrasts(root)]


def test_labels_that_cannot_be_carried_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    scans = [replace(s, t1w=s.t1w and replace(s.t1w, labels={})) for s in contrasts(tmp_path)]
    asked_for = {"protocol": "lumir-ood", "labellings": ("synthsegT1w",), "methods": ("greedy",)}
    with pytest.raises(MissingInputError, match=r"'synthsegT1w' cannot be made here by carried: .*mri_synthseg"):
        plan(tmp_path, [*scans, template(tmp_path)], **asked_for)


def test_the_lender_of_a_mask_is_optional_and_makes_preparation_anew_when_it_comes(tmp_path: Path) -> None:
    lender = replace(scan(tmp_path, "1", labelled=False), path=tmp_path / "sub-1_lender.nii")
    scans = [replace(scan(tmp_path, s), suffix="T2w", lender=lender if s == "1" else None) for s in "123"]
    before = plan(tmp_path, scans)
    assert before.missing == ()
    assert lender.path in {f.path for f in before.files}
    (told,) = [line for line in warnings(before) if "T1w" in line]
    assert "1 scan(s) without a brain mask" in told
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
