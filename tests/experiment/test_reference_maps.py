"""Which scans a labelling with a reference is taken of, and what is said where its maps are not here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.dataset import Dataset
from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.done import read_done
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.plan import Done, Plan
from lumirage_bids.experiment.reference_maps import leave_out_absent, references
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from tests.small_plan import finished

PROTOCOL = """
[labellings.manual]
pattern = "manual/{name}.nii"
[labellings.auto]
pattern = "auto/{name}.nii"
reference = "manual"
[methods.identity]
"""


@pytest.fixture
def experiment(tmp_path: Path) -> protocol.Protocol:
    file = tmp_path / "p.toml"
    file.write_text(PROTOCOL, "utf-8")
    return protocol.load(str(file))


def dataset(root: Path, labelled: dict[str, str], here: set[str]) -> Dataset:
    """Scans by subject with the labellings named; the maps `here` (``auto/1``) and all images have content."""
    scans = []
    for subject, names in labelled.items():
        labels = {}
        for name in names.split():
            labels[name] = LabelMapFile(path=root / name / f"sub-{subject}_T1w.nii", dataset=root)
            labels[name].path.parent.mkdir(exist_ok=True)
            if f"{name}/{subject}" in here:
                labels[name].path.write_text(subject)
        image = root / f"sub-{subject}_T1w.nii"
        image.touch()
        scans.append(
            Scan(
                path=image, dataset=root, subject=subject, session=None, suffix="T1w",
                entities={"sub": subject}, labels=labels,
            )
        )  # fmt: skip
    found = {name: "files" for names in labelled.values() for name in names.split()}
    return Dataset(root=root, name="d", scans=tuple(scans), choices=(), notes=(), derivatives={}, found=found)


def plan(found: Dataset, experiment: protocol.Protocol, done: Done | None = None, **more: object) -> Plan:
    settings = replace(Settings(bids_dir=found.root, out_dir=found.root / "out", level="participant"), **more)  # type: ignore[arg-type]
    names = settings.labellings or experiment.default_labellings
    return make_plan(leave_out_absent(found, experiment, names), experiment, settings, done or Done())


BOTH = dict.fromkeys("123", "manual auto")


def test_an_absent_map_costs_the_scan_nothing_else(tmp_path: Path, experiment: protocol.Protocol) -> None:
    found = dataset(tmp_path, BOTH, {"manual/1", "manual/2", "manual/3", "auto/1", "auto/2"})
    left = leave_out_absent(found, experiment, experiment.default_labellings)
    (note,) = left.notes
    assert note.startswith("Labelling auto: the maps of 1 of 3 scans are not here; these scans are scored without them")
    assert note.endswith(f"datalad get -d {tmp_path} {tmp_path}/auto/sub-3_T1w.nii")
    made = plan(found, experiment)
    assert made.missing == ()
    assert len(made.runnable) == 6
    hashes = {
        (t.pair.moving.subject, t.pair.fixed.subject): {name for _, name in t.hashes}
        for b in made.batches
        for t in b.tasks
    }
    assert hashes["1", "2"] == {"manual", "auto"}
    assert hashes["1", "3"] == hashes["3", "1"] == {"manual"}
    compared = {p.scan.subject: [(a.name, b.name) for a, b, _ in p.agreements] for p in made.preparing}
    assert compared == {"1": [("auto", "manual")], "2": [("auto", "manual")], "3": []}


@pytest.mark.parametrize("labelled", [BOTH, dict.fromkeys("123", "manual")])
def test_without_any_map_the_run_goes_on_with_the_others(
    tmp_path: Path, experiment: protocol.Protocol, labelled: dict[str, str]
) -> None:
    found = dataset(tmp_path, labelled, {"manual/1", "manual/2", "manual/3"})
    made = plan(found, experiment)
    assert [labels.name for labels in made.labels] == ["manual"]
    assert (len(made.runnable), made.missing) == (6, ())
    assert "the run goes on without" in leave_out_absent(found, experiment, ("manual", "auto")).notes[0]
    alone = plan(replace(found, found={"manual": "files"}), experiment, labellings=("manual",))
    assert made.expected == alone.expected


def test_a_scans_only_map_is_needed(tmp_path: Path, experiment: protocol.Protocol) -> None:
    found = dataset(tmp_path, {**BOTH, "4": "auto"}, {f"manual/{s}" for s in "123"} | {"auto/1"})
    made = plan(found, experiment)
    assert [s.subject for s in made.missing] == ["4"]
    everything = dataset(tmp_path, {**BOTH, "4": "auto"}, {f"{n}/{s}" for n in ("manual", "auto") for s in "1234"})
    # Which scans and pairs there are does not depend on what is here.
    names = [[(p.moving.name, p.fixed.name) for p in plan(d, experiment).pairs] for d in (found, everything)]
    assert names[0] == names[1]


def test_without_its_reference_a_labelling_is_like_any_other(tmp_path: Path, experiment: protocol.Protocol) -> None:
    assert references(experiment, ("manual", "auto")) == {"auto": "manual"}
    assert references(experiment, ("auto",)) == {}
    found = dataset(tmp_path, BOTH, {"auto/1", "auto/2"})
    made = plan(found, experiment, labellings=("auto",))
    assert [s.subject for s in made.missing] == ["3"]
    assert not any(p.agreements for p in made.preparing)
    with pytest.raises(MissingInputError, match="No label map of labelling 'auto'"):
        plan(replace(found, found={}), experiment, labellings=("auto",))


def test_a_changed_map_of_either_is_compared_again(tmp_path: Path, experiment: protocol.Protocol) -> None:
    found = dataset(tmp_path, BOTH, {f"{n}/{s}" for n in ("manual", "auto") for s in "123"})
    done = finished(plan(found, experiment))
    assert plan(found, experiment, done).preparing == ()
    (tmp_path / "manual" / "sub-2_T1w.nii").write_text("changed")
    (again,) = plan(found, experiment, done).preparing
    assert [labels.name for labels, _ in again.labels] == ["manual"]  # auto's own map stays as it is
    assert [(a.name, b.name) for a, b, _ in again.agreements] == [("auto", "manual")]
    (tmp_path / "auto" / "sub-3_T1w.nii").write_text("changed")
    assert {p.scan.subject for p in plan(found, experiment, done).preparing if p.agreements} == {"2", "3"}


def test_a_reference_changes_no_score(tmp_path: Path, experiment: protocol.Protocol) -> None:
    found = dataset(tmp_path, BOTH, {f"{n}/{s}" for n in ("manual", "auto") for s in "123"})
    (tmp_path / "plain.toml").write_text(PROTOCOL.replace('reference = "manual"', ""), "utf-8")
    without = plan(found, protocol.load(str(tmp_path / "plain.toml")))
    assert without.expected == plan(found, experiment).expected
    assert without.digests.items() < plan(found, experiment).digests.items()
    later = plan(found, experiment, finished(without))
    assert later.n_todo == 0
    assert [(p.variants, p.labels, len(p.agreements)) for p in later.preparing] == [((), (), 1)] * 3


def test_an_agreement_that_is_there_is_not_taken_again(tmp_path: Path, experiment: protocol.Protocol) -> None:
    found = dataset(tmp_path, BOTH, here={f"{name}/{s}" for name in ("manual", "auto") for s in BOTH})
    out, first = tmp_path / "out", plan(found, experiment)
    for p in first.preparing:
        for a, b, value in p.agreements:
            Output(out).write_json(paths.agreement(p.scan, a.name, b.name), {"Hash": value})
    again = plan(found, experiment, read_done(Output(out), {scan.subject for scan in found.scans}))
    assert sum(len(p.agreements) for p in first.preparing) == 3
    assert sum(len(p.agreements) for p in again.preparing) == 0
