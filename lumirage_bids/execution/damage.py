"""What turns out to be damaged when it is read counts as not made any more: the same command makes it again."""

from __future__ import annotations

from lumirage_bids.output.folder import Output
from lumirage_bids.output.read_prepared import DamagedError


def disown_damaged(output: Output, error: Exception) -> None:
    """Disown the files that an error tells to be damaged; nothing for any other error."""
    if isinstance(error, DamagedError):
        for file in error.files:
            output.disown(file)
