"""How long a run may take, and with how many processes at a time: by what was measured, else by rule of thumb."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lumirage_bids.base.devices import count_cores
from lumirage_bids.base.memory import usable_gb
from lumirage_bids.execution.graphs import PREPARING_GB, preparing_gb
from lumirage_bids.experiment.plan import Batch, Plan, ScanJob
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.experiment.timings import Timings
from lumirage_bids.maskers import Masking

# Seconds of one core, measured on skull-stripped T1w scans of 0.2 and 5.8 million voxels with 137 structures or three
# tissues. A pair of numbers: in any case, and for a million voxels; a single one is for a million voxels unless said
# otherwise. Machines differ by a factor of two.
START_S = 8.0  # of a run
PAGE_S = 0.5  # a subject's page, for each arm
PREPARING_S = 0.3
ALIGNING_S = 7.0, 0.5
PAIR_S, LABELS_S = 0.12, 0.06  # without measures that say themselves what they take
ONE_CORE = 1.25
"""What a core alone takes where methods say what two take together: they do not share all of the work."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run may take.

    Attributes
    ----------
    seconds : float
        Wall clock, with `at_once` processes.
    at_once : int
        Processes that there is memory for, a core, and work.
    memory_gb : float
        The most that one of them takes to register.
    preparing_gb : float
        The most that one takes while a scan is masked, prepared, labelled or aligned; 0 where none is.
    measured : bool
        Whether all pairs are of a kind that was done in this output folder before.
    """

    seconds: float
    at_once: int
    memory_gb: float
    measured: bool
    preparing_gb: float = 0.0


def estimate(plan: Plan, settings: Settings, voxels: int, timings: Timings) -> Estimate:
    """Estimate what is left to do of a plan.

    Parameters
    ----------
    plan : Plan
        With batches, or scans to prepare.
    voxels : int
        Of a prepared image at the finest spacing of the plan, about.
    timings : Timings
        Of the output folder.
    """
    device, threads = settings.device, _threads(settings.omp_nthreads, here=settings.use_plugin is None)
    costs = [b.arm.cost(voxels, device).memory_gb for b in plan.batches]
    memory_gb = max(costs, default=PREPARING_GB)
    jobs = len(plan.batches) or len(plan.preparing) or len(plan.aligning)
    pairs = [(len(b.tasks), _pair(b, device, threads, _voxels(b, plan, voxels), timings)) for b in plan.batches]
    registering = sum(n * seconds for n, (seconds, _) in pairs)
    prepares = settings.stage != "register" and bool(plan.preparing or plan.aligning)
    preparing = _preparation(plan, device, threads, voxels, timings) if prepares else 0.0
    for_preparing = max(map(preparing_gb, plan.preparing), default=PREPARING_GB)
    pages = PAGE_S * len({b.moving.subject for b in plan.batches}) * len(plan.arms)
    at_once = _count_at_once(settings, jobs, memory_gb)
    # One after the other where there are fewer jobs than processes: the last batch is waited for.
    longest = max((n * seconds for n, (seconds, _) in pairs), default=0.0)
    return Estimate(
        seconds=START_S
        + pages
        + preparing / _count_at_once(settings, max(len(plan.preparing), len(plan.aligning)), for_preparing)
        + max(longest, registering / at_once),
        at_once=at_once,
        memory_gb=memory_gb,
        measured=bool(pairs) and all(known for _, (_, known) in pairs),
        preparing_gb=for_preparing if prepares else 0.0,
    )


def _count_at_once(settings: Settings, jobs: int, memory_gb: float) -> int:
    """Processes at a time: as many as asked for, as there are jobs, and, here, memory and cores for."""
    at_once = min(settings.nprocs, jobs)
    if settings.use_plugin is None:
        at_once = min(at_once, int(usable_gb(settings.mem) / max(memory_gb, 0.1)))
        if settings.device == "cpu":
            at_once = min(at_once, max(1, count_cores() // settings.omp_nthreads))
    return max(1, at_once)


def _threads(asked: int, *, here: bool) -> int:
    """Threads of a process that have a core, as far as that is known of the machine."""
    return max(1, min(asked, count_cores()) if here else asked)


def _voxels(batch: Batch, plan: Plan, finest: int) -> int:
    """Voxels of a shape that is given, else at a batch's spacing; at the finest where a spacing is a scan's own."""
    if (shape := batch.arm.preparation.shape) is not None:
        return math.prod(shape)
    own, all_ = batch.arm.preparation.spacing, [arm.preparation.spacing for arm in plan.arms]
    known = [spacing for spacing in all_ if spacing is not None]
    return finest if own is None or len(known) < len(all_) else int(finest * (min(known) / own) ** 3)


def _pair(batch: Batch, device: str, threads: int, voxels: int, timings: Timings) -> tuple[float, bool]:
    """Seconds of one pair, and whether they were measured."""
    known = timings.estimate(batch, device, threads)
    if known is not None:
        return known, True
    method = batch.arm.cost(voxels, device).seconds
    if device == "cpu":
        method *= ONE_CORE / threads
    return method + sum(_time_scoring(batch)) * voxels / 1e6 / threads, False


def _time_scoring(batch: Batch) -> Iterable[float]:
    """Seconds of one core for a million voxels: the field's measures, then each arm's and labelling's scores."""
    taken = [arm.evaluation.taken for arm in batch.arms]
    yield PAIR_S + sum(m.seconds for m in {m for of_arm in taken for m in of_arm} if not m.looks_at_labels)
    for of_arm in taken:
        yield len(batch.labels) * (LABELS_S + sum(m.seconds for m in of_arm if m.looks_at_labels))


def _preparation(plan: Plan, device: str, threads: int, voxels: int, timings: Timings) -> float:
    million, seconds = voxels / 1e6, 0.0
    for job in plan.preparing:
        known = timings.estimate(job, device, threads)
        seconds += _seconds_of_scan(job, plan.masking, million) / threads if known is None else known
    for align in plan.aligning:
        if align.scan.name != align.reference.name:
            known = timings.estimate(align, device, threads)
            rule = _apply_rule(ALIGNING_S, million) / threads if align.alignment.start == "aligned" else 0.1
            seconds += rule if known is None else known
    return seconds


def _seconds_of_scan(job: ScanJob, masking: Masking, million: float) -> float:
    """Seconds of one core for what is made of a scan."""
    asked = masking.list_asked(job.scan) if job.variants else []
    mask = 0.0 if asked and asked[0].settles(job.scan) else max((masker.seconds for masker in asked), default=0.0)
    seconds = mask + PREPARING_S * million * (1 + len(job.variants))
    for labels, _ in job.labels:
        seconds += _apply_rule(labels.labeller.seconds, million)
    return seconds


def _apply_rule(rule: tuple[float, float], million: float) -> float:
    return rule[0] + rule[1] * million


# A prepared image whose size is not known yet: a brain with a margin, mm³.
BRAIN_BOX_MM3 = 160 * 200 * 180


def expected_voxels(plan: Plan) -> int:
    """About how many voxels a prepared image has, from the finest spacing of the plan."""
    import nibabel as nib

    spacings = [a.preparation.spacing for a in plan.arms]
    native = plan.reference.brain or plan.reference
    try:
        header = nib.load(native.path).header
        zooms, full = header.get_zooms()[:3], float(np.prod(header.get_data_shape()[:3]))
    except Exception:  # whatever is wrong with the file is reported when it is read
        return BRAIN_BOX_MM3
    voxel = min(float(np.prod(zooms)) if s is None else s**3 for s in spacings)
    return int(min(BRAIN_BOX_MM3, full * float(np.prod(zooms))) / voxel)
