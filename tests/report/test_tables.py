from __future__ import annotations

import pytest

from lumirage_bids.report.tables import (
    Table,
    comparison_table,
    structure_difference_table,
    structure_table,
    summary_table,
)
from lumirage_bids.stats.classes import merge_same_pairs
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
    groups = [group for group, _, _ in table.groups if group]
    families = ["Difference in mean Dice", "Effect size", "Failed pairs scored 0", "Pairs treated as independent"]
    assert list(dict.fromkeys(groups)) == families
    names = list(dict.fromkeys(cells(table, "Comparison")))
    assert names == ["syn − greedy", "greedy − identity", "syn − identity"]
    shown = [column.title for column in table.columns if not column.folded]
    assert {"Mean", "95 % interval", "p (Holm)", "d_z"} <= set(shown)
    assert not {"t", "p (t)", "Hedges’ g"} & set(shown)
    assert cells(table, "Subjects") == ["12"] * len(table.rows)
    assert "p within ± 0.01 (Holm)" in titles(table)
    assert "Why no interval" not in titles(table)
    assert " to +0.0" in cells(table, "95 % interval")[0]


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


@pytest.mark.parametrize(("pairs_each", "trimmed"), [(12, False), (20, True)])
def test_what_repeats_another_column_is_left_out_and_what_tells_nothing_is_folded(pairs_each: int, trimmed: bool):
    pairs, _ = score_table(kinds=("T1w",), gains={"identity": 0.0, "syn": 0.3}, subjects=6)
    rows = pairs.groupby("method").head(pairs_each)
    table = summary_table(merge_same_pairs(summarise(rows), rows))
    assert len(table.rows) == 2  # the only split holds the pairs of all
    assert [group for group, _, _ in table.groups].count("Dice, lowest 5 % left out") == trimmed
    assert "Mean, failed as 0" not in titles(table)
    folded = {column.title for column in table.columns if column.folded}
    assert {"Class of pairs", "Failed", "Below initial", "Quartiles"} <= folded
    assert not {"Mean", "Folding, %", "Time, s", "Memory, GB"} & {
        column.title for column in table.columns if column.folded and "5 %" not in column.group
    }


@pytest.mark.parametrize(("subjects", "known"), [(12, True), (2, False)])
def test_structures_have_an_interval_each_where_there_are_subjects_enough(subjects: int, known: bool):
    _, wide = score_table(subjects=subjects, kinds=("T1w",), gains=GAINS)
    table = structure_table(per_structure(wide, {}), "braincolor", "t")
    assert titles(table).count("Mean Dice") == 3
    assert titles(table).count("95 % interval") == (3 if known else 0)
    assert [group for group, _, _ in table.groups] == ["", *GAINS]


def test_the_structures_of_a_difference_come_in_the_order_of_their_part():
    _, wide = score_table(subjects=12, kinds=("T1w",), gains=GAINS, structures=6)
    wide["braincolor"]["dice_5"] += 0.3 * (wide["braincolor"]["method"] == "syn")
    differences = structure_differences(wide, {"braincolor": {5: "Left-Putamen"}})
    table = structure_difference_table(differences, "braincolor", "t", most=2)
    assert cells(table, "Rank") == ["1", "2"] * 3
    places = [i for i, name in enumerate(cells(table, "Comparison")) if name == "syn − greedy"]
    assert cells(table, "Structure")[places[0]] == "Left-Putamen"
