"""Arms: a method under a variant, and what of it is shared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lumirage_bids.app.describe import needs
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.experiment.plan import Done
from lumirage_bids.methods import Context, lapirn, methods
from lumirage_bids.output.history import differences
from tests.experiment.plans import registered, written
from tests.small_plan import plan, scan


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


GOING_ON = """
[methods.greedy]
[methods.syn]
[methods.onward]
method = "greedy"
start_from = "first"
[methods.first]
method = "syn"
window = {window}
"""


def test_what_a_method_goes_on_from_is_one_of_the_protocol(tmp_path: Path) -> None:
    mine = written(tmp_path, GOING_ON.format(window=5))
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=mine, methods=("onward",))
    arm = {a.name: a for a in made.arms}["onward"]
    assert [(s.name, s.method.name, getattr(s.method, "window", 0)) for s in arm.stages] == [
        ("first", "syn", 5),
        ("onward", "greedy", 7),
    ]
    both = [s.method.cost(10**6, "cpu") for s in arm.stages]
    assert arm.cost(10**6, "cpu").seconds == sum(c.seconds for c in both)
    assert arm.cost(10**6, "cpu").memory_gb == max(c.memory_gb for c in both)
    # In a run that tries things out the start is tried out too.
    quick = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=mine, methods=("onward",), sloppy=True)
    assert [s.method.effort[0][1] for s in quick.arms[-1].stages] == [20, 20]


def test_a_changed_start_makes_the_rows_again_that_went_on_from_it_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [scan(tmp_path, s) for s in "12"]

    def made(window: int = 5) -> tuple[dict[str, set[str]], dict[str, str], dict[str, str]]:
        of = plan(tmp_path, scans, protocol=written(tmp_path, GOING_ON.format(window=window)))
        return registered(of), {a.name: a.hash for a in of.arms}, {a.name: a.registration for a in of.arms}

    before = made()
    for after in (made(window=9), _with_another_revision(made, monkeypatch)):
        changed = {name for name in before[1] if before[1][name] != after[1][name]}
        assert {name for name in before[0] if before[0][name] != after[0][name]} == changed
        assert changed >= {"onward", "first"}
        assert not changed & {"identity", "greedy"}


def _with_another_revision(made: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(methods()["syn"], "revision", 99)
        return made()


def test_why_rows_are_made_again_names_the_start(tmp_path: Path) -> None:
    arms = [
        plan(
            tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, GOING_ON.format(window=w))
        ).conditions
        for w in (5, 9)
    ]
    old, new = (next(f for f in of.values() if f["method"].get("start_from")) for of in arms)
    assert differences(old, new) == "method first window 5 → 9"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[methods.greedy]\nstart_from = 'greedy'", r"goes in a circle: greedy from greedy"),
        (
            "[methods.greedy]\nstart_from = 'syn'\n[methods.syn]\nstart_from = 'greedy'",
            r"\[methods.syn\] start_from = 'greedy' goes in a circle: greedy from syn from greedy",
        ),
        ("[methods.greedy]\nstart_from = 'lapirm'", r"no such method. Known: .*lapirn"),
        ("[methods.greedy]\nstart_from = 3", r"start_from = 3 is not allowed; it must be text"),
        ("[methods.ants_syn]\nstart_from = 'greedy'", r"unknown parameter 'start_from'"),
    ],
)
def test_a_start_that_cannot_be_is_refused(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, table))


def test_what_a_start_lacks_is_told_before_the_run_begins(tmp_path: Path) -> None:
    mine = written(tmp_path, "[methods.greedy]\nstart_from = 'lapirn'")
    with pytest.raises(MissingInputError, match=r"greedy cannot run here: it goes on from lapirn, .*cwmok/LapIRN"):
        plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=mine)
    dry = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=mine, dry_run=True)
    (need,) = needs(dry, Context())
    assert "method greedy: it goes on from lapirn" in need
    assert dry.arms[-1].training == lapirn.TRAINING


LADDER = """
[preparation]
perturbation = {kind = "noise", size = 0.1}
[methods.greedy]
[variants.noisy]
[variants.noisier.preparation]
perturbation = {kind = "noise", size = 0.2}
[variants.plain.preparation]
perturbation = "none"
"""


def test_a_ladder_shares_alignments_and_none_of_its_registrations(tmp_path: Path) -> None:
    made = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, LADDER))
    assert {a.variants for a in made.aligning} == {("noisy", "noisier", "plain")}
    hashes = [registered(made)[f"{variant}+greedy"] for variant in ("noisy", "noisier", "plain")]
    assert len(set.union(*hashes)) == 3 * 2
    unharmed = plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, "[methods.greedy]\n"))
    assert registered(unharmed)["greedy"] == registered(made)["plain+greedy"]


def test_a_ladder_of_what_does_not_look_at_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Variant noisy perturbs what methods see, and curt does not look at it"):
        plan(tmp_path, [scan(tmp_path, s) for s in "12"], protocol=written(tmp_path, LADDER), methods=("curt",))
