from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lumirage_bids.stats.classes import splits_of
from lumirage_bids.stats.crossing import Crossing, design
from lumirage_bids.stats.design import FEWEST_FOR_SIZES
from lumirage_bids.stats.effects import influences, size_intervals
from lumirage_bids.stats.groups import groups_of
from tests.stats.crossed import DESIGNS, SPARSE, Design, coverage, merged

pytestmark = pytest.mark.filterwarnings("error")


def crossing(moving: object, fixed: object, split: list[str] | None = None, **given: object) -> Crossing:
    moving, fixed = np.asarray(moving), np.asarray(fixed)
    n = int(max(moving.max(), fixed.max())) + 1
    names = split or ["T1w to T1w"] * len(moving)
    ends = splits_of(pd.DataFrame({"split": names}))
    found = groups_of([(f"s{m}", f"s{f}", s) for m, f, s in zip(moving, fixed, names, strict=True)], ends)
    splits = sorted(set(names))
    made = {
        "subjects": [f"s{i}" for i in range(n)],
        **{"moving": moving, "fixed": fixed, "splits": {name: ends[name] for name in splits}},
        "split": np.array([splits.index(name) for name in names]),
        "groups": [found.get(f"s{i}", "") for i in range(n)],
    }
    return Crossing(**{**made, **given})  # type: ignore[arg-type]


def whole(shape: Crossing) -> np.ndarray:
    return np.ones(len(shape.moving), dtype=bool)


def all_pairs(n: int) -> Crossing:
    return crossing(*np.nonzero(~np.eye(n, dtype=bool)))


def test_a_round_robin_is_analysed_as_the_social_relations_model_has_it():
    # Of the two directions' means: mean squares of subjects and of couples, and the variance of the mean from them.
    n = 14
    shape = all_pairs(n)
    random = np.random.default_rng(0)
    effect = random.normal(size=n)
    values = effect[shape.moving] + 0.5 * effect[shape.fixed] + random.normal(size=n * (n - 1))
    matrix = np.zeros((n, n))
    matrix[shape.moving, shape.fixed] = values
    both = (matrix + matrix.T) / 2
    mean = values.mean()
    own = (both.sum(axis=1) - (n - 1) * mean) / (n - 2)
    between = (n - 2) * (own**2).sum() / (n - 1)
    left = (both - own[:, None] - own[None, :] - mean)[np.triu_indices(n, 1)]
    within = (left**2).sum() / (n * (n - 3) / 2)
    variance = 4 * between / (n * (n - 2)) - 2 * within / ((n - 1) * (n - 2))
    laid = design(shape, whole(shape))
    found = laid.infer(values[:, None])
    assert laid.estimator == "components"
    assert found.estimate[0] == pytest.approx(mean)
    assert found.se[0] == pytest.approx(np.sqrt(variance))
    assert found.df[0] <= n - 1


def test_with_few_subjects_it_is_the_jackknife():
    n = 5
    shape = all_pairs(n)
    values = np.random.default_rng(1).normal(size=n * (n - 1))
    left = [values[(shape.moving != s) & (shape.fixed != s)].mean() for s in range(n)]
    laid = design(shape, whole(shape))
    jackknife = np.sqrt((n - 1) / n * ((np.array(left) - np.mean(left)) ** 2).sum())
    assert laid.estimator == "contributions"
    assert laid.infer(values[:, None]).se[0] == pytest.approx(jackknife)


@pytest.mark.parametrize(
    ("moving", "fixed", "one_sided", "what"),
    [
        (np.arange(8), np.arange(8), "", "subjects"),  # a rescan of each
        (np.arange(1, 9), np.zeros(8, int), "fixed", "moving subjects"),  # to one subject
        (np.arange(8), np.arange(8, 16), "", "couples of subjects"),  # no subject twice
    ],
)
def test_where_pairs_share_no_subject_it_is_the_t_test(
    moving: np.ndarray, fixed: np.ndarray, one_sided: str, what: str
):
    values = np.random.default_rng(0).normal(0.3, 1, 8)
    split = ["same subject"] * 8 if (moving == fixed).all() else None
    shape = crossing(moving, fixed, split, one_sided=one_sided)
    laid = design(shape, whole(shape))
    found = laid.infer(values[:, None])
    assert laid.what == what
    assert laid.holds_for == ("s0" if one_sided else None)
    assert found.se[0] == pytest.approx(stats.sem(values))
    kurtosis = 8 * (zscores := values - values.mean()).__pow__(4).sum() / (zscores**2).sum() ** 2
    assert found.df[0] == pytest.approx(7 / (1 + max(0, kurtosis - 21 / 9) / 2))


def test_order_of_pairs_and_a_constant_change_nothing():
    shape = all_pairs(12)
    values = np.random.default_rng(0).normal(size=(132, 1))
    mixed = np.random.default_rng(1).permutation(132)
    once = design(shape, whole(shape)).infer(values)
    moved = crossing(shape.moving[mixed], shape.fixed[mixed])
    again = design(moved, whole(moved)).infer(values[mixed] + 3)
    assert again.estimate == pytest.approx(once.estimate + 3)
    for name in ("se", "df", "skewness"):
        assert getattr(again, name) == pytest.approx(getattr(once, name))


def two_sequences(first: int, n: int) -> Crossing:
    moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
    names = np.where(np.arange(n) < first, "A", "B")
    return crossing(moving, fixed, [f"{names[m]} to {names[f]}" for m, f in zip(moving, fixed, strict=True)])


def test_directions_merged_hang_on_the_smaller_group():
    shape = two_sequences(3, 12)
    across = np.array([name in ("A to B", "B to A") for name in np.array(list(shape.splits))[shape.split]])
    laid = design(shape, across)
    assert (laid.told, laid.smallest, laid.n_subjects) == ("A 3, B 9", 3, 12)
    effect = np.where(np.arange(12) < 3, np.random.default_rng(0).normal(size=12), 0)
    values = effect[shape.moving] + effect[shape.fixed] + 1e-3 * np.random.default_rng(1).normal(size=132)
    found = laid.infer(values[:, None])
    # All that varies is three subjects, of whom every pair has one.
    assert found.se[0] == pytest.approx(stats.sem(effect[:3]), rel=0.01)
    assert found.df[0] <= 2


def test_a_group_below_three_is_left_out_where_there_are_others_and_refused_where_not():
    shape = two_sequences(1, 100)
    values = np.random.default_rng(0).normal(size=(9900, 1))
    laid = design(shape, whole(shape))
    assert (laid.left_out, laid.n_left_out, laid.refused) == ("A (1 subject)", 198, None)
    inside = (shape.moving > 0) & (shape.fixed > 0)
    alone = design(shape, inside)
    assert laid.infer(values).se == pytest.approx(alone.infer(values).se)
    assert laid.infer(values).estimate[0] == pytest.approx(values[inside].mean())
    refused = design(shape, ~inside)
    assert refused.refused == "1 subject of A takes part, at least 3 are needed for an interval"
    assert np.isnan(refused.infer(values).se[0])


def test_what_has_no_interval_says_why():
    for n, why in ((2, "2 subjects take part"), (3, None)):
        laid = design(shape := all_pairs(n), whole(shape))
        assert (laid.refused or "").startswith(why or "")
        assert bool(laid.refused) == bool(why)
        assert laid.refused_sizes is not None
    nothing = design(shape, ~whole(shape))
    assert nothing.refused == "no pair was scored in both arms"
    eight = design(shape := all_pairs(FEWEST_FOR_SIZES), whole(shape))
    assert eight.refused_sizes is None
    single = crossing(np.arange(6), (np.arange(6) + 1) % 6, [f"{a} to {a + 1}" for a in range(6)])
    assert design(single, whole(single)).refused is not None


@pytest.mark.parametrize("n", [4, 12])
@pytest.mark.parametrize("shape", DESIGNS[:6], ids=lambda shape: shape.name)
def test_coverage_in_short(shape: Design, n: int):
    # 1000 repeats know a coverage of 95 % to ± 1.4 %; the full check is below.
    found = coverage(shape, n, 1000)
    assert found.mean >= 91.5
    assert n < FEWEST_FOR_SIZES or found.d_z >= 91.5
    assert n < 10 or found.mean <= 98.9


@pytest.mark.parametrize("shape", merged(3, 12), ids=lambda shape: shape.name)
def test_coverage_of_three_subjects_and_nine(shape: Design):
    assert 93 <= coverage(shape, 12, 1000).mean <= 99.3


def test_three_subjects_that_alone_vary_among_many_are_not_sure_by_chance():
    # By Satterthwaite's formula alone it is 92.5 %.
    assert coverage(merged(3, 33)[3], 33, 2000, sizes=False).mean >= 94.4


@pytest.mark.parametrize("size", [0.3, 3.0, 8.0])
@pytest.mark.parametrize("n", [10, 20])
def test_intervals_of_effect_sizes_of_one_fixed_scan_cover(n: int, size: float):
    random = np.random.default_rng(0)
    crossing = Crossing(
        subjects=[str(i) for i in range(n + 1)],
        moving=np.arange(n),
        fixed=np.full(n, n),
        splits={"all": None},
        split=np.zeros(n, dtype=int),
        groups=["T1w"] * (n + 1),
        one_sided="fixed",
    )
    laid = design(crossing, np.ones(n, dtype=bool))
    assert laid.holds_for == str(n)
    scores = size + random.normal(size=(n, 2000))
    moved = np.stack([influences(np.zeros(n), column)[:, 0] for column in scores.T], axis=1)
    low, high = size_intervals(laid.infer(moved), scores.mean(axis=0) / scores.std(axis=0, ddof=1), 0.95)
    assert size < 3 or np.median(low) > 0.4 * size
    assert 0.93 <= np.mean((low <= size) & (size <= high)) <= 0.99


def test_noise_is_counted_once_where_pairs_are_few():
    n, shape = SPARSE[1]
    found = coverage(shape, n, 200, sizes=False)
    assert found.half == pytest.approx(1.96 / np.sqrt(5000), rel=0.1)
    assert found.mean > 90


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 12, 20, 50])
@pytest.mark.parametrize("shape", DESIGNS, ids=lambda shape: shape.name)
def test_coverage_in_full(shape: Design, n: int):
    found = coverage(shape, n, 4000, seed=1)
    assert 92.5 <= found.mean <= 98.9
    assert found.d_z >= 92.5


@pytest.mark.slow
@pytest.mark.parametrize("shape", [*merged(3, 12), *merged(5, 100)], ids=lambda shape: shape.name)
def test_coverage_of_groups_in_full(shape: Design):
    n = 100 if shape.first == 5 else 12
    assert 92.5 <= coverage(shape, n, 2000, seed=1, sizes=False).mean <= 98.9


@pytest.mark.slow
@pytest.mark.parametrize(("n", "shape"), SPARSE, ids=lambda shape: getattr(shape, "name", str(shape)))
def test_coverage_of_sparse_choices_in_full(n: int, shape: Design):
    assert 92.5 <= coverage(shape, n, 1000, seed=1, sizes=False).mean <= 97.5


def test_groups_that_are_only_ever_paired_with_each_other_one_to_one_are_not_told_apart():
    # Five couples of A and B, and one subject of B that has a second partner: the equations have no single solution.
    moving, fixed = np.array([0, 1, 2, 3, 4, 4]), np.array([5, 6, 7, 8, 9, 10])
    laid = design(shape := crossing(moving, fixed, ["A to B"] * 6), whole(crossing(moving, fixed)))
    values = np.random.default_rng(0).normal(size=6)
    found = laid.infer(values[:, None])
    assert laid.told == "A 5, B 6"
    assert len(shape.moving) == 6
    assert found.se[0] >= 0.9 * stats.sem(values)
    assert np.isfinite(found.df[0])


def test_couples_run_in_one_direction_or_the_other_are_one_group_less_a_mean_for_each_direction():
    n = 5
    one = np.arange(0, 2 * n, 2)
    moving, fixed = np.where(np.arange(n) < 3, one, one + 1), np.where(np.arange(n) < 3, one + 1, one)
    shape = crossing(moving, fixed, ["A to B"] * 3 + ["B to A"] * 2)
    laid = design(shape, whole(shape))
    assert (laid.what, laid.n_subjects, laid.told, laid.n_left_out) == ("couples of subjects", n, "5", 0)
    random = np.random.default_rng(0)
    values = random.normal(0.5, 1, (n, 2000)) + np.array([0, 0, 0, 1, 1])[:, None]
    found = laid.infer(values)
    assert np.median(found.df) == pytest.approx(n - 2)
    assert found.df.max() <= n - 2 + 1e-9
    low, high = found.interval(0.95)
    assert 0.935 <= np.mean((low <= 0.9) & (high >= 0.9)) <= 0.97
    both = crossing(np.r_[one, one + 1], np.r_[one + 1, one], ["A to B"] * n + ["B to A"] * n)
    assert (design(both, whole(both)).n_subjects, design(both, whole(both)).told) == (n, "5")
    assert design(both, whole(both)).refused_sizes.startswith("5 couples take part")


@pytest.mark.parametrize(("splits", "n"), [(None, 3), (None, 6), (("A to A", "B to A"), 12)])
def test_subjects_count_once_whichever_side_they_are_on(splits: tuple[str, str] | None, n: int):
    """Each couple once; and 3 + 9 subjects with one sequence as the only target: all of them take part."""
    if splits is None:
        shape = crossing(*np.nonzero(np.triu(np.ones((n, n)), 1)))
    else:
        moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
        kept = fixed >= 3
        of = [splits[int(m < 3)] for m in moving[kept]]
        shape = crossing(moving[kept], fixed[kept], of)
    laid = design(shape, whole(shape))
    assert (laid.n_subjects, laid.what) == (n, "subjects")
    assert laid.n_subjects == laid.sizes.sum()


def test_what_is_left_without_each_subject_is_near_t():
    """So near that the subject without whom a mean is least sure is found."""
    for seed in range(5):
        shape, random = all_pairs(14), np.random.default_rng(seed)
        effect = random.normal(0.4, 1, (2, 14))
        values = effect[0][shape.moving] + effect[1][shape.fixed] + random.normal(size=14 * 13)
        laid = design(shape, whole(shape))
        found = laid.leave_each_out(values, shape.moving, shape.fixed, 14)
        rest = [design(shape, (shape.moving != i) & (shape.fixed != i)).infer(values[:, None]) for i in range(14)]
        exact = np.array([r.estimate[0] / r.se[0] for r in rest])
        assert found == pytest.approx(exact, rel=0.25)
        assert np.corrcoef(found, exact)[0, 1] > 0.97
