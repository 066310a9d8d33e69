"""What rows of a score table lack that an earlier version or others wrote: told by names, taken apart here alone."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from lumirage_bids.bids.splits import SAME_SUBJECT, TO, Ends

FACTS = (
    *("moving_subject", "fixed_subject", "moving_contrast", "fixed_contrast", "split_moving", "split_fixed"),
    *("grid", "transfer"),
)
"""Columns that tell what names do, and that whatever keeps rows of a score table keeps besides."""

GIVEN = "given"
"""Transfer of label maps that were carried over elsewhere."""
_LINEAR = "linear"
_TRANSFERS = (_LINEAR, "nearest")
_GRIDS = ("native", "prepared", "reference")


def fill_in(rows: pd.DataFrame) -> pd.DataFrame:
    """Fill in the columns `FACTS`, as far as there are the names to tell them by; what rows say themselves stays.

    Parameters
    ----------
    rows : DataFrame
        Rows of a score table, or some of its columns.
    """
    found = {}
    for column, (name, told_by) in _NAMES.items():
        if name not in rows:
            continue
        lacking = rows[column].isna() if column in rows else None
        if lacking is not None and not lacking.any():
            continue
        codes, names = pd.factorize(rows[name])
        told = pd.Series([*map(told_by, map(str, names)), None], dtype=object).to_numpy()[codes]
        filled = pd.Series(told, index=rows.index, dtype=object)
        found[column] = filled if lacking is None else rows[column].astype(object).where(~lacking, filled)
    # A new table of the same columns: nothing is copied, nor does pandas warn of columns that come to many pieces.
    return pd.DataFrame({**rows, **found}, copy=False) if found else rows


def contrast_by_name(scan: str) -> str:
    """Contrast of a scan, the last part of its name.

    Examples
    --------
    >>> contrast_by_name("sub-1_ses-2_acq-a_T2starw")
    'T2starw'
    """
    return scan.rsplit("_", 1)[-1]


def subject_by_name(scan: str) -> str:
    """Subject of a scan, what its name begins with; a template's is the template.

    Examples
    --------
    >>> subject_by_name("sub-01_ses-1_T1w"), subject_by_name("tpl-MNI152NLin2009cAsym_res-01_T1w")
    ('01', 'MNI152NLin2009cAsym')
    """
    return scan.split("_", 1)[0].removeprefix("sub-").removeprefix("tpl-")


def ends_by_name(split: str) -> Ends | None:
    """Kinds of the moving and the fixed scan; None for rescans, and for a name that somebody else gave.

    Examples
    --------
    >>> ends_by_name("MPRAGE to MP2RAGE"), ends_by_name("same subject")
    (('MPRAGE', 'MP2RAGE'), None)
    """
    moving, found, fixed = split.partition(TO)
    return (moving, fixed) if found and split != SAME_SUBJECT else None


def grid_by_name(evaluation: str) -> tuple[str, str] | None:
    """What a value of column ``evaluation`` says: the grid, and ``linear`` or ``nearest``; None if it is none of ours.

    Examples
    --------
    >>> grid_by_name("native"), grid_by_name("reference, nearest"), grid_by_name("half of them")
    (('native', 'linear'), ('reference', 'nearest'), None)
    """
    grid, _, transfer = evaluation.partition(", ")
    found = (grid, transfer or _LINEAR)
    return found if grid in _GRIDS and found[1] in _TRANSFERS else None


def _part(split: Callable[[str], tuple[str, str] | None], place: int) -> Callable[[str], str | None]:
    def part(name: str) -> str | None:
        parts = split(name)
        return parts[place] if parts else None

    return part


_NAMES: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "moving_subject": ("moving", subject_by_name),
    "fixed_subject": ("fixed", subject_by_name),
    "moving_contrast": ("moving", contrast_by_name),
    "fixed_contrast": ("fixed", contrast_by_name),
    "split_moving": ("split", _part(ends_by_name, 0)),
    "split_fixed": ("split", _part(ends_by_name, 1)),
    "grid": ("evaluation", _part(grid_by_name, 0)),
    "transfer": ("evaluation", _part(grid_by_name, 1)),
}
"""Column → the one that holds a name, and what that tells."""
