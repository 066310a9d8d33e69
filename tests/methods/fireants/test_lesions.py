"""What lies in a lesion pulls at nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from lumirage_bids.methods import method
from lumirage_bids.methods.base import Context
from lumirage_bids.methods.fireants.lesions import WithoutLesions, fill_in, lesion_channel
from lumirage_bids.methods.fireants.lncc import SMOOTH, LocalNormalisedCrossCorrelation
from lumirage_bids.methods.fireants.mind import MindSsc
from lumirage_bids.methods.fireants.mutual_information import MutualInformation
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import warp

LOSSES = [LocalNormalisedCrossCorrelation(5), MutualInformation(), MindSsc(radius=1, dilation=1)]
SHAPE = (9, 10, 8)


def images(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    first = torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    second = 0.6 * first + 0.4 * torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    return [image[None, None].to(dtype) for image in (first, second)]


def lesion() -> torch.Tensor:
    found = torch.zeros(1, 1, *SHAPE, dtype=torch.float64)
    found[..., 3:7, 4:8, 2:6] = 1
    return found


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_lesion_the_loss_is_the_same(loss: torch.nn.Module, dtype: torch.dtype) -> None:
    pair = images(dtype)
    padded = [torch.cat([image, torch.zeros_like(image)], 1).requires_grad_() for image in pair]
    plain = [image.clone().requires_grad_() for image in pair]
    masked, usual = WithoutLesions(loss)(*padded), loss(*plain)
    torch.testing.assert_close(masked, usual)
    masked.backward()
    usual.backward()
    for ours, theirs in zip(padded, plain, strict=True):
        torch.testing.assert_close(ours.grad[:, :1], theirs.grad, rtol=1e-3, atol=1e-7)
        assert not ours.grad[:, 1:].any()


@pytest.mark.parametrize("loss", LOSSES[:2])
@pytest.mark.parametrize("side", [0, 1])
def test_intensities_in_a_lesion_play_no_part(loss: torch.nn.Module, side: int) -> None:
    """Neither the lesion's own nor what the other image shows there: in windows and histograms they do not occur."""
    results = []
    for change in (0.0, 1.0):
        pair = images()
        pair[0][lesion() > 0] = pair[1][lesion() > 0] = change
        given = [torch.cat([image, torch.zeros_like(image)], 1) for image in pair]
        given[side][:, 1:] = lesion()
        given = [image.requires_grad_() for image in given]
        value = WithoutLesions(loss)(*given)
        value.backward()
        results.append((value.item(), *(image.grad[:, :1] for image in given)))
        assert not any(image.grad[:, :1][lesion() > 0].any() for image in given)
        assert all(image.grad[:, :1].any() for image in given)
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-9)
    for first, second in zip(results[0][1:], results[1][1:], strict=True):
        torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-12)


def test_windows_hold_what_is_no_lesion() -> None:
    """The definition: every window by itself; beyond the image there are zeros, which are no lesion."""
    first, second = (image[0, 0].numpy() for image in images())
    weight = 1 - lesion()[0, 0].numpy()
    padded = [np.pad(first, 2), np.pad(second, 2), np.pad(weight, 2, constant_values=1)]
    values = []
    for z, y, x in itertools.product(*map(range, SHAPE)):
        i, j, w = (p[z : z + 5, y : y + 5, x : x + 5].ravel() for p in padded)
        if weight[z, y, x]:
            i, j = i[w > 0], j[w > 0]
            covariance = np.mean(i * j) - i.mean() * j.mean()
            variances = [max(np.mean(k * k) - k.mean() ** 2, SMOOTH) for k in (i, j)]
            values.append((covariance**2 + SMOOTH) / (variances[0] * variances[1] + SMOOTH))
    value = LocalNormalisedCrossCorrelation(5)(*images(), torch.from_numpy(weight)[None, None])
    assert value.item() == pytest.approx(-np.mean(values), rel=1e-9)


def test_gradients_pass_gradcheck_with_weights_of_any_size() -> None:
    weight = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    weight[lesion() > 0] = 0
    pair = [image[..., 2:5, 2:6, :3].contiguous().requires_grad_() for image in images()]
    part = weight[..., 2:5, 2:6, :3]
    loss = LocalNormalisedCrossCorrelation(3)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, part), pair, eps=1e-6, atol=1e-8)


def test_a_lesion_is_brought_onto_its_image() -> None:
    image = Volume(array=np.zeros((6, 6, 6), np.float32), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    fine = np.zeros((12, 12, 12), np.float32)
    fine[4:8, 4:8, 4:8] = 1
    own = np.diag([-1.0, 1.0, 1.0, 1.0])
    own[:3, 3] = 10.5, -0.5, -0.5
    channel = lesion_channel(image, Volume(array=fine, affine=own)).array
    expected = np.zeros((6, 6, 6), np.float32)
    expected[2:4, 2:4, 2:4] = 1
    np.testing.assert_array_equal(channel, expected)
    assert not lesion_channel(image, None).array.any()


def test_a_lesion_is_filled_in_as_what_is_around_it() -> None:
    x = np.indices((30, 30, 30))[0].astype(np.float32)
    image = Volume(array=x, affine=np.eye(4))
    inside = np.zeros(x.shape, np.float32)
    inside[13:17, 13:17, 13:17] = 1
    hole = replace(image, array=np.where(inside > 0, -100, x).astype(np.float32))
    filled = fill_in(hole, Volume(array=inside, affine=np.eye(4))).array
    np.testing.assert_array_equal(filled[inside == 0], x[inside == 0])
    assert np.abs(filled - x).max() < 2
    assert fill_in(hole, None) is hole
    inside[1:29, 1:29, 1:29] = 1
    deep = fill_in(hole, Volume(array=inside, affine=np.eye(4))).array
    assert deep[14, 14, 14] == pytest.approx(14.5, abs=1)


def scene() -> tuple[Volume, Volume, Volume]:
    """A texture, the same with a dark ball in it, and the ball."""
    noise = gaussian_filter(np.random.default_rng(0).random((36, 36, 36)), 2)
    texture = ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)
    inside = (np.moveaxis(np.indices(texture.shape), 0, -1) - 17.5) ** 2
    ball = (inside.sum(-1) < 8**2).astype(np.float32)
    fixed, there = (Volume(array=a, affine=np.diag([2.0, 2.0, 2.0, 1.0])) for a in (texture, ball))
    return fixed, replace(fixed, array=np.where(ball > 0, 0.05, texture).astype(np.float32)), there


@pytest.mark.parametrize(
    ("name", "similarity"), [("greedy", "lncc"), ("syn", "lncc"), ("greedy", "mind"), ("greedy", "mind-lncc")]
)
def test_a_lesion_keeps_its_volume_where_it_is_left_out(name: str, similarity: str) -> None:
    """The same image with a lesion and without: the true map is the identity, and the lesion's volume its own."""
    fixed, moving, ball = scene()
    sizes = {}
    for masked in (False, True):
        registered = method(name, similarity=similarity, mask_lesions=masked, scales=(2, 1), iterations=(8, 2))
        context = Context(moving_lesion=ball if registered.masks_lesions else None)
        moved = warp(ball, registered.register(fixed, moving, context), fixed).array
        sizes[masked] = abs(np.log(moved.sum() / ball.array.sum()))
    assert sizes[True] < 0.1
    assert sizes[False] > 0.2


def test_the_map_is_the_same_whatever_a_lesion_looks_like() -> None:
    """At reduced scales too, where smoothing brings something of it to its neighbours."""
    fixed, moving, ball = scene()
    fixed = replace(fixed, array=np.roll(fixed.array, 1, axis=0))
    registered = method("greedy", mask_lesions=True, scales=(2, 1), iterations=(6, 2))
    fields = []
    for darkness in (0.05, 0.95):
        array = np.where(ball.array > 0, darkness, moving.array).astype(np.float32)
        (field,) = registered.register(fixed, replace(moving, array=array), Context(moving_lesion=ball)).steps
        fields.append(field.vectors)
    assert np.abs(fields[0]).max() > 1
    np.testing.assert_array_equal(*fields)


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_either_scans_lesion_is_left_out(side: str) -> None:
    """Where the two images differ in the lesion alone nothing is left to be matched."""
    fixed, moving, ball = scene()
    pair = (fixed, moving) if side == "moving" else (moving, fixed)
    registered = method("greedy", mask_lesions=True, scales=(1,), iterations=(8,))
    (field,) = registered.register(*pair, Context(**{f"{side}_lesion": ball})).steps
    assert np.abs(field.vectors).max() < 0.1
    (field,) = registered.register(*pair, Context()).steps
    assert np.abs(field.vectors).max() > 0.5
