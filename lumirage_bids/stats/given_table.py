"""A table of scores that somebody else made: read, checked, and brought into the columns of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.measures import columns, compared_columns, structure_column
from lumirage_bids.stats.classes import arm_labels, arms_of
from lumirage_bids.stats.given_cells import read_cells
from lumirage_bids.stats.given_subjects import given_subjects
from lumirage_bids.stats.score import DICE, rounding_of, step_of

REQUIRED = ("method", "moving", "fixed")
OPTIONAL = (
    *("status", "kind", "reason", "split", "variant", "labelling", "evaluation"),
    *("subject_moving", "subject_fixed"),
)
STATES = ("ok", "failed", "missing", "pending")
OF_DICE = {"n_structures", "dice_initial"}
"""Columns of our own tables that bear on a verdict on Dice alone."""
#: What pairs of different subjects are called where a table has no column split.
BETWEEN = "different subjects"
RESCAN = "same subject"
#: The start without deformation.
FLOOR = "identity"


#: Names of columns that hold a Dice: a mean, or that of the structure of an index.
DICE_COLUMN = re.compile(r"dice(_mean|_[0-9]+)?")
_STRUCTURE = re.compile(r"dice_[0-9]+")
_MEAN_DICE = (DICE.column, "dice")  # names of a mean Dice
#: Share of the rows, percent, that may have another mean than that of the structures given.
_MAY_DIFFER_PERCENT = 5
#: Standard errors, of half a rounding at most, by which a method's mean may be another than that of its structures.
_CHANCE = 5 / 2


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """A table of scores as the statistics want it.

    Attributes
    ----------
    pairs : DataFrame
        A row per variant × method × labelling × pair, with ``subject_moving`` and ``subject_fixed``, and the score in
        the column that `column_of` names.
    planned : int
        Pairs in the table, those without any score too.
    notes : sequence of str
        What was assumed or left out.
    structures : mapping of str to int
        Labelling → most structures that a Dice is of; those that the table names, where it does not count them. Empty
        of other scores, and where nothing is known.
    counted : bool
        Whether the score is that of these: `n_structures` says so, or it is their mean.
    """

    pairs: pd.DataFrame
    planned: int
    notes: Sequence[str]
    structures: Mapping[str, int] = field(default_factory=dict)
    counted: bool = True


def column_of(score: str) -> str:
    """Column of the table as it is read that holds a score: whatever is called a Dice stands where our own does.

    Examples
    --------
    >>> column_of("dice"), column_of("tre_mm")
    ('dice_mean', 'tre_mm')
    """
    return DICE.column if DICE_COLUMN.fullmatch(score) else score


def read_score_table(given: Path | pd.DataFrame, score: str, *, named: bool) -> ScoreTable:
    """Read a TSV or CSV of scores.

    Parameters
    ----------
    given : Path or DataFrame
    score : str
        Column to judge.
    named : bool
        Whether the user named it; else it is the default.

    Raises
    ------
    MissingInputError
        There is no such file.
    BadDataError
        It is no table of scores; the message says where and why.
    UsageError
        The column that was named is not there.
    """
    file, raw = read_cells(given)
    _check_columns(file, raw, score, named=named)
    _check_filled(file, raw)
    held, notes = column_of(score), list[str]()
    table = _read_rows(file, raw, score, notes)
    notes += _tell_lacking(table, held)
    done, single = _read_more(file, raw, _keep_done(table, notes), score)
    structures = _structures(done, single) if score in _MEAN_DICE else {}
    counted = not single or _make_up_the_mean(done, single)
    if not counted:
        notes.append(
            f"{score} is not the mean of the {len(single)} columns dice_<index>, so they are left aside: what single "
            "structures make of it is not known. One of them is judged with --score dice_<index>."
        )
        done = done.drop(columns=single)
    if "status" not in raw:
        done = _add_absent(done, held, notes)
    return ScoreTable(
        pairs=done.reset_index(drop=True),
        planned=len(table[["moving", "fixed"]].drop_duplicates()),
        notes=notes,
        structures=structures,
        counted=counted,
    )


def _read_rows(file: Path, raw: pd.DataFrame, score: str, notes: list[str]) -> pd.DataFrame:
    """Rows with what they are of and their score, in our own columns; those of a scan with itself left out."""
    held = column_of(score)
    table = raw[list(REQUIRED)].copy()
    table["method"] = _spell_floor(table["method"], notes)
    table[held] = _numbers(file, raw[score], score)
    table["status"] = _states(file, raw, table[held], _find_failing(raw, table[held], held))
    table["kind"], table["reason"] = raw.get("kind"), raw.get("reason")
    if table[held].isna().all() and ("status" not in raw or (table["status"] == "ok").any()):
        raise _complain_of_empty(file, raw, score)
    for column, default in (("variant", "default"), ("labelling", "scores"), ("evaluation", "native")):
        table[column] = raw[column].fillna(default) if column in raw else default
    for side, subjects in given_subjects(file, raw, notes).items():
        table[f"subject_{side}"] = subjects
    table["split"] = _splits(file, raw, table["subject_moving"] == table["subject_fixed"])
    itself = table["moving"] == table["fixed"]
    if itself.any():
        notes.append(f"{int(itself.sum())} rows of a scan with itself were left out.")
    table = table[~itself]
    _check_repeats(file, table)
    _check_splits(file, table)
    return table


def _splits(file: Path, raw: pd.DataFrame, same: pd.Series[bool]) -> pd.Series[str]:
    """Split of each row; `same`: those of a subject with itself."""
    _check_reserved(file, raw, same)
    given = raw["split"].fillna("no split given") if "split" in raw else pd.Series(BETWEEN, index=raw.index)
    return given.mask(same, RESCAN)


def _keep_done(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Rows that are neither pending nor missing."""
    done = table[~table["status"].isin(("missing", "pending"))]
    if len(done) < len(table):
        notes.append(f"{len(table) - len(done)} rows are pending or missing: those pairs count as not done.")
        notes += _tell_not_begun(table, done)
    return done


def _read_more(file: Path, raw: pd.DataFrame, done: pd.DataFrame, score: str) -> tuple[pd.DataFrame, list[str]]:
    """Add what else is measured of the rows; and name the columns of single structures that the score may be of."""
    more = {c: c for c in raw.columns if c in compared_columns()}
    if dice := [c for c in _MEAN_DICE if c in raw]:
        more[DICE.column] = dice[0]
    more.pop(column_of(score), None)
    if score in _MEAN_DICE:
        more |= {c: c for c in raw.columns if c in OF_DICE or _STRUCTURE.fullmatch(c)}
    done = done.assign(**{name: _numbers(file, raw[column], column) for name, column in more.items()})
    return done, [c for c in more if _STRUCTURE.fullmatch(c)]


def _tell_lacking(table: pd.DataFrame, held: str) -> Iterator[str]:
    """Tell of rows of which status and score do not go together."""
    scored, ok = table[held].notna(), table["status"] == "ok"
    if n := int(((table["status"] == "failed") & scored).sum()):
        yield f"{n} failed rows have a score, which does not count."
    by_any = scored & ok
    by_any = by_any.groupby([table[key] for key in ("labelling", "moving", "fixed")]).transform("any")
    if n := int((ok & ~scored & by_any).sum()):
        yield f"{n} rows have status ok and no score, where others have one: they count at worst, as failed ones do."


def _tell_not_begun(table: pd.DataFrame, done: pd.DataFrame) -> Iterator[str]:
    """Tell of methods of which no pair is done: no sentence is about them."""
    begun = set(arms_of(done))
    left = [name for arm, name in arm_labels(arms_of(table)).items() if begun and arm not in begun]
    if left:
        yield f"Not one pair is done yet of {', '.join(left)}."


def _structures(done: pd.DataFrame, named: Sequence[str]) -> dict[str, int]:
    """Labelling → most structures that a Dice is of."""
    found = {}
    for labelling, rows in done.groupby("labelling", sort=False):
        counts = rows["n_structures"] if "n_structures" in rows else pd.Series(dtype="float64")
        most = counts.max() if counts.notna().any() else int(rows[list(named)].notna().any().sum())
        if most > 0:
            found[str(labelling)] = int(most)
    return found


def _make_up_the_mean(done: pd.DataFrame, named: Sequence[str]) -> bool:
    """Whether the score is the mean of the structures given, but for rounding and a few rows; true where none is."""
    values, means = done[list(named)].to_numpy(dtype=np.float64), done["dice_mean"].to_numpy(dtype=np.float64)
    count = np.isfinite(values).sum(axis=1)
    known = (count > 0) & np.isfinite(means)
    if not known.any():
        return True
    rounding = (step_of(means) + step_of(values)) / 2 + rounding_of(means)
    apart = np.nansum(values[known], axis=1) / count[known] - means[known]
    differs = np.abs(apart) > rounding
    if "n_structures" in done:
        differs |= done["n_structures"].to_numpy(dtype=np.float64)[known] > count[known]
    if 100 * differs.mean() > _MAY_DIFFER_PERCENT:
        return False
    # Rounding favours no method: where structures are missing, all pairs may agree by chance, but not all means.
    arms = done.loc[known, ["labelling", "evaluation", "variant", "method"]].agg(tuple, axis="columns")
    of_arms = pd.Series(apart - apart[~differs].mean())[~differs].groupby(arms.to_numpy()[~differs])
    return bool((of_arms.mean().abs() <= rounding * np.minimum(1, _CHANCE / np.sqrt(of_arms.size()))).all())


def _add_absent(table: pd.DataFrame, held: str, notes: list[str]) -> pd.DataFrame:
    """Add a row without a score for each pair that a method has no row of: nobody said that it is still to be done."""
    arm, pair = ["labelling", "evaluation", "variant", "method"], ["moving", "fixed"]
    own = [*pair, "split", "subject_moving", "subject_fixed"]
    of_method = table[table["method"] != FLOOR]
    added = []
    for key, arms in of_method[arm].drop_duplicates().groupby(["labelling", "evaluation"], sort=False):
        here = table[(table["labelling"] == key[0]) & (table["evaluation"] == key[1])]
        every = here[own].drop_duplicates(pair).merge(arms, how="cross")
        rows = [pd.MultiIndex.from_frame(of[["labelling", "variant", "method", *pair]]) for of in (every, table)]
        there = rows[0].isin(rows[1])
        added.append(every[~there].assign(status="ok", **{held: np.nan}))
    absent = pd.concat(added, ignore_index=True) if added else pd.DataFrame()
    if absent.empty:
        return table
    notes.append(
        f"{len(absent)} times a method has no row of a pair that another one has: such pairs count as without a score. "
        "If they are not done yet, say so in a column status."
    )
    return pd.concat([table, absent], ignore_index=True)


def _check_columns(file: Path, table: pd.DataFrame, score: str, *, named: bool) -> None:
    columns = ", ".join(table.columns)
    if lacking := [c for c in REQUIRED if c not in table]:
        raise BadDataError(
            f"{file} lacks column(s) {', '.join(lacking)}. It has: {columns}. Needed: method, moving, fixed."
        )
    known = [c for c in table.columns if c not in (*REQUIRED, *OPTIONAL)]
    if score in known:
        return
    choice = f"one of: {', '.join(known)}" if known else "there is no other column, so add one"
    if named:
        raise UsageError(f"--score {score}: {file} has no such column{' of scores' * (score in table)}; {choice}.")
    raise BadDataError(f"{file} has no column {score}. Name the scores with --score NAME; {choice}.")


def _check_filled(file: Path, table: pd.DataFrame) -> None:
    for column in REQUIRED:
        if (empty := table[column].isna()).any():
            raise BadDataError(f"{file}, line {table.index[empty][0]}: column {column} is empty. Fill it in.")


def _complain_of_empty(file: Path, raw: pd.DataFrame, score: str) -> BadDataError:
    """The complaint that no row has a score, though they are not said to have failed."""
    filled = [c for c in raw.columns if c not in (*REQUIRED, *OPTIONAL) and raw[c].notna().any()]
    choice = f", such as {', '.join(filled)}" if filled else ""
    return BadDataError(f"{file}: column {score} is empty, no row has a score. Name another with --score NAME{choice}.")


def _spell_floor(methods: pd.Series[str], notes: list[str]) -> pd.Series[str]:
    """Spell the start without deformation as our own tables do, whatever its capitals; it is no competitor."""
    other = (methods.str.lower() == FLOOR) & (methods != FLOOR)
    if not other.any():
        return methods
    notes.append(f"{methods[other].iloc[0]} is taken for {FLOOR}, the start without deformation: it is not ranked.")
    return methods.mask(other, FLOOR)


def _numbers(file: Path, cells: pd.Series[str], column: str) -> pd.Series[float]:
    """Cells as numbers, NaN where empty; every other cell that is none is refused."""
    numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
    bad = (numbers.isna() & cells.notna()) | np.isinf(numbers)
    if bad.any():
        line, value = int(cells.index[bad][0]), cells[bad].iloc[0]
        comma = " Write decimals with a point." if "," in value else ""
        raise BadDataError(
            f"{file}, line {line}: {column} is {value!r}, which is not a number.{comma} No score: leave it empty."
        )
    about = columns().get(DICE.column if DICE_COLUMN.fullmatch(column) else structure_column(column) or column)
    if about is not None and about.lies is not None:
        low, high = about.lies
        beyond = (numbers < low) | (numbers > high)
        if beyond.any():
            line, value = int(cells.index[beyond][0]), cells[beyond].iloc[0]
            percent = high == 1 and numbers[beyond].iloc[0] > 1
            lies = f"lies in {low:g} to {high:g}" if np.isfinite(high) else f"is {low:g} or more"
            do = "Divide percent by 100." if percent else "Leave the cell empty where it was not measured."
            raise BadDataError(f"{file}, line {line}: {column} is {value}; {about.called} {lies}. {do}")
    return numbers


def _find_failing(raw: pd.DataFrame, scores: pd.Series[float], held: str) -> pd.Series[bool]:
    """Rows that failed where none says so: without a Dice, or another score that any method has of the pair."""
    if held == DICE.column:
        return scores.isna()
    pair = [raw[column] for column in ("labelling", "moving", "fixed") if column in raw]
    return scores.isna() & scores.notna().groupby(pair, dropna=False).transform("any")


def _states(file: Path, table: pd.DataFrame, scores: pd.Series[float], failing: pd.Series[bool]) -> pd.Series[str]:
    """State of each row; without a column for it, by which of them are `failing`."""
    by_score = pd.Series("ok", index=table.index).mask(failing, "failed")
    if "status" not in table:
        return by_score
    states = table["status"].str.lower()
    bad = ~states.isin(STATES) & states.notna()
    if bad.any():
        line, value = int(table.index[bad][0]), table.loc[bad, "status"].iloc[0]
        raise BadDataError(f"{file}, line {line}: status is {value!r}; allowed: {', '.join(STATES)}.")
    return states.fillna(by_score)


def _check_reserved(file: Path, raw: pd.DataFrame, same: pd.Series[bool]) -> None:
    """Refuse splits that are called as our own classes of pairs are: they would be taken for them."""
    if "split" not in raw:
        return
    named = raw["split"][~same]
    several = named.nunique(dropna=False) > 1
    wrong = named.isin(["all", RESCAN, *([BETWEEN] if several else [])])
    if wrong.any():
        line, name = int(named.index[wrong][0]), named[wrong].iloc[0]
        raise BadDataError(
            f"{file}, line {line}: a split of pairs of different subjects is called {name!r}, the name of our own "
            "class of pairs. Give it another name."
        )


def _check_repeats(file: Path, table: pd.DataFrame) -> None:
    key = ["variant", "method", "labelling", "moving", "fixed"]
    double = table.duplicated(key)
    if double.any():
        row = table[double].iloc[0]
        what = ", ".join(
            f"{name} {row[name]}" for name in key if name in ("method", "moving", "fixed") or table[name].nunique() > 1
        )
        raise BadDataError(
            f"{file}, line {table.index[double][0]}: repeats an earlier row ({what}); {int(double.sum())} such rows. A "
            "pair has one score per method; tell runs apart by a column variant, label sets by a column labelling."
        )


def _check_splits(file: Path, table: pd.DataFrame) -> None:
    """Refuse a pair that is in two splits: methods would be compared over other pairs."""
    of = table[["labelling", "moving", "fixed", "split"]].drop_duplicates()
    twice = of.duplicated(["labelling", "moving", "fixed"])
    if twice.any():
        row = of[twice].iloc[0]
        raise BadDataError(
            f"{file}, line {of.index[twice][0]}: the pair {row['moving']}, {row['fixed']} is in another split in an "
            f"earlier row than {row['split']!r}. The split is the pair's, the same for every method."
        )
