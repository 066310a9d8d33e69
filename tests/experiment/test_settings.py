"""Settings of a run as messages and records tell them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from tests.small_plan import asked


@pytest.mark.parametrize(
    ("only", "named"),
    [
        (True, {"--only": ("1",)}),
        (False, {"--participant-label": ("1",), "--fixed-label": ("1",)}),
    ],
)
def test_subjects_are_named_by_the_option_that_was_given(
    only: bool, named: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    # A folder called --only is no option.
    settings = asked(
        tmp_path, command="lumirage --only out participant", only=only, participant_label=("1",), fixed_label=("1",)
    )
    assert settings.named_subjects == named


def test_a_table_of_settings_can_be_written_as_toml(tmp_path: Path) -> None:
    settings = asked(tmp_path, derivatives={"maps": tmp_path / "maps"}, methods=("greedy",))
    table = settings.as_table()
    assert tomllib.loads(tomli_w.dumps(table)) == table
    assert table["derivatives"] == {"maps": str(tmp_path / "maps")}
    assert table["methods"] == ["greedy"]
    assert "pair_timeout" not in table
