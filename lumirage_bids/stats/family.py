"""Tests of several experiments that are told on one page, corrected as one family."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from lumirage_bids.bids.splits import Splits
from lumirage_bids.measures import looks_at_labels
from lumirage_bids.stats.classes import pair_classes
from lumirage_bids.stats.holm import holm, holm_once
from lumirage_bids.stats.interactions import name_both

_TESTS = ("p", "p_equivalence", "ahead_at_worst_p")
_ARMS = ["variant_a", "method_a", "variant_b", "method_b"]


@dataclass(frozen=True, kw_only=True, eq=False)
class OneFamily:
    """What is left after correction.

    Attributes
    ----------
    comparisons, interactions : sequence of DataFrame
        Of each experiment, with the columns ``…_holm`` and ``…_page`` corrected over all.
    together : DataFrame
        Its tests with ``p_holm`` and ``p_equivalence_holm``.
    tests : int
        Tests of a difference that the correction is over.
    """

    comparisons: Sequence[pd.DataFrame]
    interactions: Sequence[pd.DataFrame]
    together: pd.DataFrame
    tests: int


def correct_together(
    comparisons: Sequence[pd.DataFrame],
    splits: Sequence[Mapping[tuple[str, str], Splits]],
    interactions: Sequence[pd.DataFrame] = (),
    together: pd.DataFrame | None = None,
) -> OneFamily:
    """Correct the tests of several experiments by Holm's method over all of them.

    Parameters
    ----------
    comparisons : sequence of DataFrame
        Of each experiment, as `lumirage_bids.stats.comparisons.compare` returns them; or those by several measures,
        with a column ``measure``.
    splits : sequence of mapping
        Of each experiment: labelling and evaluation → the splits of its pairs. Classes of the same pairs are one test.
    interactions : sequence of DataFrame
        Of each experiment. They are a second family, over all experiments too; ``p_page`` and ``p_reversal_page`` are
        besides never below the smallest corrected p-value of the comparisons that they are about.
    together : DataFrame, optional
        Rows of `lumirage_bids.stats.random_effects.sum_up_experiments`: tests of the first family too.
    """
    pooled = pd.DataFrame({"p": [], "p_equivalence": []}) if together is None else together
    tests = [(place, *test) for place, of in enumerate(comparisons) for test in _tests(of, splits[place])]
    tests += [("together", row) for row in range(len(pooled))]
    corrected = [table.copy() for table in comparisons]
    summed = pooled.copy()
    for column in _TESTS:
        parts = [table[column].to_numpy(dtype=np.float64) for table in comparisons]
        own = pooled[column].to_numpy(dtype=np.float64) if column in pooled else np.full(len(pooled), np.nan)
        found = holm_once(np.concatenate([*parts, own]), tests)
        for table in corrected:
            table[f"{column}_holm"], found = found[: len(table)], found[len(table) :]
        if column in pooled:
            summed[f"{column}_holm"] = found
    finite = np.isfinite(np.concatenate([table["p"].to_numpy(dtype=np.float64) for table in (*comparisons, pooled)]))
    return OneFamily(
        comparisons=corrected,
        interactions=list(_interactions(interactions, corrected)),
        together=summed,
        tests=len({test for test, known in zip(tests, finite, strict=True) if known}),
    )


def _tests(table: pd.DataFrame, splits: Mapping[tuple[str, str], Splits]) -> Iterator[tuple[Hashable, ...]]:
    """What each row of a table tests: two arms on the pairs of some splits."""
    classes = {key: pair_classes(of) for key, of in splits.items()}
    keys = zip(table["labelling"], table["evaluation"], table["split"], strict=True)
    arms = table[_ARMS].itertuples(index=False, name=None)
    for (labelling, evaluation, split), couple, of in zip(keys, arms, _quantities(table), strict=True):
        members = classes.get((labelling, evaluation), {}).get(split, frozenset([split]))
        yield of or labelling, evaluation, members, *couple


def _quantities(table: pd.DataFrame) -> Iterator[tuple[Hashable, ...]]:
    """What each row is of besides the score that is judged; empty for that.

    What has nothing to do with labels stands in the rows of every labelling: where these have the same pairs, and so
    the same numbers, it is one test.
    """
    if "measure" not in table:
        yield from [()] * len(table)
        return
    parts = table[["measure", "labelling", "n", "mean_difference", "se"]].itertuples(index=False, name=None)
    for measure, labelling, *numbers in parts:
        yield (measure, labelling) if looks_at_labels(measure) else (measure, *numbers)


def _interactions(interactions: Sequence[pd.DataFrame], comparisons: Sequence[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Correct interactions over all experiments; each row counts as a test of its own."""
    if not interactions:
        return
    own, turned = (
        holm(np.concatenate([table[column].to_numpy(dtype=np.float64) for table in interactions]))
        for column in ("p", "p_reversal")
    )
    start = 0
    for table, of in zip(interactions, comparisons, strict=True):
        part = slice(start, start := start + len(table))
        gate = np.array([_gate(row, of) for row in table.to_dict("records")], dtype=np.float64)
        pages = {"p_page": np.maximum(own[part], gate), "p_reversal_page": np.maximum(turned[part], gate)}
        yield table.assign(p_holm=own[part], **pages)


def _gate(row: Mapping[Hashable, object], comparisons: pd.DataFrame) -> float:
    """Smallest corrected p-value of the comparisons of the same two methods in either case."""
    labellings, variants = (
        {
            name
            for couple in product(comparisons[column].unique(), repeat=2)
            if name_both(*couple) == row[column]
            for name in couple
        }
        for column in ("labelling", "variant_a")
    )
    same = comparisons["labelling"].isin(labellings) & comparisons["variant_a"].isin(variants)
    same &= comparisons["variant_a"] == comparisons["variant_b"]
    same &= (comparisons["method_a"] == row["method_a"]) & (comparisons["method_b"] == row["method_b"])
    least = comparisons.loc[same, "p_holm"].min()
    return 1.0 if pd.isna(least) else float(least)
