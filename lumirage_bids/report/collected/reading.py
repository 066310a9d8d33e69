"""What is read of an experiment: its group tables and what describes it, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.output.experiment import FILE, Experiment, read_experiment
from lumirage_bids.output.files import read_table
from lumirage_bids.output.fill_in import FACTS, fill_in
from lumirage_bids.report.collected.whole import not_numbers, why_not_whole
from lumirage_bids.report.verdict.scene import LabelAgreement
from lumirage_bids.report.verdict.verdict import Known, Tables
from lumirage_bids.stats.classes import FLOOR
from lumirage_bids.stats.tables import statistics

#: Columns of pairs.tsv that every verdict is made from, or that tell which scans they are of; those of the measures
#: that are compared come besides, and most of the table is neither.
PAIRS = (
    *("variant", "method", "labelling", "evaluation", "split", "moving", "fixed", "status", "reason"),
    *("dice_mean", "dice_initial", "hash"),
)
_TEXTS = (
    *("variant", "method", "labelling", "evaluation", "split", "moving", "fixed", "status", "reason", "hash", "name"),
    *("variant_a", "method_a", "variant_b", "method_b", "resampled", "refused", "estimator", "groups", "left_out"),
    *("labelling_1", "labelling_2", "evaluation_1", "evaluation_2", "variant_1", "variant_2", "hiding_subject"),
    *("holds_for", "refused_sizes", "without_subject", "factor", "condition_1", "condition_2"),
    *("measure", "unit", "better"),
    *("id", "severity", "what", "evidence", "remedy"),
    *("source", "pairs", "quantity", "conditions", "field", "ours_text"),
    *FACTS,
)
_NEEDED = ("summary", "comparisons", "ranking", "interactions", "structure_differences")


@dataclass(frozen=True, kw_only=True, eq=False)
class Collected:
    """An experiment as it was sent.

    Attributes
    ----------
    given : Path
        Folder as the user named it.
    about : Experiment
    tables : Tables
        Its own statistics, corrected for its own tests alone.
    audit, published, differences : DataFrame
        Rows of these group tables; none where there is no such table.
    """

    given: Path
    about: Experiment
    tables: Tables
    audit: pd.DataFrame
    published: pd.DataFrame
    differences: pd.DataFrame

    @property
    def known(self) -> Known:
        """What bounds its verdict besides scores."""
        of = self.about.labellings
        return Known(
            withheld={name: each.withheld for name, each in of.items() if each.withheld},
            caveats={name: each.caveat for name, each in of.items() if each.caveat},
            agreements={
                name: [LabelAgreement(**a) for a in each.agreements] for name, each in of.items() if each.agreements
            },
            planned=self.about.planned,
            unranked=(FLOOR, *self.about.controls),
        )

    @property
    def scans(self) -> int:
        """How many take part."""
        return len({*self.tables.pairs["moving"], *self.tables.pairs["fixed"]})


def read_all(given: Sequence[Path]) -> list[Collected]:
    """Read experiments.

    Parameters
    ----------
    given : sequence of Path
        Output folders of runs, or their folders ``group`` alone.

    Raises
    ------
    UsageError
        One is given twice, or was made by a newer version.
    MissingInputError
        One is not there, or has no group tables.
    BadDataError
        A table is torn, lacks columns, has words for numbers, or does not fit the others.
    """
    seen: dict[Path, Path] = {}
    for path in given:
        folder = _group(path)
        if (real := folder.resolve()) in seen:
            again = f"{path} is given twice" if seen[real] == path else f"{path} and {seen[real]} are one folder"
            raise UsageError(f"{again}. Results that count twice would look surer than they are: give each once.")
        seen[real] = path
    return [_read(path, folder) for folder, path in seen.items()]


def _group(path: Path) -> Path:
    """The folder of group tables: below an output folder, or the folder itself."""
    found = next((folder for folder in (path / "group", path) if (folder / FILE).is_file()), None)
    if found is not None:
        return found
    if not path.is_dir():
        raise MissingInputError(
            f"No folder {path}. Give output folders of 'lumirage BIDS_DIR OUT_DIR group', or their folders 'group'."
        )
    raise MissingInputError(
        f"{path} holds no group/{FILE}: the group level was not run there, or by a version before it wrote that file. "
        f"Give the command: lumirage BIDS_DIR {path} group"
    )


def _read(path: Path, folder: Path) -> Collected:
    about = read_experiment(folder)
    if about is None:  # it was there a moment ago
        raise MissingInputError(f"{folder / FILE} is gone. Give the same command again when the folder is whole.")
    comparing = tuple(statistics()["further_comparisons"].columns)
    further = _table(folder, "further_comparisons", comparing, optional=True)
    scores = dict.fromkeys((*PAIRS, *map(str, further["measure"].unique())))  # a verdict asks whose are not there
    pairs = fill_in(_table(folder, "pairs", tuple(scores), more=FACTS, only=True))
    if pairs.empty:
        raise BadDataError(
            f"{folder / 'pairs.tsv'} has no rows. Run 'lumirage BIDS_DIR OUT_DIR participant' to its end."
        )
    made = {name: _table(folder, name, tuple(statistics()[name].columns)) for name in _NEEDED}
    if wrong := why_not_whole(pairs, made["summary"], [made["comparisons"], further]):
        raise BadDataError(f"The tables of {folder} do not fit each other: {wrong}. {_tell_remedy(folder)}")
    return Collected(
        given=path,
        about=about,
        tables=Tables(pairs=pairs, **made, made=made, further_comparisons=further),
        audit=_table(folder, "audit", ("severity", "what"), optional=True),
        published=_table(folder, "published", ("source", "method", "quantity", "ours"), optional=True),
        differences=_table(folder, "published_differences", ("field", "ours", "published"), optional=True, text=True),
    )


def _table(
    folder: Path,
    name: str,
    columns: Sequence[str],
    *,
    more: Sequence[str] = (),
    only: bool = False,
    optional: bool = False,
    text: bool = False,
) -> pd.DataFrame:
    """A table of these columns at least, or `only` of them and `more` that it has; names stay texts as they are."""
    file = folder / f"{name}.tsv"
    if not file.exists():
        if optional:
            return pd.DataFrame(columns=list(columns))
        raise BadDataError(f"{file} is not there. {_tell_remedy(folder)}")
    types: Mapping[str, type] | type = str if text else dict.fromkeys(_TEXTS, str)
    table = read_table(file, types, {*columns, *more}.__contains__ if only else None)
    if lacking := [column for column in columns if column not in table]:
        raise BadDataError(
            f"{file} is torn or of another version: it lacks column(s) {', '.join(lacking[:5])}. {_tell_remedy(folder)}"
        )
    if not text and (wrong := not_numbers(table, columns, _TEXTS)):
        raise BadDataError(f"{file} is torn or was edited: {wrong}. {_tell_remedy(folder)}")
    return table


def _tell_remedy(folder: Path) -> str:
    return f"Make the tables of {folder} again: lumirage BIDS_DIR OUT_DIR group."
