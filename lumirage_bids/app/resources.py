"""Processes, threads and memory that a run is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lumirage_bids.base.devices import count_cores, count_gpus, resolve_device
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.memory import memory_limit


@dataclass(frozen=True, kw_only=True)
class MachineShares:
    """How a run divides the machine.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    nprocs, omp_nthreads : int
        Processes at a time, and threads of each.
    warnings : tuple of str
        What is unwise in how the user asked for it.
    """

    device: str
    nprocs: int = 1
    omp_nthreads: int = 1
    warnings: tuple[str, ...] = ()


def share_out(
    device: str, nthreads: int | None, nprocs: int | None, omp_nthreads: int | None, plugin: Path | None
) -> MachineShares:
    """Divide the machine as asked, and what was not asked for so that every thread has a core.

    Parameters
    ----------
    device : str
        As given: ``auto``, ``cpu``, ``cuda``, ``cuda:N``.
    nthreads, nprocs, omp_nthreads : int or None
        Threads in all, processes, threads of each; None where not given.
    plugin : Path or None
        File that has the work done by other machines.

    Raises
    ------
    UsageError
        The device is not here, or the processes have more threads than there are to be in all.
    """
    gpus = count_gpus() if device != "cpu" else 0
    device = resolve_device(device, gpus, elsewhere=plugin is not None)
    cores = count_cores()
    total = nthreads or cores
    options = {"--nthreads": nthreads, "--nprocs": nprocs, "--omp-nthreads": omp_nthreads}
    given = [option for option, number in options.items() if number]
    if nprocs is None:
        by_device = {"cpu": total // min(omp_nthreads or 1, total), "cuda": min(gpus, nthreads or gpus)}
        nprocs = max(1, by_device.get(device, 1))
    each = omp_nthreads or max(1, total // nprocs)
    if nthreads and nprocs * each > nthreads:
        raise UsageError(
            f"{_processes(nprocs, each)} are more than --nthreads {nthreads}. Leave out --nprocs or --omp-nthreads, or "
            "lower one of them."
        )
    crowded = bool(given) and plugin is None and nprocs * each > cores
    warnings = (_too_many(nprocs, each, cores, given),) if crowded else ()
    return MachineShares(device=device, nprocs=nprocs, omp_nthreads=each, warnings=warnings)


def _processes(nprocs: int, each: int) -> str:
    return f"{nprocs} process(es) of {each} thread(s) each, {nprocs * each} threads in all,"


def _too_many(nprocs: int, each: int, cores: int, given: Sequence[str]) -> str:
    """Warning; `given` are the options that led to it."""
    other = (
        "--nprocs counts processes here; fMRIPrep's is the number of threads in all, which is --nthreads here. "
        if "--nprocs" in given
        else ""
    )
    return (
        f"{_processes(nprocs, each)} are to share {cores} core(s): nothing gets done sooner, and runtime_s "
        f"will be too long. {other}Give --nthreads {cores}{' alone' if given != ['--nthreads'] else ''}, or leave "
        f"{' and '.join(given)} out."
    )


def check_memory(gb: float | None, *, dry_run: bool) -> tuple[str, ...]:
    """Refuse to plan with more memory than there is.

    Parameters
    ----------
    gb : float or None
        What was asked for, GB; None for what there is.
    dry_run : bool
        Whether nothing is done, so that this may be another machine than the one that will: then it is a warning,
        unless no machine has so much.

    Returns
    -------
    warnings : tuple of str

    Raises
    ------
    UsageError
        It is more than there is.
    """
    there = memory_limit() / 1e9
    if gb is None or gb <= there:
        return ()
    least = max(1, int(there))
    written = getattr(gb, "written", "") or f"{gb:g}"
    megabytes = not re.search("[a-zA-Z]", written) and gb >= 1000 and gb / 1000 <= there
    instead = f"--mem {gb / 1000:g}G, if {gb:g} MB are meant" if megabytes else f"--mem {least}G or less"
    text = f"--mem {written} is more than this machine has: {there:.1f} GB. Give {instead}; or leave it out."
    if dry_run and not megabytes:
        return (f"{text} A run here would be refused.",)
    raise UsageError(text)
