"""What the rows of a score table are grouped by: arms, and classes of pairs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.bids.splits import SAME_SUBJECT, Splits
from lumirage_bids.output.fill_in import GIVEN, fill_in
from lumirage_bids.stats.score import DICE, Score

ALL = "all"
DIFFERENT_SUBJECTS = "different subjects"
#: The method that is the start itself: the floor that every other method is measured from.
FLOOR = "identity"
_AND = " and "
_GRID = ("grid", "transfer")
_ENDS = ("split_moving", "split_fixed")


def quote(name: str) -> str:
    """A name as it stands in a list of names or a difference: in quotes where it could be taken for two of them.

    Examples
    --------
    >>> quote("syn"), quote("greedy and syn"), quote("greedy − syn")
    ('syn', '“greedy and syn”', '“greedy − syn”')
    """
    return f"“{name}”" if any(between in name for between in (_AND, ", ", "; ", " − ", " - ")) else name


class Arm(NamedTuple):
    """What is compared with what: a method under a variant."""

    variant: str
    method: str


def arms_of(table: pd.DataFrame) -> list[Arm]:
    """Arms of a table with columns ``variant`` and ``method``, in the order of every table and figure.

    Methods come as they first appear, the floor ``identity`` before all others; within a method, variants come as
    they first appear. So a difference "later minus earlier" is a gain over the floor wherever the floor takes part.
    """
    return number_arms(table)[0]


def number_arms(table: pd.DataFrame) -> tuple[list[Arm], npt.NDArray[np.intp]]:
    """Arms of a table, as `arms_of` tells them, and the place of each row's among them."""
    numbered = (pd.factorize(table[name], use_na_sentinel=False) for name in ("variant", "method"))
    (variant, variants), (method, methods) = numbered
    codes = variant * max(1, len(methods)) + method
    there = np.bincount(codes, minlength=len(variants) * len(methods)) > 0
    order = sorted(range(len(methods)), key=lambda place: methods[place] != FLOOR)
    numbers = [i * len(methods) + m for m in order for i in range(len(variants)) if there[i * len(methods) + m]]
    places = np.zeros(len(there), dtype=np.intp)
    places[numbers] = np.arange(len(numbers))
    return [Arm(variants[n // len(methods)], methods[n % len(methods)]) for n in numbers], places[codes]


def arm_labels(arms: Iterable[Arm], aside: Collection[Arm] = ()) -> dict[Arm, str]:
    """Shortest unambiguous name of each arm: the variant is told only where there are several.

    Of arms in `aside` it is said that they are set aside.

    Examples
    --------
    >>> list(arm_labels([Arm("1mm", "syn"), Arm("1mm", "greedy")]).values())
    ['syn', 'greedy']
    >>> list(arm_labels([Arm("1mm", "syn"), Arm("0.6mm", "syn")]).values())
    ['syn (1mm)', 'syn (0.6mm)']
    >>> arm_labels([Arm("1mm", "syn")], aside=[Arm("1mm", "syn")])[Arm("1mm", "syn")]
    'syn (set aside)'

    A name that could be taken for two stands in quotes.

    >>> list(arm_labels([Arm("1mm", "greedy and syn")]).values())
    ['“greedy and syn”']
    """
    arms = list(arms)
    several = len({arm.variant for arm in arms}) > 1
    told = {arm: [quote(arm.variant)] * several + ["set aside"] * (arm in aside) for arm in arms}
    return {arm: quote(arm.method) + (f" ({', '.join(words)})" if words else "") for arm, words in told.items()}


def arm_names(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Name of each row's arm, as in `arm_labels`."""
    arms, codes = number_arms(rows)
    return np.array([*arm_labels(arms).values(), ""], dtype=object)[codes]


def grids_of(pairs: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Evaluations of a score table, in the order of `evaluations_of`: grid and transfer of each that is one of ours."""
    ours = pairs[pairs["transfer"] != GIVEN] if "transfer" in pairs else pairs
    rows = fill_in(ours.drop_duplicates("evaluation").reindex(columns=["evaluation", *_GRID])).dropna()
    return {str(how): (str(grid), str(transfer)) for how, grid, transfer in rows.sort_values("evaluation").to_numpy()}


def splits_of(pairs: pd.DataFrame) -> Splits:
    """Splits of a score table, in the order that they come in."""
    rows = fill_in(pairs.drop_duplicates("split").reindex(columns=["split", *_ENDS]))
    return {
        str(split): None if split == SAME_SUBJECT or pd.isna(moving) or pd.isna(fixed) else (str(moving), str(fixed))
        for split, moving, fixed in rows.itertuples(index=False, name=None)
    }


def evaluations_of(table: pd.DataFrame) -> list[str]:
    """Evaluations of a table with that column: native grids before the reference's, linear transfer before nearest.

    Scores of two evaluations are two quantities: a difference between them is none between methods.
    """
    return sorted(table["evaluation"].unique())  # the names are in this order


def pair_classes(splits: Splits, *, primary: bool = False) -> dict[str, frozenset[str]]:
    """Classes of pairs to sum up, each with the splits it is made of, widest first.

    Parameters
    ----------
    splits : mapping
        As of `splits_of`.
    primary : bool
        Whether only the class that a verdict is about, see `primary_class`.

    Returns
    -------
    dict
        ``all`` (every pair); ``different subjects`` where there are rescans to be left out; one class for each two
        directions that both occur (``MP2RAGE and MPRAGE``; ``“MP2RAGE” and “MPRAGE”`` where a split is called the
        other way, or a sequence's own name has an "and"); then every split itself, rescans last.

    Examples
    --------
    >>> list(pair_classes({"T1w to T2w": ("T1w", "T2w"), "T2w to T1w": ("T2w", "T1w"), "same subject": None}))
    ['all', 'different subjects', 'T1w and T2w', 'T1w to T2w', 'T2w to T1w', 'same subject']
    """
    found = list(splits)
    between = [split for split in found if split != SAME_SUBJECT]
    called = {ends: split for split in between if (ends := splits[split])}
    classes = {ALL: frozenset(found)} if found else {}
    if between and len(between) < len(found):
        classes[DIFFERENT_SUBJECTS] = frozenset(between)
    for (moving, fixed), split in called.items():
        back = called.get((fixed, moving))
        if moving < fixed and back:
            plain = f"{moving}{_AND}{fixed}"
            name = f"“{moving}”{_AND}“{fixed}”" if plain in found or plain.count(_AND) > 1 else plain
            classes[name] = frozenset([split, back])
    ordered = sorted(between) + [split for split in found if split == SAME_SUBJECT]
    classes |= {split: frozenset([split]) for split in ordered}
    return {name: classes[name] for name in [primary_class(classes)] if classes} if primary else classes


def splits_of_each(pairs: pd.DataFrame) -> dict[tuple[str, str], Splits]:
    """Splits of each labelling and evaluation of a score table."""
    found = pairs.drop_duplicates(["labelling", "evaluation", "split"])
    return {
        (str(labelling), str(how)): splits_of(of)
        for (labelling, how), of in found.groupby(["labelling", "evaluation"], sort=False)
    }


def merge_same_pairs(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table with a row per class, of classes that hold the same pairs the widest alone, which names them all.

    Parameters
    ----------
    table : DataFrame
        With columns labelling and split.
    pairs : DataFrame
        The score table: of which splits each class is made.

    Returns
    -------
    DataFrame
        ``all: T1w to T1w`` in column split where all pairs are of one split.
    """
    names: dict[tuple[str, str], str] = {}
    for labelling, rows in each_labelling(pairs):
        alike: dict[frozenset[str], list[str]] = {}
        for name, members in pair_classes(splits_of(rows)).items():
            alike.setdefault(members, []).append(name)
        names |= {(str(labelling), same[0]): ": ".join(dict.fromkeys([same[0], same[-1]])) for same in alike.values()}
    told = [names.get(key, "") for key in zip(table["labelling"], table["split"], strict=True)]
    return table.assign(split=told)[[bool(name) for name in told]]


def primary_class(classes: Iterable[str]) -> str:
    """Name the class that a verdict is about: different subjects where rescans are among the pairs, else all pairs."""
    return DIFFERENT_SUBJECTS if DIFFERENT_SUBJECTS in set(classes) else ALL


def primary_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a table that are of the class of pairs that the verdict on their labelling is about."""
    primary = {name: primary_class(of) for name, of in table.groupby("labelling")["split"]}
    return table[table["split"] == table["labelling"].map(primary)]


def select(rows: pd.DataFrame, kept: pd.Series[bool]) -> pd.DataFrame:
    """Some rows of a table; where that is all, the table itself: a copy of a large study takes long, and its memory."""
    return rows if kept.all() else rows[kept]


def each_labelling(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Labellings of a table, in the order that they come in, with their rows."""
    for name in rows["labelling"].unique():
        yield str(name), select(rows, rows["labelling"] == name)


def rows_of_class(pairs: pd.DataFrame, labelling: str, name: str) -> pd.DataFrame:
    """Rows of a labelling whose pairs are of a class; none where the labelling has no such pairs."""
    rows = select(pairs, pairs["labelling"] == labelling)
    return select(rows, rows["split"].isin(pair_classes(splits_of(rows)).get(name, frozenset())))


def scores_of(pairs: pd.DataFrame, score: Score = DICE) -> pd.Series[float]:
    """Score of each pair, NaN where the pair failed or had nothing to score."""
    return pairs[score.column].astype("float64").where(pairs["status"] == "ok")


def scored_dice(pairs: pd.DataFrame) -> pd.Series[float]:
    """Mean Dice of each pair, NaN where the pair failed or had no structure to score."""
    return scores_of(pairs)
