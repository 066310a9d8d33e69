"""The `command` method with small programs written here: what they are handed, what becomes of what they leave."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.base.errors import LumirageError, MissingInputError, UsageError
from lumirage_bids.methods import Context, method
from tests.methods.scripts import images, script

# Shifts by whole voxels of the grid it sees, as a Learn2Reg field; refuses images that do not fit its grid.
SHIFT = """
import sys, nibabel, numpy as np
fixed, moving, out = nibabel.load(sys.argv[1]), nibabel.load(sys.argv[2]), sys.argv[3]
assert fixed.shape == moving.shape and np.allclose(fixed.affine, moving.affine)
field = np.zeros((*fixed.shape, 3), np.float32)
field[...] = [1, -2, 0]
nibabel.save(nibabel.Nifti1Image(field, np.eye(4)), out)
"""


def test_program_sees_both_images_on_the_fixed_grid_and_its_field_is_read(tmp_path):
    fixed, moving = images()
    made = method(
        "command", format="learn2reg", output="field.nii.gz",
        argv=[sys.executable, script(tmp_path, SHIFT), "{fixed}", "{moving}", "{output}"],
    )  # fmt: skip
    work = tmp_path / "work"
    work.mkdir()
    found = made.register(fixed, moving, Context(work_dir=work))
    np.testing.assert_allclose(found.apply([[4.0, 6.0, 3.0]]), [[6.0, 3.0, 3.0]], atol=1e-5)
    assert not list(work.iterdir())
    assert made.missing(Context()) is None
    assert made.files(Context()) == ()
    assert made.code() == (tmp_path / "program.py",)
    assert "fixed grid" in made.own_input.words


def test_moving_image_can_be_handed_over_as_it_is_with_masks_and_settings(tmp_path):
    fixed, moving = images()
    keep = tmp_path / "kept"
    keep.mkdir()
    program = """
import os, shutil, sys, pathlib
*files, out, keep = sys.argv[1:9]
for f in files: shutil.copy(f, keep)
pathlib.Path(out).write_text('#Insight Transform File V1.0\\nTransform: TranslationTransform_double_3_3\\n'
    'Parameters: 1 2 3\\nFixedParameters:\\n')
names = 'OMP_NUM_THREADS', 'ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS'
pathlib.Path(keep, 'said').write_text(' '.join([*sys.argv[9:], *(os.environ[n] for n in names), os.getcwd()]))
"""
    made = method(
        "command", grid="own", output="deep/t.txt",
        argv=[
            sys.executable, script(tmp_path, program), "{fixed}", "{moving}", "{fixed_mask}", "{moving_mask}",
            "{fixed_lesion}", "{moving_lesion}",
            "{output}", str(keep), "{{{seed}}}", "{threads}", "{device}", "{output_prefix}", "{work_dir}",
        ],
    )  # fmt: skip
    masks = {f"{n}_mask": replace(v, array=v.array > 0.5) for n, v in (("fixed", fixed), ("moving", moving))}
    masks["moving_lesion"] = replace(moving, array=moving.array > 0.9)
    found = made.register(fixed, moving, Context(threads=3, seed=7, **masks))
    masks["fixed_lesion"] = replace(fixed, array=np.zeros(fixed.shape, bool))
    assert made.masks_lesions
    assert not method("command", argv=["x", "{fixed}", "{output}"]).masks_lesions
    np.testing.assert_allclose(found.apply([0, 0, 0]), [-1, -2, 3])
    import nibabel

    for name, volume in {"fixed": fixed, "moving": moving, **masks}.items():
        handed = nibabel.load(keep / f"{name}.nii")
        np.testing.assert_array_equal(np.asarray(handed.dataobj), volume.array)
        np.testing.assert_allclose(handed.affine, volume.affine, atol=1e-5)
    seed, threads, device, prefix, folder, *environment, cwd = (keep / "said").read_text().split()
    assert (seed, threads, device, environment) == ("{7}", "3", "cpu", ["3", "3"])
    assert Path(prefix) == Path(folder) / "deep" / "t"
    assert Path(cwd).resolve() == Path(folder).resolve()
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; print('first'); sys.exit('no licence found')", "exit code 1 .*first \\| no licence found"),
        ("import os; os.abort()", "exit code 134"),
        ("print('nothing to do')", r"made no transform\.nii\.gz.*fixed\.nii"),
    ],
)
def test_failure_says_what_the_program_said(tmp_path, program, words):
    made = method("command", argv=[sys.executable, script(tmp_path, program), "{fixed}", "{moving}"])
    with pytest.raises(LumirageError, match=words) as caught:
        made.register(*images(), Context())
    assert "\n" not in str(caught.value)


def test_what_cannot_be_run_is_said_before(tmp_path):
    with pytest.raises(UsageError, match=r"\{fixd\}.*\{fixed\}, \{moving\}"):
        method("command", argv=["program", "{fixd}"])
    for bad in ("{", "}", "{fixed!r}", "{fixed:3}", "{}", "{fixed.array}"):
        with pytest.raises(UsageError, match="argv holds"):
            method("command", argv=["program", bad])
    for bad in ("../out.h5", "/out.h5", ""):
        with pytest.raises(UsageError, match="below the working folder"):
            method("command", output=bad)
    assert "argv" in method("command").missing(Context())
    assert "PATH" in method("command", argv=["no-such-program"]).missing(Context())
    assert "in full" in method("command", argv=["./program"]).missing(Context())
    with pytest.raises(MissingInputError, match="no-such-program"):
        method("command", argv=["no-such-program"]).register(*images(), Context())
    with pytest.raises(UsageError, match="no such mask"):
        method("command", argv=[sys.executable, "{moving_mask}"]).register(*images(), Context())
