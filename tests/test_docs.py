"""TOML that users are told to paste is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lumirage_bids import protocol, registration

DOCS = Path(__file__).parent.parent / "docs"
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("protocols.md", "methods.md", "recipes.md")
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
            registration.method(parameters.pop("method", name), **parameters)
