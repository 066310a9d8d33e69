"""What a run takes from its user's home, and what is left of its processes."""

from __future__ import annotations

import os
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


CONFIGURED = """
import sys
from pathlib import Path
import lumirage_bids.app.participant
from lumirage_bids.execution import graphs

assert "nipype" not in sys.modules
graphs.configure(Path(sys.argv[1]), 0)
from nipype import config
print(config.get("execution", "stop_on_first_crash"))
"""


def test_settings_of_nipype_in_a_home_do_not_count(tmp_path: Path) -> None:
    """It reads them when it is imported; one that stops at the first crash would cost all pairs after a failed one."""
    settings = tmp_path / ".nipype" / "nipype.cfg"
    settings.parent.mkdir()
    settings.write_text("[execution]\nstop_on_first_crash = true\n")
    file = tmp_path / "script.py"
    file.write_text(CONFIGURED)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIPYPE_")} | {"HOME": str(tmp_path)}
    command = [sys.executable, file, tmp_path / "work"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.stdout.strip() == "false", done.stderr
