"""What a method is given of a pair, and what becomes of the transform that it returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from lumirage_bids.base.failures import Failure
from lumirage_bids.execution.register_pairs import PairAtWork, _explain, lesion_masked
from lumirage_bids.execution.score_pair import Side
from lumirage_bids.methods.base import Context, Method
from lumirage_bids.methods.identity import Identity
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.perturbations import Perturbation
from lumirage_bids.spatial.preparation import Preparation, Prepared, bring_to_common_grid
from lumirage_bids.spatial.transforms import Transform, warp
from tests.random_volumes import affine

GIVEN: list[tuple[Volume, Volume, Context]] = []
SHIFT = np.array([2.0, -1.0, 0.5])


@dataclass(frozen=True, kw_only=True)
class Shifting(Method):
    """Returns a shift and the way back, whatever it is given."""

    name: ClassVar[str] = "shifting"
    summary: ClassVar[str] = "shifts"

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        GIVEN.append((fixed, moving, context))
        there, back = np.eye(4), np.eye(4)
        there[:3, 3], back[:3, 3] = SHIFT, -SHIFT
        return Transform((there,), inverse=Transform((back,)))


@dataclass(frozen=True, kw_only=True)
class Given(Shifting):
    """The same, made by others."""

    computes: ClassVar[bool] = False


GRID = ((20, 22, 24), np.diag([1.5, 1.5, 1.5, 1.0]))


def side(seed: int, *, together: bool) -> Side:
    random = np.random.default_rng(seed)
    image = Volume(array=random.random((16, 18, 20)).astype(np.float32), affine=affine(random, (2.0, 2.0, 2.0)))
    mask = replace(image, array=np.ones(image.shape, np.float32))
    alignment = affine(random, (1.1, 1.0, 0.9))
    # The brain's middle lies in the middle of the reference's grid.
    middle = [(of.affine @ [*((n - 1) / 2 for n in shape), 1])[:3] for of, shape in [(image, image.shape)]]
    alignment[:3, 3] = middle[0] - alignment[:3, :3] @ (GRID[1][:3, :3] @ (np.array(GRID[0]) - 1) / 2)
    seen = bring_to_common_grid(Prepared(image=image, mask=mask), alignment, *GRID) if together else None
    return Side(
        scan=SimpleNamespace(key=f"{seed}"), image=image, mask=mask, labels={}, at_reference={}, grids={},
        structures={}, failures={}, alignment=alignment, seen=seen,
    )  # type: ignore[arg-type]  # fmt: skip


def at_work(method: Method, tmp_path: Path, *, together: bool) -> PairAtWork:
    arm: Any = SimpleNamespace(method=method, label="shifting", code={}, preparation=Preparation())
    arm.stages = (arm,)
    batch: Any = SimpleNamespace(arm=arm, arms=(), moving=None)
    return PairAtWork(
        task=SimpleNamespace(pair=None), batch=batch, moving=side(1, together=together),
        fixed=side(2, together=together), output=None, context=Context(work_dir=tmp_path), save="none",
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    GIVEN.clear()
    monkeypatch.setattr("lumirage_bids.execution.register_pairs.read_code", lambda files: {})


@pytest.mark.parametrize("together", [False, True])
def test_a_map_that_a_method_finds_holds_between_the_scans(tmp_path: Path, together: bool) -> None:
    work = at_work(Shifting(), tmp_path, together=together)
    transform, cost = work.register()
    ((fixed, moving, context),) = GIVEN
    assert cost["runtime_s"] >= 0
    point = np.array([7.0, 8.0, 9.0])
    if together:
        for volume in (fixed, moving, context.fixed_mask, context.moving_mask):
            assert volume is not None
            assert volume.shape == GRID[0]
            np.testing.assert_allclose(volume.affine, GRID[1])
        assert fixed.array.std() > 0
        assert context.start is None
        # A point of the reference's world, where the method shifts it.
        of_fixed, of_moving = (
            (s.alignment @ [*p, 1])[:3] for s, p in ((work.fixed, point), (work.moving, point + SHIFT))
        )
    else:
        assert fixed is work.fixed.image
        np.testing.assert_allclose(moving.affine, np.linalg.inv(work.start) @ work.moving.image.affine)
        of_fixed, of_moving = point, (work.start @ [*(point + SHIFT), 1])[:3]
    total = transform.then(Transform((work.start,)))
    np.testing.assert_allclose(total.apply(of_fixed), of_moving, atol=1e-9)
    assert transform.inverse is not None
    np.testing.assert_allclose(transform.inverse.apply(transform.apply(of_fixed)), of_fixed, atol=1e-9)


def test_a_transform_of_others_is_between_the_scans_own_grids(tmp_path: Path) -> None:
    work = at_work(Given(), tmp_path, together=True)
    transform, cost = work.register()
    ((fixed, _, context),) = GIVEN
    assert fixed is work.fixed.image
    assert context.start is work.start or np.array_equal(context.start, work.start)
    np.testing.assert_allclose(transform.apply([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]) + SHIFT)
    assert cost == {}


def test_a_pair_that_lacked_memory_says_how_much() -> None:
    error = MemoryError("Unable to allocate 8.00 GiB for an array")
    assert _explain(error) == Failure(
        "out of memory", "out of memory: MemoryError: Unable to allocate 8.00 GiB for an array"
    )


@pytest.mark.parametrize("together", [False, True])
def test_a_turned_head_is_registered_where_it_is_turned_to(tmp_path: Path, together: bool) -> None:
    """The map is between the scans all the same, and what goes on from the start alone begins with nothing."""
    worse = Perturbation(kind="rotation", size=20)
    arms: list[Any] = []
    for method in (Identity(), Shifting()):
        arms.append(
            SimpleNamespace(
                method=method, name=method.name, label="x", code={}, preparation=Preparation(perturbation=worse)
            )
        )
        arms[-1].stages = tuple(arms)
    work = at_work(Shifting(), tmp_path, together=together)
    work.batch.arm, work.batch.moving = arms[-1], SimpleNamespace(name="sub-01_T1w")
    transform, _ = work.register()
    ((_, moving, context),) = GIVEN
    assert context.initial is not None
    assert context.initial.steps == ()
    plain = at_work(Shifting(), tmp_path, together=together)
    unharmed = (plain.moving.seen.image if together else None) or replace(
        plain.moving.image, affine=np.linalg.inv(plain.start) @ plain.moving.image.affine
    )
    turned = worse.of(unharmed, replace(unharmed, array=np.ones(unharmed.shape, np.float32)), "sub-01_T1w")
    motion = turned.affine @ np.linalg.inv(unharmed.affine)
    assert together or np.allclose(moving.affine, turned.affine)
    # A point that the method shifts in what it sees, told in the scans' own worlds.
    point = np.array([7.0, 8.0, 9.0])
    seen = np.linalg.inv(motion) @ [*(point + SHIFT), 1]
    if together:
        of_fixed, of_moving = work.fixed.alignment @ [*point, 1], work.moving.alignment @ seen
    else:
        of_fixed, of_moving = np.array([*point, 1]), work.start @ seen
    total = transform.then(Transform((work.start,)))
    np.testing.assert_allclose(total.apply(of_fixed[:3]), of_moving[:3], atol=1e-6)
    assert transform.inverse is not None
    np.testing.assert_allclose(transform.inverse.apply(transform.apply(of_fixed[:3])), of_fixed[:3], atol=1e-9)


@dataclass(frozen=True, kw_only=True)
class Masking(Shifting):
    """The same, given lesion masks."""

    @property
    def masks_lesions(self) -> bool:
        return True


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("worse", [None, Perturbation(kind="rotation", size=20)])
def test_lesions_lie_where_they_do_in_the_images_that_a_method_sees(
    tmp_path: Path, together: bool, worse: Perturbation | None
) -> None:
    """A lesion as bright as the scan is, so that both are the same wherever they are taken."""
    for method in (Masking(), Shifting()):
        work = at_work(method, tmp_path, together=together)
        work.batch.arm.preparation, work.batch.moving = Preparation(perturbation=worse), SimpleNamespace(name="sub-1")
        sides = [replace(s, lesion=s.image) for s in (work.fixed, work.moving)]
        replace(work, fixed=sides[0], moving=sides[1]).register()
        fixed, moving, context = GIVEN.pop()
        if method.masks_lesions:
            for image, lesion in ((fixed, context.fixed_lesion), (moving, context.moving_lesion)):
                placed = warp(lesion, Transform(), image).array
                assert np.corrcoef(placed[4:-4, 4:-4, 4:-4].ravel(), image.array[4:-4, 4:-4, 4:-4].ravel())[0, 1] > 0.8
        else:
            assert context.fixed_lesion is context.moving_lesion is None


def test_a_pair_with_a_lesion_has_it_to_be_measured(tmp_path: Path) -> None:
    work = at_work(Shifting(), tmp_path, together=False)
    transform, total = Transform(), Transform((work.start,))
    assert not work.gather(transform, total, {}, None).has(("lesions",))
    work = replace(work, moving=replace(work.moving, lesion=work.moving.mask))
    lesions = work.gather(transform, total, {}, None).lesions
    assert lesions.fixed is None
    assert lesions.moving is work.moving.mask
    np.testing.assert_allclose(lesions.start.apply([1.0, 2.0, 3.0]), (work.start @ [1, 2, 3, 1])[:3])


def test_a_row_says_whose_lesion_its_method_was_given(tmp_path: Path) -> None:
    """Of what was read: a file that holds an empty mask is no lesion."""
    healthy = side(1, together=False)
    ill = replace(healthy, lesion=healthy.mask)
    seeing, masking, elsewhere = (
        SimpleNamespace(method=SimpleNamespace(masks_lesions=masks, computes=computes))
        for masks, computes in ((False, True), (True, True), (False, False))
    )
    seeing.stages, masking.stages = (seeing,), (masking,)
    after = SimpleNamespace(method=masking.method, stages=(seeing, masking))
    sides = {None: (healthy, healthy), "moving": (ill, healthy), "fixed": (healthy, ill), "both": (ill, ill)}
    for told, (moving, fixed) in sides.items():
        arms: list[Any] = [seeing, after, masking, elsewhere]
        found = [lesion_masked(arm, moving, fixed).get("lesion_masked") for arm in arms]
        assert found == ["none" if told else None, "none" if told else None, told, None]
