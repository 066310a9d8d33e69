"""The scratch folder of one run: locked while the run lives, so that others know which may be swept away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lumirage_bids.output.files import read_json, write_json
from lumirage_bids.output.folder import Output

LOCK, ABOUT = "run.lock", "run.json"
QUIET_S = 2 * 86400
"""Jobs of a cluster outlive a run that was killed; a folder is theirs until nothing in it changed for so long."""


@contextmanager
def hold(folder: Path, output: Output, *, given: bool = False, cluster: bool = False) -> Iterator[None]:
    """Make a run's folder and hold it; when the block ended well remove it, and what killed runs left beside it.

    Parameters
    ----------
    folder : Path
        Does not exist yet; the folder around it may be shared with other runs, users and programs.
    output : Output
        Of the run; folders of runs on the same one alone are swept away.
    given : bool
        Whether the user has said where it is to lie.
    cluster : bool
        Whether jobs of a cluster work in it.
    """
    lock = FileLock(folder / LOCK, fallback_to_soft=False)
    is_ours = not given or not folder.parent.exists()
    with output.lock("root"):  # so that nobody removes the folder around it meanwhile
        (folder / "scratch").mkdir(parents=True)
        with suppress(OSError):  # without locks there it is never swept away
            lock.acquire()
            about = {"OutDir": str(output), "Cluster": cluster}
            write_json(folder / ABOUT, about)
    try:
        yield
    finally:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        lock.release()
    with output.lock("root"):
        for left in (folder, *_find_left_behind(folder.parent, output)):
            shutil.rmtree(left, ignore_errors=True)
        if is_ours:
            with suppress(OSError):  # other runs are at work
                folder.parent.rmdir()


def _find_left_behind(around: Path, output: Output) -> Iterator[Path]:
    """Folders of runs on the same output folder that did not come to their end."""
    for file in around.glob(f"*/{ABOUT}"):
        with suppress(OSError):  # another run swept it away meanwhile
            about = read_json(file)
            mine = about.get("OutDir") == str(output)
            if mine and not _is_alive(file.parent) and not (about.get("Cluster") and _is_fresh(file.parent)):
                yield file.parent


def _is_alive(folder: Path) -> bool:

    lock = FileLock(folder / LOCK, fallback_to_soft=False, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _is_fresh(folder: Path) -> bool:
    return any(time.time() - path.stat().st_mtime < QUIET_S for path in (folder, *folder.rglob("*")))
