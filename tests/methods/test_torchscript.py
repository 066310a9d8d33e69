"""Networks exported by TorchScript: small ones made here, whose displacement is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nibabel.affines import apply_affine
from torch import Tensor, nn

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.methods import Context, Method, method
from lumirage_bids.spatial.images import Volume

# torch.jit.save is how such files are made, whatever torch will recommend next.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.tensor results are registered as constants"),
]

SHAPE = (20, 24, 28)
SPACING = (1.0, 1.5, 2.0)
STEP = np.array([2.0, -1.5, 3.0])
"""Displacement along the network's axes, mm."""


class Shift(nn.Module):
    """The same displacement everywhere, where the first image is brighter than the second on average."""

    def __init__(self, by: Any) -> None:
        super().__init__()
        self.register_buffer("by", torch.tensor(np.asarray(by), dtype=torch.float32))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        field = self.by.reshape(1, 3, 1, 1, 1) * torch.ones_like(first)  # type: ignore[operator]
        return field if bool(first.mean() > second.mean()) else torch.zeros_like(field)


class Stacked(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, both: Tensor) -> Tensor:
        result: Tensor = self.inner(both[:, 0:1], both[:, 1:2])
        return result


class WithImage(nn.Module):
    """Like VoxelMorph: the warped image first, then the displacement."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, moving: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        return moving, self.inner(moving, fixed)


class Half(nn.Module):
    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        return torch.cat([moving, moving, moving], 1)[..., ::2]


class Refuses(nn.Module):
    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        return moving.reshape(7, 11)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[nn.Module], str]:
    def save(network: nn.Module) -> str:
        torch.jit.save(torch.jit.script(network), tmp_path / "network.pt")
        return str(tmp_path / "network.pt")

    return save


def images() -> tuple[Volume, Volume]:
    """A dim fixed and a bright moving image of one oblique grid."""
    c, s = np.cos(0.2), np.sin(0.2)
    affine = np.array([[c, -s, 0, 5], [s, c, 0, -70], [0, 0, 1, 30], [0, 0, 0, 1]])
    arrays = np.zeros((2, 22, 30, 40), dtype=np.float32)
    arrays[:, 4:-4, 4:-4, 4:-4] = np.random.default_rng(0).uniform(0.1, 1, (14, 22, 32))
    arrays[0] *= 0.5
    return Volume(array=arrays[0], affine=affine), Volume(array=arrays[1], affine=affine)


def made(model: str, **parameters: Any) -> Method:
    common = {"shape": SHAPE, "spacing": SPACING, "orientation": "RAS", "normalisation": "none"}
    return method("torchscript", model=model, **{**common, **parameters})


def moves(by: Method, axes: tuple[int, int, int] = (0, 1, 2), signs: tuple[int, int, int] = (1, 1, 1)) -> bool:
    """Whether the middle moves by `STEP`, whose components belong to these axes of the images."""
    fixed, moving = images()
    middle = apply_affine(fixed.affine, [11, 15, 20])
    along = np.zeros(3)
    along[list(axes)] = STEP * signs
    found = by.register(fixed, moving, Context()).apply(middle) - middle
    return bool(np.allclose(found, fixed.affine[:3, :3] @ along, atol=1e-4))


@pytest.mark.parametrize("components", ["xyz", "zyx"])
@pytest.mark.parametrize(
    ("units", "of_one"),
    [
        ("voxels", 1 / np.array(SPACING)),
        ("mm", np.ones(3)),
        ("normalised", 2 / (np.array(SPACING) * (np.array(SHAPE) - 1))),
        ("unit", 1 / (np.array(SPACING) * (np.array(SHAPE) - 1))),
    ],
)
def test_known_shift_in_every_unit_and_order(
    units: str, of_one: Any, components: str, saved: Callable[[nn.Module], str]
) -> None:
    step = STEP * of_one
    model = saved(Shift(step if components == "xyz" else step[::-1].copy()))
    assert moves(made(model, units=units, components=components))
    wrong = {"xyz": "zyx", "zyx": "xyz"}[components]
    assert not moves(made(model, units=units, components=wrong))


@pytest.mark.parametrize(
    ("orientation", "axes", "signs"),
    [("LPS", (0, 1, 2), (-1, -1, 1)), ("SPL", (2, 1, 0), (1, -1, -1)), ("ASR", (1, 2, 0), (1, 1, 1))],
)
def test_components_go_along_the_network_axes(
    orientation: str, axes: Any, signs: Any, saved: Callable[[nn.Module], str]
) -> None:
    assert moves(made(saved(Shift(STEP)), orientation=orientation, units="mm"), axes, signs)


def test_order_of_images(saved: Callable[[nn.Module], str]) -> None:
    model = saved(Shift(STEP))
    assert moves(made(model, units="mm", arguments="moving,fixed"))
    assert not moves(made(model, units="mm", arguments="fixed,moving"))


def test_images_as_channels_of_one_tensor(saved: Callable[[nn.Module], str]) -> None:
    assert moves(made(saved(Stacked(Shift(STEP))), units="mm", stacked=True))


def test_one_output_of_several(saved: Callable[[nn.Module], str]) -> None:
    model = saved(WithImage(Shift(STEP)))
    assert moves(made(model, units="mm", output=1))
    with pytest.raises(BadDataError, match=r"returned shape \(1, 1, 20, 24, 28\).*output \(now 0\)"):
        moves(made(model, units="mm"))
    with pytest.raises(BadDataError, match="returned tuple"):
        moves(made(model, units="mm", output=2))


def test_traced_networks_run_too(tmp_path: Path) -> None:
    class Plain(nn.Module):
        def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
            return torch.tensor(STEP, dtype=torch.float32).reshape(1, 3, 1, 1, 1) * torch.ones_like(moving)

    example = torch.zeros(1, 1, *SHAPE)
    traced = torch.jit.trace(Plain(), (example, example))  # type: ignore[no-untyped-call]
    torch.jit.save(traced, tmp_path / "traced.pt")
    assert moves(made(str(tmp_path / "traced.pt"), units="mm"))


def test_network_gets_the_normalised_image(saved: Callable[[nn.Module], str]) -> None:
    """Scaled to [0, 1] on their own, the two images are equal, and the network does not move them."""
    assert not moves(made(saved(Shift(STEP)), units="mm", normalisation="minmax"))


@pytest.mark.parametrize(
    ("network", "said"),
    [(Half(), r"shape \(1, 3, 20, 24, 14\); a displacement of shape \(1, 3, 20, 24, 28\)"), (Refuses(), "shape")],
)
def test_what_does_not_fit_is_said(network: nn.Module, said: str, saved: Callable[[nn.Module], str]) -> None:
    with pytest.raises(BadDataError, match=said) as caught:
        moves(made(saved(network)))
    assert "network.pt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["text", "state dict"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "network.pt"
    if content == "text":
        file.write_text("not a network")
    else:
        torch.save(Shift(STEP).state_dict(), file)
    with pytest.raises(BadDataError, match=r"network\.pt cannot be loaded: (?!.*miniz).*torch\.jit\.save"):
        moves(made(str(file)))


def test_model_is_looked_for_in_the_folder_of_weights(saved: Callable[[nn.Module], str]) -> None:
    path = Path(saved(Shift(STEP)))
    assert "parameter model is not set" in str(method("torchscript").missing(Context()))
    assert method("torchscript").files(Context()) == ()
    complaint = made("network.pt").missing(Context(weights=path.parent / "elsewhere"))
    assert f"no file {path.parent / 'elsewhere' / 'network.pt'}" in str(complaint)
    assert "elsewhere" in str(complaint)
    assert made("network.pt").missing(Context(weights=path.parent)) is None
    assert made("network.pt").files(Context(weights=path.parent)) == (path,)
    with pytest.raises(MissingInputError, match="no file"):
        moves(made("absent.pt"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shape": [1, 2, 3]}, "at least 2"),
        ({"shape": [20, 20]}, "must be a list of 3 whole numbers\\."),
        ({"orientation": "RRR"}, "one each of L/R"),
        ({"spacing": 0}, "above 0"),
        ({"units": "metres"}, "'voxels' or 'mm'"),
        ({"output": -1}, "counted from 0"),
    ],
)
def test_parameters_are_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        method("torchscript", **wrong)


def test_input_is_told_in_words() -> None:
    told = "20 × 24 × 28 voxels of 1 × 1.5 × 2 mm, RAS, normalisation none"
    assert made("network.pt").own_input.words == told
