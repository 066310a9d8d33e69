"""Score tables of known truth: what a verdict must say of them is known too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import Known, Verdict, judge

MEANS = {"identity": 0.45, "greedy": 0.60, "syn": 0.65}


def table(
    means: Mapping[str, float] | None = None,
    *,
    groups: Mapping[str, int] | None = None,
    rescanned: int = 0,
    subject: float = 0.01,
    noise: float = 0.01,
    labellings: Sequence[str] = ("manual",),
    variants: Sequence[str] = ("default",),
    seed: int = 0,
) -> pd.DataFrame:
    """All ordered pairs of the scans of `groups` (sequence → subjects), rescans of the first few.

    A score is the method's mean + what the two subjects and the pair do to every method + `subject` times an effect of
    each subject on this method alone + `noise` times what this method does on this pair alone.
    """
    means, groups = means or MEANS, groups or {"T1w": 12}
    random = np.random.default_rng(seed)
    kinds = [kind for kind, n in groups.items() for _ in range(n)]
    names = [f"sub-{i:02d}" for i in range(len(kinds))]
    scans = [(who, kind, 1) for who, kind in zip(names, kinds, strict=True)]
    scans += [(who, kind, 2) for who, kind, _ in scans[:rescanned]]
    moving, fixed = np.nonzero(~np.eye(len(scans), dtype=bool))
    who = np.array([names.index(s) for s, _, _ in scans])
    same = who[moving] == who[fixed]
    base = random.normal(0, 0.02, len(names))
    common = base[who[moving]] + base[who[fixed]] + random.normal(0, 0.02, len(moving)) + 0.2 * same
    label = [f"{s}_ses-{session}_{kind}" for s, kind, session in scans]
    split = np.array([f"{scans[m][1]} to {scans[f][1]}" for m, f in zip(moving, fixed, strict=True)], dtype=object)
    split[same] = "same subject"
    parts = []
    for labelling in labellings:
        for variant in variants:
            for method, mean in means.items():
                effects = subject * random.normal(size=(2, len(names)))
                own = effects[0][who[moving]] + effects[1][who[fixed]] + noise * random.normal(size=len(moving))
                dice = mean + common + own * (method != "identity")
                parts.append(
                    pd.DataFrame(
                        {
                            **{"variant": variant, "method": method, "labelling": labelling, "evaluation": "native"},
                            **{"split": split, "moving": np.array(label)[moving], "fixed": np.array(label)[fixed]},
                            **{"status": "ok", "reason": None, "dice_mean": dice, "dice_initial": 0.3 + common},
                            **{"folding_percent": 0.1, "runtime_s": 20.0, "memory_gb": 2.0},
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def of(pairs: pd.DataFrame, method: str, **others: str) -> pd.Series[bool]:
    """Rows of a method, and of other columns' values."""
    found = pairs["method"] == method
    for column, value in others.items():
        found &= pairs[column] == value
    return found


def fail(pairs: pd.DataFrame, rows: pd.Series[bool], reason: str = "out of memory") -> pd.DataFrame:
    """Let some rows fail."""
    lost = pairs.copy()
    lost.loc[rows, ["status", "dice_mean", "reason"]] = ["failed", np.nan, reason]
    return lost


def some(pairs: pd.DataFrame, share: float, seed: int = 0) -> pd.Series[bool]:
    """A share of the pairs, the same in every method."""
    keys = pairs[["moving", "fixed"]].drop_duplicates()
    drawn = keys.sample(frac=share, random_state=seed)
    chosen = set(zip(drawn["moving"], drawn["fixed"], strict=True))
    return pd.Series([k in chosen for k in zip(pairs["moving"], pairs["fixed"], strict=True)], index=pairs.index)


def verdicts(
    pairs: pd.DataFrame, known: Known | None = None, criteria: Criteria | None = None, **tables: object
) -> list[Verdict]:
    criteria = criteria or Criteria()
    unranked = (known or Known()).unranked
    return judge(score_tables(pairs, criteria=criteria, unranked=unranked, **tables), criteria, known=known)


def verdict(pairs: pd.DataFrame, known: Known | None = None, criteria: Criteria | None = None) -> Verdict:
    (only,) = verdicts(pairs, known, criteria)
    return only


def words(found: Verdict) -> str:
    return " ".join([found.headline, *found.sentences])
