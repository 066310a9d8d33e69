"""The `command` method with small programs written here: what they are handed, what becomes of what they leave."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from lumirage_bids.base.errors import LumirageError, MissingInputError, NoRoomError, UsageError
from lumirage_bids.methods import Context, method
from lumirage_bids.methods.programs.call import scratch
from lumirage_bids.spatial.images import Volume

START = np.array([[1.05, 0.08, -0.05, 3], [-0.02, 0.95, 0.1, -2], [0.04, -0.06, 1.02, 1], [0, 0, 0, 1]])

# Shifts by whole voxels of the grid it sees, as a Learn2Reg field; refuses images that do not fit its grid.
SHIFT = """
import sys, nibabel, numpy as np
fixed, moving, out = nibabel.load(sys.argv[1]), nibabel.load(sys.argv[2]), sys.argv[3]
assert fixed.shape == moving.shape and np.allclose(fixed.affine, moving.affine)
field = np.zeros((*fixed.shape, 3), np.float32)
field[...] = [1, -2, 0]
nibabel.save(nibabel.Nifti1Image(field, np.eye(4)), out)
"""


def images():
    rng = np.random.default_rng(0)
    fixed = Volume(array=rng.random((8, 9, 10), np.float32), affine=np.diag([2.0, 1.5, 1.0, 1]))
    moving = Volume(array=rng.random((10, 9, 8), np.float32), affine=START @ np.diag([-1.8, 1.7, 1.2, 1]))
    moving.affine[0, 3] += 16
    return fixed, moving


def script(folder, text):
    path = folder / "program.py"
    path.write_text(text)
    return str(path)


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
*files, out, keep = sys.argv[1:7]
for f in files: shutil.copy(f, keep)
pathlib.Path(out).write_text('#Insight Transform File V1.0\\nTransform: TranslationTransform_double_3_3\\n'
    'Parameters: 1 2 3\\nFixedParameters:\\n')
names = 'OMP_NUM_THREADS', 'ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS'
pathlib.Path(keep, 'said').write_text(' '.join([*sys.argv[7:], *(os.environ[n] for n in names), os.getcwd()]))
"""
    made = method(
        "command", grid="own", output="deep/t.txt",
        argv=[
            sys.executable, script(tmp_path, program), "{fixed}", "{moving}", "{fixed_mask}", "{moving_mask}",
            "{output}", str(keep), "{{{seed}}}", "{threads}", "{device}", "{output_prefix}", "{work_dir}",
        ],
    )  # fmt: skip
    masks = {f"{n}_mask": replace(v, array=v.array > 0.5) for n, v in (("fixed", fixed), ("moving", moving))}
    found = made.register(fixed, moving, Context(threads=3, seed=7, **masks))
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


def test_program_and_its_children_end_when_the_worker_is_killed(tmp_path):
    """As a pair's timeout does it: SIGKILL to the process that runs the method."""
    program = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])
pathlib.Path(sys.argv[1] + '.tmp').write_text(f'{os.getpid()} {child.pid}')
os.rename(sys.argv[1] + '.tmp', sys.argv[1])
time.sleep(100)
"""
    worker = """
import sys
from pathlib import Path
from lumirage_bids.methods.base import Context
from lumirage_bids.methods.programs.call import run_program
run_program([sys.executable, *sys.argv[1:3]], Context(), Path(sys.argv[3]))
"""
    arguments = [script(tmp_path, program), str(tmp_path / "pids"), str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-c", worker, *arguments])
    try:
        wait_for((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids))


def test_what_a_program_left_running_ends_with_it(tmp_path):
    program = f"""
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
"""
    made = method("command", argv=[sys.executable, script(tmp_path, program)])
    with pytest.raises(LumirageError, match="made no"):
        made.register(*images(), Context())
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, NoRoomError), (errno.EDQUOT, NoRoomError), (0, UsageError)]
)
def test_what_fails_on_a_full_disk_is_told_as_such(number, told, tmp_path, monkeypatch):
    def fallocate(descriptor, begin, size):
        if number:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    with pytest.raises(told), scratch(Context(work_dir=tmp_path)):
        raise UsageError("no such option")
    assert list(tmp_path.iterdir()) == []
