"""The output folder as one object: where its files lie, how they are read, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids.base.failures import Failure
from lumirage_bids.output import files
from lumirage_bids.output.paths import failure, sidecar

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Output:
    """OUT_DIR, or what stands in for it. Its files are given by their paths below it, as `paths` has them.

    Nothing that reads takes anything away.

    Examples
    --------
    >>> Output(Path("/out")) / "status.tsv" == Path("/out/status.tsv")
    True
    """

    root: Path

    def __str__(self) -> str:
        """What the user calls it."""
        return str(self.root)

    def __truediv__(self, file: Path | str) -> Path:
        """Where a file lies."""
        return self.root / file

    def find(self, pattern: str) -> list[Path]:
        """Files that fit a pattern, in order; not what a killed process left half written."""
        return sorted(f.relative_to(self.root) for f in self.root.glob(pattern) if not f.name.startswith("."))

    def is_there(self, file: Path | str) -> bool:
        """Whether a file is there and not empty."""
        return files.is_there(self / file)

    def read_json(self, file: Path | str) -> dict[str, Any]:
        """Content of a JSON file; empty where there is none or it is torn."""
        return files.read_json(self / file)

    def read_sidecar(self, file: Path) -> dict[str, Any]:
        """What the JSON beside a file says of it; empty where there is none."""
        return self.read_json(sidecar(file))

    def read_table(
        self, file: Path | str, dtype: Any = str, columns: Callable[[str], bool] | None = None
    ) -> pd.DataFrame:
        """A table, or some of its columns; empty where there is none or it is torn."""
        return files.read_table(self / file, dtype, columns)

    def read_tables(
        self, tables: Iterable[Path], dtype: Any = str, columns: Callable[[str], bool] | None = None
    ) -> Iterator[pd.DataFrame]:
        """The same of many, in order: those that follow each other with the same columns come as one."""
        return files.read_tables((self / file for file in tables), dtype, columns)

    def hash_of(self, file: Path) -> str | None:
        """Digest in the sidecar of a file that is there."""
        return self.read_sidecar(file).get("Hash") if self.is_there(file) else None

    def write_text(self, file: Path | str, text: str) -> None:
        """Write a text file, whole or not at all."""
        files.write_text(self / file, text)

    def write_json(self, file: Path | str, content: Mapping[str, Any]) -> None:
        """Write a JSON file, whole or not at all."""
        files.write_json(self / file, content)

    def write_table(
        self, file: Path | str, table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Write a TSV, ``n/a`` for missing, and its data dictionary beside it."""
        files.write_table(self / file, table, columns)

    @contextmanager
    def replacing(self, file: Path | str) -> Iterator[Path]:
        """A temporary path that takes the file's place when the block ends well; else nothing is left behind."""
        with files.replacing(self / file) as temporary:
            yield temporary

    @contextmanager
    def publishing(self, file: Path, about: Mapping[str, Any]) -> Iterator[Path]:
        """Where the block is to write a file, whole or not at all; its sidecar is written after it.

        The sidecar holds the digest: it goes first and comes last, so a file with a digest is whole, and made as it
        says.
        """
        self.disown(file)
        yield self / file
        self.write_json(sidecar(file), about)

    def remove(self, file: Path) -> None:
        """Take a file away, if it is there."""
        (self / file).unlink(missing_ok=True)

    def disown(self, file: Path) -> None:
        """Take away the sidecar: what the file holds is not known while it is written, or from now on."""
        self.remove(sidecar(file))

    def why_not(self, file: Path, value: str | None) -> Failure | None:
        """Why a file could not be made, if it is noted; only of the file with digest `value` where one is given."""
        note = self.read_json(failure(file))
        fits = "Reason" in note and value in (None, note.get("Hash"))
        return Failure.read(note.get("Kind"), note["Reason"]) if fits else None

    def note_failure(self, file: Path, value: str, why: Failure) -> None:
        """Note why a file with digest `value` could not be made."""
        note = {"File": file.as_posix(), "Hash": value, "Kind": why.kind, "Reason": " ".join(why.reason.split())}
        self.write_json(failure(file), note)

    def forget_failure(self, file: Path) -> None:
        """Take away the note: the file was made."""
        self.remove(failure(file))

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a lock of this folder; other runs on it wait."""
        with files.lock(self.root / ".lumirage" / "locks" / f"{name}.lock"):
            yield
