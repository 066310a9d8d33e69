"""Which structures of a labelling are scored, and which finished results that leaves valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.scans import LabelMapFile
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.labels_of_run import LabellingOfRun, choose_labels, scored_unnamed
from lumirage_bids.labellers import reader, scored_of
from lumirage_bids.output.folder import Output
from tests.small_plan import asked, dataset, scan

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
    assert labels.conditions == digest("existing", reader("manual"), [])


def test_rows_that_counted_what_no_table_names_are_made_again(tmp_path: Path) -> None:
    before = choose(tmp_path, "manual", FREESURFER)
    (tmp_path / "out").mkdir()
    lut = tmp_path / "out" / "seg-manual_dseg.tsv"
    for text, counted in (("1\tlabel 1\n2\tlabel 2\n", False), ("1\ta\n2\tb\n", False), ("1\ta\n2\tlabel 2\n", True)):
        lut.write_text(f"index\tname\n{text}")
        assert scored_unnamed(Output(tmp_path / "out"), "manual") == counted
        assert (choose(tmp_path, "manual", FREESURFER).conditions != before.conditions) == counted
    # A table of the protocol's own has always been all that is scored.
    own = '[labellings.manual.structures]\n1 = "a"\n'
    assert not choose(tmp_path, "manual", FREESURFER, own).corrected
