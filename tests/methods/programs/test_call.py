"""Programs end with what called them, and with what they started."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lumirage_bids.base.errors import LumirageError, NoRoomError, UsageError
from lumirage_bids.methods import Context, method
from lumirage_bids.methods.programs.call import scratch
from tests.methods.scripts import images, script


def test_program_and_its_children_end_when_the_worker_is_killed(tmp_path):
    """As a pair's timeout does it: SIGKILL to the process that runs the method."""
    program = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])
pathlib.Path(sys.argv[1] + '.tmp').write_text(f'{os.getpid()} {child.pid}')
os.rename(sys.argv[1] + '.tmp', sys.argv[1])
time.sleep(100)
"""
    worker = """
import sys
from pathlib import Path
from lumirage_bids.methods.base import Context
from lumirage_bids.methods.programs.call import run_program
run_program([sys.executable, *sys.argv[1:3]], Context(), Path(sys.argv[3]))
"""
    arguments = [script(tmp_path, program), str(tmp_path / "pids"), str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-c", worker, *arguments])
    try:
        wait_for((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids))


def test_what_a_program_left_running_ends_with_it(tmp_path):
    program = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
"""
    made = method("command", argv=[sys.executable, script(tmp_path, program)])
    with pytest.raises(LumirageError, match="made no"):
        made.register(*images(), Context())
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, NoRoomError), (errno.EDQUOT, NoRoomError), (0, UsageError)]
)
def test_what_fails_on_a_full_disk_is_told_as_such(number, told, tmp_path, monkeypatch):
    def fallocate(descriptor, begin, size):
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    with pytest.raises(told), scratch(Context(work_dir=tmp_path)):
        raise UsageError("no such option")
    assert list(tmp_path.iterdir()) == []
