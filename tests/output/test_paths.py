from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.output import paths

LABEL = st.text("abcXYZ019", min_size=1, max_size=5)


def scan(subject: str, session: str | None, suffix: str = "T1w", **more: str) -> Scan:
    entities = {"sub": subject, **({"ses": session} if session else {}), **more}
    name = "_".join([*(f"{k}-{v}" for k, v in entities.items()), suffix])
    return Scan(
        path=Path(f"/d/{name}.nii.gz"),
        dataset=Path("/d"),
        subject=subject,
        session=session,
        suffix=suffix,
        entities=entities,
    )


@given(LABEL, st.none() | LABEL, LABEL, LABEL)
def test_entities_come_back_from_a_path(subject: str, session: str | None, seg: str, desc: str) -> None:
    path = paths.path(scan(subject, session), "dseg", ".nii.gz", seg=seg, desc=desc)
    want = {"sub": subject, **({"ses": session} if session else {}), "seg": seg, "desc": desc, "suffix": "dseg"}
    assert paths.entities_of(path) == want
    assert path.parts[0] == f"sub-{subject}"


@given(LABEL, st.none() | LABEL, LABEL, st.none() | LABEL)
def test_scans_of_different_subject_or_session_have_different_keys(
    a: str, s: str | None, b: str, t: str | None
) -> None:
    assert (scan(a, s).key == scan(b, t).key) == ((a, s) == (b, t))


def test_what_is_derived_replaces_the_description_of_a_preprocessed_image() -> None:
    made = scan("1", None, desc="preproc", acq="a")
    assert paths.prepared_image(made, "default").name == "sub-1_acq-a_desc-prepared_T1w.nii.gz"
    assert paths.label_map(made, "x").name == "sub-1_acq-a_space-T1w_seg-x_desc-preproc_dseg.nii.gz"
    standard = scan("1", None, space="MNI", res="2", desc="preproc")
    assert paths.prepared_mask(standard, "1mm").name == "sub-1_space-T1w_res-2_desc-1mm+brain_mask.nii.gz"


def test_an_unknown_entity_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="hemi"):
        paths.path(scan("1", None), "mask", ".nii.gz", hemi="L")


def test_labels_of_a_template_name_their_atlas() -> None:
    """BIDS 1.11: ``seg-`` does not name atlases."""
    maps = {
        name: LabelMapFile(path=Path(f"/t/tpl-Toy/tpl-Toy_{entities}_dseg.nii.gz"), dataset=Path("/t/tpl-Toy"))
        for name, entities in {"regions": "res-02_atlas-Regions_desc-th25", "aseg": "res-01_seg-aseg"}.items()
    }
    template, fixed = replace(scan("Toy", None), template=True, labels=maps), scan("1", None)
    names = {name: paths.label_map(template, name).name for name in (*maps, "tissue")}
    assert names == {
        "regions": "sub-Toy_space-T1w_atlas-Regions_seg-regions_dseg.nii.gz",
        "aseg": "sub-Toy_space-T1w_seg-aseg_dseg.nii.gz",
        "tissue": "sub-Toy_space-T1w_seg-tissue_dseg.nii.gz",
    }
    moved = paths.moved_labels(template, fixed, "greedy", "regions").name
    assert moved == "sub-Toy_space-1+T1w_atlas-Regions_seg-regions_desc-greedy_dseg.nii.gz"
    assert paths.label_map(replace(template, template=False), "regions").name == names["tissue"].replace(
        "tissue", "regions"
    )
