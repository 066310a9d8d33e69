"""Which arm did better, by how much, and how surely: paired on the pairs that both could register."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.classes import Arm, each_labelling, evaluations_of, pair_classes, select
from lumirage_bids.stats.common import FLOORS, Common, common_pairs
from lumirage_bids.stats.crossing import Designs, design
from lumirage_bids.stats.design import Design
from lumirage_bids.stats.effects import effects, influences, moments, plain_tests, size_intervals
from lumirage_bids.stats.holm import holm_once
from lumirage_bids.stats.layout import Indices, Mask
from lumirage_bids.stats.pairing import SideBySide, refuse_duplicates, side_by_side
from lumirage_bids.stats.score import DICE, Score, rounding_of
from lumirage_bids.stats.shares import Shares, subjects_needed, variance_shares
from lumirage_bids.stats.student import Floats

_SIZES = ("d_z", "d_av", "d_pooled", "hedges_g")
_ENDS = ("low", "high")
COMPARISON_COLUMNS = [
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "evaluation", "split"),
    *("n", "n_failed", "n_subjects"),
    *("mean_a", "mean_b", "mean_difference", "se", "ci_low", "ci_high"),
    *(*_SIZES, "t", "p", "p_holm"),
    *(f"{size}_{end}" for size in _SIZES for end in _ENDS),
    *("equivalence_margin", "p_equivalence", "p_equivalence_holm"),
    *("p_t", "w", "p_wilcoxon"),
    *("worst_case_n", "worst_case_difference", "worst_case_ci_low", "worst_case_ci_high"),
    *("worst_case_d_z", "worst_case_p", "resampled", "refused"),
    *("n_ahead_lacks", "ahead_at_worst_difference", "ahead_at_worst_p", "ahead_at_worst_p_holm"),
    *("median_difference", "win_percent", "tie_percent", "p_win"),
    *("n_failed_a", "n_failed_b", "n_unfinished_a", "n_unfinished_b"),
    *("df", "estimator", "groups", "n_groups", "n_smallest", "left_out", "n_left_out", "holds_for", "refused_sizes"),
    *("moving_percent", "fixed_percent", "pair_percent", "n_for_margin"),
    *("without_subject", "without_difference", "without_p", "hangs_on_subject"),
    *("hiding_subject", "hiding_difference", "hiding_d_z", "hiding_p"),
]
#: Columns of the worst case and what they are of the usual one.
_WORST_CASE = {
    **{"n": "n", "difference": "mean_difference", "ci_low": "ci_low", "ci_high": "ci_high", "d_z": "d_z", "p": "p"},
}
_TEXTS = (
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "evaluation", "split", "resampled", "refused"),
    *("estimator", "groups", "left_out", "holds_for", "refused_sizes", "without_subject", "hiding_subject"),
)
_COUNTS = (
    *("n", "n_failed", "n_subjects", "worst_case_n", "n_groups", "n_smallest", "n_left_out"),
    *("n_failed_a", "n_failed_b", "n_unfinished_a", "n_unfinished_b", "n_ahead_lacks"),
)

_SPREAD_UNKNOWN = "how far the differences spread is known too poorly"

# Subjects up to which each is left out in turn; of more, how many are of those that leave a difference least sure: two
# where so many share it that one carries little.
_FEW_TO_LEAVE_OUT, _LEAST_SURE, _MANY = 10, 5, 50
_MOST_TO_LOOK_AT = 1500  # subjects

_Row = dict[str, object]


def compare(
    pairs: pd.DataFrame,
    *,
    criteria: Criteria | None = None,
    score: Score = DICE,
    unranked: Collection[str] = FLOORS,
) -> pd.DataFrame:
    """Compare every two arms that are evaluated alike, on the pairs that all ranked arms scored.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, evaluation,
        split, moving, fixed, status and that of the score, as for `lumirage_bids.stats.pairing.side_by_side`.
    criteria : Criteria, optional
        Margin of equivalence, and level of intervals and tests.
    score : Score
        What is compared.
    unranked : collection of str
        Methods that are no competitors and never narrow the pairs.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × class of pairs × two arms a, b in the order of `arms_of`, with
        `COMPARISON_COLUMNS`; arms of two evaluations are not compared, their scores are two quantities.
        ``n`` pairs were scored in both arms and, where neither is set aside for lacking pairs, in every other ranked
        arm (in both alone where no pair was scored by all);
        ``n_failed`` pairs were run in both but lack a score in at least one. Differences are b − a. Standard
        error, intervals, ``p``, ``p_equivalence`` and their Holm corrections come from `lumirage_bids.stats.design`,
        where subjects are what is drawn; ``t``, ``p_t``, ``w`` and ``p_wilcoxon`` take the pairs for independent.
        ``worst_case_…`` scores failed pairs as bad as can be; ``ahead_at_worst_…`` those alone that the one ahead
        lacks and the other has, failed or not run. Holm's correction is over all tests of the table;
        classes that hold the same pairs (``all`` and the only split) are one test.

    Raises
    ------
    BadDataError
        If a pair has more than one row in an arm and labelling.
    """
    refuse_duplicates(pairs)
    return compare_tables(tables_of(pairs, score), criteria=criteria or Criteria(), score=score, unranked=unranked)


def compare_tables(
    tables: Iterable[tuple[str, str, SideBySide]],
    *,
    criteria: Criteria,
    score: Score,
    unranked: Collection[str],
    primary: bool = False,
) -> pd.DataFrame:
    """Compare as `compare` does what is side by side already.

    Parameters
    ----------
    tables : iterable of (str, str, SideBySide)
        Labelling, evaluation and scores.
    criteria, score, unranked
        As for `compare`.
    primary : bool
        Whether over the class of pairs alone that a verdict is about.
    """
    rows: list[_Row] = []
    tests: list[tuple[object, ...]] = []
    for labelling, evaluation, table in tables:
        done: dict[frozenset[str], tuple[list[_Row], list[bytes]]] = {}
        for name, members in pair_classes(table.crossing.splits, primary=primary).items():
            if members not in done:
                done[members] = _compare_class(table, table.of(members), criteria, score, unranked)
            what = {"labelling": labelling, "evaluation": evaluation, "split": name}
            found, over = done[members]
            rows += [{**what, **row} for row in found]
            tests += [(labelling, evaluation, kept, place) for place, kept in enumerate(over)]
    compared = _set_types(pd.DataFrame(rows, columns=COMPARISON_COLUMNS), tests)
    alpha = criteria.alpha / _count_tests(compared, tests)  # Holm's level for the first of so many
    needed = [
        subjects_needed(cast(Shares, row["shares"]), criteria.margin, alpha) if "shares" in row else np.nan
        for row in rows
    ]
    return compared.assign(n_for_margin=needed)


def _count_tests(compared: pd.DataFrame, tests: list[tuple[object, ...]]) -> int:
    """Different tests of the table, at least 1."""
    return max(1, len({test for test, p in zip(tests, compared["p"], strict=True) if not np.isnan(p)}))


def _set_types(compared: pd.DataFrame, tests: list[tuple[object, ...]]) -> pd.DataFrame:
    """Set the types of the columns, and correct for the number of tests."""
    compared["hangs_on_subject"] = compared["hangs_on_subject"].astype("bool")
    numbers = compared.columns.difference([*_TEXTS, *_COUNTS, "hangs_on_subject"], sort=False)
    compared = compared.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(_COUNTS, "int64"))
    for column in ("p", "p_equivalence"):
        compared[f"{column}_holm"] = holm_once(compared[column].to_numpy(dtype=np.float64), tests)
    # A hidden difference is one found by a search: each of the table's tests counts.
    compared["hiding_p"] = np.minimum(1.0, compared["hiding_p"] * _count_tests(compared, tests))
    # At worst, pairs count that the comparison itself is not over: classes of the same pairs may differ by these.
    worst = compared["ahead_at_worst_p"].to_numpy(dtype=np.float64)
    own = [(*test, n, p) for test, n, p in zip(tests, compared["n_ahead_lacks"], worst, strict=True)]
    compared["ahead_at_worst_p_holm"] = holm_once(worst, own)
    return compared


def tables_of(pairs: pd.DataFrame, score: Score) -> Iterator[tuple[str, str, SideBySide]]:
    """Labelling, evaluation and the scores that are one quantity, side by side."""
    for labelling, rows in each_labelling(pairs):
        for evaluation in evaluations_of(rows):
            yield labelling, evaluation, side_by_side(select(rows, rows["evaluation"] == evaluation), score)


def _compare_class(
    whole: SideBySide, inside: Mask, criteria: Criteria, score: Score, unranked: Collection[str]
) -> tuple[list[_Row], list[bytes]]:
    """Make a row for every two arms over some pairs of a table, and tell which of its pairs each is over."""
    table, places = whole.keep(inside), np.flatnonzero(inside)
    designs = table.crossing.designs
    common = common_pairs(table, unranked)
    rows, over = [], []
    for couple in combinations(range(len(table.arms)), 2):
        laid = _lay_out(table, couple, designs, common)
        rows.append(_row(table, couple, laid, designs, criteria, score))
        over.append(places[laid.kept].tobytes())
    return rows, over


def _lay_out(table: SideBySide, couple: tuple[int, int], designs: Designs, common: Common) -> Design:
    """Lay out what two arms are compared on: ranked ones, and an unranked one with them, on what they are ranked on."""
    both = np.asarray(np.isfinite(table.dice)[:, couple].all(axis=1))
    chosen = list(couple)
    shared = not common.set_aside[chosen].any() and not common.unranked[chosen].all() and common.pairs.any()
    return designs.of(np.asarray(both & common.pairs) if shared else both)


def _row(
    table: SideBySide, couple: tuple[int, int], laid: Design, designs: Designs, criteria: Criteria, score: Score
) -> _Row:
    scored = np.isfinite(table.dice)
    both = scored[:, couple].all(axis=1)
    usual = _infer(laid, table.dice[:, couple], table.step, criteria, score)
    at_worst = dict(usual)
    if table.lost[:, couple].any():
        at_worst = {}
        if score.worst is not None:
            worst = np.where(table.lost, score.worst, table.dice)[:, couple]
            at_worst = _infer(
                designs.of(np.asarray(np.isfinite(worst).all(axis=1))), worst, table.step, criteria, score
            )
    a, b = table.dice[laid.kept][:, couple].T
    return {
        **{f"{what}_{side}": value for side, arm in _sides(table, couple) for what, value in arm._asdict().items()},
        "n_failed": int(table.ran[:, couple].all(axis=1).sum() - both.sum()),
        **{f"n_failed_{x}": int((table.ran & ~scored)[:, arm].sum()) for x, arm in zip("ab", couple, strict=True)},
        **{f"n_unfinished_{x}": int((~table.ran)[:, arm].sum()) for x, arm in zip("ab", couple, strict=True)},
        **{"mean_a": _mean(a), "mean_b": _mean(b)},
        **usual,
        **plain_tests(a, b)._asdict(),
        **_wins(_subtract(a, b, table.nothing), score),
        "p_win": _p_win(laid, _subtract(table.dice[:, couple[0]], table.dice[:, couple[1]], table.nothing)),
        **{f"worst_case_{name}": at_worst.get(key, np.nan) for name, key in _WORST_CASE.items()},
        "worst_case_n": at_worst.get("n", len(a)),
        **_ahead_at_worst(table, couple, designs, laid, usual, score),
        "equivalence_margin": criteria.margin,
        **_describe_design(laid),
        **_weigh_subjects(table, laid, couple, usual, criteria),
    }


def _ahead_at_worst(
    table: SideBySide, couple: tuple[int, int], designs: Designs, laid: Design, usual: _Row, score: Score
) -> _Row:
    """The difference with what the one ahead lacks, failed or not run, at worst: only that could have favoured it.

    What the one behind lacks is left out: at worst it would only be further behind, and its own failures, rare and
    large, would hide that by their spread.
    """
    mean, p = cast(float, usual["mean_difference"]), cast(float, usual.get("p", np.nan))
    ahead, behind = couple[:: -1 if score.sign * mean > 0 else 1]
    scored = np.isfinite(table.dice)
    lacks = scored[:, behind] & ~scored[:, ahead]
    row: _Row = {"n_ahead_lacks": int(lacks.sum()), "ahead_at_worst_difference": mean, "ahead_at_worst_p": p}
    if not lacks.any() or np.isnan(p):
        return row
    if score.worst is None:
        return row | {"ahead_at_worst_difference": np.nan, "ahead_at_worst_p": 1.0}
    values = np.where(lacks[:, None] & ~scored, score.worst, table.dice)
    difference = (values[:, couple[1]] - values[:, couple[0]])[:, None]
    used = lacks.copy()
    used[laid.kept] = True
    found = designs.of(used).infer(difference, step=table.step)
    worst_p = found.p()[0]
    return row | {
        "ahead_at_worst_difference": found.estimate[0],
        "ahead_at_worst_p": 1.0 if np.isnan(worst_p) else max(p, float(worst_p)),
    }


def _sides(table: SideBySide, couple: tuple[int, int]) -> Iterator[tuple[str, Arm]]:
    return zip("ab", (table.arms[arm] for arm in couple), strict=True)


def _subtract(a: Floats, b: Floats, least: float) -> Floats:
    """Differences b − a; what is only rounding is none."""
    difference = b - a
    return np.where(np.abs(difference) <= least, 0.0, difference)


def _wins(difference: Floats, score: Score) -> _Row:
    """How often b is better, and by how much at the median."""
    if not len(difference):
        return {"median_difference": np.nan, "win_percent": np.nan, "tie_percent": np.nan}
    return {
        "median_difference": float(np.median(difference)),
        "win_percent": 100 * float((difference * score.sign > 0).mean()),
        "tie_percent": 100 * float((difference == 0).mean()),
    }


def _p_win(laid: Design, difference: Floats) -> float:
    """P-value of b being better as often as worse, over subjects; NaN where all pairs agree, or no interval is had."""
    won = np.sign(difference)
    told = not laid.refused and len(np.unique(won[laid.kept])) > 1
    return float(laid.infer(won[:, None]).p()[0]) if told else float("nan")


def _describe_design(laid: Design) -> _Row:
    """What the interval rests on."""
    return {
        "n_subjects": laid.n_subjects,
        "resampled": laid.what,
        "estimator": None if laid.refused else laid.estimator,
        "groups": laid.told if len(laid.kept) else None,
        "n_groups": len(laid.names),
        "n_smallest": laid.smallest,
        **{"left_out": laid.left_out, "n_left_out": laid.n_left_out, "holds_for": laid.holds_for},
    }


def _infer(laid: Design, scores: Floats, step: float, criteria: Criteria, score: Score) -> _Row:
    """Difference and effect sizes with errors; missing where they are refused, with the reason."""
    n = len(laid.kept)
    row: _Row = {"n": n, "mean_difference": np.nan, "refused": laid.refused, "refused_sizes": laid.refused_sizes}
    if n == 0:
        return row
    own_a, own_b = scores[laid.kept].T
    sums = moments(own_a - own_a.mean(), own_b - own_b.mean()).sum(axis=0)
    observed = {
        k: float(v)
        for k, v in effects(sums, float(own_b.mean() - own_a.mean()), n, rounding_of(own_a, own_b))._asdict().items()
    }
    row |= observed
    if row["refused"]:
        return row
    if not np.isfinite(observed["d_z"]):
        row["refused_sizes"] = "the differences do not vary"
    found = laid.infer(np.diff(scores, axis=1), step=step)
    low, high = found.interval(criteria.confidence, score.difference_lies)
    row |= {"se": found.se[0], "df": found.df[0], "ci_low": low[0], "ci_high": high[0], "p": found.p()[0]}
    row["p_equivalence"] = found.p_within(criteria.margin)[0]
    if row["refused_sizes"]:
        return row
    sizes = _sizes(laid, own_a, own_b, observed, criteria)
    if low[0] <= 0 <= high[0] or sizes["d_z_low"] * sizes["d_z_high"] > 0:
        return row | sizes
    # A size has the sign of the difference. Where that is sure, an interval on both sides of 0 says nothing of it.
    return row | {"refused_sizes": _SPREAD_UNKNOWN}


def _sizes(laid: Design, a: Floats, b: Floats, observed: dict[str, float], criteria: Criteria) -> dict[str, float]:
    """Intervals of the effect sizes."""
    moved = np.zeros((int(laid.kept[-1]) + 1, len(_SIZES)))
    moved[laid.kept] = influences(a, b)
    ends = size_intervals(laid.infer(moved), [observed[size] for size in _SIZES], criteria.confidence)
    return {
        f"{size}_{end}": float(value)
        for end, values in zip(_ENDS, ends, strict=True)
        for size, value in zip(_SIZES, values, strict=True)
    }


def _weigh_subjects(table: SideBySide, laid: Design, couple: tuple[int, int], usual: _Row, criteria: Criteria) -> _Row:
    """Where the differences come from, and whether one subject makes the verdict."""
    row: _Row = {"hangs_on_subject": False}
    if laid.refused or usual["refused"]:
        return row
    used = np.zeros(len(table.dice), dtype=np.bool_)
    used[laid.kept] = True
    difference = table.dice[:, couple[1]] - table.dice[:, couple[0]]
    shares = variance_shares(table.crossing, used, difference)
    names = ("moving_percent", "fixed_percent", "pair_percent")
    row |= {**dict(zip(names, shares.percent, strict=True)), "shares": shares}
    return row | _leave_one_out(table, laid, difference, usual, criteria)


def _leave_one_out(table: SideBySide, laid: Design, difference: Floats, usual: _Row, criteria: Criteria) -> _Row:
    """Leave single subjects out: the one that carries most of a difference, and one that may hide it."""
    crossing, values = table.crossing, difference[laid.kept]
    moving, fixed = crossing.moving[laid.kept], crossing.fixed[laid.kept]
    size, two = len(crossing.subjects), moving != fixed
    pairs = np.bincount(moving, minlength=size) + np.bincount(fixed[two], minlength=size)
    sums = np.bincount(moving, values, size) + np.bincount(fixed[two], values[two], size)
    left = len(values) - pairs
    sign = np.sign(values.mean())
    known = (pairs > 0) & (left > 0)
    if not known.any():
        return {}
    means = np.where(known, sign * (values.sum() - sums) / np.maximum(left, 1), np.nan)
    tried = [
        _Without.of(table, laid, difference, one)
        for one in _worth_leaving_out(laid, difference, means, sign, moving, fixed)
    ]
    least = max(tried, key=lambda each: (sign * each.mean <= 0, np.nan_to_num(each.p, nan=-1.0), -sign * each.mean))
    lost = sign * least.mean <= 0 or least.p >= criteria.alpha
    row: _Row = {
        **{"without_subject": least.subject, "without_difference": least.mean, "without_p": least.p},
        "hangs_on_subject": bool(cast(float, usual["p"]) < criteria.alpha and lost),
    }
    hiding = min(tried, key=lambda each: np.inf if np.isnan(each.p) else each.p)
    # It was sought among all subjects: its p-value is that of as many tests.
    p = min(1.0, hiding.p * int(known.sum()))
    if cast(float, usual["p"]) < p or np.isnan(p):
        return row
    names = {"hiding_subject": hiding.subject, "hiding_difference": hiding.mean, "hiding_d_z": hiding.d_z}
    return row | names | {"hiding_p": p}


def _worth_leaving_out(
    laid: Design, difference: Floats, means: Floats, sign: float, moving: Indices, fixed: Indices
) -> list[int]:
    """Subjects to leave out: all where they are few, else those that move the mean most, or make it least or most sure.

    An odd subject pulls a mean towards or past zero, or makes it uncertain by pulling away from it; and one whose
    leaving out moves the mean little may still leave it far less sure.
    """
    several = np.flatnonzero(np.isfinite(means))
    if len(several) <= _FEW_TO_LEAVE_OUT:
        return [int(one) for one in several]
    tried = [np.nanargmin(means), np.nanargmax(means)]
    if len(means) <= _MOST_TO_LOOK_AT:
        sure = sign * laid.leave_each_out(difference, moving, fixed, len(means))
        order = several[np.argsort(sure[several], kind="stable")]
        tried += [*order[: _LEAST_SURE if len(several) <= _MANY else 2], order[-1]]
    return list(dict.fromkeys(int(one) for one in tried))


class _Without(NamedTuple):
    """A comparison without one subject; a group that then is too small to be told of leaves no p-value."""

    subject: str
    mean: float
    d_z: float
    p: float

    @classmethod
    def of(cls, table: SideBySide, laid: Design, difference: Floats, one: int) -> _Without:
        crossing = table.crossing
        used = np.zeros(len(difference), dtype=np.bool_)
        used[laid.kept[(crossing.moving[laid.kept] != one) & (crossing.fixed[laid.kept] != one)]] = True
        own, rest = difference[used], design(crossing, used)
        told = not rest.refused and rest.n_left_out == 0
        p = float(rest.infer(difference[:, None], step=table.step).p()[0]) if told else float("nan")
        spread = float(own.std(ddof=1)) if len(own) > 1 else float("nan")
        d_z = float(own.mean()) / spread if spread > table.nothing else float("nan")
        return cls(crossing.subjects[one], float(own.mean()), d_z, p)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
