"""The file of ``--use-plugin``: which of Nipype's plugins, with which arguments, and whether its scheduler is here."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from lumirage_bids.base.errors import MissingInputError, NotNowError, UsageError
from lumirage_bids.execution.slurm_queue import one_line, passes, query

PLUGINS: dict[str, tuple[str, ...]] = {
    "Condor": ("condor_qsub", "condor_q"),
    "Debug": (),
    "IPython": (),
    "LSF": ("bsub", "bjobs"),
    "LegacyMultiProc": (),
    "Linear": (),
    "MultiProc": (),
    "OAR": ("oarsub", "oarstat"),
    "PBS": ("qsub", "qstat"),
    "SGE": ("qsub", "qstat"),
    "SLURM": ("sbatch", "squeue", "scancel"),
    "SomaFlow": (),
}
"""Plugins of Nipype 1.11 and the programs that each calls, known before Nipype is configured and imported.

Not those that go when their jobs are submitted, and would never look at what these did: SGEGraph, PBSGraph, SLURMGraph,
CondorDAGMan.
"""
MODULES = {"IPython": "ipyparallel", "SomaFlow": "soma.workflow"}


def read_plugin_file(path: Path) -> dict[str, Any]:
    """Read a Nipype plugin file: YAML or JSON with ``plugin`` and ``plugin_args``, as fMRIPrep takes it.

    Raises
    ------
    MissingInputError
        There is no such file.
    UsageError
        It is no such file, or names a plugin that there is not.
    """
    import yaml

    if not path.is_file():
        raise MissingInputError(f"--use-plugin {path}: no such file. Give a Nipype plugin file (YAML).")
    try:
        table = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"--use-plugin {path} cannot be read as YAML: {error}") from None
    if not isinstance(table, dict) or not _is_known(table.get("plugin")) or set(table) - {"plugin", "plugin_args"}:
        raise UsageError(
            f"--use-plugin {path}: it needs 'plugin' (one of {', '.join(PLUGINS)}) and may have a table 'plugin_args'."
        )
    arguments = table.get("plugin_args") or {}
    if not isinstance(arguments, dict):
        raise UsageError(f"--use-plugin {path}: plugin_args = {arguments!r:.80} is not a table.")
    for key in ("n_procs", "memory_gb"):
        value = arguments.get(key, 1)
        if not isinstance(value, int | float) or not value > 0:
            raise UsageError(
                f"--use-plugin {path}: {key} = {value!r:.80} is not allowed; it must be a positive number."
            )
    return {"plugin": table["plugin"], "plugin_args": arguments}


def _is_known(plugin: object) -> bool:
    return isinstance(plugin, str) and plugin in PLUGINS


def check_scheduler(path: Path) -> None:
    """Refuse a plugin file whose scheduler is not on this machine, or does not answer.

    Raises
    ------
    MissingInputError
        A program or module that the plugin calls is not here; or SLURM's client has no cluster to talk to.
    NotNowError
        SLURM's controller is busy or away.
    """
    name = read_plugin_file(path)["plugin"]
    missing = [program for program in PLUGINS[name] if shutil.which(program) is None]
    if missing:
        raise MissingInputError(
            f"--use-plugin {path}: {name} is not on this machine: no program {' or '.join(missing)} on the PATH. Give "
            "the command where jobs can be submitted (containers usually lack these programs: see lumirage sbatch), or "
            "leave --use-plugin out to work here."
        )
    module = MODULES.get(name)
    if module and not _has_module(module):
        raise MissingInputError(
            f"--use-plugin {path}: {name} needs the Python module {module}, which is not installed. Install it, or "
            "leave --use-plugin out to work here."
        )
    if name == "SLURM":
        _check_slurm_answers(path)


def _check_slurm_answers(path: Path) -> None:
    done = query()
    if done.returncode == 0:
        return
    text = f"--use-plugin {path}: SLURM does not answer: {one_line(done.stderr)}."
    if passes(done.stderr):
        raise NotNowError(f"{text} Give the same command again when it does.")
    raise MissingInputError(
        f"{text} Give the command where jobs can be submitted, or leave --use-plugin out to work here."
    )


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it
        return False
