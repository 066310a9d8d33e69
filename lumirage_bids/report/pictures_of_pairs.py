"""Which pairs are shown, of those that there are pictures of, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lumirage_bids.output import paths
from lumirage_bids.output.pair_pictures import Note, PairPictures, find_notes, read_pictures
from lumirage_bids.report.figures.base import slug
from lumirage_bids.report.pictures_of_scans import scan_of_row
from lumirage_bids.stats.classes import arms_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from lumirage_bids.output.folder import Output

MOST_ASKED = 10
"""How many pairs of an arm a page shows because they were asked for: one is about 0.2 MB."""


@dataclass(frozen=True, kw_only=True)
class ShownPair:
    """A pair and its pictures.

    Attributes
    ----------
    row : Series
        Of the score table.
    place : str
        Where it stands among others by its Dice, in words.
    pictures : PairPictures
    """

    row: pd.Series[str]
    place: str
    pictures: PairPictures

    @property
    def title(self) -> str:
        """Which pair, its place and its Dice."""
        row = self.row
        return f"{self.place}: {row['moving']} onto {row['fixed']}, Dice {float(row['dice_mean']):.3f}"

    @property
    def page(self) -> str:
        """Page of the moving subject, below the output folder."""
        return f"sub-{self.row['moving_subject']}.html"

    @property
    def anchor(self) -> str:
        """Where the page of the moving subject shows it."""
        return name_anchor(self.row)


def name_anchor(row: pd.Series[str]) -> str:
    """Name of a pair, registered by an arm, on the page of its moving subject."""
    return slug(f"pair-{paths.description(row['variant'], row['method'])}-{row['moving']}-{row['fixed']}")


def find_shown(output: Output, pairs: pd.DataFrame) -> Iterator[ShownPair]:
    """Find worst, median and best pair by Dice.

    Parameters
    ----------
    output : Output
        Where participant runs kept pictures.
    pairs : DataFrame
        Rows of one arm and labelling, with columns moving_subject and fixed_subject.

    Yields
    ------
    ShownPair
        Instead of a median that there are no pictures of, the pair nearest to it; no other takes another's place.
    """
    scored = pairs[pairs["status"] == "ok"].dropna(subset="dice_mean").sort_values("dice_mean", kind="stable")
    where = {row: kept for kept, note in _find_notes(output, scored).items() for row in note["hashes"].values()}
    there = [place for place, row in enumerate(scored["hash"]) if row in where]
    last, half = len(scored) - 1, len(scored) // 2
    middle = min((place for place in there if 0 < place < last), key=lambda place: abs(place - half), default=None)
    for place in (0, middle, last):
        if place in there:
            there.remove(place)
            row = scored.iloc[place]
            pictures = read_pictures(output, *where[row["hash"]])
            yield ShownPair(row=row, place=tell_place(place, len(scored)), pictures=pictures)


def _find_notes(output: Output, pairs: pd.DataFrame) -> dict[tuple[Path, str], Note]:
    """What is noted of the pictures of an arm's pairs, by where they are."""
    found: dict[tuple[Path, str], Note] = {}
    for _, row in pairs.drop_duplicates("moving").iterrows():
        found |= find_notes(output, scan_of_row(row, "moving"), paths.description(row["variant"], row["method"]))
    return found


def find_kept(output: Output, pairs: pd.DataFrame) -> tuple[list[ShownPair], int]:
    """Find what a subject's page shows, and how many pairs more there are pictures of because they were asked for.

    Parameters
    ----------
    output : Output
    pairs : DataFrame
        Rows with one subject's scans moving.

    Returns
    -------
    shown : list of ShownPair
        Arm by arm: worst, median and best pair by each labelling, then up to `MOST_ASKED` of those asked for.
    more : int
    """
    found: list[ShownPair] = []
    more = 0
    for arm in arms_of(pairs):
        mine = pairs[(pairs["variant"] == arm.variant) & (pairs["method"] == arm.method)]
        by_score = [pair for _, rows in mine.groupby("labelling", sort=False) for pair in find_shown(output, rows)]
        shown = {pair.anchor: pair for pair in reversed(by_score)}
        asked = {
            row: kept
            for kept, note in _find_notes(output, mine).items()
            if note["asked"]
            for row in note["hashes"].values()
        }
        others = mine[mine["hash"].isin(asked)].drop_duplicates(["moving", "fixed"])
        others = others[[name_anchor(row) not in shown for _, row in others.iterrows()]]
        found += [pair for pair in by_score if shown[pair.anchor] is pair]
        for _, row in others.head(MOST_ASKED).iterrows():
            pictures = read_pictures(output, *asked[row["hash"]])
            found.append(ShownPair(row=row, place="kept on request", pictures=pictures))
        more += max(0, len(others) - MOST_ASKED)
    return found, more


def tell_place(place: int, n: int) -> str:
    """Say where a pair stands, from the worst, 0, to the best.

    Examples
    --------
    >>> tell_place(0, 9), tell_place(4, 9), tell_place(5, 9), tell_place(8, 9)
    ('worst of 9 pairs', 'median of 9 pairs', 'number 6 from the worst of 9 pairs', 'best of 9 pairs')
    >>> tell_place(0, 1)
    'the only pair'
    """
    if n == 1:
        return "the only pair"
    words = {n // 2: "median", 0: "worst", n - 1: "best"}.get(place, f"number {place + 1} from the worst")
    return f"{words} of {n} pairs"
