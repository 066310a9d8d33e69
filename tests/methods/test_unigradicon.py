"""uniGradICON and multiGradICON: what the program is told and what becomes of its transform.

A script stands in for the program, which needs libraries that exclude ours; it writes the composite of transforms that
the program writes: to a cube's coordinates, a displacement there, and back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.methods import Context, method
from lumirage_bids.testing import blob

PROGRAM = f"""#!{sys.executable}
import json, os, sys
import SimpleITK as sitk
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
told["cuda"] = os.environ["CUDA_VISIBLE_DEVICES"]
open({{note!r}}, "w").write(json.dumps(told))
fixed, moving = sitk.ReadImage(told["--fixed"]), sitk.ReadImage(told["--moving"])
assert fixed.GetSize() == moving.GetSize() and os.path.exists(told["--network_weights"])
centre = sitk.AffineTransform(3)
centre.Scale([0.5, 0.5, 0.5])
found = sitk.CompositeTransform(3)
for one in (centre.GetInverse(), sitk.TranslationTransform(3, [-1.0, 1.5, 2.0]), centre):
    found.AddTransform(one)
sitk.WriteTransform(found, told["--transform_out"])
"""
SHIFT = (2.0, -3.0, 4.0)
"""Of the composite above, RAS+, mm."""
MODELS = ("unigradicon", "multigradicon")


@pytest.fixture
def ready(tmp_path: Path) -> dict[str, object]:
    """A program and weights."""
    script = tmp_path / "unigradicon-register"
    script.write_text(PROGRAM.format(note=str(tmp_path / "told.json")))
    script.chmod(0o755)
    for model in MODELS:
        file = tmp_path / "weights" / f"{model}1.0" / "Step_2_final.trch"
        file.parent.mkdir(parents=True)
        file.touch()
    return {"program": str(script)}


@pytest.mark.parametrize(
    ("name", "parameters", "iterations", "similarity"),
    [
        ("unigradicon", {}, "50", "lncc"),
        ("unigradicon", {"iterations": 0}, "None", "lncc"),
        ("multigradicon", {"iterations": 7}, "7", "lncc2"),
        ("multigradicon", {"similarity": "mind"}, "50", "mind"),
    ],
)
def test_the_program_is_told_and_its_composite_is_read(
    name: str, parameters: dict[str, object], iterations: str, similarity: str, ready: dict[str, object], tmp_path: Path
) -> None:
    made = method(name, **ready, **parameters)
    context = Context(work_dir=tmp_path, weights=tmp_path / "weights")
    assert made.missing(context) is None
    fixed, moving = blob.image(blob.grid()), blob.image(blob.grid((40, 44, 46), turned=blob.rotation(10)))
    points = blob.inside(fixed)
    moved = made.register(fixed, moving, context).apply(points) - points
    np.testing.assert_allclose(moved, np.broadcast_to(SHIFT, moved.shape), atol=1e-3)
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told["--model"], told["--io_iterations"], told["--io_sim"]) == (name, iterations, similarity)
    assert told["cuda"] == "-1"
    assert made.files(context) == (tmp_path / "weights" / f"{name}1.0" / "Step_2_final.trch",)
    assert made.similarity_for(multimodal=True) == ("n/a" if iterations == "None" else similarity)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_missing_is_said_with_where_it_is(name: str, ready: dict[str, object], tmp_path: Path) -> None:
    assert "pip install unigradicon" in str(method(name).missing(Context()))
    complaint = str(method(name, **ready).missing(Context(weights=tmp_path)))
    assert f"{tmp_path}/{name}1.0/Step_2_final.trch" in complaint
    assert f"{name}_weights from github.com/uncbiag/uniGradICON/releases" in complaint
    with pytest.raises(MissingInputError, match="LUMIRAGE_WEIGHTS"):
        method(name, **ready).register(blob.image(blob.grid()), blob.image(blob.grid()), Context(work_dir=tmp_path))


def test_iterations_are_none_or_some() -> None:
    with pytest.raises(UsageError, match="iterations is -1"):
        method("unigradicon", iterations=-1)
    assert method("unigradicon", iterations=0).sloppy().effort == ()
    assert method("unigradicon").sloppy().effort == ((1, 5),)
