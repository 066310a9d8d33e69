"""git-annex: files whose content may not be here."""

from __future__ import annotations

import re
import stat
from pathlib import Path

KEY = re.compile(r"[A-Z0-9_]+(-[A-Za-z][0-9]+)*--.+")
LARGEST_POINTER = 32 * 1024  # bytes; git-annex takes nothing larger for one


KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip
"""What may lie in place of a file, by type; to open some of these is to wait for ever."""


def in_place_of_file(path: Path) -> str:
    """What lies in place of a file, links followed: ``a named pipe``; empty where it is one, or nothing is there."""
    try:
        return KINDS.get(stat.S_IFMT(path.stat().st_mode), "")
    except OSError:
        return ""


def has_content(path: Path) -> bool:
    """Whether a file's content is here: it exists, and is no pointer to content that ``git annex get`` would fetch."""
    return path.exists() and not is_pointer(path)


def is_pointer(path: Path) -> bool:
    """Whether a file only names content that is elsewhere; False where it cannot be read.

    An unlocked file holds ``/annex/objects/KEY`` in place of its content; on a file system without links git writes the
    target of a locked file's link into it, ``../.git/annex/objects/xx/yy/KEY/KEY``
    (https://git-annex.branchable.com/internals/pointer_file/).
    """
    try:
        if not 0 < path.stat().st_size <= LARGEST_POINTER:
            return False
        with path.open("rb") as file:
            line = file.readline().decode("utf-8", "replace").rstrip("\r\n")
    except OSError:
        return False  # what is wrong with it is told when it is read
    folder, _, name = line.rpartition("/")
    return "/annex/objects/" in f"{folder}/" and KEY.fullmatch(name) is not None


def key_of_link(path: Path) -> str | None:
    """Name of the content that a locked file's link leads to, which changes when the content does; else None."""
    name = path.readlink().name if path.is_symlink() else ""
    return name if KEY.fullmatch(name) else None
