"""A plan is frozen, done in parts, and shown with its digest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.conftest import options, run_program
from tests.end_to_end.faults import QUICK, protocol


@pytest.mark.slow
def test_a_frozen_plan_is_kept_and_shown(demo_dataset: Path, tmp_path: Path) -> None:
    file, out, plan = protocol(tmp_path), tmp_path / "out", tmp_path / "plan.toml"

    def run(*more: object) -> tuple[int, str]:
        done = run_program([demo_dataset, out, "participant", *options(demo_dataset), "--protocol", file, *more])
        return done.code, done.said

    code, said = run("--freeze", plan)
    assert code == 66
    assert "no frozen plan" in said
    code, said = run("--dry-run", "--freeze", plan)
    assert code == 0, said
    assert not out.exists()
    digest = tomllib.loads(plan.read_text())["digest"]
    assert f"digest {digest}" in said

    code, said = run("--freeze", plan, "--seed", "1")
    assert code == 64
    assert "seed 0 → 1" in said
    code, said = run("--freeze", plan, "--participant-label", "01", "02", "--fixed-label", "01", "02")
    assert code == 0, said
    assert (out / "frozen.toml").read_bytes() == plan.read_bytes()
    (record,) = (out / "config").glob("*.toml")
    assert tomllib.loads(record.read_text())["frozen"] == {"digest": digest}
    status = run_program(["status", out])
    assert f"Frozen plan: digest {digest}: every row follows it; 8 of its 12 rows are not there" in status.out

    # Without the file something else can be done, which is told.
    protocol(tmp_path, QUICK.replace("[10]", "[20]"))
    code, said = run("--participant-label", "03", "--fixed-label", "01")
    assert code == 0, said
    assert "held to a frozen plan" in said
    group = run_program([demo_dataset, out, "group", "--no-pictures", "--freeze", plan])
    assert group.code == 0, group.said
    assert f"Frozen plan: digest {digest}: not followed in 1 respect, see the notes" in group.said
    assert "NOT AS FROZEN: " in group.said
    page = (out / "group" / "report.html").read_text()
    assert page.count(digest) >= 2
    assert "NOT AS FROZEN: " in page
