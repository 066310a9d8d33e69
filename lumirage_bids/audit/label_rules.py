"""Rules about labels and scores: whether they can show what registration did, and how they are summed up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from lumirage_bids.audit.audited_run import AuditedRun, StructureFacts
from lumirage_bids.audit.common import PAIR, Orders, common_means, different_subjects, keep_common_pairs, tell_couples
from lumirage_bids.audit.finding import Finding, Severity
from lumirage_bids.measures.information import NEGLIGIBLE
from lumirage_bids.output.record import MadeBy
from lumirage_bids.output.score_table import structure_index
from lumirage_bids.stats.classes import FLOOR, each_labelling
from lumirage_bids.stats.pairing import keys_of
from lumirage_bids.stats.summaries import TRIMMED_PERCENT

MOSTLY_BARE = 0.5
"""Share of a boundary without contrast from which a structure counts as one without an intensity boundary."""
SHIFT = 0.01
"""Change of a mean Dice that is worth more than a note."""
FEW = 8
"""Classes up to which a labelling counts as one of few."""
SPREAD = 0.02
"""Share of the box around the brain that a mean class fills, from which it counts as spread over the brain: a thalamus
fills 0.002, the cortex of one hemisphere or CSF 0.05 and more."""
NAMED = 8
"""Structures that are named."""
GENERAL = 2
"""Times the structures that are scored from which a look-up table is one for any labelling, as FreeSurfer's is."""


def labels_from_intensities(labellers: Mapping[str, MadeBy]) -> str:
    """Say why no verdict can be given when the labels are all made from the intensities that are registered.

    Parameters
    ----------
    labellers : mapping
        Labelling → what made its maps.

    Returns
    -------
    str
        The reason; empty where a labelling is independent of the intensities, or there is none at all.

    Examples
    --------
    >>> labels_from_intensities({"tissue": MadeBy(from_intensities=True), "manual": MadeBy(labeller="existing")})
    ''
    """
    if not labellers or not all(made_by.from_intensities for made_by in labellers.values()):
        return ""
    return (
        f"The labels ({', '.join(labellers)}) are classes of the very intensities that the methods match: a method "
        "that copies intensities scores well by them wherever it moves anatomy. Their overlap and surfaces show that a "
        "run works, not which method is better. Landmarks are another matter."
    )


def intensity_labels(c: AuditedRun) -> Iterator[Finding]:
    """Labels that are a function of the intensities; without any others nothing can be concluded."""
    labellers = {str(k): c.labellers.get(str(k), MadeBy()) for k in c.pairs["labelling"].unique()}
    made = {name: made_by for name, made_by in labellers.items() if labels_from_intensities({name: made_by})}
    if made:
        alone = len(made) == len(labellers)
        yield Finding(
            id="labels-from-intensities",
            severity="critical" if alone else "note",
            what=f"{'All labels' if alone else 'Labels of ' + ', '.join(made)} are made from the intensities that are "
            "registered: their overlap does not show which method is better.",
            evidence=labels_from_intensities(made),
            remedy="Give label maps made otherwise (manual, SynthSeg, SLANT, …) with --derivatives.",
        )


def _find_scored(wide: pd.DataFrame) -> set[int]:
    """Structures that any pair was scored by."""
    ok = (wide["status"] == "ok").to_numpy()
    indexed = {column: structure_index(column) for column in wide.columns}
    return {i for c, i in indexed.items() if i is not None and bool((ok & wide[c].notna().to_numpy()).any())}


def _add_up(wide: pd.DataFrame, structures: Collection[int]) -> tuple[pd.Series[float], pd.Series[int]]:
    """Sum of the Dice of some structures, row by row, and how many of them have one; column by column, for memory."""
    total, counted = np.zeros(len(wide)), np.zeros(len(wide), dtype=np.int64)
    for column in (c for c in wide.columns if structure_index(c) in structures):
        values = wide[column].to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        total += np.where(known, values, 0.0)
        counted += known
    return pd.Series(total, index=wide.index), pd.Series(counted, index=wide.index)


def _name(names: Mapping[int, str], index: int) -> str:
    """Name of a structure with single spaces."""
    return " ".join(names.get(index, str(index)).split())


def few_classes(c: AuditedRun) -> dict[str, str]:
    """Labelling of a few classes that are spread over the whole brain → what its overlap cannot tell.

    References
    ----------
    Rohlfing T. Image similarity and tissue overlaps as surrogates for image registration accuracy: widely used but
    unreliable. IEEE Trans Med Imaging 31:153-163 (2012). doi:10.1109/TMI.2011.2163944
    """
    found = {}
    for labelling, wide in c.structures.items():
        scored = _find_scored(wide)
        if 0 < len(scored) <= FEW and _share_of_brain(c, labelling, scored) >= SPREAD:
            found[labelling] = (
                f"{labelling} has {len(scored)} classes that are spread over the whole brain: their overlap cannot "
                "tell registration from sorting voxels by intensity (Rohlfing 2012, doi:10.1109/TMI.2011.2163944)."
            )
    return found


def _share_of_brain(c: AuditedRun, labelling: str, structures: set[int]) -> float:
    """Share of the box around the brain that a mean structure fills; without facts of scans, as if it were whole."""
    shares = [
        sum(f.volume for i, f in facts.structures.items() if i in structures) / float(np.prod(c.brain_extents[scan]))
        for scan, facts in c.scans.get(labelling, {}).items()
        if facts.structures and scan in c.brain_extents
    ]
    return float(np.mean(shares)) / len(structures) if shares else 1.0 / len(structures)


def few_class_labels(c: AuditedRun) -> Iterator[Finding]:
    """Labels whose overlap says little of where anatomy went."""
    for labelling, caveat in few_classes(c).items():
        yield Finding(
            id="few-classes",
            severity="serious",
            what=f"{labelling} has a few large classes, spread over the whole brain.",
            evidence=caveat,
            remedy="Judge by many small structures that lie in one place, or by landmarks; here read the sizes of "
            "differences with care.",
        )


def find_withheld(labellers: Mapping[str, MadeBy]) -> dict[str, str]:
    """Labelling → why there is no verdict on it, empty where there is one; from what made its maps."""
    return {name: labels_from_intensities({name: made_by}) for name, made_by in labellers.items()}


def bare_structures(c: AuditedRun, orders: Orders) -> Iterator[Finding]:
    """Structures without an intensity boundary, and what they weigh in the mean."""
    for labelling, wide in c.structures.items():
        names = c.luts.get(labelling, {})
        bare = {i: f for i, f in mean_facts(c, labelling).items() if f.bare >= MOSTLY_BARE or f.contrast < NEGLIGIBLE}
        scored = _find_scored(wide)
        bare = {i: f for i, f in bare.items() if i in scored}
        if not bare:
            continue
        others = sorted(scored - set(bare))
        without = _put_dice(wide, _mean_of(wide, others))
        around = orders.find_turned(labelling, without)
        whole = common_means(different_subjects(_put_dice(wide, _mean_of(wide, scored))))
        rest = common_means(different_subjects(without)) if others else {}
        worst = sorted(bare, key=lambda i: -bare[i].bare)
        listed = [f"{_name(names, i)} ({100 * bare[i].bare:.0f} %)" for i in worst[:NAMED]]
        share = len(bare) / len(scored)
        parts = [f"{arm} {whole[arm]:.3f}, without them {rest[arm]:.3f}" for arm in rest if arm in whole]
        severity: Severity = "serious" if around else "moderate" if share >= 0.1 else "note"
        yield Finding(
            id="no-intensity-boundary",
            severity=severity,
            what=f"{len(bare)} of {len(scored)} structures of {labelling} have hardly any boundary in the image.",
            evidence=f"At least {100 * MOSTLY_BARE:.0f} % of their surface is without contrast: {', '.join(listed)}"
            f"{', …' if len(worst) > NAMED else ''}. They are {100 * share:.0f} % of the mean. Dice on the pairs that "
            f"all scored: {'; '.join(parts) or 'no other structure is scored'}.{tell_couples(around)}",
            remedy="Their Dice measures where smoothness or training puts them, not how images are matched: read "
            "structures.tsv and the mean without them.",
        )


def _mean_of(wide: pd.DataFrame, structures: Collection[int]) -> pd.Series[float]:
    """Mean Dice over some structures, row by row."""
    total, counted = _add_up(wide, structures)
    return total / counted.where(counted > 0)


def _put_dice(wide: pd.DataFrame, dice: pd.Series[float]) -> pd.DataFrame:
    """Rows of a table of structures as those of a score table, with such a mean Dice."""
    return keys_of(wide).assign(evaluation=wide["evaluation"], dice_mean=dice)


def mean_volumes(c: AuditedRun) -> dict[str, dict[int, float]]:
    """Labelling → structure → volume in the native label maps, mm³, the mean over the scans that have it."""
    found: dict[str, dict[int, float]] = {}
    for labelling, scans in c.scans.items():
        volumes: dict[int, list[float]] = {}
        for scan in scans.values():
            for index, facts in scan.structures.items():
                volumes.setdefault(index, []).append(facts.volume)
        found[labelling] = {index: float(np.mean(of)) for index, of in volumes.items()}
    return found


def mean_facts(c: AuditedRun, labelling: str) -> dict[int, StructureFacts]:
    """Facts of each structure, averaged over the scans that have it; those of scans without facts are not there."""
    by_index: dict[int, list[StructureFacts]] = {}
    for scan in c.scans.get(labelling, {}).values():
        for index, facts in scan.structures.items():
            if np.isfinite(facts.contrast):
                by_index.setdefault(index, []).append(facts)

    def mean(of: list[StructureFacts], name: str) -> float:
        return float(np.mean([getattr(f, name) for f in of]))

    keys = ("volume", "contrast", "bare", "cut")
    return {i: StructureFacts(**{key: mean(of, key) for key in keys}) for i, of in sorted(by_index.items())}


def structures_absent(c: AuditedRun, orders: Orders) -> Iterator[Finding]:
    """Structures that a native map lacks, and what rules that score them would do."""
    for labelling, wide in c.structures.items():
        found = {i for column in wide.columns if (i := structure_index(column)) is not None}
        ok = wide["status"] == "ok"
        if not ok.any():
            continue
        known = {*c.luts.get(labelling, {}), *found}
        scored = _find_scored(wide)
        if len(known) > GENERAL * len(scored):
            known = scored
        total, counted = _add_up(wide, known)
        lacking = (len(known) - counted)[ok]
        if not lacking.max():
            continue
        rules = {"": total / counted.where(counted > 0)}
        rules["scored as 0"] = total / len(known)
        rules["as 1"] = (total + len(known) - counted) / len(known)
        by = {rule: _put_dice(wide, dice) for rule, dice in rules.items()}
        around = sorted({couple for rows in by.values() for couple in orders.find_turned(labelling, rows)})
        means = {rule: common_means(different_subjects(rows)) for rule, rows in by.items()}
        out = means.pop("")
        shift = max((abs(of[arm] - out[arm]) for of in means.values() for arm in out), default=0.0)
        parts = [
            ", ".join([f"{arm} {out[arm]:.3f}", *(f"{r} {of[arm]:.3f}" for r, of in means.items())]) for arm in out
        ]
        severity: Severity = "serious" if around else "moderate" if shift >= SHIFT else "note"
        yield Finding(
            id="absent-structures",
            severity=severity,
            what=f"Structures of {labelling} are absent from native label maps, and are left out here.",
            evidence=f"{lacking.mean():.1f} of {len(known)} per pair, {lacking.max():.0f} at most; "
            f"{len(known - scored)} in every pair. Mean Dice on the pairs that all scored: {'; '.join(parts)}."
            f"{tell_couples(around)}",
            remedy="They are left out alike for all methods. Other programs score them as 0 or as 1: compare numbers "
            "across studies only under one rule.",
        )


def cut_labels(c: AuditedRun) -> Iterator[Finding]:
    """Structures that the edge of the image cuts."""
    for labelling, scans in c.scans.items():
        cut = {scan: {i: f.cut for i, f in of.structures.items() if f.cut > 0} for scan, of in scans.items()}
        cut = {scan: of for scan, of in cut.items() if of}
        if not cut:
            continue
        names = c.luts.get(labelling, {})
        worst = max(((share, i) for of in cut.values() for i, share in of.items()), key=lambda item: item[0])
        structures = {i for of in cut.values() for i in of}
        listed = ", ".join(_name(names, i) for i in sorted(structures)[:NAMED])
        yield Finding(
            id="labels-cut",
            severity="moderate" if worst[0] >= 0.05 else "note",
            what=f"The edge of the image cuts structures of {labelling}.",
            evidence=f"{len(cut)} of {len(scans)} scans, {len(structures)} structures: {listed}"
            f"{', …' if len(structures) > NAMED else ''}. At worst {100 * worst[0]:.0f} % of the surface of "
            f"{_name(names, worst[1])}.",
            remedy="What one scan shows and the other does not cannot be matched: leave these structures or scans out.",
        )


def trimming(c: AuditedRun, orders: Orders) -> Iterator[Finding]:
    """The lowest pairs of each method left out, which are not the same pairs."""
    for labelling, every in each_labelling(c.pairs):
        of = keep_common_pairs(different_subjects(every[every["method"] != FLOOR]))
        ranks = of.groupby("arm")["dice"].rank(method="first")
        low = ranks <= of.groupby("arm")["dice"].transform("size") * TRIMMED_PERCENT // 100
        dropped = {str(arm): set(x.index) for arm, x in of[low].set_index(PAIR).groupby("arm", sort=False)}
        if len({frozenset(pairs) for pairs in dropped.values()}) < 2:
            continue
        shared = len(set.intersection(*dropped.values())) / len(set.union(*dropped.values()))
        shifts = of[~low].groupby("arm", sort=False)["dice"].mean() - of.groupby("arm", sort=False)["dice"].mean()
        around = orders.find_turned(str(labelling), of[~low])
        apart = float(shifts.max() - shifts.min())
        severity: Severity = "serious" if around else "moderate" if apart >= SHIFT else "note"
        yield Finding(
            id="trimming",
            severity=severity,
            what=f"The trimmed columns of {labelling} drop different pairs for each method.",
            evidence=f"{100 * shared:.0f} % of the dropped pairs are dropped for all. Dropping them raises the mean by "
            f"{', '.join(f'{x:.3f} for {arm}' for arm, x in shifts.items())}.{tell_couples(around)}",
            remedy="Compare methods by the untrimmed, paired numbers; the trimmed ones stand there only for "
            "comparison with the published evaluation.",
        )


RULES = (intensity_labels, few_class_labels, cut_labels)
COMPARING = (bare_structures, structures_absent, trimming)
"""Rules that look at what is certain of comparisons too."""
