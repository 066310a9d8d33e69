"""Files of git-annex whose content may not be here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lumirage_bids.base.annex import LARGEST_POINTER, has_content, in_place_of_file, is_pointer, key_of_link

KEYS = ["SHA256E-s63439200--319c4c1c.nii", "MD5-s5--0a", "WORM-s3-m1489--a b.nii.gz", "URL--http&c%%x.org%a"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("end", ["\n", "", "\r\n", "\n/annex/more\n"])
@pytest.mark.parametrize("start", ["/annex/objects/", "../../.git/annex/objects/kV/Wj/KEY/"])
def test_pointers_have_no_content(tmp_path: Path, start: str, key: str, end: str) -> None:
    file = tmp_path / "sub-1_T1w.nii"
    file.write_bytes((start.replace("KEY", key) + key + end).encode())
    assert is_pointer(file)
    assert not has_content(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"index\tname\n1\tcortex\n",
        b'{"Note": "see .git/annex/objects/xx/"}',
        b"/annex/objects/readme.txt\n",
        b"first line\n/annex/objects/MD5E-s5--0a.nii\n",
        b"/annex/objects/MD5E-s5--0a.nii\n" + b"/" * LARGEST_POINTER,
        b"\x1f\x8b\x08" + bytes(400),
    ],
)
def test_other_files_are_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.tsv"
    file.write_bytes(content)
    assert has_content(file)
    (tmp_path / "link").symlink_to(file)
    assert has_content(tmp_path / "link")


def test_links_to_nowhere_and_to_pointers_have_no_content(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("file")
    assert not has_content(link)
    (tmp_path / "file").write_text("/annex/objects/MD5E-s5--0a.nii\n")
    assert not has_content(link)
    assert not has_content(tmp_path / "nothing")
    assert has_content(tmp_path)


@pytest.mark.parametrize("key", KEYS)
def test_a_link_tells_its_key(tmp_path: Path, key: str) -> None:
    link, other = tmp_path / "a.nii", tmp_path / "b.nii"
    link.symlink_to(f"../.git/annex/objects/kV/Wj/{key}/{key}")
    other.symlink_to("a.nii")
    assert [key_of_link(p) for p in (link, other, tmp_path / "c.nii")] == [key, None, None]


def test_what_lies_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "file").touch()
    found = {name: in_place_of_file(tmp_path / name) for name in ("pipe", "link", "file", "absent", ".")}
    assert found == {"pipe": "a named pipe", "link": "a named pipe", "file": "", "absent": "", ".": "a folder"}
    assert in_place_of_file(Path(os.devnull)) == "a device"
