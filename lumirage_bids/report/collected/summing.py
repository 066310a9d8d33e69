"""From experiments to what a page of them is made of: their verdicts, every two methods, and what they say together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.collected.columns import ARMS_OF_PAGE, COUPLES
from lumirage_bids.report.collected.comparable import ArmKey, Block, Comparable, find_comparable, refuse_mixture
from lumirage_bids.report.collected.reading import Collected
from lumirage_bids.report.verdict.relations import Relation
from lumirage_bids.report.verdict.verdict import Verdict, judge
from lumirage_bids.stats.classes import FLOOR, primary_class, splits_of_each
from lumirage_bids.stats.family import OneFamily, correct_together
from lumirage_bids.stats.random_effects import ARMS, FEWEST_DEGREES, sum_up_experiments

TOO_FEW = "its error is known too poorly"
"""Why an experiment of few subjects is not summed up with others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Summed:
    """All that a page and ``results.json`` tell.

    Attributes
    ----------
    experiments : sequence of Collected
    comparable : Comparable
    criteria : Criteria
    family : OneFamily
        Tests of the page, corrected together.
    verdicts : sequence of sequence of Verdict
        Of each experiment, by its tests as corrected over the page.
    couples : DataFrame
        Columns of `COUPLES`; a row per block and two arms.
    together : DataFrame
        As of `sum_up_experiments`, with ``p_holm`` and ``p_equivalence_holm``; one row per group and two arms.
    arms : DataFrame
        Columns of `ARMS_OF_PAGE`, and ``own``, what the experiment itself calls the method; a row per block and arm.
    """

    experiments: Sequence[Collected]
    comparable: Comparable
    criteria: Criteria
    family: OneFamily
    verdicts: Sequence[Sequence[Verdict]]
    couples: pd.DataFrame
    together: pd.DataFrame
    arms: pd.DataFrame

    @property
    def floors(self) -> frozenset[str]:
        """What the start without deformation is called on the page."""
        return frozenset(self.couples.loc[self.couples["own_a"] == FLOOR, "method_a"])

    @property
    def sloppy(self) -> bool:
        """Whether they were made with ``--sloppy``: all of them then."""
        return any(each.about.sloppy for each in self.experiments)


def sum_up(experiments: Sequence[Collected]) -> Summed:
    """Put experiments on one page.

    Raises
    ------
    BadDataError
        They cannot stand on one page.
    """
    refuse_mixture(experiments)
    criteria = experiments[0].about.criteria
    same = find_comparable(experiments)
    couples = _couples(experiments, same)
    judged = couples[~couples["withheld"].astype(bool)]
    together = sum_up_experiments(judged.assign(se=judged["se"].where(judged["counted"])), criteria)
    tables = [each.tables for each in experiments]
    splits = [splits_of_each(of.pairs) for of in tables]
    family = correct_together([t.comparisons for t in tables], splits, [t.interactions for t in tables], together)
    further = correct_together([t.further_comparisons for t in tables], splits).comparisons
    corrected = [
        replace(
            of,
            comparisons=family.comparisons[i],
            interactions=family.interactions[i],
            further_comparisons=further[i],
        )
        for i, of in enumerate(tables)
    ]
    verdicts = [judge(of, criteria, known=each.known) for of, each in zip(corrected, experiments, strict=True)]
    couples = _add_findings(couples, verdicts)
    return Summed(
        experiments=experiments,
        comparable=same,
        criteria=criteria,
        family=family,
        verdicts=verdicts,
        couples=couples,
        together=family.together,
        arms=_arms(experiments, same, couples),
    )


def _keep_primary(table: pd.DataFrame) -> pd.DataFrame:
    """Rows over the class of pairs that a verdict is about."""
    of = [rows[rows["split"] == primary_class(rows["split"])] for _, rows in table.groupby("labelling", sort=False)]
    return pd.concat(of) if of else table


def _couples(experiments: Sequence[Collected], same: Comparable) -> pd.DataFrame:
    """Every two arms of every block that differ in one thing, on the side of the page's order of arms."""
    rows = [
        row
        for place, each in enumerate(experiments)
        for raw in _keep_primary(each.tables.comparisons).to_dict("records")
        if raw["n"] > 0 and (raw["method_a"] == raw["method_b"] or raw["variant_a"] == raw["variant_b"])
        for row in [_couple(place, each, raw, same)]
    ]
    order: dict[tuple[str, str], int] = {}
    for row in sorted(rows, key=lambda row: row["own_a"] != FLOOR):
        for x in "ab":
            order.setdefault((row[f"variant_{x}"], row[f"method_{x}"]), len(order))
    return pd.DataFrame([_put_in_order(row, order) for row in rows], columns=[*COUPLES, *_OWN])


#: Besides: names of the methods in the experiment's own tables, whether a and b changed sides, and whether the
#: labelling has no verdict.
_OWN = ("own_a", "own_b", "turned", "withheld")


def _couple(place: int, each: Collected, raw: Mapping[Hashable, Any], same: Comparable) -> dict[str, Any]:
    labelling, how = str(raw["labelling"]), str(raw["evaluation"])
    why = _why_not(each, raw)
    called = {
        f"method_{x}": same.methods.get(
            ArmKey(place, raw[f"variant_{x}"], raw[f"method_{x}"], labelling), raw[f"method_{x}"]
        )
        for x in "ab"
    }
    kept = {str(key): value for key, value in raw.items() if key in COUPLES}
    return {
        **{**kept, **called},
        **{"experiment": place, "dataset": same.datasets[place], "group": same.groups[Block(place, labelling, how)]},
        **{"counted": not why, "why_not": why or None, "finding": "", "ahead": None},
        **{"own_a": raw["method_a"], "own_b": raw["method_b"], "turned": False},
        "withheld": bool(each.about.labellings[labelling].withheld),
    }


def _why_not(each: Collected, raw: Mapping[Hashable, Any]) -> str:
    """Why a comparison is not summed up with those of other experiments; empty where it is."""
    if each.about.labellings[str(raw["labelling"])].withheld:
        return "its labels were made from the registered intensities"
    rows = each.tables.summary
    rows = rows[(rows["labelling"] == raw["labelling"]) & (rows["evaluation"] == raw["evaluation"])]
    aside = rows[(rows["split"] == raw["split"]) & rows["set_aside"].astype(bool)]
    out = set(zip(aside["variant"], aside["method"], strict=True))
    lacking = [raw[f"method_{x}"] for x in "ab" if (raw[f"variant_{x}"], raw[f"method_{x}"]) in out]
    if lacking:
        return f"{' and '.join(dict.fromkeys(lacking))} is set aside there for lacking pairs"
    if not raw["se"] > 0:
        return f"no interval: {raw['refused']}"
    if raw["df"] < FEWEST_DEGREES:
        return f"{TOO_FEW} ({raw['df']:.2g} degrees of freedom, {FEWEST_DEGREES} at least)"
    return ""


def _put_in_order(row: dict[str, Any], order: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """The same with the arm that comes first on the page as a, so that differences of experiments have one sign."""
    a, b = ((row[f"variant_{x}"], row[f"method_{x}"]) for x in "ab")
    if order[a] <= order[b]:
        return row
    swapped: dict[str, Any] = {
        f"{what}_{x}": row[f"{what}_{y}"] for what in ("variant", "method", "own") for x, y in (("a", "b"), ("b", "a"))
    }
    ends = {"mean_difference": -row["mean_difference"], "d_z": -row["d_z"]}
    return {**row, **swapped, **ends, "ci_low": -row["ci_high"], "ci_high": -row["ci_low"], "turned": True}


def _add_findings(couples: pd.DataFrame, verdicts: Sequence[Sequence[Verdict]]) -> pd.DataFrame:
    """Add what the corrected tests say of every two arms."""
    of: dict[tuple[object, ...], Relation] = {
        (place, r.row["labelling"], r.row["evaluation"], *(r.row[arm] for arm in ARMS)): r
        for place, found in enumerate(verdicts)
        for verdict in found
        for r in verdict.relations
    }
    told: list[dict[Hashable, Any]] = []
    for row in couples.to_dict("records"):
        sides = "ba" if row["turned"] else "ab"
        arms = tuple(row[f"{what}_{x}"] for x in sides for what in ("variant", "own"))
        found = of[(row["experiment"], row["labelling"], row["evaluation"], *arms)]
        ahead = ("b" if row["mean_difference"] > 0 else "a") if found.ahead else None
        corrected: dict[Hashable, Any] = {column: found.row[column] for column in ("p_holm", "p_equivalence_holm")}
        told.append({**row, "finding": found.kind, "ahead": ahead, **corrected})
    return pd.DataFrame(told, columns=couples.columns)


def _arms(experiments: Sequence[Collected], same: Comparable, couples: pd.DataFrame) -> pd.DataFrame:
    """Mean of every arm in every block, and its gain over the floor."""
    gains = {
        (row["experiment"], row["labelling"], row["evaluation"], row["variant_b"], row["own_b"]): row
        for row in couples[(couples["own_a"] == FLOOR) & (couples["variant_a"] == couples["variant_b"])].to_dict(
            "records"
        )
    }
    rows = []
    for place, each in enumerate(experiments):
        for raw in _keep_primary(each.tables.summary).to_dict("records"):
            labelling, how = str(raw["labelling"]), str(raw["evaluation"])
            gain = gains.get((place, labelling, how, raw["variant"], raw["method"]), {})
            rows.append(
                {
                    **{str(key): value for key, value in raw.items() if key in ARMS_OF_PAGE},
                    **{"experiment": place, "dataset": same.datasets[place]},
                    "group": same.groups[Block(place, labelling, how)],
                    "method": same.methods.get(ArmKey(place, raw["variant"], raw["method"], labelling), raw["method"]),
                    **{"own": raw["method"], "mean": raw["mean_common"]},
                    **{
                        "gain": gain.get("mean_difference"),
                        "gain_low": gain.get("ci_low"),
                        "gain_high": gain.get("ci_high"),
                    },
                }
            )
    found = pd.DataFrame(rows, columns=[*ARMS_OF_PAGE, "own"])
    return found.astype(dict.fromkeys(("gain", "gain_low", "gain_high", "mean"), "float64"))
