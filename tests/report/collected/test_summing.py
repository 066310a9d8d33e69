"""From experiments to what they say together."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.report.collected.columns import ARMS_OF_PAGE, COUPLES, KINDS, TOGETHER
from lumirage_bids.report.collected.summing import sum_up
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.random_effects import TOGETHER_COLUMNS, combine
from tests.report.collected.runs import scores, sent
from tests.report.situations import fail, of, some


def of_syn(table, **more):
    rows = table[(table["method_a"] == "greedy") & (table["method_b"] == "syn")]
    for column, value in more.items():
        rows = rows[rows[column] == value]
    return rows


def test_the_mean_over_datasets_is_that_of_their_differences():
    summed = sum_up([sent(scores(seed), dataset=str(seed)) for seed in range(4)])
    (row,) = of_syn(summed.together).to_dict("records")
    own = of_syn(summed.couples)
    wanted = combine(own["mean_difference"], own["se"])
    assert (row["n_experiments"], row["n_datasets"], row["mean_difference"]) == (4, 4, wanted.mean)
    assert row["p_holm"] >= row["p"]
    assert set(summed.couples["finding"]) <= set(KINDS)


def test_everything_that_is_told_is_explained():
    summed = sum_up([sent(scores(seed), dataset=str(seed)) for seed in range(2)])
    assert set(COUPLES) <= set(summed.couples)
    assert set(ARMS_OF_PAGE) <= set(summed.arms)
    assert set(TOGETHER) == {*TOGETHER_COLUMNS, "p_holm", "p_equivalence_holm"} <= set(summed.together)


def test_the_order_of_the_methods_in_a_table_turns_no_difference():
    first, second = scores(1), scores(2)
    turned = second.sort_values("method", key=lambda m: m.map({"identity": 0, "syn": 1, "greedy": 2}), kind="stable")
    straight = sum_up([sent(first, dataset="A"), sent(second, dataset="B")]).couples
    crossed = sum_up([sent(first, dataset="A"), sent(turned, dataset="B")]).couples
    for column in ("mean_difference", "ci_low", "ci_high", "p", "d_z"):
        np.testing.assert_allclose(of_syn(straight)[column].astype(float), of_syn(crossed)[column].astype(float))
    assert list(of_syn(crossed)["ahead"]) == ["b", "b"]


def test_what_is_certain_alone_may_not_be_among_many():
    weak = scores(3, gain=0.012, subjects=5)
    alone = sum_up([sent(weak, dataset="A")])
    many = sum_up([sent(weak, dataset="A"), *(sent(scores(s, gain=0.0, subjects=5), dataset=str(s)) for s in range(4))])
    one, other = (of_syn(summed.couples, experiment=0)["p_holm"].item() for summed in (alone, many))
    assert other > one == pytest.approx(compare(weak)["p_holm"].iloc[2])
    (verdict,) = many.verdicts[0]
    (relation,) = (r for r in verdict.relations if r.names() == {"greedy", "syn"})
    assert relation.row["p_holm"] == other


def test_arms_set_aside_few_subjects_and_labels_from_intensities_do_not_count():
    lacking = fail(scores(2), of(scores(2), "syn") & some(scores(2), 0.4))
    summed = sum_up(
        [
            sent(scores(1), dataset="A"),
            sent(lacking, dataset="B"),
            sent(scores(3, subjects=3), dataset="C"),
            sent(scores(4), dataset="D", labelled={"withheld": "from intensities"}),
        ]
    )
    why = list(of_syn(summed.couples)["why_not"].fillna(""))
    assert why[0] == ""
    assert why[1] == "syn is set aside there for lacking pairs"
    assert "known too poorly" in why[2]
    assert why[3] == "its labels were made from the registered intensities"
    (row,) = of_syn(summed.together).to_dict("records")
    assert (row["n_experiments"], row["n_datasets"], row["n_aside"]) == (3, 1, 2)


def test_other_label_sets_and_other_parameters_are_not_summed_up():
    summed = sum_up(
        [
            sent(scores(1), dataset="A"),
            sent(scores(2, labellings=("other",)), dataset="B"),
            sent(scores(3), dataset="C", changes={"method@syn": {"step": 0.5}}),
        ]
    )
    pooled = summed.together[["group", "method_a", "method_b", "n_experiments"]].to_numpy().tolist()
    assert ["manual", "identity", "greedy", 2] in pooled
    assert ["manual", "greedy", "syn [A]", 1] in pooled
    assert ["manual", "greedy", "syn [B]", 1] in pooled
    assert ["other", "greedy", "syn [A]", 1] in pooled


def test_further_measures_are_a_family_of_their_own_over_all_experiments():
    made = []
    for seed in range(2):
        pairs = scores(seed)
        made.append(sent(pairs.assign(hd95_mm=6 - 4 * pairs["dice_mean"]), dataset=str(seed)))
    summed = sum_up(made)
    own = made[0].tables.further_comparisons
    told = [r.row for v in summed.verdicts[0] for r in v.relations]
    assert len(told) == 3
    assert (own["p_holm"] > 0).all()
    assert any("HD95" in s for v in summed.verdicts[0] for s in (v.headline, *v.sentences))
