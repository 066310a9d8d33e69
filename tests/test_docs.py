"""TOML that users are told to paste is accepted; Python that they are told to paste runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lumirage_bids import methods
from lumirage_bids.experiment import protocol

DOCS = Path(__file__).parent.parent / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("reference/protocols.md", "reference/methods.md", "how-to/programs.md")
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_toml_of_the_docs_is_a_protocol(block: str, tmp_path: Path) -> None:
    file = tmp_path / "pasted.toml"
    file.write_text(block, "utf-8")
    read = protocol.load(str(file))
    for variant in read.variants:
        for name, table in variant.methods.items():
            parameters = dict(table)
            methods.method(parameters.pop("method", name), **parameters)


PYTHON = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("reference/measures.md", "reference/outputs.md", "concepts/statistics.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_of_the_docs_reads_the_tables(block: str, finished_run: Path) -> None:
    code = block.replace("OUT/", f"{finished_run}/").replace('"OUT"', repr(str(finished_run)))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=finished_run.parent,
    )
    assert done.returncode == 0, done.stderr
