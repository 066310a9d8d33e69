"""The same numbers on one thread and on two; docs/concepts/resuming.md says how near they are, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
import torch

from lumirage_bids.methods import method
from lumirage_bids.methods.alignment import Alignment, align
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume, read_image
from lumirage_bids.spatial.preparation import Preparation, prepare
from lumirage_bids.spatial.transforms import DisplacementField
from tests.conftest import options, run_program

SAME_ALIGNMENT_MM = 1e-3
SAME_FIELD_MM = 1e-3
SAME_DICE = 1e-4


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Threads are a process's: give them back."""
    of_torch, of_numba = torch.get_num_threads(), numba.get_num_threads()
    yield
    torch.set_num_threads(of_torch)
    numba.set_num_threads(of_numba)


@pytest.fixture(scope="module")
def prepared(tiny_dataset: Path) -> tuple[Volume, Volume]:
    """Prepared images of two subjects."""
    found = []
    for subject in ("01", "02"):
        image = read_image(tiny_dataset / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz")
        found.append(prepare(image, replace(image, array=image.array > 0), Preparation()).image)
    return found[0], found[1]


@pytest.mark.parametrize("name", ["greedy", "syn"])
def test_a_method_finds_the_same_field(name: str, prepared: tuple[Volume, Volume], tmp_path: Path) -> None:
    fixed, moving = prepared
    fields = []
    for threads in (1, 2):
        context = Context(device="cpu", threads=threads, work_dir=tmp_path)
        transform = method(name).sloppy().register(fixed, moving, context)
        fields.append(next(step.vectors for step in transform.steps if isinstance(step, DisplacementField)))
    assert np.abs(fields[0]).max() > 1, "there is something to compare"
    np.testing.assert_allclose(fields[0], fields[1], rtol=0, atol=SAME_FIELD_MM)


@pytest.mark.slow
def test_the_alignment_is_the_same(prepared: tuple[Volume, Volume], tmp_path: Path) -> None:
    one, two = (
        align(
            *prepared,
            alignment=Alignment().sloppy(),
            context=Context(device="cpu", threads=threads, work_dir=tmp_path),
        )
        for threads in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=0, atol=SAME_ALIGNMENT_MM)


@pytest.mark.slow
def test_the_tables_are_the_same(demo_dataset: Path, tmp_path: Path) -> None:
    tables = []
    for threads in ("1", "2"):
        out = tmp_path / threads
        more = ["--methods", "greedy", "syn", "--max-pairs", "2", "--nprocs", "1", "--omp-nthreads", threads]
        done = run_program([demo_dataset, out, "participant", *options(demo_dataset), *more])
        assert done.code == 0, done.said
        files = sorted(out.glob("sub-*/**/*_scores.tsv"))
        table = pd.concat(pd.read_csv(file, sep="\t", na_values="n/a") for file in files)
        tables.append(table.sort_values(["method", "moving", "fixed"], ignore_index=True))
    one, two = tables
    assert len(one) == 6
    # The digests are the same: the number of threads is no parameter.
    assert list(one["hash"]) == list(two["hash"])
    dice = [column for column in one if column.startswith("dice_") and column != "dice_prepared"]
    np.testing.assert_allclose(one[dice], two[dice], rtol=0, atol=SAME_DICE)
    for column in ("sdlogj", "inverse_consistency_mm"):
        np.testing.assert_allclose(one[column], two[column], rtol=0, atol=SAME_FIELD_MM, equal_nan=True)
    np.testing.assert_allclose(one["folding_percent"], two["folding_percent"], rtol=0, atol=0.01)
