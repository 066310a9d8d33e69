"""Nipype graphs from a plan, and their execution.

Nipype reads its settings from the user's home when it is imported, so what is built on it is imported where a graph is
made or run: after `configure`, and not by a dry run.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from configparser import RawConfigParser
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids.base.errors import InputOutputError, UsageError
from lumirage_bids.base.logs import quieten
from lumirage_bids.base.progress import Stage, show
from lumirage_bids.execution.plugin_file import read_plugin_file
from lumirage_bids.experiment.downstream import DownstreamJob
from lumirage_bids.experiment.plan import Plan, ScanJob
from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output

if TYPE_CHECKING:
    from nipype.pipeline.engine import Workflow

logger = logging.getLogger("lumirage")
PREPARING_GB = 4.0
"""What preparing or aligning a scan takes at most, besides labelling it."""
COMPOSING_GB = 0.1
"""What composing transforms and fusing labels takes for a million voxels, besides 0.5."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How graphs are run.

    Attributes
    ----------
    pictures : bool
        Whether to keep pictures of some pairs.
    voxels : int
        About how many voxels a prepared image has; memory is planned by it.
    memory_gb : float
        What all nodes together may use, GB.
    """

    output: Output
    work_dir: Path
    log_file: Path
    verbose: int
    context: Context
    save: str
    pictures: bool
    nprocs: int
    memory_gb: float
    voxels: int
    pair_timeout: float | None
    plugin_file: Path | None
    stop_on_first_crash: bool
    write_graph: bool

    @property
    def progress_dir(self) -> Path:
        """Where nodes note what they are at."""
        return self.work_dir / "progress"


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes, and what is counted while they run."""

    workflow: Workflow
    stages: tuple[Stage, ...]


def configure(work_dir: Path, verbose: int) -> None:
    """Keep Nipype from phoning home and from writing outside the work folder. Call before it is imported."""
    os.environ["NIPYPE_NO_ET"] = "1"
    os.environ["NIPYPE_CONFIG_DIR"] = str(work_dir / "nipype")
    (work_dir / "nipype").mkdir(parents=True, exist_ok=True)
    _use_compiled(work_dir / "numba")
    from nipype import config
    from nipype import logging as nipype_logging

    # Nipype's own parser takes a % in a path, as folders named by web downloads have, for one of its references.
    plain = RawConfigParser()
    plain.read_dict(config._sections)
    config._config = plain
    config.update_config(
        {
            "logging": {"log_to_file": "false", "log_directory": str(work_dir)},
            "execution": {
                "crashdump_dir": str(work_dir / "crash"),
                "crashfile_format": "txt",
                "check_version": "false",
                "poll_sleep_duration": "0.2",
                "create_report": "false",
                "hash_method": "timestamp",
            },
        }
    )
    nipype_logging.update_logging(config)
    quieten(verbose)


def _use_compiled(folder: Path) -> None:
    """Numba uses a cache only where it may write, so one that a read-only image holds is copied first."""
    compiled = os.environ.get("NUMBA_CACHE_DIR", "")
    if os.access(compiled, os.R_OK | os.X_OK) and not os.access(compiled, os.W_OK):
        shutil.copytree(compiled, folder, copy_function=shutil.copy2)
        os.environ["NUMBA_CACHE_DIR"] = str(folder)


def preparation_graph(plan: Plan, execution: Execution) -> Graph:
    """Prepare each scan, then align it; the reference is prepared before any alignment."""
    from nipype import Node, Workflow

    from lumirage_bids.execution.nodes import Align, Prepare

    workflow = Workflow(name="prepare", base_dir=str(execution.work_dir))
    prepared = {}
    for i, job in enumerate(plan.preparing):
        node = _node(Node, Prepare(), f"prepare_{i}", job, execution, preparing_gb(job))
        prepared[job.scan.name] = node
        workflow.add_nodes([node])
    for i, align in enumerate(plan.aligning):
        node = _node(Node, Align(), f"align_{i}", align, execution, PREPARING_GB)
        workflow.add_nodes([node])
        for scan, entry in ((align.scan, "after"), (align.reference, "after_reference")):
            if scan.name in prepared:
                workflow.connect(prepared[scan.name], "done", node, entry)
    stages = (
        Stage(what="Preparing scans", total=len(plan.preparing), counter=execution.progress_dir / Prepare.stage),
        Stage(what="Aligning scans", total=len(plan.aligning), counter=execution.progress_dir / Align.stage),
    )
    return Graph(workflow=workflow, stages=stages)


def registration_graph(plan: Plan, execution: Execution) -> Graph:
    """One node a batch; they do not depend on one another."""
    from nipype import Node, Workflow

    from lumirage_bids.execution.nodes import Register

    workflow = Workflow(name="register", base_dir=str(execution.work_dir))
    for i, batch in enumerate(plan.batches):
        memory = batch.arm.cost(execution.voxels, execution.context.device).memory_gb
        node = _node(Node, Register(), f"register_{i}", batch, execution, memory)
        node.inputs.save = execution.save
        node.inputs.pictures = execution.pictures
        node.inputs.use_gpu = execution.context.device.startswith("cuda")
        workflow.add_nodes([node])
    counter = execution.progress_dir / Register.stage
    return Graph(workflow=workflow, stages=(Stage(what="Registrations", total=plan.n_todo, counter=counter),))


def downstream_graph(jobs: Sequence[DownstreamJob], execution: Execution) -> Graph:
    """One node a scan and arm; they do not depend on one another."""
    from nipype import Node, Workflow

    from lumirage_bids.execution.nodes import Compose

    workflow = Workflow(name="downstream", base_dir=str(execution.work_dir))
    for i, job in enumerate(jobs):
        memory = 0.5 + COMPOSING_GB * execution.voxels / 1e6
        workflow.add_nodes([_node(Node, Compose(), f"downstream_{i}", job, execution, memory)])
    n, counter = sum(len(job.products) for job in jobs), execution.progress_dir / Compose.stage
    return Graph(workflow=workflow, stages=(Stage(what="Tables from composed transforms", total=n, counter=counter),))


def preparing_gb(job: ScanJob) -> float:
    """Memory that preparing and labelling a scan takes at most, GB; one is done after the other."""
    return max([PREPARING_GB, *(labels.labeller.memory_gb for labels, _ in job.labels)])


def _node(make: Any, interface: Any, name: str, job: object, execution: Execution, memory_gb: float) -> Any:
    # More than there is would never be started; then it gets all there is.
    node = make(interface, name=name, n_procs=1, mem_gb=min(memory_gb, 0.99 * execution.memory_gb))
    node.inputs.job = job
    node.inputs.output = execution.output
    node.inputs.context = execution.context
    node.inputs.progress_dir = str(execution.progress_dir)
    node.inputs.ended_file = str(execution.work_dir / "ended" / name)
    node.inputs.log_file = str(execution.log_file)
    node.inputs.verbose = execution.verbose
    return node


def run(graph: Graph, execution: Execution) -> None:
    """Run a graph to its end, and show how far it is; failures are noted by the nodes themselves.

    Raises
    ------
    UsageError
        The plugin file is wrong.
    InputOutputError
        A node could not write its output, or Nipype itself failed.
    """
    workflow = graph.workflow
    if not workflow.list_node_names():
        return
    execution.progress_dir.mkdir(parents=True, exist_ok=True)
    workflow.config["execution"] = {"stop_on_first_crash": str(execution.stop_on_first_crash).lower()}
    if execution.write_graph:
        execution.output.write_text(f"logs/{workflow.name}.dot", as_dot(workflow))
    with show(graph.stages) as tick:
        _run(workflow, execution, tick)


def _run(workflow: Workflow, execution: Execution, tick: Callable[[], None]) -> None:
    plugin, arguments = _plugin(execution, tick)
    try:
        workflow.run(plugin=plugin, plugin_args=arguments)
    except RuntimeError as error:
        # What concerns a scan or a pair is noted by its node; what reaches Nipype concerns the run.
        # Of several errors it raises one that counts them, from the first.
        reason = str(error.__cause__ or error).strip().splitlines()[-1].strip()
        raise InputOutputError(
            f"The {workflow.name} stage broke off: {reason} (details in {execution.log_file}). Fix the cause and "
            "give the same command again; it goes on where it was."
        ) from None
    finally:
        if hasattr(plugin, "stop"):
            plugin.stop()


def end_server() -> None:
    """End the server that MultiProc's processes are forked from, and wait for it.

    It would end by itself soon after the program, but a container's file system may be gone by then.
    """
    with suppress(OSError):  # it was killed
        forkserver._forkserver._stop()  # type: ignore[attr-defined]


def as_dot(workflow: Workflow) -> str:
    """The graph in Graphviz' language; Nipype's own drawing needs Graphviz to be installed."""
    graph = workflow._graph
    nodes = [f'  "{node.name}";' for node in graph.nodes]
    edges = [f'  "{a.name}" -> "{b.name}";' for a, b in graph.edges]
    return "\n".join([f'digraph "{workflow.name}" {{', *nodes, *edges, "}", ""])


def _plugin(execution: Execution, tick: Callable[[], None]) -> tuple[Any, dict[str, Any]]:
    from lumirage_bids.execution.plugin import ProcessPerNodePlugin
    from lumirage_bids.execution.slurm import JobPerNodePlugin

    arguments: dict[str, Any] = {
        "n_procs": execution.nprocs,
        "memory_gb": execution.memory_gb,
        "n_gpu_procs": execution.nprocs,
        "gpus": gpus(execution.context.device),
        "raise_insufficient": False,
        "pair_timeout": execution.pair_timeout,
        "tick": tick,
        "verbose": execution.verbose,
    }
    name, own = "MultiProc", {}
    if execution.plugin_file is not None:
        table = read_plugin_file(execution.plugin_file)
        name, own = table["plugin"], table["plugin_args"]
    ours = {"MultiProc": ProcessPerNodePlugin, "SLURM": JobPerNodePlugin}
    if name in ours:
        return ours[name](plugin_args={**arguments, **own}), {**arguments, **own}
    if execution.pair_timeout is not None:
        raise UsageError(
            f"--pair-timeout is not kept by Nipype's plugin {name}; it is by {', '.join(ours)}. Leave it out and limit "
            "the time of jobs by the plugin's own arguments."
        )
    return name, own


def gpus(device: str) -> tuple[str, ...]:
    """The GPUs that processes here are to share: all that CUDA_VISIBLE_DEVICES leaves, for a device ``cuda``.

    Examples
    --------
    >>> gpus("cuda:1"), gpus("cpu")
    (('cuda:1',), ())
    """
    if device != "cuda":
        return (device,) if device.startswith("cuda") else ()
    import torch

    return tuple(f"cuda:{i}" for i in range(torch.cuda.device_count()))
