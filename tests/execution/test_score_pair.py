from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumirage_bids.bids.scans import File
from lumirage_bids.execution.score_pair import Side, lesion_of, on_grid, place_prepared, score
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.status import is_final
from lumirage_bids.labellers import labeller
from lumirage_bids.measures import RegisteredPair, measure
from lumirage_bids.measures.overlap import dice
from lumirage_bids.output.read_prepared import NotPreparedError, failure_of
from lumirage_bids.spatial.grids import reorient
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.label_transfer import transfer_labels
from lumirage_bids.spatial.transforms import Transform
from tests.small_plan import scan


def labels() -> Volume:
    rng = np.random.default_rng(0)
    affine = np.diag([1.5, 2.0, 1.0, 1.0])
    affine[:3, 3] = (-20, 5, 7)
    return Volume(array=rng.integers(0, 5, (9, 8, 7)).astype(np.int32), affine=affine)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
@settings(max_examples=20)
def test_a_map_stored_otherwise_is_the_same_on_the_scans_grid(order: list[int], flip: tuple[bool, bool, bool]) -> None:
    truth = labels()
    axes = "".join({0: "RL", 1: "AP", 2: "SI"}[a][f] for a, f in zip(order, flip, strict=True))
    stored = reorient(truth, axes)
    np.testing.assert_array_equal(on_grid(stored, truth.shape, truth.affine, 1), truth.array)


def side(spacing: float) -> Side:
    """A scan whose prepared grid covers its native one with cubic voxels of a spacing (mm)."""
    native = labels()
    extent = np.array(native.shape) * native.spacing
    shape = tuple(int(n) for n in np.ceil(extent / spacing))
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = native.affine[:3, 3]
    image = Volume(array=np.zeros(shape, np.float32), affine=affine)
    return Side(
        scan=None, image=image, mask=image, labels={"made": native}, at_reference={}, grids={}, structures={},
        failures={}, alignment=np.eye(4),
    )  # type: ignore[arg-type]  # fmt: skip


def dice_prepared(moving: Side, fixed: Side, how: Literal["linear", "nearest"]) -> float:
    maps = place_prepared("made", moving, fixed, Transform(), Evaluation(transfer=how), 1)
    pair = RegisteredPair(parts={"prepared": replace(maps, structures=np.arange(1, 5))})
    return measure("dice_prepared").of(pair)["dice_prepared"]


def test_dice_on_prepared_grids_is_that_of_maps_resampled_first() -> None:
    same = dice_prepared(side(1.0), side(1.0), "linear")
    assert same == 1.0
    # The same anatomy, seen on another prepared grid, no longer fits itself: what that way of scoring adds.
    other = dice_prepared(side(2.0), side(1.0), "linear")
    nearest = dice_prepared(side(2.0), side(1.0), "nearest")
    assert 0.2 < other < 0.9
    assert nearest != other


GRID = np.diag([2.0, 2.0, 2.0, 1.0])
affines = st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9).map(
    lambda x: np.block([[np.eye(3) + np.reshape(x, (3, 3)), np.reshape(x[:3], (3, 1)) * 20], [np.zeros((1, 3)), 1]])
)


def at_reference(alignment: np.ndarray, seed: int, how: str) -> Side:
    """A scan whose labels were carried through its alignment to a grid of 2 mm around them."""
    rng = np.random.default_rng(seed)
    native = Volume(array=rng.integers(0, 4, (8, 9, 10)).astype(np.int32), affine=alignment @ GRID)
    there = transfer_labels(native, Transform((alignment,)), (11, 12, 13), GRID, method=how)  # type: ignore[arg-type]
    return Side(
        scan=None, image=native, mask=native, labels={"made": native},
        at_reference={("made", how): Volume(array=there, affine=GRID)}, grids={"made": (native.shape, native.affine)},
        structures={"made": {1: "a", 2: "b", 3: "c"}}, failures={}, alignment=alignment,
    )  # type: ignore[arg-type]  # fmt: skip


MADE = LabellingOfRun(name="made", labeller=labeller("existing"))


@given(affines, affines, st.sampled_from(["linear", "nearest"]), st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_on_the_references_grid_maps_are_compared_where_the_alignments_put_them(
    to_fixed: np.ndarray, to_moving: np.ndarray, how: str, step: int
) -> None:
    """What a method does is a shift by whole voxels of the reference's grid, so that the answer is known."""
    fixed, moving = at_reference(to_fixed, 1, how), at_reference(to_moving, 2, how)
    shift = np.eye(4)
    shift[0, 3] = 2.0 * step
    total = Transform((to_moving @ shift @ np.linalg.inv(to_fixed),))
    row = score(MADE, moving, fixed, total, Evaluation(grid="reference", transfer=how), 1)  # type: ignore[arg-type]
    target, source = (side.at_reference["made", how].array for side in (fixed, moving))
    moved = np.zeros_like(source)
    moved[: len(source) - step] = source[step:]
    np.testing.assert_allclose([row[f"dice_{i}"] for i in (1, 2, 3)], dice(target, moved, [1, 2, 3]), atol=1e-12)


def test_before_any_alignment_the_headers_place_the_labels() -> None:
    moved = np.eye(4)
    moved[0, 3] = 6.0
    fixed, moving = at_reference(np.eye(4), 1, "linear"), at_reference(moved, 1, "linear")
    row = score(MADE, moving, fixed, Transform((moved,)), Evaluation(grid="reference"), 1)
    assert row["dice_mean"] == 1.0
    target = fixed.at_reference["made", "linear"].array
    shifted = np.zeros_like(target)
    shifted[3:] = target[:-3]
    assert row["dice_initial"] == dice(target, shifted, [1, 2, 3]).mean()


def test_the_native_grid_does_not_ask_for_the_references() -> None:
    fixed = at_reference(np.eye(4), 1, "linear")
    row = score(MADE, fixed, fixed, Transform(), Evaluation(), 1)
    assert (row["dice_mean"], row["dice_initial"], row["n_structures"]) == (1.0, 1.0, 3)
    assert "dice_prepared" not in row


def test_an_index_that_either_map_has_no_name_for_is_not_scored() -> None:
    """Nor does it count in the mean, whichever side lacks the name."""
    fixed = at_reference(np.eye(4), 1, "linear")
    fewer = replace(fixed, structures={"made": {1: "a", 3: "c"}})
    for one, other in ((fixed, fewer), (fewer, fixed), (fewer, fewer)):
        row = score(MADE, one, other, Transform(), Evaluation(), 1)
        assert (row["n_structures"], "dice_2" in row, row["dice_3"]) == (2, False, 1.0)


def test_a_lesion_mask_that_vanished_is_an_input_lost(tmp_path: Path) -> None:
    """The same command tries it again."""
    gone = File(path=tmp_path / "lesion.nii", dataset=tmp_path)
    with pytest.raises(NotPreparedError, match=r"^input lost: .*lesion\.nii: no such file") as caught:
        lesion_of(replace(scan(tmp_path, "1"), lesion=gone))
    assert not is_final("failed", failure_of(caught.value).kind)
