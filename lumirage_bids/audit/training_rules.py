"""Rules about learned methods: what they were trained on, and whether they were run on that."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.finding import Finding
from lumirage_bids.audit.method_rules import contrasts_seen, walk_all_methods
from lumirage_bids.audit.networks import shared_scans
from lumirage_bids.labellers import labellers
from lumirage_bids.methods.base import OwnInput, Training
from lumirage_bids.output.record import MadeBy
from lumirage_bids.stats.classes import each_labelling

NOT_HUMAN = 110.0
"""Longest side of the box around a brain below which it is not that of a grown human, mm."""
_FACTS = ("contrasts", "species", "datasets", "labels")


def _trainings(c: AuditedRun) -> dict[str, Training]:
    """Methods whose training is declared."""
    trained = {m: c.training_of(m) for m in c.pairs["method"].unique()}
    return {m: t for m, t in trained.items() if isinstance(t, Training)}


def training_unknown(c: AuditedRun) -> Iterator[Finding]:
    """Methods of which it is not declared what they were trained on, or not all of it."""
    lacking = {}
    for method in c.pairs["method"].unique():
        trained = c.training_of(method)
        if trained == "unknown":
            lacking[method] = "whether it was trained, and on what"
        elif isinstance(trained, Training):
            parts = [fact for fact in _FACTS if not getattr(trained, fact)]
            if parts:
                lacking[method] = f"{', '.join(parts)} of its training"
    if lacking:
        yield Finding(
            id="training-unknown",
            severity="note",
            what=f"It is not fully known what {', '.join(lacking)} may have been trained on.",
            evidence=f"Not declared: {'; '.join(f'{method}: {what}' for method, what in lacking.items())}. So it is "
            "not known whether these scans are of its domain, or were among those that it saw.",
            remedy='Declare it in the protocol: [methods.NAME] training = { contrasts = ["T1w"], species = '
            '["human"], datasets = ["…"], labels = ["none"] }, or training = "none" for a method that learns '
            "nothing.",
        )


def off_training_contrast(c: AuditedRun) -> Iterator[Finding]:
    """Networks on contrasts that they were not trained on."""
    rows = c.registrations
    for method, training in _trainings(c).items():
        known = set(training.contrasts)
        if not known or "any" in known:
            continue
        of = rows[rows["method"] == method]
        ends = pd.DataFrame({side: contrasts_seen(c, of, side) for side in ("moving", "fixed")})
        off = ends[~ends.isin(known).all(axis=1)]
        if len(off):
            others = ", ".join(sorted({*off["moving"], *off["fixed"]} - known))
            yield Finding(
                id="off-training-contrast",
                severity="serious",
                what=f"{method} was run on contrasts that it was not trained on.",
                evidence=f"{len(off)} of {len(of)} pairs have {others}; trained on {training.words}.",
                remedy="Report these pairs apart, as a test of domain shift; they say nothing about the method within "
                "its domain.",
            )


def off_training_species(c: AuditedRun) -> Iterator[Finding]:
    """Networks trained on humans alone, on brains of another size."""
    extents = c.brain_extents
    small = {scan: max(extent) for scan, extent in extents.items() if max(extent) < NOT_HUMAN}
    for method, training in _trainings(c).items():
        if small and training.species == ("human",):
            yield Finding(
                id="off-training-species",
                severity="serious",
                what=f"{method} was trained on human brains and run on brains too small to be those of grown humans.",
                evidence=f"{len(small)} of {len(extents)} brains are at most {max(small.values()):.0f} mm long; "
                f"trained on {training.words}.",
                remedy="Report these pairs apart, as a test of domain shift; they say nothing about the method within "
                "its domain.",
            )


def training_data(c: AuditedRun) -> Iterator[Finding]:
    """Networks on the dataset that they were trained on, or on one that shares scans with it."""
    for method, training in _trainings(c).items():
        if shared := shared_scans(c.dataset, training.datasets):
            yield Finding(
                id="training-data",
                severity="serious",
                what=f"{method} may have been trained on these very scans.",
                evidence=f"Dataset: {c.dataset}. Trained on {training.words}. {shared}",
                remedy="Leave out the subjects that it was trained on, for all methods, or compare on another dataset.",
            )


def training_labels(c: AuditedRun) -> Iterator[Finding]:
    """Networks that were trained with maps of the labelling that they are scored by."""
    for method, training in _trainings(c).items():
        rows = c.pairs[c.pairs["method"] == method]
        own = {label.lower() for label in training.labels}
        same = [str(name) for name in rows["labelling"].unique() if str(name).lower() in own]
        if same:
            yield Finding(
                id="training-labels",
                severity="serious",
                what=f"{method} was trained with maps of the labelling that it is scored by.",
                evidence=f"Labelling {', '.join(same)}; trained on {training.words}.",
                remedy="It has learned where these structures lie, which images alone do not tell: compare it by "
                "labels that it was not trained with too.",
            )


def off_training_grid(c: AuditedRun) -> Iterator[Finding]:
    """Networks on a grid that they were not trained on, or that does not hold the brain."""
    learned = _trainings(c)
    for (variant, method), _, of, seen in walk_all_methods(c):
        if method in learned and not seen.as_trained:
            axes = c.preparations.get(variant, {}).get("orientation", "RAS")
            yield Finding(
                id="off-training-grid",
                severity="serious",
                what=f"{method} (variant {variant}) saw images on a different grid from the one it was trained on.",
                evidence=f"Input: {seen}; axes {axes}. Trained on {learned[method].words}.",
                remedy="Set input = 'trained' for this method, or read the variant as a test of its robustness.",
            )
        yield from _cut_by_network(c, method, set(of["moving"].unique()) | set(of["fixed"].unique()), seen)


def _cut_by_network(c: AuditedRun, method: str, scans: set[str], seen: OwnInput) -> Iterator[Finding]:
    """Brains that do not fit into a network's grid; sides are compared by rank, as axes may be turned."""
    grid = seen.extent
    extents = c.brain_extents
    names = scans & set(extents)
    if not grid or not names:
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


def network_labels(c: AuditedRun) -> Iterator[Finding]:
    """A labelling made by a network, beside a method that is one and was trained on a contrast of these scans."""
    for labelling, of in each_labelling(c.pairs):
        kind, maker = _network(c.labellers.get(str(labelling), MadeBy()), str(labelling))
        if maker is None:
            continue
        here = {c.contrasts[scan] for scan in (*of["moving"].unique(), *of["fixed"].unique())}
        ours = {m: t for m, t in _trainings(c).items() if m in set(of["method"].unique())}
        near = {m: sorted(here & set(t.contrasts)) for m, t in ours.items() if here & set(t.contrasts)}
        alike = sorted({contrast for found in near.values() for contrast in found if contrast in maker.contrasts})
        if near:
            kinship = f"; both were trained on {', '.join(alike)}" if alike else ""
            yield Finding(
                id="network-labels",
                severity="moderate" if alike else "note",
                what=f"Labels of {labelling} are a network's, and {', '.join(near)} "
                f"{'is one' if len(near) == 1 else 'are too'}{kinship}.",
                evidence=f"Labels: {kind}, trained on {maker.words}. Methods: "
                f"{'; '.join(f'{m}, trained on {ours[m].words}' for m in near)}.",
                remedy="Both may err alike where they saw alike, and the labels fail on other contrasts too: check "
                "by labels of another origin."
                if alike
                else "They have learned from different images. Still, check by labels of another origin.",
            )


def _network(made_by: MadeBy, labelling: str) -> tuple[str, Training | None]:
    """Name and training of the network that made a labelling, where one did."""
    trained = {name: kind.training for name, kind in labellers().items() if kind.training}
    kind = made_by.maker if made_by.maker in trained else labelling.lower()
    return kind, trained.get(kind)


RULES = (
    off_training_contrast,
    off_training_species,
    training_data,
    training_labels,
    off_training_grid,
    network_labels,
    training_unknown,
)
