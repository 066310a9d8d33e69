"""TOML that users are told to paste is accepted, Python runs, links lead somewhere; Sphinx checks those of the site."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lumirage_bids
from lumirage_bids import methods
from lumirage_bids.experiment import protocol

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, block in enumerate(
        re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
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
    for page in ("how-to/write-a-plug-in.md", "how-to/read-tables.md")
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.M)
    )
    if "from nudge" not in block
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_of_the_docs_runs(block: str, finished_run: Path) -> None:
    code = block.replace("OUT/", f"{finished_run}/").replace('"OUT"', repr(str(finished_run)))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=finished_run.parent,
    )
    assert done.returncode == 0, done.stderr


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_outside_the_site_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", (REPOSITORY / name).read_text("utf-8"))
    assert links
    for path, anchor in links:
        page = REPOSITORY / path if path else REPOSITORY / name
        assert page.exists(), path
        assert not anchor or anchor in headings(page), f"{path}#{anchor}"


def test_every_public_name_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "api.rst").read_text("utf-8")
    told = re.findall(r"^\.\. auto\w+:: ([A-Za-z_]+)$", page, re.MULTILINE)
    assert sorted(told) == sorted(set(dir(lumirage_bids)) - {"__version__"})
