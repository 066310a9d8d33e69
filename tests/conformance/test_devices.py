"""The same registration wherever it is computed: by compiled loops, by PyTorch's operations, on a GPU."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lumirage_bids.methods import Context, method
from lumirage_bids.methods.fireants import engine, lncc, mind, register
from lumirage_bids.spatial.transforms import Transform
from tests.methods.fireants.test_register import volume

OBLIQUE = np.array([[0.0, -1.9, 0.3], [1.8, 0.0, 0.0], [0.0, 0.3, 2.1]])
FIXED, MOVING = volume(2 * np.eye(3), 3.0), volume(OBLIQUE, 0.0)
POINTS = np.argwhere(FIXED.array > 0.2) @ FIXED.affine[:3, :3].T + FIXED.affine[:3, 3]
SIMILARITIES = ("lncc", "mind", "mind-lncc")


def moved(name: str, similarity: str, device: str) -> npt.NDArray[np.float64]:
    """Where the ball's points go, mm."""
    made = method(name, similarity=similarity, scales=[2, 1], iterations=[6, 2])
    transform: Transform = made.register(FIXED, MOVING, Context(device=device))
    return transform.apply(POINTS)


def apart(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(one - other, axis=1).mean())


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_pytorch_computes_what_the_compiled_loops_do(similarity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU runs; that SyN does too is in tests/methods/fireants/test_warm_start.py."""
    compiled = moved("greedy", similarity, "cpu")
    for module in (engine, register, lncc, mind):
        monkeypatch.setattr(module, "fits_kernels", lambda _: False)
    monkeypatch.setattr(engine, "compiled_sampling", contextlib.nullcontext)
    assert apart(moved("greedy", similarity, "cpu"), compiled) < 0.02 * apart(compiled, POINTS)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "similarity"), [*itertools.product(("greedy", "syn"), SIMILARITIES)])
def test_a_gpu_computes_what_the_cpu_does(name: str, similarity: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    compiled = moved(name, similarity, "cpu")
    assert apart(moved(name, similarity, "cuda"), compiled) < 0.02 * apart(compiled, POINTS)


def test_what_is_compared_is_a_registration() -> None:
    truth = POINTS + 3.0 * np.sin(POINTS[:, [1, 2, 0]] / 11)
    assert apart(moved("greedy", "lncc", "cpu"), truth) < 0.7 * apart(POINTS, truth)
