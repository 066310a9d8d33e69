"""The page of several experiments, and the tables and the JSON beside it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lumirage_bids import __version__
from lumirage_bids.audit.published import DIFFERENCES, PUBLISHED
from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.output.files import json_value, open_to_others
from lumirage_bids.output.folder import Output
from lumirage_bids.report.audit_section import differences_table, published_table
from lumirage_bids.report.collected.columns import (
    ARMS_OF_PAGE,
    COUPLES,
    EXPERIMENTS,
    FORMAT,
    MADE_BY,
    RESULTS,
    TOGETHER,
)
from lumirage_bids.report.collected.sentences import (
    apart_sentence,
    arm_titles,
    has_means,
    tell_single,
    title,
    titles,
    verdict_together,
)
from lumirage_bids.report.collected.summing import Summed
from lumirage_bids.report.collected.tables import (
    couple_table,
    experiment_table,
    experiments,
    method_table,
    together_table,
)
from lumirage_bids.report.figure_files import SLOPPY, Drawing, draw
from lumirage_bids.report.figures.base import ReportFigure, slug
from lumirage_bids.report.rendering import render
from lumirage_bids.stats.random_effects import FEWEST_DEGREES, FEWEST_EXPERIMENTS, FEWEST_TO_PREDICT

if TYPE_CHECKING:
    from lumirage_bids.report.verdict.verdict import Verdict

PAGE = "report.html"
_EXPERIMENT = {"experiment": {"Description": "Number and dataset, as on the page"}}


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """An experiment as the page has it."""

    title: str
    verdicts: Sequence[Verdict]
    notes: Sequence[str]
    doubtful: Sequence[str]


def write_collected(folder: Path, summed: Summed, command: str) -> Path:
    """Write page, tables, figures and ``results.json`` of several experiments, the folder whole or not at all.

    Parameters
    ----------
    folder : Path
        It is not there, is empty, or holds an earlier report, whose place the new one takes.
    summed : Summed
    command : str
        As typed, for the record.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CannotWriteError
        It cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be written: {error.strerror}. Check permissions and space.") from None
    try:
        open_to_others(made, 0o777)
        _write(Output(made), summed, command)
        _put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder / PAGE


def _put_in_place(made: Path, folder: Path) -> None:
    """Let a folder take the place of another, which stays where that fails."""
    before = made.with_name(f"{made.name}-before")
    had = folder.exists()
    if had:
        folder.rename(before)
    try:
        made.rename(folder)
    except OSError:
        if had:
            before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _write(output: Output, summed: Summed, command: str) -> None:
    told = experiments(summed)
    published, differing = (_gather(summed, kind) for kind in ("published", "differences"))
    numbered = {"couples": _number(summed.couples), "arms": _number(summed.arms)}
    output.write_table("experiments.tsv", told, EXPERIMENTS)
    output.write_table("methods.tsv", numbered["arms"][list(ARMS_OF_PAGE)], ARMS_OF_PAGE)
    output.write_table("comparisons.tsv", numbered["couples"][list(COUPLES)], COUPLES)
    output.write_table("together.tsv", summed.together[list(TOGETHER)], TOGETHER)
    if len(published):
        output.write_table("published.tsv", published, {**_EXPERIMENT, **PUBLISHED})
    if len(differing):
        output.write_table("published_differences.tsv", differing, {**_EXPERIMENT, **DIFFERENCES})
    together = verdict_together(summed)
    drawings = [draw(figure, output, "figures", sloppy=summed.sloppy) for figure in _figures(summed)]
    created = datetime.now(UTC)
    page = _page(summed, together, told, (published, differing), drawings, command, created)
    output.write_text(PAGE, page)
    output.write_json(RESULTS, _results(summed, together, told, numbered, published, command, created))


def _number(table: pd.DataFrame) -> pd.DataFrame:
    """With the numbers that experiments have on the page, from 1."""
    return table.assign(experiment=table["experiment"] + 1)


def _gather(summed: Summed, kind: str) -> pd.DataFrame:
    """A table of every experiment that has it, with the experiment first."""
    parts = []
    for number, each in enumerate(summed.experiments):
        table: pd.DataFrame = getattr(each, kind)
        if len(table):
            parts.append(
                pd.concat([pd.Series(title(number, summed), index=table.index, name="experiment"), table], axis=1)
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _figures(summed: Summed) -> Iterator[ReportFigure]:
    """A forest plot for each label set, of the methods that compete; against the start where there is one alone."""
    from lumirage_bids.report.figures.experiments import forest

    names = {(arm.variant, arm.method): label for arm, label in arm_titles(summed).items()}
    numbers = {number: title(number, summed) for number in range(len(summed.experiments))}
    for place, (group, rows) in enumerate(summed.together.groupby("group", sort=False), start=1):
        competing = rows[~rows["method_a"].isin(summed.floors)]
        shown = competing if len(competing) else rows
        couples = summed.couples[summed.couples["group"] == group]
        figure = forest(couples, shown, experiments=numbers, names=names, group=str(group), criteria=summed.criteria)
        name = f"experiments-{place}-{slug(str(group))}"
        alt = f"Differences between methods in each experiment, {group}. The table of comparisons has the numbers."
        caption = (
            f"Differences in mean Dice between every two methods in each experiment, {group}. Right of 0 the "
            "first-named is better; the grey band is the margin."
        )
        if has_means(shown):
            caption += " Diamonds: mean over datasets with its interval"
            caption += (
                "; thin lines: where the true difference of a further dataset would lie."
                if shown["further_low"].notna().any()
                else "."
            )
        yield ReportFigure(name=name, figure=figure, caption=caption, alt=alt)


def _page(
    summed: Summed,
    together: Mapping[str, Sequence[str]],
    told: pd.DataFrame,
    paper: tuple[pd.DataFrame, pd.DataFrame],
    drawings: Sequence[Drawing],
    command: str,
    created: datetime,
) -> str:
    published, differing = paper
    shown = [
        _Shown(
            title=title(number, summed),
            verdicts=summed.verdicts[number],
            notes=each.about.notes,
            doubtful=[str(w) for w in each.audit.loc[each.audit["severity"].isin(("critical", "serious")), "what"]],
        )
        for number, each in enumerate(summed.experiments)
    ]
    versions: dict[str, list[int]] = {}
    for number, each in enumerate(summed.experiments):
        for name, version in each.about.versions.items():
            versions.setdefault(f"{name} {version}", []).append(number)
    every = len(summed.experiments)
    software = [what if len(of) == every else f"{what} ({titles(of, summed)})" for what, of in sorted(versions.items())]
    return render(
        "collected.html",
        title=f"Registration evaluation: {every} experiment{'s' * (every != 1)}",
        sloppy=SLOPPY if summed.sloppy else "",
        facts={
            "Experiments": every,
            "Datasets": len(set(summed.comparable.datasets)),
            "Made": created.strftime("%Y-%m-%d %H:%M %Z"),
            "By": f"LUMirage {__version__}",
        },
        together=together,
        apart=[apart_sentence(each, summed) for each in summed.comparable.apart],
        alone=tell_single(summed),
        shown=shown,
        criteria=summed.criteria,
        tests=summed.family.tests,
        means=has_means(summed.together),
        several=every > 1,
        limits={"datasets": FEWEST_EXPERIMENTS, "further": FEWEST_TO_PREDICT, "degrees": FEWEST_DEGREES},
        experiments=experiment_table(told),
        methods=method_table(summed),
        couples=couple_table(summed) if len(summed.couples) else None,
        summed=together_table(summed) if len(summed.together) else None,
        drawings=drawings,
        published=published_table(published) if len(published) else None,
        differences=differences_table(differing) if len(differing) else None,
        software=software,
        command=command,
    )


def _results(
    summed: Summed,
    together: Mapping[str, Sequence[str]],
    told: pd.DataFrame,
    numbered: Mapping[str, pd.DataFrame],
    published: pd.DataFrame,
    command: str,
    created: datetime,
) -> dict[str, Any]:
    """All numbers and sentences of the page as data; what is not known is null."""
    verdicts = [
        {"experiment": number + 1, **json_value(asdict(verdict))}
        for number, found in enumerate(summed.verdicts)
        for verdict in found
    ]
    apart = [
        {**asdict(each), "experiments": [[n + 1 for n in of] for of in each.experiments]}
        for each in summed.comparable.apart
    ]
    return {
        "made_by": MADE_BY,
        "format": FORMAT,
        "program": __version__,
        "created": created.isoformat(timespec="seconds"),
        "command": command,
        "sloppy": summed.sloppy,
        "criteria": asdict(summed.criteria),
        "tests": summed.family.tests,
        "experiments": _records(told),
        "verdict_together": [{"group": group, "sentences": list(of)} for group, of in together.items()],
        "together": _records(summed.together[list(TOGETHER)]),
        "apart": json_value(apart),
        "verdicts": verdicts,
        "methods": _records(numbered["arms"][list(ARMS_OF_PAGE)]),
        "comparisons": _records(numbered["couples"][list(COUPLES)]),
        "published": _records(published),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): json_value(value) for key, value in row.items()} for row in table.to_dict("records")]
