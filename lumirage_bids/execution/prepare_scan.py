"""What is made of one scan, once: prepared image, mask, label maps; each published whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lumirage_bids.base.errors import (
    NO_ROOM,
    BadDataError,
    InputOutputError,
    MissingInputError,
    NoRoomError,
)
from lumirage_bids.bids.landmarks import placed_points
from lumirage_bids.bids.look_up_tables import is_mixed, only_named
from lumirage_bids.execution.notes import noting
from lumirage_bids.execution.synthesise import synthesise
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, digest_agreement
from lumirage_bids.experiment.plan import Plan, ScanJob, prepared_files
from lumirage_bids.experiment.software import versions_here
from lumirage_bids.labellers import absent_structures, find_unnamed, named_structures, segment_checked
from lumirage_bids.maskers import Found, brain_mask
from lumirage_bids.measures.agreement import agreement
from lumirage_bids.measures.scan_facts import MUCH_OUTSIDE, brain_at_edge, brain_extent, outside_mask, scan_facts
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import (
    own_label_maps,
    read_label_map,
    read_structures,
    structures_if_whole,
)
from lumirage_bids.spatial.fill import find_seen
from lumirage_bids.spatial.histograms import histogram
from lumirage_bids.spatial.images import Volume, read_image, write_image
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.synthesis import Synthesis

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan

logger = logging.getLogger("lumirage")

HARDLY = 0.5
"""Share of what is labelled outside the brain mask from which one of the two is wrong."""


def prepare_scan(job: ScanJob, output: Output, context: Context) -> None:
    """Make and publish what is missing of one scan; what fails is noted and does not stop the rest."""
    with output.lock(job.scan.name):
        source, told = _Source(job.scan, context), set[str]()
        for variant, preparation, value in job.variants:
            with noting(output, prepared_files(job.scan, variant), value, told) as todo:
                if todo:
                    _prepare(source, variant, preparation, value, output)
        for labels, value in job.labels:
            with noting(output, [paths.label_map(job.scan, labels.name)], value, told) as todo:
                if todo:
                    _label(source, labels, value, output)
        for labels, reference, value in job.agreements:
            file = paths.agreement(job.scan, labels.name, reference.name)
            with noting(output, [file], value, told) as todo:
                if todo:
                    content = _agreement(job, labels, reference, output, context)
                    output.write_json(file, {**content, "Hash": value})
        if job.landmarks:
            file = paths.placements(job.scan)
            with noting(output, [file], job.landmarks, told) as todo:
                if todo:
                    output.write_json(file, {**_landmarks(job.scan), "Hash": job.landmarks})


class _Source:
    """A scan's image and brain mask, each read or found once, when first asked for."""

    def __init__(self, scan: Scan, context: Context) -> None:
        self.scan, self.context = scan, context
        self._made: dict[Synthesis, Volume] = {}

    @cached_property
    def image(self) -> Volume:
        return read_image((self.scan.brain or self.scan).path)

    @cached_property
    def mask(self) -> tuple[Volume, Found]:
        return brain_mask(self.scan, self.image, self.context)

    @cached_property
    def at_edge(self) -> dict[str, float]:
        """Where the brain reaches the edge of what the image shows."""
        mask = self.mask[0]
        shown = replace(mask, array=(mask.array > 0) & find_seen(self.image.array))
        return {} if self.mask[1].masker == "none" else brain_at_edge(shown)

    def synthesise(self, synthesis: Synthesis) -> Volume:
        """The image that a program makes of it, for all variants that ask for the same."""
        if synthesis not in self._made:
            self._made[synthesis] = synthesise(self.image, self.mask[0], synthesis, self.context, self.scan.name)
        return self._made[synthesis]

    @property
    def scans(self) -> list[Scan]:
        """The scan, and the one that lent it its mask."""
        lender = self.scan.lender if self.mask[1].of_t1w else None
        return [self.scan] if lender is None else [self.scan, lender]

    @property
    def about(self) -> dict[str, object]:
        """What every sidecar tells of where a file comes from."""
        return {
            "Sources": [paths.raw_uri(self.scan)],
            "SpatialReference": paths.raw_uri(self.scan),
            "NativeShape": list(self.image.shape),
            "NativeAffine": self.image.affine.tolist(),
        }


def _describe_synthesis(synthesis: Synthesis) -> dict[str, object]:
    """What a sidecar says of an image that is not the scan's own."""
    return {
        "Description": f"Not the scan itself: a {synthesis.makes} image that a program made of it. Mask and label maps "
        "are of the scan.",
        "Command": list(synthesis.command),
        "Contrast": synthesis.makes,
        "Grid": synthesis.grid,
        "Code": synthesis.code(),
    }


def _prepare(source: _Source, variant: str, preparation: Preparation, value: str, output: Output) -> None:
    with _blaming_the_scan():
        image = source.image if preparation.synthesis is None else source.synthesise(preparation.synthesis)
        prepared = prepare(image, source.mask[0], preparation)
    about = {
        "MaskSource": source.mask[1].source,
        "Masker": source.mask[1].masker,
        "MaskOfT1w": source.mask[1].of_t1w,
        "Sources": [paths.raw_uri(s) for s in source.scans],
        "SkullStripped": preparation.skull_strip,
        "Preparation": asdict(preparation),
        **({"Synthesised": _describe_synthesis(preparation.synthesis)} if preparation.synthesis else {}),
        "Hash": value,
    }
    meta: dict[str, Any] = {**source.about, **about}
    mask = paths.prepared_mask(source.scan, variant)
    _publish(output, mask, prepared.mask, np.uint8, {**meta, "Type": "Brain"})
    # For the group level, which reads no images.
    meta |= {"Scan": source.scan.name, "Variant": variant, "Kind": source.scan.kind}
    meta["AtEdge"] = source.at_edge
    if source.at_edge:
        sides = ", ".join(f"{side} {share:.0%} of its largest section" for side, share in source.at_edge.items())
        logger.warning(
            "%s: the brain reaches the edge of what the image shows (%s): what is beyond was not seen, and cannot be "
            "registered",
            source.scan.name, sides,
        )  # fmt: skip
    meta["Histogram"] = histogram(prepared.image, prepared.mask, normalised=preparation.normalisation != "none")
    if prepared.lost:
        meta["BrainCutOff"] = float(f"{prepared.lost:.3g}")
        logger.warning(
            "%s, variant %s: %.1f %% of the brain lies outside the %s voxels (%s) that its image is cut to",
            source.scan.name, variant, 100 * prepared.lost, " × ".join(map(str, prepared.image.shape)),
            preparation.orientation,
        )  # fmt: skip
    _publish(output, paths.prepared_image(source.scan, variant), prepared.image, np.float32, meta)


def _label(source: _Source, labels: LabellingOfRun, value: str, output: Output) -> None:
    made_by = labels.labeller
    with _blaming_the_scan():
        # Maps that are there need no brain mask, only the image's grid.
        mask = source.image if labels.is_existing else source.mask[0]
        volume, structures = segment_checked(made_by, source.scan, source.image, mask, labels.name, source.context)
    if labels.structures:
        volume, structures, unnamed = named_structures(volume, labels.structures, source.scan, labels.name)
    else:
        unnamed = find_unnamed(volume, structures, source.scan, labels.name)
    publish_look_up_table(output, labels.name, structures, whole=bool(labels.structures))
    brain = None if labels.is_existing else mask
    facts = scan_facts(source.image, brain, volume, structures, threads=source.context.threads)
    _add_outside(facts, source, labels.name, volume, structures)
    about = {
        "Scan": source.scan.name,
        "Labeller": made_by.name,
        "Parameters": asdict(made_by),
        "MadeWith": versions_here(made_by.packages),
        "Facts": facts,
        "AbsentStructures": [structures[i] for i in absent_structures(volume, structures)],
        "VoxelsWithoutName": {str(i): n for i, n in unnamed.items()},
        "Hash": value,
    }
    if made_by.of_t1w and source.scan.t1w:
        about["Sources"] = list(dict.fromkeys(paths.raw_uri(s) for s in (source.scan, source.scan.t1w)))
    _publish(output, paths.label_map(source.scan, labels.name), volume, np.int32, {**source.about, **about})


def _add_outside(
    facts: dict[str, object], source: _Source, labelling: str, volume: Volume, structures: Mapping[int, str]
) -> None:
    """Note what is labelled outside the brain mask, and where the brain reaches the image's edge; warn of much."""
    try:
        share, shares = outside_mask(volume, source.mask[0], structures)
    except BadDataError:  # a scan without a mask fails where it is prepared
        return
    facts |= {"Outside": float(f"{share:.3g}"), "AtEdge": source.at_edge}
    if source.mask[1].masker != "none":  # existing labels may cover a small part of the brain
        facts["BrainExtent"] = brain_extent(source.mask[0])
    known: Any = facts["Structures"]
    for index, lost in shares.items():
        if str(index) in known:
            known[str(index)]["Outside"] = float(f"{lost:.3g}")
    if share > MUCH_OUTSIDE:
        worst = sorted(shares, key=lambda i: -shares[i])[:3]
        named = ", ".join(f"{structures[i]} {shares[i]:.0%}" for i in worst)
        given = source.scan.mask
        logger.warning(
            "%s: %.1f %% of what labelling '%s' labels lies outside the brain mask (%s), most of %s: methods do "
            "not see it%s",
            source.scan.name, 100 * share, labelling,
            source.mask[1].source if given is None or source.mask[1].source != "existing" else given.path, named,
            ". Most of it: mask and labels are hardly of one brain, check both files" if share > HARDLY else "",
        )  # fmt: skip


def _agreement(
    job: ScanJob, labels: LabellingOfRun, reference: LabellingOfRun, output: Output, context: Context
) -> dict[str, object]:
    scan = job.scan
    ours, theirs = (read_label_map(output, scan, which.name, job.inputs) for which in (labels, reference))
    names, its_names = (
        which.structures[0] if which.structures else read_structures(output, scan, which.name)
        for which in (labels, reference)
    )
    try:
        found = agreement(ours, theirs, names, its_names, threads=context.threads)
    except BadDataError as error:
        raise BadDataError(f"{scan.name}, labelling '{labels.name}' against '{reference.name}': {error}") from None
    return {
        "Description": f"Agreement of the label map {labels.name} with {reference.name} of the same scan",
        "Labelling": labels.name,
        "Reference": reference.name,
        "Scan": scan.name,
        "Contrast": scan.suffix,
        "Sequence": scan.sequence,
        **found,
        "Conditions": digest_agreement(labels, reference),
    }


def _landmarks(scan: Scan) -> dict[str, object]:
    with _blaming_the_scan():
        points = placed_points(scan)
    return {
        "Description": "Landmarks of the scan (RAS+, mm): the places that count, and where single raters put them",
        "Scan": scan.name,
        "Files": [file.relative for file in (scan.landmarks, *scan.raters) if file is not None and file.present],
        "Points": points,
    }


def _publish(output: Output, file: Path, volume: Volume, dtype: type[np.generic], meta: Mapping[str, object]) -> None:
    with output.publishing(file, meta) as path:
        write_image(volume, path, dtype)


def publish_look_up_table(output: Output, labelling: str, structures: Mapping[int, str], *, whole: bool) -> None:
    """Add structures to a labelling's look-up table at the root of the output, or replace it by them."""
    file = paths.look_up_table(labelling)
    with output.lock(file.name):
        known = structures_if_whole(output, labelling)
        if known is None:
            for named in own_label_maps(output, labelling):
                output.disown(named)
            known = {}
        # The latest name counts, but the stopgap for a map without a table comes before none.
        new = {i: name for i, name in structures.items() if i not in known or name != f"label {i}"}
        merged = dict(sorted((structures if whole else {**known, **new}).items()))
        # What an earlier version wrote of both stays: by it we know that rows were scored so.
        merged = merged if is_mixed(known) else only_named(merged)
        if merged != known:
            output.write_table(file, pd.DataFrame(list(merged.items()), columns=["index", "name"]))


@contextmanager
def _blaming_the_scan() -> Iterator[None]:
    """Tell what goes wrong with reading or labelling a scan, and costs that scan, from a full or failing disk of ours.

    Raises
    ------
    MissingInputError
        The scan's files cannot be read at the moment.
    RuntimeError
        A labeller failed over a file of its own.
    """
    try:
        yield
    except NoRoomError:
        raise
    except InputOutputError as error:
        raise MissingInputError(str(error)) from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def check_prepared(plan: Plan) -> None:
    """Refuse to register what has not been prepared.

    Raises
    ------
    MissingInputError
        Something is missing; the message names the command that makes it.
    """
    lacking = [p.scan.name for p in plan.preparing if p.variants or p.labels] + [a.scan.name for a in plan.aligning]
    if lacking:
        raise MissingInputError(
            f"--stage register, but {len(set(lacking))} scan(s) are not prepared ({lacking[0]}, …). Give the same "
            "command with --stage prepare first."
        )
