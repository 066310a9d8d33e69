"""Which devices there are, and which are refused; none is needed to know."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lumirage_bids.base.devices import resolve_device
from lumirage_bids.base.errors import UsageError


def test_a_gpu_of_another_machine_is_not_looked_for_here() -> None:
    assert resolve_device("cuda", 0, elsewhere=True) == "cuda"
    with pytest.raises(UsageError, match="0 CUDA"):
        resolve_device("cuda", 0, elsewhere=False)
    with pytest.raises(UsageError, match="2 CUDA"):
        resolve_device("cuda:2", 2, elsewhere=False)
    assert resolve_device("cuda:1", 2, elsewhere=False) == "cuda:1"


@pytest.mark.parametrize("arguments", [("group",), ("group", "--device", "cuda"), ("participant",)])
def test_pytorch_is_not_loaded_where_no_gpu_can_be(arguments: tuple[str, ...]) -> None:
    program = f"""
import sys
from lumirage_bids.base.devices import has_driver
from lumirage_bids.app.options import settings
settings(["in", "out", *{arguments!r}])
sys.exit("torch" in sys.modules and not ({arguments[0] == "participant"} and has_driver()))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_job_counts_the_cores_that_it_may_use() -> None:
    """As SLURM and `taskset` bind it."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from lumirage_bids.base import devices; "
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code} print(devices.count_cores())"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
