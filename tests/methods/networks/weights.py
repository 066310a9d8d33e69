"""Weights of LapIRN that are known."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from lumirage_bids.methods.networks.lapirn import LapIRN

Flavour = Literal["disp", "diff"]
flavours = pytest.mark.parametrize("flavour", ["disp", "diff"])


def zeros(flavour: Flavour = "disp") -> dict[str, torch.Tensor]:
    """Weights of a network that never moves anything."""
    return {name: torch.zeros_like(tensor) for name, tensor in LapIRN(flavour).state_dict().items()}
