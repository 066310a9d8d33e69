"""What a run was, beside its group tables: all that somebody needs who is sent the folder ``group`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lumirage_bids import __version__
from lumirage_bids.base.criteria import Criteria, why_not
from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.output import files, paths, score_table
from lumirage_bids.output.history import Conditions, read_conditions
from lumirage_bids.output.json_kinds import Kind, why_not_of_kind
from lumirage_bids.output.record import release

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.output.folder import Output

FILE = "experiment.json"
FORMAT = 1
#: Entry of the file → what it is; the file carries this itself.
FIELDS: dict[str, str] = {
    "format": "Form of this file: 1",
    "program": "Version of LUMirage that made the tables beside it",
    "versions": "Packages of the latest participant run → versions",
    "dataset": "Name of the dataset, from its dataset_description.json",
    "protocol": "Name of the protocol",
    "sloppy": "Whether made with --sloppy: not for publication",
    "criteria": "What counts as a difference: margin (in mean Dice), threshold (of |d_z|), confidence",
    "frozen": "Digest (SHA-256) of the frozen plan and whether all rows follow it; null where there is none",
    "planned": "Ordered pairs that were to be done; null where nobody knows",
    "missing": "Scans that were left out because their content was not there",
    "controls": "Methods that register nothing, as negative controls, and are not ranked",
    "notes": "What must be known with the results: criteria or conditions that were changed, pairs not asked for",
    "labellings": "Labelling → what made its label maps; whether from the registered intensities; why there is no "
    "verdict (withheld) or what bounds it (caveat); agreement with other label maps of the same scans; the structures "
    "that were scored, index → name",
    "arms": "Variant, method and labelling → the conditions its rows were made under: parameters of method, "
    "preparation, alignment, evaluation and labelling, revisions of the steps, digests of the user's own code. Paths "
    "are told by their last part. Empty where a version before 0.2.0 made the rows",
    "fields": "This list",
}

_KINDS: dict[str, Kind] = {
    **{"dataset": str, "protocol": str, "program": str, "sloppy": bool, "planned": int | None, "missing": int},
    **{"versions": {"*": str}, "notes": [str], "controls": [str]},
    "labellings": {
        "*": {
            **{"labeller": str, "maker": str, "from_intensities": bool, "withheld": str, "caveat": str},
            "agreements": [{"reference": str, "dice": int | float, "scans": int}],
            "structures": {"*": str},
        }
    },
    "arms": [{"variant": str, "method": str, "labelling": str, "conditions": {"*": object}}],
}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What is known of a labelling.

    Attributes
    ----------
    labeller, maker : str
        As of `lumirage_bids.output.record.MadeBy`.
    from_intensities : bool
    withheld : str
        Why there is no verdict; empty where there is one.
    caveat : str
        What bounds the verdict.
    agreements : sequence of mapping
        ``reference``, ``dice`` and ``scans`` of each labelling that it was compared with.
    structures : mapping of str to str
        Index → name of what was scored.
    """

    labeller: str = ""
    maker: str = ""
    from_intensities: bool = False
    withheld: str = ""
    caveat: str = ""
    agreements: tuple[Mapping[str, Any], ...] = ()
    structures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ArmOfExperiment:
    """An arm on a labelling, and the conditions that its rows were made under; see `Conditions`."""

    variant: str
    method: str
    labelling: str
    conditions: Conditions


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Content of the file; see `FIELDS`."""

    dataset: str
    protocol: str
    criteria: Criteria
    labellings: Mapping[str, Labelled]
    arms: tuple[ArmOfExperiment, ...]
    sloppy: bool = False
    planned: int | None = None
    missing: int = 0
    controls: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    frozen: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    program: str = __version__


def write_experiment(output: Output, experiment: Experiment) -> None:
    """Write the file into ``group``."""
    content = asdict(experiment)
    output.write_json(
        f"group/{FILE}", {"format": FORMAT, **{k: content[k] for k in FIELDS if k in content}, "fields": FIELDS}
    )


def read_experiment(group: Path) -> Experiment | None:
    """Read the file from a folder of group tables; None where there is none.

    Raises
    ------
    UsageError
        A newer version made it.
    BadDataError
        It is torn, or not what `write_experiment` wrote.
    """
    file = group / FILE
    if not file.exists():
        return None
    content = files.read_json(file)
    made, form = content.get("program"), content.get("format", FORMAT)
    if release(made) > release(__version__) or form != FORMAT:
        other = f" in format {form!r}, where {__version__} knows {FORMAT}" if form != FORMAT else ""
        raise UsageError(
            f"{file} was made by LUMirage {made}{other or f', this is {__version__}'}. Use the version that made it or "
            "a newer one."
        )
    try:
        return _experiment(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadDataError(
            f"{file} is torn or not LUMirage's ({type(error).__name__}: {error}). Make it again: lumirage BIDS_DIR "
            "OUT_DIR group."
        ) from None


def _experiment(content: Mapping[str, Any]) -> Experiment:
    if wrong := why_not_of_kind(content, _KINDS):
        raise TypeError(wrong)
    frozen = content.get("frozen")
    if frozen is not None and (wrong := why_not_of_kind(frozen, {"digest": str, "followed": bool | None}, "frozen")):
        raise TypeError(wrong)
    criteria = Criteria(**content["criteria"])
    if complaints := [told for key, value in vars(criteria).items() if (told := why_not(key, value))]:
        raise ValueError(complaints[0])
    given = {key: content[key] for key in FIELDS if key in content and key not in ("format", "fields")}
    labellings = {
        str(name): Labelled(**{**of, "agreements": tuple(of["agreements"])})
        for name, of in content["labellings"].items()
    }
    if odd := [index for of in labellings.values() for index in of.structures if not index.isdecimal()]:
        raise ValueError(f"structure {odd[0]!r} has no number")
    arms = tuple(ArmOfExperiment(**arm) for arm in content["arms"])
    lists = {key: tuple(content.get(key, ())) for key in ("notes", "controls")}
    return Experiment(**{**given, **lists, "criteria": criteria, "labellings": labellings, "arms": arms})


def arms_of_run(output: Output, pairs: pd.DataFrame) -> tuple[ArmOfExperiment, ...]:
    """Arms and labellings of a score table, with the conditions that count."""
    latest, full = output.read_json(score_table.LATEST), read_conditions(output)

    def find_conditions(variant: str, method: str, labelling: str) -> Conditions:
        own = full.get(latest.get(f"{paths.description(variant, method)}/{labelling}", ""), {})
        return {
            key: leave_out_folders(value) for key, value in own.items() if key != "reference"
        }  # a scan of this dataset

    found = pairs[["variant", "method", "labelling"]].drop_duplicates()
    return tuple(
        ArmOfExperiment(
            variant=variant,
            method=method,
            labelling=labelling,
            conditions=find_conditions(variant, method, labelling),
        )
        for variant, method, labelling in found.itertuples(index=False, name=None)
    )


def leave_out_folders(value: Any) -> Any:
    """Paths by their last part: where a file lies at one site is neither a condition nor anybody's business.

    Examples
    --------
    >>> leave_out_folders({"checkpoint": "/home/me/vfa.pth", "levels": ["4", "2"], "unit": "1/mm"})
    {'checkpoint': 'vfa.pth', 'levels': ['4', '2'], 'unit': '1/mm'}
    """
    if isinstance(value, Mapping):
        return {str(key): leave_out_folders(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [leave_out_folders(each) for each in value]
    return PurePosixPath(value).name if isinstance(value, str) and value.startswith(("/", "~/", "./", "../")) else value
