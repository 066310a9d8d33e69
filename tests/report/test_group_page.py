"""Pages of a group: whole, self-contained, escaped, the same again."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lxml import html

from lumirage_bids.audit import Finding
from lumirage_bids.experiment.followed import Followed
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report.audit_section import AuditSection
from lumirage_bids.report.figures.intensities import ShownHistogram
from lumirage_bids.report.group_figures import Pictures, Shown, draw_figures, page_figures
from lumirage_bids.report.group_page import GroupTables, MissingScan, group_tables, write_group_report
from lumirage_bids.report.verdict.verdict import Known
from lumirage_bids.stats.classes import Arm
from lumirage_bids.stats.tables import Scores
from tests.report.made_pages import EVIL, check_self_contained, check_structure, context, tables, view
from tests.report.made_scans import shown_pair
from tests.stats.made_up import score_table

pytestmark = pytest.mark.filterwarnings("error")


def page_of(folder: Path, group: GroupTables, **given: object) -> html.HtmlElement:
    return html.document_fromstring(write_group_report(Output(folder), group, context(**given)).read_bytes())


def test_the_whole_page(tmp_path: Path):
    group = tables(subjects=4, rescanned=2, failing=0.1, labellings=("braincolor", "tissue"), variants=("1mm", "0.6mm"))
    missing = [MissingScan(name="sub-9_T1w", get="datalad get sub-9/anat/sub-9_T1w.nii.gz")]
    page = page_of(tmp_path, group, missing=missing, notes=["Run with LNCC."], labelling_sources={"tissue": "Atropos"})
    check_structure(page)
    check_self_contained(page)
    sections = [section.get("id") for section in page.iter("section")]
    assert sections == [
        *("verdict", "overview", "summary", "comparisons", "measures", "variants", "structures", "pairs"),
        *("failures", "reading", "methods"),
    ]
    assert len(page.findall(".//table[@id='summary-table']/tbody/tr")) == len(group.summary)
    assert len(page.findall(".//table[@id='comparison-table']/tbody/tr")) == len(group.comparisons)
    text = page.text_content()
    for piece in (
        "A subject takes part in many pairs",
        "Run with LNCC.",
        missing[0].get,
        "out of memory",
        "lumirage-bids 0.1.0",
        "Atropos",
    ):
        assert piece in text
    assert "SLOPPY" not in text
    links = {link.get("href") for link in page.iter("a") if link.get("href").startswith("figures/")}
    assert links == {f"figures/{file.name}" for file in (tmp_path / "group" / "figures").iterdir()}
    assert {link.rpartition(".")[0] for link in links} == names_of_figures(group)
    assert len(links) == 2 * len(names_of_figures(group))


def names_of_figures(group: GroupTables) -> set[str]:
    """Figures that there are of tables without images, as their files are called."""
    shown = Shown(tables=group, audit=None, pictures=Pictures(), parameters={}, known=Known())
    return {f"figures/{figure.name}" for _, figure, _ in draw_figures(shown)}


def test_every_labelling_has_the_figures_of_its_own():
    group = tables(subjects=4, rescanned=2, labellings=("braincolor", "tissue"), variants=("1mm", "0.6mm"))
    names = names_of_figures(group)
    of = [{f.partition("-")[0] for f in names if f.endswith(end)} for end in ("-1-braincolor", "-2-tissue")]
    assert of[0] == of[1] >= {f"figures/{kind}" for kind in ("cost", "dice", "differences", "effects", "structures")}


def test_cells_hold_the_numbers_and_sort_by_them(tmp_path: Path):
    group = tables(subjects=3, gains={"identity": 0.0, "syn": 0.2})
    page = page_of(tmp_path, group)
    first = page.find(".//table[@id='summary-table']/tbody/tr")
    mean = group.summary["mean"].iloc[0]
    assert any(cell.text == f"{mean:.3f}" and float(cell.get("data-sort")) == mean for cell in first.findall("td"))


def test_everything_from_the_data_is_escaped(tmp_path: Path):
    group = tables(
        gains={"identity": 0.0, EVIL: 0.2},
        subjects=4,
        failing=0.3,
        kinds=(f"A{EVIL}", "B"),
        labellings=(f"../{EVIL}",),
        luts={f"../{EVIL}": {1: EVIL}},
    )
    page = page_of(
        tmp_path,
        group,
        dataset=EVIL,
        protocol=EVIL,
        command=EVIL,
        versions={EVIL: EVIL},
        missing=[MissingScan(name=EVIL, get=EVIL)],
        notes=[EVIL],
        methods_text=[EVIL],
        labelling_sources={EVIL: EVIL},
        made_by={EVIL: MadeBy(labeller=EVIL)},
    )
    assert len(list(page.iter("script"))) == 1
    check_self_contained(page)
    check_structure(page)
    assert page.text_content().count(EVIL) > 15
    # No label leads out of the folder.
    assert {file.parent for file in tmp_path.rglob("*.svg")} == {tmp_path / "group" / "figures"}


def test_no_verdict_on_labels_from_the_intensities(tmp_path: Path):
    group = tables(subjects=3, kinds=("T1w",), labellings=("tissue", "manual"))
    made_by = {"tissue": MadeBy(labeller="atropos", from_intensities=True), "manual": MadeBy(labeller="existing")}
    page = page_of(tmp_path, group, made_by=made_by)
    assert len(page.findall(".//table[@id='ranking-table']/tbody/tr")) == 2
    verdict = page.find(".//section[@id='verdict']")
    headlines = [line.text_content() for line in verdict.findall(".//p[@class='headline']")]
    assert headlines[0].startswith("No verdict. The labels (tissue)")
    assert headlines[1].startswith("No winner: the order of syn and greedy is not certain")


def test_serious_findings_stand_beside_the_verdict(tmp_path: Path):
    worst = Finding(id="unequal-start", severity="serious", what="tissue has few classes.", evidence="b", remedy="c")
    for severity, told in (("serious", True), ("note", False)):
        audit = AuditSection(findings=[replace(worst, severity=severity)])
        page = page_of(tmp_path, tables(subjects=3, kinds=("T1w",)), audit=audit)
        section = page.find(".//section[@id='verdict']").text_content()
        assert ("can reverse or make up a difference" in section) == told
        assert ("tissue has few classes." in section) == told


def test_citations_lead_to_the_references(tmp_path: Path):
    page = page_of(tmp_path, tables(subjects=3, kinds=("T1w",)), methods_text=["Overlap [@dice1945; @holm1979]."])
    section = page.find(".//section[@id='methods']")
    assert "Overlap (Dice, 1945; Holm, 1979)." in section.text_content()
    listed = [item.get("id") for item in section.findall(".//ul[@class='references']/li")]
    assert listed == ["ref-dice1945", "ref-holm1979"]
    check_structure(page)
    assert "Overlap (Dice, 1945; Holm, 1979)." in (tmp_path / "group" / "CITATION.md").read_text("utf-8")
    assert (tmp_path / "group" / "CITATION.bib").read_text("utf-8").count("@article{") == 2


def test_a_labelling_without_a_verdict_has_no_figures_beside_one_that_has(tmp_path: Path):
    group = tables(subjects=3, kinds=("T1w",), labellings=("tissue", "manual"))
    made_by = {"tissue": MadeBy(labeller="atropos", from_intensities=True), "manual": MadeBy(labeller="existing")}
    page = page_of(tmp_path, group, made_by=made_by)
    titles = [title.text_content() for title in page.findall(".//p[@class='title']")]
    assert any("manual" in title for title in titles)
    assert not [title for title in titles if "tissue" in title]
    (withheld,) = page.xpath("//div[@class='verdict withheld']/h3")
    assert withheld.text_content() == "tissue, all pairs"


def test_marks_and_rows_lead_to_the_page_of_the_moving_scan(tmp_path: Path):
    group = tables(subjects=3, kinds=("T1w",))
    output = Output(tmp_path)
    output.write_text("sub-01.html", "pictures")
    page = html.document_fromstring(write_group_report(output, group, context()).read_bytes())
    scans = json.loads(page.find(".//main").get("data-scans"))
    assert [scan["page"] for scan in scans] == ["", "../sub-01.html", ""]
    (dice,) = page.xpath("//section[@id='overview']//svg[contains(@aria-label, 'Mean Dice of the pairs')]")
    named = dice.xpath(".//*[@data-pairs]")
    assert len(named) == 2  # the rows of greedy and syn
    for group_of_marks, method in zip(named, ("greedy", "syn"), strict=True):
        told = [text.split() for text in group_of_marks.get("data-pairs").split(";")]
        assert len(told) == len(group_of_marks.findall(".//use"))
        shown = {(scans[int(m)]["name"], scans[int(f)]["name"]): dice for m, f, dice in told}
        rows = group.pairs[group.pairs["method"] == method]
        keys = zip(rows["moving"], rows["fixed"], strict=True)
        assert shown == dict(zip(keys, (f"{dice:.3f}" for dice in rows["dice_mean"]), strict=True))


def test_a_figure_too_high_for_a_column_stands_there_for_both_widths(tmp_path: Path):
    pairs, structures = score_table(subjects=3, kinds=("T1w",), structures=60)
    page = page_of(tmp_path, group_tables(Scores(pairs=pairs, structures=structures)))
    figures = {figure.findtext(".//p[@class='title']"): figure for figure in page.iter("figure")}
    both = figures["Mean Dice per structure: braincolor"]
    assert [len(both.findall(f".//div[@class='{name}']/svg")) for name in ("on-narrow", "on-wide")] == [1, 1]
    assert len(figures["Mean Dice of each pair: braincolor"].findall(".//svg")) == 1
    check_structure(page)


def test_figures_take_the_colours_of_the_page(tmp_path: Path):
    page = page_of(tmp_path, tables(subjects=3, kinds=("T1w",)))
    used = {name for svg in page.iter("svg") for name in re.findall(r"var\((--[\w-]+)\)", html.tostring(svg).decode())}
    assert {"--ink", "--grid", "--paper", "--series-1"} <= used
    (style,) = page.iter("style")
    for theme in (style.text.partition("@media screen")[0], style.text.partition("@media screen")[2]):
        assert used <= set(re.findall(r"(--[\w-]+): #", theme))


def test_too_many_pairs_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lumirage_bids.report.pair_table.MOST_PAIRS", 5)
    page = page_of(tmp_path, tables(subjects=3, kinds=("T1w",)))
    assert not page.findall(".//table[@class='pairs']")
    assert "too many to list here" in " ".join(page.text_content().split())


def test_images_are_shown_as_pictures_and_named_by_arm(tmp_path: Path):
    pair = shown_pair(f"sub-1_{EVIL}")
    looks = Pictures(
        pairs={("braincolor", Arm("default", "syn")): [pair], ("braincolor", Arm("default", EVIL)): []},
        sequences=[view(f"worst {EVIL}", "labels")],
        histograms={ShownHistogram("default", EVIL, "sub-1"): np.ones(64)},
    )
    page = page_of(tmp_path, tables(subjects=3), pictures=looks)
    check_structure(page)
    check_self_contained(page)
    section = page.find(".//section[@id='images']")
    assert len(section.findall(".//svg")) == 1  # the histograms
    for image in section.findall(".//img"):
        assert image.get("alt").startswith("Slices of worst ")
        assert "<script>" in image.get("alt")
        assert base64.b64decode(image.get("src").partition(",")[2]).startswith(b"\x89PNG")
    names = {file.name for file in (tmp_path / "group" / "figures").iterdir()}
    assert {"sequences.svg", "histograms.png", "pairs-1-braincolor-1-syn.svg", "pairs-1-braincolor-1-syn.png"} <= names
    assert not any("script" in name for name in names)
    # The title of the figure names the method, and it leads to the pair's own pictures.
    (folded,) = section.findall("details")
    assert folded.findtext("summary").startswith("syn: worst, median and best pair, braincolor")
    (link,) = folded.xpath(".//a[contains(@href, '#pair-')]")
    assert link.text == "worst of 3 pairs"
    assert link.get("href") == f"../sub-1.html#{pair.anchor}"


def test_one_method_and_one_variant_make_no_comparing_figures(tmp_path: Path):
    page_of(tmp_path, tables(subjects=3, gains={"syn": 0.2}))
    drawn = {file.stem.partition("-")[0] for file in (tmp_path / "group" / "figures").iterdir()}
    assert {"dice", "structures"} <= drawn
    comparing = {"differences", "cost"} | {k.name for k in page_figures() if k.section in ("comparisons", "variants")}
    assert len(comparing) > 3
    assert not drawn & comparing


def test_sloppy_marks_page_and_figures(tmp_path: Path):
    page = page_of(tmp_path, tables(subjects=3, kinds=("T1w",)), sloppy=True)
    assert page.findtext(".//title").startswith("SLOPPY")
    assert "SLOPPY: not for publication" in page.find(".//header").text_content()
    assert all("SLOPPY: not for publication" in f.read_text("utf-8") for f in tmp_path.rglob("*.svg"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            {"gains": {"syn": 0.2}, "subjects": 3},
            "There is nothing to compare: the score table has fewer than two methods",
        ),
        ({"gains": {"syn": 0.2}, "failing": 1.0}, "No pair was scored."),
        ({"subjects": 0}, "There is no pair in the score table"),
        ({"subjects": 2, "kinds": ("T1w",)}, "No winner can be named"),
    ],
)
def test_thin_tables_are_met_with_words(tmp_path: Path, kind: dict[str, object], said: str):
    group = tables(**kind) if kind.get("subjects") != 0 else empty()
    page = page_of(tmp_path, group)
    check_structure(page)
    assert said in " ".join(page.text_content().split())


def empty() -> GroupTables:
    full, _ = score_table()
    return group_tables(Scores(pairs=full.head(0)))


def test_the_same_tables_give_the_same_bytes(tmp_path: Path):
    for folder in ("one", "two"):
        write_group_report(Output(tmp_path / folder), tables(subjects=3, kinds=("T1w",)), context())
    files = sorted(f.relative_to(tmp_path / "one") for f in (tmp_path / "one").rglob("*") if f.is_file())
    wanted = {"report.html", "CITATION.bib", "figures/dice-1-braincolor.svg"}
    assert {f"group/{name}" for name in wanted} <= {f.as_posix() for f in files}
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_the_page_tells_two_evaluations_apart(tmp_path: Path):
    of_two = tables(subjects=4, kinds=("T1w",), variants=("lumir", "own"), evaluations={"lumir": "reference, nearest"})
    page = page_of(tmp_path, of_two, parameters={v: {"greedy window": 7} for v in ("own", "lumir")})
    check_structure(page)
    titles = [title.text_content() for title in page.xpath("//section[@id='verdict']//h3")]
    assert titles == [
        "braincolor, all pairs, labels compared on the fixed scan's native grid",
        "braincolor, all pairs, labels compared on the prepared grid of the scan that all are aligned to, carried by "
        "nearest neighbour",
    ]
    (caption,) = page.xpath("//section[@id='variants']//figcaption")
    assert "native grid (own); on the prepared grid" in caption.text_content()
    assert "a difference is what the evaluation does to the score" in caption.text_content()
    assert "whatever the variant" not in caption.text_content()
    shown = " ".join(page.xpath("//section[@id='variants']//figure")[0].text_content().split())
    assert "Difference from own" in shown
    assert "evaluation reference, nearest" in shown
    assert "window" not in shown
    matrices = page.xpath("//section[@id='comparisons']//figure[.//p[starts-with(., 'Effect size d_z')]]")
    assert len(matrices) == 2
    one = page_of(tmp_path / "one", tables(subjects=4, kinds=("T1w",), variants=("1mm", "2mm")))
    (caption,) = one.xpath("//section[@id='variants']//figcaption")
    assert "native grid, whatever the variant" in caption.text_content()


def test_a_frozen_plan_stands_under_the_title_and_in_the_verdict(tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    frozen = Followed(digest=digest, deviations=(), left=2, planned=12)
    page = page_of(tmp_path, tables(), frozen=frozen)
    told = f"{digest}: every row follows it; 2 of its 12 rows are not there"
    assert told in page.find(".//dl[@class='facts']").text_content()
    verdict = " ".join(page.get_element_by_id("verdict").text_content().split())
    assert (
        f"laid down before there were scores (frozen plan, frozen.toml, SHA-256 {told[:64]}): {told[66:]}." in verdict
    )
    assert "frozen plan" not in page_of(tmp_path, tables()).text_content()
