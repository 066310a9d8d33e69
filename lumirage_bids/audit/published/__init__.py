"""Next to the paper: a run's numbers beside the published ones, and what differs between the two evaluations.

Jena R, Chaudhari P, Gee J (2026). The LUMirage: An independent evaluation of zero-shot performance in the LUMIR
challenge. PMLR 315:4134-4165. ``paper_tables.json`` holds its numbers as printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from lumirage_bids.audit.published.differences import RunFacts, differences, tell_differences
from lumirage_bids.bids.splits import SAME_SUBJECT, Ends
from lumirage_bids.output.fill_in import fill_in
from lumirage_bids.stats.classes import scored_dice
from lumirage_bids.stats.summaries import TRIMMED_PERCENT

__all__ = [
    "DIFFERENCES",
    "NBEST",
    "PROTOCOLS",
    "PUBLISHED",
    "PublishedCell",
    "RunFacts",
    "cells",
    "paper_tables",
    "published_comparison",
    "published_differences",
    "published_findings",
    "statistics",
]

PROTOCOLS = ("nimh-t1w", "nimh-ood", "prime-de", "ultracortex")
"""Protocols of experiments that the paper has numbers of."""

NBEST = {"tissue": "nbest", "subcortical": "nbestsubcortical"}
"""Group of structures of PRIME-DE → labelling of the protocol."""

PUBLISHED: dict[str, dict[str, str]] = {
    "source": {"Description": "Table of the paper", "Reference": "PMLR 315:4134-4165 (2026)"},
    "pairs": {"Description": "Class of pairs, as the paper has it"},
    "variant": {"Description": "Named preparation or parameters (descriptions.tsv)"},
    "method": {"Description": "Registration method"},
    "labelling": {"Description": "Segmentation protocol whose label maps are scored"},
    "evaluation": {
        "Description": "Grid that our labels were compared on: native, or prepared as in the paper; and how they were "
        "carried over, where not linearly"
    },
    "quantity": {
        "Description": "Of the pairs' mean Dice: mean, median or std (of a sample); in Tables 1 and 2 without the "
        "lowest 5 % of the pairs of each method, ours too. d_z: mean over standard deviation of the paired differences"
    },
    "ours": {"Description": "Value of this run", "Units": "1"},
    "published": {"Description": "Value printed in the paper", "Units": "1"},
    "difference": {"Description": "ours - published", "Units": "1"},
    "n_pairs": {"Description": "Pairs that were scored here, before trimming"},
    "n_pairs_published": {"Description": "Pairs of the paper"},
    "conditions": {"Description": "What differs between this run and the paper"},
}
"""Data dictionary of ``group/published.tsv``."""


@dataclass(frozen=True, kw_only=True)
class PublishedCell:
    """Numbers that the paper prints for one method and class of pairs.

    Attributes
    ----------
    source, pairs : str
        Table, and class of pairs as printed.
    ends : frozenset of (str, str)
        Moving and fixed sequences of the splits that the class consists of; empty for all pairs.
    contrast, variant, labelling : str
        Empty for any; a variant stands for those too that begin with its name and a hyphen.
    n_pairs : int
        Pairs in the paper.
    trimmed : bool
        Whether the lowest pairs of each method were dropped.
    values : mapping of str to float
        Quantity → value.
    """

    source: str
    pairs: str
    method: str
    ends: frozenset[Ends] = frozenset()
    contrast: str = ""
    variant: str = ""
    labelling: str = ""
    n_pairs: int
    trimmed: bool
    values: dict[str, float]


def paper_tables() -> dict[str, Any]:
    """The paper's tables, as printed, with their source."""
    file = resources.files("lumirage_bids.audit.published") / "paper_tables.json"
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content


DIFFERENCES: dict[str, dict[str, str]] = {
    "variant": {"Description": "Named preparation or parameters (descriptions.tsv)"},
    "method": {"Description": "Registration method"},
    "labelling": {"Description": "Segmentation protocol whose label maps are scored"},
    "evaluation": {"Description": "As in published.tsv"},
    "field": {"Description": "Condition"},
    "ours": {"Description": "Its value in this run; n/a where that is not known"},
    "published": {"Description": "Its value in the published evaluation, or what is known of it"},
    "source": {"Description": "Where that stands: text of the paper, its authors' script, or unknown"},
}
"""Data dictionary of ``group/published_differences.tsv``."""


def published_findings() -> str:
    """The paper's means in one paragraph, all rows of its tables, the highest of each first."""
    tables = paper_tables()

    def rank(values: Mapping[str, list[float]]) -> str:
        order = sorted(values.items(), key=lambda item: -item[1][0])
        return ", ".join(f"{name} {numbers[0]:.3f}" for name, numbers in order)

    t1w = [f"by {name} {rank(tables['table1'][key])}" for key, name in _TABLE_1.items()]
    others = [f"{name} {rank(tables['table2'][key])}" for key, name in _TABLE_2.items()]
    stated = tables["cohens_d_stated"]
    return (
        "The evaluation that this program makes repeatable found, as mean Dice, of NIMH's T1w scans: "
        f"{'; '.join(t1w)}; by SynthSeg of its other contrasts: {'; '.join(others)}; of Ultracortex: "
        f"{rank(tables['table3']['all'])}. Of macaques it states d = {stated['PRIME-DE greedy vs vfa, tissue']} "
        f"(tissue) and {stated['PRIME-DE greedy vs vfa, subcortical']} (subcortical) of greedy over vfa. Its tables of "
        "NIMH leave out the lowest 5 % of the pairs of each method (Jena et al. 2026, PMLR 315:4134-4165)."
    )


_TABLE_1 = {"slant": "SLANT", "deepatropos": "DeepAtropos", "synthseg": "SynthSeg"}
_TABLE_2 = {"T2w": "T2w", "T2starw": "T2*w", "FLAIR": "FLAIR"}
_ONE, _TWO = "MPRAGE", "MP2RAGE"
_TABLE_3: dict[str, frozenset[Ends]] = {
    "all": frozenset(),
    "MPRAGE to MPRAGE": frozenset({(_ONE, _ONE)}),
    "MP2RAGE to MP2RAGE": frozenset({(_TWO, _TWO)}),
    "MPRAGE to MP2RAGE (both directions)": frozenset({(_ONE, _TWO), (_TWO, _ONE)}),
}
"""Class of the paper → sequences of the moving and the fixed scans of its splits."""


def published_comparison(pairs: pd.DataFrame, protocol: str, facts: RunFacts | None = None) -> pd.DataFrame:
    """Put a run's numbers beside the paper's.

    Parameters
    ----------
    pairs : DataFrame
        The score table, a row per variant × method × labelling × pair.
    protocol : str
        Name of the run's protocol.
    facts : RunFacts, optional
        What is known of how the scores came about.

    Returns
    -------
    DataFrame
        Columns of `PUBLISHED`; a row per number of the paper whose method, labelling and class of pairs were scored
        here. Rescans, which the paper has none of, are left out. Empty for protocols that are not the paper's.
    """
    rows = []
    for numbers, of in _put_beside(pairs, protocol):
        n = int(str(numbers[0]["n_pairs_published"]))
        conditions = "; ".join(tell_differences(of, protocol, n, facts or RunFacts()))
        rows += [{**row, "conditions": conditions} for row in numbers]
    return pd.DataFrame(rows, columns=list(PUBLISHED))


def published_differences(pairs: pd.DataFrame, protocol: str, facts: RunFacts | None = None) -> pd.DataFrame:
    """Say in which conditions a run differs from the paper, one by one; columns of `DIFFERENCES`.

    Parameters
    ----------
    pairs, protocol, facts
        As for `published_comparison`, on whose rows it is told; of macaques, of whom the paper prints no values in a
        table, on those of all its methods.
    """
    rows = [
        {**dict(zip(_ARM, arm, strict=True)), **{key: getattr(difference, key) for key in _TOLD}}
        for arm, of in _conditions_by_arm(pairs, protocol)
        for difference in differences(of, protocol, facts or RunFacts())
    ]
    return pd.DataFrame(rows, columns=list(DIFFERENCES)).drop_duplicates(ignore_index=True)


_ARM = ("variant", "labelling", "evaluation")
_TOLD = ("method", "field", "ours", "published", "source")


_METHODS = ("greedy", "syn", "vfa")
"""Methods of the paper."""


def _conditions_by_arm(pairs: pd.DataFrame, protocol: str) -> Iterator[tuple[tuple[object, ...], pd.DataFrame]]:
    """Scores whose conditions are told, with their variant, labelling and evaluation."""
    if protocol == "prime-de" and len(pairs):
        scored = _score_rows(pairs)
        for arm, of in scored[scored["method"].isin(_METHODS)].groupby(list(_ARM), sort=False):
            yield tuple(arm), of
        return
    for numbers, of in _put_beside(pairs, protocol):
        yield tuple(numbers[0][key] for key in _ARM), of


_Numbers = list[dict[str, object]]


def _score_rows(pairs: pd.DataFrame) -> pd.DataFrame:
    """Scores of different subjects, both ways, with the contrast of the scans."""
    scored = _both_ways(fill_in(pairs))
    return scored[scored["split"] != SAME_SUBJECT].dropna(subset="dice")


def _put_beside(pairs: pd.DataFrame, protocol: str) -> Iterator[tuple[_Numbers, pd.DataFrame]]:
    """Rows of the comparison without their conditions, with the scores that they are of."""
    if protocol not in PROTOCOLS or pairs.empty:
        return
    scored = _score_rows(pairs)
    for cell in cells(protocol):
        yield from _compare_cell(cell, scored)
    if protocol == "prime-de":
        yield from _effects(scored)


def _both_ways(pairs: pd.DataFrame) -> pd.DataFrame:
    """Scores on the prepared grid, as published, where the protocol asks for them; then those on the native grid."""
    ways = [pairs.assign(dice=scored_dice(pairs))]
    if "dice_prepared" in pairs:
        how = pairs["evaluation"].str.replace("native", "prepared")
        dice = pairs["dice_prepared"].where(pairs["status"] == "ok")
        grid = pairs["grid"].replace("native", "prepared")
        ways.insert(0, pairs.assign(dice=dice, evaluation=how, grid=grid))
    return pd.concat(ways, ignore_index=True)


def cells(protocol: str) -> Iterator[PublishedCell]:
    """The paper's tables as cells."""
    tables = paper_tables()
    if protocol == "nimh-t1w":
        names = tables["table1"]["columns"]
        for labelling in ("slant", "deepatropos", "synthseg"):
            for method, values in tables["table1"][labelling].items():
                yield PublishedCell(
                    source="Table 1", pairs="T1w", method=method, labelling=labelling, contrast="T1w", n_pairs=9900,
                    trimmed=True, values=dict(zip(names, values, strict=True)),
                )  # fmt: skip
    elif protocol == "nimh-ood":
        names = tables["table2"]["columns"]
        for contrast in ("T2w", "T2starw", "FLAIR"):
            for method, values in tables["table2"][contrast].items():
                yield PublishedCell(
                    source="Table 2", pairs=contrast, method=method, labelling="synthseg", contrast=contrast,
                    n_pairs=5000, trimmed=True, values=dict(zip(names, values, strict=True)),
                )  # fmt: skip
    elif protocol == "ultracortex":
        names = tables["table3"]["columns"]
        for pairs, n in tables["table3"]["n_pairs"].items():
            for key in tables["table3"]["all"]:
                method, variant = key.split("@")
                values = tables["table3"][pairs][key]
                yield PublishedCell(
                    source="Table 3", pairs=pairs, method=method, variant=variant, labelling="manual",
                    ends=_TABLE_3[pairs], n_pairs=n, trimmed=False, values=dict(zip(names, values, strict=True)),
                )  # fmt: skip


def _compare_cell(cell: PublishedCell, scored: pd.DataFrame) -> Iterator[tuple[_Numbers, pd.DataFrame]]:
    """Rows of one cell, for every variant and evaluation that it was run with."""
    rows = scored[scored["method"] == cell.method]
    for column, wanted in (("labelling", cell.labelling), ("moving_contrast", cell.contrast)):
        if wanted:
            rows = rows[rows[column] == wanted]
    if cell.variant:
        # 0.6mm-mind is another way to do what the paper calls 0.6 mm.
        rows = rows[(rows["variant"] == cell.variant) | rows["variant"].str.startswith(f"{cell.variant}-")]
    if cell.ends:
        ends = pd.Series(list(zip(rows["split_moving"], rows["split_fixed"], strict=True)), rows.index, dtype=object)
        rows = rows[ends.isin(cell.ends)]
    for _, of in rows.groupby(["variant", "labelling", "evaluation"], sort=False):
        first = of.iloc[0]
        ours = statistics(of["dice"].to_numpy(np.float64), trimmed=cell.trimmed)
        numbers: _Numbers = [
            {
                **{key: v for key, v in asdict(cell).items() if key in PUBLISHED},
                **{key: first[key] for key in ("variant", "labelling", "evaluation")},
                "quantity": quantity,
                "ours": ours[quantity],
                "published": value,
                "difference": ours[quantity] - value,
                "n_pairs": len(of),
                "n_pairs_published": cell.n_pairs,
            }
            for quantity, value in cell.values.items()
        ]
        yield numbers, of


def statistics(dice: np.ndarray, *, trimmed: bool) -> dict[str, float]:
    """Mean, median and standard deviation (of a sample), after the lowest pairs were dropped if they are to be."""
    kept = np.sort(dice)[len(dice) * TRIMMED_PERCENT // 100 :] if trimmed else dice
    spread = float(np.std(kept, ddof=1)) if len(kept) > 1 else float("nan")
    return {"mean": float(np.mean(kept)), "median": float(np.median(kept)), "std": spread}


def _effects(scored: pd.DataFrame) -> Iterator[tuple[_Numbers, pd.DataFrame]]:
    """PRIME-DE: the paper states effect sizes of greedy over VFA alone."""
    stated = paper_tables()["cohens_d_stated"]
    for group, name in NBEST.items():
        published = float(stated[f"PRIME-DE greedy vs vfa, {group}"])
        of = scored[scored["labelling"] == name]
        for (variant, labelling, evaluation), rows in of.groupby(["variant", "labelling", "evaluation"], sort=False):
            wide = rows.pivot_table(index=["moving", "fixed"], columns="method", values="dice")
            if not {"greedy", "vfa"} <= set(wide.columns):
                continue
            gain = (wide["greedy"] - wide["vfa"]).dropna()
            ours = float(gain.mean() / gain.std()) if len(gain) > 1 and gain.std() > 0 else float("nan")
            row: dict[str, object] = {
                "source": "text on PRIME-DE",
                "pairs": f"all, {group}",
                "variant": variant,
                "method": "greedy − vfa",
                "labelling": labelling,
                "evaluation": evaluation,
                "quantity": "d_z",
                "ours": ours,
                "published": published,
                "difference": ours - published,
                "n_pairs": len(gain),
                "n_pairs_published": 13340,
            }
            yield [row], rows[rows["method"].isin(["greedy", "vfa"])]
