"""Scans in whose place an image comes that a program made of them."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lumirage_bids.base.failures import PASSING
from lumirage_bids.bids.scans import File
from lumirage_bids.execution.prepare_scan import prepare_scan
from lumirage_bids.experiment.plan import ScanJob, prepared_files
from lumirage_bids.methods.base import Context
from lumirage_bids.output import paths
from lumirage_bids.output.files import read_json
from lumirage_bids.output.folder import Output
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.preparation import Preparation
from lumirage_bids.spatial.synthesis import Synthesis
from tests.small_plan import scan
from tests.spatial.test_synthesis import head

INVERTS = """
import re
import sys
import nibabel as nib
import numpy as np

image = nib.load(sys.argv[1])
array = image.get_fdata()
if "{then}" == "fails":
    sys.exit("no such contrast")
if "{then}" == "hangs":
    import time
    time.sleep(1000)
if "{then}" == "is mostly NaN":
    array[:, :, : array.shape[2] // 2] = np.nan
if "{then}" != "forgets":
    affine = np.eye(4) if "{then}" == "loses the header" else image.affine
    nib.save(nib.Nifti1Image(np.where(array <= 0, 0, 3 - array).astype("float32"), affine), sys.argv[2])
"""


def prepared(tmp_path: Path, then: str, suffix: str = "FLAIR") -> tuple[Output, tuple[Path, Path], Volume, Path]:
    """Prepare a skull-stripped scan with a program that inverts its contrast, or fails in some way."""
    program = tmp_path / "inverts.py"
    program.write_text(INVERTS.replace("{then}", then))
    image, mask = head((2.0, 2.0, 4.0))
    one = scan(tmp_path, "1")
    one = replace(one, suffix=suffix, path=tmp_path / f"sub-1_{suffix}.nii", labels={}, skull_stripped=True)
    write_image(image, one.path, np.float32)
    given = tmp_path / "mask.nii"
    write_image(mask, given, np.uint8)
    one = replace(one, mask=File(path=given, dataset=tmp_path))
    synthesis = Synthesis(argv=(sys.executable, str(program), "{input}", "{output}"), timeout=10.0)
    preparation = Preparation(percentiles=(0, 100), crop="none", synthesis=synthesis).of_contrast(suffix)
    output = Output(tmp_path / "out")
    (tmp_path / "out").mkdir()
    job = ScanJob(scan=one, variants=(("default", preparation, "v"),), labels=())
    prepare_scan(job, output, Context())
    return output, prepared_files(one, "default"), image, program


def test_everything_after_sees_the_new_image_and_the_sidecar_says_so(tmp_path: Path) -> None:
    output, (file, mask), image, program = prepared(tmp_path, "inverts")
    made = nib.load(output / file).get_fdata()
    inside = nib.load(output / mask).get_fdata() > 0
    slope = np.corrcoef(made[inside], image.array[inside])[0, 1]
    assert slope < -0.99
    about = output.read_sidecar(file)
    told = about["Synthesised"]
    assert (told["Contrast"], told["Grid"], told["Command"][1]) == ("T1w", "native", str(program))
    assert told["Code"]
    assert about["NativeShape"] == list(image.shape)


def test_a_scan_of_another_contrast_is_left_alone(tmp_path: Path) -> None:
    output, (file, mask), image, _ = prepared(tmp_path, "fails", suffix="T1w")
    inside = nib.load(output / mask).get_fdata() > 0
    assert np.corrcoef(nib.load(output / file).get_fdata()[inside], image.array[inside])[0, 1] > 0.99
    assert "Synthesised" not in output.read_sidecar(file)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("fails", r"^sub-1_FLAIR, synthesis of a T1w image: .* ended with exit code 1.*no such contrast"),
        ("hangs", r"^sub-1_FLAIR, synthesis of a T1w image: .* had not ended after 10 s"),
        ("is mostly NaN", r"sub-1_FLAIR, .* finite values in \d+% of the scan's brain.*inverts\.py \{input\}"),
        ("forgets", r"made no output.nii.gz"),
        ("loses the header", "its header does not place it where the scan is"),
    ],
)
def test_what_goes_wrong_is_told_of_the_scan(tmp_path: Path, then: str, said: str) -> None:
    output, (file, _), _, _ = prepared(tmp_path, then)
    assert not output.is_there(file)
    noted = read_json(tmp_path / "out" / paths.failure(file))
    assert re.search(said, str(noted["Reason"]))
    # A program that hung may do better with another time, or on a machine with less to do.
    assert (noted["Kind"] in PASSING) == (then == "hangs")
