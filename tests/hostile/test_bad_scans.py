"""One run over a dataset in which most scans are bad, each in its own way: each costs its own pair, and says why."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from tests.conftest import Outcome, run_program
from tests.hostile.world import CANARY, World, new_world, rewritten, state

Change = Callable[[World, str], object]
SCANS: dict[str, tuple[Change, str]] = {}
"""Subject → what is done to its files, and what its row must say; nothing where it must be done all the same."""


def scan(label: str, says: str = "") -> Callable[[Change], Change]:
    def enter(change: Change) -> Change:
        SCANS[label] = (change, says)
        return change

    return enter


def image(label: str, says: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    SCANS[label] = (lambda w, s: rewritten(w.image(s), change), says)


def labels(label: str, says: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    SCANS[label] = (lambda w, s: rewritten(w.labels(s), change), says)


def content(label: str, says: str, change: Callable[[bytes], bytes]) -> None:
    SCANS[label] = (lambda w, s: w.image(s).write_bytes(change(w.image(s).read_bytes())), says)


def sidecar(label: str, text: str) -> None:
    SCANS[label] = (lambda w, s: w.sidecar(s).write_text(text), "")


def header(packed: bytes, field: str, value: object) -> bytes:
    """The same file with another value in its header."""
    raw = gzip.decompress(packed)
    head = nib.Nifti1Header(raw[:348], check=False)
    head[field] = value
    return gzip.compress(head.binaryblock + raw[348:])


def some(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(np.float64)
        array[0, 0, :5] = value
        return array

    return change


SCANS["good"] = (lambda w, s: None, "")
content("noBytes", "cannot be read", lambda b: b"")
content("oneByte", "cannot be read", lambda b: b[:1])
content("halfFile", "cannot be read", lambda b: b[: len(b) // 2])
content("noEnd", "cannot be read", lambda b: b[:-4])
content("flipped", "cannot be read", lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:])
content("aText", "cannot be read", lambda b: b"not an image")
content("packedText", "cannot be read", lambda b: gzip.compress(b"not an image" * 100))
content("wholeHeadNoVoxels", "probably truncated", lambda b: gzip.compress(gzip.decompress(b)[:400]))
content("twoFiles", "", lambda b: b + gzip.compress(b"the end of something else"))
content("flood", "more than", lambda b: b + zlib.compress(bytes(1 << 26), wbits=31))
content("claimsAllMemory", "header tells of", lambda b: header(b, "dim", [3, 32767, 32767, 32767, 1, 1, 1, 1]))
content("negativeShape", "two voxels", lambda b: header(b, "dim", [3, -5, 5, 5, 1, 1, 1, 1]))
content("noAxes", "bad data", lambda b: header(b, "dim", [0, 1, 1, 1, 1, 1, 1, 1]))
content("noSuchType", "cannot be read", lambda b: header(b, "datatype", 3))
content("nanSlope", "", lambda b: header(b, "scl_slope", math.nan))
content("farVoxels", "bad data", lambda b: header(b, "vox_offset", 1e30))
content("nanVoxels", "bad data", lambda b: header(b, "vox_offset", math.nan))
content("voxelsInHeader", "begin at byte 0", lambda b: header(b, "vox_offset", 0))
content("noSize", "singular", lambda b: header(header(b, "srow_x", [0, 0, 0, 0]), "qform_code", 0))
content("noPlace", "", lambda b: header(header(b, "sform_code", 0), "qform_code", 0))
image("fourD", "shape", lambda a: np.stack([a, a], axis=-1))
image("fourDOne", "", lambda a: a[..., None])
image("twoD", "shape", lambda a: a[:, :, 5])
image("oneVoxel", "two voxels", lambda a: a[:1, :1, :1])
image("onlyNan", "every voxel", lambda a: np.full(a.shape, np.nan, np.float32))
image("someNan", "", some(np.nan))
image("someInf", "", some(-np.inf))
image("beyondFloat32", "", some(1e300))
image("constant", "every voxel", lambda a: np.full(a.shape, 7, np.int16))
image("zeros", "every voxel", np.zeros_like)
image("complexNumbers", "complex", lambda a: a.astype(np.complex64))
image("int64", "", lambda a: a.astype(np.int64).astype(np.float64))
image("bigEndian", "", lambda a: a.astype(">f4"))
labels("labelHalves", "integers", lambda a: a.astype(np.float32) + 0.5)
labels("labelFloats", "", lambda a: a.astype(np.float64))
labels("labelNan", "", some(np.nan))
labels("labelNegative", "0 to 2147483647", lambda a: -a)
labels("labelHuge", "0 to 2147483647", lambda a: a.astype(np.float64) * 2.0**40)
labels("labelNone", "every label is 0", np.zeros_like)
labels("labelThirdAxis", "shape", lambda a: a[..., 0])
sidecar("jsonTorn", '{"PulseSequenceType": ')
sidecar("jsonList", "[1, 2]")
sidecar("jsonDeep", "[" * 100_000)
sidecar("jsonTypes", '{"PulseSequenceType": {"a": [1]}, "SkullStripped": "TRUE", "EchoTime": "short", "x": null}')
sidecar(
    "jsonEvil", json.dumps({"PulseSequenceType": f"$(touch {CANARY})<script>alert(1)</script>", "SkullStripped": 1})
)


@scan("colours", "colours")
def _(w: World, s: str) -> None:
    shape = nib.load(w.image(s)).shape
    voxels = np.zeros(shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), w.image(s))


@scan("scaled")
def _(w: World, s: str) -> None:
    file = nib.load(w.image(s))
    new = nib.Nifti1Image(np.asarray(file.dataobj), file.affine)
    new.set_data_dtype(np.int16)  # nibabel finds slope and intercept
    new.to_filename(w.image(s))


@scan("labelFolder", "bad data")
def _(w: World, s: str) -> None:
    w.labels(s).unlink()
    w.labels(s).mkdir()


@scan("labelElsewhere", "bad data")
def _(w: World, s: str) -> None:
    affine = nib.load(w.labels(s)).affine.copy()
    affine[:3, 3] += 10_000
    rewritten(w.labels(s), lambda a: a, affine)


for name, text, says in (
    ("lutEmpty", "", "Look-up table"),
    ("lutBinary", "\x00\x01", "Look-up table"),
    ("lutWords", "index\tname\none\tLeft cortex\n", "line 2"),
    ("lutTwice", "index\tname\n1\ta\n1\tb\n", "twice"),
    ("lutEvil", f"index\tname\n1\t<script>alert(1)</script>$(touch {CANARY})\n", ""),
):

    @scan(name, says)
    def _(w: World, s: str, text: str = text) -> None:
        w.labels(s).with_name(f"sub-{s}_seg-demo_dseg.tsv").write_text(text)


@scan("nowhere", "is not here")
def _(w: World, s: str) -> None:
    w.image(s).unlink()
    w.image(s).symlink_to("../../.git/annex/objects/aa/x.nii.gz")


@scan("loop", "is not here")
def _(w: World, s: str) -> None:
    w.image(s).unlink()
    w.image(s).symlink_to(w.image(s).name)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Outcome, Outcome, set[str]]:
    """A run of both levels on all of them; ``sub-03`` moves, ``sub-01`` is fixed."""
    w = new_world(tiny_dataset, tmp_path_factory.mktemp("bad") / "world")
    for label, (change, _) in SCANS.items():
        for source in (w.image("02"), w.sidecar("02"), w.labels("02")):
            target = Path(str(source).replace("sub-02", f"sub-{label}"))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        change(w, label)
    w.protocol('[alignment]\nstart = "none"')
    w.give("--fixed-label", "01", "--nprocs", "2", "--methods", "identity")
    before = state(w)
    environment = {"HOME": str(w.home), "MPLCONFIGDIR": str(w.work / "matplotlib")}
    first = run_program(w.argv, **environment)
    w.level = "group"
    second = run_program(w.argv[:3], **environment)
    after = state(w)
    return w, first, second, {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}


def test_the_run_goes_on(ran: tuple[World, Outcome, Outcome, set[str]]) -> None:
    w, first, second, changed = ran
    assert first.code == 1, first.said[-3000:]
    assert second.code == 0, second.said[-3000:]
    assert "Traceback" not in first.said + second.said
    assert not changed, "only OUT and the work folder may change"
    assert not list(w.root.rglob(CANARY))
    report = (w.out / "group" / "report.html").read_text("utf-8")
    for text in ("<script>alert(1)", "Traceback"):
        assert text not in report
        assert not any(text in page.read_text("utf-8") for page in w.out.glob("*.html"))


@pytest.mark.parametrize("label", SCANS)
def test_each_row_says_why(label: str, ran: tuple[World, Outcome, Outcome, set[str]]) -> None:
    w, *_ = ran
    table = pd.read_csv(w.out / "status.tsv", sep="\t", dtype=str)
    row = table[table["moving"] == f"sub-{label}_T1w"].iloc[0]
    says = SCANS[label][1]
    if not says:
        assert row["status"] == "ok", row["reason"]
        return
    assert row["status"] in {"failed", "missing"}
    assert says in row["reason"]
    assert f"sub-{label}" in row["reason"], "the culprit is named"
