"""A dataset's index kept between runs: keyed by the state of the tree, published whole."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lumirage_bids.base.errors import CannotWriteError
from lumirage_bids.bids.foreign import is_foreign

FORMAT = "2"  # to be raised when what is indexed changes
FILE = "layout_index.sqlite"  # the name that PyBIDS expects


@dataclass(frozen=True, kw_only=True)
class Tree:
    """State of a dataset's anatomical images and JSON files.

    Attributes
    ----------
    digest : str
        Changes when one of them is added, removed or changed.
    sidecars : tuple of Path
        JSON files at the root and in subject, session and anat folders.
    foreign : tuple of Path
        Images of anat folders in other formats than NIfTI.
    """

    digest: str
    sidecars: tuple[Path, ...]
    foreign: tuple[Path, ...]


def read_tree(root: Path) -> Tree:
    """Walk what is indexed of a dataset: names, sizes and modification times, no content."""
    digest = hashlib.sha256(f"{FORMAT} {root}".encode("utf-8", "surrogateescape"))
    sidecars, foreign = [], []
    for entry in sorted(_entries(root), key=lambda e: e.path):
        if is_foreign(entry.name):
            foreign.append(Path(entry.path))
            continue
        stat = entry.stat(follow_symlinks=False)
        if entry.name.endswith(".json"):
            sidecars.append(Path(entry.path))
            if entry.is_file():  # the target of a link; a dangling one has none
                stat = entry.stat()
        state = f"{entry.path}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(state.encode("utf-8", "surrogateescape"))
    return Tree(digest=digest.hexdigest(), sidecars=tuple(sidecars), foreign=tuple(foreign))


def _entries(folder: Path | str, level: str = "root") -> Iterator[os.DirEntry[str]]:
    below = {"root": ("sub-",), "sub": ("ses-", "anat"), "ses": ("anat",), "anat": ()}[level]
    with os.scandir(folder) as entries:
        for entry in entries:
            is_image = level == "anat" and (entry.name.endswith((".nii", ".nii.gz")) or is_foreign(entry.name))
            if is_image or entry.name.endswith(".json"):
                yield entry
            elif entry.name.startswith(below) and entry.is_dir():
                yield from _entries(entry.path, entry.name[:4].rstrip("-"))


@dataclass(frozen=True, kw_only=True)
class IndexCache:
    """Where the index of one dataset is kept.

    Attributes
    ----------
    folder : Path
        Holds one SQLite file, which carries the digest of the tree that it describes.
    digest : str
        State of the tree now.
    """

    folder: Path
    digest: str

    @classmethod
    def of(cls, database_dir: Path, root: Path, digest: str) -> IndexCache:
        """Place of a dataset's index: several datasets can share a folder."""
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        return cls(folder=database_dir / f"lumirage-{name}", digest=digest)

    def notes(self) -> tuple[str, ...] | None:
        """Read the notes kept with the index; None where there is no index, or it is stale or damaged."""
        file = self.folder / FILE
        if not file.is_file():
            return None
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
                sound = database.execute("PRAGMA quick_check").fetchone() == ("ok",)
                digest, notes = database.execute("SELECT digest, notes FROM lumirage").fetchone()
        except sqlite3.Error:
            return None
        return tuple(json.loads(notes)) if sound and digest == self.digest else None

    def publish(self, index: sqlite3.Connection, notes: Iterable[str]) -> None:
        """Keep an index: written aside and moved into place, so that concurrent runs only ever see whole ones.

        Parameters
        ----------
        index : connection
            The index, in memory.
        notes : iterable of str
            What was noticed while indexing, to be told again by runs that read the index.

        Raises
        ------
        CannotWriteError
            The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".building-") as building:
                file = Path(building, FILE)
                with closing(sqlite3.connect(file)) as database, database:
                    index.backup(database)
                    database.execute("CREATE TABLE lumirage (digest TEXT, notes TEXT)")
                    database.execute("INSERT INTO lumirage VALUES (?, ?)", (self.digest, json.dumps([*notes])))
                file.replace(self.folder / FILE)
        except (OSError, sqlite3.Error) as error:
            raise CannotWriteError(
                f"The BIDS index cannot be written below {self.folder.parent}: {error}. "
                "Give --bids-database-dir a folder that can be written, or leave it out."
            ) from None
