"""What follows when the process or job of a node dies: the pair it was at is noted, the rest goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.batch_files import Rows
from lumirage_bids.execution.nodes import Progress, Register
from lumirage_bids.execution.notes import note_failure

logger = logging.getLogger("lumirage")

DEATHS = 2  # so many between pairs, one after the other, and a node is given up


def recover(node: Any, why: Failure, deaths: int) -> int | None:
    """Note what a death cost.

    Parameters
    ----------
    node : Node
        Whose process or job ended before it was done.
    why : Failure
        How; of a kind that is not final where the same command is to try again.
    deaths : int
        How often in a row it has died without being at a pair.

    Returns
    -------
    int or None
        The new number of such deaths when the node is to go on in a new process; None when it is not.
    """
    if not isinstance(node.interface, Register):
        note_failure(node.inputs.job, node.inputs.output, why)
        node.interface.count()
        return None
    progress = _progress(node)
    rows = Rows(progress.batch, node.inputs.output)
    current = progress.find_current()
    deaths = 0 if current else deaths + 1
    tasks = progress.batch.tasks if deaths == DEATHS else (current[0],) if current else ()
    for task in tasks:
        if not rows.is_finished(task):
            rows.fail(task, why)
        elif not rows.is_complete(task, node.inputs.save):
            logger.error("%s has its score, but not all could be saved of it: %s", task.pair, why)
            progress.leave_out(task)
        progress.note_start(None)
    return None if deaths == DEATHS else deaths


def is_late(node: Any, limit: float | None) -> bool:
    """Whether the pair that a node is at takes longer than `limit` seconds."""
    if limit is None or not isinstance(node.interface, Register):
        return False
    current = _progress(node).find_current()
    return current is not None and current[1] > limit


def read_note(node: Any) -> dict[str, Any] | None:
    """What a node last noted of the pair it is at; another note for every time that a pair begins."""
    return _progress(node).note() if isinstance(node.interface, Register) else None


def too_late(limit: float) -> Failure:
    """What is noted of such a pair."""
    return Failure("timed out", f"timed out after {limit:g} s")


def _progress(node: Any) -> Progress:
    return Progress(Path(node.inputs.progress_dir), node.inputs.job)
