"""FreeSurfer's numbering: everything that its maps hold has a name, and bookkeeping is not scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.labellers._freesurfer import contradicts, names_of, scored_of
from lumirage_bids.labellers._program import packaged_table
from lumirage_bids.spatial.images import read_labels

HEADS = Path(__file__).resolve().parents[3] / "shared" / "data" / "heads"
BOOKKEEPING = {5, 24, 29, 30, 31, 44, 61, 62, 63, 72, 77, 78, 79, 80, 81, 82, 85, 1000, 1004, 2000, 2004}


@pytest.mark.parametrize("name", ["aseg", "aparcaseg", "aparc+aseg"])
def test_what_is_scored_has_a_name_and_is_no_bookkeeping(name: str) -> None:
    names, scored = names_of(name), scored_of(name)
    assert scored.items() <= names.items()
    assert names.keys() >= BOOKKEEPING
    assert not scored.keys() & BOOKKEEPING
    left, right = (
        {name.removeprefix(start) for name in scored.values() for start in starts if name.startswith(start)}
        for starts in (("Left-", "ctx-lh-"), ("Right-", "ctx-rh-"))
    )
    assert left == right
    assert left


def test_a_parcellation_divides_the_cortex() -> None:
    aseg, parcellation = scored_of("aseg"), scored_of("aparcaseg")
    assert {3, 42} == aseg.keys() - parcellation.keys()
    regions = {1000 * side + i for side in (1, 2) for i in (*range(1, 4), *range(5, 36))}
    assert parcellation.keys() - aseg.keys() == regions


def test_other_labellings_are_not_freesurfers() -> None:
    assert names_of("manual") == scored_of("manual") == {}


def test_it_agrees_with_the_table_of_synthseg() -> None:
    assert packaged_table("freesurfer").items() <= names_of("aparcaseg").items()


def test_contradictions() -> None:
    assert not contradicts({10: "Left-Thalamus-Proper", 4: "left lateral ventricle", 17: "Hippocampus"})
    assert contradicts({10: "Thalamus", 4: "left lateral ventricle", 17: "Hippocampus"})
    assert contradicts({9001: "a"})


@pytest.mark.skipif(not HEADS.is_dir(), reason="the real heads in ../shared/data are not here")
@pytest.mark.parametrize("name", ["aseg", "aparcaseg"])
def test_real_maps_hold_nothing_without_a_name(name: str) -> None:
    found = {
        int(i)
        for file in HEADS.glob(f"derivatives/freesurfer/sub-*/anat/*_desc-{name}_dseg.nii.gz")
        for i in np.unique(read_labels(file).array)
    }
    assert found - {0} <= names_of(name).keys()
    # None of what is scored is missing in both heads, but for the cortex that is divided.
    assert scored_of(name).keys() <= found
    assert found & BOOKKEEPING
