"""What every labeller must do, for all that are found."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.bids.scans import Scan
from lumirage_bids.labellers import Labeller, labeller, labellers, labellings, segment_checked
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.grids import reorient, same_grid
from lumirage_bids.spatial.images import Volume, read_labels, write_image
from tests.labellers import standins
from tests.labellers.phantom import brain, label_file, scan

NAMES = sorted(labellers())


@pytest.fixture(params=NAMES)
def made_by(request: pytest.FixtureRequest, tmp_path: Path) -> Labeller:
    """Every labeller; FreeSurfer's program is stood in for by one that keeps its contract."""
    parameters = {"synthseg": {"program": standins.synthseg(tmp_path)}, "carried": {"of": "tissue"}}
    found = labeller(request.param, **parameters.get(request.param, {}))
    if not found.reads and (complaint := found.missing(Context())):
        pytest.skip(complaint)
    return found


def case(made_by: Labeller, folder: Path, axes: str = "RAS") -> tuple[Scan, Volume, Volume, str]:
    """A scan with a label map of its own, for labellers that read one; image, mask and labelling."""
    image, truth = brain(axes=axes)
    write_image(truth, folder / f"{axes}.nii.gz", np.int32)
    labelling = made_by.labelling or "mine"
    here = scan(labels={labelling: label_file(folder, f"{axes}.nii.gz")})
    return here, image, truth, labelling


def test_labels_are_integers_of_known_structures_in_the_brain(made_by: Labeller, tmp_path: Path) -> None:
    here, image, truth, labelling = case(made_by, tmp_path)
    labels, structures = segment_checked(made_by, here, image, truth, labelling, Context())
    assert labels.array.dtype == np.int32
    # A map that somebody else made may hold what its table does not name; that is left out when it is scored.
    assert made_by.reads or set(np.unique(labels.array).tolist()) - {0} <= structures.keys()
    assert 0 not in structures
    assert (labels.array > 0).any()
    assert not labels.array[truth.array == 0].any()


def test_grid_is_the_images_or_the_maps_own(made_by: Labeller, tmp_path: Path) -> None:
    for axes in ("RAS", "PSL"):
        here, image, truth, labelling = case(made_by, tmp_path, axes)
        labels = made_by.segment(here, image, truth, labelling, Context())
        own = read_labels(tmp_path / f"{axes}.nii.gz") if made_by.reads else image
        assert same_grid(labels, own)


def test_same_input_same_labels_and_input_unchanged(made_by: Labeller, tmp_path: Path) -> None:
    here, image, truth, labelling = case(made_by, tmp_path)
    before = image.array.copy(), truth.array.copy()
    first, second = (made_by.segment(here, image, truth, labelling, Context()).array for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image.array, before[0])
    np.testing.assert_array_equal(truth.array, before[1])


@pytest.mark.parametrize("axes", ["LAS", "LPS", "SPR"])
def test_storage_does_not_change_labels(made_by: Labeller, tmp_path: Path, axes: str) -> None:
    here, image, truth, labelling = case(made_by, tmp_path)
    expected = made_by.segment(here, image, truth, labelling, Context())
    got = reorient(made_by.segment(*case(made_by, tmp_path, axes), Context()))
    np.testing.assert_allclose(got.affine, expected.affine, atol=1e-4)
    np.testing.assert_array_equal(got.array, expected.array)


def test_shape_of_the_mask_not_its_values_matter(made_by: Labeller, tmp_path: Path) -> None:
    here, image, truth, labelling = case(made_by, tmp_path)
    binary = replace(truth, array=truth.array > 0)
    ours, theirs = (made_by.segment(here, image, m, labelling, Context()).array for m in (binary, truth))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_description(name: str) -> None:
    kind = labellers()[name]
    assert kind.name == name
    assert kind.summary
    assert "\n" not in kind.summary
    complaint = kind().missing(Context())
    assert complaint is None or complaint.strip()
    assert kind.labelling is None or labellings()[kind.labelling] is kind
    assert kind.layout is None or kind.reads
    assert labeller(name, **{f.name: f.default for f in fields(kind)}) == labeller(name)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no_such_parameter"):
        labeller(name, no_such_parameter=1)


def test_unknown_labellers_are_refused() -> None:
    with pytest.raises(UsageError, match="atropos"):
        labeller("no_such_labeller")
