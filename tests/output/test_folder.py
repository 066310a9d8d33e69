"""The output folder as an object: a file with a digest is whole, and reading takes nothing away."""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
from pathlib import Path

import pandas as pd
import pytest

from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.base.failures import Failure
from lumirage_bids.output.folder import Output
from lumirage_bids.output.paths import failure

FILE = Path("sub-1", "anat", "sub-1_desc-prepared_T1w.nii.gz")


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "out")


def publish(output: Output, content: bytes, value: str) -> None:
    with output.publishing(FILE, {"Hash": value}) as path, output.replacing(FILE) as temporary:
        assert path == output / FILE
        temporary.write_bytes(content)


def test_a_published_file_has_its_digest(output: Output) -> None:
    publish(output, b"x", "a")
    assert output.hash_of(FILE) == "a"
    assert (output / FILE).read_bytes() == b"x"


def test_a_file_that_could_not_be_written_has_none(output: Output) -> None:
    """The old one is still there, but what it was made under is not sure any more."""
    publish(output, b"x", "a")
    with pytest.raises(RuntimeError), output.publishing(FILE, {"Hash": "b"}):
        raise RuntimeError("killed")
    assert (output / FILE).read_bytes() == b"x"
    assert output.hash_of(FILE) is None


@pytest.mark.parametrize("lost", ["file", "sidecar", "empty"])
def test_a_file_without_content_or_sidecar_has_none(lost: str, output: Output) -> None:
    publish(output, b"x", "a")
    if lost == "sidecar":
        output.disown(FILE)
    elif lost == "file":
        (output / FILE).unlink()
    else:
        (output / FILE).write_bytes(b"")
    assert output.is_there(FILE) == (lost == "sidecar")
    assert output.hash_of(FILE) is None


def test_reading_what_is_not_there_makes_and_takes_nothing(output: Output) -> None:
    assert output.read_json("status.json") == {}
    assert output.read_table("status.tsv").empty
    assert output.read_sidecar(FILE) == {}
    assert output.why_not(FILE, None) is None
    assert output.find("**/*") == []
    assert not output.root.exists()
    publish(output, b"x", "a")
    sidecar = output / "sub-1/anat/sub-1_desc-prepared_T1w.json"
    sidecar.write_text("{")
    assert output.hash_of(FILE) is None
    assert sidecar.read_text() == "{"


def test_files_are_found_by_their_paths_below_it_without_half_written_ones(output: Output) -> None:
    publish(output, b"x", "a")
    (output / FILE).with_name(".sub-1_desc-prepared_T1w-abc.nii.gz").write_bytes(b"half")
    output.write_text("sub-0/anat/sub-0_T1w.nii.gz", "x")
    assert output.find("sub-*/**/*.nii.gz") == [Path("sub-0/anat/sub-0_T1w.nii.gz"), FILE]
    assert all(output.is_there(file) for file in output.find("sub-*/**/*.nii.gz"))


def test_what_is_there_is_removed_and_what_is_not_does_no_harm(output: Output) -> None:
    publish(output, b"x", "a")
    for _ in range(2):
        output.remove(FILE)
        assert output.hash_of(FILE) is None


def test_why_a_file_could_not_be_made_is_noted_by_its_digest(output: Output) -> None:
    output.note_failure(FILE, "a", Failure("killed", "killed\nby SIGKILL"))
    assert output.why_not(FILE, "a") == output.why_not(FILE, None) == Failure("killed", "killed by SIGKILL")
    assert output.why_not(FILE, "b") is None
    output.forget_failure(FILE)
    output.forget_failure(FILE)
    assert output.why_not(FILE, "a") is None


def test_a_note_of_a_version_that_knew_no_kinds_is_read(output: Output) -> None:
    output.write_json(failure(FILE), {"File": str(FILE), "Hash": "a", "Reason": "bad data: sub-1 is 4D"})
    assert output.why_not(FILE, "a") == Failure("bad data", "bad data: sub-1 is 4D")


def test_tables_and_their_dictionaries_lie_side_by_side(output: Output) -> None:
    output.write_table("group/t.tsv", pd.DataFrame({"a": ["1"]}), {"a": {"Units": "mm"}})
    assert list(output.read_table("group/t.tsv")["a"]) == ["1"]
    assert output.read_json("group/t.json") == {"a": {"Units": "mm"}}


def test_it_goes_to_other_processes_as_it_is(output: Output) -> None:
    assert pickle.loads(pickle.dumps(output)) == output
    assert str(output) == str(output.root)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_locks_are_taken_or_refused(number: int, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    with output.lock("root"):
        (held,) = output.root.rglob("root.lock")
    assert held.parent == output / ".lumirage/locks"

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(CannotWriteError, match="no file locks"), output.lock("root"):
        pass
