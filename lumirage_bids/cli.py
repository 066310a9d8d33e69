"""Command line and environment → Settings; the only reader of either."""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lumirage_bids import __version__, surroundings
from lumirage_bids.errors import NO_ROOM, LumirageError, UsageError
from lumirage_bids.settings import Settings

LISTS = ("methods", "labellings", "protocols")
EPILOG = """\
other commands:
  lumirage demo DIR            write a small synthetic dataset, evaluate it, say where the report is
  lumirage methods | labellings | protocols
                               list what there is and whether its needs are met here

exit codes: 0 done, 1 some pairs failed, 16 invalid dataset, 18 nothing selected, 64 usage, 65 bad data,
66 input missing, 73 cannot write, 74 input/output failed, 75 interrupted: the same command goes on where it was
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See lumirage --help.")


def parser() -> argparse.ArgumentParser:
    """The parser of the main command."""
    p = _Parser(
        prog="lumirage",
        description="Evaluate deformable brain image registration on a BIDS dataset under the same conditions for all.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the dataset, as downloaded")
    p.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="where the derivatives go")
    p.add_argument(
        "level", choices=("participant", "group"), help="register and score pairs; or make tables and report"
    )
    p.add_argument("--version", action="version", version=f"lumirage {__version__}")
    p.add_argument("-v", "--verbose", action="count", default=0, help="say more")

    what = p.add_argument_group("what is compared")
    what.add_argument(
        "--protocol", default="default", metavar="NAME|FILE.toml", help="the experiment (default: default)"
    )
    what.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="instead of the protocol's")
    what.add_argument("--labellings", nargs="+", default=[], metavar="NAME", help="instead of the protocol's")
    what.add_argument("--variants", nargs="+", default=[], metavar="NAME", help="only these of the protocol's")
    what.add_argument(
        "--derivatives", nargs="+", default=[], metavar="NAME=PATH", help="datasets with label maps, masks"
    )
    what.add_argument("--max-pairs", type=_positive_int, metavar="N", help="a random subset of the ordered pairs")
    what.add_argument("--seed", "--random-seed", type=int, default=0, metavar="N", help="of that subset")

    which = p.add_argument_group("which scans")
    which.add_argument("--participant-label", nargs="+", default=[], metavar="L", help="subjects whose scans move")
    which.add_argument("--fixed-label", nargs="+", default=[], metavar="L", help="subjects whose scans are fixed")
    which.add_argument("--session-id", nargs="+", default=[], metavar="L", help="only these sessions")
    which.add_argument("--bids-filter-file", metavar="NAME|FILE", help="PyBIDS filter, instead of the protocol's")
    which.add_argument("--bids-database-dir", type=Path, metavar="DIR", help="keep the dataset's index here")
    which.add_argument("--skip-bids-validation", action="store_true", help="accept a dataset with a faulty description")

    how = p.add_argument_group("how it runs")
    how.add_argument("--stage", choices=("prepare", "register", "all"), default="all", help="only a part of the work")
    how.add_argument(
        "--redo",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="make all results of these methods again",
    )
    how.add_argument("--save", choices=("none", "labels", "images", "transforms", "all"), default="none")
    how.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]")
    how.add_argument("--nprocs", type=_positive_int, metavar="N", help="processes (default: one a GPU, or one a core)")
    how.add_argument(
        "--omp-nthreads", type=_positive_int, metavar="N", help="threads a process (default: cores/processes)"
    )
    how.add_argument(
        "--mem", type=_positive_float, metavar="GB", help="memory for all processes (default: 90 %% of it)"
    )
    how.add_argument("--pair-timeout", type=_positive_float, metavar="S", help="stop a pair after so many seconds")
    how.add_argument("--use-plugin", type=Path, metavar="FILE", help="Nipype plugin file (YAML), for clusters")
    how.add_argument("--work-dir", type=Path, metavar="DIR", help="scratch folder (default: OUT_DIR/work)")
    how.add_argument("--sloppy", action="store_true", help="3 mm and a tenth of the iterations: to try, not to publish")
    how.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    how.add_argument(
        "--print-needed-files", action="store_true", help="with --dry-run: print the files that a run reads"
    )
    how.add_argument("--reports-only", action="store_true", help="only the reports, from what is there")
    how.add_argument("--write-graph", action="store_true", help="write the Nipype graphs as OUT_DIR/logs/*.dot")
    how.add_argument("--stop-on-first-crash", action="store_true", help="end when Nipype meets an error of its own")
    return p


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


_positive_int.__name__ = "positive whole number"
_positive_float.__name__ = "positive number"


def settings(argv: Sequence[str]) -> Settings:
    """Settings from the arguments of the main command.

    Raises
    ------
    UsageError
        An argument is unknown or has a value that is not allowed.
    """
    a = parser().parse_args(argv)
    try:
        " ".join(argv).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{' '.join(argv)!r} is not UTF-8, so no record can name it. Rename the folder.") from None
    if a.print_needed_files and not (a.dry_run and a.level == "participant"):
        raise UsageError("--print-needed-files belongs to 'participant' with --dry-run. Add --dry-run.")
    computes = a.level == "participant"
    gpus = count_gpus() if computes and a.device != "cpu" else 0
    device = resolve_device(a.device, gpus, elsewhere=a.use_plugin is not None or not computes)
    cores = count_cores() if computes else 1
    nprocs = a.nprocs or (cores if device == "cpu" else max(1, gpus) if device == "cuda" else 1)
    return Settings(
        bids_dir=a.bids_dir.absolute(),
        out_dir=a.out_dir.absolute(),
        level=a.level,
        protocol=a.protocol,
        methods=tuple(dict.fromkeys(a.methods)),
        labellings=tuple(dict.fromkeys(a.labellings)),
        participant_label=tuple(x.removeprefix("sub-") for x in a.participant_label),
        fixed_label=tuple(x.removeprefix("sub-") for x in a.fixed_label),
        session_id=tuple(x.removeprefix("ses-") for x in a.session_id),
        bids_filter_file=a.bids_filter_file,
        derivatives=_derivatives(a.derivatives),
        max_pairs=a.max_pairs,
        seed=a.seed,
        variants=tuple(dict.fromkeys(a.variants)),
        stage=a.stage,
        save=a.save,
        device=device,
        nprocs=nprocs,
        omp_nthreads=a.omp_nthreads or max(1, cores // nprocs),
        mem=a.mem,
        pair_timeout=a.pair_timeout,
        use_plugin=a.use_plugin,
        work_dir=a.work_dir.absolute() if a.work_dir else None,
        dry_run=a.dry_run,
        print_needed_files=a.print_needed_files,
        reports_only=a.reports_only,
        write_graph=a.write_graph,
        stop_on_first_crash=a.stop_on_first_crash,
        skip_bids_validation=a.skip_bids_validation,
        bids_database_dir=a.bids_database_dir.absolute() if a.bids_database_dir else None,
        sloppy=a.sloppy,
        redo=tuple(a.redo),
        verbose=a.verbose,
        weights=_weights(),
        command=shlex.join(["lumirage", *argv]),
    )


def _weights() -> Path | None:
    folder = os.environ.get("LUMIRAGE_WEIGHTS")
    return Path(folder).absolute() if folder else None


def _derivatives(items: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for item in items:
        name, _, path = item.partition("=")
        if not name.isidentifier() or not path:
            raise UsageError(f"--derivatives {item}: give NAME=PATH, with a name of letters, digits and underscores.")
        if name in found:
            raise UsageError(f"--derivatives names '{name}' twice; give each dataset a name of its own.")
        found[name] = Path(path).absolute()
    return found


def count_cores() -> int:
    """How many cores this process may use: by its affinity, as a cluster's job has it, or by a container's quota."""
    import joblib

    return int(joblib.cpu_count())


def count_gpus() -> int:
    """How many GPUs there are here, of those that CUDA_VISIBLE_DEVICES leaves."""
    if not has_driver():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def has_driver() -> bool:
    """Whether PyTorch, which takes a second to import, could find a GPU at all: by CUDA's driver or AMD's."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def resolve_device(text: str, gpus: int, *, elsewhere: bool) -> str:
    """Turn ``auto`` into what there is, and refuse what there is not.

    Parameters
    ----------
    text : str
        ``auto``, ``cpu``, ``cuda`` (all GPUs, one a process) or ``cuda:N``.
    gpus : int
        How many there are here.
    elsewhere : bool
        Whether the work is done by other machines, whose GPUs are not known here, or there is none for a device.

    Raises
    ------
    UsageError
        The name is no device, or that device is not here.

    Examples
    --------
    >>> resolve_device("auto", 2, elsewhere=False), resolve_device("auto", 0, elsewhere=False)
    ('cuda', 'cpu')
    """
    index = text.removeprefix("cuda:") if text.startswith("cuda:") else "0"
    if text not in ("auto", "cpu", "cuda") and not re.fullmatch("cuda:[0-9]{1,3}", text):
        raise UsageError(f"--device {text} is not allowed; give auto, cpu, cuda or cuda:N.")
    if text == "auto":
        return "cuda" if gpus else "cpu"
    if text != "cpu" and int(index) >= gpus and not elsewhere:
        raise UsageError(f"--device {text}: PyTorch finds {gpus} CUDA device(s) here. Use cpu.")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the return value is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    surroundings.settle_streams()
    surroundings.settle_signals()
    try:
        surroundings.settle_libraries()
        return _dispatch(arguments)
    except LumirageError as error:
        _tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _tell("interrupted. The same command goes on where it was.")
        return 75
    except BrokenPipeError:
        return 74
    except OSError as error:
        full = error.errno in NO_ROOM
        advice = f"{'Make space' if full else 'Mend that'} and give the same command again."
        _tell(f"{error.filename or 'file system'}: {error.strerror or error}. {advice}")
        return 74
    finally:
        surroundings.leave_closed_pipes()


def _tell(text: str) -> None:
    with suppress(OSError):
        print(f"lumirage: {text}", file=sys.stderr)


def _dispatch(arguments: list[str]) -> int:
    from lumirage_bids import app

    if arguments[:1] == ["demo"]:
        if len(arguments) != 2 or arguments[1].startswith("-"):
            raise UsageError("usage: lumirage demo DIR, where DIR does not exist yet.")
        return app.demo(Path(arguments[1]).absolute(), run=main)
    if arguments and arguments[0] in LISTS:
        if len(arguments) != 1:
            raise UsageError(f"usage: lumirage {arguments[0]} (no further arguments).")
        return app.list_known(arguments[0], _weights())
    try:
        given = settings(arguments)
    except FileNotFoundError:  # of the current folder, which relative paths start from
        raise UsageError(
            "The current folder has been deleted, so that relative paths lead nowhere. Give all paths in full, or go "
            "to a folder that is there (cd)."
        ) from None
    surroundings.settle_folder()
    return app.participant(given) if given.level == "participant" else app.group(given)
