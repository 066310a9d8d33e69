"""Points through transforms: there, back, and outside."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.spatial.points import PointSet, carry, carry_back, outside_fields
from lumirage_bids.spatial.transforms import DisplacementField, Transform


def field(size: float) -> DisplacementField:
    """Waves of some mm on a grid of 40 mm in each direction."""
    i, j, k = np.indices((21, 21, 21))
    waves = [np.sin(0.5 * j), np.cos(0.4 * k), np.sin(0.3 * i + 1)]
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -20
    return DisplacementField(vectors=size * np.stack(waves, axis=-1), affine=affine)


def points(n: int = 50, reach: float = 10) -> PointSet:
    places = np.random.default_rng(0).uniform(-reach, reach, (n, 3))
    return PointSet(names=tuple(map(str, range(n))), descriptions=("",) * n, coordinates=places)


CHAIN = Transform((np.diag([1.1, 0.9, 1.0, 1.0]), field(2.0), np.array([[0, -1, 0, 3], [1, 0, 0, 0], [0, 0, 1, -5.0], [0, 0, 0, 1]]), field(1.0)))  # fmt: skip # noqa: E501


def test_the_way_back_ends_where_it_began() -> None:
    start = points()
    there = carry(start, CHAIN)
    assert np.linalg.norm(there.coordinates - start.coordinates, axis=1).min() > 1
    np.testing.assert_allclose(carry_back(there, CHAIN).coordinates, start.coordinates, atol=1e-3)
    np.testing.assert_allclose(carry(carry_back(start, CHAIN), CHAIN).coordinates, start.coordinates, atol=1e-3)


def test_where_a_transform_takes_nothing_is_said() -> None:
    torn = Transform((DisplacementField(vectors=np.full((5, 5, 5, 3), 30.0), affine=np.eye(4)),))
    inside = PointSet(names=("AC",), descriptions=("",), coordinates=np.full((1, 3), 2.0))
    with pytest.raises(BadDataError, match="No point of the fixed image is taken to 'AC': "):
        carry_back(inside, torn)


def test_points_that_no_field_reaches() -> None:
    far = PointSet(names=("in", "out"), descriptions=("", ""), coordinates=np.array([[0.0, 0, 0], [0, 0, 21.5]]))
    assert outside_fields(far, Transform((field(1.0),))) == ("out",)
    assert outside_fields(far, Transform((np.eye(4),))) == ()
