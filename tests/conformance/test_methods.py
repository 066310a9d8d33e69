"""What every registration method must do, whatever it is: one suite for all methods that are found.

The images are samples of one smooth function of space, so the true map of every pair is known exactly. Methods run in
their `sloppy` form. A method that needs more than its defaults gets a case of its own; a network that was trained on
heads keeps the laws that its framework owes, not those that ask it to register what is no head.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lumirage_bids import methods as registration
from lumirage_bids.app import catalogue
from lumirage_bids.methods import Context, lapirn, method, methods
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import Transform
from lumirage_bids.testing import MethodLaws, blob
from lumirage_bids.testing.methods import Case, DescriptionLaws, RegistrationLaws, SoundnessLaws, StorageLaws

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "weights" / "lapirn"


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
    made = method("torchscript", model="demons.pt", shape=[48, 52, 48], spacing=blob.SPACING)
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
    "label_maps": ("path", "labelling"),
    "lapirn": ("LapIRN_disp_fea7.pth", "LUMIRAGE_WEIGHTS", "github.com/cwmok/LapIRN"),
    "multigradicon": ("unigradicon-register", "pip install unigradicon"),
    "plastimatch": ("plastimatch", "apt-get install plastimatch"),
    "precomputed": ("path",),
    "python": ("function",),
    "torchscript": ("model", "torch.jit.save"),
    "unigradicon": ("unigradicon-register", "pip install unigradicon"),
    "vfa": ("vfa-run", "github.com/yihao6/vfa"),
}
"""Methods that do not run with their defaults, and what their complaint must name."""
INSTALLED = {"plastimatch"}
"""Of these, programs that a machine may have: then they are held to the laws."""
lapirn_if_here = pytest.param(
    "lapirn", marks=pytest.mark.skipif(not WEIGHTS.exists(), reason="the published weights are not here")
)
SLOW = {"elastix"}
RESTLESS = {"convexadam": 0.25, "picsl_greedy": 0.25, "elastix": 0.75}
"""Methods whose steps do not become small where the gradient does → voxels that they stray from where they are."""


def cases(names: list[str], *more: Any) -> pytest.MarkDecorator:
    marked = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]
    return pytest.mark.parametrize("case", [*marked, *more], indirect=True)


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
    return Case(method=method(name).sloppy(), scratch=tmp_path, stray=RESTLESS.get(name, 0.15))


class OfName:
    """Laws take the cases of this file."""

    @pytest.fixture
    def case(self, case: Case) -> Case:
        return case


@pytest.mark.parametrize("case", [Case(method=method(name), scratch=Path()) for name in methods()], ids=methods())
class TestDescription(DescriptionLaws):
    pass


@cases(RUNNING, lapirn_if_here)
class TestSoundness(OfName, SoundnessLaws):
    pass


@cases(MOVING, lapirn_if_here)
class TestStorage(OfName, StorageLaws):
    pass


@cases(MOVING)
class TestRegistration(OfName, RegistrationLaws):
    pass


@cases([name for name in RUNNING if name not in MOVING])
def test_what_moves_nothing_moves_nothing(case: Case) -> None:
    RegistrationLaws().test_equal_images_stay_where_they_are(case)


ONWARD = [name for name in MOVING if name not in EQUIPPED and "start_from" in {f.name for f in fields(method(name))}]
"""Methods that go on from what another one found."""


def test_what_optimises_on_is_known() -> None:
    assert ONWARD == ["greedy", "syn"]


@pytest.mark.parametrize("name", ONWARD)
def test_going_on_from_the_identity_is_the_method_itself(name: str) -> None:
    made = method(name, start_from="identity").sloppy()
    assert made.begins_with == "identity"
    assert method(name).begins_with == ""
    fixed, moving = (
        blob.image(blob.grid(), blob.bent),
        blob.image(blob.grid((60, 52, 36), spacing=(1.5, 1.8, 2.6), turned=blob.rotation(15))),
    )
    plain, same = (
        method(name).sloppy().register(fixed, moving, Context()),
        made.register(fixed, moving, Context(initial=Transform())),
    )
    np.testing.assert_array_equal(plain.apply(blob.inside(fixed)), same.apply(blob.inside(fixed)))


@pytest.mark.parametrize("name", ONWARD)
@pytest.mark.parametrize(
    "of_moving",
    [blob.grid(), blob.grid((52, 54, 50), spacing=(2.0, 1.8, 2.2), turned=blob.rotation(15))],
    ids=["same", "oblique"],
)
def test_going_on_from_the_truth_stays_there(name: str, of_moving: Volume) -> None:
    fixed, moving = blob.image(blob.grid(), blob.bent), blob.image(of_moving)
    truth = blob.true_field(fixed)
    before = truth.steps[0].vectors.copy()  # type: ignore[union-attr]
    far = blob.error(Transform(()), blob.bent, fixed)
    fine = method(name, scales=[1], iterations=[10], start_from="truth")
    assert blob.error(fine.register(fixed, moving, Context(initial=truth)), blob.bent, fixed) < 0.1 * far
    whole = method(name, start_from="truth").sloppy().register(fixed, moving, Context(initial=truth))
    assert blob.error(whole, blob.bent, fixed) < 0.2 * far
    np.testing.assert_array_equal(truth.steps[0].vectors, before)  # type: ignore[union-attr]


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the published weights are not here")
@pytest.mark.parametrize("case", ["lapirn"], indirect=True)
def test_network_sees_the_same_on_every_grid(case: Case) -> None:
    fixed, moving = blob.image(blob.grid(), blob.bent), blob.image(blob.grid())
    other = blob.image(blob.grid((52, 54, 50), spacing=(2.0, 1.8, 2.2), turned=blob.rotation(15)))
    points = blob.inside(fixed)
    one, two = (case.register(fixed, of).apply(points) for of in (moving, other))
    moved = np.linalg.norm(one - points, axis=-1).mean()
    # Interpolation from different samples of one image changes what it sees a little.
    assert np.linalg.norm(one - two, axis=-1).mean() < 0.15 * moved


def test_what_needs_more_than_its_defaults_is_known() -> None:
    assert NEEDS.keys() - INSTALLED <= set(NEEDY) <= NEEDS.keys()


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
        laws = MethodLaws()
        laws.test_parameters_are_frozen_picklable_and_checked(case)
        laws.test_cost_grows_with_the_image(case)
        laws.test_a_method_says_what_it_is(case)
        laws.test_equal_images_stay_where_they_are(case)
        laws.test_known_map_is_found(case, blob.shifted, left=0.35)
        laws.test_oblique_headers_rotate_the_result(case)
        laws.test_mirrored_storage_changes_nothing(case, "moving")
        laws.test_grids_may_differ(case, blob.grid((60, 52, 36), spacing=(1.5, 1.8, 2.6)))
        laws.test_result_is_finite_repeatable_and_leaves_the_inputs_alone(case)
    sys.modules.pop("lumirage_bids.methods.centres")
    vars(registration).pop("centres")
    assert methods() == before
