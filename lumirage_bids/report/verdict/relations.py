"""What may be said of two arms: certain, equivalent, open, and why."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.layout import COUPLES

Row = Mapping[Hashable, Any]

Kind = Literal["certain", "doubted", "small", "equivalent", "identical", "open", "turned", "unknown"]
"""What the numbers carry:

- certain: a difference, by Holm's p, that counts (beyond margin and threshold, or all of its interval beyond the
  margin), and still so with what the one ahead lacks and
  the other has scored at worst; what the one behind lacks cannot have put it there;
- doubted: as certain, but not with these pairs at worst, or by one subject alone;
- small: surely a difference, unless by one subject alone or by what the one ahead lacks, of which it is not shown that
  it counts, nor that it does not;
- equivalent: surely inside the margin; identical: no pair differs;
- open: neither a difference nor equivalence is shown, or the two are alike on the pairs that both scored, but lack
  different pairs;
- turned: surely a difference, but with failed pairs scored at worst the order is the other way round;
- unknown: there is no interval.
"""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Two arms on the pairs that a comparison is over, the better one first.

    Attributes
    ----------
    better, worse : str
        Names of the arms; in the order of the table where their means are equal.
    kind : str
        See `Kind`.
    difference : float
        How much better, 0 or more, in the unit of the score.
    low, high : float
        Interval of it; NaN where there is none.
    d_z, d_z_low, d_z_high : float
        Effect size of the better over the worse.
    failures_differ : bool
        Whether the two lack scores of different pairs: then it is not certain that they are alike.
    lacks_too_much : bool
        Whether the one ahead lacks pairs that, at worst, could leave it ahead no longer for certain.
    alike : bool
        Whether the pairs that both scored show them to be equivalent, or the same.
    hides : bool
        Whether one subject's leaving out leaves a difference that counts, corrected for the choice of the subject.
    row : mapping
        The comparison.
    """

    better: str
    worse: str
    kind: Kind
    difference: float
    low: float
    high: float
    d_z: float
    d_z_low: float
    d_z_high: float
    failures_differ: bool
    lacks_too_much: bool
    alike: bool
    hides: bool
    row: Row

    @property
    def hangs_on(self) -> str:
        """Subject without whom the difference is not certain; empty where there is none."""
        return str(self.row["without_subject"]) if _hangs(self.row) else ""

    @property
    def hidden_by(self) -> str:
        """Subject without whom a difference that is open would be certain; empty where there is none."""
        return str(self.row["hiding_subject"]) if self.kind == "open" and self.hides else ""

    @property
    def certain(self) -> bool:
        """Whether it may be said "for certain"."""
        return self.kind == "certain"

    @property
    def ahead(self) -> bool:
        """Whether one is ahead on the pairs that are compared, though it may be doubted."""
        return self.kind in ("certain", "doubted")

    @property
    def shown(self) -> bool:
        """Whether the order is shown, counting or not: neither one subject nor what the one ahead lacks makes it."""
        return self.kind in ("certain", "small") and not self.hangs_on and not self.lacks_too_much

    @property
    def two_changed(self) -> bool:
        """Whether the arms differ in method and variant both."""
        row = self.row
        return bool(row["method_a"] != row["method_b"] and row["variant_a"] != row["variant_b"])

    @property
    def units(self) -> str:
        """What the interval is drawn from: subjects, or couples of them."""
        return "couples" if self.row["resampled"] == COUPLES else "subjects"

    def names(self) -> frozenset[str]:
        """Both arms."""
        return frozenset((self.better, self.worse))

    @property
    def known(self) -> bool:
        """Whether an interval is known."""
        return math.isfinite(self.low)


_FEW = 6  # subjects: fewer are said to be few


def tell_limit(relations: Iterable[Relation]) -> str:
    """How far certainty goes where it is from a few subjects."""
    found = list(relations)
    fewest, units = min(((int(r.row["n_subjects"]), r.units) for r in found), default=(_FEW, ""))
    if fewest < _FEW:
        return f", as far as {fewest} {units} go"
    smallest, units = min(((int(r.row["n_smallest"]), r.units) for r in found), default=(_FEW, ""))
    return f", with {smallest} {units} in the smallest group" if smallest < _FEW else ""


def relation(row: Row, labels: Mapping[Arm, str], criteria: Criteria, *, sign: int, failures_differ: bool) -> Relation:
    """Sort a comparison.

    Parameters
    ----------
    row : mapping
        A row of `lumirage_bids.stats.comparisons.compare`.
    labels : mapping
        Names of the arms.
    criteria : Criteria
    sign : {1, -1}
        1 where a higher score is better.
    failures_differ : bool
    """
    a, b = (labels[Arm(row[f"variant_{x}"], row[f"method_{x}"])] for x in "ab")
    gain = sign * row["mean_difference"]
    turn = 1 if gain >= 0 or math.isnan(gain) else -1

    def ends(name: str) -> tuple[float, float]:
        low, high = sorted((turn * sign * row[f"{name}_low"], turn * sign * row[f"{name}_high"]))
        return (low, high) if math.isfinite(low) and math.isfinite(high) else (float("nan"), float("nan"))

    low, high = ends("ci")
    d_z_low, d_z_high = ends("d_z")
    better, worse = (b, a) if turn > 0 else (a, b)
    return Relation(
        better=better,
        worse=worse,
        kind=_kind(row, criteria, failures_differ),
        difference=abs(row["mean_difference"]),
        **{"low": low, "high": high},
        **{"d_z": abs(row["d_z"]), "d_z_low": d_z_low, "d_z_high": d_z_high},
        failures_differ=failures_differ,
        lacks_too_much=_lacks_too_much(row, criteria),
        alike=_are_alike(row, criteria),
        hides=_hides(row, criteria),
        row=row,
    )


def _are_alike(row: Row, criteria: Criteria) -> bool:
    return bool(row["tie_percent"] == 100 or row["p_equivalence_holm"] < criteria.alpha)


def _kind(row: Row, criteria: Criteria, failures_differ: bool) -> Kind:
    counts = _counts(row, criteria)
    sorted_out: tuple[tuple[bool, Kind], ...] = (
        (row["n"] == 0, "unknown"),
        (_are_alike(row, criteria) and failures_differ, "open"),
        (row["tie_percent"] == 100, "identical"),
        (not math.isfinite(row["ci_low"]), "unknown"),
        (row["p_equivalence_holm"] < criteria.alpha, "equivalent"),
        (not row["p_holm"] < criteria.alpha, "open"),
        (row["mean_difference"] * row["worst_case_difference"] < 0, "turned"),
        (counts and (_hangs(row) or _lacks_too_much(row, criteria)), "doubted"),
        (counts, "certain"),
    )
    return next((kind for holds, kind in sorted_out if holds), "small")


def _counts(row: Row, criteria: Criteria) -> bool:
    """Whether a difference is beyond margin and threshold, or surely beyond the margin, whatever its effect size."""
    same_sign = row["ci_low"] * row["ci_high"] > 0
    surely = same_sign and criteria.is_beyond(min(abs(row["ci_low"]), abs(row["ci_high"])))
    return bool(surely or (criteria.is_beyond(row["mean_difference"]) and not abs(row["d_z"]) < criteria.threshold))


def _hangs(row: Row) -> bool:
    hangs = row.get("hangs_on_subject")
    return hangs is True or bool(pd.notna(hangs) and hangs == 1)


def _hides(row: Row, criteria: Criteria) -> bool:
    counts = criteria.is_beyond(row["hiding_difference"]) and not abs(row["hiding_d_z"]) < criteria.threshold
    return bool(row["hiding_p"] < criteria.alpha and counts)


def _lacks_too_much(row: Row, criteria: Criteria) -> bool:
    """Whether what the one ahead lacks could have put it there."""
    if not row["n_ahead_lacks"]:
        return False
    worst = row["ahead_at_worst_difference"]
    stays = row["mean_difference"] * worst > 0 and criteria.is_beyond(abs(worst))
    return not (stays and row["ahead_at_worst_p_holm"] < criteria.alpha)
