"""LapIRN: the network's parts against known answers, the way from weights to a transform, and the real weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.measures.overlap import dice, scored_structures
from lumirage_bids.methods import Context, lapirn, method
from lumirage_bids.methods.alignment import align
from lumirage_bids.methods.networks import lapirn as _lapirn_network
from lumirage_bids.spatial.images import Volume, read_image, read_labels
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.transforms import Transform
from tests.methods.networks.weights import Flavour, flavours, zeros

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WEIGHTS = DATA / "weights" / "lapirn"
SCANS = DATA / "oasis-braincolor"


def pushes(by: float) -> dict[str, torch.Tensor]:
    """Weights whose coarsest level moves along the last axis by 0.4 softsign(by × fixed image) and the others by 0."""
    state, level = zeros(), "model_lvl2.model_lvl1."
    state[f"{level}input_encoder_lvl1.0.weight"][0, 1, 1, 1, 1] = 1  # feature 0 is the fixed image
    state[f"{level}input_encoder_lvl1.2.weight"][0, 0, 1, 1, 1] = 1
    # The head sees the features from below first and the encoder's second.
    state[f"{level}output_lvl1.0.weight"][0, 28, 1, 1, 1] = 1
    state[f"{level}output_lvl1.2.weight"][0, 0, 1, 1, 1] = by
    return state


def block(shape: tuple[int, int, int] = (33, 40, 46), turn: float = 15) -> Volume:
    """A bright box in a dark image with an oblique header, 2 mm."""
    array = np.zeros(shape, dtype=np.float32)
    array[4:-4, 4:-4, 4:-4] = 0.9
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    affine = np.array([[2 * c, -2 * s, 0, 5], [2 * s, 2 * c, 0, -70], [0, 0, 2, 30], [0, 0, 0, 1]])
    return Volume(array=array, affine=affine)


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
