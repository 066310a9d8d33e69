"""Rules about what each method was given to do: the same work, the same pairs, and a result without folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from lumirage_bids.audit.audited_run import AuditedRun, Effort
from lumirage_bids.audit.common import PAIR, different_subjects
from lumirage_bids.audit.finding import Finding
from lumirage_bids.audit.method_rules import multimodal
from lumirage_bids.stats.classes import FLOOR, each_labelling
from lumirage_bids.stats.common import MAY_LACK_PERCENT
from lumirage_bids.stats.reasons import count_kinds, tell_kind
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT, folds

if TYPE_CHECKING:
    import pandas as pd

FAR_BELOW = 3.0
"""Times the work that another method does, from which a budget counts as far below."""
_INSTANCE = (
    " An optimisation that goes on from another method's result has had the work of both: beside that method it shows "
    "what optimising adds, beside the same optimisation from the common start what the method adds to it."
)
_SAME = {"cc": "lncc", "ncc": "lncc", "ssd": "mse"}


def work(effort: Effort) -> float:
    """Iterations at full resolution that cost as much as all levels.

    Examples
    --------
    >>> work(((4, 40), (2, 20), (1, 0)))
    3.125
    """
    return sum(n / factor**3 for factor, n in effort)


def count_at_full_resolution(effort: Effort) -> int:
    """Iterations on images that are not reduced."""
    return sum(n for factor, n in effort if factor == 1)


def unequal_effort(c: AuditedRun) -> Iterator[Finding]:
    """Methods of one variant that match by another similarity, or search far less."""
    rows = c.registrations
    for variant, of in rows[rows["method"] != FLOOR].groupby("variant", sort=False):
        efforts = c.effort.get(str(variant), {})
        similarities = _similarities(of)
        couples = [
            (a, b)
            for a, b in combinations(of["method"].unique(), 2)
            if c.methods.get(a, a) != c.methods.get(b, b)  # two settings of one method are compared on purpose
        ]
        reasons = list(dict.fromkeys(r for couple in couples for r in _tell_unequal(couple, similarities, efforts)))
        names, started = list(of["method"].unique()), c.started.get(str(variant), {})
        going_on = {m: " after ".join(s.name for s in reversed(started[m])) for m in names if m in started}
        if len(names) > 1:
            reasons += [f"{m} optimises on from the result of {before}" for m, before in going_on.items()]
        if reasons:
            told = [_effort_in_words(m, similarities, efforts, going_on.get(m, "")) for m in names]
            yield Finding(
                id="unequal-effort",
                severity="serious",
                what=f"Methods of variant {variant} were not set to the same effort: {'; '.join(reasons)}.",
                evidence=f"{'; '.join(filter(None, told))}.",
                remedy="Give them the same similarity and a similar number of iterations at each resolution, or read "
                "the result as one about these settings, not about the methods."
                + (_INSTANCE if going_on and len(names) > 1 else ""),
            )


def _similarities(rows: pd.DataFrame) -> dict[str, set[str]]:
    """Method → similarities on pairs of one contrast, where they are known."""
    alike = rows[~multimodal(rows)]
    found = {}
    for method, of in alike.groupby("method", sort=False):
        names = {_SAME.get(str(s), str(s)) for s in of["similarity"].dropna().unique()} - {"n/a"}
        if names:
            found[str(method)] = names
    return found


def _tell_unequal(
    couple: tuple[str, str], similarities: Mapping[str, set[str]], efforts: Mapping[str, Effort]
) -> Iterator[str]:
    if all(m in similarities for m in couple) and similarities[couple[0]] != similarities[couple[1]]:
        yield "different similarities on pairs of equal contrast"
    if not all(m in efforts for m in couple):
        return
    less, more = sorted(couple, key=lambda m: work(efforts[m]))
    full = {m: count_at_full_resolution(efforts[m]) for m in couple}
    for m in couple:
        if not full[m] and any(full.values()):
            yield f"no iteration at full resolution by {m}"
    if FAR_BELOW * work(efforts[less]) < work(efforts[more]):
        yield f"far fewer iterations by {less}"


def _effort_in_words(
    method: str, similarities: Mapping[str, set[str]], efforts: Mapping[str, Effort], before: str = ""
) -> str:
    parts = [f"after {before}" if before else "", " or ".join(sorted(similarities.get(method, ())))]
    if levels := efforts.get(method):
        each = ", ".join(f"{n} at 1/{factor}" if factor > 1 else f"{n} at full resolution" for factor, n in levels)
        parts.append(f"iterations {each}, worth {work(levels):.1f} at full resolution")
    told = ", ".join(filter(None, parts))
    return f"{method}: {told}" if told else ""


def unequal_pairs(c: AuditedRun) -> Iterator[Finding]:
    """Arms that lack rows of pairs that others have: a run that is not finished."""
    for labelling, of in each_labelling(c.pairs):
        rows = different_subjects(of)
        planned = len(rows.drop_duplicates(PAIR))
        sizes = rows[rows["method"] != FLOOR].groupby("arm", sort=False).size()
        short = sizes[sizes < planned]
        if len(short):
            whole = [str(arm) for arm in sizes.index if arm not in short.index]
            most = 100 * (1 - short.min() / planned)
            told = [f"{arm} has {n}" for arm, n in short.items()] + ([f"{', '.join(whole)} all"] if whole else [])
            yield Finding(
                id="unequal-pairs",
                severity="serious" if most > MAY_LACK_PERCENT else "moderate",
                what=f"Not every method has results for all pairs of {labelling}.",
                evidence=f"Of {planned} pairs of different subjects, {'; '.join(told)}.",
                remedy="Let the run finish; until then read nothing but what is told of the pairs that all methods "
                "share. Means over all pairs of each are over different pairs.",
            )


def unequal_failures(c: AuditedRun) -> Iterator[Finding]:
    """Arms that failed on other pairs, or more of them, than others."""
    for labelling, of in each_labelling(c.pairs):
        rows = different_subjects(of)
        rows = rows[rows["method"] != FLOOR]
        bad = rows[rows["status"] != "ok"]
        sets = {arm: set(map(tuple, bad.loc[bad["arm"] == arm, PAIR].to_numpy())) for arm in rows["arm"].unique()}
        if len(sets) < 2 or all(s == next(iter(sets.values())) for s in sets.values()):
            continue
        totals = rows.groupby("arm", sort=False).size()
        shares = {arm: 100 * len(s) / totals[arm] for arm, s in sets.items()}
        told = [f"{arm}: {len(s)} of {totals[arm]}{_reasons(bad[bad['arm'] == arm])}" for arm, s in sets.items()]
        yield Finding(
            id="unequal-failures",
            severity="serious" if max(shares.values()) > MAY_LACK_PERCENT else "moderate",
            what=f"Methods failed on different pairs of {labelling}.",
            evidence=f"Failed pairs: {'; '.join(told)}.",
            remedy="Pairs that one method fails on may be the hard ones, which its mean then lacks. Read comparisons "
            "on the pairs that all scored, and those that score a failure 0.",
        )


def _reasons(failed: pd.DataFrame) -> str:
    """The most frequent kinds of failure in brackets; empty where there is none."""
    told = [f"{tell_kind(row)}: {row['n']}" for row in count_kinds(failed).head(3).to_dict("records")]
    return f" ({', '.join(told)})" if told else ""


def folding(c: AuditedRun) -> Iterator[Finding]:
    """Arms whose deformations fold more of the brain than a failure may."""
    rows = c.registrations
    rows = rows[(rows["method"] != FLOOR) & (rows["status"] == "ok")].dropna(subset="folding_percent")
    by_arm = rows.groupby("arm", sort=False)["folding_percent"]
    means = by_arm.mean()
    over = means[
        [
            folds(above=int((of > FOLDING_LIMIT_PERCENT).sum()), scored=len(of), mean=float(of.mean()))
            for _, of in by_arm
        ]
    ]
    if len(over):
        each = [f"{arm} {mean:.2g} %" for arm, mean in means.items()]
        yield Finding(
            id="folding",
            severity="serious" if len(over) < len(means) else "moderate",
            what=f"{', '.join(map(str, over.index)) if len(over) < len(means) else 'All methods'}: more than "
            f"{FOLDING_LIMIT_PERCENT:g} % of the brain is folded, on average or in more than {MAY_LACK_PERCENT} % of "
            "the pairs.",
            evidence=f"Mean share of the brain with a Jacobian determinant of 0 or less: {', '.join(each)}.",
            remedy="A map that folds can raise overlap where no anatomy corresponds (Rohlfing 2012, "
            "doi:10.1109/TMI.2011.2163944). Read Dice together with folding, and smooth more or take a diffeomorphic "
            "setting.",
        )


RULES = (unequal_effort, unequal_pairs, unequal_failures, folding)
