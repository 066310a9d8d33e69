"""A dataset whose label maps are found elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.spatial.images import write_image
from lumirage_bids.testing.small_brain import brain
from tests.labellers.imported import NAME


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two subjects with a session each."""
    root = tmp_path / "raw"
    image, _ = brain()
    for subject in "AB":
        write_image(image, root / f"sub-{subject}" / "ses-1" / "anat" / f"{NAME.format(subject)}.nii.gz", np.float32)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "raw", "BIDSVersion": "1.10.0"}))
    return root
