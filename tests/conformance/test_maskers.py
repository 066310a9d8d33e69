"""What every masker must do, for all that are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.publications import publications
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.maskers import Masker, brain_mask, masker, maskers, read_masking
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.testing import MaskerLaws
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import dice, whole_head

NAMES = sorted(maskers())
FINDING = [name for name in NAMES if name != "none"]
MINUTES = {"T1w", "given-T1w", "template"}
"""Maskers whose runs on a synthetic head take too long for the default suite."""


class TestNone(MaskerLaws):
    masker = masker("none")
    least_dice = 0.0


class TestMaskers(MaskerLaws):
    @pytest.fixture(params=[pytest.param(n, marks=[pytest.mark.slow] if n in MINUTES else []) for n in FINDING])
    def made_by(self, request: pytest.FixtureRequest) -> Masker:
        found = masker(request.param)
        if complaint := found.missing(Context()):
            pytest.skip(complaint)
        return found

    def given(self, made_by: Masker, head: Volume, truth: Volume, folder: Path) -> tuple[Scan, Volume]:
        write_image(truth, folder / "m.nii.gz", np.uint8)
        mask = File(path=folder / "m.nii.gz", dataset=folder)
        write_image(whole_head(bias=0.0)[0], folder / "sub-1_T1w.nii.gz")
        lent = scan("T2w", folder, lender=scan("T1w", folder, mask=mask))
        asked = {"existing": scan(mask=mask), "T1w": lent, "given-T1w": lent}.get(made_by.name, scan())
        if made_by.name == "skull-stripped":
            head = replace(head, array=np.where(truth.array, head.array, 0))
        return asked, head


@pytest.mark.parametrize("name", NAMES)
def test_a_masker_is_called_by_its_name_and_says_what_is_missing(name: str) -> None:
    kind = maskers()[name]
    assert kind.name == name
    assert {"digest_name", "revision"} <= vars(kind).keys()
    assert set(kind.references) <= publications().keys()
    complaint = kind().missing(Context())
    assert complaint is None or complaint.strip()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"order": ["no-such"]}, "no masker 'no-such'.*deepbet"),
        ({"order": []}, r"order = \[\]"),
        ({"species": 3}, "species = 3"),
        ({"deepbet": {"threshold": 1.0}}, r"\[masks.deepbet\].*threshold is 1"),
        ({"deepbet": {"no_such": 1}}, "no_such"),
        ({"no-such": {}}, "no-such"),
    ],
)
def test_what_cannot_be_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_masking(table)


def test_maskers_for_humans_are_not_asked_for_others(tmp_path: Path) -> None:
    image, _ = whole_head()
    macaque, human = scan(species="Macaca mulatta"), scan(species="homo sapiens")
    assert [m.name for m in read_masking().list_asked(macaque)] == ["skull-stripped"]
    assert [m.name for m in read_masking({"species": "macaca mulatta"}).list_asked(scan())] == ["skull-stripped"]
    assert [m.name for m in read_masking({"species": "macaca mulatta"}).list_asked(human)] == [
        "skull-stripped", "deepbet", "template",
    ]  # fmt: skip
    with pytest.raises(BadDataError, match=r"species .Macaca mulatta.*no masker is left"):
        brain_mask(macaque, image, Context())


def test_masks_depend_on_maskers_only_where_the_scan_does_not_mark_its_brain(tmp_path: Path) -> None:
    given = File(path=tmp_path / "m.nii.gz", dataset=tmp_path)
    ways = read_masking(), read_masking({"order": ["existing", "skull-stripped", "template"]})
    for marked in (scan(mask=given), scan(skull_stripped=True), scan(brain=given)):
        assert [way.depends(marked) for way in ways] == ["", ""]
    assert ways[0].depends(scan()) != ways[1].depends(scan()) != ""
    assert read_masking({"order": ["none"]}).depends(scan(mask=given))


def test_a_mask_that_was_made_is_kept_for_the_other_scans_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, truth = whole_head(bias=0.0)
    write_image(image, tmp_path / "sub-1_T1w.nii.gz")
    asked = []

    class Once(maskers()["none"]):  # type: ignore[misc]
        def find(self, scan: Scan, image: Volume, context: Context) -> object:
            asked.append(scan.name)
            return replace(super().find(scan, image, context), mask=truth.array > 0)

    how = replace(read_masking({"order": ["T1w"]}), maskers=(masker("T1w"), Once()))
    context = Context(work_dir=tmp_path / "scratch", masking=how)
    t1w = scan("T1w", tmp_path)
    first, made = brain_mask(t1w, image, context)
    other, lent = brain_mask(scan("T2w", tmp_path, lender=t1w), image, context)
    assert (made.source, lent.source) == ("none", "T1w-none")
    assert asked == ["sub-1_T1w"]
    np.testing.assert_array_equal(first.array, truth.array)
    assert dice(other.array > 0, truth.array > 0) > 0.95
