"""Names of files that hold something of a pair, with placeholders for its scans."""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING

from lumirage_bids.base.errors import UsageError

if TYPE_CHECKING:
    from lumirage_bids.bids.scans import Pair, Scan

PLACEHOLDERS = ("fixed", "moving", "fixed_subject", "moving_subject", "fixed_session", "moving_session")


def check_path(path: str) -> None:
    """Refuse a path that is not in full, has placeholders that there are not, or is the same file for all pairs.

    Raises
    ------
    UsageError
        The message says what is allowed.
    """
    try:
        parts = list(string.Formatter().parse(path))
    except ValueError as error:
        raise UsageError(f"path is {path!r}: {error}; write {{{{ for a brace.") from None
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise UsageError(f"path is {path!r}; a placeholder is a name in braces, no more: BIDS labels are text.")
    found = {field for _, field, _, _ in parts if field is not None}
    if unknown := found - set(PLACEHOLDERS):
        raise UsageError(
            f"path holds the placeholder {{{min(unknown)}}}; there are {', '.join(f'{{{p}}}' for p in PLACEHOLDERS)}."
        )
    if not Path(path).is_absolute():
        raise UsageError(f"path is {path!r}; give it in full, from the root: {Path(path).absolute()}.")
    if not ({"fixed", "fixed_subject"} & found and {"moving", "moving_subject"} & found):
        raise UsageError(
            f"path is {path!r}, the same file for different pairs; it must hold {{fixed}} or "
            "{fixed_subject}, and {moving} or {moving_subject}."
        )


def file_of_pair(path: str, pair: Pair) -> Path:
    """Path of a pair's file.

    Raises
    ------
    UsageError
        If a name that goes into it could lead elsewhere, or is asked for and not there.
    """
    values = {**_names("fixed", pair.fixed), **_names("moving", pair.moving)}
    for _, name, _, _ in string.Formatter().parse(path):
        value = values.get(name or "", "-")
        if not value:
            raise UsageError(f"path asks for {{{name}}}, but {pair.fixed.name} or {pair.moving.name} has none.")
        if value in {".", ".."} or any(c in value for c in "/\\\0"):
            raise UsageError(f"{{{name}}} is {value!r}, which cannot be a part of a file name.")
    return Path(path.format_map(values))


def _names(role: str, scan: Scan) -> dict[str, str]:
    return {role: scan.name, f"{role}_subject": scan.subject, f"{role}_session": scan.session or ""}
