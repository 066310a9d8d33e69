"""What a verdict claims, and tables that give no ground for a claim."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lumirage_bids.report.verdict.verdict import Verdict
from tests.report.situations import fail, of, some, table

#: What claims that one is ahead of another, that an order turns, or that it depends on something.
CLAIMS = re.compile(
    r"Highest mean|Lowest|\bis (above|below)\b|worse than no deformation|depends on|is better than|Rank, one|"
    r"One structure|single splits|the other way round|turns"
)


def claims(found: Verdict) -> list[str]:
    told = [found.headline, *found.sentences]
    return [s for s in told if CLAIMS.search(s) and not s.startswith("Against the start")]


def equal(**more: object) -> pd.DataFrame:
    return table({"identity": 0.45, "greedy": 0.6, "syn": 0.6}, **more)


def copied(pairs: pd.DataFrame, method: str, name: str, plus: float = 0.0) -> pd.DataFrame:
    """A further method that scores as another does, plus something."""
    same = pairs[of(pairs, method)].assign(method=name)
    return pd.concat([pairs, same.assign(dice_mean=same["dice_mean"] + plus)], ignore_index=True)


def rounded(differences: list[float], **methods: float) -> pd.DataFrame:
    """Three pairs without a subject in common, scores of two decimals; the first method is 0.7 everywhere."""
    scans = [(f"sub-{i}", f"sub-{i + 3}") for i in range(3)]
    means = {"a": [0.7] * 3, "b": [0.7 + d for d in differences], **{m: [x, x + 0.01, x] for m, x in methods.items()}}
    pairs = pd.DataFrame(
        [
            {"method": m, "moving": moving, "fixed": fixed, "dice_mean": round(x, 2)}
            for m, scores in means.items()
            for (moving, fixed), x in zip(scans, scores, strict=True)
        ]
    )
    same = {"variant": "v", "labelling": "scores", "evaluation": "native", "split": "different subjects"}
    return pairs.assign(**same, status="ok", reason=None, dice_initial=np.nan, folding_percent=0.0, runtime_s=1.0)


def failing(share: float = 0.46) -> pd.DataFrame:
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.65, "vfa": 0.85}, subject=0.004)
    return fail(pairs, of(pairs, "vfa") & some(pairs, share))


def turned(size: float, **more: object) -> pd.DataFrame:
    """Two methods of which each is better in one split."""
    pairs = equal(groups={"A": 8, "B": 8}, subject=0.004, **more)
    for split, sign in (("A to A", 1), ("B to B", -1)):
        pairs.loc[of(pairs, "syn", split=split), "dice_mean"] += sign * size
    return pairs
