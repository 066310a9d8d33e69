"""A plan in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations
from math import prod

from lumirage_bids.app.estimate import estimate
from lumirage_bids.base.progress import duration
from lumirage_bids.bids.choices import mixtures
from lumirage_bids.bids.dataset import Dataset, datalad_get_line
from lumirage_bids.bids.left_out import list_names
from lumirage_bids.bids.names import natural_key
from lumirage_bids.experiment import timings
from lumirage_bids.experiment.downstream import DownstreamJob
from lumirage_bids.experiment.labels_of_run import starts_from_maps
from lumirage_bids.experiment.make_plan import missing_synthesis
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.base import Context
from lumirage_bids.methods.identity import Identity
from lumirage_bids.report.text import count
from lumirage_bids.stats.classes import FLOOR

MOST = 10
BYTES = 24
"""Of a voxel of a saved transform: three double-precision numbers."""
CHAINED_S, FUSED_S = 0.3, 15.0
"""Of one core: to read a transform of a million voxels and carry points by it; to fuse 139 structures at 1 mm."""


def describe(plan: Plan, dataset: Dataset, settings: Settings, voxels: int) -> str:
    """What a run will do, as a user wants to read it before it starts."""
    return "\n".join(_lines(plan, dataset, settings, voxels))


def needed_files(plan: Plan, dataset: Dataset) -> list[str]:
    """Paths below the dataset of the files that the pairs asked for read, whether or not their content is here.

    Files of other datasets (``--derivatives``, templates) are not among them.
    """
    below = (f.path.relative_to(dataset.root) for f in plan.files if f.path.is_relative_to(dataset.root))
    return sorted(map(str, below), key=natural_key)


def list_work(plan: Plan) -> list[tuple[str, str]]:
    """What is left to do, for scripts: ``prepare`` and ``align`` with a scan, ``register`` with a moving subject.

    ``compose`` with any subject where all is registered, and transforms are to be composed.
    """
    return [
        *(("prepare", job.scan.name) for job in plan.preparing),
        *(("align", job.scan.name) for job in plan.aligning),
        *(("register", subject) for subject in _movers(plan)),
        *(("compose", job.scan.subject) for job in plan.downstream[:1] if not plan.batches),
    ]


def _movers(plan: Plan) -> list[str]:
    return sorted({batch.moving.subject for batch in plan.batches}, key=natural_key)


def _lines(plan: Plan, dataset: Dataset, settings: Settings, voxels: int) -> Iterator[str]:
    yield f"Dataset {dataset.name!r} at {dataset.root}"
    yield (f"Scans: {len(plan.scans)} scans of {len(plan.subjects)} subjects; all are aligned to {plan.reference.name}")
    yield from _list_some("  ", [s.relative for s in plan.scans])
    for choice in dataset.choices[:MOST]:
        yield f"  chosen {choice.chosen} over {', '.join(choice.others)}: {choice.reason}"
    if len(dataset.choices) > MOST:
        yield f"  … and {len(dataset.choices) - MOST} more choices (all in config/)"
    if plan.unlabelled:
        yield f"Left out, no label map: {len(plan.unlabelled)} scan(s)"
        yield from _list_some("  ", [s.relative for s in plan.unlabelled])
    for labels in plan.labels:
        yield f"Labelling {labels.name}: {labels.source}"
    if not settings.labellings:
        yield from _tell_other_labellings(plan, dataset)
    if len(plan.subjects) < plan.n_subjects or len(plan.pairs) < plan.n_pairs:
        drawn = f"{len(plan.subjects)} of {plan.n_subjects} subjects, {len(plan.pairs)} of {plan.n_pairs} pairs"
        yield f"Random sample, seed {settings.seed}: {drawn}; status.tsv lists the pairs"
    yield f"Pairs: {len(plan.pairs)} in the protocol, {len(plan.asked)} asked for, {len(plan.runnable)} can run"
    for split, n in sorted(Counter(p.split for p in plan.asked).items()):
        yield f"  {split}: {n}"
    if settings.participant_label and not settings.fixed_label:
        yield from _tell_one_sided(plan, settings.participant_label)
    yield from _tell_missing(plan, dataset)
    for arm in plan.arms:
        before = f"; goes on from {arm.first.name}: {arm.first.method.summary}" if arm.first else ""
        yield f"Method {arm.name}, variant {arm.variant}: {arm.method.summary}{before}"
    yield from (f"NEEDED: {need}" for need in needs(plan, settings.here))
    yield from (f"WARNING: {text}" for text in (*settings.warnings, *warnings(plan)))
    yield from (f"Note: {text}" for text in (*settings.notes, *dataset.notes))
    yield from _work(plan, settings, voxels)


def _tell_other_labellings(plan: Plan, dataset: Dataset) -> Iterator[str]:
    """Which labellings the derivatives have besides, where the user has not said which are scored."""
    others = [name for name in dataset.offered if name not in {labels.name for labels in plan.labels}]
    if not (others or dataset.taken):
        return
    scored = ", ".join(labels.name for labels in plan.labels)
    there = ", ".join(f"{name} ({n} scans)" for name, n in dataset.offered.items())
    yield (
        f"  --labellings was not given, so {scored} is scored. The derivatives have {there}. To choose: "
        f"--labellings {' '.join(dataset.offered)}"
    )


def _list_some(indent: str, items: list[str]) -> Iterator[str]:
    yield from (f"{indent}{item}" for item in items[:MOST])
    if len(items) > MOST:
        yield f"{indent}… and {len(items) - MOST} more"


def _tell_one_sided(plan: Plan, labels: Sequence[str]) -> Iterator[str]:
    """What naming subjects on one side of the pairs alone means, which other BIDS-Apps do not have."""
    mine = set(labels)
    moving, fixed = ({getattr(p, side).name for p in plan.asked} for side in ("moving", "fixed"))
    among = sum({p.moving.subject, p.fixed.subject} <= mine for p in plan.pairs)
    if fixed - moving:
        alone = f" For the {among} pair(s) among these subjects alone: --only {' '.join(labels)}" if among else ""
        yield (
            f"  --participant-label names the moving side: {len(moving)} scan(s), registered to scans of all subjects, "
            f"so that {len(moving | fixed)} scans are prepared.{alone}"
        )


def _tell_missing(plan: Plan, dataset: Dataset) -> Iterator[str]:
    if not plan.missing:
        return
    names = tuple(labels.name for labels in plan.labels)
    files = [f for s in plan.missing for f in s.wants(names) if not f.present]
    yield f"Missing: the content of {len(plan.missing)} scan(s) is not here, their pairs are left out. To get it:"
    yield f"  {datalad_get_line(dataset.root, files)}"


def warnings(plan: Plan) -> Iterator[str]:
    """What a reader of the results must know about their conditions."""
    mixed = sorted({p.split for p in plan.runnable if p.moving.kind != p.fixed.kind and p.split != "same subject"})
    unimodal = sorted({a.name for a in plan.arms if a.method.similarity_for(multimodal=True) == "lncc"})
    if mixed and unimodal:
        yield (
            f"pairs of different sequences ({', '.join(mixed)}) are registered by {', '.join(unimodal)} with "
            "local normalised cross-correlation, which expects the same contrast: read those rows with care."
        )
    yield from _find_unsynthesised(plan)
    yield from _tell_lesions(plan)
    if plan.left_out:
        yield f"no scan fits the filter for {len(plan.left_out)} subject(s): {list_names(plan.left_out)}."
    pairs = plan.runnable or plan.asked  # before anything is fetched it is not too late to choose
    yield from mixtures({s.name: s for p in pairs for s in (p.moving, p.fixed)}.values())
    scans = {s.name: s for p in plan.runnable for s in (p.moving, p.fixed)}.values()
    if alone := [s for s in scans if s.lender and not s.lends]:
        absent = [f for s in alone for f in s.wants() if not f.present]
        yield (
            f"{len(alone)} scan(s) have no brain mask, and the T1w scans of their sessions are not here: a whole head "
            "among them whose brain is not found in its own image gets no mask from its T1w scan. To get the T1w "
            f"scans: {datalad_get_line(alone[0].dataset, absent)}"
        )


def _tell_lesions(plan: Plan) -> Iterator[str]:
    """Which methods see lesions that others, or none, leave out."""
    having = {s.name for p in plan.runnable for s in (p.moving, p.fixed) if s.lesion}
    arms = [a for a in plan.arms if a.method.computes and a.name != FLOOR]
    seeing, masked = (sorted({a.name for a in arms if a.method.masks_lesions is way}) for way in (False, True))
    if having and seeing:
        others = f", {', '.join(masked)} {'leaves' if len(masked) == 1 else 'leave'} them out" if masked else ""
        yield (
            f"{len(having)} scan(s) have a lesion mask: {', '.join(seeing)} "
            f"{'sees' if len(seeing) == 1 else 'see'} the lesions as they are{others}. Methods that have the parameter "
            "leave them out with mask_lesions = true (docs/how-to/lesions.md)."
        )


def _find_unsynthesised(plan: Plan) -> Iterator[str]:
    """Contrasts of which images are to be synthesised, and no scan has."""
    there = {s.suffix for s in plan.scans}
    for variant, arm in {arm.variant: arm for arm in plan.arms}.items():
        asked = arm.preparation.synthesis.contrasts if arm.preparation.synthesis else ()
        if absent := [c for c in asked if c not in there]:
            what = "no image is synthesised" if len(absent) == len(asked) else "nothing is synthesised of those"
            yield (
                f"variant {variant} synthesises images of {', '.join(asked)} scans, and no scan here is a "
                f"{' or '.join(absent)}, but {', '.join(sorted(there))}: {what}."
            )


def _work(plan: Plan, settings: Settings, voxels: int) -> Iterator[str]:
    if settings.stage != "prepare":
        yield f"Registrations: {plan.n_done} done already, {plan.n_todo} to do in {len(plan.batches)} batches"
        yield from _tell_again(plan)
        yield from _downstream(plan, voxels)
    yield f"Preparation: {len(plan.preparing)} scans to prepare, {len(plan.aligning)} to align"
    if not (plan.batches or plan.preparing or plan.aligning):
        return
    if settings.dry_run and plan.batches:
        yield f"Participants with registrations to do: {' '.join(_movers(plan))}"
    made = estimate(plan, settings, voxels, timings.read(settings.output))
    known = "as measured in this output folder" if made.measured else "within a factor of about two"
    size = f"{voxels / 1e6:.1f} million" if voxels >= 1e5 else count(voxels)
    yield (
        f"Estimate for images of about {size} voxels: {duration(made.seconds)}, {known}, with "
        f"{made.at_once} process(es) at a time on {settings.device}, {made.memory_gb:.1f} GB each at most"
        + (f"; {made.preparing_gb:.1f} GB at most while a scan is masked and prepared" if made.preparing_gb else "")
    )
    most = max(made.memory_gb, made.preparing_gb)
    if settings.mem is not None and settings.use_plugin is None and settings.mem < most:
        yield (
            f"WARNING: --mem allows {settings.mem:g} GB, and one process is expected to take up to {most:.1f} GB: "
            f"one at a time runs all the same, and takes that much. Give --mem {most + 0.05:.1f}G or more."
        )
    if settings.sloppy:
        yield "SLOPPY: coarse images and a tenth of the iterations; results are for trying out, not for publication."


def composing_seconds(jobs: Sequence[DownstreamJob], voxels: int) -> float:
    """What it takes one core to compose transforms of images of so many voxels, and to fuse labels, s."""
    fused = sum(len(job.products) - (job.consistency in job.products) for job in jobs)
    chains = sum(len(job.registrations) for job in jobs if job.consistency in job.products)
    return FUSED_S * fused + CHAINED_S * chains * voxels / 1e6


def _downstream(plan: Plan, voxels: int) -> Iterator[str]:
    """Which scans are drawn whose transforms are composed, and what that takes on the disk."""
    if not plan.drawn:
        return
    n = len(plan.drawn) * (len(plan.drawn) - 1)
    kept = sum(
        prod(seen.shape) if (seen := arm.method.own_input) and seen.shape else voxels
        for arm in plan.arms
        if arm.is_composed and not isinstance(arm.method, Identity)
    )
    seconds = composing_seconds(plan.downstream, voxels)
    yield (
        f"Downstream: {len(plan.drawn)} scans drawn; the transforms of their {n} ordered pairs are kept, "
        f"about {n * kept * BYTES / 1e9:.1f} GB in all; "
        f"{sum(len(job.products) for job in plan.downstream)} table(s) to do, about {duration(seconds)} of one core"
    )
    yield from _list_some("  ", [s.relative for s in plan.drawn])
    asked = {(p.moving, p.fixed) for p in plan.asked}
    if lacking := sum(pair not in asked for pair in permutations(plan.drawn, 2)):
        yield (
            f"  {lacking} of these {n} pairs are not asked for in this run (--only, --participant-label, "
            "--fixed-label); what needs them is computed once a run has registered them"
        )


def _tell_again(plan: Plan) -> Iterator[str]:
    """What was done before, and why it is done again."""
    if plan.again.n_scored:
        yield f"  of these only scored again, from their saved transforms: {plan.again.n_scored}"
    if plan.again.n_unsaved:
        many = f"{plan.again.n_unsaved} registration{'s' * (plan.again.n_unsaved > 1)}"
        yield f"  {many} again, because transforms were not saved (--save transforms keeps them)"
    rows = Counter((*key[:3], reason) for key, reason in plan.again.reasons.items())
    for (variant, method, labelling, reason), n in rows.items():
        yield f"  Made again, {n} row(s) of {method}, variant {variant}, labelling {labelling}: {reason}"


def needs(plan: Plan, here: Context) -> Iterator[str]:
    """What is missing to carry out a plan that was made to be looked at only."""
    told = (f"method {arm.name}: {complaint}" for arm in plan.arms if (complaint := arm.missing(here)))
    yield from dict.fromkeys(told)
    yield from missing_synthesis(plan.arms, [*(job.scan for job in plan.preparing if job.variants), *plan.missing])
    for labels in plan.labels:
        there = labels.name in plan.found or starts_from_maps(labels.labeller, plan.scans)
        if not there and (complaint := labels.labeller.missing(here)):
            yield f"labelling {labels.name}: {complaint}"
