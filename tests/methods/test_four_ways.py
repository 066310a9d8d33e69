"""A network of two files comes in by a Python function, TorchScript, a command and a plug-in, as the docs say."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from lumirage_bids.base import extensions
from lumirage_bids.methods import Context, Method, method
from lumirage_bids.spatial.transforms import Transform
from lumirage_bids.testing import blob

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "network.md").read_text("utf-8")
SHAPE, SPACING = (32, 36, 30), 3.0
FIXED, MOVING = blob.image(blob.grid(SHAPE, SPACING), blob.bent), blob.image(blob.grid((34, 32, 31), SPACING))
pytestmark = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:DeprecationWarning")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page."""
    folder = tmp_path_factory.mktemp("repository")
    for block in blocks("python"):
        name = block.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(block.replace("/path/to", str(folder)).replace("160, 192, 224", str(SHAPE)[1:-1]))
    torch.save({"gain": torch.tensor([1.0, 0.9, 0.8])}, folder / "weights.pt")
    done = subprocess.run([sys.executable, "export.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def from_page(repository: Path, by: str, **more: object) -> Method:
    """The method of the page's table for one way."""
    text = next(block for block in blocks("toml") if f'method = "{by}"' in block)
    text = text.replace("/path/to/python", sys.executable).replace("/path/to", str(repository))
    ((_, table),) = tomllib.loads(text)["methods"].items()
    return method(table.pop("method"), **table, **more)


def found_by(made: Method, folder: Path) -> Transform:
    assert made.missing(Context()) is None
    return made.register(FIXED, MOVING, Context(work_dir=folder))


def test_all_ways_find_the_same(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.syspath_prepend(str(repository))
    monkeypatch.setenv(extensions.VARIABLE, "")
    extensions.use([repository / "plugin.py"])
    ways = {
        "python": from_page(repository, "python"),
        "torchscript": from_page(repository, "torchscript", shape=list(SHAPE), spacing=SPACING, normalisation="none"),
        "command": from_page(repository, "command"),
        "plug-in": method("mine"),
    }
    points = blob.inside(FIXED)
    ends = {}
    for way, made in ways.items():
        found = found_by(made, tmp_path)
        assert blob.error(found, blob.bent, FIXED) < 0.5 * blob.error(Transform(), blob.bent, FIXED), way
        ends[way] = found.apply(points)
    for way in ("torchscript", "command", "plug-in"):
        far = np.linalg.norm(ends[way] - ends["python"], axis=-1)
        assert far.mean() < 0.05 * SPACING, way


def test_the_page_has_every_way() -> None:
    assert len(blocks("python")) == 5
    assert {line for block in blocks("toml") for line in block.splitlines() if line.startswith("method = ")} == {
        f'method = "{way}"' for way in ("python", "torchscript", "command")
    }
