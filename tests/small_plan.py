"""Plans of a few scans whose files are empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from lumirage_bids.bids.dataset import Dataset
from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.plan import Done, EarlierRow, Plan, digest_conditions, prepared_files
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output import paths


def scan(
    root: Path, subject: str, session: str | None = None, *, sequence: str = "MPRAGE", labelled: bool = True
) -> Scan:
    entities = {"sub": subject, **({"ses": session} if session else {})}
    stem = "_".join(f"{k}-{v}" for k, v in entities.items())
    label = LabelMapFile(path=root / f"{stem}_seg-manual_dseg.nii", dataset=root)
    return Scan(
        path=root / f"{stem}_T1w.nii",
        dataset=root,
        subject=subject,
        session=session,
        suffix="T1w",
        entities=entities,
        sequence=sequence,
        labels={"manual": label} if labelled else {},
    )


def dataset(root: Path, scans: Sequence[Scan], *, present: Sequence[str] | None = None) -> Dataset:
    """A dataset whose images are empty files; those of subjects that are not `present` are not there."""
    for s in scans:
        if present is None or s.subject in present:
            for file in s.needs(tuple(s.labels)):
                if not file.present:  # a second touch would change the time, and with it the hashes
                    file.path.touch()
    found = {"manual": "files"}
    return Dataset(root=root, name="d", scans=tuple(scans), choices=(), notes=(), derivatives={}, found=found)


def asked(root: Path, **changes: object) -> Settings:
    base = Settings(bids_dir=root, out_dir=root / "out", level="participant", labellings=("manual",))
    return replace(base, **changes)  # type: ignore[arg-type]


def plan(
    root: Path, scans: Sequence[Scan], present: Sequence[str] | None = None, done: Done | None = None, **changes: object
) -> Plan:
    settings = asked(root, **changes)
    return make_plan(dataset(root, scans, present=present), protocol.load(settings.protocol), settings, done or Done())


def finished(made: Plan) -> Done:
    """What is there when a plan has been carried out."""
    files = {}
    for p in made.preparing:
        files |= {file: value for name, _, value in p.variants for file in prepared_files(p.scan, name)}
        files |= {paths.label_map(p.scan, labels.name): value for labels, value in p.labels}
        files |= {paths.agreement(p.scan, a.name, b.name): value for a, b, value in p.agreements}
    files |= {file: a.hash for a in made.aligning for file in a.files}
    rows = {value for b in made.batches for t in b.tasks for value in t.hashes.values()}
    earlier = {
        (arm.variant, arm.name, labels.name, t.pair.moving.name, t.pair.fixed.name): (
            EarlierRow(
                digest_conditions(arm, b.reference, labels), t.registration_hash, t.hashes[arm.label, labels.name], True
            ),
        )
        for b in made.batches
        for t in b.tasks
        for arm, labels in product(b.arms, b.labels)
    }
    return Done(rows=frozenset(rows), files=files, earlier=earlier, conditions=made.conditions)


def with_transforms(done: Done, made: Plan) -> Done:
    """The same where ``--save transforms`` was asked for."""
    saved = {
        paths.transform(t.pair.moving, t.pair.fixed, b.arm.label): t.registration_hash
        for b in made.batches
        for t in b.tasks
    }
    return replace(done, files={**done.files, **saved})
