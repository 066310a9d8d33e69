"""Conventions of networks are found out by what the networks return."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lumirage_bids.methods import Context
from lumirage_bids.methods.networks.conventions import LENGTH, NEAR, ORIENTATIONS, Guess, best, guesses, known_pair
from lumirage_bids.methods.torchscript import Torchscript
from lumirage_bids.spatial.transforms import Transform, warp
from tests.conformance.test_methods import Demons

SPACING = 4.0
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Normalised(torch.nn.Module):
    """The demons as `grid_sample` would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(Demons())

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        field = self.inner(moving, fixed)
        size = torch.tensor([moving.size(2), moving.size(3), moving.size(4)]).reshape(1, 3, 1, 1, 1)
        return (field * 2 / (size - 1)).flip(1)


class FixedFirst(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(Demons())

    def forward(self, fixed: Tensor, moving: Tensor) -> Tensor:
        return self.inner(moving, fixed)


class LookingAhead(torch.nn.Module):
    """Knows brains alone whose second axis points forward: there a brain is narrower."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.script(Demons())

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        mass = (fixed[0, 0] > 0.1).float().sum(2).sum(0)
        there = torch.nonzero(mass).flatten()
        mean = (mass * torch.arange(mass.size(0))).sum() / mass.sum()
        return self.inner(moving, fixed) * float(mean < (there[0] + there[-1]) / 2 - 1)


def answers(module: torch.nn.Module, folder: Path, *orientations: str, **how: Any) -> list[Guess]:
    torch.jit.save(torch.jit.script(module), folder / "model.pt")
    made = Torchscript(model=str(folder / "model.pt"), shape=(56, 56, 56), spacing=SPACING, **how)
    pair = known_pair(SPACING)
    return [guess for name in orientations for guess in guesses(made, name, pair, Context())]


def test_the_pair_is_what_it_says() -> None:
    fixed, moving, transform = known_pair(SPACING)
    np.testing.assert_array_equal(warp(moving, transform, fixed).array, fixed.array)
    index = np.argwhere(fixed.array > 0.1)
    points = index @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    far = np.linalg.norm(transform.apply(points) - points, axis=1)
    assert far.mean() == pytest.approx(LENGTH, rel=0.1)
    shares = np.abs(transform.apply(points) - points).mean(axis=0) / LENGTH
    assert shares.min() > 0.3  # it goes along all axes
    unmoved = np.abs(warp(moving, Transform(), fixed).array - fixed.array).mean()
    assert unmoved > 0.02


@pytest.mark.parametrize(
    ("module", "units", "components"), [(Demons, "voxels", "xyz"), (Normalised, "normalised", "zyx")]
)
def test_units_and_components(module: type[torch.nn.Module], units: str, components: str, tmp_path: Path) -> None:
    first, alike = best(answers(module(), tmp_path, "RAS"))
    assert (first.method.units, first.method.components, first.sign) == (units, components, 1)
    assert first.left < 0.3
    assert alike == []


def test_the_order_of_the_images(tmp_path: Path) -> None:
    """Of the wrong order the opposite fits, but not as well: it is of other points."""
    wrong, right = (
        best(answers(FixedFirst(), tmp_path, "RAS", arguments=order))[0] for order in ("moving,fixed", "fixed,moving")
    )
    assert (wrong.sign, right.sign) == (-1, 1)
    assert right.left < wrong.left - NEAR


def test_where_the_axes_point(tmp_path: Path) -> None:
    every = answers(LookingAhead(), tmp_path, "RPS", "SPL", "LAS")
    first, alike = best(every)
    assert first.method.orientation == "LAS"
    assert alike == []
    assert all(guess.left > 0.95 for guess in every if guess.method.orientation != "LAS")


def test_where_they_point_the_same_the_first_is_taken(tmp_path: Path) -> None:
    first, alike = best(answers(Demons(), tmp_path, "LPS", "RAS"))
    assert first.method.orientation == "LPS"
    assert [guess.method.orientation for guess in alike] == ["RAS"]


def test_all_ways_that_arrays_lie_are_known() -> None:
    assert len(set(ORIENTATIONS)) == len(ORIENTATIONS) == 16
    assert ORIENTATIONS[0] == "RAS"
    assert {"LPS", "SAR", "SPL"} <= set(ORIENTATIONS)
