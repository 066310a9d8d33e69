"""The contract of a statistic: scores in, a table out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.downstream import Downstream, nothing
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.further import TakenMeasures, taken_measures
from lumirage_bids.stats.ladders import Rung
from lumirage_bids.stats.landmarks import LandmarkScores
from lumirage_bids.stats.score import DICE, Score

Made = Mapping[str, pd.DataFrame]
"""Tables that are there already, by the names of their statistics."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What statistics are made from.

    Attributes
    ----------
    pairs : DataFrame
        The score table: a row per variant × method × labelling × pair.
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair, a column ``dice_<index>`` per structure.
    surfaces : mapping of str to DataFrame
        The same with columns ``hd95_mm_<index>``, where surfaces were measured.
    luts : mapping of str to mapping of int to str
        Labelling → index → name.
    volumes : mapping, optional
        Labelling → index → mean volume, mm³.
    criteria : Criteria
    score : Score
        What is scored.
    unranked : collection of str
        Methods that are no competitors: the floor, and controls.
    landmarks : LandmarkScores, optional
        Errors of single landmarks, and where raters put them.
    every_pair : DataFrame, optional
        The score table with the variants whose moving images are perturbed; `pairs` is without them.
    rungs : mapping of str to Rung
        Perturbed variant → what it is.
    downstream : Downstream
        What was found out of transforms after scoring.
    judge : callable, optional
        Comparisons → those of which a verdict says "for certain"; by their p-values alone where none is given.
    """

    pairs: pd.DataFrame
    structures: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    surfaces: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    luts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[int, float]] | None = None
    criteria: Criteria = field(default_factory=Criteria)
    score: Score = DICE
    unranked: Collection[str] = FLOORS
    landmarks: LandmarkScores | None = None
    every_pair: pd.DataFrame | None = None
    rungs: Mapping[str, Rung] = field(default_factory=dict)
    downstream: Downstream = field(default_factory=nothing)
    judge: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @cached_property
    def taken(self) -> TakenMeasures:
        """The measures that the score table has, laid out once for all statistics of several."""
        return taken_measures(self.pairs, self.score, self.unranked)

    def certain(self, comparisons: pd.DataFrame) -> pd.DataFrame:
        """Those comparisons that are certain."""
        if self.judge is not None:
            return self.judge(comparisons)
        return comparisons[comparisons["p_holm"] < self.criteria.alpha]


@dataclass(frozen=True, kw_only=True)
class Statistic(ABC):
    """A table that the group level makes of the scores, and writes with its data dictionary.

    A subclass is a file of its own in this folder, and holds all that there is to say of the table.
    """

    name: ClassVar[str]
    """Of its file: ``summary`` for ``group/summary.tsv``."""
    columns: ClassVar[Mapping[str, Mapping[str, str]]]
    """Its data dictionary, in the order of the columns: Description, and Units and Reference where there are any."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Statistics that it is made from, which are made before."""
    of_runs: ClassVar[bool] = False
    """Whether it takes what only a run knows, so that ``lumirage judge`` has no such table."""
    section: ClassVar[str] = ""
    """Section of the page that shows the whole table, folded away; empty where the page has a table of its own
    design, or none."""
    caption: ClassVar[str] = ""
    """What the page says of it."""

    @abstractmethod
    def of(self, scores: Scores, made: Made) -> pd.DataFrame:
        """Make the table.

        Parameters
        ----------
        scores : Scores
        made : mapping
            The tables that it needs.

        Returns
        -------
        DataFrame
            With its columns, in their order; no rows where there is nothing to be told.
        """
