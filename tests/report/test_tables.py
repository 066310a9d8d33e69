from __future__ import annotations

import pytest

from lumirage_bids.report.tables import (
    Table,
    comparison_table,
    structure_difference_table,
    structure_table,
    summary_table,
)
from lumirage_bids.stats.comparisons import compare
from lumirage_bids.stats.structures import structure_differences
from lumirage_bids.stats.summaries import per_structure, summarise
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")
GAINS = {"identity": 0.0, "greedy": 0.2, "syn": 0.22}


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def cells(table: Table, title: str) -> list[str]:
    place = titles(table).index(title)
    return [row[place].text for row in table.rows]


def test_comparisons_show_the_bootstrap_before_the_tests_of_independent_pairs():
    pairs, _ = score_table(subjects=12, kinds=("T1w",), gains=GAINS)
    table = comparison_table(compare(pairs))
    groups = [group for group, _ in table.groups if group]
    assert groups == ["Difference in mean Dice", "Effect size", "Failed pairs scored 0", "Pairs treated as independent"]
    assert cells(table, "Comparison")[:3] == ["greedy − identity", "syn − identity", "syn − greedy"]
    assert cells(table, "Subjects") == ["12"] * len(table.rows)
    assert "p within ± 0.01 (Holm)" in titles(table)
    assert "Why no interval" not in titles(table)
    assert " to +0.2" in cells(table, "95 % interval")[0]


def test_refused_intervals_show_the_reason():
    pairs, _ = score_table(subjects=2, kinds=("T1w",), gains=GAINS)
    table = comparison_table(compare(pairs))
    assert set(cells(table, "95 % interval")) == {"–"}
    assert all(reason.startswith("2 subjects take part") for reason in cells(table, "Why no interval"))


def test_the_summary_shows_failures_of_every_kind():
    pairs, _ = score_table(gains={"identity": 0.0, "syn": -0.3}, failing=0.2)
    table = summary_table(summarise(pairs))
    place = [cells(table, "Method"), cells(table, "Class of pairs")]
    row = list(zip(*place, strict=True)).index(("syn", "all"))
    scored = int(cells(table, "Pairs")[row]) - int(cells(table, "Failed")[row])
    assert cells(table, "Below initial")[row] == str(scored)
    assert cells(table, "Any failure, %")[row] == "100"


@pytest.mark.parametrize(("subjects", "known"), [(12, True), (2, False)])
def test_structures_have_an_interval_each_where_there_are_subjects_enough(subjects: int, known: bool):
    _, wide = score_table(subjects=subjects, kinds=("T1w",), gains=GAINS)
    table = structure_table(per_structure(wide, {}), "braincolor", "t")
    assert titles(table).count("Mean Dice") == 3
    assert titles(table).count("95 % interval") == (3 if known else 0)
    assert [group for group, _ in table.groups] == ["", *GAINS]


def test_the_structures_of_a_difference_come_in_the_order_of_their_part():
    _, wide = score_table(subjects=12, kinds=("T1w",), gains=GAINS, structures=6)
    wide["braincolor"]["dice_5"] += 0.3 * (wide["braincolor"]["method"] == "syn")
    differences = structure_differences(wide, {"braincolor": {5: "Left-Putamen"}})
    table = structure_difference_table(differences, "braincolor", "t", most=2)
    assert cells(table, "Rank") == ["1", "2"] * 3
    places = [i for i, name in enumerate(cells(table, "Comparison")) if name == "syn − greedy"]
    assert cells(table, "Structure")[places[0]] == "Left-Putamen"
