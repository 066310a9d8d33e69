"""Files written whole or not at all, and read so that a torn one counts as none; anywhere, not in OUT_DIR alone."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from lumirage_bids.base.annex import in_place_of_file
from lumirage_bids.base.errors import CannotWriteError

if TYPE_CHECKING:
    import pandas as pd

# What file systems without locks answer: Lustre mounted without them, NFS without its lock daemon.
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}

#: Bytes of tables that are read at once, and rows that are written.
_TOGETHER = 1 << 24
_ROWS = 1 << 14

_MISSING, _EMPTY = "n/a", '""'
_SPECIAL = re.compile('["\\t\\n\\r]')


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A temporary path that takes the file's place when the block ends well; else nothing is left behind."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays, since writers choose the format by it.
        name = file.name.split(".", 1)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{name[0]}-", suffix="." + "".join(name[1:]))
    except OSError as error:
        raise CannotWriteError(f"{file} cannot be written: {error.strerror}. Check permissions and space.") from None
    os.close(handle)
    try:
        yield Path(temporary)
        open_to_others(Path(temporary), 0o666)
        with Path(temporary).open("rb") as written:
            os.fsync(written)  # some file systems put the new name on the disk before the content
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)


def open_to_others(path: Path, mode: int) -> None:
    """Give what `tempfile` made for its owner alone the permissions of a new file or folder: a mode less the umask."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)


def is_there(file: Path) -> bool:
    """Whether a file is there and not empty, as some file systems leave one when a machine goes down."""
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def write_text(file: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(file) as temporary:
        temporary.write_text(text, "utf-8")


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(file, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def json_value(value: Any) -> Any:
    """A value as JSON knows it, NumPy's among them; null for what is missing or not finite.

    Examples
    --------
    >>> json_value({1: (float("nan"), "x")})
    {'1': [None, 'x']}
    """
    import pandas as pd  # as for `read_table`

    if isinstance(value, Mapping):
        return {str(key): json_value(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(of) for of in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)) else value


def read_json(file: Path) -> dict[str, Any]:
    """Content of a JSON file; empty where there is none or it is torn."""
    if in_place_of_file(file):  # a pipe would be waited for
        return {}
    try:
        content = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_table(file: Path, table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Write a TSV, ``n/a`` for missing, and its data dictionary beside it."""
    with replacing(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(_lines(table))
    if columns is not None:
        write_json(file.with_suffix(".json"), columns)


def _lines(table: pd.DataFrame) -> Iterator[str]:
    """Head and rows of a table: the millions of cells of a study take pandas several times as long."""
    names = [str(name) for name in table.columns]
    yield "\t".join(map(_quote, names)) + "\n"
    words = [_Words() for _ in names]
    for start in range(0, len(table), _ROWS):
        part = table.iloc[start : start + _ROWS]
        cells = [own.of(values) for own, (_, values) in zip(words, part.items(), strict=True)]
        # A line that is empty would be no row.
        yield from (f"{line or _EMPTY}\n" for line in map("\t".join, zip(*cells, strict=True)))


class _Words(dict[object, str]):
    """How the values of a column are written; of text, which recurs, each is looked at once."""

    def of(self, values: pd.Series[Any]) -> list[str]:
        import pandas as pd  # as for `read_table`

        found = values.tolist()
        if str(values.dtype).startswith("float"):
            return [f"{value:.6g}" if value == value else _MISSING for value in found]  # noqa: PLR0124
        if isinstance(values.dtype, pd.StringDtype):
            return list(map(self.__getitem__, found))
        gone = values.isna().tolist()
        return [_MISSING if lacks else _quote(str(value)) for value, lacks in zip(found, gone, strict=True)]

    def __missing__(self, text: object) -> str:
        word = _quote(text) if isinstance(text, str) else _MISSING
        self[text] = word
        return word


def _quote(text: str) -> str:
    return '"' + text.replace('"', _EMPTY) + '"' if _SPECIAL.search(text) else text


def read_table(file: Path, dtype: Any = str, columns: Callable[[str], bool] | None = None) -> pd.DataFrame:
    """A table that `write_table` wrote, or some of its columns; empty where there is none or it is torn."""
    import pandas as pd  # not to be waited for by who asks for help

    return next(read_tables([file], dtype, columns), pd.DataFrame())


def read_tables(
    files: Iterable[Path], dtype: Any = str, columns: Callable[[str], bool] | None = None
) -> Iterator[pd.DataFrame]:
    """The same of many, in order: those that follow each other with the same columns as one, up to some megabytes.

    Most of what it takes to read a small table is spent once a call, whatever its size.
    """
    texts: list[bytes] = []
    size = 0
    for head, body in filter(None, map(_split, files)):
        if texts and (head != texts[0] or size > _TOGETHER):
            yield from _parse(texts, dtype, columns)
            texts, size = [], 0
        if not texts:
            texts.append(head)
        texts.append(body)
        size += len(body)
    if texts:
        yield from _parse(texts, dtype, columns)


def _split(file: Path) -> tuple[bytes, bytes] | None:
    """Head and rows of a table, each to its last end of line; None where there is none or it is torn."""
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    head, end, body = text.partition(b"\n")
    # Cut within quotes, what comes after it would be taken for quoted; zeros are what some file systems leave.
    if not end or b"\0" in text or text.count(b'"') % 2:
        return None
    return head + end, body if body.endswith(b"\n") else body + b"\n"


def _parse(texts: Sequence[bytes], dtype: Any, columns: Callable[[str], bool] | None) -> Iterator[pd.DataFrame]:
    """Rows of several tables below one head, the first text; those of torn ones are found by halves, and left out."""
    import pandas as pd

    try:
        yield pd.read_csv(
            io.BytesIO(b"".join(texts)),
            sep="\t",
            na_values=["n/a"],
            keep_default_na=False,
            dtype=dtype,
            usecols=columns,
            low_memory=False,
        )
    except ValueError:  # not a table, or not text
        head, *bodies = texts
        half = len(bodies) // 2
        for part in (bodies[:half], bodies[half:]) if half else ():
            yield from _parse([head, *part], dtype, columns)


@contextmanager
def lock(file: Path) -> Iterator[None]:
    """Hold the lock that a file stands for; other processes wait.

    Raises
    ------
    CannotWriteError
        The file cannot be written, or its file system has no locks.
    """
    # Not the files that stand in for locks where there are none: a killed process would leave them locked.
    held = FileLock(file, fallback_to_soft=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except PermissionError as error:
        raise CannotWriteError(f"{error.filename or file} cannot be written: {error.strerror}.") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise CannotWriteError(
            f"The file system of {file.parent} has no file locks (flock). Mount it with them, or give another folder."
        ) from None
    try:
        yield
    finally:
        held.release()
