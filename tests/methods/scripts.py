"""Programs that register, as short as can be."""

from __future__ import annotations

import numpy as np

from lumirage_bids.spatial.images import Volume

START = np.array([[1.05, 0.08, -0.05, 3], [-0.02, 0.95, 0.1, -2], [0.04, -0.06, 1.02, 1], [0, 0, 0, 1]])


def images():
    rng = np.random.default_rng(0)
    fixed = Volume(array=rng.random((8, 9, 10), np.float32), affine=np.diag([2.0, 1.5, 1.0, 1]))
    moving = Volume(array=rng.random((10, 9, 8), np.float32), affine=START @ np.diag([-1.8, 1.7, 1.2, 1]))
    moving.affine[0, 3] += 16
    return fixed, moving


def script(folder, text):
    path = folder / "program.py"
    path.write_text(text)
    return str(path)
