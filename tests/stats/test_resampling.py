from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.stats.resampling import draw_subjects

pytestmark = pytest.mark.filterwarnings("error")


def all_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero(~np.eye(n, dtype=bool))


def test_a_pair_weighs_the_product_of_its_subjects_draws_and_a_rescan_its_subjects_draw():
    moving, fixed = np.array(["a", "a", "b", "c"]), np.array(["b", "c", "a", "c"])
    drawn = draw_subjects(moving, fixed, resamples=50)
    names = ["a", "b", "c"]
    got = drawn.sums(np.eye(4))
    assert drawn.weights[:3, 1:].sum(axis=0).tolist() == [3] * 50
    for resample, weights in enumerate(got):
        w = dict(zip(names, drawn.weights[:, resample], strict=False))
        assert weights.tolist() == [w["a"] * w["b"], w["a"] * w["c"], w["b"] * w["a"], w["c"]]
    assert got[0].tolist() == [1, 1, 1, 1]


def test_disjoint_sides_are_drawn_apart_and_a_single_subject_is_kept():
    drawn = draw_subjects(["a", "b", "b"], ["x", "x", "y"], resamples=200)
    assert drawn.what == "moving and fixed subjects"
    assert (drawn.weights[:2].sum(axis=0) == 2).all()
    assert (drawn.weights[2:4].sum(axis=0) == 2).all()
    assert not (drawn.weights[0] == drawn.weights[2]).all()
    atlas = draw_subjects(["a", "b", "c"], ["x", "x", "x"])
    assert (atlas.what, atlas.subjects(np.ones(3, bool))) == ("moving subjects", 3)
    assert draw_subjects(["a"], ["x"]).subjects(np.ones(1, bool)) == 1


def test_the_side_with_fewer_subjects_counts():
    moving, fixed = all_pairs(12)
    drawn = draw_subjects(moving, fixed)
    assert drawn.subjects(np.ones(len(moving), bool)) == 12
    assert drawn.subjects(moving < 3) == 3
    assert drawn.subjects(np.zeros(len(moving), bool)) == 0


def test_order_does_not_matter_and_the_seed_does():
    moving, fixed = all_pairs(15)
    values = np.random.default_rng(0).normal(size=(len(moving), 2))
    mixed = np.random.default_rng(1).permutation(len(moving))
    once = draw_subjects(moving, fixed).sums(values)
    again = draw_subjects(moving[mixed], fixed[mixed]).sums(values[mixed])
    other = draw_subjects(moving, fixed, seed=1).sums(values)
    assert once == pytest.approx(again)
    assert once[1:] != pytest.approx(other[1:])


def test_missing_values_are_left_out_of_means():
    moving, fixed = all_pairs(4)
    values = np.arange(12.0)[:, None].repeat(2, axis=1)
    values[3:, 1] = np.nan
    means = draw_subjects(moving, fixed, resamples=10).means(values)
    assert means[0].tolist() == [5.5, 1.0]


def test_couples_without_a_subject_in_common_are_drawn_as_one():
    n = 12
    drawn = draw_subjects(np.arange(n), np.arange(n) + n, resamples=4000)
    assert drawn.what == "couples of subjects"
    assert drawn.subjects(np.ones(n, dtype=bool)) == n
    values = np.random.default_rng(0).normal(size=(n, 1))
    means = drawn.means(values)[1:]
    assert means.std() == pytest.approx(values.std() / np.sqrt(n), rel=0.06)
