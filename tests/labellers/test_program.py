"""Tables of labels that are shipped."""

from __future__ import annotations

from pathlib import Path

from lumirage_bids.labellers import reader
from lumirage_bids.labellers._program import packaged_table
from lumirage_bids.testing.small_brain import brain
from tests.labellers.imported import NAME, leave, look


def test_a_table_beside_the_maps_comes_first(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    leave(out / "brain_tissue" / f"{NAME.format('A')}.nii.gz")
    leave(out / "brain_subcortical" / f"{NAME.format('A')}.nii.gz")
    scan, _ = look(raw, "nbest", out, "nbest", "nbestsubcortical").scans
    _, truth = brain()
    assert reader("nbest").structures(scan, "nbest", truth) == packaged_table("nbest")
    assert reader("nbestsubcortical").structures(scan, "nbestsubcortical", truth)[2] == "label 2"
    (out / "seg-nbestsubcortical_dseg.tsv").write_text("index\tname\n1\tthalamus\n2\tcaudate\n3\tputamen\n")
    scan, _ = look(raw, "nbest", out, "nbest", "nbestsubcortical").scans
    assert reader("nbestsubcortical").structures(scan, "nbestsubcortical", truth)[2] == "caudate"
    assert reader("nbest").structures(scan, "nbest", truth) == packaged_table("nbest")


def test_tables_name_what_the_protocols_define() -> None:
    sizes = {"slant": 132, "freesurfer": 32 + 68, "deepatropos": 6, "nbest": 3, "tissue": 3}
    assert {name: len(packaged_table(name)) for name in sizes} == sizes
    for name, size in sizes.items():
        assert len(set(packaged_table(name).values())) == size
    slant = packaged_table("slant")
    sides = {i: n.split(" ", 1) for i, n in slant.items() if n.startswith(("Left ", "Right "))}
    for i, (side, structure) in sides.items():
        assert structure in {other for j, (its, other) in sides.items() if j != i and its != side}
    assert all(i % 2 == (side == "Left") for i, (side, _) in sides.items() if i >= 100)
