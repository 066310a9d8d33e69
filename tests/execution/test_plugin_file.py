"""Plugins of Nipype and the schedulers that they need; tests/hostile/test_refused.py has files that are refused."""

from __future__ import annotations

from pathlib import Path

import nipype.pipeline.plugins
import pytest

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.execution.plugin_file import PLUGINS, check_scheduler, read_plugin_file


@pytest.mark.parametrize("name", PLUGINS)
def test_nipype_has_the_plugin(name: str) -> None:
    assert hasattr(nipype.pipeline.plugins, f"{name}Plugin")


@pytest.mark.parametrize("name", sorted(name for name, programs in PLUGINS.items() if programs))
def test_a_plugin_calls_the_programs_it_is_said_to(name: str) -> None:
    plugins = Path(nipype.pipeline.plugins.__file__).parent
    source = (plugins / f"{name.lower()}.py").read_text("utf-8")
    ours = Path(read_plugin_file.__code__.co_filename).with_name("slurm_queue.py").read_text("utf-8")
    for program in PLUGINS[name]:
        assert program in (ours if name == "SLURM" else source)


def test_what_works_here_needs_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "plugin.yml"
    for name, programs in PLUGINS.items():
        file.write_text(f"plugin: {name}\n")
        if programs:
            with pytest.raises(MissingInputError, match=programs[0]):
                check_scheduler(file)
    file.write_text("plugin: Linear\n")
    check_scheduler(file)
