"""``lumirage check-model``: what it says of networks, and that a protocol takes it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lumirage_bids.methods import method
from tests.conformance.test_methods import Demons
from tests.conftest import run_here

GRID = ("--shape", "56", "56", "56", "--spacing", "4")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Stacked(torch.nn.Module):
    """One tensor in, a tuple out."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(Demons())

    def forward(self, both: Tensor) -> tuple[Tensor, Tensor]:
        return both[:, :1], self.inner(both[:, :1], both[:, 1:])


class Opposite(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(Demons())

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        return -self.inner(moving, fixed)


class Nothing(torch.nn.Module):
    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        return torch.cat([moving, moving, moving], 1) * 0.1


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(request.param()), file)
    return file


@pytest.mark.parametrize("model", [Stacked], indirect=True)
def test_what_fits_is_said_as_a_protocol_has_it(model: Path) -> None:
    done = run_here(["check-model", model, *GRID, "--orientations", "ras", "LPS"])
    assert done.code == 0, done.said
    assert "It fits: " in done.out
    assert "Where the axes point does not matter to it." in done.out
    told = tomllib.loads(done.out[done.out.index("[methods.NAME]") :])["methods"]["NAME"]
    assert told == {
        **{"method": "torchscript", "model": str(model), "shape": [56, 56, 56], "spacing": 4.0},
        **{"stacked": True, "output": 1},
    }
    assert method(**{"name": told.pop("method"), **told}).grid.shape == (56, 56, 56)


@pytest.mark.parametrize(
    ("model", "words"),
    [(Opposite, "the opposite of what it returns fits"), (Nothing, "nothing fits; at best")],
    indirect=["model"],
)
def test_what_does_not_fit_is_refused(model: Path, words: str) -> None:
    done = run_here(["check-model", model, *GRID, "--orientations", "RAS"])
    assert done.code == 65, done.said
    assert words in done.err
    assert "[methods.NAME]" not in done.out


@pytest.mark.parametrize("model", [Nothing], indirect=True)
@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--orientations", "XYZ"], 64, "--orientations XYZ: unknown. Known: RAS"),
        (["--threads", "0"], 64, "--threads 0"),
        (["--shape", "1", "2", "3"], 64, "shape is [1, 2, 3]"),
        (["--spacing", "0"], 64, "spacing is 0"),
    ],
)
def test_usage(model: Path, more: list[str], code: int, words: str) -> None:
    done = run_here(["check-model", model, *GRID, *more])
    assert done.code == code, done.said
    assert words in done.err


def test_what_is_no_network(tmp_path: Path) -> None:
    assert run_here(["check-model", tmp_path / "no.pt"]).code == 66
    (tmp_path / "weights.pt").write_bytes(b"PK")
    done = run_here(["check-model", tmp_path / "weights.pt", *GRID])
    assert done.code == 65
    assert "A file that torch.jit.save wrote is needed" in done.err
