"""What every statistic must do, for all that are found."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.group_figures import SECTIONS
from lumirage_bids.stats.ladders import Rung
from lumirage_bids.stats.tables import Scores, make, statistics
from tests.stats.made_up import downstream_scores, landmark_scores, score_table

NAMES = list(statistics())


def scores() -> Scores:
    pairs, structures = score_table(variants=("base", "noisy"))
    rungs = {"noisy": Rung(kind="noise", size=0.1, unit="of the brain's intensity range", base="base", ladder="base")}
    landmarks, downstream = landmark_scores(pairs), downstream_scores(5)
    return Scores(pairs=pairs, structures=structures, landmarks=landmarks, rungs=rungs, downstream=downstream)


@pytest.fixture(scope="module")
def made() -> dict[str, pd.DataFrame]:
    return make(scores())


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_defined(name: str, made: dict[str, pd.DataFrame]) -> None:
    kind = statistics()[name]
    assert kind.name == name
    assert list(made[name].columns) == list(kind.columns)
    assert all(entry["Description"] for entry in kind.columns.values())
    assert set(kind.needs) <= set(NAMES)
    assert (kind.section in SECTIONS and kind.caption) if kind.section else not kind.caption


@pytest.mark.parametrize("name", NAMES)
def test_without_any_pair_the_table_is_empty(name: str) -> None:
    pairs, _ = score_table()
    table = make(Scores(pairs=pairs.head(0)))[name]
    assert list(table.columns) == list(statistics()[name].columns)
    assert table.empty


def test_a_table_is_the_same_again_and_the_scores_stay(made: dict[str, pd.DataFrame]) -> None:
    given = scores()
    again = make(given)
    for name in NAMES:
        pd.testing.assert_frame_equal(again[name], made[name])
    pd.testing.assert_frame_equal(given.pairs, scores().pairs)


def test_what_only_a_run_knows_is_left_out_without_one() -> None:
    assert set(make(scores(), of_runs=False)) == {n for n, kind in statistics().items() if not kind.of_runs}


def test_intervals_of_structures_are_of_the_level_that_was_declared_and_surfaces_of_their_own_values() -> None:
    given = scores()
    surfaces = {
        name: of.rename(columns={c: c.replace("dice_", "hd95_mm_") for c in of.columns if c.startswith("dice_")})
        for name, of in given.structures.items()
    }
    width = {}
    for confidence in (0.95, 0.5):
        made = make(replace(given, surfaces=surfaces, criteria=Criteria(confidence=confidence)))
        width[confidence] = made["structures"]["ci_high"] - made["structures"]["ci_low"]
        pd.testing.assert_series_equal(made["surfaces"]["mean"], made["structures"]["mean"])
    assert (width[0.5] < 0.6 * width[0.95]).all()
