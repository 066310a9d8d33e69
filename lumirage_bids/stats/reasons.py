"""Why pairs have no score: counted by kind of failure, since words hold figures that are never the same twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from lumirage_bids.base.failures import KINDS, kind_by_words

NOT_TOLD = "no reason given"


def count_kinds(failed: pd.DataFrame, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Count failed pairs by kind.

    Parameters
    ----------
    failed : DataFrame
        A row per pair that failed, with `keys`, and columns kind and reason where they are known. Of a kind that is
        none of ours, as in tables that others made, words that are the same are one kind.
    keys : sequence of str
        Columns that are counted apart.

    Returns
    -------
    DataFrame
        A row per value of `keys` and kind, the most frequent first: `keys`, ``kind``, ``reason`` (its most frequent
        words), ``n`` (pairs) and ``n_reasons`` (how many different words there are).
    """
    told = failed["reason"] if "reason" in failed else pd.Series(None, index=failed.index, dtype=object)
    words = told.astype(object).fillna(NOT_TOLD).astype(str)
    given = failed["kind"] if "kind" in failed else pd.Series(None, index=failed.index, dtype=object)
    kinds = [k if k in KINDS else _kind(text) for k, text in zip(given, words, strict=True)]
    rows = failed[list(keys)].assign(kind=kinds, reason=words)
    counts = rows.groupby([*keys, "kind", "reason"], sort=False).size().rename("size").reset_index()
    # Stable: of equally frequent words those that stand first.
    counts = counts.sort_values("size", ascending=False, kind="stable")
    each = counts.groupby([*keys, "kind"], sort=False)
    found = each.agg(reason=("reason", "first"), n=("size", "sum"), n_reasons=("reason", "size")).reset_index()
    return found.sort_values("n", ascending=False, kind="stable", ignore_index=True)


def _kind(words: str) -> str:
    """The kind that words begin with, else the words themselves."""
    kind = kind_by_words(words)
    return words if kind == "error" else kind


def tell_kind(row: Mapping[Hashable, Any]) -> str:
    """Words of one kind of failure, and whether there are others of it.

    Examples
    --------
    >>> tell_kind({"kind": "out of memory", "reason": "out of memory: 3.1 GB", "n_reasons": 7})
    'out of memory: 3.1 GB, and the like'
    >>> tell_kind({"kind": "error", "reason": "ValueError: no voxel", "n_reasons": 2})
    'ValueError: no voxel, and other errors'
    """
    if row["n_reasons"] == 1:
        return str(row["reason"])
    return f"{row['reason']}, and {'other errors' if row['kind'] == 'error' else 'the like'}"
