"""Rigid and affine registration by FireANTs. Loaded only while an alignment is sought, so torch is at the top."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch.nn import functional

from lumirage_bids.methods.fireants.engine import Smoothing
from lumirage_bids.methods.fireants.library import MINIMUM_SIZE, batch, prepare_torch, quiet
from lumirage_bids.methods.fireants.mutual_information import MutualInformation
from lumirage_bids.spatial.grids import ROUNDING
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.preparation import FOREGROUND

with quiet():
    from fireants.registration.affine import AffineRegistration
    from fireants.registration.rigid import RigidRegistration

if TYPE_CHECKING:
    from lumirage_bids.methods.alignment import Alignment
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.ends import Planes

Matrix = npt.NDArray[np.float64]

UNKNOWN = 0.5
"""Share of a voxel beyond the end of an image from which it counts as unknown."""

NEAR = 8
"""Voxels by which a reference is lengthened where it is cut, so that smoothing finds no edge there."""

LESS_SEEN = 0.25
"""Power of the share that is seen by which a loss counts: enough that none wins by pushing images apart, and little, as
a part that is stretched to cover the whole is seen more of."""

SAMPLES = 65_536
"""Voxels from which mutual information is estimated."""


class Rigid(Smoothing, RigidRegistration):  # type: ignore[misc]
    """FireANTs' rigid registration."""


class Affine(Smoothing, AffineRegistration):  # type: ignore[misc]
    """FireANTs' affine registration."""


class SoftDice(torch.nn.Module):
    """One minus the Dice coefficient of two masks with values from 0 to 1."""

    def forward(self, predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare two masks of one shape; returns a scalar."""
        return 1 - 2 * (predicted * target).sum() / (predicted.sum() + target.sum() + 1e-5)


class KnownOnly(torch.nn.Module):
    """A loss that counts only voxels of which both images know something, as their second channel tells.

    The fewer there are, the less the loss says: so that it does not win to push images apart.
    """

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compare two images of one shape with two channels; returns a scalar."""
        known = known_in(predicted, target)
        counts = known & (target[:, :1] > FOREGROUND)
        could = (target[:, 1:] < UNKNOWN) & (target[:, :1] > FOREGROUND)
        seen = counts.sum() / could.sum().clamp(min=1)
        if not counts.any():
            return predicted.sum() * 0
        loss: torch.Tensor = self.loss(predicted[:, :1][known], target[:, :1][known])
        return loss * seen**LESS_SEEN


def known_in(*images: torch.Tensor) -> torch.Tensor:
    """Voxels of which all images know something; images of one channel know everything."""
    known = torch.ones_like(images[0][:, :1], dtype=torch.bool)
    for image in images:
        if image.shape[1] > 1:
            known &= image[:, 1:] < UNKNOWN
    return known


def with_unknown(volume: Volume, cuts: Planes, reach: float) -> tuple[Volume, Volume]:
    """Lengthen a volume beyond the planes that cut it by the nearest of what is seen; mark what is unknown by 1.

    A voxel is unknown that does not lie within all planes as a whole.

    Parameters
    ----------
    cuts : array
        Planes in the volume's world.
    reach : float
        By how much it is lengthened at least, mm.
    """
    if not len(cuts):
        return volume, replace(volume, array=np.zeros(volume.shape, dtype=np.float32))
    across = cuts[:, :3] @ volume.affine[:3, :3]  # along the axes of the grid, one voxel
    share = across / volume.spacing
    sides = []
    for n, spacing, outwards in zip(volume.shape, volume.spacing, share.T, strict=True):
        before, after = (
            int(np.ceil(reach * max(0.0, way.max()) / spacing - ROUNDING)) for way in (-outwards, outwards)
        )
        lacking = max(0, MINIMUM_SIZE - n - before - after)
        sides.append((before, after + lacking if after else after))
    affine = np.array(volume.affine, dtype=np.float64)
    affine[:3, 3] -= affine[:3, :3] @ [before for before, _ in sides]
    array = np.pad(volume.array, sides)
    x, y, z = (np.arange(n, dtype=np.float64) for n in array.shape)
    unknown = np.zeros(array.shape, dtype=bool)
    for (*normal, offset), (a, b, c) in zip(cuts, across, strict=True):
        left = offset - normal @ affine[:3, 3] - np.abs([a, b, c]).sum() * (0.5 - ROUNDING)
        unknown |= a * x[:, None, None] + b * y[:, None] + c * z > left
    if unknown.all():  # a slab, thinner than what is mixed with its surroundings
        unknown[:] = False
    nearest = ndimage.distance_transform_edt(
        unknown, sampling=volume.spacing, return_distances=False, return_indices=True
    )
    seen = Volume(array=array[tuple(nearest)], affine=affine)
    return seen, replace(seen, array=unknown.astype(np.float32))


class Search:
    """The search for the map between two foregrounds, in coordinates around their centres of mass.

    Parameters
    ----------
    fixed, moving : Volume
        Values from 0 to 1.
    cuts : tuple of array
        Planes of either beyond which nothing is known.
    centres : tuple of array, shape (3,)
        Where coordinates are zero in the two worlds, mm.
    unit : float
        Length that is one, mm.
    """

    def __init__(
        self,
        *,
        fixed: Volume,
        moving: Volume,
        cuts: tuple[Planes, Planes],
        centres: tuple[Matrix, Matrix],
        unit: float,
        alignment: Alignment,
        context: Context,
    ) -> None:
        self.alignment = alignment
        device = prepare_torch(context)
        self.loss: torch.nn.Module = SoftDice() if alignment.on == "mask" else MutualInformation(SAMPLES)
        volumes = [[fixed], [moving]]
        if any(map(len, cuts)):
            self.loss = KnownOnly(self.loss)
            far = float((np.array(fixed.shape) * fixed.spacing).max())  # nothing of the reference comes to lie beyond
            volumes = [
                list(with_unknown(v, planes, reach))
                for v, planes, reach in zip((fixed, moving), cuts, (NEAR * fixed.spacing.max(), far), strict=True)
            ]
        with quiet():
            self.fixed, self.moving = (
                batch(*v, origin=c, device=device, unit=unit) for v, c in zip(volumes, centres, strict=True)
            )

    @property
    def is_partial(self) -> bool:
        """Whether a foreground is cut."""
        return isinstance(self.loss, KnownOnly)

    def run(self, starts: list[list[Matrix]], upright: list[Matrix]) -> Matrix:
        """Optimise rigidly at the first scale from the best start of each group, and go on from the best result.

        A start's own similarity tells too little: a brain turned by 180 degrees around a principal axis may look better
        than one that is upright but tilted by 10, until both are optimised.

        Where a foreground is cut, a wrong rotation may make up for a wrong size, and what is beyond the cut does not
        tell against it. So all parameters are also optimised from the best of the starts that are not turned
        (`upright`; none where nothing is cut), and the better result counts.

        Returns
        -------
        array, shape (4, 4)
            Between coordinates around the centres, in units of the search.
        """
        candidates = [self._rigid(min(group, key=self._loss_at), slice(1)) for group in starts]
        found = [self._refine(min(candidates, key=self._loss_at), slice(1, None))]
        if upright:
            found.append(self._refine(min(upright, key=self._loss_at), slice(None)))
        return min(found, key=self._loss_at) if upright else found[0]

    def _refine(self, start: Matrix, rigid_stages: slice) -> Matrix:
        """Optimise all parameters at all scales, or the rigid ones at those given."""
        if self.alignment.transform == "rigid":
            return self._rigid(start, rigid_stages) if self.alignment.scales[rigid_stages] else start
        return self._array(self._registration(Affine, slice(None), init_rigid=self._tensor(start)).get_affine_matrix())

    def _rigid(self, start: Matrix, stages: slice) -> Matrix:
        registration = self._registration(
            Rigid, stages, init_moment=self._tensor(start[:3, :3]), init_translation=self._tensor(start[:3, 3])
        )
        return self._array(registration.get_rigid_matrix())

    def overlap(self, matrix: Matrix) -> float:
        """Dice coefficient of the foregrounds when `matrix` carries the reference's points to the scan's."""
        if not np.isfinite(matrix).all():
            return 0.0
        moved, fixed = self._move(matrix), self.fixed()
        known = known_in(moved, fixed)
        moved, fixed = ((image[:, :1] > FOREGROUND) & known for image in (moved, fixed))
        return float(2 * (moved & fixed).sum() / (moved.sum() + fixed.sum()))

    def _registration(self, kind: type[Any], stages: slice, **start: torch.Tensor) -> Any:
        """Set FireANTs up with the parameters that rigid and affine have in common and let it optimise."""
        a = self.alignment
        with quiet():
            registration = kind(
                list(a.scales[stages]), list(a.iterations[stages]), self.fixed, self.moving, loss_type="custom",
                custom_loss=self.loss, loss_params={}, optimizer_lr=a.step, around_center=False, progress_bar=False,
                max_tolerance_iters=20, **start,
            )  # fmt: skip
            registration.optimize()
        return registration

    def _loss_at(self, matrix: Matrix) -> float:
        loss: torch.Tensor = self.loss(self._move(matrix), self.fixed())
        return float(loss.item())

    @torch.no_grad()
    def _move(self, matrix: Matrix) -> torch.Tensor:
        """Sample the moving image on the fixed grid."""
        map_ = self.moving.get_phy2torch() @ self._tensor(matrix) @ self.fixed.get_torch2phy()
        grid = functional.affine_grid(map_[:, :3], list(self.fixed().shape), align_corners=True)
        return functional.grid_sample(self.moving(), grid, align_corners=True)

    @staticmethod
    def _array(matrix: torch.Tensor) -> Matrix:
        return np.asarray(matrix.detach()[0].cpu().numpy(), dtype=np.float64)

    def _tensor(self, matrix: Matrix) -> torch.Tensor:
        return torch.as_tensor(matrix, dtype=torch.float32, device=self.fixed.device)[None]
