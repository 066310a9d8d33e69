"""From settings and protocol to scans and a plan: the dataset is opened, and what is done already is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from lumirage_bids import labellers
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import is_aside
from lumirage_bids.bids.dataset import Dataset, Query, open_dataset, read_filter
from lumirage_bids.bids.filters import passed_over
from lumirage_bids.bids.landmarks import attach_landmarks
from lumirage_bids.bids.templates import template_scan
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.done import read_done
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.reference_maps import leave_out_absent
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import dataset_name, read_own_description


def find(settings: Settings, protocol: Protocol) -> tuple[Dataset, Plan]:
    """Open the dataset and decide what is to be done.

    Where neither protocol nor command line says which labels are scored, those that ``--derivatives`` has come before
    any that are made here.
    """
    patterns = {name: given.pattern for name, given in protocol.labellings.items() if given.pattern}
    wanted = settings.labellings or protocol.default_labellings
    given = settings.bids_filter_file or protocol.filter
    query = Query(
        filters=read_filter(given) if isinstance(given, str) else given,
        prefer=protocol.prefer,
        label_patterns={n: p for n, p in patterns.items() if n in wanted},
        mask_pattern=protocol.mask_pattern,
        brain_pattern=protocol.brain_pattern,
        lesion_pattern=protocol.lesion_pattern,
        derivatives=settings.derivatives,
        labellings=tuple(n for n in wanted if _may_exist(n, protocol)),
        layouts=labellers.layouts(),
        t1w_labellings=tuple(dict.fromkeys(of for n in wanted if (of := _name_t1w_labelling(n, protocol)))),
        instead=not settings.labellings and not protocol.names_labellings,
    )
    dataset = open_dataset(
        settings.bids_dir, query, database_dir=settings.bids_database_dir, validate=not settings.skip_bids_validation
    )
    if dataset.taken:
        wanted = (dataset.taken,)
        settings = replace(settings, labellings=wanted)
    dataset = _leave_out_excluded(dataset, settings.exclude_participant_label)
    if isinstance(given, str) and (others := passed_over(given)):
        note = f"Filter {given}: queries of other datatypes are passed over: {', '.join(others)}."
        dataset = replace(dataset, notes=(*dataset.notes, note))
    dataset = attach_landmarks(dataset, protocol.landmark_pattern, protocol.rater_pattern)
    if protocol.template is not None:
        dataset = _add_template(dataset, protocol.template)
    dataset = leave_out_absent(dataset, protocol, wanted)
    subjects = {scan.subject for scan in dataset.scans}
    done = read_done(settings.output, subjects, frozenset(settings.participant_label))
    return dataset, make_plan(dataset, protocol, settings, done)


def _leave_out_excluded(dataset: Dataset, excluded: Sequence[str]) -> Dataset:
    """Take no scan of these subjects, not as the reference either."""
    there = {s.subject for s in dataset.scans}
    notes = [
        f"--exclude-participant-label {label}: there is no scan of it." for label in excluded if label not in there
    ]
    scans = tuple(s for s in dataset.scans if s.subject not in excluded)
    return replace(dataset, scans=scans, notes=(*dataset.notes, *notes))


def _add_template(dataset: Dataset, template: Mapping[str, Any]) -> Dataset:
    """Put a template of TemplateFlow among the scans."""
    further = {k: v for k, v in template.items() if k != "name"}
    scan = template_scan(template["name"], **further, points=dataset.derivatives.values())
    return replace(
        dataset, scans=(*dataset.scans, scan), derivatives={**dataset.derivatives, "templateflow": scan.dataset}
    )


def _may_exist(labelling: str, protocol: Protocol) -> bool:
    # A protocol that names a labeller with parameters means that one, whatever lies in the derivatives.
    given = protocol.labellings.get(labelling)
    if given is None or given.labeller == "existing":
        return True
    kind = labellers.labellers().get(given.labeller)
    without = {declared.name for declared in fields(kind) if is_aside(declared)} if kind else set()
    return not given.parameters.keys() - without


def _name_t1w_labelling(labelling: str, protocol: Protocol) -> str | None:
    """Labelling of the sessions' T1w scans that a labelling starts from."""
    given = protocol.labellings.get(labelling)
    return labellers.labeller(given.labeller, **given.parameters).of_t1w if given else None


def check_same_experiment(output: Output, protocol: Protocol, dataset: str, *, sloppy: bool) -> str:
    """Refuse to mix protocols, datasets, or sloppy with serious results, in one output folder.

    Returns
    -------
    str
        Name of the protocol of the experiment: that which the folder was made with, where this one extends it.

    Raises
    ------
    UsageError
        OUT_DIR was made otherwise.
    """
    about = read_own_description(output)
    if not about:
        return protocol.name
    theirs = str(about.get("Protocol"))
    if theirs not in {protocol.name, *protocol.extends}:
        raise UsageError(
            f"OUT_DIR {output} was made with protocol '{theirs}', this run has '{protocol.name}'. Give another output "
            "folder, or that protocol. To add methods to it, name them (--methods +NAME), or give a protocol that "
            f'begins with extends = "{theirs}".'
        )
    name = dataset_name(dataset, sloppy)
    if bool(about.get("Sloppy")) == sloppy and about.get("Name") != name:
        raise UsageError(f"OUT_DIR {output} holds '{about.get('Name')}', this run makes '{name}'. Give another folder.")
    if bool(about.get("Sloppy")) != sloppy:
        was = "with" if about.get("Sloppy") else "without"
        raise UsageError(f"OUT_DIR {output} was made {was} --sloppy. Give another output folder, or do the same.")
    return theirs
