"""The command line: a command by its name, or a BIDS-App run; errors become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

from lumirage_bids.app import arguments, commands, options, surroundings
from lumirage_bids.base.errors import NO_ROOM, LumirageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the return value is the exit code."""
    typed = list(sys.argv[1:] if argv is None else argv)
    surroundings.settle_streams()
    surroundings.settle_signals()
    try:
        surroundings.settle_libraries()
        return _dispatch(typed)
    except LumirageError as error:
        _tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        again = ", given without --redo, which would begin anew," if "--redo" in typed else ""
        _tell(f"interrupted. The same command{again} goes on where it was.")
        return 75
    except BrokenPipeError:
        return 74
    except OSError as error:
        full = error.errno in NO_ROOM
        advice = f"{'Make space' if full else 'Fix that'} and give the same command again."
        _tell(f"{error.filename or 'file system'}: {error.strerror or error}. {advice}")
        return 74
    finally:
        surroundings.leave_closed_pipes()


def _tell(text: str) -> None:
    with suppress(OSError):
        print(f"lumirage: {text}", file=sys.stderr)


def _dispatch(typed: list[str]) -> int:
    plain = options.load_extensions(typed)
    command = commands.COMMANDS.get(plain[0]) if plain else None
    if command is None and {"-h", "--help"} & set(typed):
        arguments.parser(commands.overview()).print_help()
        return 0
    return command.main(plain[1:]) if command else commands.evaluate(typed)
