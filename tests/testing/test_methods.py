"""Every law of methods is broken by a method that is wrong in the way that it is about."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from lumirage_bids.base.errors import LumirageError
from lumirage_bids.methods import Context, Cost, Method
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform
from lumirage_bids.testing import MethodLaws, blob
from lumirage_bids.testing.methods import Case
from tests.base.test_extensions import METHOD

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Centres(Method):
    """One centre of mass onto the other."""

    name: ClassVar[str] = "centres"
    summary: ClassVar[str] = "one centre of mass onto the other"

    weight: float = 1.0

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        return self.by(self.centre(moving) - self.centre(fixed))

    def by(self, way: Vector) -> Transform:
        matrix = np.eye(4)
        matrix[:3, 3] = way
        return Transform.affine(matrix)

    def centre(self, image: Volume) -> Vector:
        index = np.argwhere(image.array > 0)
        mean = np.average(index, axis=0, weights=image.array[image.array > 0])
        return np.asarray(image.affine[:3, :3] @ mean + image.affine[:3, 3])


class Backwards(Centres):
    def by(self, way: Vector) -> Transform:
        return super().by(-way)


class InVoxels(Centres):
    def by(self, way: Vector) -> Transform:
        return super().by(way / blob.SPACING)


class WithoutHeaders(Centres):
    def centre(self, image: Volume) -> Vector:
        return super().centre(Volume(array=image.array, affine=np.diag([*image.spacing, 1.0])))


class OnOneGrid(Centres):
    """Takes for granted that both images lie on the usual grid."""

    def centre(self, image: Volume) -> Vector:
        return super().centre(Volume(array=image.array, affine=blob.grid().affine))


class Random(Centres):
    def by(self, way: Vector) -> Transform:
        return super().by(way + np.random.default_rng().normal(size=3))


class Lost(Centres):
    def by(self, way: Vector) -> Transform:
        return super().by(way * np.nan)


class Scribbler(Centres):
    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        moving.array[0] = 0
        return super().register(fixed, moving, context)


class ForLargeImages(Centres):
    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        return super().register(fixed, moving, context) if min(fixed.shape) > 32 else Transform()


class Drifting(Centres):
    def by(self, way: Vector) -> Transform:
        return super().by(way + 0.5)


class Free(Centres):
    def cost(self, voxels: int, device: str) -> Cost:
        return Cost(seconds=1, memory_gb=1)


class Silent(Centres):
    summary: ClassVar[str] = ""


@dataclass(frozen=True, kw_only=True)
class NotPicklable(Centres):
    how: Callable[[int], int] = field(default=lambda i: i)


BREAK = [
    (Backwards, "test_known_map_is_found", (blob.shifted, 0.35)),
    (InVoxels, "test_known_map_is_found", (blob.shifted, 0.35)),
    (WithoutHeaders, "test_oblique_headers_rotate_the_result", ()),
    (WithoutHeaders, "test_mirrored_storage_changes_nothing", ("moving",)),
    (OnOneGrid, "test_grids_may_differ", (blob.grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)),)),
    (Random, "test_result_is_finite_repeatable_and_leaves_the_inputs_alone", ()),
    (Lost, "test_result_is_finite_repeatable_and_leaves_the_inputs_alone", ()),
    (Scribbler, "test_result_is_finite_repeatable_and_leaves_the_inputs_alone", ()),
    (ForLargeImages, "test_small_images_are_registered", ()),
    (Drifting, "test_equal_images_stay_where_they_are", ()),
    (Free, "test_cost_grows_with_the_image", ()),
    (Silent, "test_a_method_says_what_it_is", ()),
    (NotPicklable, "test_parameters_are_frozen_picklable_and_checked", ()),
]


@pytest.mark.parametrize(("wrong", "law", "more"), BREAK, ids=[f"{wrong.__name__}-{law}" for wrong, law, _ in BREAK])
def test_what_is_wrong_breaks_the_law(wrong: type[Method], law: str, more: tuple[object, ...], tmp_path: Path) -> None:
    keep = getattr(MethodLaws(), law)
    keep(Case(method=Centres(), scratch=tmp_path), *more)
    with pytest.raises((AssertionError, ValueError, LumirageError, pickle.PicklingError)):
        keep(Case(method=wrong(), scratch=tmp_path), *more)


def test_every_law_is_broken_above() -> None:
    assert {name for name in dir(MethodLaws) if name.startswith("test_")} == {law for _, law, _ in BREAK}


def test_authors_run_them_as_the_docs_say(tmp_path: Path) -> None:
    """A shift along the world's x is no registration, and does not turn with the images."""
    (tmp_path / "own.py").write_text(METHOD.format(name="own"))
    (tmp_path / "test_own.py").write_text(
        "from lumirage_bids.testing import MethodLaws\nfrom own import Shift\n\n\n"
        "class TestShift(MethodLaws):\n    method = Shift(mm=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own.py"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    failed = {line.partition("::test_")[2].partition(" ")[0].partition("[")[0] for line in lines if "FAILED" in line}
    laws = {"known_map_is_found", "equal_images_stay_where_they_are", "grids_may_differ", "small_images_are_registered"}
    assert failed == {*laws, "oblique_headers_rotate_the_result"}, done.stdout
    assert "8 failed, 6 passed" in lines[-1]
