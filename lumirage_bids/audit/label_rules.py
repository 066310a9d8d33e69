"""Rules about labels and scores: whether they can show what registration did, and how they are summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lumirage_bids.audit import networks
from lumirage_bids.audit.conditions import Conditions, StructureFacts
from lumirage_bids.audit.finding import Finding, Severity, reversals, signed, told
from lumirage_bids.measures.information import NEGLIGIBLE
from lumirage_bids.scores import structure_index
from lumirage_bids.stats.classes import FLOOR, arm_labels, arms_of, evaluation_by_name, scored_dice
from lumirage_bids.stats.summaries import TRIMMED_PERCENT

if TYPE_CHECKING:
    import pandas as pd

INTENSITY_LABELLERS = frozenset({"atropos"})
"""Labellers that look at nothing but the intensities that are registered."""
MOSTLY_BARE = 0.5
"""Share of a boundary without contrast from which a structure counts as one without an intensity boundary."""
SHIFT = 0.01
"""Change of a mean Dice that is worth more than a note."""
NAMED = 8
"""Structures that are named."""
GENERAL = 2
"""Times the structures that are scored from which a look-up table is one for any labelling, as FreeSurfer's is."""
_CARRIED = re.compile(r"; (?P<of>\w+) of the T1w scan(?: \((?P<maker>\w+):)?")


def labels_from_intensities(sources: Mapping[str, str]) -> str:
    """Say why no verdict can be given when the labels are all made from the intensities that are registered.

    Parameters
    ----------
    sources : mapping of str to str
        Labelling → where its maps come from, as the record of a run has it: ``atropos: CSF, grey and …``.

    Returns
    -------
    str
        The reason; empty where a labelling is independent of the intensities, or there is none at all.

    Examples
    --------
    >>> labels_from_intensities({"tissue": "atropos: three tissues", "manual": "existing maps …"})
    ''
    """
    made_by = {name: source.partition(":")[0].strip() for name, source in sources.items()}
    if not made_by or not set(made_by.values()) <= INTENSITY_LABELLERS:
        return ""
    return (
        f"The labels ({', '.join(made_by)}) are classes of the very intensities that the methods match: a method "
        "that copies intensities scores well wherever it moves anatomy. They show that a run works, not which method "
        "is better."
    )


def intensity_labels(c: Conditions) -> Iterator[Finding]:
    """Labels that are a function of the intensities; without any others nothing can be concluded."""
    sources = {str(k): c.sources.get(str(k), "") for k in c.pairs["labelling"].unique()}
    made = {k: source for k, source in sources.items() if labels_from_intensities({k: source})}
    if made:
        alone = len(made) == len(sources)
        yield Finding(
            id="labels-from-intensities",
            severity="critical" if alone else "note",
            what=f"{'All labels' if alone else 'Labels of ' + ', '.join(made)} are made from the intensities that are "
            "registered.",
            evidence=labels_from_intensities(made),
            remedy="Give label maps made otherwise (manual, SynthSeg, SLANT, …) with --derivatives.",
        )


def _arms(wide: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Name → scored rows of each arm, structures as columns by index."""
    found = {c: i for c in wide.columns if (i := structure_index(c)) is not None}
    ok = wide[wide["status"] == "ok"]
    named = arm_labels(arms_of(wide)).items()
    of = {name: ok[(ok["variant"] == a.variant) & (ok["method"] == a.method)] for a, name in named}
    return {name: rows[list(found)].rename(columns=found).astype("float64") for name, rows in of.items() if len(rows)}


def _name(names: Mapping[int, str], index: int) -> str:
    """Name of a structure with single spaces."""
    return " ".join(names.get(index, str(index)).split())


def bare_structures(c: Conditions) -> Iterator[Finding]:
    """Structures without an intensity boundary, and what they weigh in the mean."""
    for labelling, wide in c.structures.items():
        names = c.luts.get(labelling, {})
        bare = {i: f for i, f in mean_facts(c, labelling).items() if f.bare >= MOSTLY_BARE or f.contrast < NEGLIGIBLE}
        arms = _arms(wide)
        scored = {int(i) for rows in arms.values() for i in rows.columns[rows.notna().any()]}
        bare = {i: f for i, f in bare.items() if i in scored}
        if not bare:
            continue
        others = sorted(scored - set(bare))
        whole = {arm: float(rows.mean(axis=1).mean()) for arm, rows in arms.items()}
        rest = {arm: float(rows[others].mean(axis=1).mean()) for arm, rows in arms.items()} if others else {}
        turned = reversals(whole, rest, evaluation_by_name(wide)) if rest else []
        worst = sorted(bare, key=lambda i: -bare[i].bare)
        listed = [f"{_name(names, i)} ({100 * bare[i].bare:.0f} %)" for i in worst[:NAMED]]
        share = len(bare) / len(scored)
        parts = [f"{arm} {whole[arm]:.3f}, without them {rest[arm]:.3f}" for arm in rest]
        severity: Severity = "serious" if turned else "moderate" if share >= 0.1 else "note"
        yield Finding(
            id="no-intensity-boundary",
            severity=severity,
            what=f"{len(bare)} of {len(scored)} structures of {labelling} have hardly any boundary in the image.",
            evidence=f"At least {100 * MOSTLY_BARE:.0f} % of their surface is without contrast: {', '.join(listed)}"
            f"{', …' if len(worst) > NAMED else ''}. They are {100 * share:.0f} % of the mean. Dice: "
            f"{'; '.join(parts) or 'no other structure is scored'}.{told(turned)}",
            remedy="Their Dice measures where smoothness or training puts them, not how images are matched: read "
            "structures.tsv and the mean without them.",
        )


def mean_volumes(c: Conditions) -> dict[str, dict[int, float]]:
    """Labelling → structure → volume in the native label maps, mm³, the mean over the scans that have it."""
    found: dict[str, dict[int, float]] = {}
    for labelling, scans in c.scans.items():
        volumes: dict[int, list[float]] = {}
        for scan in scans.values():
            for index, facts in scan.structures.items():
                volumes.setdefault(index, []).append(facts.volume)
        found[labelling] = {index: float(np.mean(of)) for index, of in volumes.items()}
    return found


def mean_facts(c: Conditions, labelling: str) -> dict[int, StructureFacts]:
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


def absent_structures(c: Conditions) -> Iterator[Finding]:
    """Structures that a native map lacks, and what rules that score them would do."""
    for labelling, wide in c.structures.items():
        arms = _arms(wide)
        if not arms:
            continue
        known = {*c.luts.get(labelling, {}), *(int(i) for rows in arms.values() for i in rows.columns)}
        scored = {int(i) for rows in arms.values() for i in rows.columns[rows.notna().any()]}
        if len(known) > GENERAL * len(scored):
            known = scored
        count = {arm: len(known) - rows.notna().sum(axis=1) for arm, rows in arms.items()}
        most = max(float(n.max()) for n in count.values())
        if most == 0:
            continue
        out = {arm: float(rows.mean(axis=1).mean()) for arm, rows in arms.items()}
        zero = {arm: float((rows.sum(axis=1) / len(known)).mean()) for arm, rows in arms.items()}
        one = {arm: float(((rows.sum(axis=1) + count[arm]) / len(known)).mean()) for arm, rows in arms.items()}
        never = len(known - scored)
        alike = evaluation_by_name(wide)
        turned = sorted({*reversals(out, zero, alike), *reversals(out, one, alike)})
        shift = max(abs(x[arm] - out[arm]) for x in (zero, one) for arm in out)
        mean = float(np.mean(np.concatenate([n.to_numpy(dtype=np.float64) for n in count.values()])))
        parts = [f"{arm} {out[arm]:.3f}, scored as 0 {zero[arm]:.3f}, as 1 {one[arm]:.3f}" for arm in out]
        severity: Severity = "serious" if turned else "moderate" if shift >= SHIFT else "note"
        yield Finding(
            id="absent-structures",
            severity=severity,
            what=f"Structures of {labelling} are absent from native label maps, and are left out here.",
            evidence=f"{mean:.1f} of {len(known)} a pair, {most:.0f} at most; {never} in every pair. Mean Dice: "
            f"{'; '.join(parts)}.{told(turned)}",
            remedy="They are left out alike for all methods. Other programs score them as 0 or as 1: compare numbers "
            "across studies only under one rule.",
        )


def cut_labels(c: Conditions) -> Iterator[Finding]:
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


def network_labels(c: Conditions) -> Iterator[Finding]:
    """A labelling made by a network, beside a method trained on the same contrast."""
    learned = {m: networks.METHODS.get(c.methods.get(m, m)) for m in c.pairs["method"].unique()}
    for labelling in c.pairs["labelling"].unique():
        source = c.sources.get(labelling, "")
        carried = _CARRIED.search(source)
        maker = (carried["maker"] or carried["of"]) if carried else source.partition(":")[0].strip()
        kind = maker if maker in networks.LABELLERS else str(labelling).lower()
        labeller = networks.LABELLERS.get(kind)
        if labeller is None:
            continue
        both = [
            f"{m} ({t.images})" for m, t in learned.items()
            if t and (not labeller.contrasts or labeller.contrasts & t.contrasts)
        ]  # fmt: skip
        if both:
            yield Finding(
                id="network-labels",
                severity="moderate",
                what=f"Labels of {labelling} are a network's, and so are some methods, trained on the same contrast.",
                evidence=f"Labels: {kind}, trained on {labeller.images} ({labeller.source}). Methods: "
                f"{'; '.join(both)}.",
                remedy="Both may err alike where they saw alike, and the labels fail on other contrasts too: check "
                "by labels of another origin.",
            )


def trimming(c: Conditions) -> Iterator[Finding]:
    """The lowest pairs of each method left out, which are not the same pairs."""
    dice = c.pairs.assign(dice=scored_dice(c.pairs)).dropna(subset="dice")
    for labelling, of in dice[dice["method"] != FLOOR].groupby("labelling", sort=False):
        arms = {
            name: of[(of["variant"] == arm.variant) & (of["method"] == arm.method)].set_index(["moving", "fixed"])[
                "dice"
            ]
            for arm, name in arm_labels(arms_of(of)).items()
        }
        dropped = {
            arm: set(x.index[x.rank(method="first") <= len(x) * TRIMMED_PERCENT // 100]) for arm, x in arms.items()
        }
        whole = {arm: float(x.mean()) for arm, x in arms.items()}
        kept = {arm: float(x[~x.index.isin(dropped[arm])].mean()) for arm, x in arms.items()}
        parts, change, how = [], 0.0, evaluation_by_name(of)
        for a, b in combinations(arms, 2):
            either = dropped[a] | dropped[b]
            if how[a] != how[b] or not either or dropped[a] == dropped[b]:
                continue
            before, after = whole[b] - whole[a], kept[b] - kept[a]
            change = max(change, abs(after - before))
            share = len(dropped[a] & dropped[b]) / len(either)
            parts.append(
                f"{b} − {a}: {signed(before)} becomes {signed(after)}, {100 * share:.0f} % of the dropped pairs shared"
            )
        if parts:
            turned = reversals(whole, kept, how)
            severity: Severity = "serious" if turned else "moderate" if change >= SHIFT else "note"
            yield Finding(
                id="trimming",
                severity=severity,
                what=f"The trimmed columns of {labelling} drop other pairs for each method.",
                evidence=f"{'; '.join(parts[:4])}{'; …' if len(parts) > 4 else ''}.{told(turned)}",
                remedy="Compare methods by the untrimmed, paired numbers; the trimmed ones stand there only for "
                "comparison with the published evaluation.",
            )


RULES = (
    intensity_labels,
    bare_structures,
    absent_structures,
    network_labels,
    cut_labels,
    trimming,
)
