"""What every figure of the group's page must do, for all that are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumirage_bids.report.audit_section import AuditSection
from lumirage_bids.report.figures.base import PageFigure
from lumirage_bids.report.figures.intensities import ShownHistogram
from lumirage_bids.report.figures.style import COLUMN, Sheet
from lumirage_bids.report.group_figures import SECTIONS, Pictures, Shown, draw_figures, draw_judged, page_figures
from lumirage_bids.report.group_page import group_tables
from lumirage_bids.report.verdict.verdict import Known
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.ladders import Rung
from lumirage_bids.stats.tables import Scores, statistics
from tests.report.made_pages import view
from tests.report.made_scans import shown_pair
from tests.stats.made_up import downstream_scores, landmark_scores, score_table

KINDS = page_figures()
RUNGS = {"fine": Rung(kind="noise", size=0.1, unit="of the brain's intensity range", base="base")}


def shown(*, rows: bool = True) -> Shown:
    """A run that has something to show of every kind, or nothing at all."""
    pairs, structures = score_table(subjects=4, variants=("base", "fine"), structures=9)
    indices = range(1, 10)
    if not rows:
        none = {"tables": group_tables(Scores(pairs=pairs.head(0))), "audit": None, "pictures": Pictures()}
        return Shown(**none, parameters={}, known=Known())  # type: ignore[arg-type]
    volumes = {"braincolor": {i: 100.0 * i for i in indices}}
    pictures = Pictures(
        pairs={("braincolor", Arm("base", "syn")): [shown_pair()]},
        sequences=[view("sub-1")],
        histograms={ShownHistogram("base", "MPRAGE", "sub-1"): np.ones(64)},
    )
    audit = AuditSection(
        findings=[],
        contrasts={"braincolor": {i: 0.1 * i for i in indices}},
        information={"braincolor": dict.fromkeys(pairs["fixed"].unique(), 0.5)},
    )
    landmarks, downstream = landmark_scores(pairs), downstream_scores(5)
    more = {"landmarks": landmarks, "rungs": RUNGS, "downstream": downstream}
    scores = Scores(pairs=pairs, structures=structures, volumes=volumes, **more)  # type: ignore[arg-type]
    tables = group_tables(scores)
    parameters = {name: {"step": step} for step, name in enumerate(("base", "fine"))}
    return Shown(tables=tables, audit=audit, pictures=pictures, parameters=parameters, known=Known())


@pytest.fixture(scope="module")
def whole() -> Shown:
    return shown()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_drawn_and_told_of(kind: type[PageFigure], whole: Shown) -> None:
    assert kind.section in SECTIONS
    assert kind.needs in {"", "pairs", *statistics()}
    drawn = list(kind().draw_all(whole))
    assert drawn
    for figure in drawn:
        assert isinstance(figure.figure, Sheet)
        assert figure.labelling in {"", *whole.ends}
        assert figure.name == kind.name or figure.name.startswith(f"{kind.name}-")
        assert figure.caption.endswith(".")
        assert figure.alt.endswith(".")
        assert figure.alt != figure.caption


def test_every_figure_has_a_name_of_its_own_and_comes_by_place(whole: Shown) -> None:
    drawn = list(draw_figures(whole))
    names = [figure.name for _, figure, _ in drawn]
    assert len(names) == len(set(names))
    for section in SECTIONS:
        kinds = [kind.name for kind in KINDS if kind.section == section]
        assert list(dict.fromkeys(figure.name.partition("-")[0] for of, figure, _ in drawn if of == section)) == kinds


#: Matrices, whose cells could not be read in a column: they are scrolled on a phone.
WIDER = {"agreement", "effects"}


def test_it_is_drawn_for_a_column_too_and_says_the_same(whole: Shown) -> None:
    for _, figure, in_column in draw_figures(whole):
        if figure.pictures:
            assert in_column is None
            continue
        assert in_column is not None
        assert (in_column.name, in_column.caption, in_column.alt) == (figure.name, figure.caption, figure.alt)
        assert (in_column.figure.title, in_column.figure.definition) == (figure.figure.title, figure.figure.definition)
        fits = in_column.figure.get_figwidth() <= COLUMN
        assert fits or figure.name.partition("-")[0] in WIDER, figure.name


def test_a_labelling_without_a_verdict_has_no_figures(whole: Shown) -> None:
    known = Known(withheld={"braincolor": "made from the very intensities"})
    names = [figure.name for _, figure, _ in draw_figures(replace(whole, known=known))]
    of_labelling = [name for name in names if name.endswith("-1-braincolor")]
    assert of_labelling == ["dice-1-braincolor"]  # the run's first look: nothing else has a verdict either


def test_without_rows_and_pictures_nothing_is_drawn() -> None:
    assert list(draw_figures(shown(rows=False))) == []


def test_judge_draws_those_figures_that_say_so_under_the_names_that_they_say(whole: Shown) -> None:
    drawn = [name.partition("-")[0] for name, _ in draw_judged(whole)]
    assert list(dict.fromkeys(drawn)) == [kind.judged for kind in KINDS if kind.judged]
    assert {"scores", "differences", "effects"} <= set(drawn)
