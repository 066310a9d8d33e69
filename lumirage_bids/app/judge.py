"""The verdict on a table of scores, without images: ``lumirage judge TABLE.tsv``."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids import methods
from lumirage_bids.audit.label_rules import find_withheld
from lumirage_bids.base.criteria import CONFIDENCE, MARGIN, THRESHOLD, Criteria, why_not
from lumirage_bids.base.errors import UsageError
from lumirage_bids.output.files import json_value
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import read_labellers, read_records
from lumirage_bids.report.judged import score_tables, write_out
from lumirage_bids.report.text import wording
from lumirage_bids.report.verdict.verdict import Known, judge, ranked_labellings, withheld_of
from lumirage_bids.stats.classes import FLOOR
from lumirage_bids.stats.given_table import DICE_COLUMN, ScoreTable, read_score_table
from lumirage_bids.stats.score import DICE, Score, known_score

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.report.text import Wording
    from lumirage_bids.report.verdict.verdict import Tables, Verdict

#: Of so few structures it is asked whether they are classes of the whole brain.
FEW = 8
DESCRIPTION = """\
Say which method is better on a table of scores, how certain that is, and what limits it: the verdict of the group
level's page, without images. TABLE: TSV or CSV with columns method, moving, fixed and a score (dice_mean, or --score
NAME); optional: status (ok, failed, missing, pending), reason, split, variant, labelling, subject_moving and
subject_fixed (else read from sub-... in the names), dice_<index> for single structures. A row without a score is a
pair that failed.
"""
EPILOG = """\
examples:
  lumirage judge OUT_DIR/group/pairs.tsv
  lumirage judge OUT_DIR/group/pairs.tsv --score hd95_mm
  lumirage judge challenge.csv --score my_error --better lower --margin 1 --out verdict

exit codes: 0 done, 64 usage, 65 bad table, 66 no such table, 73 cannot write
"""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a table.

    Attributes
    ----------
    table : Path or DataFrame
    score : str
        Column that is judged.
    named : bool
        Whether the user named it.
    higher_is_better : bool
    criteria : Criteria
    controls : tuple of str
        Methods that register nothing and are not ranked.
    """

    table: Path | pd.DataFrame
    score: str
    named: bool
    higher_is_better: bool
    criteria: Criteria
    controls: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """How texts call the table."""
        return str(self.table) if isinstance(self.table, Path) else "the table"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The verdict on a table.

    Attributes
    ----------
    asked : Question
    table : ScoreTable
        As it was read.
    tables : Tables
        Statistics.
    verdicts : list of Verdict
        One for each labelling and evaluation.
    score : Score
        What was judged.
    words : Wording
        How it is spoken of.
    """

    asked: Question
    table: ScoreTable
    tables: Tables
    verdicts: list[Verdict]
    score: Score
    words: Wording

    def __str__(self) -> str:
        """The verdict in words, for a terminal."""
        return "\n".join(_lines(self.asked, self.table, self.verdicts))

    @property
    def data(self) -> dict[str, Any]:
        """The verdict as data; a number that is not known is null."""
        return {
            "table": self.asked.called,
            "score": self.asked.score,
            "better": "higher" if self.asked.higher_is_better else "lower",
            "criteria": asdict(self.asked.criteria),
            "pairs": self.table.planned,
            "notes": list(self.table.notes),
            "verdicts": [json_value(asdict(verdict)) for verdict in self.verdicts],
        }


def define(p: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    p.description, p.epilog, p.formatter_class = DESCRIPTION, EPILOG, argparse.RawDescriptionHelpFormatter
    p.add_argument("table", type=Path, metavar="TABLE.tsv")
    p.add_argument("--score", metavar="NAME", help=f"column to judge (default: {DICE.column})")
    p.add_argument("--better", choices=("higher", "lower"), help="which scores are better; known of our own measures")
    p.add_argument(
        "--margin",
        type=float,
        metavar="X",
        help=f"differences within this are equivalent (dice_…: {MARGIN:g}; known of our own measures)",
    )
    p.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="D",
        help="|d_z| below which a difference counts only if surely beyond the margin",
    )
    p.add_argument("--confidence", type=float, default=CONFIDENCE, metavar="C", help="level of the intervals")
    p.add_argument(
        "--control",
        nargs="+",
        action="extend",
        default=[],
        metavar="METHOD",
        help="methods of the table that register nothing and are not ranked; our own are known",
    )
    p.add_argument("--json", action="store_true", help="print the verdict as JSON")
    p.add_argument("--out", type=Path, metavar="DIR", help="write comparisons, ranking and figures there")


def ask(
    table: Path | pd.DataFrame,
    score: str | None,
    *,
    better: str | None,
    margin: float | None,
    threshold: float,
    confidence: float,
    controls: tuple[str, ...],
) -> Question:
    """What is asked; direction and margin of our own measures are known.

    Raises
    ------
    UsageError
        Something is missing, or has a value that is not allowed.
    """
    named, score = score is not None, score or DICE.column
    known = _known_score(score)
    better = better or (known and known[0].better)
    margin = margin if margin is not None else known and known[1]
    if known and better != known[0].better:
        what = "a Dice" if is_dice(score) else "a measure"
        raise UsageError(
            f"--better {better}: {score} is {what}, of which {known[0].better} is better. Leave --better out, or judge "
            "another column with --score NAME."
        )
    if better is None:
        raise UsageError(f"--score {score}: say which scores are better, --better higher or --better lower.")
    if margin is None:
        raise UsageError(
            f"--score {score}: say which difference is of no consequence, in the unit of the score: --margin X."
        )
    for name, value in (("margin", margin), ("threshold", threshold), ("confidence", confidence)):
        if complaint := why_not(name, value):
            raise UsageError(f"--{name} {value:g} is not allowed; {complaint}.")
    return Question(
        table=table,
        score=score,
        named=named,
        higher_is_better=better == "higher",
        criteria=Criteria(margin=margin, threshold=threshold, confidence=confidence),
        controls=controls,
    )


def _known_score(score: str) -> tuple[Score, float | None] | None:
    """What is known of a column by its name: of our own measures, and of whatever is called a Dice."""
    return known_score(score) or ((DICE, MARGIN) if is_dice(score) else None)


def is_dice(score: str) -> bool:
    """Whether a column is a Dice, by name: direction, margin and worst value are known. Of no other name is it guessed.

    Examples
    --------
    >>> [is_dice(name) for name in ("dice", "dice_mean", "dice_12", "dice_error", "dice_std", "hd95_mm")]
    [True, True, True, False, False, False]
    """
    return DICE_COLUMN.fullmatch(score) is not None


def run(arguments: argparse.Namespace) -> int:
    """Judge a table and print what is found; the return value is the exit code."""
    a = arguments
    limits = {"margin": a.margin, "threshold": a.threshold, "confidence": a.confidence}
    judged = judge_table(ask(a.table, a.score, better=a.better, controls=tuple(a.control), **limits))
    print(json.dumps(judged.data, indent=2) if a.json else judged)
    if a.out is not None:
        write_out(Output(a.out.absolute()), judged.tables, judged.words, judged.score, str(judged))
    return 0


def judge_table(asked: Question) -> Judged:
    """Read a table, make its statistics, and say what they carry.

    Raises
    ------
    MissingInputError, BadDataError, UsageError
        There is no such table, it is none of scores, or lacks what was named.
    """
    table = read_score_table(asked.table, asked.score, named=asked.named)
    known, score = _bounds_of(table, asked), choose_score(asked, table)
    words = wording(
        asked.score, higher_is_better=asked.higher_is_better, margin=asked.criteria.margin, worst=score.worst
    )
    tables = score_tables(table.pairs, criteria=asked.criteria, score=score, unranked=known.unranked)
    verdicts = judge(tables, asked.criteria, words, known, score)
    ranked = ranked_labellings(tables.ranking, withheld_of(known, score))
    tables = replace(tables, made={**tables.made, "ranking": ranked})
    return Judged(asked=asked, table=table, tables=tables, verdicts=verdicts, score=score, words=words)


def choose_score(asked: Question, table: ScoreTable) -> Score:
    """What is scored: which direction is better, and what a pair without a score gets at worst."""
    if is_dice(asked.score):
        return DICE
    known = table.pairs[asked.score]
    worst = min(0.0, float(known.min())) if asked.higher_is_better else float(known.max())
    return Score(
        column=asked.score,
        better="higher" if asked.higher_is_better else "lower",
        worst=None if math.isnan(worst) else worst,
    )


def _bounds_of(table: ScoreTable, asked: Question) -> Known:
    """What bounds the verdict besides scores; where the table lies in an output folder, labels' sources as well."""
    folder = asked.table.absolute().parent if isinstance(asked.table, Path) else Path()
    records = read_records(Output(folder.parent)) if folder.name == "group" else []
    return Known(
        planned=table.planned,
        caveats=_few_structures(table),
        withheld=find_withheld(read_labellers(records)),
        unranked=(FLOOR, *_controls(table, asked, records)),
    )


def _controls(table: ScoreTable, asked: Question, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Methods of the table that are controls: those that the user names, and our own, whatever a run called them.

    Raises
    ------
    UsageError
        The table has no method of such a name.
    """
    names = [str(name) for name in table.pairs["method"].unique()]
    if unknown := [name for name in asked.controls if name not in names]:
        raise UsageError(f"--control {unknown[0]}: the table has no such method. It has: {', '.join(names)}.")
    renamed = {name: kind for record in records for name, kind in record.get("methods", {}).items()}
    ours = methods.controls({name: renamed.get(name, name) for name in names})
    return [name for name in names if name in asked.controls or name in ours]


def _few_structures(table: ScoreTable) -> dict[str, str]:
    """Labelling of a few structures → what its overlap may not tell; where they lie, a table does not say."""
    if "n_structures" in table.pairs and table.pairs["n_structures"].notna().any():
        told = "The scores are of {n} structure(s) per pair: if these are"
    elif table.counted:
        told = "The scores are the mean of the {n} structure(s) that the table names: if these are"
    else:
        told = "The table names {n} structure(s): if these are all that there are, and"
    return {
        labelling: f"{told.format(n=n)} classes spread over the whole brain, as tissues are, their overlap cannot "
        "tell registration from sorting voxels by intensity (Rohlfing 2012, doi:10.1109/TMI.2011.2163944)."
        for labelling, n in table.structures.items()
        if n <= FEW
    }


def _lines(asked: Question, table: ScoreTable, found: Sequence[Verdict]) -> list[str]:
    c = asked.criteria
    subjects = len({*table.pairs["subject_moving"], *table.pairs["subject_fixed"]})
    told = f"{table.planned} ordered pair{'s' * (table.planned != 1)}"
    told += f" of {subjects} subject{'s' * (subjects != 1)}" if subjects else ", none of them done"
    lines = [
        f"{asked.called}: {told}. Score: {asked.score}, "
        f"{'higher' if asked.higher_is_better else 'lower'} is better. Criteria: margin {c.margin:g}, |d_z| "
        f"{c.threshold:g}, {c.level} intervals.",
        *(f"Note: {note}" for note in table.notes),
    ]
    for verdict in found:
        where = [verdict.labelling] if len({v.labelling for v in found}) > 1 or verdict.labelling != "scores" else []
        title = ", ".join([*where, verdict.pairs, *([verdict.evaluation] if verdict.evaluation else [])])
        lines += ["", title[0].upper() + title[1:] if not where else title, verdict.headline]
        lines += [f"- {sentence}" for sentence in verdict.sentences]
    return lines if found else [*lines, "", "No pair of different scans is done, so there is nothing to say."]
