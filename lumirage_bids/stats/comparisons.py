"""Which arm did better, by how much, and how surely: paired on the pairs that both could register."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.stats.classes import evaluations_of, pair_classes
from lumirage_bids.stats.effects import MOMENTS, Effects, effects, moments, plain_tests
from lumirage_bids.stats.pairing import SideBySide, refuse_duplicates, side_by_side
from lumirage_bids.stats.resampling import (
    RESAMPLES,
    Floats,
    Resampling,
    p_equivalence,
    p_value,
    refusal,
    resampling,
    standard_error,
    t_interval,
)

#: Differences in mean Dice that surely lie within this are called equivalent.
EQUIVALENCE_MARGIN = 0.01
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
]
#: Columns of the worst case and what they are of the usual one.
_WORST_CASE = {
    **{"n": "n", "difference": "mean_difference", "ci_low": "ci_low", "ci_high": "ci_high", "d_z": "d_z", "p": "p"},
}

_TEXTS = (
    *("variant_a", "method_a", "variant_b", "method_b", "labelling", "evaluation", "split"),
    *("resampled", "refused"),
)
_COUNTS = ("n", "n_failed", "n_subjects", "worst_case_n")

_Row = dict[str, object]


def compare(pairs: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Compare every two arms that are evaluated alike, on the pairs that both scored.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with columns variant, method, labelling, evaluation,
        split, moving, fixed, status and dice_mean. The subject of a scan is the first entity of its name.
    resamples, seed : int
        Of the node bootstrap; the same seed gives the same table.

    Returns
    -------
    DataFrame
        A row per labelling × evaluation × class of pairs × two arms a, b in the order of `arms_of`, with
        `COMPARISON_COLUMNS`; arms of two evaluations are not compared, their scores are two quantities.
        ``n`` pairs were scored in both arms; ``n_failed`` further pairs were run in both but lack a score in at least
        one. Differences are b − a. Standard error, intervals, ``p``, ``p_equivalence`` and their Holm corrections come
        from the node bootstrap of `lumirage_bids.stats.resampling`; ``t``, ``p_t``, ``w`` and ``p_wilcoxon`` take the
        pairs for independent. ``worst_case_…`` scores failed pairs as 0. Holm's correction is over all tests of the
        table; classes that hold the same pairs (``all`` and the only split) are one test.

    Raises
    ------
    BadDataError
        If a pair has more than one row in an arm and labelling.
    """
    refuse_duplicates(pairs)
    rows: list[_Row] = []
    tests: list[tuple[object, ...]] = []
    for labelling, evaluation, alike in _comparable(pairs):
        table = side_by_side(alike)
        done: dict[frozenset[str], list[_Row]] = {}
        for name, members in pair_classes(table.split).items():
            if members not in done:
                done[members] = _compare_class(table.only(np.isin(table.split, list(members))), resamples, seed)
            what = {"labelling": labelling, "evaluation": evaluation, "split": name}
            rows += [{**what, **row} for row in done[members]]
            tests += [(labelling, evaluation, members, place) for place in range(len(done[members]))]
    compared = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    numbers = compared.columns.difference([*_TEXTS, *_COUNTS], sort=False)
    compared = compared.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(_COUNTS, "int64"))
    for column in ("p", "p_equivalence"):
        compared[f"{column}_holm"] = _holm_once(compared[column].to_numpy(dtype=np.float64), tests)
    return compared


def _comparable(pairs: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Labelling, evaluation and the rows whose scores are one quantity."""
    for labelling, rows in pairs.groupby("labelling", sort=False):
        for evaluation in evaluations_of(rows):
            yield str(labelling), evaluation, rows[rows["evaluation"] == evaluation]


def _compare_class(table: SideBySide, resamples: int, seed: int) -> list[_Row]:
    """Make a row for every two arms over all pairs of a table; failed pairs at worst score 0."""
    drawn = resampling(table.moving, table.fixed, resamples=resamples, seed=seed)
    worst = np.where(table.failed, 0.0, table.dice)
    couples = list(combinations(range(len(table.arms)), 2))
    fallible = [couple for couple in couples if table.failed[:, couple].any()]
    usual = dict(zip(couples, _infer(drawn, table.dice, couples, resamples), strict=True))
    at_worst = usual | dict(zip(fallible, _infer(drawn, worst, fallible, resamples), strict=True))
    return [_row(table, couple, usual[couple], at_worst[couple], drawn.what) for couple in couples]


def _row(table: SideBySide, couple: tuple[int, int], found: _Row, at_worst: _Row, resampled: str) -> _Row:
    a, b = (table.dice[:, arm] for arm in couple)
    scored = np.isfinite(a) & np.isfinite(b)
    arms = zip("ab", (table.arms[arm] for arm in couple), strict=True)
    return {
        **{f"{what}_{side}": value for side, arm in arms for what, value in arm._asdict().items()},
        "n_failed": int(table.ran[:, couple].all(axis=1).sum() - scored.sum()),
        **{"mean_a": _mean(a[scored]), "mean_b": _mean(b[scored])},
        **found,
        **plain_tests(a[scored], b[scored])._asdict(),
        **{f"worst_case_{name}": at_worst.get(key) for name, key in _WORST_CASE.items()},
        "equivalence_margin": EQUIVALENCE_MARGIN,
        "resampled": resampled,
    }


def _infer(drawn: Resampling, scores: Floats, couples: Sequence[tuple[int, int]], resamples: int) -> Iterator[_Row]:
    """Give difference and effect sizes of every two columns of the scores, with what the resamples say of them."""
    if not couples:
        return
    centre = np.array([_mean(column[np.isfinite(column)]) for column in scores.T])
    centred = scores - centre  # large means lose digits of the spreads
    sums = drawn.sums(lambda part: np.concatenate([moments(centred[part, a], centred[part, b]) for a, b in couples], 1))
    sums = sums.reshape(resamples + 1, len(couples), MOMENTS)
    for place, (a, b) in enumerate(couples):
        both = np.isfinite(scores[:, a]) & np.isfinite(scores[:, b])
        found = effects(sums[:, place], float(centre[b] - centre[a]), int(both.sum()))
        yield _inference(found, int(both.sum()), drawn.subjects(both))


def _inference(found: Effects, n: int, subjects: int) -> _Row:
    """Standard error, intervals and p-values; missing where they are refused, with the reason."""
    observed = {name: float(values[0]) for name, values in found._asdict().items()}
    row: _Row = {"n": n, "n_subjects": subjects, **observed, "refused": _refusal(n, subjects, observed["d_z"])}
    if row["refused"]:
        return row
    errors = {name: standard_error(values[1:], subjects) for name, values in found._asdict().items()}
    ends = {name: t_interval(observed[name], error, subjects) for name, error in errors.items()}
    difference, error = observed["mean_difference"], errors["mean_difference"]
    return row | {
        "se": float(error),
        **{f"ci_{end}": float(value) for end, value in zip(_ENDS, ends["mean_difference"], strict=True)},
        **{f"{size}_{end}": float(v) for size in _SIZES for end, v in zip(_ENDS, ends[size], strict=True)},
        "p": float(p_value(difference, error, subjects)),
        "p_equivalence": float(p_equivalence(difference, error, subjects, EQUIVALENCE_MARGIN)),
    }


def _refusal(n: int, subjects: int, d_z: float) -> str | None:
    if n == 0:
        return "no pair was scored in both arms"
    return refusal(subjects) or (None if np.isfinite(d_z) else "the differences do not vary")


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def holm(p: npt.ArrayLike) -> Floats:
    """Adjust p-values for the number of tests by Holm's step-down method.

    Parameters
    ----------
    p : array-like, shape (m,)
        P-values; NaN is no test: it stays NaN and is not counted.

    Returns
    -------
    array, shape (m,)
        Adjusted p-values, in the order given.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6:65–70, https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _holm_once(p: Floats, tests: list[tuple[object, ...]]) -> Floats:
    """Holm over the distinct tests; rows of one test share its value."""
    first = {test: row for row, test in reversed(list(enumerate(tests)))}
    distinct = list(first.values())
    adjusted = dict(zip(distinct, holm(p[distinct]), strict=True))
    return np.array([adjusted[first[test]] for test in tests], dtype=np.float64)
