"""Tissues of a phantom of known anatomy, for every contrast, with bias and outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.labellers import labeller, segment_checked
from lumirage_bids.labellers.atropos import Atropos, limit
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from lumirage_bids.testing.small_brain import MEANS, brain, dice, scan


def agreement(labels: Volume, truth: Volume) -> list[float]:
    return [dice(labels.array, truth.array, k) for k in (1, 2, 3)]


@pytest.mark.parametrize("suffix", MEANS)
def test_tissues_are_found_on_every_contrast(suffix: str) -> None:
    image, truth = brain(suffix)
    labels, structures = segment_checked(Atropos(), scan(suffix), image, truth, "tissue", Context())
    assert min(agreement(labels, truth)) > 0.9
    assert structures == {1: "Cerebrospinal fluid", 2: "Grey matter", 3: "White matter"}


@pytest.mark.parametrize("suffix", MEANS)
def test_bias_is_removed(suffix: str) -> None:
    """A field that makes the brightest grey matter brighter than the darkest white matter, or the reverse."""
    image, truth = brain(suffix, bias=0.5)
    with_n4, without = (
        Atropos(bias_correction=b).segment(scan(suffix), image, truth, "tissue", Context()) for b in (True, False)
    )
    assert min(agreement(with_n4, truth)) > 0.9
    assert min(agreement(without, truth)) < 0.8


def test_a_few_bright_voxels_do_not_become_a_tissue() -> None:
    image, truth = brain()
    array = image.array.copy()
    array[tuple(np.argwhere(truth.array == 2)[::400].T)] = 5000
    labels, _ = segment_checked(Atropos(), scan(), Volume(array=array, affine=image.affine), truth, "tissue", Context())
    assert min(agreement(labels, truth)) > 0.9


def differing(suffix: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """Share of the brain that is labelled otherwise when the intensities are others."""
    image, truth = brain(suffix)
    inside = truth.array > 0
    changed = replace(image, array=change(image.array, inside))
    maps = [Atropos().segment(scan(suffix), one, truth, "tissue", Context()).array for one in (image, changed)]
    return float((maps[0] != maps[1])[inside].mean())


def test_z_scored_integers_are_labelled_as_any_others() -> None:
    def change(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
        z = (array - array[inside].mean()) / array[inside].std()
        return np.where(inside, np.rint(5000 * z), 0).astype(np.int16)

    assert differing("T1w", change) < 0.001


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    suffix=st.sampled_from(sorted(MEANS)),
    scale=st.floats(-4, 4).map(lambda power: 10**power),
    offset=st.floats(-100, 100),
    kind=st.sampled_from(["float32", "float64", "int16", "uint16", "int32"]),
    fill=st.floats(-3, 3),
)
def test_what_is_added_multiplied_stored_or_around_changes_no_label(
    suffix: str, scale: float, offset: float, kind: str, fill: float
) -> None:
    """Offset and fill are in ranges of the image."""

    def change(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
        size = float(np.ptp(array))
        array = np.where(inside, array.astype(np.float64), fill * size)
        if kind.startswith("float"):
            return (scale * (array + offset * size)).astype(kind)
        limits = np.iinfo(kind)  # integers: over half of what there is, from below 0 where there is such
        steps = min(limits.max, 1 << 24) / 8 / size
        return np.rint(np.clip(array * steps + max(limits.min, -steps * size), limits.min, limits.max)).astype(kind)

    assert differing(suffix, change) < 0.002


@pytest.mark.parametrize("spacing", [0.3, 0.8, 2.0])
def test_size_of_the_brain_does_not_matter(spacing: float) -> None:
    image, truth = brain(spacing=spacing)
    expected, _ = brain()
    here = Atropos().segment(scan(), image, truth, "tissue", Context())
    there = Atropos().segment(scan(), expected, Volume(array=truth.array, affine=expected.affine), "tissue", Context())
    assert (here.array == there.array).mean() > 0.999


def test_nothing_outside_the_mask_is_labelled() -> None:
    image, truth = brain()
    half = truth.array.copy()
    half[:20] = 0
    labels = Atropos().segment(scan(), image, Volume(array=half, affine=image.affine), "tissue", Context())
    np.testing.assert_array_equal(labels.array > 0, half > 0)


def test_unknown_contrast_is_refused() -> None:
    image, truth = brain()
    with pytest.raises(UsageError, match="--derivatives"):
        Atropos().segment(scan("bold"), image, truth, "tissue", Context())


def test_a_tissue_far_from_the_others_keeps_its_class() -> None:
    """Dark CSF beyond the limit as a whole, as on FLAIR, and without any noise."""
    image, truth = brain()
    array = np.array([0, 1, 100, 110], np.float32)[truth.array] + np.where(truth.array > 1, image.array % 1, 0)
    labels = Atropos(bias_correction=False).segment(scan(), replace(image, array=array), truth, "tissue", Context())
    assert dice(labels.array, truth.array, 1) > 0.95


def test_an_image_without_contrast_is_refused() -> None:
    image, truth = brain()
    flat = replace(image, array=np.where(truth.array > 0, 7, 0).astype(np.float32))
    with pytest.raises(BadDataError, match="no contrast"):
        Atropos().segment(scan(), flat, truth, "tissue", Context())


def test_limits_ignore_outliers_and_keep_order() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(100, 10, (20, 20, 20)).astype(np.float32)
    values[0, 0, :5] = 1e6
    inside = np.ones(values.shape, bool)
    out = limit(values, inside, 3.5)
    assert (out.min(), out.max()) == (0, 100)
    ordinary = np.abs(values - 100) < 20
    np.testing.assert_allclose(np.corrcoef(out[ordinary], values[ordinary])[0, 1], 1, atol=1e-6)


@pytest.mark.parametrize("bad", [{"mrf": -0.1}, {"mrf": 2}, {"iterations": 0}, {"deviations": 0.5}, {"mrf": "0.2"}])
def test_parameters_are_checked(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        labeller("atropos", **bad)
