"""What is left of a run's processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import multiprocessing, os, psutil
from lumirage_bids.execution.graphs import end_server

def servers():
    return sum("forkserver" in " ".join(p.cmdline()) for p in psutil.Process().children(recursive=True))

if __name__ == "__main__":
    for _ in range(2):  # it starts anew after it was ended
        process = multiprocessing.get_context("forkserver").Process(target=os.getpid)
        process.start()
        process.join()
        print(servers())
        end_server()
        print(servers())
"""


def test_no_server_outlives_the_program(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "1", "0"]
