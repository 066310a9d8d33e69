"""One run on an output folder: what it finds, what it records, where it works."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids import labellers
from lumirage_bids.app import work_folder
from lumirage_bids.app.describe import warnings
from lumirage_bids.base.errors import NotNowError, UsageError
from lumirage_bids.base.logs import logging_to
from lumirage_bids.base.memory import usable_gb
from lumirage_bids.bids.dataset import Dataset, Query, datalad_get_line, open_dataset, read_filter
from lumirage_bids.bids.filters import passed_over
from lumirage_bids.bids.landmarks import with_landmarks
from lumirage_bids.bids.scans import Scan
from lumirage_bids.experiment import status
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.outdated import is_outdated
from lumirage_bids.experiment.plan import Done, EarlierRow, Plan, RowKey
from lumirage_bids.experiment.protocol import Protocol
from lumirage_bids.experiment.reference_maps import leave_out_absent
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.base import Context
from lumirage_bids.output import derivatives, history, score_table
from lumirage_bids.output.record import machine, versions

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.execution.graphs import Execution
    from lumirage_bids.experiment.arms import Arm
    from lumirage_bids.methods.base import Method

# A prepared image whose size is not known yet: a brain with a margin, mm³.
BRAIN_BOX_MM3 = 160 * 200 * 180
DESCRIPTION_COLUMNS = {
    "desc_id": {"Description": "Label in file names"},
    "description": {"Description": "What it stands for"},
    "variant": score_table.COLUMNS["variant"],
    "method": score_table.COLUMNS["method"],
    "parameters": {"Description": "Parameters of method, preparation and alignment"},
}


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
        derivatives=settings.derivatives,
        labellings=tuple(n for n in wanted if _may_exist(n, protocol)),
        layouts=labellers.layouts(),
        t1w_labellings=tuple(dict.fromkeys(of for n in wanted if (of := _of_t1w(n, protocol)))),
        instead=not settings.labellings and not protocol.names_labellings,
    )
    dataset = open_dataset(
        settings.bids_dir, query, database_dir=settings.bids_database_dir, validate=not settings.skip_bids_validation
    )
    if dataset.taken:
        wanted = (dataset.taken,)
        settings = replace(settings, labellings=wanted)
    dataset = _without_excluded(dataset, settings.exclude_participant_label)
    if isinstance(given, str) and (others := passed_over(given)):
        note = f"Filter {given}: queries of other datatypes are passed over: {', '.join(others)}."
        dataset = replace(dataset, notes=(*dataset.notes, note))
    if protocol.landmark_pattern is not None:
        dataset = with_landmarks(dataset, protocol.landmark_pattern)
    if protocol.template is not None:
        dataset = _with_template(dataset, protocol.template)
    dataset = leave_out_absent(dataset, protocol, wanted)
    return dataset, make_plan(dataset, protocol, settings, what_is_done(settings, dataset))


def _without_excluded(dataset: Dataset, excluded: Sequence[str]) -> Dataset:
    """Take no scan of these subjects, not as the reference either."""
    there = {s.subject for s in dataset.scans}
    notes = [
        f"--exclude-participant-label {label}: there is no scan of it." for label in excluded if label not in there
    ]
    scans = tuple(s for s in dataset.scans if s.subject not in excluded)
    return replace(dataset, scans=scans, notes=(*dataset.notes, *notes))


def _with_template(dataset: Dataset, template: Mapping[str, Any]) -> Dataset:
    """Put a template of TemplateFlow among the scans."""
    from lumirage_bids.bids.templates import template_scan

    scan = template_scan(template["name"], **{k: v for k, v in template.items() if k != "name"})
    return replace(
        dataset, scans=(*dataset.scans, scan), derivatives={**dataset.derivatives, "templateflow": scan.dataset}
    )


def _may_exist(labelling: str, protocol: Protocol) -> bool:
    # A protocol that names a labeller with parameters means that one, whatever lies in the derivatives.
    given = protocol.labellings.get(labelling)
    return given is None or given.labeller == "existing" or not given.parameters


def _of_t1w(labelling: str, protocol: Protocol) -> str | None:
    """Labelling of the sessions' T1w scans that a labelling starts from."""
    given = protocol.labellings.get(labelling)
    return labellers.labeller(given.labeller, **given.parameters).of_t1w if given else None


def what_is_done(settings: Settings, dataset: Dataset) -> Done:
    """What earlier runs left: hashes of finished rows, and of files by their sidecars."""
    out_dir = settings.out_dir
    if not out_dir.exists():
        return Done()
    rows: set[str] = set()
    failed: set[str] = set()
    tables = []
    subjects = {s.subject for s in dataset.scans}
    moving = subjects & set(settings.participant_label) if settings.participant_label else subjects
    for table in score_table.collect(out_dir, sorted(moving), structures=False).values():
        _check_clock(table)
        final = [status.is_final(s, r) for s, r in zip(table["status"], table["reason"], strict=True)]
        rows.update(table.loc[final, "hash"])
        failed.update(table.loc[table["status"] == "failed", "hash"])
        tables.append(table[[*score_table.KEY, "conditions", "registration_hash", "hash", "status", "finished"]])
    files = {}
    outdated = set()
    for subject in sorted(subjects):
        there = {f for f in out_dir.glob(f"sub-{subject}/**/*") if derivatives.is_there(f)}
        data = (f for f in there if f.suffix != ".json" or f.name.endswith("_agreement.json"))
        for file in {derivatives.sidecar(f) for f in data} & there:
            files[file.relative_to(out_dir)] = str(derivatives.read_json(file).get("Hash"))
        images = {f.relative_to(out_dir) for f in there if derivatives.is_prepared_image(f)}
        outdated |= {f for f in images if is_outdated(out_dir, f)}
    noted = [derivatives.read_json(file) for file in derivatives.files(out_dir, "logs/failures/*.json")]
    notes = {Path(n["File"]): n["Hash"] for n in noted if n and status.is_final("failed", n["Reason"])}
    return Done(
        rows=frozenset(rows),
        failed=frozenset(rows & failed),
        files=_Sidecars(files),
        notes=notes,
        earlier=_EarlierRows(tables),
        facts=history.read_facts(out_dir),
        outdated=frozenset(outdated),
    )


def _check_clock(rows: pd.DataFrame) -> None:
    """Refuse to go on with rows of the future: of several for one pair the latest counts, so new ones never would.

    Raises
    ------
    NotNowError
        A row was finished more than an hour after now.
    """
    finished, now = rows["finished"].dropna(), datetime.now(UTC)
    latest = max(finished, default="")
    if latest > (now + timedelta(hours=1)).isoformat():
        raise NotNowError(
            f"OUT_DIR has scores that were finished at {latest}, and now is {now:%Y-%m-%d %H:%M} by this machine's "
            "clock (UTC). Set the clock; if another machine's ran ahead, delete the *_scores.tsv of that time."
        )


class _EarlierRows(Mapping[RowKey, tuple[EarlierRow, ...]]):
    """Earlier rows by what they are of; looked up only where there is something to do."""

    def __init__(self, tables: list[pd.DataFrame]) -> None:
        self.tables = tables

    @cached_property
    def _found(self) -> dict[RowKey, tuple[EarlierRow, ...]]:
        found: dict[RowKey, tuple[EarlierRow, ...]] = {}
        for table in self.tables:
            for *key, conditions, registration, value, state, _ in table.sort_values("finished").to_numpy():
                row = EarlierRow(str(conditions), str(registration), str(value), state == "ok")
                found[tuple(key)] = (*found.get(tuple(key), ()), row)
        return found

    def __getitem__(self, key: RowKey) -> tuple[EarlierRow, ...]:
        return self._found[key]

    def __iter__(self) -> Iterator[RowKey]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Sidecars(dict[Path, str]):
    """Hashes by data file, kept by sidecar."""

    def get(self, file: Path, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(derivatives.sidecar(file), default)


def check_same_experiment(settings: Settings, protocol: str, dataset: str) -> None:
    """Refuse to mix protocols, datasets, or sloppy with serious results, in one output folder.

    Raises
    ------
    UsageError
        OUT_DIR was made otherwise.
    """
    about = derivatives.read_json(settings.out_dir / "dataset_description.json")
    if not about:
        return
    if about.get("Protocol") != protocol:
        raise UsageError(
            f"OUT_DIR {settings.out_dir} was made with protocol '{about.get('Protocol')}', this run has '{protocol}'. "
            "Give another output folder, or that protocol."
        )
    name = derivatives.dataset_name(dataset, settings.sloppy)
    if bool(about.get("Sloppy")) == settings.sloppy and about.get("Name") != name:
        raise UsageError(
            f"OUT_DIR {settings.out_dir} holds '{about.get('Name')}', this run makes '{name}'. Give another folder."
        )
    if bool(about.get("Sloppy")) != settings.sloppy:
        was = "with" if about.get("Sloppy") else "without"
        raise UsageError(
            f"OUT_DIR {settings.out_dir} was made {was} --sloppy. Give another output folder, or do the same."
        )


class Run:
    """A participant run at work: root files, log, record of the settings, work folder.

    Parameters
    ----------
    settings, protocol, dataset, plan
        What was asked, and what was decided.
    """

    def __init__(self, settings: Settings, protocol: Protocol, dataset: Dataset, plan: Plan) -> None:
        self.settings, self.protocol, self.dataset, self.plan = settings, protocol, dataset, plan
        # In a container every process has the same number, so a random part makes the name unique.
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.log_file = settings.out_dir / "logs" / f"{self.id}.log"
        self.work_dir = (settings.work_dir or settings.out_dir / "work") / self.id

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write the root files and the record, log to a file; remove the work folder when the block ended well."""
        from lumirage_bids.execution import graphs

        out_dir = self.settings.out_dir
        with derivatives.lock(out_dir, "root"):
            # Another first run may have begun since this one was planned.
            check_same_experiment(self.settings, self.protocol.name, self.dataset.name)
            derivatives.initialise(out_dir, self.dataset, self.protocol.name, self.settings.sloppy)
            write_descriptions(out_dir, self.plan)
            score_table.note_conditions(out_dir, self.plan.conditions)
            history.note_facts(out_dir, self.plan.made_under)
            history.note_outdated(out_dir, self.plan.again.outdated, frozenset(self.plan.expected.values()))
            derivatives.write_json(out_dir / "scores.json", {**score_table.COLUMNS, **score_table.INTERNAL})
        with derivatives.replacing(out_dir / "config" / f"{self.id}.toml") as temporary:
            import tomli_w

            temporary.write_bytes(tomli_w.dumps(self.record).encode())
        with work_folder.held(self.work_dir, self.settings), logging_to(self.log_file, self.settings.verbose):
            graphs.configure(self.work_dir, self.settings.verbose)
            yield

    @cached_property
    def record(self) -> dict[str, object]:
        """Everything that tells how this run came about, as TOML."""
        plan = self.plan
        return {
            "settings": self.settings.as_table(),
            "protocol": {"name": self.protocol.name, "text": self.protocol.text},
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
                "missing": [{"name": s.name, "get": self.get_line(s)} for s in plan.missing],
                "left_out": [asdict(subject) for subject in plan.left_out],
                "warnings": [*(n for n in self.settings.notes if n.startswith("WARNING")), *warnings(plan)],
                "choices": [c.reason + ": " + c.chosen + " over " + ", ".join(c.others) for c in self.dataset.choices],
                "notes": list(self.dataset.notes),
            },
            "labellings": {labels.name: labels.source for labels in plan.labels},
            "methods": {a.name: a.method.name for a in plan.arms},
            "tuned": dict(self.protocol.tuned),
            "statistics": asdict(self.protocol.statistics),
            "training": {a.name: _told_training(a.method) for a in plan.arms},
            "arms": {a.label: {"hash": a.hash, "name": a.name, "variant": a.variant, **_known(a)} for a in plan.arms},
            "effort": {a.label: [list(level) for level in a.method.effort] for a in plan.arms},
        }

    def get_line(self, scan: Scan) -> str:
        """Command that fetches what is missing of a scan."""
        wanted = scan.wants(tuple(labels.name for labels in self.plan.labels))
        return datalad_get_line(self.dataset.root, [f for f in wanted if not f.present])

    def execution(self, tick: Callable[[], None]) -> Execution:
        """How the graphs are run."""
        from lumirage_bids.execution.graphs import Execution

        s = self.settings
        return Execution(
            out_dir=s.out_dir,
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
            nprocs=s.nprocs,
            memory_gb=usable_gb(s.mem),
            voxels=expected_voxels(self.plan),
            pair_timeout=s.pair_timeout,
            plugin_file=s.use_plugin,
            stop_on_first_crash=s.stop_on_first_crash,
            write_graph=s.write_graph,
            tick=tick,
        )


def expected_voxels(plan: Plan) -> int:
    """About how many voxels a prepared image has, from the finest spacing of the plan."""
    import nibabel as nib
    import numpy as np

    spacings = [a.preparation.spacing for a in plan.arms]
    native = plan.reference.brain or plan.reference
    try:
        header = nib.load(native.path).header
        zooms, full = header.get_zooms()[:3], float(np.prod(header.get_data_shape()[:3]))
    except Exception:  # whatever is wrong with the file is reported when it is read
        return BRAIN_BOX_MM3
    voxel = min(float(np.prod(zooms)) if s is None else s**3 for s in spacings)
    return int(min(BRAIN_BOX_MM3, full * float(np.prod(zooms))) / voxel)


def arm_tables(arm: Arm) -> dict[str, dict[str, Any]]:
    """All parameters of an arm: of its method, preparation, alignment and evaluation."""
    return {
        "method": {"method": arm.method.name, **{k: v for k, v in asdict(arm.method).items() if k != "training"}},
        "preparation": asdict(arm.preparation),
        "alignment": asdict(arm.alignment),
        "evaluation": asdict(arm.evaluation),
    }


def _known(arm: Arm) -> dict[str, dict[str, Any]]:
    """The same without what is None, which TOML cannot say."""
    return {name: {k: v for k, v in table.items() if v is not None} for name, table in arm_tables(arm).items()}


def _told_training(method: Method) -> str | dict[str, Any]:
    """What a method has learned from, as TOML has it: a word, or a table."""
    return method.training if isinstance(method.training, str) else asdict(method.training)


def arm_parameters(arm: Arm) -> str:
    """All parameters of an arm in one line."""
    tables = {arm.name if name == "method" else name: table for name, table in arm_tables(arm).items()}
    return "; ".join(f"{name}: " + ", ".join(f"{k}={v}" for k, v in t.items()) for name, t in tables.items())


def write_descriptions(out_dir: Path, plan: Plan) -> None:
    """Say what the ``desc-`` labels stand for; labels of earlier runs stay."""
    import pandas as pd

    file = out_dir / "descriptions.tsv"
    rows = {r["desc_id"].removeprefix("desc-"): r for r in read_descriptions(out_dir).to_dict("records")}
    for arm in plan.arms:
        text = f"method {arm.name}, variant {arm.variant}; scores and slices carry a digest of their pairs after +"
        rows[arm.label] = {
            "desc_id": f"desc-{arm.label}",
            "description": text,
            "variant": arm.variant,
            "method": arm.name,
            "parameters": arm_parameters(arm),
        }
        for what, words in (("prepared", "prepared image"), ("brain", "brain mask"), ("alignment", "affine alignment")):
            label = derivatives.variant_label(arm.variant, what)
            rows[label] = {
                "desc_id": f"desc-{label}",
                "description": f"{words}, variant {arm.variant}",
                "variant": arm.variant,
            }
    table = pd.DataFrame(list(rows.values()), columns=list(DESCRIPTION_COLUMNS))
    derivatives.write_table(file, table, DESCRIPTION_COLUMNS)


def read_descriptions(out_dir: Path) -> pd.DataFrame:
    """The table of ``desc-`` labels; empty where there is none."""
    return derivatives.read_table(out_dir / "descriptions.tsv").reindex(columns=list(DESCRIPTION_COLUMNS))
