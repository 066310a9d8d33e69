"""Rules about the way of the labels: from another contrast, and to another grid than the scans'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.common import Orders, common_means, different_subjects, reversals, tell_couples
from lumirage_bids.audit.finding import Finding
from lumirage_bids.output.fill_in import GIVEN, fill_in
from lumirage_bids.stats.classes import Arm, arm_labels, arms_of, each_labelling

if TYPE_CHECKING:
    import pandas as pd


def label_transfer(c: AuditedRun) -> Iterator[Finding]:
    """Labels carried over by nearest neighbour."""
    for labelling, of in each_labelling(fill_in(c.pairs)):
        near = of["transfer"] == "nearest"
        if near.any():
            mixed = not near.all()
            apart = mixed and not _both_ways(of, near)
            named = arm_labels(arms_of(of))
            arms = ", ".join(named[arm] for arm in arms_of(of[near]))
            yield Finding(
                id="nearest-transfer",
                severity="serious" if apart else "moderate",
                what=f"Labels of {labelling} were carried over by nearest neighbour"
                f"{' for some arms and linearly for others' if mixed else ''}.",
                evidence=f"{int(near.sum())} of {len(of)} rows: {arms}.",
                remedy="Use linear transfer (every label's mask interpolated, largest wins): nearest neighbour loses "
                "up to half a voxel at every boundary, most for thin structures.",
            )


def given_labels(c: AuditedRun) -> Iterator[Finding]:
    """Label maps that came carried over, beside those that were carried over here."""
    for labelling, of in each_labelling(fill_in(c.pairs)):
        given = of["transfer"] == GIVEN
        if given.any():
            named = arm_labels(arms_of(of))
            arms = ", ".join(named[arm] for arm in arms_of(of[given]))
            yield Finding(
                id="given-labels",
                severity="serious",
                what=f"Label maps of {labelling} came carried over for some methods: how they were interpolated, and "
                "whether along the transform that was found, is not known.",
                evidence=f"{int(given.sum())} of {len(of)} rows: {arms}.",
                remedy="Score the transforms themselves (precomputed), so that all labels are carried over in one "
                "way. The way of interpolation alone can be worth more than what methods differ by, and folding, "
                "landmarks and the way back cannot be measured without a transform.",
            )


def reference_grid(c: AuditedRun, orders: Orders) -> Iterator[Finding]:
    """Labels compared on the grid of the scan that all are aligned to."""
    for labelling, of in each_labelling(fill_in(c.pairs)):
        there = of["grid"] == "reference"
        if not there.any():
            continue
        order = orders.of(str(labelling))
        elsewhere = {Arm(*arm) for arm in of.loc[there, ["variant", "method"]].drop_duplicates().to_numpy()}
        away = {_methods(couple): d for couple, d in order.items() if set(couple) <= elsewhere}
        home = {_methods(couple): d for couple, d in order.items() if not set(couple) & elsewhere}
        around = reversals(home, away, {arm: arm.method for couple in home for arm in couple})
        rows = common_means(different_subjects(of))
        named, which = arm_labels(arms_of(of)), arms_of(of[there])
        arms = ", ".join(named[arm] for arm in which)
        parts = [f"{arm} {mean:.3f}" for arm, mean in rows.items()]
        yield Finding(
            id="reference-grid",
            severity="serious" if around or not (there.all() or _both_ways(of, there)) else "moderate",
            what=f"Labels of {labelling} were compared on the reference's grid"
            f"{' for some arms and on native grids for others' if not there.all() else ''}.",
            evidence=f"{int(there.sum())} of {len(of)} rows: {arms}. Mean Dice on the pairs that all scored: "
            f"{', '.join(parts)}.{tell_couples(around)}",
            remedy="Differences are told within one grid only: compare no score with one on another grid. On the "
            "reference's, labels are interpolated before registration too, and structures have the sizes that the "
            "alignment gives them: judge by native grids.",
        )


def _methods(couple: tuple[Arm, Arm]) -> tuple[Arm, Arm]:
    """The same without their variants."""
    a, b = (Arm("", arm.method) for arm in couple)
    return a, b


def carried_labels(c: AuditedRun, orders: Orders) -> Iterator[Finding]:
    """Labels of another contrast: not made from the images that are registered."""
    carried = {
        labelling: sorted({c.contrasts[scan] for scan, facts in of.items() if facts.labeller == "carried"} - {"T1w"})
        for labelling, of in c.scans.items()
    }
    for labelling, contrasts in carried.items():
        if not contrasts:
            continue
        of = c.pairs[c.pairs["fixed"].map(c.contrasts).isin(contrasts)]
        means = {str(name): common_means(different_subjects(x)) for name, x in of.groupby("labelling", sort=False)}
        here, others = means.pop(labelling, {}), {k: v for k, v in means.items() if not carried.get(k)}
        own = orders.of(labelling)
        names = arm_labels(arms_of(of))
        around = sorted({x for name in others for x in reversals(orders.of(name), own, names)})
        parts = [f"{arm} {dice:.3f}" for arm, dice in here.items()]
        parts += [f"by {name}: " + ", ".join(f"{arm} {d:.3f}" for arm, d in x.items()) for name, x in others.items()]
        yield Finding(
            id="carried-labels",
            severity="serious" if around else "moderate",
            what=f"Labels of {labelling} were made on T1w scans and carried to {', '.join(contrasts)}.",
            evidence=f"Mean Dice on these contrasts: {'; '.join(parts)}.{tell_couples(around)}",
            remedy="The images that were registered had no part in these labels: a boundary that shows in T1w alone "
            "counts as much as one that the method could see, and errors of the alignment within a session lower all "
            "scores. Judge by labels made on the contrast itself.",
        )


def _both_ways(rows: pd.DataFrame, some: pd.Series[bool]) -> bool:
    """Whether all methods have rows among some and among the others, so that none gets a way of its own."""
    return set(rows["method"][some]) == set(rows["method"][~some])


RULES = (label_transfer, given_labels)
COMPARING = (reference_grid, carried_labels)
"""Rules that look at what is certain of comparisons too."""
