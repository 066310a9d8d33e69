"""Readers of what users and other programs write: whatever the bytes, only the program's own errors come out."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumirage_bids.app.demo import write_dataset
from lumirage_bids.base.errors import LumirageError
from lumirage_bids.base.parameters import from_table
from lumirage_bids.bids.filters import check_filter, list_filters, read_filter, selects
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.bids.scans import Scan
from lumirage_bids.bids.sidecars import read_description, read_sidecars, sequence, truth
from lumirage_bids.execution.plugin_file import read_plugin_file
from lumirage_bids.experiment import protocol, read_protocol
from lumirage_bids.experiment.declared import PairRule, Protocol
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.experiment.pairs import choose_pairs
from lumirage_bids.methods import methods
from lumirage_bids.methods.alignment import Alignment
from lumirage_bids.spatial.images import Volume, read_image, read_labels
from lumirage_bids.spatial.itk import read_transform, write_itk
from lumirage_bids.spatial.preparation import Preparation
from lumirage_bids.spatial.transforms import Transform
from tests.hostile.world import CANARY

many = settings(
    report_multiple_bugs=False,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """Thousands of files are read; their warnings are not what is tested."""
    logger = logging.getLogger("lumirage")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


NAMES = [
    p.name for p in (resources.files("lumirage_bids.experiment") / "protocols").iterdir() if p.name.endswith(".toml")
]
SHIPPED = [
    (resources.files("lumirage_bids.experiment") / "protocols" / name).read_text("utf-8") for name in sorted(NAMES)
]
KEYS = [
    *read_protocol.SECTIONS, "extends", "description", "filter", "prefer", "mask", "brain", "t1w", "labeller",
    "pattern",
    "structures", "1", "spacing", "orientation", "percentiles", "start", "on", "reference", "scales", "iterations",
    "identity", "greedy", "syn", "lapirn", "precomputed", "command", "method", "path", "argv", "weights", "model",
    "preparation", "alignment", "evaluation", "methods", "subjects", "splits", "file", "max", "name", "resolution",
    "suffix", "cohort", "atlases", "transfer", "grid", "multiple", "margin_mm", "similarity", "shape",
]  # fmt: skip
WORDS = [
    "",
    "t1w",
    "default",
    "../x",
    "/etc/passwd",
    "{subject}",
    "{",
    "native",
    "RAS",
    "existing",
    "atropos",
    "\u0000",
]
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS), st.just(10**400)
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=5))


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Tables of tables and lists."""
    return st.dictionaries(
        keys,
        st.recursive(
            leaves, lambda s: st.one_of(st.lists(s, max_size=3), st.dictionaries(keys, s, max_size=3)), max_leaves=8
        ),
        max_size=4,
    )


@st.composite
def spoilt(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of these with some bytes changed, cut out, or put in."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, len(content)))
        some = draw(
            st.one_of(st.binary(max_size=6), st.sampled_from([b"\x00", b"\xff", b"\n", b"\t", b'"', b"[", b"-"]))
        )
        content[where : where + draw(st.sampled_from([0, 1, 4, len(content)]))] = some
    return bytes(content)


def only_own_errors(read: Callable[[], object]) -> None:
    """Whatever is read, errors are ours, and tell something."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()
    except LumirageError as error:
        told = str(error)
    else:
        return
    assert len(told) > 20


def use(found: Protocol) -> None:
    """Make of a protocol what a plan does."""
    for variant in found.variants:
        spacing = {k: None if (k, v) == ("spacing", "native") else v for k, v in variant.preparation.items()}
        from_table(Preparation, spacing, "[preparation]")
        from_table(Alignment, variant.alignment, "[alignment]")
        from_table(Evaluation, variant.evaluation, "[evaluation]")
        for name, table in variant.methods.items():
            if name in methods():
                from_table(methods()[name], {k: v for k, v in table.items() if k != "method"}, f"[methods.{name}]")
    if not isinstance(found.filter, str):
        check_filter(found.filter, "of the protocol")


@many
@given(table=trees(plain.filter(lambda v: v is not None)))
def test_protocols_of_any_tables(table: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "any.toml"
    file.write_text(tomli_w.dumps(table), "utf-8", "surrogatepass")
    only_own_errors(lambda: use(protocol.load(str(file))))


@many
@given(content=spoilt([text.encode() for text in SHIPPED]))
def test_protocols_that_were_spoilt(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "spoilt.toml"
    file.write_bytes(content)
    only_own_errors(lambda: use(protocol.load(str(file))))


@many
@given(table=st.one_of(trees(plain), plain, st.lists(plain)), properties=st.dictionaries(keys, plain, max_size=4))
def test_filters_of_any_content(table: object, properties: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "any.json"
    file.write_text(json.dumps(table), "utf-8")
    only_own_errors(lambda: [selects(q, properties) for q in read_filter(str(file)).values()])


@many
@given(
    content=spoilt(
        [(resources.files("lumirage_bids") / "bids_filters" / f"{n}.json").read_bytes() for n in list_filters()]
    )
)
def test_filters_that_were_spoilt(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "spoilt.json"
    file.write_bytes(content)
    only_own_errors(lambda: read_filter(str(file)))


@many
@given(
    content=st.one_of(st.binary(max_size=80), spoilt([b"index\tname\tcolor\n0\tBackground\tn/a\n4\tVentricle\t#fff\n"]))
)
def test_look_up_tables(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "lut.tsv"
    file.write_bytes(content)
    only_own_errors(lambda: read_lut(file))


def scan(subject: str) -> Scan:
    path = Path("/d") / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz"
    return Scan(path=path, dataset=Path("/d"), subject=subject, session=None, suffix="T1w", entities={"sub": subject})


@many
@given(content=st.one_of(st.binary(max_size=80), spoilt([b"moving\tfixed\n01\t02\nsub-02_T1w\tsub-01\n"])))
def test_pairs(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_bytes(content)
    only_own_errors(lambda: choose_pairs([scan("01"), scan("02")], PairRule(file=file), 0))


@many
@given(
    content=st.one_of(
        st.binary(max_size=80),
        trees(plain).map(lambda t: json.dumps(t).encode()),
        spoilt([b"plugin: SLURM\nplugin_args:\n  sbatch_args: --mem 4G\n  n_procs: 4\n"]),
    )
)
def test_plugin_files(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "plugin.yml"
    file.write_bytes(content)
    only_own_errors(lambda: read_plugin_file(file))


@many
@given(content=st.one_of(st.binary(max_size=80), trees(plain).map(lambda t: json.dumps(t).encode())))
def test_descriptions_and_sidecars(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "dataset_description.json"
    file.write_bytes(content)
    only_own_errors(lambda: read_description(tmp_path, "BIDS dataset"))
    for metadata in read_sidecars([file], {"run"}).contents.values():
        sequence(metadata)
        truth(metadata.get("SkullStripped"))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Good files of every kind: name → content."""
    folder = tmp_path_factory.mktemp("good")
    write_dataset(folder / "bids", spacing=12.0)
    image = (folder / "bids/sub-02/anat/sub-02_T1w.nii.gz").read_bytes()
    write_itk(Transform.affine(np.diag([1.1, 1, 1, 1])), folder / "a.txt")
    write_itk(Transform.affine(np.diag([1.1, 1, 1, 1])), folder / "a.h5")
    np.savez(folder / "a.npz", np.zeros((4, 4, 4, 3), np.float32))
    np.savetxt(folder / "a.mat", np.eye(4))
    files = {f".{suffix}": (folder / f"a.{suffix}").read_bytes() for suffix in ("txt", "h5", "npz", "mat")}
    return {".nii": gzip.decompress(image), ".nii.gz": image, **files}


@many
@given(data=st.data(), suffix=st.sampled_from([".nii", ".nii.gz"]))
def test_images(data: st.DataObject, suffix: str, originals: dict[str, bytes], tmp_path: Path) -> None:
    raw = bytearray(originals[".nii"])
    for where, value in data.draw(st.dictionaries(st.integers(0, 351), st.integers(0, 255), max_size=6)).items():
        raw[where] = value
    packed = gzip.compress(bytes(raw), 1) if suffix == ".nii.gz" else bytes(raw)
    file = tmp_path / f"image{suffix}"
    file.write_bytes(packed[: data.draw(st.sampled_from([len(packed), 352, 100, 0]))])
    for read in (read_image, read_labels):
        only_own_errors(lambda read=read: read(file))


@many
@given(data=st.data(), suffix=st.sampled_from([".nii", ".nii.gz", ".txt", ".npz", ".mat", ".tfm"]))
def test_transforms(data: st.DataObject, suffix: str, originals: dict[str, bytes], tmp_path: Path) -> None:
    file = tmp_path / f"transform{suffix}"
    good = originals[".txt" if suffix == ".tfm" else suffix]
    file.write_bytes(data.draw(st.one_of(st.binary(max_size=80), spoilt([good]))))
    grid = Volume(array=np.zeros((4, 4, 4), np.float32), affine=np.eye(4))
    format_ = data.draw(st.sampled_from(["auto", "itk", "learn2reg", "fsl", "ras"]))
    only_own_errors(lambda: read_transform(file, format_, fixed=grid, moving=grid))


class Evil:
    """A pickle that runs code when it is loaded."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return Path.touch, (Path(CANARY),)  # type: ignore[return-value]


@pytest.mark.parametrize("suffix", [".npz", ".pth", ".pt", ".txt", ".nii.gz", ".h5", ".mat"])
def test_pickles_are_not_loaded(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from lumirage_bids.methods import torchscript
    from lumirage_bids.methods.networks import lapirn

    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Evil()))
    assert Path(CANARY).exists(), "the pickle would do it"
    Path(CANARY).unlink()
    grid = Volume(array=np.zeros((4, 4, 4), np.float32), affine=np.eye(4))
    files = [tmp_path / f"{name}{suffix}" for name in ("plain", "array", "checkpoint")]
    files[0].write_bytes(pickle.dumps(Evil()))
    with files[1].open("wb") as opened:
        np.savez(opened, np.array([Evil()], dtype=object))
    torch.save({"state": Evil()}, files[2])
    cpu = torch.device("cpu")
    for file in files:
        for read in (
            lambda file: read_transform(file, fixed=grid, moving=grid),
            lambda file: lapirn.load(file, "disp", cpu),
            lambda file: torchscript._load(file, cpu),
        ):
            with pytest.raises(LumirageError):
                read(file)
    assert not Path(CANARY).exists()


def test_weights_of_another_shape(tmp_path: Path) -> None:
    import torch

    from lumirage_bids.methods.networks import lapirn

    file = tmp_path / "weights.pth"
    for state in ({}, [], {"a": torch.zeros(3)}, {"a": "text"}, torch.zeros(2)):
        torch.save(state, file)
        with pytest.raises(LumirageError, match="Expected is the state dict of a LapIRN"):
            lapirn.load(file, "disp", torch.device("cpu"))
