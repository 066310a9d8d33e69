"""Paragraphs for a methods section, from what was really done, with the publications that belong to it.

A paragraph names a publication as ``[@key]``, several as ``[@key; @key]``; see `lumirage_bids.base.publications`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lumirage_bids import labellers, maskers, measures, methods
from lumirage_bids.audit import AuditedRun
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.publications import Publication, publications
from lumirage_bids.output.downstream import Downstream, nothing
from lumirage_bids.output.fill_in import GIVEN, fill_in
from lumirage_bids.output.record import MadeBy
from lumirage_bids.report.text import and_join, count, voxels
from lumirage_bids.spatial.perturbations import kinds
from lumirage_bids.spatial.synthesis import REFERENCES
from lumirage_bids.stats.classes import grids_of
from lumirage_bids.stats.groups import FEWEST_SUBJECTS
from lumirage_bids.stats.pairing import subjects_of

_CITATION = re.compile(r"\[((?:@\w+(?:; )?)+)\]")
#: Similarity measures by the names that score rows give them.
_SIMILARITIES = {
    "lncc": "local normalised cross-correlation [@avants2008]",
    "mind": "MIND-SSC [@heinrich2013]",
    "mind-lncc": "local normalised cross-correlation of MIND-SSC's channels [@heinrich2013; @avants2008]",
    "mi": "mutual information [@mattes2003]",
    "mse": "mean squared difference",
}
#: What the text has sentences of its own for.
_TOLD = ("method", "training")
_STARTS = {
    "centre_of_mass": "Registration began, for all methods alike, with the centres of mass of both images aligned.",
    "none": "Registration began, for all methods alike, at the world coordinates in the headers of the images.",
    "arrays": "compared the arrays of both images voxel by voxel, whatever the headers say, and had no start",
    "own": "had a start of their own",
}


@dataclass(frozen=True, kw_only=True)
class DoneRun:
    """What a methods section is made from.

    Attributes
    ----------
    dataset, protocol : str
    versions : mapping of str to str
        Software → version.
    reference : str
        The scan that all others were aligned to.
    arms : mapping
        Label of an arm → its name, variant and tables of parameters, as a run's record has them.
    audited : AuditedRun
    comparisons : DataFrame
        Rows of `lumirage_bids.stats.comparisons.compare`.
    masks : collection of str
        Where brain masks came from, as `lumirage_bids.maskers.brain_mask` tells.
    template : bool
        Whether a template of TemplateFlow was among the scans.
    sloppy : bool
        Whether images were coarse and iterations few, to try things out.
    frozen : str
        Digest of the plan that was laid down before there were scores, and that all rows follow; empty for none.
    downstream : Downstream
        What was found out of transforms after scoring.
    criteria : Criteria
        What counts as a difference.
    """

    dataset: str
    protocol: str
    versions: Mapping[str, str]
    reference: str
    arms: Mapping[str, Mapping[str, Any]]
    audited: AuditedRun
    comparisons: pd.DataFrame
    masks: Iterable[str] = field(default_factory=tuple)
    template: bool = False
    sloppy: bool = False
    frozen: str = ""
    downstream: Downstream = field(default_factory=nothing)
    criteria: Criteria = field(default_factory=Criteria)


def methods_text(run: DoneRun) -> list[str]:
    """Write the paragraphs."""
    tried = (
        ["This was a sloppy run, on coarse images and with a tenth of the iterations; it is not for publication."]
        if run.sloppy
        else []
    )
    return [
        *tried,
        _design(run),
        *_tell_frozen(run.frozen),
        *_preparation(run),
        *_tell_perturbed(run),
        *_start(run),
        *_methods(run),
        *_labels(run),
        _scores(run),
        *_downstream(run.downstream),
        *_statistics(run.comparisons, run.criteria),
    ]


def pieces(paragraph: str) -> Iterator[tuple[str, str]]:
    """Cut a paragraph into (text, key): running text with an empty key, and citations in words with theirs.

    Examples
    --------
    >>> list(pieces("Dice [@dice1945]."))
    [('Dice (', ''), ('Dice, 1945', 'dice1945'), (').', '')]
    """
    known = publications()
    text, place = "", 0
    for match in _CITATION.finditer(paragraph):
        keys = [key.strip(" @") for key in match[1].split(";")]
        if not set(keys) <= set(known):
            continue
        text += paragraph[place : match.start()] + "("
        for key in keys:
            yield text, ""
            yield known[key].cited, key
            text = "; "
        text, place = ")", match.end()
    if text or place < len(paragraph):
        yield text + paragraph[place:], ""


def find_cited(paragraphs: Iterable[str]) -> list[Publication]:
    """Publications that paragraphs cite, in the order of their names."""
    keys = {key for paragraph in paragraphs for _, key in pieces(paragraph) if key}
    return sorted((publications()[key] for key in keys), key=lambda publication: publication.text)


def citation_markdown(paragraphs: Sequence[str]) -> str:
    """Paragraphs and their list of references, as Markdown."""
    plain = ["".join(text for text, _ in pieces(" ".join(paragraph.split()))) for paragraph in paragraphs]
    listed = [f"- {r.text} {r.url}".rstrip() + "\n" for r in find_cited(paragraphs)]
    # Names from the data may hold what Markdown would pass on as HTML.
    safe = [text.replace("<", "\\<") for text in plain]
    return "\n\n".join(["# Methods", *safe, "## References", "".join(listed)])


def citation_bibtex(paragraphs: Sequence[str]) -> str:
    """The references that paragraphs cite, as BibTeX."""
    return "\n\n".join(reference.bibtex for reference in find_cited(paragraphs)) + "\n"


def _design(run: DoneRun) -> str:
    pairs = run.audited.pairs
    ordered = pairs.drop_duplicates(["moving", "fixed"])
    scans = {*ordered["moving"], *ordered["fixed"]}
    subjects = {*subjects_of(ordered, "moving"), *subjects_of(ordered, "fixed")}
    template = "One of them is a template from TemplateFlow [@ciric2022]. " if run.template else ""
    return (
        f"Deformable registration was evaluated with LUMirage{_version(run, 'lumirage-bids')} [@lumirage], a BIDS App "
        "[@gorgolewski2017] that makes a published evaluation [@jena2026] repeatable, by its protocol "
        f"“{run.protocol}”. "
        f"From the BIDS dataset [@gorgolewski2016] “{run.dataset}”, {count(len(scans))} scans of "
        f"{count(len(subjects))} subjects were found by PyBIDS{_version(run, 'pybids')} "
        f"[@yarkoni2019]. {template}{count(len(ordered))} ordered pairs (moving, fixed) were registered; work was "
        f"scheduled by Nipype{_version(run, 'nipype')} [@gorgolewski2011]."
    )


def _version(run: DoneRun, package: str) -> str:
    found = run.versions.get(package, "")
    return f" {found}" if found and found != "not installed" else ""


def _tell_perturbed(run: DoneRun) -> Iterator[str]:
    """What the moving images of further variants were made worse by."""
    sizes: dict[str, list[float]] = {}
    for given in run.audited.preparations.values():
        if worse := given.get("perturbation"):
            sizes.setdefault(worse["kind"], []).append(worse["size"])
    if sizes:
        known = kinds()
        units = {kind: known[kind].unit if kind in known else "" for kind in sizes}
        told = [f"{kind} ({', '.join(f'{s:g}' for s in sorted({*of}))} {units[kind]})" for kind, of in sizes.items()]
        yield (
            "In further variants the methods were given moving images that had been perturbed after preparation and "
            f"alignment, everything else being the same: {and_join(told)}."
        )


def _preparation(run: DoneRun) -> Iterator[str]:
    plain = {name: of for name, of in run.audited.preparations.items() if not of.get("perturbation")}
    for variant, given in (plain or run.audited.preparations).items():
        which = f" (variant {variant})" if len(plain or run.audited.preparations) > 1 else ""
        spacing, together = given.get("spacing"), given.get("grid") == "reference"
        steps = [
            f"reoriented to {given.get('orientation', 'RAS')}",
            f"resampled to {spacing:g} mm" if spacing and not together else "kept at their native spacing",
            *(["skull-stripped"] if given.get("skull_strip") else []),
            _intensities(given),
            *(
                [f"cropped to the brain with a margin of {given['margin_mm']:g} mm"]
                if given.get("crop") == "brain"
                else []
            ),
        ]
        shape = given.get("shape") or ()
        shaped = [f"cut or padded to {voxels(shape)} about their middle"] if shape else []
        if together:
            size = [f"at {spacing:g} mm"] * bool(spacing) + [f"of {voxels(shape)}"] * bool(shape)
            of = " ".join([f"that of {run.reference or 'the reference'}", *size])
            shaped = [f"brought through their alignments onto one grid for registration, {of}"]
        told = ", ".join(steps + shaped)
        first = _tell_synthesised(given.get("synthesis"))
        yield f"Scans were prepared once for all methods{which}: {first}{told}.{_masks(run.masks)}"


def _tell_synthesised(made: Mapping[str, Any] | None) -> str:
    """What took the place of some scans, as the first step of their preparation; empty for none."""
    if not made:
        return ""
    program = made.get("program") or " ".join(made.get("argv", ()))
    cited = _cite(REFERENCES.get(program, ()))
    kept = "brought to the scan's own grid" if made.get("grid", "native") == "native" else "on the program's own grid"
    return (
        f"{and_join(list(made['contrasts']))} scans replaced by the {made.get('makes', 'T1w')} image that "
        f"{program}{cited} made of them ({kept}; masks and label maps of the scans themselves), "
    )


def _intensities(given: Mapping[str, Any]) -> str:
    if given.get("normalisation") == "none":
        return "left with the intensities of the files"
    return "winsorised at percentiles {:g} and {:g} and scaled to [0, 1]".format(*given.get("percentiles", (1, 99)))


def _tell_frozen(digest: str) -> Iterator[str]:
    if digest:
        yield (
            "Pairs, structures, all parameters, the seed and the criteria of the statistics were laid down in a file "
            f"before there were scores (SHA-256 {digest})."
        )


def _masks(masks: Iterable[str]) -> str:
    sources = set(masks)
    words = {
        name: (kind.phrase or f"were made by {name}") + _cite(kind.references)
        for name, kind in maskers.maskers().items()
        if name != "none"
    }
    whole = " Images were not masked." if "none" in sources else ""
    rest = ", on the T1w scan of the same session, from which they were carried over rigidly"
    lent = {f"T1w-{source}": text + rest for source, text in words.items()}
    told = [text for source, text in (words | lent).items() if source in sources]
    return (f" Brain masks {' or '.join(told)}." if told else "") + whole


def _start(run: DoneRun) -> Iterator[str]:
    found = set(run.audited.pairs["start"].dropna().unique())
    if "aligned" in found:
        tables = [arm["alignment"] for arm in run.arms.values() if arm.get("alignment", {}).get("start") == "aligned"]
        by = {"mask": "soft Dice of the brain masks", "image": "mutual information of the images [@mattes2003]"}
        kinds = sorted({f"{table['transform']}, driven by {by[table['on']]}" for table in tables})
        how = f", {and_join(kinds)}" if kinds else ""
        to = f" of every scan to {run.reference}" if run.reference else ""
        yield f"Registration began, for all methods alike, at an alignment{to} by FireANTs [@jena2024fireants]{how}."
    yield from (_STARTS[start] for start in ("centre_of_mass", "none") if start in found)
    rows = run.audited.pairs
    for start in (start for start in ("arrays", "own") if start in found):
        yield f"{and_join(list(rows[rows['start'] == start]['method'].unique()))} {_STARTS[start]}."


def _methods(run: DoneRun) -> Iterator[str]:
    kinds, pairs = methods.methods(), run.audited.pairs
    tables = {(arm.get("variant"), arm.get("name")): arm.get("method", {}) for arm in run.arms.values()}
    for name in pairs["method"].unique():
        kind = kinds.get(run.audited.methods.get(name, name))
        rows = pairs[pairs["method"] == name]
        what = f" was {_tell_kind(kind)}" if kind else " is not described in the records of the run"
        used = [_SIMILARITIES[s] for s in rows["similarity"].dropna().unique() if s in _SIMILARITIES]
        driven = f" It optimised {and_join(used)}." if used else ""
        variants = {variant: _parameters(tables.get((variant, name), {})) for variant in rows["variant"].unique()}
        same = len(set(variants.values())) == 1
        listed = [f" Its parameters{'' if same else f' in variant {v}'} were {p}." for v, p in variants.items() if p]
        trained = run.audited.training_of(name)
        before = _tell_start_of(run, name, list(rows["variant"].unique()))
        subject = "That network" if before else "It"
        learned = "" if isinstance(trained, str) else f" {subject} was trained on {trained.words}."
        yield f"The method {name}{what}.{before}{learned}{driven}{''.join(listed[:1] if same else listed)}"


def _tell_kind(kind: type[methods.Method]) -> str:
    """What a method is, with what is to be cited."""
    return f"{kind.phrase or kind.summary}{_cite(kind.references)}"


def _tell_start_of(run: DoneRun, name: str, variants: Sequence[str]) -> str:
    """What a method went on from, with its parameters and what is to be cited; empty for the start alone."""
    kinds, found = methods.methods(), []
    for variant in variants:
        for before in reversed(run.audited.started.get(variant, {}).get(name, ())):
            kind = kinds.get(before.method)
            what = _tell_kind(kind) if kind else before.method
            told = _parameters(before.parameters)
            found.append(f"{before.name} ({what}{f', with {told}' if told else ''})")
    if not found:
        return ""
    names = ", after ".join(dict.fromkeys(found))
    return (
        f" It refined, as an instance optimisation, the displacement that {names} had found for the same images; run "
        "times are those of both together."
    )


def _parameters(table: Mapping[str, Any]) -> str:
    """Parameters of a method as a list."""
    return "; ".join(f"{name} = {_value(value)}" for name, value in table.items() if value != "" and name not in _TOLD)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _cite(keys: Sequence[str]) -> str:
    return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""


def _labels(run: DoneRun) -> Iterator[str]:
    kinds = labellers.labellers()
    for name in run.audited.pairs["labelling"].unique():
        by = run.audited.labellers.get(name, MadeBy())
        # Maps that were found are of the labelling that has their name.
        found = [kind for kind in kinds.values() if kind.labelling == name][:1]
        makers = [kinds[made] for made in (by.labeller, by.maker) if made in kinds and not kinds[made].reads] or found
        keys = list(dict.fromkeys(key for kind in makers for key in kind.references))
        yield f"The label maps of {name} {_tell_labeller(by, kinds)}{_cite(keys)}."


def _tell_labeller(by: MadeBy, kinds: Mapping[str, type[labellers.Labeller]]) -> str:
    """Where label maps come from, as a predicate."""
    if not by.labeller:
        return "are not described in the records of the run"
    told = (kinds[by.labeller].phrase if by.labeller in kinds else "") or f"were made by {by.labeller}"
    return told.format(maker=by.maker)


def _scores(run: DoneRun) -> str:
    pairs = run.audited.pairs
    grids = grids_of(pairs)
    theirs = list(pairs[fill_in(pairs)["transfer"] == GIVEN]["method"].unique())
    told = [_tell_transfer(run, how, *known, len(grids) > 1, bool(theirs)) for how, known in grids.items()]
    if theirs:
        told.append(
            f"The label maps of {and_join(theirs)} had been carried over elsewhere, in a way that is not known."
        )
    carried = " ".join(told)
    elsewhere = any(grid != "native" for grid, _ in grids.values())
    taken = [kind for kind in measures.measures().values() if kind.phrase and measures.have_values(kind.columns, pairs)]
    further = [f"{kind.phrase}{_cite(kind.references)}" for kind in taken]
    also = f" Further measures were {and_join(further)}." if further else ""
    return (
        f"{carried} Dice overlap [@dice1945] "
        f"was averaged over the structures present in both {'' if elsewhere else 'native '}label maps of a pair"
        f"{' where they were compared' if elsewhere else ''}, the same set for every method; a structure that a method "
        "lost counted 0, and the background did not count. Folding is the share of the brain's voxels whose Jacobian "
        f"determinant is not positive.{also}"
    )


def _tell_transfer(run: DoneRun, evaluation: str, grid: str, transfer: str, several: bool, others: bool) -> str:
    """How the labels of an evaluation came to where they were compared; `others` had theirs carried over elsewhere."""
    alike = "the same for all other methods" if others else "the same for all methods"
    rows = run.audited.pairs
    which = (
        f" (variant {and_join(list(rows[rows['evaluation'] == evaluation]['variant'].unique()))})" if several else ""
    )
    by = {
        "linear": "trilinear interpolation of every structure's mask, the largest value winning",
        "nearest": "nearest neighbour",
    }[transfer]
    if grid == "native":
        return (
            "The moving scan's native label map was carried to the fixed scan's native grid in one interpolation by "
            f"{by}, {alike}{which}."
        )
    return (
        f"Both scans' native label maps were carried through their alignments to the prepared grid of "
        f"{run.reference or 'the reference'}, where they were compared, and the moving one there once more through the "
        f"deformation, each time by {by}, {alike}{which}."
    )


def _downstream(found: Downstream) -> Iterator[str]:
    """What transforms among drawn scans were composed for."""
    scans = count(found.chains["scan"].nunique())
    if len(found.triples):
        yield (
            f"Transforms among {scans} scans, drawn at random, were composed: over every ordered triple, the error of "
            "going by way of the second scan was the mean distance, over the brain of the first, from where the direct "
            "registration to the third leads. Intervals are a jackknife over subjects."
        )
    if len(found.fused):
        yield (
            f"Each of these {scans} scans was held out in turn: the labels of the others were carried to it by each "
            "method, fused by majority vote and by STAPLE for several labels [@warfield2004; @rohlfing2004], and "
            "compared with its own by Dice overlap, over the structures that all of them have."
        )


def _statistics(comparisons: pd.DataFrame, criteria: Criteria) -> Iterator[str]:
    if comparisons.empty:
        return
    yield (
        "Methods were compared on the pairs that both scored, by the mean difference and by d_z, the mean over the "
        f"standard deviation of the differences [@cohen1988; @lakens2013]. A difference counted if it exceeded "
        f"{criteria.margin:g} Dice and |d_z| exceeded {criteria.threshold:g}, below which the published evaluation "
        "sees no "
        "difference [@jena2026], or if the whole of its interval lay beyond that margin."
    )
    if comparisons["ci_low"].isna().all():
        yield f"Intervals and p-values were not computed: that takes at least {FEWEST_SUBJECTS} subjects."
        return
    apart = " Subjects of different sequences had variances of their own." if _several_groups(comparisons) else ""
    margin, tested = comparisons["equivalence_margin"].iloc[0], ""
    if comparisons["p_equivalence"].notna().any():
        tested = f" Equivalence within {margin:g} Dice was tested by two one-sided tests [@schuirmann1987]."
    yield (
        "Because subjects recur in pairs, standard errors, intervals and p-values rest on subjects as a random sample: "
        "variances of subjects and of single pairs were found by the method of moments, as in the social relations "
        "model [@kenny2006; @aronow2015], with degrees of freedom by Satterthwaite's formula [@satterthwaite1946] and "
        f"a correction for skewness [@hall1992].{apart} p-values were corrected for all comparisons by Holm's method "
        f"[@holm1979], those by other measures than Dice as a family apart.{tested}"
    )


def _several_groups(comparisons: pd.DataFrame) -> bool:
    return bool(comparisons["groups"].str.contains(",", regex=False).any())
