"""Settings of a run as messages and records tell them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from tests.small_plan import asked


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("lumirage b o participant --only 1", {"--only": ("1",)}),
        ("lumirage 'my data' o participant --only=1", {"--only": ("1",)}),
        ("lumirage b o participant --participant-label 1", {"--participant-label": ("1",), "--fixed-label": ("1",)}),
    ],
)
def test_subjects_are_named_by_the_option_that_was_given(
    command: str, named: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    settings = asked(tmp_path, command=command, participant_label=("1",), fixed_label=("1",))
    assert settings.named_subjects == named


def test_a_table_of_settings_can_be_written_as_toml(tmp_path: Path) -> None:
    settings = asked(tmp_path, derivatives={"maps": tmp_path / "maps"}, methods=("greedy",))
    table = settings.as_table()
    assert tomllib.loads(tomli_w.dumps(table)) == table
    assert table["derivatives"] == {"maps": str(tmp_path / "maps")}
    assert table["methods"] == ["greedy"]
    assert "pair_timeout" not in table
