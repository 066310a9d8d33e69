"""Failures are counted by kind: words hold figures."""

from __future__ import annotations

import pandas as pd

from lumirage_bids.stats.reasons import NOT_TOLD, count_kinds, tell_kind

MEMORY = [f"out of memory: RuntimeError: tried to allocate {n} bytes" for n in range(40)]


def test_words_that_differ_by_figures_are_one_kind():
    failed = pd.DataFrame({"kind": "out of memory", "reason": [*MEMORY, MEMORY[7]]})
    (only,) = count_kinds(failed).to_dict("records")
    assert only == {"kind": "out of memory", "reason": MEMORY[7], "n": 41, "n_reasons": 40}
    assert tell_kind(only) == f"{MEMORY[7]}, and the like"


def test_kinds_are_read_from_words_where_no_column_tells_them():
    found = count_kinds(pd.DataFrame({"reason": [*MEMORY, "timed out after 9 s"]}))
    assert list(zip(found["kind"], found["n"], strict=True)) == [("out of memory", 40), ("timed out", 1)]


def test_words_that_others_chose_are_kinds_of_their_own():
    found = count_kinds(pd.DataFrame({"kind": "affine", "reason": ["diverged", "no licence", "diverged", None]}))
    assert list(zip(found["kind"], found["n"], strict=True)) == [("diverged", 2), ("no licence", 1), (NOT_TOLD, 1)]


def test_keys_are_counted_apart():
    failed = pd.DataFrame({"method": ["a", "b", "b", "b"], "kind": ["killed", "killed", "error", "error"]})
    found = count_kinds(failed.assign(reason=["killed by SIGKILL", "killed by SIGKILL", "E: 1", "E: 2"]), ["method"])
    assert list(found["method"] + " " + found["kind"]) == ["b error", "a killed", "b killed"]
    assert list(found["n"]) == [2, 1, 1]
    assert tell_kind(found.iloc[0].to_dict()) == "E: 1, and other errors"


def test_nothing_failed():
    none = count_kinds(pd.DataFrame({"status": []}), ["status"])
    assert list(none.columns) == ["status", "kind", "reason", "n", "n_reasons"]
