"""From a plan to a frozen one, and what a run is held to that is given one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lumirage_bids import __version__
from lumirage_bids.base.errors import LumirageError, UsageError
from lumirage_bids.base.own_code import Code
from lumirage_bids.base.parameters import counted_fields
from lumirage_bids.bids.look_up_tables import only_named
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.descriptions import arm_tables
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.maskers import Masking
from lumirage_bids.output.files import write_text
from lumirage_bids.output.folder import Output
from lumirage_bids.output.frozen import FILE, UNKNOWN, Frozen, differences, held_to, read_frozen, simplify
from lumirage_bids.spatial.images import Volume

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Scan
    from lumirage_bids.experiment.arms import ArmOfRun

_NO_MAP = Volume(array=np.zeros((1, 1, 1), np.int32), affine=np.eye(4))


def freeze(plan: Plan, protocol: Protocol, dataset: str, settings: Settings) -> Frozen:
    """Lay down what a plan does: all pairs of the protocol, whoever is asked to do them and whatever is here.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    """
    measures = {m.name: m for arm in plan.arms for m in arm.evaluation.taken}
    pairs: dict[str, list[str]] = {}
    for pair in sorted(plan.pairs, key=lambda p: (p.moving.name, p.fixed.name)):
        pairs.setdefault(pair.moving.name, []).append(pair.fixed.name)
    size = f"{len(plan.pairs)} of {plan.n_pairs} ordered pairs, {len(plan.subjects)} of {plan.n_subjects} subjects"
    scans = {s.name: s for p in plan.pairs for s in (p.moving, p.fixed)} | {plan.reference.name: plan.reference}
    return Frozen(
        about=simplify(
            {
                "program": f"lumirage-bids {__version__}",
                "protocol": protocol.name,
                "pairs": size,
                "measures": list(measures),
                "parameters": {arm.label: _list_parameters(arm) for arm in plan.arms},
                "text": protocol.text,
            }
        ),
        content=simplify(
            {
                "run": {
                    "dataset": dataset,
                    "sloppy": settings.sloppy,
                    "seed": settings.seed,
                    "reference": plan.reference.name,
                },
                "statistics": asdict(protocol.statistics),
                "margins": {
                    name: column.margin
                    for measure in measures.values()
                    for name, column in measure.columns.items()
                    if column.margin is not None
                },
                "masks": _masks(plan.masking),
                "labellings": {
                    labels.name: _describe_labelling(labels, list(scans.values())) for labels in plan.labels
                },
                "arms": {arm.label: _arm(arm) for arm in plan.arms},
                "scans": {name: _scan(scan, plan) for name, scan in sorted(scans.items())},
                "pairs": pairs,
                **({"downstream": sorted(s.name for s in plan.drawn)} if plan.drawn else {}),
            }
        ),
    )


def _masks(masking: Masking) -> dict[str, Any]:
    order = [masker.name for masker in masking.maskers]
    own = {m.name: {"revision": m.revision or 1, **counted_fields(m)} for m in masking.maskers}
    return {"order": order, "species": masking.species, **own}


def _arm(arm: ArmOfRun) -> dict[str, Any]:
    return {"variant": arm.variant, "name": arm.name, **arm.conditions, "revisions": arm.revisions, **_code(arm.code)}


def _list_parameters(arm: ArmOfRun) -> dict[str, Any]:
    """All parameters, those too that came later and, at their default, are in no digest."""
    before = {"starts": {s.name: arm_tables(s)["method"] for s in arm.stages[:-1]}} if arm.first else {}
    return {**arm_tables(arm), **before}


def _code(code: Code) -> dict[str, Code]:
    return {"code": code} if code else {}


def _describe_labelling(labels: LabellingOfRun, scans: list[Scan]) -> dict[str, Any]:
    """How maps come about; and the structures that are scored, where not the protocol but look-up tables name them."""
    made: dict[str, Any] = {
        "reference": labels.reference,
        "revision": max(labels.labeller.revisions),
        **_code(labels.code),
        "labeller": labels.conditions,
    }
    return made if labels.structures else {**made, "scored": _structure_names(labels, scans) or UNKNOWN}


def _structure_names(labels: LabellingOfRun, scans: list[Scan]) -> dict[int, str]:
    """Structures of look-up tables, all of which must be here; nothing where only the maps themselves know them."""
    if labels.code:  # somebody's own, who may ask the map
        return {}
    of = labels.labeller.of_t1w or labels.name
    tables: dict[object, Scan] = {}
    for scan in (s for s in scans if labels.has(s)):
        found = [one.labels.get(name) for one, name in ((scan, labels.name), (scan.t1w, of)) if one is not None]
        tables.setdefault(tuple(file.lut if file else None for file in found), scan)
    names: dict[int, set[str]] = {}
    try:
        for scan in tables.values():
            structures = labels.labeller.structures(scan, labels.name, _NO_MAP)
            if not structures:
                return {}
            for index, name in only_named(structures).items():
                names.setdefault(index, set()).add(name)
    except LumirageError:
        return {}
    return {index: " / ".join(sorted(found)) for index, found in sorted(names.items())}


def _scan(scan: Scan, plan: Plan) -> dict[str, Any]:
    """What is read of a scan and said of it, by names alone; paths are below the datasets that the files are of."""
    names = [labels.name for labels in plan.labels if labels.name in scan.labels]
    told = {
        "image": (scan.brain or scan).relative,
        "mask": scan.mask and scan.mask.relative,
        "lesion": scan.lesion and scan.lesion.relative,
        "landmarks": scan.landmarks and scan.landmarks.relative,
        "t1w": scan.t1w and scan.t1w.relative,
        "mask_from": scan.lender and scan.lender.relative,
        "sequence": scan.sequence,
        "skull_stripped": scan.skull_stripped,
        "species": scan.species or None,
        "labels": {name: scan.labels[name].relative for name in names} or None,
        "t1w_labels": ({n: f.relative for n, f in sorted(scan.t1w.labels.items())} or None) if scan.t1w else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def consider(plan: Plan, protocol: Protocol, dataset: str, settings: Settings) -> tuple[Frozen | None, list[str]]:
    """The frozen plan that a run is given, and what there is to tell of it, or of one that its output is held to.

    Raises
    ------
    MissingInputError, UsageError
        As of `settle`.
    """
    if settings.freeze is None and not (settings.output / FILE).exists():
        return None, []
    now = freeze(plan, protocol, dataset, settings)
    given = None if settings.freeze is None else settle(settings.freeze, now, settings)
    return given, list(_lines(given, now, settings))


def settle(file: Path, now: Frozen, settings: Settings) -> Frozen:
    """The frozen plan that a run is given; a dry run writes it where there is none.

    Raises
    ------
    MissingInputError
        There is no such file.
    UsageError
        The run would differ from it, or its output folder is held to another one or was begun without; or a dry run was
        asked to lay down a part of a plan.
    """
    if file.exists() or not settings.dry_run:
        found = read_frozen(file)
        if others := differences(found, now):
            raise UsageError(_refusal(file, found, now, others))
        check_output(settings.output, found)
        return found
    check_output(settings.output, now)
    if named := settings.named_subjects:
        raise UsageError(
            f"--freeze lays down the whole plan, and {' and '.join(named)} names a part of it. Leave that out; runs "
            "that are given the file may name participants. To take fewer subjects: --bids-filter-file, or "
            "--exclude-participant-label."
        )
    for what, folder in {"the dataset": settings.bids_dir, "OUT_DIR": settings.out_dir}.items():
        if file.is_relative_to(folder):
            raise UsageError(f"--freeze {file} lies in {what}. Give a file elsewhere.")
    write_text(file, now.text)
    return now


def _refusal(file: Path, found: Frozen, now: Frozen, others: list[str]) -> str:
    listed = "".join(f"\n  {other}" for other in others)
    if found.content["run"]["reference"] != now.content["run"]["reference"]:
        listed += (
            "\nThe reference is the first scan whose content is here: fetch that of the plan, or name its subject as "
            "[alignment] reference."
        )
    return (
        f"This run differs from the frozen plan {file}, digest {found.digest} (frozen → now):{listed}\n"
        "Give the protocol and the options that were frozen. To do something else: another output folder, without "
        "--freeze or with a plan frozen anew under another name."
    )


def check_output(output: Output, given: Frozen) -> None:
    """Refuse an output folder that is held to another frozen plan, or has scores from before it was held to any.

    Raises
    ------
    UsageError
    """
    if _reads(output / FILE, given.text):  # a large plan takes seconds to be parsed, while an array waits for the lock
        return
    held = held_to(output)
    if held is None and output.find("sub-*/**/*_scores.tsv"):
        raise UsageError(
            f"OUT_DIR {output} has scores of runs that were given no frozen plan: what is laid down after there are "
            "scores proves nothing. Give another output folder."
        )
    if held is not None and held.digest != given.digest:
        unknown = "which structures or label maps there are, where one of them did not know it"
        listed = "".join(f"\n  {other}" for other in differences(held, given) or [unknown])
        raise UsageError(
            f"OUT_DIR {output} is held to another frozen plan, digest {held.digest}, than the one given, digest "
            f"{given.digest} (that one → this one):{listed}\nGive another output folder, or that plan: {output / FILE}."
        )


def _reads(file: Path, text: str) -> bool:
    return file.exists() and file.read_bytes() == text.encode()


def hold(output: Output, given: Frozen) -> None:
    """Hold an output folder to a frozen plan from now on."""
    check_output(output, given)
    if not (output / FILE).exists():
        output.write_text(FILE, given.text)


def _lines(given: Frozen | None, now: Frozen, settings: Settings) -> Iterator[str]:
    if given is not None:
        yield f"Frozen plan: {settings.freeze}, digest {given.digest}: what is planned here is what it lays down"
        if given.about.get("program") != now.about["program"]:
            versions = given.about.get("program"), now.about["program"]
            yield "  frozen with {}, this is {}: nothing that counts differs".format(*versions)
    elif (held := held_to(settings.output)) is not None:
        yield (
            f"WARNING: OUT_DIR is held to a frozen plan, digest {held.digest}, and this run was not given it "
            f"(--freeze {settings.output / FILE})."
        )
        yield from (f"  not as frozen: {other}" for other in differences(held, now))
