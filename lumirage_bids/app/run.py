"""One run on an output folder: what it finds, what it records, where it works."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lumirage_bids.app import work_folder
from lumirage_bids.app.describe import warnings
from lumirage_bids.app.estimate import expected_voxels
from lumirage_bids.app.surroundings import find_container
from lumirage_bids.base.logs import logging_to
from lumirage_bids.base.memory import usable_gb
from lumirage_bids.bids.dataset import Dataset, datalad_get_line
from lumirage_bids.bids.scans import Scan
from lumirage_bids.execution import graphs
from lumirage_bids.execution.graphs import Execution
from lumirage_bids.experiment import freeze
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.descriptions import keep_chosen, write_descriptions
from lumirage_bids.experiment.find import check_same_experiment
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.base import Context
from lumirage_bids.output import history, score_table
from lumirage_bids.output.frozen import Frozen
from lumirage_bids.output.record import MadeBy, machine, versions
from lumirage_bids.output.root import initialise

if TYPE_CHECKING:
    from lumirage_bids.experiment.arms import ArmOfRun
    from lumirage_bids.labellers.base import Labeller
    from lumirage_bids.methods.base import Trained


class Run:
    """A participant run at work: root files, log, record of the settings, work folder.

    Parameters
    ----------
    settings, protocol, dataset, plan
        What was asked, and what was decided.
    frozen : Frozen, optional
        The frozen plan that the run was given.
    """

    def __init__(
        self, settings: Settings, protocol: Protocol, dataset: Dataset, plan: Plan, frozen: Frozen | None = None
    ) -> None:
        self.settings, self.protocol, self.dataset, self.plan, self.frozen = settings, protocol, dataset, plan, frozen
        # In a container every process has the same number, so a random part makes the name unique.
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.log_file = settings.output / "logs" / f"{self.id}.log"
        self.work_dir = (settings.work_dir or settings.output / "work") / self.id

    @contextmanager
    def record_run(self) -> Iterator[None]:
        """Write the root files and the record, log to a file; remove the work folder when the block ended well."""
        output = self.settings.output
        with output.lock("root"):
            # Another first run may have begun since this one was planned.
            name = check_same_experiment(output, self.protocol, self.dataset.name, sloppy=self.settings.sloppy)
            if self.frozen is not None:
                freeze.hold(output, self.frozen)
            initialise(output, self.dataset, name, self.settings.sloppy, find_container())
            write_descriptions(output, self.plan)
            score_table.note_latest(output, {**self.plan.digests, **self.plan.digests_of_transforms})
            history.note_conditions(output, self.plan.conditions)
            history.note_outdated(output, self.plan.again.outdated, frozenset(self.plan.expected.values()))
            score_table.note_columns(output)
        with output.replacing(f"config/{self.id}.toml") as temporary:
            import tomli_w

            temporary.write_bytes(tomli_w.dumps(self.record).encode())
        s = self.settings
        held = work_folder.hold(self.work_dir, output, given=s.work_dir is not None, cluster=s.use_plugin is not None)
        with held, logging_to(self.log_file, s.verbose):
            graphs.configure(self.work_dir, s.verbose)
            yield

    @cached_property
    def record(self) -> dict[str, object]:
        """Everything that tells how this run came about, as TOML."""
        plan = self.plan
        return {
            "settings": self.settings.as_table(),
            "protocol": {"name": self.protocol.name, "text": self.protocol.text},
            **({"frozen": {"digest": self.frozen.digest}} if self.frozen is not None else {}),
            "versions": versions(),
            "machine": machine(self.settings.device),
            "plan": {
                "reference": plan.reference.name,
                "scans": [s.relative for s in plan.scans],
                "subjects": list(plan.subjects),
                "subjects_to_draw_from": plan.n_subjects,
                "pairs": len(plan.pairs),
                "pairs_to_draw_from": plan.n_pairs,
                "pairs_asked": len(plan.asked),
                "pairs_present": plan.n_present,
                **({"drawn": [s.name for s in plan.drawn]} if plan.drawn else {}),
                "missing": [{"name": s.name, "get": self.get_line(s)} for s in plan.missing],
                "left_out": [asdict(subject) for subject in plan.left_out],
                "warnings": [*self.settings.warnings, *warnings(plan)],
                "choices": [c.reason + ": " + c.chosen + " over " + ", ".join(c.others) for c in self.dataset.choices],
                "notes": list(self.dataset.notes),
            },
            "labellings": {labels.name: labels.source for labels in plan.labels},
            "labellers": {labels.name: asdict(_describe_maker(labels.labeller)) for labels in plan.labels},
            "methods": {a.name: a.method.name for a in plan.arms},
            "tuned": dict(self.protocol.tuned),
            "statistics": asdict(self.protocol.statistics),
            "training": {a.name: _spell_training(a.training) for a in plan.arms},
            "arms": {
                a.label: {"hash": a.hash, "name": a.name, "variant": a.variant, **keep_chosen(a)} for a in plan.arms
            },
            "inputs": {a.label: asdict(own) for a in plan.arms if (own := a.method.own_input)},
            "started": {a.label: [_describe_stage(s) for s in a.stages[:-1]] for a in plan.arms if a.first},
            "effort": {a.label: [list(level) for level in a.method.effort] for a in plan.arms},
        }

    def get_line(self, scan: Scan) -> str:
        """Command that fetches what is missing of a scan."""
        wanted = scan.wants(tuple(labels.name for labels in self.plan.labels))
        return datalad_get_line(self.dataset.root, [f for f in wanted if not f.present])

    def execution(self) -> Execution:
        """How the graphs are run."""
        s = self.settings
        return Execution(
            output=s.output,
            work_dir=self.work_dir,
            log_file=self.log_file,
            verbose=s.verbose,
            context=Context(
                device=s.device,
                threads=s.omp_nthreads,
                seed=s.seed,
                weights=s.weights,
                masking=self.plan.masking,
                work_dir=self.work_dir / "scratch",
            ),
            save=s.save,
            pictures=not s.no_pictures,
            nprocs=s.nprocs,
            memory_gb=usable_gb(s.mem),
            voxels=expected_voxels(self.plan),
            pair_timeout=s.pair_timeout,
            plugin_file=s.use_plugin,
            stop_on_first_crash=s.stop_on_first_crash,
            write_graph=s.write_graph,
        )


def _describe_maker(labeller: Labeller) -> MadeBy:
    """What tells of a labeller to those who read tables alone."""
    return MadeBy(labeller=labeller.name, maker=labeller.maker, from_intensities=labeller.from_intensities)


def _spell_training(trained: Trained) -> str | dict[str, Any]:
    """What a method has learned from, as TOML has it: a word, or a table."""
    return trained if isinstance(trained, str) else asdict(trained)


def _describe_stage(stage: ArmOfRun) -> dict[str, Any]:
    """What is run before a method: its name, parameters and input."""
    own = stage.method.own_input
    return {
        "name": stage.name,
        "method": stage.method.name,
        "parameters": {k: v for k, v in keep_chosen(stage)["method"].items() if k != "method"},
        **({"input": asdict(own)} if own else {}),
    }
