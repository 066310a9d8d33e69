"""Laws of registration methods."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import lumirage_bids.testing.blob as blob  # noqa: PLR0402
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import from_table
from lumirage_bids.methods.base import Context, Method
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Case:
    """A method with what it needs to run.

    Attributes
    ----------
    method : Method
    scratch : Path
        Folder that exists.
    weights : Path or None
        As `Context` has it.
    stray : float
        Voxels by which equal images may end apart.
    """

    method: Method
    scratch: Path
    weights: Path | None = None
    stray: float = 0.15

    def register(self, fixed: Volume, moving: Volume) -> Transform:
        """Let the method register two images, on the CPU."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return self.method.register(fixed, moving, Context(threads=1, work_dir=folder, weights=self.weights))


class _ForMethods:
    """What is tested, and where its `case` comes from.

    Attributes
    ----------
    method : Method
    weights : Path or None
        Folder of weights that it needs.
    stray : float
        Voxels by which equal images may end apart: 0.15, or more for methods whose steps do not become small where
        the gradient does.
    """

    method: ClassVar[Method]
    weights: ClassVar[Path | None] = None
    stray: ClassVar[float] = 0.15

    @pytest.fixture
    def case(self, tmp_path: Path) -> Case:
        """The method with a folder of its own."""
        return Case(method=self.method, scratch=tmp_path, weights=self.weights, stray=self.stray)


class DescriptionLaws(_ForMethods):
    """Laws of what a method says of itself; nothing is registered."""

    def test_parameters_are_frozen_picklable_and_checked(self, case: Case) -> None:
        """Methods travel between processes, and are told in protocols."""
        made, kind = case.method, type(case.method)
        assert isinstance(made, Method)
        assert pickle.loads(pickle.dumps(made)) == made
        hash(made)
        with pytest.raises(UsageError, match="unknown parameter 'stpe'"):
            from_table(kind, {"stpe": 1}, made.name)
        for field in fields(made):
            with pytest.raises(FrozenInstanceError):
                setattr(made, field.name, None)
            with pytest.raises(UsageError, match=field.name):
                from_table(kind, {field.name: {"a": "table"}}, made.name)

    def test_cost_grows_with_the_image(self, case: Case) -> None:
        """What a run plans its memory by."""
        for device in ("cpu", "cuda"):
            small, large = (case.method.cost(n, device) for n in (10**5, 10**8))
            assert 0 < small.seconds <= large.seconds
            assert 0 < small.memory_gb < large.memory_gb

    def test_a_method_says_what_it_is(self, case: Case) -> None:
        """What tables and texts are made of."""
        made = case.method
        assert made.name
        assert made.summary
        assert "\n" not in made.summary
        assert made.own_input is None or made.own_input.words
        assert all(made.similarity_for(multimodal=m) for m in (False, True))


class SoundnessLaws(_ForMethods):
    """Laws of a result, whatever it is."""

    def test_result_is_finite_repeatable_and_leaves_the_inputs_alone(self, case: Case) -> None:
        """The same again, to the last bit."""
        fixed, moving = blob.image(blob.grid(), blob.bent), blob.image(blob.grid())
        before = [v.array.copy() for v in (fixed, moving)] + [v.affine.copy() for v in (fixed, moving)]
        for volume in (fixed, moving):
            volume.array.setflags(write=False)
            volume.affine.setflags(write=False)
        first, second = (case.register(fixed, moving).apply(blob.inside(fixed)) for _ in range(2))
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, second)
        after = [v.array for v in (fixed, moving)] + [v.affine for v in (fixed, moving)]
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


class StorageLaws(_ForMethods):
    """Laws of where images lie and how they are stored, which is nothing that a registration may depend on."""

    def test_oblique_headers_rotate_the_result(self, case: Case) -> None:
        """Both images turned and moved together."""
        # Half a voxel apart: at voxel centres linear interpolation has two slopes, and rounding would choose.
        fixed, moving = blob.image(blob.grid(), blob.shifted), blob.image(blob.grid((45, 49, 43)))
        turn = np.eye(4)
        turn[:3, :3], turn[:3, 3] = blob.rotation(20), [300, -200, 100]
        straight = case.register(fixed, moving)
        oblique = case.register(*(v.move(turn) for v in (fixed, moving)))
        points = blob.inside(fixed)
        expected = Transform((turn,)).apply(straight.apply(points))
        np.testing.assert_allclose(oblique.apply(Transform((turn,)).apply(points)), expected, atol=0.05)

    @pytest.mark.parametrize("who", ["fixed", "moving"])
    def test_mirrored_storage_changes_nothing(self, case: Case, who: str) -> None:
        """One image stored from right to left."""
        pair = {"fixed": blob.image(blob.grid(), blob.bent), "moving": blob.image(blob.grid((40, 48, 44)))}
        plain = case.register(**pair)
        turned = case.register(**{**pair, who: blob.mirrored(pair[who], 0)})
        points = blob.inside(pair["fixed"])
        distance = np.linalg.norm(plain.apply(points) - turned.apply(points), axis=-1)
        # Not zero: at voxel centres linear interpolation has two slopes, and samplers take that of the next voxel.
        assert distance.mean() < 0.05 * blob.SPACING
        assert distance.max() < 0.5 * blob.SPACING


class RegistrationLaws(_ForMethods):
    """Laws of what is found, by maps that are known; images are no heads."""

    def test_equal_images_stay_where_they_are(self, case: Case) -> None:
        """Nothing to be found."""
        both = blob.image(blob.grid())
        assert blob.error(case.register(both, both), lambda p: p, both) < case.stray * blob.SPACING

    @pytest.mark.parametrize(("true_map", "left"), [(blob.shifted, 0.35), (blob.bent, 0.5)])
    def test_known_map_is_found(self, case: Case, true_map: blob.Map, left: float) -> None:
        """A third or a half of the error is left at most, and of the difference of the images."""
        fixed, moving = blob.image(blob.grid(), true_map), blob.image(blob.grid())
        found, start = case.register(fixed, moving), Transform(())
        assert blob.error(found, true_map, fixed) < left * blob.error(start, true_map, fixed)
        assert blob.dissimilarity(found, fixed) < left * blob.dissimilarity(start, fixed)

    @pytest.mark.parametrize(
        "of_moving",
        [
            blob.grid(spacing=(2.0, 2.0, 2.5)),
            blob.grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)),
            blob.grid((52, 54, 50), turned=blob.rotation(15)),
        ],
        ids=["anisotropic", "another grid", "oblique to the fixed"],
    )
    def test_grids_may_differ(self, case: Case, of_moving: Volume) -> None:
        """In shape, spacing and direction."""
        fixed, moving = blob.image(blob.grid(), blob.shifted), blob.image(of_moving)
        left = blob.error(case.register(fixed, moving), blob.shifted, fixed)
        assert left < 0.4 * blob.error(Transform(()), blob.shifted, fixed)

    def test_small_images_are_registered(self, case: Case) -> None:
        """Fewer voxels than a pyramid may want."""
        fixed, moving = (
            blob.image(blob.grid(shape, 3.2), m)
            for shape, m in (((28, 30, 26), blob.shifted), ((30, 28, 29), lambda p: p))
        )
        left = blob.error(case.register(fixed, moving), blob.shifted, fixed)
        assert left < 0.5 * blob.error(Transform(()), blob.shifted, fixed)


class MethodLaws(DescriptionLaws, SoundnessLaws, StorageLaws, RegistrationLaws):
    """All laws. A network that knows heads alone cannot keep `RegistrationLaws`: take the other three for it."""
