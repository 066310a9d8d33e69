"""The network itself: as published, and read from files without running code."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.methods.networks import lapirn as _lapirn_network
from lumirage_bids.methods.networks.lapirn import LapIRN, integrate, sample
from tests.methods.networks.weights import Flavour, flavours, zeros


def coordinates(shape: tuple[int, int, int]) -> torch.Tensor:
    """Normalised coordinates of voxel centres, last axis first, shape (1, 3, X, Y, Z)."""
    axes = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij")
    return torch.stack(axes[::-1])[None]


def test_network_is_the_published_one() -> None:
    state = LapIRN("disp").state_dict()
    assert len(state) == 48
    assert sum(tensor.numel() for tensor in state.values()) == 923748
    assert state["model_lvl2.model_lvl1.input_encoder_lvl1.0.weight"].shape == (28, 2, 3, 3, 3)
    assert state["input_encoder_lvl1.0.weight"].shape == (28, 5, 3, 3, 3)


@pytest.mark.parametrize("component", [0, 1, 2])
def test_image_is_sampled_along_the_axes_last_first(component: int) -> None:
    image = torch.rand(1, 2, 5, 6, 7)
    axis = 4 - component
    displacement = torch.zeros(1, 3, 5, 6, 7)
    displacement[:, component] = 2 / (image.shape[axis] - 1)  # one voxel
    expected = torch.cat((image.narrow(axis, 1, image.shape[axis] - 1), image.narrow(axis, -1, 1)), axis)
    torch.testing.assert_close(sample(image, displacement), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rate", [-0.5, 0.2])
def test_linear_velocity_becomes_its_exponential(rate: float) -> None:
    places = coordinates((9, 9, 9))
    # Only inside, as what comes from beyond the border is not known.
    inner = slice(2, -2)
    found = integrate(rate * places)[..., inner, inner, inner]
    expected = ((1 + rate / 128) ** 128 - 1) * places[..., inner, inner, inner]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert (1 + rate / 128) ** 128 == pytest.approx(np.exp(rate), rel=2e-3)


def test_constant_velocity_is_the_displacement() -> None:
    velocity = torch.tensor([0.1, -0.2, 0.05])[None, :, None, None, None].expand(1, 3, 6, 7, 8)
    torch.testing.assert_close(integrate(velocity), velocity)


@flavours
def test_result_does_not_depend_on_levels_joined_or_apart(flavour: Flavour) -> None:
    """A network whose finer levels add nothing gives the coarsest level's field, interpolated."""
    torch.manual_seed(0)
    network = LapIRN(flavour).eval()
    for name, tensor in network.state_dict().items():
        if name.startswith(("output_lvl1.2", "model_lvl2.output_lvl1.2")):
            tensor.zero_()
    moving, fixed = torch.rand(2, 1, 1, 16, 24, 32)
    coarsest: Any = network.get_submodule("model_lvl2.model_lvl1")
    quarter = [_lapirn_network._halve(_lapirn_network._halve(image)) for image in (moving, fixed)]
    with torch.inference_mode():
        coarse = coarsest._level(*quarter)[0]
        expected = _lapirn_network._double(_lapirn_network._double(coarse))
        if flavour == "diff":
            expected = integrate(expected)
        torch.testing.assert_close(network(moving, fixed), expected)


class Malicious:
    """Unpickling it would run code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code in the checkpoint was run",))


def _wrong_files() -> dict[str, bytes | object]:
    one_gone, one_wrong, zero = zeros(), zeros(), zeros()
    del one_gone["up.weight"]
    one_wrong["up.weight"] = torch.zeros(28, 28, 3, 3, 3)
    return {
        "empty": b"",
        "text": b"weights are here: https://example.org\n",
        "pickle with code": pickle.dumps(Malicious(), protocol=2),
        "checkpoint with code": {"model": Malicious()},
        "a tensor": torch.zeros(3),
        "a training checkpoint": {"model": zero, "epoch": 3},
        "a tensor less": one_gone,
        "a tensor of another shape": one_wrong,
    }


@pytest.mark.parametrize("kind", _wrong_files())
def test_wrong_files_are_refused_and_no_code_is_run(
    kind: str, saved: Callable[[Any], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    content = _wrong_files()[kind]
    path = saved(content)
    if isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(BadDataError, match="Expected is the state dict of a LapIRN") as caught:
        _lapirn_network.load(path, "disp", torch.device("cpu"))
    assert str(path) in str(caught.value)
    if "another shape" in kind or "less" in kind:
        assert "up.weight" in str(caught.value)
    assert "was run" not in capsys.readouterr().out


def test_truncated_weights_are_refused(saved: Callable[[Any], Path]) -> None:
    path = saved(zeros())
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadDataError, match="no checkpoint that can be loaded"):
        _lapirn_network.load(path, "disp", torch.device("cpu"))
