"""The outcome in words, made from the numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lumirage_bids import measures
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.report.text import Wording, compared_where
from lumirage_bids.report.verdict.headline import headline
from lumirage_bids.report.verdict.relations import Relation
from lumirage_bids.report.verdict.scene import LabelAgreement, Scene, Standing, find_unscored, relate, standings
from lumirage_bids.report.verdict.sentences import sentences
from lumirage_bids.stats.classes import (
    ALL,
    DIFFERENT_SUBJECTS,
    FLOOR,
    Arm,
    arm_labels,
    arms_of,
    evaluations_of,
    grids_of,
    primary_class,
    quote,
    rows_of_class,
    select,
)
from lumirage_bids.stats.score import DICE, Score, known_score


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a verdict is made from.

    Attributes
    ----------
    pairs : DataFrame
        The score table.
    summary, comparisons, ranking, interactions : DataFrame
        What `lumirage_bids.stats` makes of it.
    structure_differences : DataFrame
        Empty where no structures are known.
    made : mapping of str to DataFrame
        Every statistic by its name, those above too.
    further_comparisons : DataFrame
        Those by every other measure; empty where no other was taken.
    """

    pairs: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    ranking: pd.DataFrame
    interactions: pd.DataFrame
    structure_differences: pd.DataFrame
    made: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    further_comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known besides scores, and bounds what they can say.

    Attributes
    ----------
    withheld : mapping of str to str
        Labelling → why there is no verdict on it.
    caveats : mapping of str to str
        Labelling → what stands behind its headline.
    agreements : mapping of str to sequence of LabelAgreement
        Labelling → how well its label maps agree with others of the same scans.
    unranked : sequence of str
        Methods that are no competitors.
    planned : int or None
        Pairs that were to be done; None where nobody knows.
    """

    withheld: Mapping[str, str] = field(default_factory=dict)
    caveats: Mapping[str, str] = field(default_factory=dict)
    agreements: Mapping[str, Sequence[LabelAgreement]] = field(default_factory=dict)
    unranked: Sequence[str] = (FLOOR,)
    planned: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the numbers of one labelling say, under one evaluation.

    Attributes
    ----------
    labelling : str
    pairs : str
        The class of pairs it is about, in words.
    evaluation : str
        Where label maps were compared, in words; empty where all are on the fixed scan's native grid.
    headline : str
        What lacks pairs, and who leads.
    sentences : tuple of str
        The rest.
    standings : tuple of Standing
    relations : tuple of Relation
        What the sentences are made from.
    """

    labelling: str
    pairs: str
    evaluation: str
    headline: str
    sentences: tuple[str, ...]
    standings: tuple[Standing, ...]
    relations: tuple[Relation, ...]


def judge(
    tables: Tables,
    criteria: Criteria | None = None,
    words: Wording | None = None,
    known: Known | None = None,
    score: Score = DICE,
) -> list[Verdict]:
    """Say which methods differ, by how much, in which class of pairs and how surely.

    There is one verdict for each labelling and evaluation: a score on another grid is another quantity.

    Parameters
    ----------
    tables : Tables
    criteria : Criteria, optional
    words : Wording, optional
    known : Known, optional
    score : Score
        What is judged.

    Returns
    -------
    list of Verdict
        In the order of the labellings.
    """
    criteria, words, known = criteria or Criteria(), words or Wording(), known or Known()
    plain = evaluations_of(tables.summary) == ["native"] if len(tables.summary) else True
    found = []
    for scene in _scenes(tables, criteria, words, known, score):
        where = "all pairs" if scene.split == ALL else f"pairs of {scene.split}"
        if set(tables.pairs.loc[tables.pairs["labelling"] == scene.labelling, "split"].unique()) == {SAME_SUBJECT}:
            where = "rescans alone, each subject with itself"
        found.append(
            Verdict(
                labelling=scene.labelling,
                pairs=where,
                evaluation="" if plain else _tell_compared(tables.pairs, scene.evaluation),
                headline=headline(scene),
                sentences=tuple(sentences(scene)),
                standings=tuple(scene.standings),
                relations=tuple(scene.relations),
            )
        )
    return found


def _tell_compared(pairs: pd.DataFrame, evaluation: str) -> str:
    """Where label maps were compared; of a name that is none of ours nothing is known."""
    known = grids_of(pairs).get(evaluation)
    return f"labels compared {compared_where(*known)}" if known else f"evaluation {quote(evaluation)}"


def _is_of_labels(column: str) -> bool:
    """Whether a score may depend on the labels: whatever is none of our measures may."""
    return column not in measures.columns() or measures.looks_at_labels(column)


def withheld_of(known: Known, score: Score) -> Mapping[str, str]:
    """Labelling → why there is no verdict by a score: what does not look at labels is judged whatever they are."""
    return known.withheld if _is_of_labels(score.column) else {}


def ranked_labellings(ranking: pd.DataFrame, withheld: Mapping[str, str]) -> pd.DataFrame:
    """Rows of a ranking whose labelling has a verdict: of others nobody is told to be first.

    Parameters
    ----------
    ranking : DataFrame
    withheld : mapping of str to str
        As of `Known`.
    """
    barred = [name for name, reason in withheld.items() if reason]
    return ranking[~ranking["labelling"].isin(barred)]


def _scenes(tables: Tables, criteria: Criteria, words: Wording, known: Known, score: Score) -> list[Scene]:
    found = []
    for name, rows in tables.summary.groupby("labelling", sort=False):
        labelling, split = str(name), primary_class(rows["split"])
        for how in evaluations_of(rows):
            mine = rows[(rows["split"] == split) & (rows["evaluation"] == how)]
            found.append(_scene(tables, labelling, how, split, mine, criteria, words, known, score))
    return found


def _scene(
    tables: Tables,
    labelling: str,
    how: str,
    split: str,
    summary: pd.DataFrame,
    criteria: Criteria,
    words: Wording,
    known: Known,
    score: Score,
) -> Scene:
    labels = arm_labels(arms_of(summary))
    pairs = select(tables.pairs, (tables.pairs["labelling"] == labelling) & (tables.pairs["evaluation"] == how))
    here = _keep_of(tables.comparisons, labelling, how)
    classes = {
        str(name): relate(rows, pairs, labels, criteria, score) for name, rows in here.groupby("split", sort=False)
    }
    inside, ranks = rows_of_class(pairs, labelling, split), _keep_of(tables.ranking, labelling, how)
    unscored = find_unscored(inside, score)
    return Scene(
        labelling=labelling,
        evaluation=how,
        split=split,
        planned=known.planned,
        done=len(tables.pairs[["moving", "fixed"]].drop_duplicates()),
        subjects=int(summary["n_subjects_common"].max()),
        unscored=len(unscored[["moving", "fixed"]].drop_duplicates()),
        standings=standings(summary, ranks[ranks["split"] == split], inside, known.unranked, unscored),
        relations=classes.get(split, []),
        by_class=[(name, r) for name, rows in classes.items() for r in rows],
        splits=frozenset(pairs["split"].unique()),
        summary=summary.assign(
            name=[labels[Arm(v, m)] for v, m in zip(summary["variant"], summary["method"], strict=True)]
        ),
        interactions=_interactions(tables.interactions, labelling, how, labels),
        structures=_keep_of(tables.structure_differences, labelling, how),
        further={
            measure: relations
            for measure, relations in _relations_by_measure(
                _keep_of(tables.further_comparisons, labelling, how), split, pairs, labels, criteria
            ).items()
            if not (known.withheld.get(labelling) and _is_of_labels(measure))
        },
        criteria=criteria,
        words=words,
        withheld=withheld_of(known, score).get(labelling, ""),
        absent=_find_absent(tables.pairs, labelling),
        caveats=[known.caveats[labelling]] if labelling in known.caveats else [],
        rescans=_rescans(_keep_of(tables.summary, labelling, how)),
        agreements=known.agreements.get(labelling, ()),
        elsewhere=any(arm.method not in known.unranked and arm not in labels for arm in arms_of(tables.pairs)),
    )


def _relations_by_measure(
    table: pd.DataFrame, split: str, pairs: pd.DataFrame, labels: Mapping[Arm, str], criteria: Criteria
) -> dict[str, list[Relation]]:
    """Relations by every other measure, by its own direction and margin."""
    if table.empty:
        return {}
    return {
        str(measure): relate(rows, pairs, labels, replace(criteria, margin=known[1]), known[0])
        for measure, rows in table[table["split"] == split].groupby("measure", sort=False)
        if (known := known_score(str(measure))) and known[1] is not None
    }


def _find_absent(pairs: pd.DataFrame, labelling: str) -> list[str]:
    """Arms that have no row of a labelling, by their names among all."""
    everyone = arm_labels(arms_of(pairs))
    here = set(arms_of(pairs[pairs["labelling"] == labelling]))
    return [name for arm, name in everyone.items() if arm not in here]


def _keep_of(table: pd.DataFrame, labelling: str, how: str) -> pd.DataFrame:
    return table[(table["labelling"] == labelling) & (table["evaluation"] == how)] if len(table) else table


def _interactions(table: pd.DataFrame, labelling: str, how: str, labels: Mapping[Arm, str]) -> pd.DataFrame:
    """Interactions that this labelling takes part in, with the names of the arms."""
    if table.empty:
        return table
    mine = table[
        ((table["labelling_1"] == labelling) & (table["evaluation_1"] == how))
        | ((table["labelling_2"] == labelling) & (table["evaluation_2"] == how))
        | ((table["factor"] == "evaluation") & (table["labelling_1"] == labelling))
    ]
    sides = {x: [_side(row, x, labels) for row in mine.to_dict("records")] for x in "ab"}
    arms = [a | b for (_, a), (_, b) in zip(sides["a"], sides["b"], strict=True)]
    return mine.assign(
        arms=pd.Series(arms, index=mine.index, dtype=object), **{x: [name for name, _ in of] for x, of in sides.items()}
    )


def _side(row: Mapping[Hashable, Any], x: str, labels: Mapping[Arm, str]) -> tuple[str, frozenset[str]]:
    """Name of one side of an interaction, and the arms that it is made of: one, or a method's in two variants."""
    method = str(row[f"method_{x}"])
    both = [Arm(str(row[f"variant_{i}"]), method) for i in (1, 2)]
    names = frozenset(labels[arm] for arm in both if arm in labels)
    return labels.get(both[0], quote(method)) if both[0] == both[1] else quote(method), names


def _rescans(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows on rescans, where other pairs are judged."""
    return summary[(summary["split"] == SAME_SUBJECT) & (primary_class(summary["split"]) == DIFFERENT_SUBJECTS)]
