"""What every registration method must do, whatever it is: one suite for all methods that are found.

The images are samples of one smooth function of space, so the true map of every pair is known exactly. Methods run in
their `sloppy` form. A method that needs more than its defaults gets a case of its own; a network that was trained on
heads keeps the laws that its framework owes, not those that ask it to register what is no head.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lumirage_bids import methods as registration
from lumirage_bids.app import catalogue
from lumirage_bids.base.errors import UsageError
from lumirage_bids.methods import Context, Method, lapirn, method, methods
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform

Array = npt.NDArray[np.float64]
Map = Callable[[Array], Array]

SPACING = 2.0
WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "weights" / "lapirn"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A method with what it needs to run."""

    method: Method
    scratch: Path
    weights: Path | None = None

    def register(self, fixed: Volume, moving: Volume) -> Transform:
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return self.method.register(fixed, moving, Context(threads=1, work_dir=folder, weights=self.weights))


class Demons(torch.nn.Module):
    """Thirion's demons as a "network": displacement in voxels from coarse to fine."""

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        size = torch.tensor([moving.size(4), moving.size(3), moving.size(2)]).reshape(1, 3, 1, 1, 1)
        field = torch.zeros([1, 3, 1, 1, 1])  # in the coordinates of grid_sample, which pooling leaves as they are
        for scale in (4, 2, 1):
            m, f = functional.avg_pool3d(moving, scale), functional.avg_pool3d(fixed, scale)
            field = functional.interpolate(field, [m.size(2), m.size(3), m.size(4)], mode="trilinear")
            places = functional.affine_grid(torch.eye(3, 4)[None], [1, 1, m.size(2), m.size(3), m.size(4)], False)
            for _ in range(40):
                points = places + field.permute(0, 2, 3, 4, 1)
                moved = functional.grid_sample(m, points, "bilinear", "border", False)
                slope = torch.cat([torch.gradient(moved, dim=dim)[0] for dim in (4, 3, 2)], 1)
                force = (f - moved) / (slope.square().sum(1, keepdim=True) + (f - moved).square() + 1e-4)
                step = functional.avg_pool3d(slope * force, 3, 1, 1)
                field = functional.avg_pool3d(field + step * (2 * scale / size), 3, 1, 1, False, False)
        return (field * size / 2).flip(1)


def demons(folder: Path) -> Case:
    """The demons by way of `torchscript`, on a grid of 2 mm."""
    torch.jit.save(torch.jit.script(Demons()), folder / "demons.pt")
    made = method("torchscript", model="demons.pt", shape=[48, 52, 48], spacing=SPACING)
    return Case(method=made, scratch=folder, weights=folder)


def pretrained(folder: Path) -> Case:
    """LapIRN as it was trained."""
    return Case(method=method("lapirn"), scratch=folder, weights=WEIGHTS)


EQUIPPED = {"torchscript": demons}
NEEDY = {name: complaint for name in methods() if (complaint := method(name).missing(Context()))}
# Another setting of ants_syn, whose few iterations are for large images; test_ants_syn.py compares it with ANTsPy's.
SETTINGS = {"ants_syn_quick"}
RUNNING = [name for name in methods() if name not in {*NEEDY, *SETTINGS}] + list(EQUIPPED)
MOVING = [name for name in RUNNING if name != "identity" and not methods()[name].control]
NEEDS = {
    "command": ("argv",),
    "lapirn": ("LapIRN_disp_fea7.pth", "LUMIRAGE_WEIGHTS", "github.com/cwmok/LapIRN"),
    "precomputed": ("path",),
    "python": ("function",),
    "torchscript": ("model", "torch.jit.save"),
    "vfa": ("vfa-run", "github.com/yihao6/vfa"),
}
"""Methods that do not run with their defaults, and what their complaint must name."""
lapirn_if_here = pytest.param(
    "lapirn", marks=pytest.mark.skipif(not WEIGHTS.exists(), reason="the published weights are not here")
)
SLOW = {"elastix"}


def cases(names: list[str], *more: Any) -> pytest.MarkDecorator:
    marked = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]
    return pytest.mark.parametrize("case", [*marked, *more], indirect=True)


every, every_or_network = cases(RUNNING), cases(RUNNING, lapirn_if_here)
every_that_moves, every_that_moves_or_network = cases(MOVING), cases(MOVING, lapirn_if_here)
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The case of this name."""
    name: str = request.param
    if name == "lapirn":
        monkeypatch.setattr(lapirn, "SHAPE", (80, 96, 72))  # the images here are smaller than a head
        return pretrained(tmp_path)
    if name in EQUIPPED:
        return EQUIPPED[name](tmp_path)
    return Case(method=method(name).sloppy(), scratch=tmp_path)


def head(points: Array) -> Array:
    """A soft-edged, textured, asymmetric ellipsoid around the origin; points in mm, shape (..., 3)."""
    random = np.random.default_rng(7)
    radii = np.array([34.0, 40.0, 30.0])
    centres = random.uniform(-0.85, 0.85, (50, 3)) * radii
    widths, heights = random.uniform(5, 9, 50), random.uniform(-1, 1, 50)
    texture = np.zeros(points.shape[:-1])
    for c, w, h in zip(centres, widths, heights, strict=True):
        texture += h * np.exp(-((points - c) ** 2).sum(-1) / (2 * w**2))
    inside = 1 / (1 + np.exp(12 * (np.sqrt(((points / radii) ** 2).sum(-1)) - 1)))
    return np.asarray(inside * np.clip(0.5 + 0.35 * texture, 0.05, 1))


def grid(shape: tuple[int, int, int] = (44, 48, 42), spacing: Any = SPACING, rotation: Any = None) -> Volume:
    """An empty grid around the origin."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if rotation is None else np.asarray(rotation)) @ np.diag(np.broadcast_to(spacing, 3))
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return Volume(array=np.zeros(shape, dtype=np.float32), affine=affine)


def world(volume: Volume) -> Array:
    """World points of all voxel centres, shape (X, Y, Z, 3)."""
    index = np.moveaxis(np.indices(volume.shape), 0, -1)
    return np.asarray(index @ volume.affine[:3, :3].T + volume.affine[:3, 3])


def image(where: Volume, true_map: Map = lambda points: points) -> Volume:
    """The head on a grid, seen through a map."""
    return Volume(array=head(true_map(world(where))).astype(np.float32), affine=where.affine)


def shifted(points: Array) -> Array:
    return np.asarray(points + np.array([5.0, -4.0, 3.0]))


def bent(points: Array) -> Array:
    waves = np.sin(points[..., [1, 2, 0]] / 14.0)
    return np.asarray(points + 3.5 * waves)


def rotation(degrees: float) -> Array:
    """A rotation around an axis that is none of the grid's."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def inside(fixed: Volume) -> Array:
    """World points of the fixed image's foreground, shape (N, 3)."""
    return world(fixed)[fixed.array > 0.2]


def error(transform: Transform, true_map: Map, fixed: Volume) -> float:
    """Mean distance (mm) between found and true points in the foreground."""
    points = inside(fixed)
    return float(np.linalg.norm(transform.apply(points) - true_map(points), axis=-1).mean())


def dissimilarity(transform: Transform, fixed: Volume) -> float:
    """Mean squared difference of fixed and warped moving image in the foreground."""
    points = inside(fixed)
    return float(np.mean((head(transform.apply(points)) - fixed.array[fixed.array > 0.2]) ** 2))


def mirrored(volume: Volume, axis: int) -> Volume:
    """The same image, stored the other way round along an axis."""
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, volume.shape[axis] - 1
    return Volume(array=np.flip(volume.array, axis), affine=volume.affine @ flip)


RESTLESS = {"picsl_greedy": 0.25, "elastix": 0.75}
"""Methods whose steps do not become small where the gradient does → voxels that they stray from where they are."""


@every
def test_equal_images_stay_where_they_are(case: Case) -> None:
    both = image(grid())
    assert error(case.register(both, both), lambda p: p, both) < RESTLESS.get(case.method.name, 0.15) * SPACING


@every_that_moves
@pytest.mark.parametrize(("true_map", "left"), [(shifted, 0.35), (bent, 0.5)])
def test_known_map_is_found(case: Case, true_map: Map, left: float) -> None:
    fixed, moving = image(grid(), true_map), image(grid())
    found = case.register(fixed, moving)
    assert error(found, true_map, fixed) < left * error(Transform(()), true_map, fixed)
    assert dissimilarity(found, fixed) < left * dissimilarity(Transform(()), fixed)


@every_that_moves_or_network
def test_oblique_headers_rotate_the_result(case: Case) -> None:
    # Half a voxel apart: at voxel centres linear interpolation has two slopes, and rounding would choose between them.
    fixed, moving = image(grid(), shifted), image(grid((45, 49, 43)))
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = rotation(20), [300, -200, 100]
    straight = case.register(fixed, moving)
    oblique = case.register(*(Volume(array=v.array, affine=turn @ v.affine) for v in (fixed, moving)))
    points = inside(fixed)
    expected = Transform((turn,)).apply(straight.apply(points))
    np.testing.assert_allclose(oblique.apply(Transform((turn,)).apply(points)), expected, atol=0.05)


@every_that_moves_or_network
@pytest.mark.parametrize("who", ["fixed", "moving"])
def test_mirrored_storage_changes_nothing(case: Case, who: str) -> None:
    pair = {"fixed": image(grid(), bent), "moving": image(grid((40, 48, 44)))}
    plain = case.register(**pair)
    turned = case.register(**{**pair, who: mirrored(pair[who], 0)})
    points = inside(pair["fixed"])
    distance = np.linalg.norm(plain.apply(points) - turned.apply(points), axis=-1)
    # Not zero: at voxel centres linear interpolation has two slopes, and samplers take the one of the next voxel.
    assert distance.mean() < 0.05 * SPACING
    assert distance.max() < 0.5 * SPACING


@every_that_moves
@pytest.mark.parametrize(
    "of_moving",
    [
        grid(spacing=(2.0, 2.0, 2.5)),
        grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)),
        grid((52, 54, 50), rotation=rotation(15)),
    ],
    ids=["anisotropic", "another grid", "oblique to the fixed"],
)
def test_grids_may_differ(case: Case, of_moving: Volume) -> None:
    fixed, moving = image(grid(), shifted), image(of_moving)
    assert error(case.register(fixed, moving), shifted, fixed) < 0.4 * error(Transform(()), shifted, fixed)


@every_that_moves
def test_small_images_are_registered(case: Case) -> None:
    fixed, moving = image(grid((28, 30, 26), 3.2), shifted), image(grid((30, 28, 29), 3.2))
    found = case.register(fixed, moving)
    assert error(found, shifted, fixed) < 0.5 * error(Transform(()), shifted, fixed)


@every_or_network
def test_result_is_finite_repeatable_and_leaves_the_inputs_alone(case: Case) -> None:
    fixed, moving = image(grid(), bent), image(grid())
    before = [v.array.copy() for v in (fixed, moving)] + [v.affine.copy() for v in (fixed, moving)]
    for volume in (fixed, moving):
        volume.array.setflags(write=False)
        volume.affine.setflags(write=False)
    first, second = (case.register(fixed, moving).apply(inside(fixed)) for _ in range(2))
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    after = [v.array for v in (fixed, moving)] + [v.affine for v in (fixed, moving)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


ONWARD = [name for name in MOVING if name not in EQUIPPED and "start_from" in {f.name for f in fields(method(name))}]
"""Methods that go on from what another one found."""


def true_field(fixed: Volume) -> Transform:
    """The bend as a method would have found it."""
    return Transform((DisplacementField(vectors=bent(world(fixed)) - world(fixed), affine=fixed.affine),))


def test_what_optimises_on_is_known() -> None:
    assert ONWARD == ["greedy", "syn"]


@pytest.mark.parametrize("name", ONWARD)
def test_going_on_from_the_identity_is_the_method_itself(name: str) -> None:
    made = method(name, start_from="identity").sloppy()
    assert made.begins_with == "identity"
    assert method(name).begins_with == ""
    fixed, moving = image(grid(), bent), image(grid((60, 52, 36), spacing=(1.5, 1.8, 2.6), rotation=rotation(15)))
    plain, same = (
        method(name).sloppy().register(fixed, moving, Context()),
        made.register(fixed, moving, Context(initial=Transform())),
    )
    np.testing.assert_array_equal(plain.apply(inside(fixed)), same.apply(inside(fixed)))


@pytest.mark.parametrize("name", ONWARD)
@pytest.mark.parametrize(
    "of_moving", [grid(), grid((52, 54, 50), spacing=(2.0, 1.8, 2.2), rotation=rotation(15))], ids=["same", "oblique"]
)
def test_going_on_from_the_truth_stays_there(name: str, of_moving: Volume) -> None:
    fixed, moving = image(grid(), bent), image(of_moving)
    truth = true_field(fixed)
    before = truth.steps[0].vectors.copy()  # type: ignore[union-attr]
    far = error(Transform(()), bent, fixed)
    fine = method(name, scales=[1], iterations=[10], start_from="truth")
    assert error(fine.register(fixed, moving, Context(initial=truth)), bent, fixed) < 0.1 * far
    whole = method(name, start_from="truth").sloppy().register(fixed, moving, Context(initial=truth))
    assert error(whole, bent, fixed) < 0.2 * far
    np.testing.assert_array_equal(truth.steps[0].vectors, before)  # type: ignore[union-attr]


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the published weights are not here")
@pytest.mark.parametrize("case", ["lapirn"], indirect=True)
def test_network_sees_the_same_on_every_grid(case: Case) -> None:
    fixed, moving = image(grid(), bent), image(grid())
    other = image(grid((52, 54, 50), spacing=(2.0, 1.8, 2.2), rotation=rotation(15)))
    points = inside(fixed)
    one, two = (case.register(fixed, of).apply(points) for of in (moving, other))
    moved = np.linalg.norm(one - points, axis=-1).mean()
    # Interpolation from different samples of one image changes what it sees a little.
    assert np.linalg.norm(one - two, axis=-1).mean() < 0.15 * moved


@pytest.mark.parametrize("name", methods())
def test_parameters_are_frozen_picklable_and_checked(name: str) -> None:
    made = method(name)
    assert isinstance(made, Method)
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(method(name))
    with pytest.raises(UsageError, match="unknown parameter 'stpe'"):
        method(name, stpe=1)
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)
        with pytest.raises(UsageError, match=field.name):
            method(name, **{field.name: {"a": "table"}})


@pytest.mark.parametrize("name", methods())
def test_cost_grows_with_the_image(name: str) -> None:
    for device in ("cpu", "cuda"):
        small, large = (method(name).cost(n, device) for n in (10**5, 10**8))
        assert 0 < small.seconds <= large.seconds
        assert 0 < small.memory_gb < large.memory_gb


@pytest.mark.parametrize("name", methods())
def test_a_method_says_what_it_is(name: str) -> None:
    made = method(name)
    assert made.summary
    assert made.own_input is None or made.own_input.words
    assert all(made.similarity_for(multimodal=m) for m in (False, True))


def test_what_needs_more_than_its_defaults_is_known() -> None:
    assert set(NEEDY) == NEEDS.keys()


@pytest.mark.parametrize("name", NEEDY)
def test_what_is_missing_is_named_with_what_to_do(name: str) -> None:
    assert all(word in NEEDY[name] for word in NEEDS[name]), NEEDY[name]


CENTRES = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lumirage_bids.methods.base import Method
from lumirage_bids.spatial.transforms import Transform


@dataclass(frozen=True, kw_only=True)
class Centres(Method):
    name: ClassVar[str] = "centres"
    summary: ClassVar[str] = "one centre of mass onto the other"

    weight: float = 1.0

    def register(self, fixed, moving, context):
        matrix = np.eye(4)
        matrix[:3, 3] = self._centre(moving) - self._centre(fixed)
        return Transform.affine(matrix)

    def _centre(self, image):
        index = np.argwhere(image.array > 0)
        mean = np.average(index, axis=0, weights=image.array[image.array > 0] ** self.weight)
        return image.affine[:3, :3] @ mean + image.affine[:3, 3]
"""


def test_a_new_file_is_a_method_that_is_found_listed_and_kept_to_the_laws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "centres.py").write_text(CENTRES)
    before = methods()
    with monkeypatch.context() as patch:
        patch.setattr(registration, "__path__", [*registration.__path__, str(tmp_path)])
        assert set(methods()) - set(before) == {"centres"}
        assert catalogue.list_known("methods", None) == 0
        assert "one centre of mass onto the other" in capsys.readouterr().out
        case = Case(method=method("centres", weight=1), scratch=tmp_path)
        test_parameters_are_frozen_picklable_and_checked("centres")
        test_cost_grows_with_the_image("centres")
        test_a_method_says_what_it_is("centres")
        test_equal_images_stay_where_they_are(case)
        test_known_map_is_found(case, shifted, left=0.35)
        test_oblique_headers_rotate_the_result(case)
        test_mirrored_storage_changes_nothing(case, "moving")
        test_grids_may_differ(case, grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)))
        test_result_is_finite_repeatable_and_leaves_the_inputs_alone(case)
    sys.modules.pop("lumirage_bids.methods.centres")
    vars(registration).pop("centres")
    assert methods() == before
