"""Score tables to statistics, and what of them is written to a folder: for the page and for ``lumirage judge``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import cast

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.measures import have_values
from lumirage_bids.output.folder import Output
from lumirage_bids.output.score_table import structure_index
from lumirage_bids.report.text import Wording, wording
from lumirage_bids.report.verdict.scene import certain_rows
from lumirage_bids.report.verdict.verdict import Known, Tables, Verdict, judge
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.score import DICE, Score, known_score
from lumirage_bids.stats.tables import Scores, make, statistics

_LANDMARKS = "tre_mm"


def score_tables(
    pairs: pd.DataFrame,
    structures: Mapping[str, pd.DataFrame] | None = None,
    luts: Mapping[str, Mapping[int, str]] | None = None,
    *,
    criteria: Criteria,
    score: Score = DICE,
    unranked: Collection[str] = FLOORS,
) -> Tables:
    """Sum up, compare, rank and test a table of scores.

    Parameters
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair.
    structures : mapping of str to DataFrame, optional
        Labelling → a row per variant × method × pair, a column ``dice_<index>`` per structure; by default the
        columns of that kind that `pairs` has.
    luts : mapping, optional
        Labelling → index → name.
    criteria : Criteria
    score : Score
        What is scored.
    unranked : collection of str
        Methods that are no competitors.
    """
    wide = _structures(pairs) if structures is None else structures
    scores = Scores(pairs=pairs, structures=wide, luts=luts or {}, criteria=criteria, score=score, unranked=unranked)
    return tables_of(scores, of_runs=False)


def judge_run(tables: Tables, criteria: Criteria, known: Known) -> list[Verdict]:
    """The verdicts of a run; where no labels can tell which method is better, the first one goes on by landmarks."""
    found, pairs = judge(tables, criteria, known=known), tables.pairs
    if not found or not all(known.withheld.get(v.labelling) for v in found) or not have_values([_LANDMARKS], pairs):
        return found
    score, margin = cast("tuple[Score, float]", known_score(_LANDMARKS))
    own = replace(criteria, margin=margin)
    words = wording(_LANDMARKS, higher_is_better=False, margin=margin, worst=None)
    of = pairs[pairs["labelling"] == found[0].labelling]
    made = score_tables(of, {}, criteria=own, score=score, unranked=known.unranked)
    told = judge(made, own, words, replace(known, caveats={}, agreements={}), score)[0]
    first = replace(
        found[0],
        headline=f"{found[0].headline} By landmarks, which no labels bear on: {told.headline}",
        sentences=(*found[0].sentences, *told.sentences),
    )
    return [first, *found[1:]]


def tables_of(scores: Scores, *, of_runs: bool) -> Tables:
    """Make every statistic, with `of_runs` also those that take what only a run knows."""

    def certain(comparisons: pd.DataFrame) -> pd.DataFrame:
        return certain_rows(comparisons, scores.pairs, scores.criteria, scores.score)

    made = make(replace(scores, judge=certain), of_runs=of_runs)
    named = {f.name: made[f.name] for f in fields(Tables) if f.name in made}
    return Tables(pairs=scores.pairs, made=made, **named)


def _structures(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if not any(structure_index(column) is not None for column in pairs.columns):
        return {}
    return {str(name): rows for name, rows in pairs.groupby("labelling", sort=False)}


def write_out(output: Output, tables: Tables, words: Wording, score: Score, verdict: str) -> None:
    """Write the verdict, the tables with their dictionaries, and figures.

    Raises
    ------
    CannotWriteError
        The folder cannot be written.
    """
    output.write_text("verdict.txt", verdict + "\n")
    for name, table in tables.made.items():
        if len(table):
            output.write_table(f"{name}.tsv", table, _reword(statistics()[name].columns, words))
    # Figures draw Dice, or what stands in its place.
    shown = tables.pairs.assign(**{DICE.column: tables.pairs[score.column]})
    _draw(output, replace(tables, pairs=shown), words)


def _reword(columns: Mapping[str, Mapping[str, str]], words: Wording) -> dict[str, dict[str, str]]:
    """A data dictionary that speaks of the score that was judged, in its unit."""
    if words.noun == "Dice":
        return {name: dict(entry) for name, entry in columns.items()}
    return {
        name: {
            key: text.replace("mean Dice", words.noun).replace("Dice", words.noun)
            for key, text in entry.items()
            if not (key == "Units" and text.startswith("1"))
        }
        for name, entry in columns.items()
    }


def _draw(output: Output, tables: Tables, words: Wording) -> None:
    # Matplotlib, which most who ask for a verdict do not wait for.
    from lumirage_bids.report.figure_files import save_figure
    from lumirage_bids.report.group_figures import Pictures, Shown, draw_judged

    shown = Shown(tables=tables, audit=None, pictures=Pictures(), parameters={}, known=Known(), words=words)
    for name, figure in draw_judged(shown):
        save_figure(figure, output, f"figures/{name}")
