"""Which conventions a network has, found out by a brain that was moved by a known warp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from lumirage_bids.methods.networks.grid import network_grid
from lumirage_bids.methods.torchscript import Components, Units
from lumirage_bids.spatial.grids import resample, resample_isotropic, voxel_centres
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform, warp

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.methods.torchscript import Torchscript

ORIENTATIONS = tuple("".join(axes)[::way] for way in (1, -1) for axes in product("RL", "AP", "SI"))
"""All that arrays are stored in by nibabel (``RAS`` …) and by ITK (``SAR`` …)."""
LENGTH = 5.0
"""Mean length of the known displacement in the brain, mm."""
FITS = 0.7
"""Share of the known displacement that may be left where conventions are right."""
NEAR, APART = 0.02, 0.1
"""Of conventions that leave up to so much more the first is taken, and none is surely right."""


class KnownPair(NamedTuple):
    """A pair of images whose map is known.

    Attributes
    ----------
    fixed, moving : Volume
        A T1w brain, prepared as a run does it.
    transform : Transform
        Fixed world to moving world.
    """

    fixed: Volume
    moving: Volume
    transform: Transform


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Conventions, and what is left of the known displacement if they are a network's.

    Attributes
    ----------
    method : Torchscript
    sign : int
        -1 where the opposite of what the network returns would be a displacement.
    left : float
        Mean length of what is left in the brain, as a share of what was to be found.
    """

    method: Torchscript
    sign: int
    left: float


def known_pair(spacing: float) -> KnownPair:
    """The MNI152 template's brain, and the same moved by a smooth warp that is alike in no two directions.

    Parameters
    ----------
    spacing : float
        mm; 1 at least.

    References
    ----------
    Fonov V et al. Unbiased average age-appropriate atlases for pediatric studies. NeuroImage 54:313-327 (2011).
    doi:10.1016/j.neuroimage.2010.07.033
    """
    from nilearn.datasets import load_mni152_template

    template = load_mni152_template(resolution=1 if spacing < 2 else 2)
    array = np.asarray(template.dataobj, dtype=np.float32)
    whole = resample_isotropic(Volume(array=np.clip(array, 0, 1), affine=template.affine), max(spacing, 1.0))
    moving = replace(whole, array=np.where(whole.array > 0.05, whole.array, 0))
    points = voxel_centres(np.ones(moving.shape), moving.affine).reshape(*moving.shape, 3)
    sizes, lengths, phases = (0.7, -1.0, 0.9), (31.0, 24.0, 27.0), (0.4, 1.3, 2.9)
    waves = (
        size * (np.sin(points[..., (axis + 1) % 3] / length + phase) + 0.5 * np.cos(points[..., axis] / length))
        for axis, (size, length, phase) in enumerate(zip(sizes, lengths, phases, strict=True))
    )
    shift = np.stack([*waves], axis=-1)
    shift *= LENGTH / np.linalg.norm(shift[moving.array > 0], axis=-1).mean()
    transform = Transform((DisplacementField(vectors=shift.astype(np.float32), affine=moving.affine),))
    return KnownPair(fixed=warp(moving, transform, moving), moving=moving, transform=transform)


def guesses(method: Torchscript, orientation: str, pair: KnownPair, context: Context) -> list[Guess]:
    """What is left by all components, units and signs, where the tensors' axes point one way.

    Raises
    ------
    BadDataError
        The network fails on such tensors, or returns no displacement.
    """
    made = replace(method, orientation=orientation)
    grid = network_grid(pair.fixed, made.grid)
    returned = made.run_network(pair.fixed, pair.moving, grid, context)
    brain = resample(pair.fixed, grid.shape, grid.affine).array > 0.1
    points = voxel_centres(brain, grid.affine)
    meant = (pair.transform.apply(points) - points) @ np.linalg.inv(grid.affine[:3, :3]).T
    far = float(np.linalg.norm(meant * grid.spacing, axis=-1).mean())

    def found() -> Iterator[Guess]:
        for components, units, sign in product(get_args(Components), get_args(Units), (1, -1)):
            if units == "mm" and np.all(grid.spacing == 1):  # those are voxels
                continue
            guess = replace(made, components=components, units=units)
            apart = sign * guess.in_voxels(returned)[brain] - meant
            left = float(np.linalg.norm(apart * grid.spacing, axis=-1).mean()) / far
            yield Guess(method=guess, sign=sign, left=left)

    return list(found())


def best(every: Sequence[Guess]) -> tuple[Guess, list[Guess]]:
    """The conventions that leave least, and others of which the network's answer cannot tell them.

    Of those that are within `NEAR` of the least the first one, so that defaults come before what is no better.
    """
    least = min(guess.left for guess in every)
    first = next(guess for guess in every if guess.left <= least + NEAR)
    return first, [guess for guess in every if guess is not first and guess.left < first.left + APART]
