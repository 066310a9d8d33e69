from __future__ import annotations

import inspect
import re
from dataclasses import replace

import pandas as pd

from lumirage_bids import labellers, measures, methods
from lumirage_bids.audit import AuditedRun
from lumirage_bids.audit.audited_run import Started
from lumirage_bids.base.publications import publications
from lumirage_bids.labellers.carried import Carried
from lumirage_bids.maskers import maskers
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report import methods_text as module
from lumirage_bids.report.methods_text import (
    DoneRun,
    citation_bibtex,
    citation_markdown,
    find_cited,
    methods_text,
    pieces,
)
from lumirage_bids.spatial.synthesis import REFERENCES
from lumirage_bids.stats.comparisons import compare
from tests.stats.made_up import downstream_scores, score_table

KINDS = [*methods.methods().values(), *labellers.labellers().values()]


def facts(pairs: pd.DataFrame, **given: object) -> DoneRun:
    method = {"method": "greedy", "scales": [4, 2, 1], "similarity": "auto"}
    aligned = {"start": "aligned", "transform": "affine", "on": "image"}
    arm = {
        "name": "mine",
        "variant": "default",
        "method": method,
        "alignment": aligned,
    }
    audited = AuditedRun(
        pairs=pairs,
        sources={"braincolor": "existing maps", "tissue": "atropos: three tissues"},
        labellers={"braincolor": MadeBy(labeller="existing"), "tissue": MadeBy(labeller="atropos")},
        methods={"mine": "greedy", "ants_syn": "ants_syn"},
        preparations={
            "default": {"spacing": 1.0, "skull_strip": True, "percentiles": [1, 99], "crop": "brain", "margin_mm": 10}
        },
    )
    base = {"dataset": "Demo", "protocol": "default", "versions": {"pybids": "0.22.0"}, "reference": "sub-1_T1w"}
    return DoneRun(**{**base, "arms": {"mine": arm}, "audited": audited, "comparisons": compare(pairs), **given})  # type: ignore[arg-type]


def pairs_of(**given: object) -> pd.DataFrame:
    made = {
        "gains": {"mine": 0.2, "ants_syn": 0.2},
        "subjects": 10,
        "kinds": ("T1w",),
        "labellings": ("braincolor", "tissue"),
    }
    pairs, _ = score_table(**{**made, **given})  # type: ignore[arg-type]
    return pairs.assign(start="aligned", similarity=pairs["method"].map({"mine": "mind", "ants_syn": "mi"}))


def test_a_plan_that_was_laid_down_before_is_told():
    told = [
        p for p in methods_text(facts(pairs_of(), frozen="0a1b")) if "laid down in a file before there were scores" in p
    ]
    assert [p.endswith("(SHA-256 0a1b).") for p in told] == [True]
    assert not any("laid down" in p for p in methods_text(facts(pairs_of())))


def test_what_a_method_went_on_from_is_told_and_cited():
    run = facts(pairs_of())
    onward = {"default": {"mine": (Started(name="net", method="lapirn", parameters={"flavour": "diff"}),)}}
    trained = {"mine": methods.method("lapirn").training}
    run = replace(run, audited=replace(run.audited, started=onward, training=trained))
    (told,) = [p for p in methods_text(run) if p.startswith("The method mine")]
    assert "It refined, as an instance optimisation, the displacement that net (LapIRN, a pretrained" in told
    assert "with flavour = diff)" in told
    assert "That network was trained on skull-stripped T1w scans of OASIS" in told
    assert "mok2020" in {reference.key for reference in find_cited([told])}


def test_only_what_was_used_is_cited():
    keys = {reference.key for reference in find_cited(methods_text(facts(pairs_of(), masks={"template"})))}
    assert {"lumirage", "jena2026", "jena2024fireants", "avants2008", "heinrich2013", "mattes2003"} <= keys
    assert {"avants2011", "fonov2011", "aronow2015", "holm1979", "schuirmann1987", "yarkoni2019"} <= keys
    assert keys.isdisjoint({"mok2020", "liu2024vfa", "billot2023", "ciric2022", "hering2023"})


def test_the_text_says_what_was_done():
    told = citation_markdown(methods_text(facts(pairs_of())))
    for piece in (
        "10 scans of 10 subjects were found by PyBIDS 0.22.0 (Yarkoni et al., 2019). 90 ordered pairs",
        "resampled to 1 mm, skull-stripped, winsorised at percentiles 1 and 99",
        "The method mine was FireANTs' greedy method, which finds one diffeomorphic warp (Jena et al., 2024).",
        "It optimised MIND-SSC (Heinrich et al., 2013). Its parameters were scales = 4, 2, 1; similarity = auto.",
        "The label maps of braincolor were given.",
        "Atropos in the intensities of the images (Avants et al., 2011; Tustison et al., 2010).",
        "- Yarkoni T, Markiewicz CJ, de la Vega A, et al. (2019). PyBIDS: Python tools for BIDS datasets.",
    ):
        assert piece in told


def test_labels_are_carried_as_the_rows_say():
    (native,) = [p for p in methods_text(facts(pairs_of())) if "Dice overlap" in p]
    assert "to the fixed scan's native grid in one interpolation by trilinear" in native
    assert "present in both native label maps" in native
    assert "variant" not in native
    assert "prepared grid" not in native
    nearest = {"lumir": "reference, nearest"}
    both = pairs_of(variants=("lumir", "own"), evaluations=nearest)
    (told,) = [p for p in methods_text(facts(both)) if "Dice overlap" in p]
    first, second, rest = told.split(". ", 2)
    assert first.startswith("The moving scan's native label map was carried to the fixed scan's native grid in one")
    assert first.endswith("(variant own)")
    assert "prepared grid of sub-1_T1w, where they were compared, and the moving one there once more" in second
    assert second.endswith("each time by nearest neighbour, the same for all methods (variant lumir)")
    assert "present in both label maps of a pair where they were compared" in rest
    (alone,) = [p for p in methods_text(facts(both[both["variant"] == "lumir"])) if "Dice overlap" in p]
    assert "one interpolation" not in alone
    assert "native grid" not in alone


def test_carried_labels_name_and_cite_what_is_carried():
    of = {"braincolor": Carried(of="synthseg"), "tissue": Carried(of="manual")}
    sources = {name: labeller.source for name, labeller in of.items()}
    labellers = {name: MadeBy(labeller=labeller.name, maker=labeller.maker) for name, labeller in of.items()}
    pairs = pairs_of()
    synthseg, manual = [
        citation_markdown([p])
        for p in methods_text(facts(pairs, audited=AuditedRun(pairs=pairs, sources=sources, labellers=labellers)))
        if p.startswith("The label maps of")
    ]
    assert "Chen" in synthseg
    assert "Billot" in synthseg
    assert "are those of synthseg for the T1w scan of the session" in synthseg
    assert "Billot" not in manual
    assert "those of manual for the T1w scan" in manual


def test_intervals_that_were_refused_are_not_described():
    told = " ".join(methods_text(facts(pairs_of(subjects=2))))
    assert "Intervals and p-values were not computed: that takes at least 3 subjects." in told
    assert "bootstrap" not in told


def test_a_sloppy_run_says_so_first():
    assert "not for publication" in methods_text(facts(pairs_of(), sloppy=True))[0]
    assert "not for publication" not in " ".join(methods_text(facts(pairs_of())))


def test_a_run_without_records_still_has_a_text():
    pairs = pairs_of(gains={"unknown": 0.1}).assign(start=None)
    bare = facts(pairs, arms={}, versions={}, reference="", audited=AuditedRun(pairs=pairs))
    told = methods_text(bare)
    assert "The method unknown is not described in the records of the run." in told
    assert "The label maps of braincolor are not described in the records of the run." in told


def test_text_from_the_data_cannot_break_the_files():
    name = "a [@nobody] <script> \n [@dice1945"
    told = methods_text(facts(pairs_of(), dataset=name))
    assert "\\<script>" in citation_markdown(told)
    assert "[@nobody]" in "".join(text for text, _ in pieces(told[0]))
    assert "nobody" not in citation_bibtex(told)


def test_citations_in_words_and_whole_paragraph():
    assert list(pieces("a [@holm1979; @dice1945] b")) == [
        *(("a (", ""), ("Holm, 1979", "holm1979"), ("; ", ""), ("Dice, 1945", "dice1945"), (") b", "")),
    ]
    assert list(pieces("nothing")) == [("nothing", "")]


def test_every_reference_is_read_and_used():
    of_kinds = {key for kind in [*KINDS, *measures.measures().values(), *maskers().values()] for key in kind.references}
    of_text = set(re.findall(r"@(\w+\d{4}\w*|lumirage)", inspect.getsource(module)))
    of_programs = {key for keys in REFERENCES.values() for key in keys}
    assert of_kinds | of_text | of_programs == set(publications())


def test_images_that_a_program_made_are_told_and_it_is_cited():
    run = facts(pairs_of())
    made = {"program": "mri_synthsr", "contrasts": ["T2w", "FLAIR"], "makes": "T1w", "grid": "own"}
    given = {"default": {**run.audited.preparations["default"], "synthesis": made}}
    told = methods_text(replace(run, audited=replace(run.audited, preparations=given)))
    assert any("T2w and FLAIR scans replaced by the T1w image that mri_synthsr" in p for p in told)
    assert "iglesias2023" in {reference.key for reference in find_cited(told)}
    assert "iglesias2023" not in {reference.key for reference in find_cited(methods_text(run))}


def test_what_transforms_were_composed_for_is_told_where_they_were():
    told = " ".join(methods_text(facts(pairs_of(), downstream=downstream_scores(5))))
    assert "Transforms among 5 scans" in told
    assert "STAPLE for several labels [@warfield2004; @rohlfing2004]" in told
    assert "STAPLE" not in " ".join(methods_text(facts(pairs_of())))
