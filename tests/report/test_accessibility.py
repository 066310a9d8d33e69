"""That pages are valid HTML, that everybody can read them, and that data cannot change them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from lxml import html

from lumirage_bids.audit import Finding
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report import rendering
from lumirage_bids.report.audit_section import AuditSection
from lumirage_bids.report.figures.style import THEME
from lumirage_bids.report.group_page import MissingScan, write_group_report
from lumirage_bids.report.subject_page import ScanPanel, SubjectPage, write_subject_report
from lumirage_bids.report.viewer import view_pair
from tests.report.made_pages import EVIL, context, tables
from tests.report.made_scans import shown_pair
from tests.stats.made_up import score_table

# Hostile names are too long for any figure, and no font has every letter.
pytestmark = [pytest.mark.filterwarnings("ignore:Glyph"), pytest.mark.filterwarnings("ignore:constrained_layout")]
STYLE = (Path(rendering.__file__).parent / "templates" / "style.css").read_text("utf-8")
NASTY = f"\"'><img src=x onerror=alert(1)>&amp;{EVIL}ä—脳\u2028]]>"
LEAST = 4.5
"""Contrast of text and ground that WCAG 2.2 asks for at level AA."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A usual group page, one with nothing but hostile names, and a subject's."""
    folder = tmp_path_factory.mktemp("pages")
    finding = Finding(id="x", severity="serious", what=NASTY, evidence=NASTY, remedy=NASTY)
    hostile = tables(
        gains={"identity": 0.0, NASTY: 0.2, "syn": 0.3},
        subjects=4,
        failing=0.3,
        kinds=(NASTY, "B"),
        labellings=(NASTY,),
        luts={NASTY: {1: NASTY}},
    )
    every = {
        **dict.fromkeys(("dataset", "protocol", "command"), NASTY),
        **{
            "versions": {NASTY: NASTY},
            "labelling_sources": {NASTY: NASTY},
            "made_by": {NASTY: MadeBy(labeller=NASTY)},
            "arms": {NASTY: NASTY},
        },
        **{"missing": [MissingScan(name=NASTY, get=NASTY)], "notes": [NASTY], "methods_text": [f"{NASTY} [@dice1945]"]},
        "audit": AuditSection(findings=[finding], unchecked=[NASTY], literature=[NASTY]),
    }
    usual = tables(subjects=12, rescanned=2, labellings=("braincolor", "tissue"), variants=("1mm", "0.6mm"))
    pairs, _ = score_table(subjects=4, failing=0.3, kinds=(NASTY,), gains={NASTY: 0.1})
    rows = pairs[pairs["moving"].str.startswith("sub-00")].assign(reason=NASTY)
    panel = ScanPanel(name=NASTY, description=[NASTY])
    pair = shown_pair(NASTY, fixed=NASTY)
    of_pair = replace(view_pair(pair, arm=NASTY, facts=[NASTY]), switches=[("over-0", NASTY)])
    subject = SubjectPage(
        subject="00",
        scans=[panel],
        pairs=rows,
        viewers=[of_pair, view_pair(shown_pair(), arm="syn", facts=[])],
        n_more=3,
        facts={"Dataset": NASTY},
        arms={NASTY: NASTY},
        command=NASTY,
        versions={NASTY: NASTY},
    )
    return {
        "usual": write_group_report(Output(folder / "usual"), usual, context(audit=AuditSection(findings=[]))),
        "hostile": write_group_report(Output(folder / "hostile"), hostile, context(**every)),
        "subject": write_subject_report(Output(folder), subject),
    }


PAGES = pytest.mark.parametrize("name", ["usual", "hostile", "subject"])


@PAGES
def test_a_page_is_html_without_errors(pages: dict[str, Path], name: str):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(pages[name].read_text("utf-8"))


@PAGES
def test_whoever_does_not_see_the_page_finds_the_way(pages: dict[str, Path], name: str):
    page = html.document_fromstring(pages[name].read_bytes())
    assert page.get("lang")
    assert page.findtext(".//title").strip()
    assert page.find(".//a[@class='skip']").get("href") == f"#{page.find('.//main').get('id')}"
    ids = {element.get("id") for element in page.iter() if element.get("id")}
    for element in page.iter():
        assert set((element.get("aria-labelledby") or "").split()) <= ids
        assert element.get("tabindex") in (None, "0", "-1")
        if element.get("role") in ("region", "img") or element.tag == "nav":
            assert element.get("aria-labelledby") or element.get("aria-label")
    for link in page.iter("a"):
        assert link.text_content().strip()
        assert link.get("href")
    for cell in page.iter("th"):
        assert cell.get("scope") in ("col", "row", "colgroup")
        assert cell.text_content().strip()
    for control in page.iter("input", "select", "textarea"):
        assert control.iterancestors("label").__next__().text_content().strip()
    sections = [section.get("id") for section in page.iter("section")]
    assert [link.get("href") for link in page.findall(".//nav//a")] == [f"#{name}" for name in sections]


@pytest.mark.parametrize("name", ["hostile", "subject"])
def test_data_stays_text(pages: dict[str, Path], name: str):
    page = html.document_fromstring(pages[name].read_bytes())
    assert len(list(page.iter("script"))) == 1
    assert not [image for image in page.iter("img") if image.get("src") == "x"]
    for element in page.iter():
        assert not [attribute for attribute in element.attrib if attribute.startswith("on")]
    assert page.text_content().count(NASTY) >= (20 if name == "hostile" else 12)


def test_hostile_names_are_whole_in_the_table_of_pairs(pages: dict[str, Path]):
    page = html.document_fromstring(pages["hostile"].read_bytes())
    (table,) = page.findall(".//table[@class='pairs']")
    data = json.loads(table.get("data-pairs"))
    assert any(NASTY in split for split in data["splits"])
    assert len(data["moving"]) == len(data["dice"][0]) == 12


def colours(theme: str) -> dict[str, str]:
    """Colours of the page by day or by night, by their names."""
    day, night = re.findall(r":root \{([^}]*)\}", STYLE)
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]+)", day + night * (theme == "night")))


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["day", "night"])
def test_text_stands_out_from_every_ground(theme: str):
    known = colours(theme)

    def resolved(value: str) -> str:
        return known.get(value.removeprefix("var(").removesuffix(")"), value)

    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", STYLE.replace("\n", " "))
    grounds = {resolved(value) for _, body in rules for value in re.findall(r"background: ?(#\w+|var\([\w-]+\))", body)}
    # Others have a text of their own.
    grounds = {ground for ground in grounds if contrast(ground, known["--paper"]) < 2}
    assert len(grounds) > 5
    checked = 0
    for selector, body in rules:
        texts = re.findall(r"(?<![\w-])color: ?(#\w+|var\([\w-]+\))", body)
        own = re.findall(r"background: ?(#\w+|var\([\w-]+\))", body)
        if ":disabled" in selector:  # WCAG leaves them out
            continue
        for text, ground in product(texts, own or grounds):
            assert contrast(resolved(text), resolved(ground)) >= LEAST, (selector, text, ground)
            checked += 1
    assert checked > 20
    assert all(contrast(known["--ink"], ground) >= LEAST for ground in grounds)
    assert all(contrast(known["--accent"], ground) >= 3 for ground in grounds)  # the mark of what has the focus


@pytest.mark.parametrize("theme", ["day", "night"])
def test_what_figures_draw_stands_out_from_the_page(theme: str):
    known = colours(theme)
    # Yellow and light blue of a palette for the colour-blind: marks differ in shape too, and lie beside their names.
    series = {name: contrast(colour, known["--paper"]) for name, colour in known.items() if "--series" in name}
    assert len(series) == 7
    assert min(series.values()) > 2
    assert contrast(known["--soft"], known["--paper"]) >= LEAST
    assert contrast(known["--floor"], known["--paper"]) > 2.5
    assert set(THEME.values()) <= set(known)


def test_by_day_figures_on_the_page_have_the_colours_of_their_files():
    known = colours("day")
    own = {colour: name for colour, name in THEME.items() if name != "--soft"}
    assert {name: known[name] for name in own.values()} == {name: colour for colour, name in own.items()}
