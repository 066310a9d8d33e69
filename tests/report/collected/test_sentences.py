"""What the page says of several experiments, and what it does not say."""

from __future__ import annotations

import re

import pytest

from lumirage_bids.report.collected.sentences import apart_sentence, tell_single, verdict_together
from lumirage_bids.report.collected.summing import sum_up
from tests.report.collected.runs import scores, sent
from tests.report.situations import fail, of, some

CLAIM = re.compile(r"is above|by less than|turns|same order")


def told(*experiments, group="manual"):
    return verdict_together(sum_up(list(experiments)))[group]


def many(gains, **more):
    return [sent(scores(seed, gain=gain, **more), dataset=f"D{seed}") for seed, gain in enumerate(gains)]


def test_two_datasets_are_told_side_by_side():
    (sentence,) = told(*many([0.03, 0.03]))
    assert not CLAIM.search(sentence)
    assert "cannot be told from 2 datasets (3 at least)" in sentence
    assert len(re.findall(r"D\d \(\d\): \+0\.0\d\d \(0\.\d+ to 0\.\d+\)", sentence)) == 2


def test_an_order_on_average_has_an_interval_and_its_spread():
    (sentence,) = told(*many([0.03, 0.04, 0.03, 0.035, 0.03]))
    assert sentence.startswith("On average over datasets like these, syn is above greedy: syn − greedy +0.03")
    assert re.search(r"mean over 5 datasets \(95 % interval 0\.\d+ to 0\.\d+; p (=|<) 0\.\d+ after Holm's", sentence)
    assert re.search(
        r"standard deviation τ of 0\.\d+, 95 % interval 0\.\d+ to 0\.\d+ \(I² \d+ %, \d+ to \d+:", sentence
    )
    assert sentence.endswith("(95 % prediction interval): with the same order.")


def test_an_order_that_may_be_otherwise_in_the_next_dataset_is_said_to():
    (sentence,) = told(*many([0.01, 0.09, 0.04, 0.02, 0.08]))
    assert sentence.endswith("the other order is not excluded.")


def test_four_datasets_do_not_tell_of_a_further_one():
    (sentence,) = told(*many([0.03] * 4))
    assert sentence.endswith("What a further dataset would show is not told from fewer than 5.")


def test_equal_methods_have_no_order():
    (sentence,) = told(*many([0.0] * 5, subjects=12))
    assert "syn is above" not in sentence
    assert "greedy is above" not in sentence


def test_orders_that_turn_are_named():
    (sentence,) = told(*many([0.04, -0.04]))
    assert "The order turns: syn is above greedy for certain in D0 (1), and below it in D1 (2)." in sentence


def test_what_does_not_count_is_named_with_the_reason():
    lacking = fail(scores(9), of(scores(9), "syn") & some(scores(9), 0.4))
    (sentence,) = told(*many([0.03] * 3), sent(lacking, dataset="L"))
    assert "Not counted: L (4) (syn is set aside there for lacking pairs)." in sentence


def test_methods_that_ran_in_some_experiments_only_are_named():
    methods = {"identity": 0.45, "greedy": 0.6, "syn": 0.63, "vfa": 0.5}
    sentences = told(*many([0.03] * 3), sent(scores(7, methods=methods), dataset="V"))
    assert "vfa ran in 1 of 4 experiments only: V (4)." in sentences


def test_a_method_that_ran_everywhere_under_other_parameters_is_not_said_to_be_missing():
    sentences = told(*many([0.03] * 2), sent(scores(7), dataset="V", changes={"method@syn": {"step": 0.5}}))
    assert not [s for s in sentences if "experiments only" in s]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            {"changes": {"method@syn": {"step": 0.5}}},
            "syn is not one thing in all experiments, and is shown apart: [A] in ",
        ),
        ({"labelled": {"maker": "synthseg"}}, "Label set manual is not one in all experiments, and is shown apart: "),
    ],
)
def test_what_is_apart_is_told_with_the_reason(more, what):
    summed = sum_up([*many([0.03]), sent(scores(7), dataset="V", **more)])
    (apart,) = summed.comparable.apart
    sentence = apart_sentence(apart, summed)
    assert sentence.startswith(what)
    assert f"[B] in V (2): {apart.reasons[0]}." in sentence


def test_one_protocol_more_on_a_dataset_is_told_by_its_name():
    first = sent(scores(1), dataset="A", protocol="nimh-t1w")
    (sentence,) = told(first, sent(scores(2), dataset="A", name="again", protocol="nimh-ood"))
    assert "from 1 dataset (3 at least)" in sentence
    assert "A, nimh-t1w (1): " in sentence
    assert "A, nimh-ood (2): " in sentence


def test_a_label_set_of_one_experiment_is_said_to_stand_by_itself():
    summed = sum_up([*many([0.03, 0.03]), sent(scores(7, labellings=("other",)), dataset="V")])
    assert tell_single(summed)[0].endswith("By itself: other (V (3)).")
    assert tell_single(sum_up(many([0.03]))) == []


def test_of_too_few_subjects_the_reason_is_told_where_nothing_is_summed_up():
    (sentence,) = told(*many([0.03] * 3, subjects=3))
    assert "from 0 datasets with an interval that counts" in sentence
    assert "Not counted: D0 (1) (its error is known too poorly (2 degrees of freedom, 3 at least))" in sentence


def test_of_too_few_subjects_it_is_said_why_a_verdict_stands_all_the_same():
    (sentence,) = told(*many([0.03] * 3, subjects=3))
    assert "its own verdict stands, as its interval is as wide as they make it." in sentence
    lacking = fail(scores(9), of(scores(9), "syn") & some(scores(9), 0.4))
    (other,) = told(*many([0.03] * 3), sent(lacking, dataset="L"))
    assert "its own verdict stands" not in other


def test_two_experiments_of_one_dataset_name_are_said_to_count_as_one():
    summed = sum_up([sent(scores(1), dataset="A"), sent(scores(2), dataset="A", name="site 2")])
    (apart,) = summed.comparable.apart
    assert "A, default (1) and A, default (2) have one dataset name, A" in apart_sentence(apart, summed)
