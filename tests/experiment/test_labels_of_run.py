"""Which structures of a labelling are scored, and which finished results that leaves valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, choose_labels, has_scored_unnamed
from lumirage_bids.labellers import reader, scored_of
from lumirage_bids.output.folder import Output
from tests.experiment.plans import template
from tests.small_plan import asked, dataset, finished, plan, scan

FREESURFER = "index\tname\n0\tUnknown\n4\tLeft-Lateral-Ventricle\n10\tLeft-Thalamus-Proper\n77\tWM-hypointensities\n"


def choose(root: Path, name: str, table: str | None = None, toml: str = "") -> LabellingOfRun:
    if table is not None:
        (root / "t.tsv").write_text(table)
    file = LabelMapFile(path=root / "m.nii", dataset=root, lut=None if table is None else root / "t.tsv")
    scans = [replace(scan(root, s), labels={name: file}) for s in "12"]
    (root / "p.toml").write_text(toml)
    settings = asked(root, labellings=(name,))
    found = replace(dataset(root, scans), found={name: "files"})
    (labels,) = choose_labels(protocol.load(str(root / "p.toml")), settings, found)
    return labels


@pytest.mark.parametrize("name", ["aseg", "aparcaseg", "aparc+aseg"])
@pytest.mark.parametrize("table", [None, FREESURFER, "index\tname\none\tunreadable\n"])
def test_freesurfers_bookkeeping_is_left_out(tmp_path: Path, name: str, table: str | None) -> None:
    labels = choose(tmp_path, name, table)
    assert labels.structures == (scored_of(name),)
    assert labels.shipped
    assert "without bookkeeping" in labels.source


def test_a_protocol_that_names_structures_has_the_last_word(tmp_path: Path) -> None:
    labels = choose(tmp_path, "aseg", toml='[labellings.aseg.structures]\n77 = "spots"\n')
    assert (labels.structures, labels.shipped) == (({77: "spots"},), False)


def test_another_numbering_is_not_freesurfers(tmp_path: Path) -> None:
    labels = choose(tmp_path, "aseg", "index\tname\n2\tThalamus\n4\tPutamen\n10\tLeft-Thalamus\n")
    assert (labels.structures, labels.shipped) == ((), False)
    assert "another numbering" in labels.source


def test_other_labellings_keep_their_digests(tmp_path: Path) -> None:
    labels = choose(tmp_path, "manual", FREESURFER)
    assert labels.structures == ()
    assert labels.digest == digest("existing", reader("manual"), [])


def test_rows_that_counted_what_no_table_names_are_made_again(tmp_path: Path) -> None:
    before = choose(tmp_path, "manual", FREESURFER)
    (tmp_path / "out").mkdir()
    lut = tmp_path / "out" / "seg-manual_dseg.tsv"
    for text, counted in (("1\tlabel 1\n2\tlabel 2\n", False), ("1\ta\n2\tb\n", False), ("1\ta\n2\tlabel 2\n", True)):
        lut.write_text(f"index\tname\n{text}")
        assert has_scored_unnamed(Output(tmp_path / "out"), "manual") == counted
        assert (choose(tmp_path, "manual", FREESURFER).digest != before.digest) == counted
    # A table of the protocol's own has always been all that is scored.
    own = '[labellings.manual.structures]\n1 = "a"\n'
    assert not choose(tmp_path, "manual", FREESURFER, own).corrected


def contrasts(root: Path, *lacking: str) -> list[Scan]:
    """T2w scans with maps of their own and T1w scans in their sessions, but for the subjects that lack one."""
    own = [replace(scan(root, s), suffix="T2w", path=root / f"sub-{s}_T2w.nii") for s in "123"]
    t1w = {s: replace(scan(root, s), labels={"synthseg": scan(root, s).labels["manual"]}) for s in "123"}
    return [replace(s, t1w=None if s.subject in lacking else t1w[s.subject]) for s in own]


def test_labels_are_carried_where_the_session_has_a_t1w_scan(tmp_path: Path) -> None:
    asked_for = {"protocol": "lumir-ood", "labellings": ("manual", "synthsegT1w"), "methods": ("greedy",)}
    scans = [*contrasts(tmp_path, "3"), template(tmp_path)]
    made = plan(tmp_path, scans, **asked_for)
    (carried,) = (labels for labels in made.labels if labels.name == "synthsegT1w")
    assert [carried.has(s) for s in scans[:3]] == [True, True, False]
    # The template could be labelled, but is in no pair.
    assert [p.labels for p in made.preparing if p.scan.template] == [()]
    found = {
        (t.pair.moving.subject, t.pair.fixed.subject): {name for _, name in t.hashes}
        for b in made.batches
        for t in b.tasks
    }
    assert found[("1", "2")] == {"manual", "synthsegT1w"}
    assert found[("1", "3")] == {"manual"}


def test_a_new_map_of_the_t1w_scan_makes_carried_labels_anew(tmp_path: Path) -> None:
    asked_for = {"protocol": "lumir-ood", "labellings": ("manual", "synthsegT1w"), "methods": ("greedy",)}
    scans = [*(replace(s, labels=dict.fromkeys(s.labels, own)) for s, own in owned(tmp_path)), template(tmp_path)]
    done = finished(plan(tmp_path, scans, **asked_for))
    assert plan(tmp_path, scans, done=done, **asked_for).preparing == ()
    (tmp_path / "sub-2_seg-manual_dseg.nii").write_text("other labels")
    again = plan(tmp_path, scans, done=done, **asked_for)
    assert [(p.scan.subject, [labels.name for labels, _ in p.labels]) for p in again.preparing] == [
        ("2", ["synthsegT1w"])
    ]


def owned(root: Path) -> list[tuple[Scan, LabelMapFile]]:
    """Scans of `contrasts` with other files as their own maps than the T1w scans have."""
    return [(s, LabelMapFile(path=root / f"{s.name}_own.nii", dataset=root)) for s in contrasts(root)]


def test_labels_that_cannot_be_carried_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    scans = [replace(s, t1w=s.t1w and replace(s.t1w, labels={})) for s in contrasts(tmp_path)]
    asked_for = {"protocol": "lumir-ood", "labellings": ("synthsegT1w",), "methods": ("greedy",)}
    with pytest.raises(MissingInputError, match=r"'synthsegT1w' cannot be made here by carried: .*mri_synthseg"):
        plan(tmp_path, [*scans, template(tmp_path)], **asked_for)
