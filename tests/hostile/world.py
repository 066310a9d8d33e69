"""A tiny dataset that a case breaks, the command that runs on it, and what must be true whatever comes of it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lumirage_bids.app.cli import main

CANARY = "pwned"
"""Name of the file that code would leave, had some been run."""


@dataclass
class World:
    """Everything a case may break, below one folder; only `out` and `work` may change in a run.

    Attributes
    ----------
    arguments : list
        Added to the command line.
    environment : dict
        Set during the run; a value of None unsets.
    """

    root: Path
    level: str = "participant"
    arguments: list[object] = field(default_factory=list)
    environment: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bids, self.out, self.work = (self.root / name for name in ("data/bids", "out", "work"))
        self.truth = self.bids / "derivatives" / "truth"
        self.home, self.here = self.root / "home", self.root / "here"
        for folder in (self.home, self.here):
            folder.mkdir(parents=True)

    def image(self, subject: str = "02") -> Path:
        """A subject's scan."""
        return self.bids / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz"

    def labels(self, subject: str = "02") -> Path:
        """A subject's label map."""
        return self.truth / f"sub-{subject}" / "anat" / f"sub-{subject}_seg-demo_dseg.nii.gz"

    def sidecar(self, subject: str = "02") -> Path:
        """The JSON beside a subject's scan."""
        return self.bids / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.json"

    def file(self, name: str, content: str | bytes) -> Path:
        """A file of the user's, beside the dataset."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def give(self, *arguments: object) -> None:
        """Add to the command line."""
        self.arguments += arguments

    def protocol(self, text: str | bytes, name: str = "mine.toml") -> None:
        """Let the run have a protocol of this text."""
        self.give("--protocol", self.file(name, text))

    def filter(self, text: str | bytes) -> None:
        """Let the run have a filter file of this text."""
        self.give("--bids-filter-file", self.file("filter.json", text))

    @property
    def argv(self) -> list[str]:
        """The command line."""
        usual: list[object] = [
            *("--derivatives", f"truth={self.truth}", "--labellings", "demo", "--methods", "identity"),
            *("--sloppy", "--device", "cpu", "--nprocs", "1", "--omp-nthreads", "1", "--work-dir", self.work),
        ]
        more = usual if self.level == "participant" else []
        return [str(a) for a in (self.bids, self.out, self.level, *more, *self.arguments)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to break a world, and what the program must say to it."""

    name: str
    change: Callable[[World], object]
    code: int
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended, what it said, and what it changed where it must not."""

    code: int
    said: str
    changed: frozenset[str]


def rewritten(file: Path, change: Callable[[np.ndarray], np.ndarray], affine: np.ndarray | None = None) -> None:
    """Change an image's voxels, and its affine."""
    image = nib.load(file)
    array = change(np.asarray(image.dataobj))
    nib.save(nib.Nifti1Image(array, image.affine if affine is None else affine), file)


def state(world: World) -> dict[str, str]:
    """Digest of every file and link of the world but those the run may write."""
    found = {}
    for path in sorted(world.root.rglob("*")):
        if path.is_relative_to(world.out) or path.is_relative_to(world.work):
            continue
        if path.is_symlink():
            found[str(path)] = f"link to {path.readlink()}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = "folder"
    return found


@contextlib.contextmanager
def surroundings(world: World) -> Iterator[None]:
    """The world's home and current folder; the process's own afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(world.home))
        patch.chdir(world.here)
        for name, value in world.environment.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        yield


def run(world: World) -> Outcome:
    """Run the program's entry in this process, as the command line would."""
    before, said = state(world), io.StringIO()
    with surroundings(world), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(world.argv)
    after = state(world)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return Outcome(code=code, said=said.getvalue(), changed=frozenset(changed))


def new_world(template: Path, folder: Path) -> World:
    """A world with a copy of the tiny dataset."""
    world = World(root=folder)
    shutil.copytree(template, world.bids)
    return world
