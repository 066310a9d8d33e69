"""Pages of methods that are all equal, and how many of them claim anything.

Run as a script it prints what docs/concepts/verdict.md tells::

    python -m tests.report.null_pages 1000 [PROCESSES]
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from scipy import stats

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.judged import score_tables
from lumirage_bids.report.verdict.verdict import judge

#: What claims that one is ahead of another, that an order turns, or that it depends on something.
CLAIMS = re.compile(
    r"Highest mean|Lowest|\bis (above|below)\b|worse than|depends on|is better than|Rank, one|One structure|"
    r"single splits|the other way round|turns|\bagrees?\b|better than|order holds|folds more|better one by",
    re.IGNORECASE,
)
#: Begins what gives numbers and claims nothing.
NEUTRAL = ("Against the start", "Pairs worse than", "Pairs that a method left worse")

#: What is measured besides Dice.
OTHERS = ("hd95_mm", "assd_mm", "tre_mm", "folding_percent", "sdlogj", "runtime_s")

DESIGNS = {
    "3 + 9 subjects": {"groups": (3, 9)},
    "3 + 9 subjects, three methods": {"groups": (3, 9), "methods": 3},
    "6 + 6 subjects, two labellings": {"groups": (6, 6), "labellings": 2},
    "12 subjects, two variants": {"groups": (12,), "variants": 2},
    "12 subjects, noise alone": {"groups": (12,), "subject": 0.0},
    "10 subjects, skewed effects": {"groups": (10,), "skewed": True},
    "9 subjects, failures, 6 structures": {"groups": (9,), "failing": 0.02, "structures": 6},
    "40 subjects, a tenth of the pairs": {"groups": (40,), "kept": 0.1},
    "5 subjects": {"groups": (5,)},
    "2 + 10 subjects": {"groups": (2, 10)},
}


def page(
    random: np.random.Generator,
    *,
    groups: tuple[int, ...],
    methods: int = 2,
    labellings: int = 1,
    variants: int = 1,
    subject: float = 0.02,
    noise: float = 0.02,
    skewed: bool = False,
    failing: float = 0.0,
    structures: int = 0,
    kept: float = 1.0,
) -> pd.DataFrame:
    """Score table of a page: `identity` and methods with the same mean, each with effects of subjects of its own.

    So it is by every other measure.
    """
    kinds = np.repeat([f"S{i}" for i in range(len(groups))], groups)
    n = len(kinds)
    moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
    if kept < 1:
        chosen = np.sort(random.permutation(len(moving))[: int(kept * len(moving))])
        moving, fixed = moving[chosen], fixed[chosen]
    common = 0.5 + random.normal(0, 0.05, n)[moving] + random.normal(0, 0.05, n)[fixed]
    names = np.array([f"sub-{i:03d}_{kind}" for i, kind in enumerate(kinds)])
    split = [f"{kinds[m]} to {kinds[f]}" for m, f in zip(moving, fixed, strict=True)]
    parts = []
    for labelling in range(labellings):
        for variant in range(variants):
            for method in ["identity", *(f"m{i}" for i in range(methods))]:
                effects = random.exponential(size=(2, n)) - 1 if skewed else random.normal(size=(2, n))
                own = subject * (effects[0][moving] + effects[1][fixed]) + noise * random.normal(size=len(moving))
                failed = (random.random(len(moving)) < failing) & (method != "identity")
                dice = np.where(failed, np.nan, np.clip(common + own, 0, 1))
                columns = {f"dice_{i}": dice + random.normal(0, 0.05, len(dice)) for i in range(1, structures + 1)}
                parts.append(
                    pd.DataFrame(
                        {
                            **{"variant": f"v{variant}", "method": method, "labelling": f"l{labelling}"},
                            **{"evaluation": "native", "split": split, "moving": names[moving], "fixed": names[fixed]},
                            **{"status": np.where(failed, "failed", "ok"), "reason": None, "dice_mean": dice},
                            **{"dice_initial": 0.1, "folding_percent": 0.0, "runtime_s": 1.0, "memory_gb": 1.0},
                            **columns,
                        }
                    )
                )
    return _with_others(pd.concat(parts, ignore_index=True), random, subject, noise)


def _with_others(pairs: pd.DataFrame, random: np.random.Generator, subject: float, noise: float) -> pd.DataFrame:
    """Other measures, that have nothing to do with Dice or with each other, and are the same for all methods."""
    lost = pairs["status"] != "ok"
    for measure in OTHERS:
        values = 3 + 10 * noise * random.normal(size=len(pairs))
        for side in ("moving", "fixed"):
            effects = pairs.groupby(["variant", "method", side], sort=False).ngroup()
            values += 10 * subject * random.normal(size=int(effects.max()) + 1)[effects]
        pairs[measure] = np.where(lost, np.nan, values)
    return pairs.assign(folding_percent=pairs["folding_percent"] - 2.5)


def claims(pairs: pd.DataFrame) -> list[str]:
    """Sentences of a page that claim a difference, an order or a dependence."""
    criteria = Criteria()
    told = [s for v in judge(score_tables(pairs, criteria=criteria), criteria) for s in (v.headline, *v.sentences)]
    return [s for s in told if CLAIMS.search(s) and not s.startswith(NEUTRAL)]


def numbered(number: int) -> tuple[str, list[str]]:
    """Design and claims of a page; the designs take turns."""
    name = list(DESIGNS)[number % len(DESIGNS)]
    return name, claims(page(np.random.default_rng(number), **DESIGNS[name]))  # type: ignore[arg-type]


def main(n: int, processes: int) -> None:
    pages, claiming = Counter[str](), Counter[str]()
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(numbered, range(n), chunksize=5))
    for number, (name, told) in enumerate(found):
        pages[name] += 1
        claiming[name] += bool(told)
        if told:
            print(f"# page {number}, {name}: {told[0]}", file=sys.stderr, flush=True)
    print("| design | pages | that claim anything | % |\n|---|---|---|---|")
    for name, of in [*pages.items(), ("all", sum(pages.values()))]:
        found = claiming[name] if name != "all" else sum(claiming.values())
        print(f"| {name} | {of} | {found} | {100 * found / of:.1f} |")
    found, of = sum(claiming.values()), sum(pages.values())
    print(f"\nUpper 95 % bound (Clopper and Pearson): {100 * stats.beta.ppf(0.95, found + 1, of - found):.1f} %")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
