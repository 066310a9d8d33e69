"""Command line and environment → Settings; with `arguments` and `commands`, the only reader of either."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from lumirage_bids.app import values
from lumirage_bids.app.arguments import LEVELS, Parser, parser
from lumirage_bids.app.config_file import defaults
from lumirage_bids.app.resources import MachineShares, check_memory, share_out
from lumirage_bids.base import extensions
from lumirage_bids.base.devices import resolve_device
from lumirage_bids.base.errors import UsageError
from lumirage_bids.experiment.settings import Settings


def load_extensions(argv: Sequence[str]) -> list[str]:
    """Load the files of ``--extension``, before anything asks what plug-ins there are; return the other arguments.

    Raises
    ------
    LumirageError
        One cannot be had: see `lumirage_bids.base.extensions.use`.
    """
    first = Parser(prog="lumirage", add_help=False, allow_abbrev=False)
    first.add_argument("--extension", type=Path, action="append", default=[])
    known, rest = first.parse_known_args(argv)
    extensions.use(known.extension)
    return list(rest)


def settings(argv: Sequence[str]) -> tuple[Settings, ...]:
    """Settings from the arguments of the main command, one of each level that is asked for.

    Raises
    ------
    UsageError
        An argument is unknown or has a value that is not allowed.
    """
    try:
        " ".join(argv).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{' '.join(argv)!r} is not UTF-8, so no record can name it. Rename the folder.") from None
    a = _parse(argv)
    given = vars(a).get("given", set())
    if unknown := [level for level in a.level if level not in LEVELS]:
        raise UsageError(
            f"argument {{participant,group}}: invalid choice: {unknown[0]!r} (choose from participant, "
            "group). See lumirage --help."
        )
    printed = [f"--print-{what}" for what in ("needed-files", "work") if vars(a)[f"print_{what.replace('-', '_')}"]]
    if len(printed) > 1:
        raise UsageError(f"{' and '.join(printed)} both write to standard output. Give one of them.")
    if printed and not (a.dry_run and a.level == ["participant"]):
        raise UsageError(f"{printed[0]} belongs to 'participant' with --dry-run. Add --dry-run.")
    if a.only and given & {"participant_label", "fixed_label"}:
        raise UsageError(
            "--only names moving and fixed subjects at once. Leave --participant-label and --fixed-label out."
        )
    return tuple(_settings(a, level, argv) for level in LEVELS if level in a.level)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments, those of a record below them where one is given."""
    first = Parser(prog="lumirage", add_help=False, allow_abbrev=False)
    first.add_argument("--config-file", type=Path)
    first.add_argument("--protocol")
    known = first.parse_known_args(argv)[0]
    if known.config_file is None:
        return parser().parse_args(argv)
    whole = parser(again=True)
    recorded = defaults(known.config_file, with_protocol=known.protocol is None)
    whole.set_defaults(**recorded)
    return whole.parse_intermixed_args(argv)  # an optional positional would else be taken as left out too early


def _settings(a: argparse.Namespace, level: str, argv: Sequence[str]) -> Settings:
    computes = level == "participant"
    if computes:
        shares = share_out(a.device, a.nthreads, a.nprocs, a.omp_nthreads, a.use_plugin)
    else:
        shares = MachineShares(device=resolve_device(a.device, 0, elsewhere=True))
    warnings = shares.warnings
    derivatives, notes = values.derivatives(a.derivatives)
    if computes and a.use_plugin is None:
        warnings += check_memory(a.mem, dry_run=a.dry_run)
    if a.clean_workdir:
        notes.append("--clean-workdir changes nothing: the work folder is removed when a run ends.")
    moving, fixed = a.only or a.participant_label, a.only or a.fixed_label
    return Settings(
        bids_dir=a.bids_dir.absolute(),
        out_dir=a.out_dir.absolute(),
        level=level,
        levels=tuple(each for each in LEVELS if each in a.level),
        protocol=values.absolute_file(a.protocol, ".toml"),
        methods=values.names(a.methods),
        labellings=values.names(a.labellings),
        participant_label=values.labels(moving, "sub-"),
        fixed_label=values.labels(fixed, "sub-"),
        only=bool(a.only),
        exclude_participant_label=values.labels(a.exclude_participant_label, "sub-"),
        session_id=values.labels(a.session_id, "ses-"),
        bids_filter_file=values.absolute_file(a.bids_filter_file, ".json") if a.bids_filter_file else None,
        derivatives=derivatives,
        extension=tuple(extensions.files()),
        max_pairs=a.max_pairs,
        seed=a.seed,
        variants=tuple(dict.fromkeys(a.variants)),
        redo=values.names(a.redo),
        stage=a.stage,
        save=a.save,
        device=shares.device,
        nprocs=shares.nprocs,
        omp_nthreads=shares.omp_nthreads,
        mem=None if a.mem is None else float(a.mem),
        pair_timeout=a.pair_timeout,
        use_plugin=a.use_plugin.absolute() if a.use_plugin else None,
        work_dir=a.work_dir.absolute() if a.work_dir else None,
        dry_run=a.dry_run,
        freeze=a.freeze.absolute() if a.freeze else None,
        print_needed_files=a.print_needed_files,
        print_work=a.print_work,
        reports_only=a.reports_only,
        write_graph=a.write_graph,
        stop_on_first_crash=a.stop_on_first_crash,
        skip_bids_validation=a.skip_bids_validation,
        bids_database_dir=a.bids_database_dir.absolute() if a.bids_database_dir else None,
        sloppy=a.sloppy,
        no_pictures=a.no_pictures,
        verbose=a.verbose,
        weights=weights(),
        command=shlex.join(["lumirage", *argv]),
        notes=tuple(notes),
        warnings=warnings,
    )


def weights() -> Path | None:
    """Folder of network weights that the environment names."""
    folder = os.environ.get("LUMIRAGE_WEIGHTS")
    return Path(folder).absolute() if folder else None
