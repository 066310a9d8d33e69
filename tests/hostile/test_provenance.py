"""What a run leaves on record, and what the next run makes of an output folder that another one wrote."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from lumirage_bids import __version__
from lumirage_bids.output.record import machine, versions
from tests.hostile.world import World, run


def test_every_run_is_on_record(finished_run: Path) -> None:
    for file in (finished_run / "config").glob("*.toml"):
        record = tomllib.loads(file.read_text("utf-8"))
        assert record["versions"] == versions()
        assert record["machine"] == machine("cpu")
        assert record["machine"]["memory_gb"] > 0.1
        assert record["machine"]["cpus"] == os.cpu_count()
        assert len(record["machine"]["cpu"]) > 2
        assert record["settings"]["command"].startswith("lumirage ")
        assert record["protocol"]["text"]
        assert all(len(arm["hash"]) == 16 for arm in record["arms"].values())


def left_by(world: World, **changes: object) -> None:
    """An output folder as this program leaves it, but for these fields of its description."""
    about = {
        "Name": "LUMirage evaluation of Synthetic brains (SLOPPY, not for publication)",
        "GeneratedBy": [{"Name": "LUMirage", "Version": __version__}],
        "Protocol": "default",
        "Sloppy": True,
    }
    world.out.mkdir()
    (world.out / "dataset_description.json").write_text(json.dumps({**about, **changes}))


def by_version(version: str) -> list[dict[str, str]]:
    return [{"Name": "LUMirage", "Version": version}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Protocol": "prime-de"}, ("'prime-de'", "'default'", "another output folder")),
        ({"Name": "LUMirage evaluation of ds-A (SLOPPY, not for publication)"}, ("ds-A", "Synthetic brains")),
        ({"Sloppy": False}, ("without --sloppy", "another output folder")),
        ({"GeneratedBy": by_version("99.0")}, ("99.0", __version__, "Use that version")),
        ({"GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.2.0"}]}, ("another dataset", "folder of its own")),
        ({"GeneratedBy": "LUMirage"}, ("another dataset",)),
    ],
    ids=lambda x: str(x)[:40],
)
def test_other_output_is_refused(changes: dict[str, object], words: tuple[str, ...], world: World) -> None:
    left_by(world, **changes)
    before = sorted(world.out.rglob("*"))
    done = run(world)
    assert done.code == 64, done.said
    assert all(word in done.said for word in words), done.said
    assert sorted(world.out.rglob("*")) == before
    assert not done.changed


def test_a_newer_versions_output_is_not_summed_up(world: World) -> None:
    left_by(world, GeneratedBy=by_version("99.0"))
    world.level = "group"
    done = run(world)
    assert done.code == 64
    assert "99.0" in done.said


@pytest.mark.parametrize("version", ["0.0.1", "0.0.9.dev3", ""])
def test_an_older_versions_output_is_gone_on_with(version: str, world: World) -> None:
    left_by(world, GeneratedBy=by_version(version))
    world.give("--dry-run")
    done = run(world)
    assert done.code == 0, done.said
    assert (f"goes on with what version {version} left" in done.said) == bool(version)
