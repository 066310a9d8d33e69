"""What is known of a run at the group level: its scores, and the conditions that they came about under."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lumirage_bids import methods as registration
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import from_table
from lumirage_bids.methods.base import OwnInput, Trained, Training
from lumirage_bids.output import paths
from lumirage_bids.output.fill_in import fill_in
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import MadeBy, read_labellers, read_records
from lumirage_bids.output.root import evaluated_dataset, read_own_description
from lumirage_bids.stats.classes import FLOOR, arm_names

if TYPE_CHECKING:
    import pandas as pd


Effort = tuple[tuple[int, int], ...]
"""Factor by which images are reduced, and iterations, of each level."""


@dataclass(frozen=True, kw_only=True)
class StructureFacts:
    """One structure of one scan: volume, mm³; contrast and bare share of its boundary; share cut by the image's edge.

    And the share outside the brain mask, NaN where it is not known. See `lumirage_bids.measures.scan_facts`.
    """

    volume: float
    contrast: float
    bare: float
    cut: float
    outside: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class ScanFacts:
    """One scan with one labelling.

    Attributes
    ----------
    labeller : str
        What made the label map; ``existing`` for one that was there.
    spacing : tuple of float
        Native voxel size of the image, mm.
    brain_extent : tuple of float
        Box around the brain along the native axes, mm; empty where it is not known.
    mutual_information, label_entropy : float
        Bits; NaN where not known.
    structures : mapping
        Index → facts; empty where they are not known.
    outside : float
        Share of what is labelled outside the brain mask; NaN where not known.
    at_edge : mapping
        Side of the image that the brain reaches → area there as a share of its largest section.
    """

    labeller: str = "existing"
    spacing: tuple[float, ...]
    brain_extent: tuple[float, ...] = ()
    mutual_information: float = float("nan")
    label_entropy: float = float("nan")
    structures: Mapping[int, StructureFacts] = field(default_factory=dict)
    outside: float = float("nan")
    at_edge: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Started:
    """A method whose result another one went on from.

    Attributes
    ----------
    name, method : str
        As the protocol calls it; the method that it is.
    parameters : mapping
    input : OwnInput or None
        What it saw where that was not the prepared images themselves.
    """

    name: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    input: OwnInput | None = None


@dataclass(frozen=True, kw_only=True)
class AuditedRun:
    """Everything that the rules of the audit look at.

    Attributes
    ----------
    pairs : DataFrame
        The score table, a row per variant × method × labelling × pair.
    structures : mapping of str to DataFrame
        Labelling → a row per variant × method × pair, a column ``dice_<index>`` per structure.
    luts : mapping of str to mapping of int to str
        Labelling → index → name.
    scans : mapping
        Labelling → scan → facts.
    preparations : mapping
        Variant → fields of its preparation.
    parameters : mapping
        Variant → parameters of its alignment and its methods, each named by what it belongs to: ``greedy window``.
    sources : mapping of str to str
        Labelling → where its maps come from, in words.
    labellers : mapping
        Labelling → what made its maps.
    methods : mapping of str to str
        Method as it is called in the tables → the method that it is, where the protocol renames one.
    dataset : str
        Its name.
    tuned : mapping of str to str
        Method → what the protocol declares of parameters that were chosen by the scores of these very pairs.
    training : mapping
        Method → what it has learned from, where a run says so.
    inputs : mapping
        Variant → method → what it saw where that was not the prepared images themselves, as far as runs noted it.
    started : mapping
        Variant → method → what was run before it and it went on from, the first first.
    effort : mapping
        Variant → method → factors by which images are reduced and iterations there, coarse to fine; not there for what
        does not iterate, or where it is not known.
    cut_off : mapping
        Variant → scan → share of its brain that the preparation's shape has cut off, where it has.
    """

    pairs: pd.DataFrame
    structures: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    luts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    scans: Mapping[str, Mapping[str, ScanFacts]] = field(default_factory=dict)
    preparations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    labellers: Mapping[str, MadeBy] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    tuned: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Trained] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, OwnInput]] = field(default_factory=dict)
    started: Mapping[str, Mapping[str, tuple[Started, ...]]] = field(default_factory=dict)
    effort: Mapping[str, Mapping[str, Effort]] = field(default_factory=dict)
    cut_off: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @cached_property
    def registrations(self) -> pd.DataFrame:
        """One row per arm and pair, whatever the labelling; with the name of the arm in column ``arm``."""
        rows = fill_in(self.pairs.drop_duplicates(["variant", "method", "moving", "fixed"]))
        return rows.assign(arm=arm_names(rows))

    @cached_property
    def contrasts(self) -> dict[str, str]:
        """Scan → its contrast."""
        rows = self.registrations
        return {
            str(scan): str(contrast)
            for side in ("moving", "fixed")
            for scan, contrast in zip(rows[side], rows[f"{side}_contrast"], strict=True)
        }

    @cached_property
    def brain_extents(self) -> dict[str, tuple[float, ...]]:
        """Scan → box around its brain, mm, where it is known: the largest that is told, as labels may cover a part."""
        found: dict[str, tuple[float, ...]] = {}
        for scan, facts in ((scan, facts) for of in self.scans.values() for scan, facts in of.items()):
            if facts.brain_extent:
                found[scan] = max(found.get(scan, ()), facts.brain_extent, key=np.prod)
        return found

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """Methods of the table that are controls, whatever a protocol calls them."""
        names = [str(name) for name in self.pairs["method"].unique()]
        return registration.controls({name: self.methods.get(name, name) for name in names})

    @cached_property
    def unranked(self) -> tuple[str, ...]:
        """Methods that are no competitors: the floor, and controls."""
        return (FLOOR, *self.controls)

    def leave_out(self, names: Collection[str], column: Literal["method", "variant"] = "method") -> AuditedRun:
        """The same without the rows of some methods or variants."""
        if not names:
            return self
        kept = {name: of[~of[column].isin(names)] for name, of in self.structures.items()}
        return replace(self, pairs=self.pairs[~self.pairs[column].isin(names)], structures=kept)

    def training_of(self, method: str) -> Trained:
        """What a method has learned from: as the run says, else as the method that it is declares."""
        kind = registration.methods().get(self.methods.get(method, method))
        return self.training.get(method, kind().training if kind else "unknown")


def read_audited_run(
    output: Output,
    pairs: pd.DataFrame,
    structures: Mapping[str, pd.DataFrame],
    luts: Mapping[str, Mapping[int, str]],
) -> AuditedRun:
    """Put scores and what the derivatives' sidecars and the records of the runs say side by side.

    Parameters
    ----------
    output : Output
        Derivatives of one or many participant runs.
    pairs, structures, luts
        As in `AuditedRun`.
    """
    records = read_records(output)
    wanted = set(pairs["moving"].unique()) | set(pairs["fixed"].unique())
    scans: dict[str, dict[str, ScanFacts]] = {}
    for labelling, scan, meta in _label_sidecars(output):
        if scan in wanted and "NativeAffine" in meta:
            scans.setdefault(labelling, {})[scan] = _scan_facts(meta)
    return AuditedRun(
        pairs=pairs,
        structures=structures,
        luts=luts,
        scans=scans,
        preparations=_preparations(records),
        parameters=_parameters(records),
        sources={k: v for r in records for k, v in r.get("labellings", {}).items()},
        labellers=read_labellers(records),
        methods={k: v for r in records for k, v in r.get("methods", {}).items()},
        dataset=evaluated_dataset(read_own_description(output)),
        tuned=_latest_tuned(records),
        training={name: _training(told) for r in records for name, told in r.get("training", {}).items()},
        inputs=_inputs(records),
        started=_read_started(records),
        effort=_effort(records),
        cut_off=_cut_off(output) if any(p.get("shape") for p in _preparations(records).values()) else {},
    )


def _cut_off(output: Output) -> dict[str, dict[str, float]]:
    """What prepared images' sidecars say of brains that were cut."""
    found: dict[str, dict[str, float]] = {}
    for file in output.find("sub-*/**/*prepared_*.json"):
        meta = output.read_json(file)
        if "BrainCutOff" in meta:
            found.setdefault(meta["Variant"], {})[meta["Scan"]] = float(meta["BrainCutOff"])
    return found


def _preparations(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Preparation of the last run that had the variant."""
    arms = (arm for record in records for arm in record.get("arms", {}).values() if "preparation" in arm)
    return {arm["variant"]: {"spacing": None, **arm["preparation"]} for arm in arms}  # TOML has no word for None


def _parameters(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Parameters of the last run that had the arm."""
    found: dict[str, dict[str, Any]] = {}
    for arm in (arm for record in records for arm in record.get("arms", {}).values() if "method" in arm):
        tables = {"alignment": arm["alignment"], arm["name"]: arm["method"]}
        named = {f"{table} {key}": value for table, of in tables.items() for key, value in of.items()}
        found.setdefault(arm["variant"], {}).update(named)
    return found


def _training(told: str | Mapping[str, Any]) -> Trained:
    """What a record says of a method's training; what later versions may add to it is left out."""
    if isinstance(told, str):
        return "none" if told == "none" else "unknown"
    known = {f.name for f in fields(Training)}
    return from_table(Training, {key: value for key, value in told.items() if key in known}, "training")


def _effort(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Effort]]:
    """Levels and iterations of the last run that had the arm."""
    found: dict[str, dict[str, Effort]] = {}
    for record in records:
        for label, arm in record.get("arms", {}).items():
            told = record["effort"].get(label, ()) if "effort" in record else _effort_of(arm.get("method", {}))
            if "name" in arm:
                found.setdefault(arm["variant"], {})[arm["name"]] = tuple((int(f), int(n)) for f, n in told)
    return {variant: {name: levels for name, levels in of.items() if levels} for variant, of in found.items()}


def _inputs(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, OwnInput]]:
    """What the arms of the last runs saw."""
    found: dict[str, dict[str, OwnInput]] = {}
    for record in records:
        for label, told in record.get("inputs", {}).items():
            arm = record["arms"][label]
            found.setdefault(arm["variant"], {})[arm["name"]] = from_table(OwnInput, told, "inputs")
    return found


def _read_started(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[Started, ...]]]:
    """What the arms of the last runs went on from."""
    found: dict[str, dict[str, tuple[Started, ...]]] = {}
    for record in records:
        for label, arm in record.get("arms", {}).items():
            stages = tuple(map(_stage, record.get("started", {}).get(label, ())))
            if "name" in arm:
                found.setdefault(arm["variant"], {})[arm["name"]] = stages
    return {variant: {name: stages for name, stages in of.items() if stages} for variant, of in found.items()}


def _stage(told: Mapping[str, Any]) -> Started:
    own = told.get("input")
    return Started(
        name=told["name"],
        method=told["method"],
        parameters=told.get("parameters", {}),
        input=None if own is None else from_table(OwnInput, own, "input"),
    )


def _effort_of(table: Mapping[str, Any]) -> Effort:
    """Levels by the parameters alone, which is all that versions before 0.2 noted down."""
    try:
        return registration.method(table.get("method", ""), **{k: v for k, v in table.items() if k != "method"}).effort
    except UsageError:  # a method or a parameter that there is no more
        return ()


def _latest_tuned(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Declarations of the last run that had the method."""
    tuned: dict[str, str] = {}
    for record in records:
        for method in record.get("methods", {}):
            tuned.pop(method, None)
        tuned.update(record.get("tuned", {}))
    return tuned


def _label_sidecars(output: Output) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Labelling, scan and content of the sidecar of every scan's own label map, not of those moved to another scan."""
    for file in output.find("sub-*/**/*_dseg.json"):
        meta = output.read_json(file)
        if "Labeller" in meta:
            named = paths.entities_of(file)
            yield named["seg"], str(meta.get("Scan", _scan_by_name(named))), meta


def _scan_by_name(named: Mapping[str, str]) -> str:
    """Name of a scan by that of its label map; versions before 0.2.0 noted no other."""
    own = [f"{k}-{v}" for k, v in named.items() if k not in {"space", "seg", "suffix"}]
    return "_".join([*own, named["space"]])


def _scan_facts(meta: Mapping[str, Any]) -> ScanFacts:
    affine = np.array(meta["NativeAffine"], dtype=np.float64)
    found = meta.get("Facts", {})
    return ScanFacts(
        labeller=str(meta.get("Labeller", "existing")),
        spacing=tuple(float(s) for s in np.linalg.norm(affine[:3, :3], axis=0)),
        brain_extent=tuple(float(x) for x in found.get("BrainExtent", ())),
        mutual_information=_number(found.get("MutualInformation")),
        label_entropy=_number(found.get("LabelEntropy")),
        structures={
            int(index): StructureFacts(**{name.lower(): _number(value) for name, value in of.items()})
            for index, of in found.get("Structures", {}).items()
        },
        outside=_number(found.get("Outside")),
        at_edge={str(side): float(share) for side, share in found.get("AtEdge", {}).items()},
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
