"""Made-up score tables with the columns of real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from lumirage_bids.output.downstream import CHAINS, FUSED, Downstream
from lumirage_bids.output.placements import COLUMNS
from lumirage_bids.stats.landmarks import LandmarkScores

REASONS = ("out of memory", "killed by signal 9", "timed out after 600 s", "bad data: <script>alert(1)</script>")


def score_table(
    *,
    subjects: int = 6,
    rescanned: int = 0,
    kinds: Sequence[str] = ("MPRAGE", "MP2RAGE"),
    gains: Mapping[str, float] | None = None,
    variants: Sequence[str] = ("default",),
    evaluations: Mapping[str, str] | None = None,
    labellings: Sequence[str] = ("braincolor",),
    structures: int = 4,
    failing: float = 0.0,
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """All ordered pairs of the scans; crossed subject effects; `gains` is the Dice that each method adds.

    Variants are judged on native grids but for those of `evaluations`.
    """
    gains = {"identity": 0.0, "greedy": 0.2, "syn": 0.22} if gains is None else gains
    random = np.random.default_rng(seed)
    scans = [(f"{i:02d}", "1", kinds[i % len(kinds)]) for i in range(subjects)]
    scans += [(subject, "2", kind) for subject, _, kind in scans[:rescanned]]
    effect = dict(zip([s for s, _, _ in scans], random.normal(0, 0.02, len(scans)), strict=True))
    rows, wide = [], {labelling: [] for labelling in labellings}
    for moving, fixed in [(a, b) for a in scans for b in scans if a != b]:
        same = moving[0] == fixed[0]
        base = 0.42 + effect[moving[0]] + effect[fixed[0]] + 0.25 * same + random.normal(0, 0.02)
        for labelling, variant, method in [(x, y, z) for x in labellings for y in variants for z in gains]:
            failed = method != "identity" and random.random() < failing
            key = {
                **{"variant": variant, "method": method, "labelling": labelling},
                "evaluation": (evaluations or {}).get(variant, "native"),
                "split": "same subject" if same else f"{moving[2]} to {fixed[2]}",
                **{"moving": f"sub-{moving[0]}_ses-{moving[1]}_T1w", "fixed": f"sub-{fixed[0]}_ses-{fixed[1]}_T1w"},
                "status": "failed" if failed else "ok",
            }
            dice = base + gains[method] * (0.3 if same else 1) + np.linspace(-0.1, 0.1, structures)
            dice = np.full(structures, np.nan) if failed else dice + random.normal(0, 0.01, structures)
            scores = {
                **{"dice_mean": dice.mean(), "dice_initial": base - 0.1, "folding_percent": 0.1, "sdlogj": 0.3},
                **{"runtime_s": 20.0, "memory_gb": 2.0, "n_structures": float(structures)},
            }
            scores = {name: np.nan if failed else value for name, value in scores.items()}
            rows.append({**key, "reason": REASONS[len(rows) % 4] if failed else None, **scores})
            wide[labelling].append({**key, **{f"dice_{i + 1}": x for i, x in enumerate(dice)}})
    return pd.DataFrame(rows), {labelling: pd.DataFrame(of) for labelling, of in wide.items()}


def two_arms(a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    """Pairs that two methods scored so, each of scans of its own."""
    n = len(a)
    key = {"variant": "default", "labelling": "tissue", "evaluation": "native", "split": "T1w to T1w", "status": "ok"}
    pair = {"moving": [f"m{i}" for i in range(n)], "fixed": [f"f{i}" for i in range(n)]}
    arms = [pd.DataFrame({**key, **pair, "method": m, "dice_mean": x}) for m, x in (("greedy", a), ("syn", b))]
    return pd.concat(arms, ignore_index=True)


def many(**kind: object) -> pd.DataFrame:
    """Pairs of 14 subjects, all with all, by two methods."""
    pairs, _ = score_table(**{"subjects": 14, "kinds": ("T1w",), "gains": {"greedy": 0.2, "syn": 0.21}, **kind})
    return pairs


def landmark_scores(pairs: pd.DataFrame, *, landmarks: int = 3, raters: int = 3, seed: int = 0) -> LandmarkScores:
    """Errors of landmarks of a score table's pairs, the last landmark the worst; raters err by 1 mm on each axis."""
    random = np.random.default_rng(seed)
    key = ["variant", "method", "moving", "fixed", "split", "status"]
    errors = pairs[key].drop_duplicates(key[:4]).reset_index(drop=True)
    for i in range(1, landmarks + 1):
        errors[f"tre_mm_{i}"] = random.gamma(9, i / 9, len(errors))
        errors.loc[errors["status"] != "ok", f"tre_mm_{i}"] = np.nan
    rows = []
    for scan, i in [(scan, i) for scan in sorted(set(pairs["fixed"])) for i in range(1, landmarks + 1)]:
        places = random.normal(0, 1, (raters, 3))
        about = (scan, str(i), f"point {i}")
        rows.append((*about, "", *places.mean(axis=0)))
        rows += [(*about, f"rater{r}", *place) for r, place in enumerate(places)]
    return LandmarkScores(errors=errors, placements=pd.DataFrame(rows, columns=list(COLUMNS)))


def downstream_scores(subjects: int, methods: Sequence[str] = ("identity", "greedy", "syn")) -> Downstream:
    """What transforms among some scans might show, better with each method; the first one deforms nothing."""
    random = np.random.default_rng(subjects)
    names = [f"sub-{i + 1}_T1w" for i in range(subjects)]
    chains, fused = [], []
    for place, method in enumerate(methods):
        arm = {"variant": "base", "method": method}
        for scan, via, to in product(names, repeat=3):
            if via not in (scan, to):
                error = place * (0.5 + random.gamma(2.0, 0.2))
                chains.append({**arm, "scan": scan, "via": via, "to": to, "error_mm": error})
        for scan, fusion in product(names, ("majority", "staple")):
            atlases = " ".join(name for name in names if name != scan)
            single = 0.5 + 0.05 * place + random.normal(0, 0.02)
            made = {"labelling": "braincolor", "fusion": fusion, "scan": scan, "atlases": atlases, "n_structures": 9.0}
            fused.append({**arm, **made, "dice": single + 0.08 + random.normal(0, 0.01), "dice_single": single})
    tables = (pd.DataFrame(rows, columns=list(of)) for rows, of in ((chains, CHAINS), (fused, FUSED)))
    return Downstream(**dict(zip(("chains", "fused"), tables, strict=True)))
