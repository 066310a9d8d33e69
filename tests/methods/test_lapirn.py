"""LapIRN: the network's parts against known answers, the way from weights to a transform, and the real weights."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.measures.overlap import dice, scored_structures
from lumirage_bids.methods import Context, lapirn, method
from lumirage_bids.methods.alignment import align
from lumirage_bids.methods.networks import lapirn as _lapirn_network
from lumirage_bids.methods.networks.lapirn import LapIRN, integrated, sampled
from lumirage_bids.spatial.images import Volume, read_image, read_labels
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.transforms import Transform

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WEIGHTS = DATA / "weights" / "lapirn"
SCANS = DATA / "oasis-braincolor"
Flavour = Literal["disp", "diff"]
flavours = pytest.mark.parametrize("flavour", ["disp", "diff"])


def coordinates(shape: tuple[int, int, int]) -> torch.Tensor:
    """Normalised coordinates of voxel centres, last axis first, shape (1, 3, X, Y, Z)."""
    axes = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij")
    return torch.stack(axes[::-1])[None]


def zeros(flavour: Flavour = "disp") -> dict[str, torch.Tensor]:
    """Weights of a network that never moves anything."""
    return {name: torch.zeros_like(tensor) for name, tensor in LapIRN(flavour).state_dict().items()}


def pushes(by: float) -> dict[str, torch.Tensor]:
    """Weights whose coarsest level moves along the last axis by 0.4 softsign(by × fixed image) and the others by 0."""
    state, level = zeros(), "model_lvl2.model_lvl1."
    state[f"{level}input_encoder_lvl1.0.weight"][0, 1, 1, 1, 1] = 1  # feature 0 is the fixed image
    state[f"{level}input_encoder_lvl1.2.weight"][0, 0, 1, 1, 1] = 1
    # The head sees the features from below first and the encoder's second.
    state[f"{level}output_lvl1.0.weight"][0, 28, 1, 1, 1] = 1
    state[f"{level}output_lvl1.2.weight"][0, 0, 1, 1, 1] = by
    return state


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any], Path]:
    def save(content: Any) -> Path:
        torch.save(content, tmp_path / "weights.pth")
        return tmp_path / "weights.pth"

    return save


def block(shape: tuple[int, int, int] = (33, 40, 46), turn: float = 15) -> Volume:
    """A bright box in a dark image with an oblique header, 2 mm."""
    array = np.zeros(shape, dtype=np.float32)
    array[4:-4, 4:-4, 4:-4] = 0.9
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    affine = np.array([[2 * c, -2 * s, 0, 5], [2 * s, 2 * c, 0, -70], [0, 0, 2, 30], [0, 0, 0, 1]])
    return Volume(array=array, affine=affine)


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
    torch.testing.assert_close(sampled(image, displacement), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rate", [-0.5, 0.2])
def test_linear_velocity_becomes_its_exponential(rate: float) -> None:
    places = coordinates((9, 9, 9))
    # Only inside, as what comes from beyond the border is not known.
    inner = slice(2, -2)
    found = integrated(rate * places)[..., inner, inner, inner]
    expected = ((1 + rate / 128) ** 128 - 1) * places[..., inner, inner, inner]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert (1 + rate / 128) ** 128 == pytest.approx(np.exp(rate), rel=2e-3)


def test_constant_velocity_is_the_displacement() -> None:
    velocity = torch.tensor([0.1, -0.2, 0.05])[None, :, None, None, None].expand(1, 3, 6, 7, 8)
    torch.testing.assert_close(integrated(velocity), velocity)


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
    quarter = [_lapirn_network._halved(_lapirn_network._halved(image)) for image in (moving, fixed)]
    with torch.inference_mode():
        coarse = coarsest._level(*quarter)[0]
        expected = _lapirn_network._doubled(_lapirn_network._doubled(coarse))
        if flavour == "diff":
            expected = integrated(expected)
        torch.testing.assert_close(network(moving, fixed), expected)


@pytest.mark.parametrize("size", ["as-given", "trained"])
def test_known_weights_give_a_known_shift_in_the_world(
    size: str, saved: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lapirn, "SHAPE", (80, 88, 96))
    image, by = block(), 0.3
    made = method("lapirn", weights=str(saved(pushes(by))), input=size, peak=0.5)
    found = made.register(image, image, Context())
    middle = image.affine @ [16, 20, 23, 1]
    # The image is scaled to its peak: 1 as given, 0.5 as trained. Padding makes the last axis 48 voxels of 2 mm.
    bright, length = (1.0, 2 * 47) if size == "as-given" else (0.5, 95)
    expected = 0.4 * by * bright / (1 + by * bright) * length / 2
    np.testing.assert_allclose(found.apply(middle[:3]) - middle[:3], expected * image.affine[:3, 2] / 2, atol=1e-3)
    corner = image.affine @ [1, 1, 1, 1]
    assert np.linalg.norm(found.apply(corner[:3]) - corner[:3]) < 0.2 * expected


@flavours
def test_network_that_adds_nothing_moves_nothing(flavour: Flavour, saved: Callable[[Any], Path]) -> None:
    image = block()
    made = method("lapirn", flavour=flavour, weights=str(saved(zeros(flavour))), input="as-given")
    points = image.affine[:3, 3] + np.random.default_rng(0).uniform(0, 60, (20, 3))
    np.testing.assert_allclose(made.register(image, image, Context()).apply(points), points, atol=1e-5)


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


def test_missing_weights_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    for context in (Context(), Context(weights=tmp_path)):
        complaint = method("lapirn", flavour="diff").missing(context)
        assert complaint is not None
        assert method("lapirn").files(context) == ()
        for needed in ("LapIRN_diff_fea7.pth", "github.com/cwmok/LapIRN", "LUMIRAGE_WEIGHTS", "parameter weights"):
            assert needed in complaint
    given = method("lapirn", weights=str(tmp_path / "mine.pth"))
    assert str(tmp_path / "mine.pth") in str(given.missing(Context(weights=tmp_path)))
    with pytest.raises(MissingInputError, match=r"mine\.pth"):
        given.register(block(), block(), Context())


@pytest.mark.parametrize("folder", [".", "lapirn"])
def test_weights_are_found_and_are_what_the_result_depends_on(folder: str, tmp_path: Path) -> None:
    file = tmp_path / folder / "LapIRN_disp_fea7.pth"
    file.parent.mkdir(exist_ok=True)
    torch.save(zeros(), file)
    context = Context(weights=tmp_path)
    assert method("lapirn").missing(context) is None
    assert [path.resolve() for path in method("lapirn").files(context)] == [file.resolve()]
    assert method("lapirn", flavour="diff").missing(context) is not None
    elsewhere = method("lapirn", flavour="diff", weights=str(file))
    assert elsewhere.files(Context()) == (file,)


def test_input_is_told_in_words() -> None:
    assert method("lapirn").own_input.words == "160 × 192 × 144 voxels of 1 mm, RAS, intensities 0 to 0.5"
    assert "multiples of 8" in str(method("lapirn", input="as-given").own_input)


def test_peak_is_checked() -> None:
    for peak in (0, -1, 1.5):
        with pytest.raises(UsageError, match="above 0 and at most 1"):
            method("lapirn", peak=peak)


@flavours
@pytest.mark.skipif(not WEIGHTS.exists(), reason="the published weights are not here")
def test_published_weights_fit(flavour: Flavour) -> None:
    file = method("lapirn", flavour=flavour).files(Context(weights=WEIGHTS))[0]
    network = _lapirn_network.load(file, flavour, torch.device("cpu"))
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


@pytest.mark.slow
@flavours
@pytest.mark.skipif(not (WEIGHTS.exists() and SCANS.exists()), reason="published weights and real scans are not here")
def test_real_scans_are_registered(flavour: Flavour) -> None:
    """Mean Dice of 138 structures: 0.41 by the affine start, 0.66 (disp) and 0.60 (diff) when last measured."""
    fixed, fixed_labels = _prepared("1000")
    moving, moving_labels = _prepared("1001")
    start = align(fixed, moving)
    started = replace(moving, affine=np.linalg.inv(start) @ moving.affine)
    found = method("lapirn", flavour=flavour).register(fixed, started, Context(weights=WEIGHTS))
    indices = scored_structures(fixed_labels.array, moving_labels.array, range(1, 500))
    before, after = (
        transfer_labels(moving_labels, step.then(Transform((start,))), fixed_labels.shape, fixed_labels.affine)
        for step in (Transform(), found)
    )
    gain = dice(fixed_labels.array, after, indices).mean() - dice(fixed_labels.array, before, indices).mean()
    assert gain > {"disp": 0.22, "diff": 0.17}[flavour]


def _prepared(subject: str) -> tuple[Volume, Volume]:
    """Prepared image, and its label map."""
    stem = f"sub-{subject}/ses-1/anat/sub-{subject}_ses-1"
    made = SCANS / "derivatives" / "braincolor"
    mask = read_labels(made / f"{stem}_desc-brain_mask.nii.gz")
    prepared = prepare(read_image(SCANS / f"{stem}_T1w.nii.gz"), mask, Preparation())
    return prepared.image, read_labels(made / f"{stem}_seg-braincolor_dseg.nii.gz")
