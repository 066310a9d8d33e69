"""Any Python function that takes two arrays and returns a displacement."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from lumirage_bids.base.called_files import called_files, check_depends, files_below, tell_absent
from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.parameters import aside
from lumirage_bids.methods.base import Cost, OwnInput, Trained
from lumirage_bids.methods.networks.grid import NetworkGrid, network_grid, padded_grid
from lumirage_bids.methods.programs.one_grid import Array, Displacements, ImagesOnGrid, OnOneGrid, run_child

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.images import Volume

SHIFT = (4, -3, 2)
"""Voxels by which an image is moved to see what a function returns for it."""
FOUND, CLEAR = 0.5, 0.2
"""Distance from the known shift, and from what a mistake makes of it, up to which it is believed; shares of it."""


@dataclass(frozen=True, kw_only=True)
class Python(OnOneGrid):
    """Calls a Python function, in a process of its own: a network with its authors' code, or a script of yours.

    The function is called as ``function(fixed=…, moving=…, spacing=…, device=…, threads=…)``. The images are float32
    arrays of one shape (X, Y, Z) on one RAS+ grid, after the start, so that equal indices are roughly the same anatomy;
    ``spacing`` is the voxels' size, mm, shape (3,). It returns an array of shape (X, Y, Z, 3): for each voxel of the
    fixed image how far the point of the moving image lies from it that shows the same, mm along the arrays' axes.
    Before the first pair of each batch it is given a scan and the same scan moved by a known shift, and is refused if
    it does not find that. It is code, and it runs with the user's rights.

    Attributes
    ----------
    function : str
        ``package.module:name``, where Python finds it (PYTHONPATH), or ``/path/in/full/file.py:name``. When its module
        changes, or one of the user's that it imports, the pairs are registered again.
    depends : tuple of str
        Further files, or folders of them, whose change does the same, in full: weights.
    shape : tuple of int or None
        Voxels along the arrays' axes, about the middle of the fixed brain; None for the fixed image's own grid.
    spacing : float or None
        Distance of voxel centres, mm, where there is a shape.
    multiple : int
        Where there is none, every axis is padded with background at its end to a multiple of so many voxels.
    similarity : str
        Name of the similarity measure that is optimised, for the tables; ``lncc`` warns of pairs across contrasts.
    training : Training or str
        What the function has learned from; ``none`` for one that learns nothing. It changes no result.
    check : bool
        False to believe a function that cannot find a shift, as one that registers nothing but other scans.
    """

    name: ClassVar[str] = "python"
    digest_name: ClassVar[str] = "Python"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "any Python function: two arrays in, a displacement out (it is code and must be trusted)"
    phrase: ClassVar[str] = "a function of the user's"

    function: str = ""
    depends: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None
    spacing: float | None = None
    multiple: int = 1
    similarity: str = "n/a"
    training: Trained = aside("unknown")
    check: bool = aside(True)

    def __post_init__(self) -> None:
        """Refuse what names no function, and what is no grid."""
        module, colon, name = self.function.rpartition(":")
        if self.function and not (colon and module and name.isidentifier()):
            raise UsageError(
                f"function is {self.function!r}; allowed: package.module:name, or /path/in/full/file.py:name."
            )
        if module.endswith(".py") and not Path(module).is_absolute():
            raise UsageError(f"function is {self.function!r}; give the path of the file in full.")
        if (self.shape is None) != (self.spacing is None):
            raise UsageError(f"shape is {self.shape} and spacing {self.spacing}; give both, or neither.")
        if not 1 <= self.multiple <= 512:
            raise UsageError(f"multiple is {self.multiple}; allowed: 1 to 512 voxels.")
        check_depends(self.depends)
        self._grid()

    def _grid(self) -> NetworkGrid | None:
        if self.shape is None or self.spacing is None:
            return None
        return NetworkGrid(shape=self.shape, spacing=self.spacing)

    @property
    def _module(self) -> str:
        return self.function.rpartition(":")[0]

    def missing(self, context: Context) -> str | None:
        """Say that the function is not named, or its file or module not there."""
        if not self.function:
            return 'it is not said which function; say function = "my_package.my_module:register" in [methods.python]'
        if absent := tell_absent(self.depends):
            return absent
        if not self.code():
            return (
                f"there is no module {self._module}; give it as /path/in/full/file.py:name, or name the folder that "
                "holds it or its package in PYTHONPATH"
            )
        return None

    def code(self) -> tuple[Path, ...]:
        """The function's module, what it imports of the user's, and what `depends` names."""
        called = [self._module] if self._module.endswith(".py") else ["-m", self._module]
        found = called_files([sys.executable, *called]) if self.function else ()
        return (*super().code(), *found, *files_below(self.depends))

    def similarity_for(self, *, multimodal: bool) -> str:
        """Return what the user says of the function."""
        return self.similarity

    @property
    def own_input(self) -> OwnInput | None:
        """What the function sees."""
        grid = self._grid()
        return grid.describe_input() if grid else super().own_input

    def place(self, fixed: Volume) -> Volume:
        """The grid that was asked for."""
        grid = self._grid()
        return network_grid(fixed, grid) if grid else padded_grid(fixed, self.multiple)

    def displace(self, images: ImagesOnGrid, context: Context) -> Displacements:
        """Ask the function."""
        if self.check:
            self._check(images, context)
        return Displacements(self._call(images, context))

    def _call(self, images: ImagesOnGrid, context: Context) -> Array:
        """What the function returns, mm."""
        field = run_child("_python_child.py", images, (self.function, context.device, context.threads), context)
        wanted = (*images.fixed.shape, 3)
        if field.shape != wanted or not np.isfinite(field).all():
            got = f"shape {field.shape}" if field.shape != wanted else "values that are not finite"
            raise BadDataError(f"{self.function} returned {got}; a finite displacement of shape {wanted} is needed, mm")
        return field

    def _check(self, images: ImagesOnGrid, context: Context) -> None:
        """Refuse a function that does not find a known shift; asked once a process.

        Raises
        ------
        BadDataError
            The message says what its answer looks like.
        """
        if self.function in _list_believed():
            return
        image, spacing = images.fixed, images.spacing
        field = self._call(replace(images, moving=_shift(image, SHIFT)), context)
        answer = np.median(field[image > 0.2 * image.max()], axis=0)
        if complaint := tell_wrong(answer, np.array(SHIFT) * spacing, spacing):
            raise BadDataError(
                f"{self.function} does not find a known shift: {complaint} It must return, for each voxel of the fixed "
                "image, where its anatomy is in the moving image minus where the voxel is, mm along x, y, z. Say "
                "check = false if it cannot find shifts."
            )
        _list_believed().add(self.function)

    def cost(self, voxels: int, device: str) -> Cost:
        """Guess: it is not known what the function needs."""
        return Cost(seconds=60, memory_gb=1 + voxels * 300e-9)


@cache
def _list_believed() -> set[str]:
    """Functions that found the shift, in this process."""
    return set()


def _shift(image: Array, voxels: tuple[int, ...]) -> Array:
    """The image moved by whole voxels, with background where nothing is known."""
    from scipy.ndimage import shift

    return np.asarray(shift(image, voxels, order=0), dtype=np.float32)


def tell_wrong(
    answer: npt.NDArray[np.floating], shift: npt.NDArray[np.float64], spacing: npt.NDArray[np.float64]
) -> str:
    """Say what an answer to a known shift looks like where it is another one; empty where it is right.

    Parameters
    ----------
    answer, shift : array, shape (3,)
        What a function returned, and what it should have, mm.
    spacing : array, shape (3,)
        Size of the voxels, mm.

    Examples
    --------
    >>> tell_wrong(np.array([-4, 3, -2]), np.array([4.0, -3, 2]), np.ones(3))
    'the image was moved by (4, -3, 2) mm, it says (-4, 3, -2). That is the opposite direction.'
    >>> tell_wrong(np.array([4, -3, 2]), np.array([4.0, -3, 2]), np.ones(3))
    ''
    """
    far = float(np.linalg.norm(shift))
    if np.linalg.norm(answer - shift) <= FOUND * far:
        return ""
    told = ", ".join(f"{n:.3g}" for n in shift), ", ".join(f"{n:.3g}" for n in answer)
    said = f"the image was moved by ({told[0]}) mm, it says ({told[1]})."
    guesses: dict[str, float] = {}
    for order, sign, in_voxels in product(permutations(range(3)), (1, -1), (False, True)):
        guess = sign * (shift / spacing if in_voxels else shift)[list(order)]
        wrong = ((sign < 0, "the opposite direction"), (order != (0, 1, 2), "another order of the axes"))
        words = [word for holds, word in (*wrong, (in_voxels, "voxels instead of mm")) if holds]
        guesses[" and ".join(words)] = min(guesses.get(" and ".join(words), far), float(np.linalg.norm(answer - guess)))
    likeliest = min(guesses, key=lambda words: guesses[words])
    return f"{said} That is {likeliest}." if guesses[likeliest] < CLEAR * far else said
