"""A user's function in a process of its own; run as a script: ``IMAGES FIELD FUNCTION DEVICE THREADS``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def find(function: str) -> Callable[..., Any]:
    """The function ``package.module:name`` or ``/path/in/full/file.py:name``, which may import what lies beside it."""
    module, _, name = function.rpartition(":")
    if not module.endswith(".py"):
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
    sys.path.insert(0, str(Path(module).parent))
    spec = importlib.util.spec_from_file_location(Path(module).stem, module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)  # type: ignore[no-any-return]


def main(images: str, field: str, function: str, device: str, threads: str) -> None:
    """Call the function with the images, and save what it returns."""
    sys.path.pop(0)  # our own folder, whose modules are called as those of others may be
    with np.load(images) as given:
        arrays = {name: given[name] for name in ("fixed", "moving", "spacing")}
    result = find(function)(**arrays, device=device, threads=int(threads))
    if hasattr(result, "detach"):  # a tensor of PyTorch
        result = result.detach().cpu().numpy()
    np.save(field, np.asarray(result, dtype=np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
