"""Digests of everything that is shipped stay what they were: an upgrade makes no finished row again."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lumirage_bids import labellers, maskers, measures, methods
from lumirage_bids.base.parameters import added, aside, digest
from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.alignment import Alignment
from lumirage_bids.spatial.preparation import Preparation
from tests.small_plan import dataset, scan

GOLDEN = Path(__file__).with_name("pinned_digests.json")


def planned(root: Path, name: str, **asked: tuple[str, ...]) -> Plan:
    """A shipped protocol's plan for two scans whose files have fixed sizes and times."""
    given = protocol.load(name)
    labellings = given.default_labellings
    scans = [_labelled(scan(root, s), labellings) for s in ("1", "2")]
    if given.reference != "first":
        named = _labelled(scan(root, given.reference), labellings)
        scans.append(replace(named, template=given.template is not None))
    found = dataset(root, scans)
    for file in root.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    settings = Settings(bids_dir=root, out_dir=root / "out", level="participant", dry_run=True, **asked)
    existing = [n for n in labellings if (lab := given.labellings.get(n)) is None or lab.labeller == "existing"]
    return make_plan(replace(found, found=dict.fromkeys(existing, "files")), given, settings)


def _labelled(made: Scan, labellings: tuple[str, ...]) -> Scan:
    files = {
        n: LabelMapFile(path=made.path.with_name(f"{made.name}_{n}.nii"), dataset=made.dataset) for n in labellings
    }
    return replace(made, labels=files)


def digests(made: Plan) -> dict[str, Any]:
    files = {f"{name}: {file}": value for name, files in made.made.items() for file, value in files.items()}
    return {
        "arms": {arm.label: [arm.registration, arm.hash] for arm in made.arms},
        "conditions": made.digests,
        "made": digest(files),
        "rows": digest({" ".join(key): value for key, value in made.expected.items()}),
    }


@pytest.mark.parametrize("name", protocol.names())
def test_digests_of_shipped_protocols_are_what_they_were(name: str, tmp_path: Path) -> None:
    pinned = json.loads(GOLDEN.read_text("utf-8"))
    assert json.loads(json.dumps(digests(planned(tmp_path, name)))) == pinned[name]


@pytest.mark.parametrize("name", [name for name in protocol.names() if protocol.load(name).on_request])
def test_digests_of_what_is_run_on_request_are_what_they_were(name: str, tmp_path: Path) -> None:
    given = protocol.load(name)
    pinned = json.loads(GOLDEN.read_text("utf-8"))
    made = planned(
        tmp_path, name, variants=tuple(v.name for v in given.on_request), methods=(*given.default_methods, "vfa")
    )
    assert json.loads(json.dumps(digests(made))) == pinned[f"{name}, on request"]


PLUG_INS = [methods.methods(), labellers.labellers(), maskers.maskers(), measures.measures()]
SHIPPED = [Evaluation, Preparation, Alignment, *(cls for known in PLUG_INS for cls in known.values())]


@pytest.mark.parametrize("cls", SHIPPED, ids=lambda cls: cls.__name__)
def test_what_is_shipped_has_a_fixed_name_and_a_revision_of_its_own(cls: type) -> None:
    assert {"digest_name", "revision"} <= vars(cls).keys()
    assert vars(cls)["revision"] >= 1


def test_a_field_that_came_later_counts_only_when_it_is_set() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Thing:
        side: int = 3

    @dataclass(frozen=True, kw_only=True)
    class Renamed:
        digest_name: ClassVar[str] = "Thing"
        side: int = 3
        surface: bool = added(False, since="0.2.0")
        reach: tuple[int, ...] = added((1, 2), since="0.3.0")
        story: str = aside("")

    assert digest(Renamed()) == digest(Thing()) == digest(Renamed(story="told"))
    assert digest({"a": [Renamed(side=4)]}) == digest({"a": [Thing(side=4)]}) != digest({"a": [Thing()]})
    assert len({digest(t) for t in (Renamed(), Renamed(surface=True), Renamed(reach=(1, 3)), Renamed(side=4))}) == 4


EVERY = {"identity", "greedy"}


def _changed(root: Path, monkeypatch: pytest.MonkeyPatch, raised: type) -> dict[str, set[str]]:
    """Which rows, conditions, files and registrations of the default protocol are others once a revision is raised."""
    seen = []
    for _ in range(2):
        made = planned(root, "default")
        registrations = {(b.arm.label, t.registration_hash) for b in made.batches for t in b.tasks}
        seen.append((made.expected, made.digests, digests(made)["made"], registrations))
        monkeypatch.setattr(raised, "revision", raised.revision + 1)  # type: ignore[attr-defined]
    (rows, conditions, files, registered), (rows2, conditions2, files2, registered2) = seen
    return {
        "rows": {key[0] for key, value in rows2.items() if rows[key] != value},
        "conditions": {key.partition("/")[0] for key, value in conditions2.items() if conditions[key] != value},
        "files": {"made"} if files != files2 else set(),
        "registrations": {arm for arm, _ in registered ^ registered2},
    }


def test_a_revision_of_a_method_concerns_its_own_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = _changed(tmp_path, monkeypatch, methods.methods()["greedy"])
    own = {"greedy"}
    assert changed == {"rows": own, "conditions": own, "files": set(), "registrations": own}


def test_a_revision_of_scoring_makes_no_registration_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = _changed(tmp_path, monkeypatch, Evaluation)
    assert changed == {"rows": EVERY, "conditions": EVERY, "files": set(), "registrations": set()}


@pytest.mark.parametrize("step", [Preparation, Alignment])
def test_a_revision_of_a_step_concerns_what_follows_from_it(
    step: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = _changed(tmp_path, monkeypatch, step)
    assert changed == {"rows": EVERY, "conditions": EVERY, "files": {"made"}, "registrations": EVERY}


def test_a_revision_of_a_labeller_concerns_its_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = _changed(tmp_path, monkeypatch, labellers.labellers()["atropos"])
    assert changed == {"rows": EVERY, "conditions": EVERY, "files": {"made"}, "registrations": set()}
