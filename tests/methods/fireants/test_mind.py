"""Self-similarity context, compiled and by torch, against its definition, torch's differentiation and its promises."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter

from lumirage_bids.base.errors import UsageError
from lumirage_bids.methods.fireants import compiled
from lumirage_bids.methods.fireants.lncc import LocalNormalisedCrossCorrelation
from lumirage_bids.methods.fireants.mind import LARGEST, MindSsc, describe, descriptor

DTYPES = [torch.float32, torch.float64]
SHAPE = (7, 9, 8)
Array = npt.NDArray[np.float64]


def noise(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Array:
    return np.random.default_rng(seed).random(shape)


def tissues(size: int = 40) -> Array:
    """Four tissues in smooth shapes, with partial volume."""
    smooth = gaussian_filter(noise(3, (size,) * 3), 3)
    ranks = np.interp(smooth, np.quantile(smooth, [0, 1]), [0, 1])
    return np.asarray(gaussian_filter(np.digitize(ranks, [0.35, 0.5, 0.65]) / 3, 0.7))


def tensor(image: Array, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.from_numpy(image.copy())[None, None].to(dtype)


def half_flat(dtype: torch.dtype = torch.float64, shape: tuple[int, ...] = (37, 12, 13)) -> list[torch.Tensor]:
    """Two images of several slabs, one faint, one flat in part, where the variance is held at its least value."""
    first, second = noise(0, shape), noise(1, shape)
    first[:20, :, 4:] *= 0.01
    second[10:30, 2:] = 0.5
    return [tensor(image, dtype) for image in (first, second)]


def by_definition(image: Array, radius: int, dilation: int) -> Array:
    """Every edge by itself, on an image so far replicated that nothing reaches its end."""
    margin = radius + dilation
    padded = np.pad(image, margin, mode="edge")
    inner = (slice(margin, -margin),) * 3
    neighbours = [sign * dilation * axis for axis in np.eye(3, dtype=int) for sign in (-1, 1)]
    distances = []
    for a, b in combinations(neighbours, 2):
        if np.sum((a - b) ** 2) == 2 * dilation**2:
            difference = np.roll(padded, -a, (0, 1, 2)) - np.roll(padded, -b, (0, 1, 2))
            distances.append(uniform_filter(difference**2, 2 * radius + 1, mode="constant")[inner])
    above = np.array(distances) - np.min(distances, axis=0)
    variance = np.mean(above, axis=0)
    return np.asarray(np.exp(-above / np.clip(variance, 0.001 * variance.mean(), 1000 * variance.mean())))


@pytest.mark.parametrize(("radius", "dilation"), [(2, 2), (1, 1), (0, 3), (3, 1)])
@pytest.mark.parametrize("shape", [SHAPE, (20, 3, 5), (2, 6, 4)])
def test_descriptor_is_the_definition(shape: tuple[int, ...], radius: int, dilation: int) -> None:
    image = noise(shape=shape)
    found = descriptor(torch.from_numpy(image), radius, dilation).numpy()
    wanted = by_definition(image, radius, dilation)
    assert found.shape == wanted.shape == (12, *shape)
    # Channels may come in any order, but the same one everywhere.
    order = [np.abs(found - channel).max(axis=(1, 2, 3)).argmin() for channel in wanted]
    assert sorted(order) == list(range(12))
    np.testing.assert_allclose(found[order], wanted, atol=1e-10)


@pytest.mark.parametrize(("radius", "dilation"), [(2, 2), (1, 1), (0, 3), (3, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_images_are_described_alike_compiled_and_by_torch(dtype: torch.dtype, radius: int, dilation: int) -> None:
    for image in (half_flat(dtype)[0][0, 0], torch.zeros(SHAPE, dtype=dtype)):
        wanted = descriptor(image.double(), radius, dilation)
        torch.testing.assert_close(describe(image, radius, dilation).double(), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("radius", "dilation"), [(2, 2), (1, 1), (0, 3), (3, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_is_the_definition(dtype: torch.dtype, radius: int, dilation: int) -> None:
    images = half_flat(dtype)
    first, second = (by_definition(t[0, 0].double().numpy(), radius, dilation) for t in images)
    value = MindSsc(radius, dilation)(*images).item()
    assert value == pytest.approx(np.mean((first - second) ** 2), rel=1e-10 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize(("radius", "dilation"), [(2, 2), (1, 1), (0, 3), (3, 1)])
def test_compiled_gradients_are_those_of_automatic_differentiation(radius: int, dilation: int) -> None:
    images = [t.requires_grad_() for t in half_flat(torch.float32)]
    exact = [t.detach().double().requires_grad_() for t in images]
    for pair in (images, exact):
        (3 * MindSsc(radius, dilation)(*pair)).backward()
    for found, wanted in zip(images, exact, strict=True):
        largest = wanted.grad.abs().max()
        assert largest > 0
        assert (found.grad - wanted.grad).abs().max() < 1e-5 * largest


def test_gradients_pass_gradcheck() -> None:
    """Where no variance is held the mean variance does not matter, so that the gradient is the whole derivative."""
    images = [tensor(noise(seed, (4, 5, 3))).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(MindSsc(1, 1), images, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_falls_along_the_gradient_as_it_says(dtype: torch.dtype) -> None:
    loss = MindSsc()
    images = [tensor(np.roll(tissues(), shift, 0), dtype).requires_grad_() for shift in (0, 1)]
    before = loss(*images)
    gradients = torch.autograd.grad(before, images)
    promised = 0.01 * before.item()
    step = promised / sum(g.square().sum().item() for g in gradients)
    after = loss(*(image.detach() - step * g for image, g in zip(images, gradients, strict=True)))
    assert before.item() - after.item() == pytest.approx(promised, rel=0.1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_what_is_asked_for_gets_a_gradient(dtype: torch.dtype) -> None:
    both = [t.requires_grad_() for t in half_flat(dtype)]
    MindSsc()(*both).backward()
    for own in (0, 1):
        images = half_flat(dtype)
        images[own].requires_grad_()
        MindSsc()(*images).backward()
        assert images[1 - own].grad is None
        torch.testing.assert_close(images[own].grad, both[own].grad)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=20)
@given(gain=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]), offset=st.floats(-10, 10))
@example(gain=1.0, sign=-1, offset=1.0)
def test_gain_offset_and_inversion_do_not_matter(dtype: torch.dtype, gain: float, sign: int, offset: float) -> None:
    image, other = (t.double() for t in half_flat(torch.float32))
    changed = sign * gain * (image + offset)
    loss = MindSsc()
    tiny = 1e-20 if dtype == torch.float64 else 1e-8  # of squared rounding errors, relative to image + offset
    assert loss(image.to(dtype), changed.to(dtype)).item() < tiny
    assert loss(changed.to(dtype), other.to(dtype)).item() == pytest.approx(
        loss(image.to(dtype), other.to(dtype)).item(), rel=1e-9 if dtype == torch.float64 else 1e-3
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_loss_grows_with_a_shift_from_zero(dtype: torch.dtype) -> None:
    image = tissues()
    losses = [MindSsc()(tensor(image, dtype), tensor(np.roll(image, n, 0), dtype)).item() for n in range(5)]
    assert losses[0] == 0
    assert np.diff(losses).min() > 0.01


def test_another_contrast_matters_less_than_a_shift_by_one_voxel() -> None:
    """Unlike for the local correlation, whose windows hold tissues that the new contrast ranks in another order."""
    image = tissues()
    own, shifted, other = (tensor(i, torch.float32) for i in (image, np.roll(image, 1, 0), (1 - image) ** 2 * image))
    mind, lncc = MindSsc(), LocalNormalisedCrossCorrelation(7)
    assert mind(own, other) < 0.7 * mind(own, shifted)
    assert lncc(own, other) > lncc(own, shifted) + 0.1


@pytest.mark.parametrize("dtype", DTYPES)
def test_flat_images_have_no_gradient_and_no_nan(dtype: torch.dtype) -> None:
    flat, textured = tensor(np.full(SHAPE, 0.3), dtype), tensor(noise(), dtype)
    faint = flat * 0 + textured * 1e-22
    for first in (flat, faint):
        first.requires_grad_()
        loss = MindSsc()(first, textured)
        loss.backward()
        assert 0 < loss.item() < 1
        assert torch.isfinite(first.grad).all()
    assert not flat.grad.any()
    assert MindSsc()(flat, 2 * flat.detach()).item() == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("amplitude", [0, 1e-7, 1e-5])
def test_background_does_not_outweigh_the_image(dtype: torch.dtype, amplitude: float) -> None:
    inside = np.s_[10:30, 10:30, 10:30]
    images = []
    for seed in (1, 2):
        image = amplitude * noise(seed, (40, 40, 40))
        image[inside] += tissues(20)
        images.append(tensor(np.roll(image, seed, 2), dtype))
    images[0].requires_grad_()
    MindSsc()(*images).backward()
    gradient = images[0].grad[0, 0].abs()
    assert torch.isfinite(gradient).all()
    assert gradient[:6].max() < 0.1 * gradient.max()


def test_threads_do_not_change_the_result() -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            images = [tensor(noise(seed, (70, 8, 9)), torch.float32).requires_grad_() for seed in (1, 2)]
            loss = MindSsc(2, LARGEST)(*images)
            loss.backward()
            results.append((loss.item(), *(image.grad for image in images)))
    finally:
        torch.set_num_threads(before)
    assert results[0][0] == results[1][0]
    assert all(torch.equal(one, three) for one, three in zip(results[0][1:], results[1][1:], strict=True))


def test_neighbouring_slabs_are_apart() -> None:
    assert LARGEST <= compiled.SLAB


def test_channels_are_averaged() -> None:
    loss = MindSsc()
    a, b, c, d = (tensor(noise(seed)) for seed in range(4))
    both = loss(torch.cat([a, c], dim=1), torch.cat([b, d], dim=1)).item()
    assert both == pytest.approx((loss(a, b).item() + loss(c, d).item()) / 2)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        MindSsc()(torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 5))


@pytest.mark.parametrize("wrong", [{"radius": -1}, {"dilation": 0}, {"dilation": LARGEST + 1}])
def test_patch_and_edges_must_be_possible(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} of MIND-SSC"):
        MindSsc(**wrong)
