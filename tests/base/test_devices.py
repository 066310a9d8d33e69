"""Which process gets which GPU; none is needed to know."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app.options import settings
from lumirage_bids.base.devices import resolve_device
from lumirage_bids.base.errors import UsageError
from lumirage_bids.execution.graphs import gpus
from lumirage_bids.execution.plugin import death, least_used


@given(n_gpus=st.integers(1, 8), ends=st.lists(st.integers(0, 99), max_size=60), workers=st.integers(1, 16))
def test_gpus_are_shared_out_evenly(n_gpus: int, ends: list[int], workers: int) -> None:
    devices = [f"cuda:{i}" for i in range(n_gpus)]
    used: list[str | None] = []
    for end in ends:
        if len(used) == workers:
            used.pop(end % len(used))
        used.append(least_used(devices, used))
        # One that was just given out was the least used.
        assert Counter(used)[used[-1]] <= min(Counter(used)[d] for d in devices) + 1
    if workers <= n_gpus:
        assert len(set(used)) == len(used)


def test_without_a_choice_the_device_stays() -> None:
    assert least_used((), []) is None
    assert gpus("cpu") == ()
    assert gpus("cuda:3") == ("cuda:3",)


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


def test_the_group_level_refuses_what_is_no_device() -> None:
    with pytest.raises(UsageError, match="--device gpu is not allowed"):
        settings(["in", "out", "group", "--device", "gpu"])


def test_a_real_time_signal_has_no_name() -> None:
    assert death(-40) == "killed by signal 40"


def test_a_job_counts_the_cores_that_it_may_use() -> None:
    """As SLURM and `taskset` bind it."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from lumirage_bids.base import devices; "
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code} print(devices.count_cores())"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
