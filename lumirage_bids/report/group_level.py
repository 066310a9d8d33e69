"""What the group level writes: tables, figures and one page from all score rows below the output folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lumirage_bids.audit import AUDIT, audit_table, few_classes, find_withheld
from lumirage_bids.audit.published import (
    DIFFERENCES,
    PUBLISHED,
    RunFacts,
    published_comparison,
    published_differences,
)
from lumirage_bids.experiment.followed import Followed
from lumirage_bids.experiment.planned_pairs import asked_pairs, read_planned
from lumirage_bids.output import agreements, score_table
from lumirage_bids.output.downstream import CHAINS, FUSED, Downstream
from lumirage_bids.output.experiment import Experiment, Labelled, arms_of_run, write_experiment
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy, dated_records, read_criteria, read_records, versions
from lumirage_bids.output.root import evaluated_dataset, read_own_description
from lumirage_bids.report.audit_section import audit_section
from lumirage_bids.report.group_page import MissingScan, ReportContext, group_tables, write_group_report
from lumirage_bids.report.methods_text import DoneRun, methods_text
from lumirage_bids.report.pictures_of_groups import read_pictures
from lumirage_bids.report.pictures_of_scans import NO_PICTURES
from lumirage_bids.report.read_run import RunRead, read_run
from lumirage_bids.report.text import count
from lumirage_bids.report.verdict.scene import LabelAgreement
from lumirage_bids.report.verdict.verdict import Known, ranked_labellings
from lumirage_bids.stats.classes import FLOOR
from lumirage_bids.stats.tables import statistics

if TYPE_CHECKING:
    from lumirage_bids.audit import AuditedRun
    from lumirage_bids.base.criteria import Criteria
    from lumirage_bids.report.group_page import GroupTables

logger = logging.getLogger("lumirage")


def write_group(output: Output, *, command: str, pictures: bool) -> Path:
    """Write the group's tables, figures and page from all score rows below the output folder.

    Parameters
    ----------
    output : Output
    command : str
        As typed, for the record.
    pictures : bool
        Whether with slices of the images.

    Raises
    ------
    MissingInputError
        There are no rows.
    """
    logger.info("Reading scores")
    run = read_run(output)
    before, criteria = read_criteria(dated_records(output), run.first_score)
    followed, audited = run.followed, run.audited
    loud = [*criteria_note(before, criteria), *(followed.notes if followed else [])]
    for note in loud:
        logger.warning("%s", note)
    if followed:
        logger.info("Frozen plan: digest %s: %s", followed.digest, followed.words)
    logger.info("Computing statistics")
    tables = group_tables(run.scores(criteria))
    if not pictures:
        for file in (*output.find("group/figures/pairs-*"), *output.find("group/figures/sequences.*")):
            output.remove(file)  # of an earlier page
    _write_tables(output, run, tables)
    labellers, about_labellers = agreements.collect(output)
    if len(labellers):
        output.write_table("group/labellers.tsv", labellers, agreements.COLUMNS)
    asked = pairs_asked(output, read_records(output))
    notes = [*loud, *asked.notes, *run.notes, *[NO_PICTURES] * (not pictures)]
    context = replace(
        _context(output, command, notes, audited, tables.comparisons, followed, run.downstream, criteria),
        known=_bounds_of(asked.pairs, audited, agreements.summarise(labellers)),
        labellers=agreements.summarise(labellers),
        labeller_notes=about_labellers,
    )
    write_experiment(output, _experiment(output, tables, context, [*loud, *asked.notes]))
    section = audit_section(audited, tables.comparisons, alpha=criteria.alpha)
    output.write_table("group/audit.tsv", audit_table(section.findings), AUDIT)
    published, differing = _compare_with_paper(output, tables, audited, context)
    context = replace(
        context,
        audit=section,
        published=published,
        published_differences=differing,
        pictures=read_pictures(output, audited, pictures=pictures),
    )
    return write_group_report(output, tables, context)


def _write_tables(output: Output, run: RunRead, tables: GroupTables) -> None:
    """Write the score rows and all statistics of them."""
    for name, rows in (("pairs", tables.pairs), ("perturbed_pairs", run.perturbed_pairs)):
        if name == "pairs" or len(rows):
            output.write_table(f"group/{name}.tsv", rows[list(score_table.COLUMNS)], score_table.COLUMNS)
    for name, of, columns in (("triples", run.downstream.triples, CHAINS), ("fused", run.downstream.fused, FUSED)):
        if len(of):
            output.write_table(f"group/{name}.tsv", of, columns)
    made = {**tables.made, "ranking": ranked_labellings(tables.ranking, find_withheld(run.audited.labellers))}
    for name, table in made.items():
        output.write_table(f"group/{name}.tsv", table, statistics()[name].columns)


def _compare_with_paper(
    output: Output, tables: GroupTables, audited: AuditedRun, context: ReportContext
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the run's numbers beside the paper's, and what else differs; empty where it repeats no experiment of it."""
    facts = RunFacts(
        preparations=audited.preparations,
        parameters=audited.parameters,
        sources=audited.sources,
        sloppy=context.sloppy,
    )
    published = published_comparison(tables.pairs, context.protocol, facts)
    differing = published_differences(tables.pairs, context.protocol, facts)
    if len(published):
        output.write_table("group/published.tsv", published, PUBLISHED)
    if len(differing):
        output.write_table("group/published_differences.tsv", differing, DIFFERENCES)
    return published, differing


def _context(
    output: Output,
    command: str,
    notes: list[str],
    audited: AuditedRun,
    comparisons: pd.DataFrame,
    followed: Followed | None,
    found: Downstream,
    criteria: Criteria,
) -> ReportContext:
    about = read_own_description(output)
    records = read_records(output)
    prepared = output.find("sub-*/**/*prepared_*.json")
    latest: dict[str, Any] = records[-1] if records else {}
    plan = latest.get("plan", {})
    run = DoneRun(
        dataset=evaluated_dataset(about),
        protocol=str(about["Protocol"]),
        versions=latest.get("versions", versions()),
        reference=str(plan.get("reference", "")),
        arms={k: v for r in records for k, v in r["arms"].items()},
        audited=audited,
        comparisons=comparisons,
        masks={output.read_json(f).get("MaskSource", "") for f in prepared},
        template="templateflow" in about.get("DatasetLinks", {}),
        sloppy=bool(about.get("Sloppy")),
        frozen=followed.digest if followed and not followed.deviations else "",
        downstream=found,
        criteria=criteria,
    )
    return ReportContext(
        dataset=run.dataset,
        protocol=run.protocol,
        command="\n".join([*dict.fromkeys(r["settings"]["command"] for r in records), command]),
        created=datetime.now(UTC),
        versions=run.versions,
        missing=[MissingScan(**scan) for scan in plan.get("missing", [])],
        notes=[*notes, *warnings_of(plan)],
        methods_text=methods_text(run),
        arms=dict(_tell_arms(run.arms)),
        parameters=audited.parameters,
        labelling_sources=audited.sources,
        made_by=audited.labellers,
        sloppy=run.sloppy,
        frozen=followed,
        criteria=criteria,
    )


def _experiment(output: Output, tables: GroupTables, context: ReportContext, notes: list[str]) -> Experiment:
    """What the run was, for those who are sent its tables alone."""
    why, scored = find_withheld(context.made_by), tables.per_structure[tables.per_structure["n"] > 0]
    followed, known = context.frozen, context.known
    labellings = {}
    for name in map(str, tables.pairs["labelling"].unique()):
        made_by = context.made_by.get(name, MadeBy())
        of = scored[scored["labelling"] == name].drop_duplicates("index")
        labellings[name] = Labelled(
            **asdict(made_by),
            withheld=why.get(name, ""),
            caveat=known.caveats.get(name, ""),
            agreements=tuple(asdict(agreement) for agreement in known.agreements.get(name, ())),
            structures={str(index): str(title) for index, title in zip(of["index"], of["name"], strict=True)},
        )
    return Experiment(
        dataset=context.dataset,
        protocol=context.protocol,
        criteria=context.criteria,
        labellings=labellings,
        arms=arms_of_run(output, tables.pairs),
        sloppy=context.sloppy,
        planned=known.planned,
        missing=len(context.missing),
        controls=tuple(name for name in known.unranked if name != FLOOR),
        notes=tuple(notes),
        frozen={"digest": followed.digest, "followed": not followed.deviations} if followed else None,
        versions=context.versions,
    )


def _bounds_of(planned: int | None, audited: AuditedRun, labellers: pd.DataFrame) -> Known:
    """What bounds the verdict besides scores."""
    whole = labellers[labellers["name"] == "all structures"] if len(labellers) else labellers
    return Known(
        caveats=few_classes(audited),
        agreements={
            str(name): [
                LabelAgreement(reference=str(row["reference"]), dice=float(row["mean"]), scans=int(row["n"]))
                for row in rows.to_dict("records")
            ]
            for name, rows in whole.groupby("labelling", sort=False)
        },
        planned=planned,
        unranked=audited.unranked,
    )


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Pairs that the runs of a protocol were asked for and whose scans are here; None where nobody knows."""

    pairs: int | None
    notes: tuple[str, ...] = ()


def pairs_asked(output: Output, records: Sequence[Mapping[str, Any]]) -> Planned:
    """Count them by the pairs of the status table, which the end of a run writes; else by what the records count."""
    plan = records[-1]["plan"] if records else {}
    n, here = plan.get("pairs"), plan.get("pairs_present")
    if n is None or here is None:
        return Planned(pairs=here)
    planned = read_planned(output, n)
    if planned.which is not None:
        asked = asked_pairs(planned.which, records)
        return Planned(pairs=len(asked - planned.gone), notes=_part(len(asked), n))
    # Of the first run, while it is at work.
    asked_for = plan.get("pairs_asked", n) if len(records) == 1 else n
    return Planned(pairs=min(here, asked_for), notes=_part(asked_for, n))


def _part(asked: int, pairs: int) -> tuple[str, ...]:
    told = f"{count(asked)} of the protocol's {count(pairs)} pairs were asked for: runs named subjects."
    return (told,) if asked < pairs else ()


def warnings_of(plan: Mapping[str, Any]) -> list[str]:
    """What a run was warned of, by the plan of its record; those of version 0.1 put the dry run's word before each."""
    return [str(text).removeprefix("WARNING: ") for text in plan.get("warnings", [])]


def criteria_note(before: Criteria, now: Criteria) -> list[str]:
    """Say loudly that what counts as a difference was changed once there were scores."""
    if before == now:
        return []
    was, is_ = (f"margin {c.margin:g}, threshold |d_z| {c.threshold:g}, {c.level} intervals" for c in (before, now))
    return [
        f"CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under {was}; this page uses {is_}. What is "
        "chosen after results were seen proves nothing: say so wherever you report it."
    ]


def _tell_arms(arms: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Digest and parameters of each arm in words."""
    for label, arm in arms.items():
        tables = {name: table for name, table in arm.items() if isinstance(table, dict)}
        words = [f"{name}: {', '.join(f'{k} = {v}' for k, v in table.items())}" for name, table in tables.items()]
        yield label, "; ".join([f"digest {arm['hash']}", *words])
