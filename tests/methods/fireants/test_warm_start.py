"""The start of a registration on the grid of each scale, and what the optimiser makes of it."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from torch.nn import functional

from lumirage_bids.methods import Context, method
from lumirage_bids.methods.fireants import engine, register
from lumirage_bids.methods.fireants.warm_start import WarmStart
from lumirage_bids.spatial.transforms import DisplacementField, Transform
from tests.methods.fireants.test_register import SIDE, volume

OBLIQUE = np.array([[0.0, -1.9, 0.3], [1.8, 0.0, 0.0], [0.0, 0.3, 2.1]])
SIZES = ([36, 36, 36], [32, 32, 32], [18, 9, 36])


def shift(*mm: float) -> Transform:
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return Transform.affine(matrix)


def started(transform: Transform, linear: np.ndarray) -> WarmStart:
    return WarmStart(transform, volume(OBLIQUE, 0), linear, torch.device("cpu"), 1)


@pytest.mark.parametrize("size", SIZES)
def test_a_translation_is_one_on_every_grid(size: list[int]) -> None:
    """Zeros beyond the grid do not count: the displacement does not fade towards the edge of the image."""
    linear = 30 * OBLIQUE
    field = started(shift(4.0, -3.0, 5.0), linear).resize(size)
    assert list(field.shape) == [1, *size, 3]
    mm = field.numpy() @ linear.T
    np.testing.assert_allclose(mm, np.broadcast_to([4.0, -3.0, 5.0], mm.shape), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_a_linear_displacement_is_where_it_was(size: list[int]) -> None:
    """Grids of all sizes span the same box, their axes in torch's order."""
    fixed = volume(np.diag([2.0, 1.5, 1.0]), 0)
    stretch = Transform.affine(np.diag([1.1, 0.8, 1.2, 1.0]))
    field = WarmStart(stretch, fixed, np.eye(3), torch.device("cpu"), 1).resize(size)[0].numpy()
    half = (SIDE - 1) / 2 * np.array([2.0, 1.5, 1.0])
    axes = [np.linspace(-h, h, n) for h, n in zip(half, reversed(size), strict=True)]
    expected = np.stack(np.meshgrid(*axes, indexing="ij"), -1).transpose(2, 1, 0, 3) * [0.1, -0.2, 0.2]
    inside = tuple(slice(n // 3, n - n // 3) for n in size)  # smoothing flattens what is linear near the edges
    np.testing.assert_allclose(field[inside], expected[inside], atol=0.05)


def test_detail_comes_with_the_scale_that_shows_it_and_what_was_added_stays() -> None:
    fixed = volume(2 * np.eye(3), 0)
    waves = np.zeros((*fixed.shape, 3), np.float32)
    waves[::2] = 3.0  # to and fro from voxel to voxel
    fine = Transform((DisplacementField(vectors=waves, affine=fixed.affine),))
    begin = WarmStart(fine, fixed, np.eye(3), torch.device("cpu"), 1)
    warp = torch.nn.Parameter(torch.zeros(1, 12, 12, 12, 3))
    made = engine.Optimiser(warp, np.eye(3), step=0.5, smooth_warp_sigma=0, smooth_grad_sigma=0, start=begin.resize)
    made.set_data_and_size(warp, [12, 12, 12])
    torch.testing.assert_close(made.warp.data, begin.resize([12, 12, 12]))
    added = functional.interpolate(
        made.warp.data.movedim(-1, 1) + 0.5, size=[36] * 3, align_corners=True, mode="trilinear"
    )
    whole = torch.nn.Parameter(added.movedim(1, -1))
    made.set_data_and_size(whole, [36, 36, 36])
    torch.testing.assert_close(made.warp.data, begin.resize([36, 36, 36]) + 0.5, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["greedy", "syn"])
def test_the_way_of_a_gpu_begins_there_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU steps and samples are torch's and FireANTs' own."""
    fixed, moving = volume(2 * np.eye(3), 3.0), volume(OBLIQUE, 0.0)
    points = np.argwhere(fixed.array > 0.2) @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    context = Context(initial=shift(2.0, 1.0, 0.0))
    made = method(name, scales=[2, 1], iterations=[4, 4])
    compiled = made.register(fixed, moving, context).apply(points)
    for module in (engine, register):
        monkeypatch.setattr(module, "fits_kernels", lambda _: False)
    monkeypatch.setattr(engine, "compiled_sampling", contextlib.nullcontext)

    def distance(context: Context) -> float:
        return float(np.linalg.norm(made.register(fixed, moving, context).apply(points) - compiled, axis=1).mean())

    assert distance(context) < 0.01
    assert distance(Context()) > 0.5  # a start is no trifle
