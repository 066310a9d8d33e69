"""Smooth warps to step from."""

from __future__ import annotations

import numpy as np
import torch

from lumirage_bids.methods.fireants import engine

SIZE = (20, 17, 18)
LINEAR = np.array([[0.0, -1.1, 0.1], [0.9, 0.0, 0.0], [0.05, 0.0, 1.2]])


def parameter(seed: int, scale: float = 0.03) -> torch.nn.Parameter:
    """A smooth warp with a gradient."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, 3, 5, 5, 5, generator=generator)
    warp, gradient = torch.nn.functional.interpolate(coarse, size=SIZE, mode="trilinear").movedim(1, -1)
    made = torch.nn.Parameter((scale * warp)[None].contiguous())
    made.grad = gradient[None].contiguous()
    return made


def optimiser(warp: torch.nn.Parameter, linear: np.ndarray) -> engine.Optimiser:
    return engine.Optimiser(warp, linear, step=0.75, smooth_warp_sigma=0.5, smooth_grad_sigma=1.0)
