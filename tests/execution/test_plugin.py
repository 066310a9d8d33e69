"""Processes, one a node, and their GPUs."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

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


def test_a_real_time_signal_has_no_name() -> None:
    assert death(-40) == "killed by signal 40"
