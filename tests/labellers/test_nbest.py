"""Label maps and masks as NBest leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.maskers import brain_mask
from lumirage_bids.methods.base import Context
from lumirage_bids.testing.small_brain import brain
from tests.labellers.imported import NAME, leave, look


@pytest.mark.parametrize(("above", "channel"), [("", ""), ("data", ""), ("", "_0000"), ("data", "_0000")])
def test_nbest_tissues_subcortical_structures_and_masks(raw: Path, tmp_path: Path, above: str, channel: str) -> None:
    out = tmp_path / "out" / above
    file = f"{NAME.format('A')}{channel}.nii.gz"
    tissue, mask, deep = (leave(out / f / file) for f in ("brain_tissue", "brain_mask", "brain_subcortical_6class"))
    found, other = look(raw, "nbest", tmp_path / "out", "nbest", "nbestsubcortical").scans
    assert (found.labels["nbest"].path, found.labels["nbestsubcortical"].path) == (tissue, deep)
    assert found.mask is not None
    assert found.mask.path == mask
    assert not other.labels
    assert other.mask is None
    assert brain_mask(found, brain()[0], Context())[1].source == "existing"
