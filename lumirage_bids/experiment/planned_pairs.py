"""Pairs of a run's protocol, as the tables of an output folder tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lumirage_bids.experiment.status import LEFT_OUT
from lumirage_bids.output.fill_in import subject_by_name
from lumirage_bids.output.folder import Output

Pairs = frozenset[tuple[str, str]]
"""Names of moving and fixed scans."""


@dataclass(frozen=True, kw_only=True)
class PlannedPairs:
    """Pairs of the latest run's protocol.

    Attributes
    ----------
    number : int
        How many there are.
    which : frozenset or None
        Those by name; None where that is not known: the first run is at work, or the table is of another one.
    gone : frozenset
        Those of which a scan is not here, as far as that is known.
    """

    number: int
    which: Pairs | None = None
    gone: Pairs = frozenset()


def read_planned(output: Output, number: int) -> PlannedPairs:
    """Read the pairs of the status table, which the end of a run writes, if it has so many."""
    table = output.read_table("status.tsv")
    if not {"moving", "fixed"} <= set(table.columns):
        return PlannedPairs(number=number)
    table = table.reindex(columns=["moving", "fixed", "status"])
    table = table[table["status"] != LEFT_OUT]
    which = pairs_of(table)
    if len(which) != number:
        return PlannedPairs(number=number)
    return PlannedPairs(number=number, which=which, gone=pairs_of(table[table["status"] == "missing"]))


def pairs_of(table: pd.DataFrame) -> Pairs:
    """Pairs of a table with columns ``moving`` and ``fixed``."""
    return frozenset(zip(table["moving"], table["fixed"], strict=True))


def asked_pairs(pairs: Iterable[tuple[str, str]], records: Iterable[Mapping[str, Any]]) -> Pairs:
    """Those of some pairs that a run was asked for: of the moving and fixed subjects that it named, all where of none.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Names of the moving and fixed scans.
    records : iterable of mapping
        Of the runs.
    """
    named = [[set(r["settings"].get(option, ())) for option in ("participant_label", "fixed_label")] for r in records]
    subjects = [((moving, fixed), (subject_by_name(moving), subject_by_name(fixed))) for moving, fixed in pairs]
    return frozenset(
        pair
        for pair, sides in subjects
        if any(all(not of or side in of for side, of in zip(sides, each, strict=True)) for each in named)
    )
