"""Rules about methods: whether each got what it can work with, and all got the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.finding import Finding, write_signed
from lumirage_bids.audit.networks import input_by_words
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.methods.base import OwnInput
from lumirage_bids.stats.classes import FLOOR, Arm

UNIMODAL = frozenset({"lncc", "ncc", "cc", "mse", "ssd"})
"""Similarities that expect one contrast: equal intensities, or intensities that are locally linear in each other."""
COARSER = 1.05
"""Voxel sizes that differ by less count as equal."""


class SeenByMethod(NamedTuple):
    """What a method of a variant was run on: its registrations, and the images that it saw."""

    arm: Arm
    name: str
    rows: pd.DataFrame
    input: OwnInput


def walk_methods(c: AuditedRun) -> Iterator[SeenByMethod]:
    """Walk over the methods of each variant; the floor sees nothing."""
    rows = c.registrations
    for (name, variant, method), of in rows[rows["method"] != FLOOR].groupby(["arm", "variant", "method"], sort=False):
        noted = c.inputs.get(str(variant), {}).get(str(method))
        seen = noted or input_by_words(str(of["input"].iloc[0]))
        yield SeenByMethod(Arm(str(variant), str(method)), str(name), of, seen)


def walk_all_methods(c: AuditedRun) -> Iterator[SeenByMethod]:
    """The same, and what those saw whose results others went on from, under the names of these."""
    for seen in walk_methods(c):
        yield seen
        for before in c.started.get(seen.arm.variant, {}).get(seen.arm.method, ()):
            if before.input is not None:
                yield seen._replace(input=before.input)


def multimodal(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which pairs are of two contrasts, or of two sequences where both are known."""
    moving, fixed = (rows[f"split_{side}"] for side in ("moving", "fixed"))
    contrast = rows["moving_contrast"]
    # A split names the contrast where the sequence is not known; of templates it is never.
    known = [side.notna() & (side != "template") & (side != contrast) for side in (moving, fixed)]
    sequences = known[0] & known[1] & (moving != fixed) & (rows["split"] != SAME_SUBJECT)
    return ((contrast != rows["fixed_contrast"]) | sequences).to_numpy(dtype=np.bool_)


def contrasts_seen(c: AuditedRun, rows: pd.DataFrame, side: str) -> npt.NDArray[np.object_]:
    """Contrast of the image that methods saw of each scan: a synthesised one in the place of some scans'."""
    seen = rows[f"{side}_contrast"].to_numpy(dtype=np.object_, copy=True)
    for variant, given in c.preparations.items():
        if made := given.get("synthesis"):
            here = (rows["variant"] == variant).to_numpy() & np.isin(seen, list(made["contrasts"]))
            seen[here] = made.get("makes", "T1w")
    return seen


def image_synthesised(c: AuditedRun) -> Iterator[Finding]:
    """Scans in whose place methods saw an image that a program had made of them."""
    rows = c.registrations
    for variant, given in c.preparations.items():
        made, of = given.get("synthesis"), rows[rows["variant"] == variant]
        scans = sorted(set(of["moving"].unique()) | set(of["fixed"].unique()))
        names = [scan for scan in scans if made and c.contrasts[scan] in made["contrasts"]]
        if made and names:
            program = made.get("program") or made["argv"][0]
            contrasts = ", ".join(sorted({c.contrasts[name] for name in names}))
            yield Finding(
                id="image-synthesised",
                severity="note",
                what=f"Methods of variant {variant} saw synthesised images.",
                evidence=f"Of {len(names)} of {len(scans)} scans ({contrasts}) "
                f"{program} made {made.get('makes', 'T1w')} images, which took their place; labels are of the scans.",
                remedy="Read these scores as those of the program and the method together: what it invents or leaves "
                "out, such as lesions, no method sees. Beside a variant without it they show what synthesising does.",
            )


def unimodal_similarity(c: AuditedRun) -> Iterator[Finding]:
    """A similarity for one contrast optimised on pairs of two."""
    rows = c.registrations
    alike = contrasts_seen(c, rows, "moving") == contrasts_seen(c, rows, "fixed")
    made_alike = alike & ((rows["moving_contrast"] != rows["fixed_contrast"]).to_numpy())
    rows = rows[multimodal(rows) & ~made_alike & rows["similarity"].isin(UNIMODAL)]
    if rows.empty:
        return
    totals = c.registrations.groupby("arm").size()
    parts = [f"{arm} ({of['similarity'].iloc[0]}): {len(of)} of {totals[arm]} pairs" for arm, of in rows.groupby("arm")]
    yield Finding(
        id="unimodal-similarity",
        severity="serious",
        what="Pairs of different contrast or sequence were registered with a similarity that expects the same one.",
        evidence=f"{'; '.join(parts)}. Splits: {', '.join(sorted(rows['split'].unique()))}.",
        remedy="Set similarity = 'auto', 'mind' or 'mind-lncc' for these methods, as a variant, and judge them by that "
        "one on these splits.",
    )


def unequal_start(c: AuditedRun) -> Iterator[Finding]:
    """Methods of one variant that began elsewhere."""
    for variant, told in _find_differing(c.registrations, "start"):
        yield Finding(
            id="unequal-start",
            severity="serious",
            what=f"Methods of variant {variant} did not begin at the same start.",
            evidence=told,
            remedy="Give all methods the same start, or compare only those that share one: part of the "
            "difference is the start's.",
        )


def unequal_input(c: AuditedRun) -> Iterator[Finding]:
    """Methods of one variant that saw other images."""
    rows = c.registrations
    for variant, told in _find_differing(rows[rows["method"] != FLOOR], "input"):
        yield Finding(
            id="unequal-input",
            severity="moderate",
            what=f"Methods of variant {variant} saw images on different grids.",
            evidence=told,
            remedy="Add a variant whose preparation gives every method the grid of the coarsest one, to tell "
            "what the grid does from what the method does.",
        )


def _find_differing(rows: pd.DataFrame, column: str) -> Iterator[tuple[str, str]]:
    """Variants whose methods have different values of a column; and what each has."""
    for variant, of in rows.groupby("variant", sort=False):
        values = of.groupby("method", sort=False)[column].agg(lambda s: " or ".join(sorted(s.unique())))
        if values.nunique() > 1:
            yield str(variant), "; ".join(f"{method}: {value}" for method, value in values.items()) + "."


def below_native_resolution(c: AuditedRun) -> Iterator[Finding]:
    """Images registered on a grid coarser than the scans'."""
    parts = []
    for seen in walk_methods(c):
        spacing = min(seen.input.spacing, default=c.preparations.get(seen.arm.variant, {}).get("spacing"))
        if told := _tell_coarser(c, seen.rows, spacing):
            parts.append(f"{seen.name}: {told}")
    if parts:
        yield Finding(
            id="registered-below-native",
            severity="moderate",
            what="Images were registered at a resolution below their own.",
            evidence="; ".join(parts) + ".",
            remedy="Add a variant with spacing = 'native': what is lost at a coarse grid is lost for methods that "
            "could use the detail.",
        )


def evaluated_below_native(c: AuditedRun) -> Iterator[Finding]:
    """Labels compared on a grid coarser than the scans', as published evaluations did."""
    if "dice_prepared" not in c.pairs:
        return
    rows = c.registrations
    for variant, of in rows.dropna(subset="dice_prepared").groupby("variant", sort=False):
        if told := _tell_coarser(c, of, c.preparations.get(str(variant), {}).get("spacing")):
            shift = float((of["dice_prepared"] - of["dice_mean"]).mean())
            yield Finding(
                id="evaluated-below-native",
                severity="moderate",
                what=f"dice_prepared of variant {variant} compares labels on a grid coarser than the scans'.",
                evidence=f"{told}. It is {write_signed(shift)} from dice_mean, on the native grid.",
                remedy="Judge by dice_mean, which is comparable between variants; dice_prepared is for comparison "
                "with the published evaluation.",
            )


def _tell_coarser(c: AuditedRun, rows: pd.DataFrame, spacing: float | None) -> str:
    """Say how many scans of these rows have a finer axis than a grid's spacing, mm; empty for none."""
    known = {scan: min(f.spacing) for of in c.scans.values() for scan, f in of.items()}
    names = set(rows["moving"].unique()) | set(rows["fixed"].unique())
    finer = [known[s] for s in names if spacing and s in known and spacing > COARSER * known[s]]
    if not finer:
        return ""
    return f"{spacing:g} mm, where {len(finer)} of {len(names)} scans are finer, down to {min(finer):.3g} mm"


def tuned_on_pairs(c: AuditedRun) -> Iterator[Finding]:
    """Parameters chosen by the scores of the pairs that are scored here, as the protocol declares."""
    for method, told in c.tuned.items():
        if (c.pairs["method"] == method).any():
            yield Finding(
                id="tuned-on-pairs",
                severity="serious",
                what=f"Parameters of {method} were chosen by its scores on the pairs that are scored here.",
                evidence=f"The protocol declares: {told}",
                remedy="Choose parameters on other subjects; until then its scores are those of its best guess.",
            )


RULES = (
    unimodal_similarity,
    image_synthesised,
    unequal_start,
    tuned_on_pairs,
    evaluated_below_native,
    below_native_resolution,
    unequal_input,
)
