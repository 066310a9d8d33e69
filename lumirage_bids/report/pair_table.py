"""Every pair with its Dice in every arm: numbers that the page's script draws a page of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lumirage_bids.stats.classes import arm_labels, arms_of, each_labelling, scored_dice

#: With more pairs the page would take seconds to open; it says so and points to the table.
MOST_PAIRS = 50_000
FAILED = -1


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """A table of pairs of one labelling.

    Attributes
    ----------
    name : str
        Id on the page.
    labelling : str
    arms : tuple of str
        Headings of the columns with Dice.
    n : int
        Pairs.
    several : bool
        Whether pairs are of more than one split.
    data : str
        JSON: ``splits`` by number; columns ``moving`` and ``fixed`` of numbers of the page's scans, and ``split``;
        ``dice``, a column per arm, in thousandths: null where the arm did not run the pair, `FAILED` where it failed.
    """

    name: str
    labelling: str
    arms: tuple[str, ...]
    n: int
    several: bool
    data: str


def pair_tables(pairs: pd.DataFrame, scans: Sequence[str]) -> list[PairTable]:
    """Lay out the pairs of each labelling, a row per pair, unless they are more than `MOST_PAIRS`.

    Parameters
    ----------
    pairs : DataFrame
        The score table.
    scans : sequence of str
        Names of all scans, in the order in which the page numbers them.
    """
    return [
        _pair_table(rows, labelling, f"pairs-{number}", scans)
        for number, (labelling, rows) in enumerate(each_labelling(pairs), start=1)
        if len(rows[["moving", "fixed"]].drop_duplicates()) <= MOST_PAIRS
    ]


def _pair_table(rows: pd.DataFrame, labelling: str, name: str, scans: Sequence[str]) -> PairTable:
    labels = arm_labels(arms_of(rows))
    index = pd.Index(scans)
    moving, fixed = (index.get_indexer(pd.Index(rows[side].astype(str))) for side in ("moving", "fixed"))
    pair, first, row = np.unique(moving * len(scans) + fixed, return_index=True, return_inverse=True)
    splits, split = np.unique(rows["split"].to_numpy(dtype=str), return_inverse=True)
    score = np.where(rows["status"] == "ok", (1000 * scored_dice(rows)).round(), FAILED)
    dice = []
    for arm in labels:
        mine = ((rows["variant"] == arm.variant) & (rows["method"] == arm.method)).to_numpy()
        column = np.full(len(pair), np.nan)
        column[row[mine]] = score[mine]
        dice.append([None if np.isnan(value) else int(value) for value in column])
    data = {
        "splits": splits.tolist(),
        **{"moving": moving[first].tolist(), "fixed": fixed[first].tolist(), "split": split[first].tolist()},
        "dice": dice,
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return PairTable(
        name=name,
        labelling=labelling,
        arms=tuple(labels.values()),
        n=len(pair),
        several=len(splits) > 1,
        data=text,
    )
