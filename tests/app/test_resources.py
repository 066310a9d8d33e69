"""Cores and memory, shared out among processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.app import resources, values
from lumirage_bids.base.errors import UsageError

# Processes, threads, memory

# Cores; nthreads, nprocs, omp_nthreads as given; processes and threads of each.
DIVISIONS = [
    (16, (None, None, None), (16, 1)),
    (16, (8, None, None), (8, 1)),
    (16, (16, None, 8), (2, 8)),
    (16, (None, None, 8), (2, 8)),
    (16, (None, 4, None), (4, 4)),
    (16, (8, 4, None), (4, 2)),
    (16, (None, 4, 2), (4, 2)),
    (2, (None, None, 8), (1, 8)),
    (16, (4, None, 1), (4, 1)),
]


@pytest.mark.parametrize(("cores", "asked", "got"), DIVISIONS)
def test_threads_are_shared_out(
    cores: int, asked: tuple[int | None, int | None, int | None], got: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: cores)
    shares = resources.share_out("cpu", *asked, None)
    assert (shares.nprocs, shares.omp_nthreads) == got
    assert bool(shares.warnings) == (got[0] * got[1] > cores)


def test_more_threads_than_cores_are_told_of_and_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 2)
    (note,) = resources.share_out("cpu", None, 16, 8, None).warnings
    for word in ("16 process", "128 threads", "2 core", "--nthreads 2"):
        assert word in note
    assert resources.share_out("cpu", None, 16, 8, Path("slurm.yml")).warnings == ()


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ((64, None, None), "Give --nthreads 2, or leave --nthreads out."),
        ((None, None, 8), "Give --nthreads 2 alone, or leave --omp-nthreads out."),
        ((None, 4, 8), "Give --nthreads 2 alone, or leave --nprocs and --omp-nthreads out."),
    ],
)
def test_only_options_that_were_given_are_spoken_of(
    given: tuple[int | None, int | None, int | None], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 2)
    (note,) = resources.share_out("cpu", *given, None).warnings
    assert note.endswith(advice)
    assert ("fMRIPrep" in note) == (given[1] is not None)


def test_more_threads_than_the_total_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 16)
    with pytest.raises(UsageError, match="--nthreads 8"):
        resources.share_out("cpu", 8, 4, 4, None)


def test_memory_beyond_the_machine_is_refused_with_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "memory_limit", lambda: 24e9)
    assert resources.check_memory(None, dry_run=False) == resources.check_memory(24, dry_run=False) == ()
    with pytest.raises(UsageError, match=r"24\.0 GB.*--mem 16G, if 16000 MB"):
        resources.check_memory(16000, dry_run=True)
    with pytest.raises(UsageError, match="--mem 24G or less"):
        resources.check_memory(64, dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 1T is more .* Give --mem 24G or less; or leave it out\.$"):
        resources.check_memory(values.gigabytes("1T"), dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 16000 is more .*if 16000 MB are meant"):
        resources.check_memory(values.gigabytes("16000"), dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 64000M is more .* Give --mem 24G or less"):
        resources.check_memory(values.megabytes("64000"), dry_run=False)
    # A dry run may be on the login node of a larger machine.
    (note,) = resources.check_memory(64, dry_run=True)
    assert "would be refused" in note
