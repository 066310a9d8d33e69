"""Which masker is asked, and which masks are refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers import Masker, Masking, brain_mask, read_masking
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import scan
from lumirage_bids.testing.whole_head import whole_head


@pytest.mark.parametrize("fill", [-1024, -32768, 99999])
@pytest.mark.parametrize("said", [True, None])
def test_fill_outside_what_was_seen_is_dark_to_all_maskers(fill: float, said: bool | None) -> None:
    image, truth = whole_head(bias=0.0)
    array = np.where(truth.array, image.array, 0)
    array[np.indices(image.shape)[:2].sum(0) < 34] = fill
    mask, found = brain_mask(scan(skull_stripped=said), replace(image, array=array.astype(np.float32)), Context())
    assert found.masker == "skull-stripped"
    np.testing.assert_array_equal(mask.array, truth.array)


@pytest.mark.slow
def test_heads_in_which_no_masker_finds_a_brain_are_refused_with_every_reason() -> None:
    image, _ = whole_head()
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.standard_normal(image.shape), 2)
    noise = Volume(array=texture.astype(np.float32), affine=image.affine)
    context = Context(masking=read_masking({"order": ["existing", "deepbet", "template"]}))
    with pytest.raises(BadDataError, match=r"sub-1_T1w.*no plausible.*deepbet: it.*template: .*--derivatives"):
        brain_mask(scan(), noise, context)


@pytest.mark.parametrize(
    "species", ["homo_sapiens", "Homo sapiens", "humans", "9606", "NCBITaxon:9606", "H. sapiens", "Macaca mulatta"]
)
def test_humans_are_recognised_however_they_are_written(species: str) -> None:
    assert read_masking().is_human(scan(species=species)) == (species != "Macaca mulatta")


OWN = """
from dataclasses import dataclass
from typing import ClassVar
from lumirage_bids.maskers.whole import Whole

@dataclass(frozen=True, kw_only=True)
class Own(Whole):
    name: ClassVar[str] = "own"
    summary: ClassVar[str] = "of the user's"
    {revision}

    def settles(self, scan):
        return bool(scan.skull_stripped)

    def find(self, scan, image, context):
        return super().find(scan, image, context)  # {version}
"""


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch, version: int, revision: str = "") -> Masker:
    (folder / "own_masker.py").write_text(OWN.format(version=version, revision=revision))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "own_masker", raising=False)
    return __import__("own_masker").Own()  # type: ignore[no-any-return]


@pytest.mark.parametrize("stripped", [True, None])
def test_masks_of_an_own_masker_follow_its_source_unless_it_keeps_a_revision(
    stripped: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = scan(skull_stripped=stripped)

    def depends(version: int, revision: str = "") -> str:
        own = imported(tmp_path, monkeypatch, version, revision)
        return Masking(maskers=(own, *read_masking().maskers)).depends(marked)

    assert depends(1) == depends(1) != depends(2)
    assert depends(1, "revision = 3") == depends(2, "revision = 3")
