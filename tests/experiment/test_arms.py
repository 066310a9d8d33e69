"""Arms: a method under a variant, and what of it is shared."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.experiment.plan import Done
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
