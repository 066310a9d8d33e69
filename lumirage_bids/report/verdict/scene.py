"""Everything that one verdict is made from: the arms of a labelling and evaluation, and what is known of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.measures import compared_columns
from lumirage_bids.report.text import Wording, and_join, count
from lumirage_bids.report.verdict.relations import Relation, Row, relation
from lumirage_bids.stats.classes import FLOOR, Arm, arm_labels, arms_of, rows_of_class, scores_of
from lumirage_bids.stats.common import MAY_LACK_PERCENT
from lumirage_bids.stats.reasons import NOT_TOLD, count_kinds, tell_kind
from lumirage_bids.stats.score import Score

_REASONS = 3  # kinds of failure that are told of an arm


@dataclass(frozen=True, kw_only=True)
class LabelAgreement:
    """How well label maps agree with others of the same scans: no registration takes part."""

    reference: str
    dice: float
    scans: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One arm: how many of its pairs it scored, and how well.

    Attributes
    ----------
    name : str
        As it stands in sentences.
    variant, method : str
    reference : bool
        Whether it is no competitor: the start itself, or a control.
    planned, failed, unfinished : int
        Pairs that any arm has a score of or failed on; those without one; those that this arm was not run on.
    broken : bool
        Whether any of these was reported to have failed, and is not just without a structure to score.
    set_aside : bool
        Whether it lacks too many to be ranked.
    reason : str
        Why pairs failed, the most frequent kinds with an example each.
    mean : float
        Over the common pairs, `n` of them; NaN over none where it is set aside, whose pairs are others.
    mean_at_worst : float
        Over all pairs, with those that lack a score at worst; NaN for one that is not ranked.
    rank : int or None
        By significance; equal ones share.
    first_percent : float
        How often it would be first had other subjects been drawn.
    """

    name: str
    variant: str
    method: str
    reference: bool
    planned: int
    failed: int
    unfinished: int
    broken: bool
    set_aside: bool
    reason: str
    mean: float
    n: int
    mean_at_worst: float
    rank: int | None
    first_percent: float

    @property
    def control(self) -> bool:
        """Whether it is a negative control, which registers nothing."""
        return self.reference and self.method != FLOOR

    @property
    def scored(self) -> int:
        """Pairs with a score."""
        return self.planned - self.lacking

    @property
    def lacking(self) -> int:
        """Pairs without one."""
        return self.failed + self.unfinished

    def lacks(self) -> str:
        """What it lacks, in words: "84 of 182 pairs failed (46 %: out of memory)"."""
        of = f"of {count(self.planned)} pairs"
        failed = f"{count(self.failed)} {of} {'failed' if self.broken else 'without a score'}" if self.failed else ""
        unfinished = f"{count(self.unfinished)} {'' if failed else f'{of} '}not done yet" if self.unfinished else ""
        share = "all" if not self.scored else f"{max(0.1, 100 * self.lacking / self.planned):.1f} %"
        told = f"{share}: {self.reason}" if self.reason and self.failed else share
        return f"{and_join([x for x in (failed, unfinished) if x])} ({told})"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is known of the arms of a labelling and evaluation, over one class of pairs.

    Attributes
    ----------
    labelling, evaluation, split : str
    planned : int or None
        Pairs that were to be done, of all classes; None where nobody knows.
    done : int
        Pairs that any arm has a row of, of any labelling: not every labelling has every scan.
    subjects : int
        Of the pairs that all ranked arms scored.
    unscored : int
        Pairs of the class that no arm has a score of, though none failed: nobody lacks them.
    standings : sequence of Standing
        In the order of the tables.
    relations : sequence of Relation
        Every two arms of the class of pairs.
    by_class : sequence of (str, Relation)
        The same in every other class of pairs.
    splits : collection of str
        Which of these classes are single splits.
    summary, interactions, structures : DataFrame
        Rows of these tables for the labelling and evaluation; of interactions also those with another labelling.
    further : mapping of str to sequence of Relation
        Measure besides the one that is judged → every two arms by it.
    criteria : Criteria
    words : Wording
    withheld : str
        Why there is no verdict; empty where there is one.
    absent : sequence of str
        Arms that other labellings have and this one lacks altogether.
    caveats : sequence of str
        What bounds every sentence.
    rescans : DataFrame
        Rows of the summary on pairs of one subject.
    agreements : sequence of LabelAgreement
        How well the label maps agree with others of the same scans.
    elsewhere : bool
        Whether other labellings or evaluations have competitors that this one lacks.
    """

    labelling: str
    evaluation: str
    split: str
    planned: int | None
    done: int
    subjects: int
    unscored: int
    standings: Sequence[Standing]
    relations: Sequence[Relation]
    by_class: Sequence[tuple[str, Relation]]
    splits: Collection[str]
    summary: pd.DataFrame
    interactions: pd.DataFrame
    structures: pd.DataFrame
    further: Mapping[str, Sequence[Relation]]
    criteria: Criteria
    words: Wording
    withheld: str = ""
    absent: Sequence[str] = ()
    caveats: Sequence[str] = ()
    rescans: pd.DataFrame
    agreements: Sequence[LabelAgreement] = ()
    elsewhere: bool = False

    @property
    def accuracy(self) -> dict[str, Sequence[Relation]]:
        """The further measures that tell how well scans fit."""
        return {name: of for name, of in self.further.items() if compared_columns()[name].tells == "accuracy"}

    @property
    def competitors(self) -> list[Standing]:
        """Arms that are ranked or set aside: without the floor and controls."""
        return [s for s in self.standings if not s.reference]

    @property
    def ranked(self) -> list[Standing]:
        """Arms that are ranked, the best mean over the common pairs first."""
        sign = 1 if self.words.higher_is_better else -1
        found = [s for s in self.competitors if not s.set_aside and s.n > 0]
        return sorted(found, key=lambda s: -sign * s.mean)

    def by_place(self, relations: Iterable[Relation]) -> list[Relation]:
        """Put first who follows whom by their means, the best two before all; the largest difference where none is."""
        place = {s.name: place for place, s in enumerate(self.ranked)}

        def key(r: Relation) -> tuple[int, int, float]:
            first, last = sorted(place.get(name, len(place)) for name in (r.better, r.worse))
            return last - first, first, -r.difference

        return sorted(relations, key=key)

    def find_relation(self, a: str, b: str) -> Relation | None:
        """The relation of two arms; None where they were not compared."""
        return next((r for r in self.relations if r.names() == {a, b}), None)

    def find_of_ranked(self) -> list[Relation]:
        """Relations between arms that are ranked, or would be had they a pair in common."""
        names = {s.name for s in self.competitors if not s.set_aside}
        return [r for r in self.relations if r.names() <= names]

    def is_confounded(self, r: Relation) -> bool:
        """Whether two arms differ in method and variant, and no ranked arm between them tells which does it."""
        if not r.two_changed:
            return False
        arms = {(s.variant, s.method) for s in self.competitors if not s.set_aside}
        between = {(r.row["variant_a"], r.row["method_b"]), (r.row["variant_b"], r.row["method_a"])}
        return not arms & between

    def find_fuller(self, relations: Iterable[Relation]) -> Standing | None:
        """An arm that is set aside, and yet scored many more pairs than these relations are over; None without."""
        most = max((s for s in self.competitors if s.set_aside), key=lambda s: s.scored, default=None)
        over = max((int(r.row["n"] + r.row["n_left_out"]) for r in relations), default=0)
        if most is None or not 100 * (most.scored - over) > MAY_LACK_PERCENT * most.scored:
            return None
        return most

    @property
    def any_certain(self) -> bool:
        """Whether any difference is certain: only then is anything said of other measures."""
        return any(r.certain for r in self.relations)

    def call(self, name: str) -> str:
        """An arm in a sentence: of a control it is said that it is one."""
        return f"the control {name}" if any(s.control and s.name == name for s in self.standings) else name

    def find_with_unranked(self, relations: Sequence[Relation] | None = None) -> list[Relation]:
        """Relations of a ranked arm with an unranked one of its variant; by the score, or those of another measure."""
        names, unranked = {s.name for s in self.ranked}, {s.name for s in self.standings if s.reference}
        among = self.relations if relations is None else relations
        own = [r for r in among if r.row["variant_a"] == r.row["variant_b"]]
        return [r for r in own if len(r.names() & names) == 1 and len(r.names() & unranked) == 1]


def standings(
    summary: pd.DataFrame, ranking: pd.DataFrame, pairs: pd.DataFrame, unranked: Sequence[str], unscored: pd.DataFrame
) -> list[Standing]:
    """One for each arm of a class of pairs.

    Parameters
    ----------
    summary, ranking : DataFrame
        Rows of the labelling, evaluation and class.
    pairs : DataFrame
        Rows of the labelling and class, for reasons.
    unranked : sequence of str
        Methods that are no competitors.
    unscored : DataFrame
        Those of `pairs` that nobody has a score of, see `find_unscored`.
    """
    labels = arm_labels(arms_of(summary))
    nobody = len(unscored[["moving", "fixed"]].drop_duplicates())
    tried = unscored.groupby(["variant", "method"]).size()
    places = {Arm(row["variant"], row["method"]): row for row in ranking.to_dict("records")}
    failed = pairs[pairs["status"] != "ok"]
    by_arm = {
        Arm(str(variant), str(method)): _tell_reasons(of)
        for (variant, method), of in count_kinds(failed, ["variant", "method"]).groupby(["variant", "method"])
    }
    found = []
    for row in summary.to_dict("records"):
        arm = Arm(row["variant"], row["method"])
        own = int(tried.get(arm, 0))
        row |= {
            **{"n_pairs": row["n_pairs"] - own, "n_failed": row["n_failed"] - own},
            "n_unfinished": row["n_unfinished"] - (nobody - own),
        }
        found.append(_standing(row, labels, places, by_arm.get(arm), row["method"] in unranked))
    return found


def find_unscored(pairs: pd.DataFrame, score: Score) -> pd.DataFrame:
    """Rows of pairs that no arm has a score of, though none failed: the data lacks what is scored."""
    told = scores_of(pairs, score).notna() | (pairs["status"] != "ok")
    return pairs[~told.groupby([pairs["moving"], pairs["fixed"]]).transform("any")]


def _tell_reasons(reasons: pd.DataFrame) -> str:
    """The most frequent kinds of failure, and how many pairs each where there are several; empty where none is told."""
    if list(reasons["reason"]) == [NOT_TOLD]:
        return ""
    kinds = reasons.to_dict("records")
    if len(kinds) == 1:
        return tell_kind(kinds[0])
    told = [f"{tell_kind(row)} ({count(row['n'])})" for row in kinds[:_REASONS]]
    return "; ".join([*told, *(["other reasons"] if len(kinds) > _REASONS else [])])


def _standing(
    row: Mapping[Any, Any], labels: Mapping[Arm, str], places: Mapping[Arm, Row], reason: str | None, reference: bool
) -> Standing:
    arm = Arm(row["variant"], row["method"])
    place = places.get(arm, {})
    rank = place.get("rank", float("nan"))
    return Standing(
        name=labels[arm],
        **arm._asdict(),
        reference=reference,
        planned=int(row["n_pairs"] + row["n_unfinished"]),
        failed=int(row["n_failed"]),
        unfinished=int(row["n_unfinished"]),
        broken=reason is not None,
        set_aside=bool(row["set_aside"]),
        reason=reason or "",
        mean=float("nan") if row["set_aside"] else float(row["mean_common"]),
        n=0 if row["set_aside"] else int(row["n_common"]),
        mean_at_worst=float(place.get("mean_zero", float("nan"))),
        rank=None if pd.isna(rank) else int(rank),
        first_percent=float(place.get("first_percent", float("nan"))),
    )


def relate(
    comparisons: pd.DataFrame,
    pairs: pd.DataFrame,
    labels: Mapping[Arm, str],
    criteria: Criteria,
    score: Score,
) -> list[Relation]:
    """Sort the comparisons of one labelling, evaluation and class.

    Parameters
    ----------
    comparisons : DataFrame
    pairs : DataFrame
        Rows of the labelling, all classes, to see which pairs failed.
    labels : mapping
        Names of the arms.
    criteria : Criteria
    score : Score
    """
    rows = comparisons[comparisons["n"] > 0].to_dict("records")
    differ = [_differ(row, pairs, score.column) for row in rows]
    return [
        relation(row, labels, criteria, sign=score.sign, failures_differ=differs)
        for row, differs in zip(rows, differ, strict=True)
    ]


def certain_rows(comparisons: pd.DataFrame, pairs: pd.DataFrame, criteria: Criteria, score: Score) -> pd.DataFrame:
    """Comparisons of which a verdict says "for certain"; the arguments are those of `relate`."""
    labels = arm_labels(arms_of(pairs))
    likely = (comparisons["p_holm"] < criteria.alpha).to_numpy(dtype=np.bool_).copy()
    for place in np.flatnonzero(likely):
        row = comparisons.iloc[place].to_dict()
        differ = _differ(row, pairs, score.column)
        likely[place] = relation(row, labels, criteria, sign=score.sign, failures_differ=differ).certain
    return comparisons[likely]


def _differ(row: Row, pairs: pd.DataFrame, column: str) -> bool:
    """Whether two arms lack scores of different pairs."""
    lacking = [row[f"n_failed_{x}"] + row[f"n_unfinished_{x}"] for x in "ab"]
    if lacking[0] != lacking[1] or not lacking[0]:
        return bool(lacking[0] != lacking[1])
    inside = rows_of_class(pairs, str(row["labelling"]), str(row["split"]))
    scored = inside[inside["status"] == "ok"].dropna(subset=column)
    of = [scored[(scored["variant"] == row[f"variant_{x}"]) & (scored["method"] == row[f"method_{x}"])] for x in "ab"]
    a, b = (set(zip(rows["moving"], rows["fixed"], strict=True)) for rows in of)
    return a != b
