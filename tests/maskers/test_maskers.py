"""Which masker is asked, and which masks are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.maskers import brain_mask, masking
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from tests.labellers.phantom import scan
from tests.maskers.heads import whole_head


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
    context = Context(masking=masking({"order": ["existing", "deepbet", "template"]}))
    with pytest.raises(BadDataError, match=r"sub-1_T1w.*no plausible.*deepbet: it.*template: .*--derivatives"):
        brain_mask(scan(), noise, context)


@pytest.mark.parametrize(
    "species", ["homo_sapiens", "Homo sapiens", "humans", "9606", "NCBITaxon:9606", "H. sapiens", "Macaca mulatta"]
)
def test_humans_are_recognised_however_they_are_written(species: str) -> None:
    assert masking().is_human(scan(species=species)) == (species != "Macaca mulatta")
