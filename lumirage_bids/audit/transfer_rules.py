"""Rules about the way of the labels: from another contrast, and to another grid than the scans'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lumirage_bids.audit.conditions import Conditions
from lumirage_bids.audit.finding import Finding, reversals, told
from lumirage_bids.audit.method_rules import suffix
from lumirage_bids.stats.classes import arm_labels, arms_of, evaluation_by_name, scored_dice

if TYPE_CHECKING:
    import pandas as pd


def label_transfer(c: Conditions) -> Iterator[Finding]:
    """Labels carried over by nearest neighbour."""
    for labelling, of in c.pairs.groupby("labelling", sort=False):
        near = of["evaluation"].str.contains("nearest")
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


def reference_grid(c: Conditions) -> Iterator[Finding]:
    """Labels compared on the grid of the scan that all are aligned to."""
    for labelling, of in _with_dice(c).groupby("labelling", sort=False):
        there = of["evaluation"].str.startswith("reference")
        if not there.any():
            continue
        away, home = (rows.groupby("method", sort=False)["dice"].mean() for rows in (of[there], of[~there]))
        both = [str(m) for m in away.index if m in home.index]
        turned = reversals({m: home[m] for m in both}, {m: away[m] for m in both})
        parts = [f"{m} {away[m]:.3f}" + (f", {home[m]:.3f} on native grids" if m in home else "") for m in away.index]
        named, which = arm_labels(arms_of(of)), arms_of(of[there])
        arms = ", ".join(named[arm] for arm in which)
        yield Finding(
            id="reference-grid",
            severity="serious" if turned or not (there.all() or _both_ways(of, there)) else "moderate",
            what=f"Labels of {labelling} were compared on the reference's grid"
            f"{' for some arms and on native grids for others' if not there.all() else ''}.",
            evidence=f"{int(there.sum())} of {len(of)} rows: {arms}. Mean Dice: {'; '.join(parts)}.{told(turned)}",
            remedy="Differences are told within one grid only: compare no score with one on another grid. On the "
            "reference's, labels are interpolated before registration too, and structures have the sizes that the "
            "alignment gives them: judge by native grids.",
        )


def carried_labels(c: Conditions) -> Iterator[Finding]:
    """Labels of another contrast: not made from the images that are registered."""
    carried = {
        labelling: sorted({suffix(s) for s, f in of.items() if f.labeller == "carried" and suffix(s) != "T1w"})
        for labelling, of in c.scans.items()
    }
    rows = _with_dice(c)
    for labelling, contrasts in carried.items():
        if not contrasts:
            continue
        of = rows[rows["fixed"].map(suffix).isin(contrasts)]
        means = {str(name): _mean_by_arm(x) for name, x in of.groupby("labelling", sort=False)}
        here, others = means.pop(labelling, {}), {k: v for k, v in means.items() if not carried.get(k)}
        how = evaluation_by_name(of)
        turned = sorted({pair for there in others.values() for pair in reversals(there, here, how)})
        parts = [f"{arm} {dice:.3f}" for arm, dice in here.items()]
        parts += [f"by {name}: " + ", ".join(f"{arm} {d:.3f}" for arm, d in of.items()) for name, of in others.items()]
        yield Finding(
            id="carried-labels",
            severity="serious" if turned else "moderate",
            what=f"Labels of {labelling} were made on T1w scans and carried to {', '.join(contrasts)}.",
            evidence=f"Mean Dice on these contrasts: {'; '.join(parts)}.{told(turned)}",
            remedy="The images that were registered had no part in these labels: a boundary that shows in T1w alone "
            "counts as much as one that the method could see, and errors of the alignment within a session lower all "
            "scores. Judge by labels made on the contrast itself.",
        )


def _both_ways(rows: pd.DataFrame, some: pd.Series[bool]) -> bool:
    """Whether all methods have rows among some and among the others, so that none gets a way of its own."""
    return set(rows["method"][some]) == set(rows["method"][~some])


def _with_dice(c: Conditions) -> pd.DataFrame:
    return c.pairs.assign(dice=scored_dice(c.pairs))


def _mean_by_arm(rows: pd.DataFrame) -> dict[str, float]:
    named = arm_labels(arms_of(rows)).items()
    return {
        name: float(rows.loc[(rows["variant"] == a.variant) & (rows["method"] == a.method), "dice"].mean())
        for a, name in named
    }


RULES = (label_transfer, reference_grid, carried_labels)
