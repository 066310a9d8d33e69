"""Multi-atlas labels and transitivity as the page has them."""

from __future__ import annotations

from lumirage_bids.report.downstream_tables import atlas_tables, transitivity_tables
from lumirage_bids.stats.downstream import compare_downstream, sum_up_downstream
from tests.stats.made_up import downstream_scores


def test_each_arm_has_a_row_and_every_two_a_comparison() -> None:
    found = downstream_scores(5)
    summed, compared = sum_up_downstream(found), compare_downstream(found)
    atlases, comparisons = atlas_tables(summed, compared)
    rows = [[cell.text for cell in row] for row in atlases.rows]
    titles = [column.title for column in atlases.columns]
    assert titles[:4] == ["Method", "Labelling", "Fused by", "Scans"]
    assert [row[:4] for row in rows] == [
        [method, "braincolor", way, "5"]
        for way in ("majority vote", "STAPLE")
        for method in ("identity", "greedy", "syn")
    ]
    assert len(comparisons.rows) == 2 * 3
    whole, between = transitivity_tables(summed, compared)
    assert [row[0].text for row in whole.rows] == ["identity", "greedy", "syn"]
    assert whole.rows[0][-1].text == "0.00 to 0.00"
    assert [row[0].text for row in between.rows] == ["syn − greedy"]


def test_where_nothing_was_found_out_there_is_no_table() -> None:
    nothing = downstream_scores(0)
    tables = sum_up_downstream(nothing), compare_downstream(nothing)
    assert atlas_tables(*tables) == transitivity_tables(*tables) == []
