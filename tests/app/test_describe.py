"""What a run would do, told by a dry run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.app.describe import describe, needs, warnings
from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.scans import File
from lumirage_bids.labellers.synthseg import SynthSeg
from tests.bids.trees import make
from tests.conftest import run_here
from tests.small_plan import asked, dataset, plan, scan


def test_a_dry_run_says_which_side_was_named(demo_dataset: Path, tmp_path: Path) -> None:
    """And how many pairs and scans that makes; --only names both, --exclude-participant-label neither."""
    told = {
        what: run_here([demo_dataset, tmp_path / "out", "participant", "group", "--dry-run", *what.split()]).out
        for what in ("--participant-label 02,03", "--only 02 03", "--exclude-participant-label 01 77")
    }
    one, both, neither = told.values()
    assert "6 in the protocol, 4 asked for" in one
    assert "names the moving side: 2 scan(s)" in one
    assert "3 scans are prepared" in one
    assert "the 2 pair(s) among these subjects alone: --only 02 03" in one
    assert "6 in the protocol, 2 asked for" in both
    assert "moving side" not in both
    assert "all are aligned to sub-02" in neither
    assert "2 in the protocol, 2 asked for" in neither
    assert "77: there is no scan of it" in neither
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("nprocs", "gb", "at_once"), [(64, 3.0, 3), (2, 100.0, 2), (2, 0.1, 1)])
def test_the_time_is_estimated_by_the_processes_that_fit(nprocs: int, gb: float, at_once: int, tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12345678"]
    found = dataset(tmp_path, scans)
    wanted = asked(tmp_path, nprocs=nprocs, mem=gb, methods=("greedy",), dry_run=True)
    made = plan(tmp_path, scans, nprocs=nprocs, methods=("greedy",))
    each = max(b.arm.method.cost(1_000_000, "cpu").memory_gb for b in made.batches)
    said = describe(made, found, replace(wanted, mem=gb * each), 1_000_000)
    assert f" with {at_once} process(es) at a time" in said
    assert "Participants with registrations to do: 1 2 3 4 5 6 7 8" in said
    assert ("WARNING: --mem allows" in said) == (gb * each < max(each, 4.0))  # a scan is masked and prepared in 4 GB
    assert "of about 1.0 million voxels" in said
    assert "of about 12\u2009000 voxels" in describe(made, found, wanted, 12_000)


def test_a_warning_is_one_by_its_field_not_by_its_words(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    wanted = asked(tmp_path, dry_run=True, notes=("WARNING is what a folder is called.",), warnings=("too many",))
    said = describe(plan(tmp_path, scans), dataset(tmp_path, scans), wanted, 1_000_000).splitlines()
    assert {"Note: WARNING is what a folder is called.", "WARNING: too many"} <= set(said)


def test_a_plan_to_be_looked_at_says_what_is_needed(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    with pytest.raises(MissingInputError, match=r"lapirn.*LUMIRAGE_WEIGHTS"):
        plan(tmp_path, scans, methods=("lapirn",))
    made = plan(tmp_path, scans, methods=("lapirn",), dry_run=True)
    (need,) = needs(made, asked(tmp_path, dry_run=True))
    assert need.startswith("method lapirn: ")
    assert "LUMIRAGE_WEIGHTS" in need


def test_scans_of_different_kinds_are_told_before_anything_is_fetched(tmp_path: Path) -> None:
    names = ("!sub-1_T1w.nii", "!sub-2_rec-SCIC_T1w.nii", "!sub-3_rec-SCIC_T1w.nii")
    root = make(tmp_path / "bids", *names)
    done = run_here([root, tmp_path / "out", "participant", "--dry-run"])
    assert "0 can run" in done.out
    assert (
        "WARNING: the T1w scans are of different reconstructions: no rec- in 1 (sub-1_T1w), rec-SCIC in 2" in done.out
    )


def test_how_to_get_what_is_not_here_is_told_once(tmp_path: Path) -> None:
    root = make(tmp_path / "bids", "!sub-1_T1w.nii", "!sub-2_T1w.nii")
    done = run_here([root, tmp_path / "out", "participant", "--dry-run"])
    assert done.code == 66, done.said
    assert "A RUN WOULD BE REFUSED: Some content of each of the 2 pairs is not here." in done.out
    assert done.out.count("datalad get") == 1


def test_the_memory_of_preparing_is_told_beside_that_of_registering(tmp_path: Path) -> None:
    scans = [scan(tmp_path, s) for s in "12"]
    found, wanted = dataset(tmp_path, scans), asked(tmp_path, dry_run=True)
    made = plan(tmp_path, scans)
    assert made.preparing
    assert "4.0 GB at most while a scan is masked and prepared" in describe(made, found, wanted, 12_000)
    job = made.preparing[0]
    heavy = [(replace(labels, labeller=SynthSeg()), value) for labels, value in job.labels]
    made = replace(made, preparing=(replace(job, labels=tuple(heavy)), *made.preparing[1:]))
    assert "16.0 GB at most while a scan" in describe(made, found, wanted, 12_000)
    prepared = replace(made, preparing=(), aligning=())
    assert "while a scan is" not in describe(prepared, found, wanted, 12_000)


def test_what_no_scan_here_is_synthesised_of_is_told_and_what_it_depends_on_and_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    asks = '[preparation.synthesis]\nargv = ["/bin/sh", "{input}", "{output}"]\ncontrasts = '
    scans = [scan(tmp_path, s) for s in "12"]

    def said(text: str) -> str:
        file.write_text(asks + text)
        wanted = asked(tmp_path, dry_run=True, protocol=str(file))
        return describe(
            plan(tmp_path, scans, protocol=str(file), dry_run=True), dataset(tmp_path, scans), wanted, 1_000
        )

    assert "synthesises images of T9w scans, and no scan here is a T9w, but T1w: no image is synthesised" in said(
        '["T9w"]'
    )
    assert "no scan here is a FLAIR, but T1w: nothing is synthesised of those" in said('["T1w", "FLAIR"]')
    told = said('["T1w"]\ndepends = ["/nonexistent/weights"]')
    assert "no scan here" not in told
    assert "depends names /nonexistent/weights, which is not there" in told


def test_lesions_that_methods_see_are_told(tmp_path: Path) -> None:
    lesion = File(path=tmp_path / "1_lesion.nii", dataset=tmp_path)
    scans = [replace(scan(tmp_path, "1"), lesion=lesion), scan(tmp_path, "2")]
    (told,) = (text for text in warnings(plan(tmp_path, scans)) if "lesion" in text)
    assert told.startswith("1 scan(s) have a lesion mask: greedy sees the lesions as they are. ")
    assert not [text for text in warnings(plan(tmp_path, [*scans[1:], scan(tmp_path, "3")])) if "lesion" in text]
