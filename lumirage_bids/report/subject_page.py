"""A subject's page: its scans with their labels, and where its labels went when it was registered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lumirage_bids.output import pair_pictures as kept
from lumirage_bids.output.folder import Output
from lumirage_bids.report.figure_files import SLOPPY, png_data_uri
from lumirage_bids.report.figures.style import mark
from lumirage_bids.report.rendering import render
from lumirage_bids.report.tables import ShownColumn, Table, accuracy_columns, failure_table, make_table

if TYPE_CHECKING:
    from lumirage_bids.report.figures.style import Sheet
    from lumirage_bids.report.viewer import Viewer

Panel = tuple[str, "Sheet"]


@dataclass(frozen=True, kw_only=True)
class ScanPanel:
    """One scan of the subject.

    Attributes
    ----------
    name : str
        Name of the scan.
    description : sequence of str
        What was done to it and found in it, a line each.
    figures : sequence of (caption, Sheet)
    """

    name: str
    description: Sequence[str] = ()
    figures: Sequence[Panel] = ()


@dataclass(frozen=True, kw_only=True)
class SubjectPage:
    """What a subject's page shows.

    Attributes
    ----------
    subject : str
        BIDS label without ``sub-``.
    scans : sequence of ScanPanel
    pairs : DataFrame
        Rows of the score table whose moving scan is this subject's.
    viewers : sequence of Viewer
        Pictures of some of these pairs.
    n_more : int
        Pairs that there are more pictures of than the page shows.
    facts : mapping
        What stands under the title.
    arms : mapping
        Arm → its parameters, in words.
    command : str
        That made the page, as typed.
    versions : mapping
        Program → version that it was made with.
    sloppy : bool
        Whether to mark the page and the figures as not for publication.
    without_pictures : str
        Why there are no figures at all; empty where there are.
    made_from : str
        Digest of what is shown, which `page_source` finds again.
    """

    subject: str
    scans: Sequence[ScanPanel]
    pairs: pd.DataFrame
    viewers: Sequence[Viewer] = ()
    n_more: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    sloppy: bool = False
    without_pictures: str = ""
    made_from: str = ""


@dataclass(frozen=True, kw_only=True)
class _Picture:
    caption: str
    source: str


def write_subject_report(output: Output, page: SubjectPage) -> Path:
    """Write a subject's page: one file, no network, everything from the data escaped.

    Parameters
    ----------
    output : Output
        Where it becomes ``sub-<label>.html``.
    page : SubjectPage

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CannotWriteError
        If the folder cannot be written.
    """
    failed = page.pairs[page.pairs["status"] != "ok"]
    content = render(
        "subject.html",
        title=f"sub-{page.subject}",
        sloppy=SLOPPY if page.sloppy else "",
        facts=page.facts,
        scans=[(scan, _pictures(scan.figures, page.sloppy)) for scan in page.scans],
        pairs=_pair_table(page.pairs) if len(page.pairs) else None,
        failures=failure_table(page.pairs) if len(failed) else None,
        page=page,
        colours={
            "both": kept.BOTH_COLOUR,
            "fixed": kept.FIXED_COLOUR,
            "moved": kept.MOVED_COLOUR,
            "jacobian": kept.JACOBIAN_COLOURS,
            "fold": kept.FOLD_COLOUR,
        },
    )
    name = f"sub-{page.subject}.html"
    output.write_text(name, content)
    return output / name


def page_source(output: Output, subject: str) -> str:
    """Digest of what the page that is there was made from; empty where there is none."""
    page = output / f"sub-{subject}.html"
    text = page.read_text("utf-8", errors="replace") if page.is_file() else ""
    found = re.search(r'<meta name="made-from" content="(\w+)">', text)
    return found[1] if found else ""


def _pictures(panels: Sequence[Panel], sloppy: bool) -> list[_Picture]:
    pictures = []
    for caption, figure in panels:
        if sloppy:
            mark(figure, SLOPPY)
        pictures.append(_Picture(caption=caption, source=png_data_uri(figure)))
    return pictures


def _pair_table(pairs: pd.DataFrame) -> Table:
    columns = [
        ShownColumn(key="fixed", title="Fixed scan"),
        ShownColumn(key="moving", title="Moving scan"),
        ShownColumn(key="method", title="Method", keep=True),
        ShownColumn(key="variant", title="Variant"),
        ShownColumn(key="labelling", title="Labelling"),
        ShownColumn(key="split", title="Split"),
        ShownColumn(key="status", title="Status", keep=True),
        ShownColumn(key="dice_mean", title="Dice", kind="dice"),
        ShownColumn(key="dice_initial", title="Initial Dice", kind="dice"),
        ShownColumn(key="n_structures", title="Structures", kind="count"),
        *accuracy_columns(pairs),
        ShownColumn(key="folding_percent", title="Folding, %", kind="quantity"),
        ShownColumn(key="runtime_s", title="Time, s", kind="quantity"),
        ShownColumn(key="memory_gb", title="Memory, GB", kind="quantity"),
        ShownColumn(key="reason", title="Reason"),
    ]
    return make_table("pair-table", "Pairs in which this subject is the moving one.", pairs, columns)
