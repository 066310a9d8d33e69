"""What ``lumirage doctor`` finds here, and faults that it must find."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lumirage_bids import labellers, maskers, methods
from lumirage_bids.app.catalogue import group_of
from lumirage_bids.app.doctor import NEEDED, examine
from tests.conftest import run_program


def test_everything_is_told_of() -> None:
    found = list(examine(None))
    assert list(dict.fromkeys(check.part for check in found)) == [
        *("Machine", "Folders", "Programs", "Methods", "Labellings", "Maskers"),
    ]
    told = {part: {c.what for c in found if c.part == part} for part in ("Methods", "Labellings", "Maskers")}
    ready = {c.part: set(c.text.split(", ")) for c in found if c.what == "ready"}
    known = {
        "Methods": {name for name, kind in methods.methods().items() if group_of(kind()) != "yours"},
        "Labellings": set(labellers.labellings()),
        "Maskers": set(maskers.maskers()),
    }
    for part, names in known.items():
        assert (told[part] - {"ready"}) | ready[part] == names
        assert set(NEEDED[part.lower()]) <= ready[part]
        assert all(c.text for c in found)
    assert {c.state for c in found} <= {"ok", "absent"}


def test_it_ends_well_where_runs_will_work(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "LapIRN_disp_fea7.pth").write_bytes(b"")
    done = run_program(["doctor"], LUMIRAGE_WEIGHTS=str(weights), TEMPLATEFLOW_HOME=str(tmp_path / "nothing"))
    assert done.code == 0, done.said
    assert done.out.endswith("\nRuns will work here.\n")
    assert f"{weights}: 1 file(s)" in " ".join(done.out.split())
    assert re.search(r"^  ok    ready .*lapirn", done.out.replace(",\n" + " " * 25, ", "), re.MULTILINE)
    assert re.search(r"^  -     TemplateFlow .*nothing", done.out, re.MULTILINE)


def test_a_folder_that_cannot_be_used_is_a_fault(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    done = run_program(["doctor"], TMPDIR=str(deep))
    assert done.code == 73
    assert "FAULT temporary files" in done.out
    assert done.out.endswith("\n1 fault(s): temporary files.\n")


def test_a_masker_without_its_weights_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "deepbet").mkdir()
    (tmp_path / "deepbet" / "__init__.py").touch()
    done = run_program(["doctor"], PYTHONPATH=f"{tmp_path}:{Path(methods.__file__).parents[2]}")
    assert done.code == 66
    assert re.search(r"^  FAULT deepbet .*weights", done.out, re.MULTILINE)


@pytest.mark.gpu
def test_gpus_are_named() -> None:
    import torch

    found = [check for check in examine(None) if check.what.startswith("cuda:")]
    assert [check.state for check in found] == ["ok"] * torch.cuda.device_count()
    assert all(torch.cuda.get_device_name(c.what) in c.text for c in found)
