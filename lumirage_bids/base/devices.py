"""Cores and GPUs that this process may use."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from lumirage_bids.base.errors import UsageError


def count_cores() -> int:
    """How many cores this process may use: by its affinity, as a cluster's job has it, or by a container's quota."""
    import joblib

    return int(joblib.cpu_count())


def count_gpus() -> int:
    """How many GPUs there are here, of those that CUDA_VISIBLE_DEVICES leaves."""
    if not has_driver():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def has_driver() -> bool:
    """Whether PyTorch, which takes a second to import, could find a GPU at all: by CUDA's driver or AMD's."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def resolve_device(text: str, gpus: int, *, elsewhere: bool) -> str:
    """Turn ``auto`` into what there is, and refuse what there is not.

    Parameters
    ----------
    text : str
        ``auto``, ``cpu``, ``cuda`` (all GPUs, one a process) or ``cuda:N``.
    gpus : int
        How many there are here.
    elsewhere : bool
        Whether the work is done by other machines, whose GPUs are not known here, or there is none for a device.

    Raises
    ------
    UsageError
        The name is no device, or that device is not here.

    Examples
    --------
    >>> resolve_device("auto", 2, elsewhere=False), resolve_device("auto", 0, elsewhere=False)
    ('cuda', 'cpu')
    """
    index = text.removeprefix("cuda:") if text.startswith("cuda:") else "0"
    if text not in ("auto", "cpu", "cuda") and not re.fullmatch("cuda:[0-9]{1,3}", text):
        raise UsageError(f"--device {text} is not allowed; give auto, cpu, cuda or cuda:N.")
    if text == "auto":
        return "cuda" if gpus else "cpu"
    if text != "cpu" and int(index) >= gpus and not elsewhere:
        raise UsageError(f"--device {text}: PyTorch finds {gpus} CUDA device(s) here. Use cpu.")
    return text
