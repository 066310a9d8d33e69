"""What the user asked for: parsed once, frozen, passed on, saved with the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lumirage_bids.methods.base import Context
from lumirage_bids.output.folder import Output


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The command line as data; the names are those of the options.

    Attributes
    ----------
    bids_dir, out_dir : Path
        Absolute paths of the dataset and of the derivatives made from it.
    level : str
        ``participant`` or ``group``.
    participant_label, fixed_label : tuple of str
        Subjects whose scans are moving, and fixed; empty for all.
    only : bool
        Whether both sides were named at once, by ``--only``.
    exclude_participant_label : tuple of str
        Subjects none of whose scans are taken.
    mem : float or None
        Memory that all workers together may use, GB; None for 90 % of what there is.
    pair_timeout : float or None
        Seconds after which a pair is stopped and recorded as failed.
    extension : tuple of Path
        Files of code with plug-ins of the user's own.
    freeze : Path or None
        Frozen plan that the run is held to; a dry run writes it where it is not there.
    weights : Path or None
        Folder of network weights (environment variable LUMIRAGE_WEIGHTS).
    command : str
        The command as typed, for the record.
    notes, warnings : tuple of str
        What to tell the user of how the command was read, and what must also be told to readers of the results.
    """

    bids_dir: Path
    out_dir: Path
    level: str
    levels: tuple[str, ...] = ()
    protocol: str = "default"
    methods: tuple[str, ...] = ()
    labellings: tuple[str, ...] = ()
    participant_label: tuple[str, ...] = ()
    fixed_label: tuple[str, ...] = ()
    only: bool = False
    exclude_participant_label: tuple[str, ...] = ()
    session_id: tuple[str, ...] = ()
    bids_filter_file: str | None = None
    derivatives: Mapping[str, Path] = field(default_factory=dict)
    extension: tuple[Path, ...] = ()
    max_pairs: int | None = None
    seed: int = 0
    variants: tuple[str, ...] = ()
    redo: tuple[str, ...] = ()
    stage: str = "all"
    save: str = "none"
    device: str = "auto"
    nprocs: int = 1
    omp_nthreads: int = 1
    mem: float | None = None
    pair_timeout: float | None = None
    use_plugin: Path | None = None
    work_dir: Path | None = None
    dry_run: bool = False
    freeze: Path | None = None
    print_needed_files: bool = False
    print_work: bool = False
    reports_only: bool = False
    write_graph: bool = False
    stop_on_first_crash: bool = False
    skip_bids_validation: bool = False
    bids_database_dir: Path | None = None
    sloppy: bool = False
    no_pictures: bool = False
    verbose: int = 0
    weights: Path | None = None
    command: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def output(self) -> Output:
        """OUT_DIR as it is read and written."""
        return Output(self.out_dir)

    @property
    def here(self) -> Context:
        """What methods and labellers need to know of this machine to say whether they can run."""
        return Context(device=self.device, weights=self.weights)

    @property
    def named_subjects(self) -> dict[str, tuple[str, ...]]:
        """Option by which subjects were chosen, as the user gave it → their labels."""
        if self.only:
            return {"--only": self.participant_label}
        both = {"--participant-label": self.participant_label, "--fixed-label": self.fixed_label}
        return {option: labels for option, labels in both.items() if labels}

    def as_table(self) -> dict[str, object]:
        """Every option as plain TOML values; what was not given is left out."""

        def plain(value: object) -> object:
            if isinstance(value, Path):
                return str(value)
            if isinstance(value, tuple):
                return [plain(v) for v in value]
            if isinstance(value, dict):
                return {k: plain(v) for k, v in value.items()}
            return value

        return {k: plain(v) for k, v in asdict(self).items() if v is not None}
