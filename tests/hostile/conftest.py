"""The dataset that is broken in every way: three synthetic subjects at 8 mm, 20 × 25 × 19 voxels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.world import World, new_world


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    from lumirage_bids.app.demo import write_dataset

    folder = tmp_path_factory.mktemp("tiny") / "bids"
    write_dataset(folder, spacing=8.0)
    return folder


@pytest.fixture
def world(tiny_dataset: Path, tmp_path: Path) -> World:
    """A world of the test's own."""
    return new_world(tiny_dataset, tmp_path / "world")
