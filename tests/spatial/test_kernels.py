"""Compiled loops where nothing can be cached, and cached where the user says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lumirage_bids


def run_kernels_copy(folder, **environment):
    """Compile and call a kernel from a copy of the module in `folder`, in a fresh interpreter."""
    shutil.copy(Path(lumirage_bids.__file__).parent / "spatial" / "kernels.py", folder)
    code = "import numpy as np, kernels; p = np.ones((2, 3)); kernels.map_affine(p, 2 * np.eye(4)); print(p.sum())"
    command = [sys.executable, "-B", "-c", code]
    result = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == 12


def test_kernels_work_where_nothing_can_be_cached(tmp_path):
    (tmp_path / "__pycache__").touch()  # a file in the place of the folder, so that even root cannot write
    run_kernels_copy(tmp_path, NUMBA_CACHE_DIR="/dev/null/a", HOME="/dev/null", XDG_CACHE_HOME="/dev/null/b")


def test_kernels_are_cached_where_the_user_says(tmp_path):
    (tmp_path / "code").mkdir()
    run_kernels_copy(tmp_path / "code", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert list((tmp_path / "cache").rglob("*.nbi"))
