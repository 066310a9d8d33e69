"""Rules about methods: whether each got what it can work with, and all got the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.audit import networks
from lumirage_bids.audit.conditions import Conditions
from lumirage_bids.audit.finding import Finding, signed
from lumirage_bids.stats.classes import FLOOR, SAME_SUBJECT, Arm, arm_labels, arms_of

if TYPE_CHECKING:
    import pandas as pd

UNIMODAL = frozenset({"lncc", "ncc", "cc", "mse", "ssd"})
"""Similarities that expect one contrast: equal intensities, or intensities that are locally linear in each other."""
COARSER = 1.05
"""Voxel sizes that differ by less count as equal."""


def suffix(scan: str) -> str:
    """Contrast of a scan, the last part of its name.

    Examples
    --------
    >>> suffix("sub-1_ses-2_acq-a_T2starw")
    'T2starw'
    """
    return scan.rsplit("_", 1)[-1]


def is_multimodal(moving: str, fixed: str, split: str) -> bool:
    """Whether two scans differ in contrast, or in sequence where both sequences are known.

    Examples
    --------
    >>> is_multimodal("sub-1_T1w", "sub-2_T1w", "MPRAGE to MP2RAGE")
    True
    >>> is_multimodal("sub-1_T1w", "sub-2_T1w", "MPRAGE to T1w")
    False
    >>> is_multimodal("tpl-MNI152NLin2009cAsym_res-01_T1w", "sub-2_T1w", "template to subject")
    False
    """
    contrasts = suffix(moving), suffix(fixed)
    if contrasts[0] != contrasts[1]:
        return True
    kinds = split.split(" to ")
    if "template" in kinds:  # its sequence is not known
        return False
    # A split names the contrast where the sequence is not known.
    return split != SAME_SUBJECT and len(set(kinds)) > 1 and not set(kinds) & set(contrasts)


def registrations(c: Conditions) -> pd.DataFrame:
    """One row per arm and pair, whatever the labelling; with the name of the arm in column ``arm``."""
    rows = c.pairs.drop_duplicates(["variant", "method", "moving", "fixed"])
    labels = arm_labels(arms_of(rows))
    return rows.assign(arm=[labels[Arm(v, m)] for v, m in zip(rows["variant"], rows["method"], strict=True)])


def unimodal_similarity(c: Conditions) -> Iterator[Finding]:
    """A similarity for one contrast optimised on pairs of two."""
    rows = registrations(c)
    ends = zip(rows["moving"], rows["fixed"], rows["split"], strict=True)
    rows = rows[np.array([is_multimodal(*end) for end in ends], dtype=bool) & rows["similarity"].isin(UNIMODAL)]
    if rows.empty:
        return
    totals = registrations(c).groupby("arm").size()
    parts = [f"{arm} ({of['similarity'].iloc[0]}): {len(of)} of {totals[arm]} pairs" for arm, of in rows.groupby("arm")]
    yield Finding(
        id="unimodal-similarity",
        severity="serious",
        what="Pairs of different contrast or sequence were registered with a similarity that expects the same one.",
        evidence=f"{'; '.join(parts)}. Splits: {', '.join(sorted(rows['split'].unique()))}.",
        remedy="Set similarity = 'auto' or 'mind' for these methods, as a variant, and judge them by that one on "
        "these splits.",
    )


def unequal_start(c: Conditions) -> Iterator[Finding]:
    """Methods of one variant that began elsewhere."""
    for variant, told in _differing(registrations(c), "start"):
        yield Finding(
            id="unequal-start",
            severity="serious",
            what=f"Methods of variant {variant} did not begin at the same start.",
            evidence=told,
            remedy="Give all methods the same start, or compare only those that share one: part of the "
            "difference is the start's.",
        )


def unequal_input(c: Conditions) -> Iterator[Finding]:
    """Methods of one variant that saw other images."""
    rows = registrations(c)
    for variant, told in _differing(rows[rows["method"] != FLOOR], "input"):
        yield Finding(
            id="unequal-input",
            severity="moderate",
            what=f"Methods of variant {variant} saw images on different grids.",
            evidence=told,
            remedy="Add a variant whose preparation gives every method the grid of the coarsest one, to tell "
            "what the grid does from what the method does.",
        )


def _differing(rows: pd.DataFrame, column: str) -> Iterator[tuple[str, str]]:
    """Variants whose methods have different values of a column; and what each has."""
    for variant, of in rows.groupby("variant", sort=False):
        values = of.groupby("method", sort=False)[column].agg(lambda s: " or ".join(sorted(set(s))))
        if values.nunique() > 1:
            yield str(variant), "; ".join(f"{method}: {value}" for method, value in values.items()) + "."


def below_native_resolution(c: Conditions) -> Iterator[Finding]:
    """Images registered on a grid coarser than the scans'."""
    rows = registrations(c)
    parts = []
    for arm, of in rows[rows["method"] != FLOOR].groupby("arm", sort=False):
        own = networks.input_spacing(str(of["input"].iloc[0]))
        seen = own or c.preparations.get(of["variant"].iloc[0], {}).get("spacing")
        if told := _coarser(c, of, seen):
            parts.append(f"{arm}: {told}")
    if parts:
        yield Finding(
            id="registered-below-native",
            severity="moderate",
            what="Images were registered at a resolution below their own.",
            evidence="; ".join(parts) + ".",
            remedy="Add a variant with spacing = 'native': what is lost at a coarse grid is lost for methods that "
            "could use the detail.",
        )


def evaluated_below_native(c: Conditions) -> Iterator[Finding]:
    """Labels compared on a grid coarser than the scans', as published evaluations did."""
    if "dice_prepared" not in c.pairs:
        return
    rows = registrations(c)
    for variant, of in rows.dropna(subset="dice_prepared").groupby("variant", sort=False):
        if told := _coarser(c, of, c.preparations.get(str(variant), {}).get("spacing")):
            shift = float((of["dice_prepared"] - of["dice_mean"]).mean())
            yield Finding(
                id="evaluated-below-native",
                severity="moderate",
                what=f"dice_prepared of variant {variant} compares labels on a grid coarser than the scans'.",
                evidence=f"{told}. It is {signed(shift)} from dice_mean, on the native grid.",
                remedy="Judge by dice_mean, which is comparable between variants; dice_prepared is for comparison "
                "with the published evaluation.",
            )


def _coarser(c: Conditions, rows: pd.DataFrame, spacing: float | None) -> str:
    """Say how many scans of these rows have a finer axis than a grid's spacing, mm; empty for none."""
    known = {scan: min(f.spacing) for of in c.scans.values() for scan, f in of.items()}
    names = set(rows["moving"]) | set(rows["fixed"])
    finer = [known[s] for s in names if spacing and s in known and spacing > COARSER * known[s]]
    if not finer:
        return ""
    return f"{spacing:g} mm, where {len(finer)} of {len(names)} scans are finer, down to {min(finer):.3g} mm"


def off_training_contrast(c: Conditions) -> Iterator[Finding]:
    """Networks on contrasts that they were not trained on, or whose training is not declared."""
    rows = registrations(c)
    for method, of in rows.groupby("method", sort=False):
        kind = c.methods.get(str(method), str(method))
        if kind in networks.UNKNOWN:
            yield Finding(
                id="training-unknown",
                severity="note",
                what=f"What {method} was trained on is not known here.",
                evidence=f"{len(of)} pairs.",
                remedy="Say in the protocol's description which contrast, shape and data set the network was trained "
                "on, and whether these scans were among them.",
            )
        training = networks.METHODS.get(kind)
        if training is None or not training.contrasts:
            continue
        seen = [{suffix(m), suffix(f)} for m, f in zip(of["moving"], of["fixed"], strict=True)]
        off = [s - training.contrasts for s in seen if not s <= training.contrasts]
        if off:
            contrasts = ", ".join(sorted(set.union(*off)))
            yield Finding(
                id="off-training-contrast",
                severity="serious",
                what=f"{method} was run on contrasts that it was not trained on.",
                evidence=f"{len(off)} of {len(of)} pairs have {contrasts}; trained on {training.images} "
                f"({training.source}).",
                remedy="Report these pairs apart, as a test of domain shift; they say nothing of the method within "
                "its domain.",
            )


def training_data(c: Conditions) -> Iterator[Finding]:
    """Networks on the dataset that they were trained on."""
    for method in c.pairs["method"].unique():
        training = networks.METHODS.get(c.methods.get(method, method))
        same = (
            [d for d in training.datasets if re.search(rf"\b{d}(?![a-z])", c.dataset, re.IGNORECASE)]
            if training
            else []
        )
        if training and same:
            yield Finding(
                id="training-data",
                severity="serious",
                what=f"{method} may have been trained on these very scans.",
                evidence=f"Dataset: {c.dataset}. Trained on {training.images} ({training.source}).",
                remedy="Leave out the subjects that it was trained on, for all methods, or compare on another dataset.",
            )


def off_training_grid(c: Conditions) -> Iterator[Finding]:
    """Networks on a grid that they were not trained on, or that does not hold the brain."""
    rows = registrations(c)
    for (variant, method), of in rows.groupby(["variant", "method"], sort=False):
        training = networks.METHODS.get(c.methods.get(str(method), str(method)))
        seen = str(of["input"].iloc[0])
        if training and seen.startswith("as-given"):
            axes = c.preparations.get(str(variant), {}).get("orientation", "RAS")
            yield Finding(
                id="off-training-grid",
                severity="serious",
                what=f"{method} (variant {variant}) saw images on another grid than it was trained on.",
                evidence=f"Input: {seen}; axes {axes}. Trained on {training.images}, axes {training.orientation} "
                f"({training.source}).",
                remedy="Set input = 'trained' for this method, or read the variant as a test of its robustness.",
            )
        yield from _cut_by_network(c, str(method), of, networks.grid_extent(seen), seen)


def _cut_by_network(
    c: Conditions, method: str, rows: pd.DataFrame, grid: tuple[float, ...] | None, seen: str
) -> Iterator[Finding]:
    """Brains that do not fit into a network's grid; sides are compared by rank, as axes may be turned."""
    extents = {scan: f.brain_extent for of in c.scans.values() for scan, f in of.items() if f.brain_extent}
    names = (set(rows["moving"]) | set(rows["fixed"])) & set(extents)
    if grid is None or not names:
        return
    excess = {s: max(b - g for b, g in zip(sorted(extents[s]), sorted(grid), strict=True)) for s in names}
    cut = {s: mm for s, mm in excess.items() if mm > 0}
    if cut:
        yield Finding(
            id="brain-beyond-network-grid",
            severity="serious",
            what=f"The grid of {method} does not hold all brains.",
            evidence=f"{len(cut)} of {len(names)} scans; the largest exceeds {seen} by {max(cut.values()):.0f} mm.",
            remedy="Use a network with a larger field of view, or leave these scans out for all methods.",
        )


def tuned_on_pairs(c: Conditions) -> Iterator[Finding]:
    """Parameters chosen by the scores of the pairs that are scored here, as the protocol declares."""
    for method, told in c.tuned.items():
        if method in set(c.pairs["method"]):
            yield Finding(
                id="tuned-on-pairs",
                severity="serious",
                what=f"Parameters of {method} were chosen by its scores on the pairs that are scored here.",
                evidence=f"The protocol declares: {told}",
                remedy="Choose parameters on other subjects; until then its scores are those of its best guess.",
            )


RULES = (
    unimodal_similarity,
    unequal_start,
    off_training_contrast,
    training_data,
    off_training_grid,
    tuned_on_pairs,
    evaluated_below_native,
    below_native_resolution,
    unequal_input,
)
