"""What earlier versions prepared wrongly is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.experiment.outdated import is_outdated
from lumirage_bids.output import paths
from lumirage_bids.output.files import write_json
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume, write_image
from tests.small_plan import scan


@pytest.mark.parametrize(("lowest", "outdated"), [(0.05, False), (0.9, True)])
def test_a_brain_that_a_fill_value_flattened_is_prepared_again(lowest: float, outdated: bool, tmp_path: Path) -> None:
    file = paths.prepared_image(scan(tmp_path, "1"), "default")
    grid = np.indices((24, 24, 24)) - 11.5
    brain = np.where((grid**2).sum(0) < 100, np.linspace(lowest, 1, 24)[:, None, None], 0)
    write_image(Volume(array=brain.astype(np.float32), affine=np.eye(4)), tmp_path / file)
    write_json(paths.sidecar(tmp_path / file), {"Hash": "a", "MaskSource": "existing"})
    assert is_outdated(Output(tmp_path), file) == outdated
