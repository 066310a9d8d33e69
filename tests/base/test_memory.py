"""The memory that control groups leave."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from lumirage_bids.base.memory import lacks_memory, memory_limit, peak_memory

GB = 10**9


@pytest.mark.parametrize(
    ("membership", "groups", "wanted"),
    [
        pytest.param("0::/\n", {"memory.max": f"{GB}\n"}, GB, id="a container's own root"),
        pytest.param(
            "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n",
            {
                "system.slice/memory.max": "max\n",
                "system.slice/slurmstepd.scope/job_7/memory.max": f"{GB}\n",
                "system.slice/slurmstepd.scope/job_7/step_0/memory.max": f"{2 * GB}\n",
                "system.slice/slurmstepd.scope/job_7/step_0/user/task_0/memory.max": "max\n",
            },
            GB,
            id="a job of SLURM",
        ),
        pytest.param(
            "5:cpu,cpuacct:/\n4:memory:/slurm/uid_0/job_7\n1:name=systemd:/a:b\n0::/\n",
            {
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/slurm/uid_0/job_7/memory.limit_in_bytes": f"{GB}\n",
            },
            GB,
            id="a job, version 1",
        ),
        pytest.param(
            "4:memory:/docker/0123\n",
            {"memory/memory.limit_in_bytes": f"{GB}\n"},
            GB,
            id="a container, version 1, that is told of a path it does not see",
        ),
        pytest.param("0::/user.slice\n", {"user.slice/memory.max": "max\n"}, None, id="none"),
        pytest.param(None, {}, None, id="no control groups"),
    ],
)
def test_the_tightest_group_counts(
    membership: str | None, groups: dict[str, str], wanted: int | None, tmp_path: Path
) -> None:
    mine, root = tmp_path / "cgroup", tmp_path / "fs"
    if membership is not None:
        mine.write_text(membership)
    for name, text in groups.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert memory_limit(mine, root) == (wanted or psutil.virtual_memory().total)


def test_peak_memory_sees_what_was_held() -> None:
    with peak_memory("cpu") as small:
        pass
    with peak_memory("cpu") as large:
        held = np.ones(50_000_000)
        held.sum()
    assert large.peak_gb > small.peak_gb + 0.3


class NamelessError(torch.cuda.OutOfMemoryError):
    """One that neither its name nor its words tell of."""


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "no"), True),
        (NamelessError("too much"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (OSError(errno.ENOSPC, "no room"), False),
        (RuntimeError("the memory of the elephant"), False),
    ],
)
def test_errors_for_want_of_memory_are_told_by_their_type_and_else_by_words(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) == lacks
