"""Several experiments as tables of a page."""

from __future__ import annotations

import pytest

from lumirage_bids.report.collected.columns import EXPERIMENTS
from lumirage_bids.report.collected.summing import sum_up
from lumirage_bids.report.collected.tables import (
    couple_table,
    experiment_table,
    experiments,
    method_table,
    together_table,
)
from tests.report.collected.runs import scores, sent
from tests.report.situations import fail, of


@pytest.fixture(scope="module")
def summed():
    methods = {"identity": 0.45, "greedy": 0.6, "syn": 0.63, "vfa": 0.5}
    last = scores(3, methods=methods)
    return sum_up(
        [
            *(sent(scores(seed), dataset=f"D{seed}") for seed in range(3)),
            sent(fail(last, of(last, "vfa")), dataset="V", frozen={"digest": "a" * 64, "followed": False}),
        ]
    )


def texts(table, column):
    place = [c.key for c in table.columns].index(column)
    return [row[place].text for row in table.rows]


def test_each_experiment_is_described(summed):
    table = experiments(summed)
    assert list(table.columns) == list(EXPERIMENTS)
    assert list(table["experiment"]) == [1, 2, 3, 4]
    assert list(table["n_pairs"]) == [56] * 4
    assert list(table["n_subjects"]) == [8] * 4
    assert table["n_failed"].iloc[3] == 56
    assert texts(experiment_table(table), "told")[3] == "aaaaaaaaaaaa… not followed"


def test_methods_by_experiments_have_intervals_and_gaps(summed):
    table = method_table(summed)
    assert texts(table, "method") == ["identity", "greedy", "syn", "vfa"]
    gains = texts(table, "D0 (1): manual/gain")
    assert gains[0] == "–"
    assert gains[1].startswith("+0.1")
    assert " to +0." in gains[1]
    assert gains[3] == "–"
    assert texts(table, "V (4): manual/gain")[3].endswith("(set aside)")


def test_every_two_methods_have_what_the_tests_say(summed):
    table = couple_table(summed)
    row = dict(zip(texts(table, "names"), texts(table, "D0 (1): manual"), strict=True))
    assert row["syn − greedy"].endswith("; certain")
    assert "vfa − greedy" not in row  # no pair of it was scored
    assert [cell.split("; ")[1] for cell in texts(table, "V (4): manual")] == ["certain"] * 3


def test_means_over_datasets_stand_with_their_spread(summed):
    table = together_table(summed)
    place = texts(table, "names").index("syn − greedy")
    assert texts(table, "n_datasets")[place] == "4"
    assert " to " in texts(table, "ci")[place]
    assert " to " in texts(table, "i2_span")[place]
    assert texts(table, "further")[place] == "–"
