"""What a run was made with: versions of programs, the machine, and the records that tell of it."""

from __future__ import annotations

import os
import platform
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from lumirage_bids import __version__
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.folder import Output

PACKAGES = (
    "antspyx",
    "connected-components-3d",
    "deepbet",
    "fill-voids",
    "fireants",
    "nibabel",
    "nilearn",
    "nipype",
    "numba",
    "numpy",
    "pandas",
    "pybids",
    "scipy",
    "simpleitk",
    "torch",
)


def versions() -> dict[str, str]:
    """Versions of this program, Python and the packages whose results depend on theirs."""
    found = {"lumirage-bids": __version__, "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def read_records(output: Output) -> list[dict[str, Any]]:
    """Records of all runs on an output folder with their ``id``, oldest first.

    Those that a machine left torn when it went down are not among them.
    """
    return [record for _, record in dated_records(output)]


def dated_records(output: Output) -> list[tuple[str, dict[str, Any]]]:
    """The same with the time that each run began at, UTC, spelled as column ``finished`` of score rows."""
    files = output.find("config/*.toml")
    return [(_read_start(file.stem), record) for file in files if (record := _record(output / file))]


def _read_start(run: str) -> str:
    """Time in a run's name, ``20260131T120000Z-…``; empty, before all others, for a file that is none of ours."""
    try:
        return datetime.strptime(run.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return ""


def _record(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except ValueError:
        return {}


@dataclass(frozen=True, kw_only=True)
class MadeBy:
    """What a labelling's maps are made by.

    Attributes
    ----------
    labeller : str
        Name of the labeller; ``existing`` and the like where maps were found.
    maker : str
        Whose labels they really are: for labels that are carried over from another scan, the labeller of that one, or
        its labelling where no labeller is known.
    from_intensities : bool
        Whether they are classes of the intensities that are registered.
    """

    labeller: str = ""
    maker: str = ""
    from_intensities: bool = False


def read_labellers(records: Iterable[Mapping[str, Any]]) -> dict[str, MadeBy]:
    """Labelling → what made its maps, by the latest run that had it."""
    found: dict[str, MadeBy] = {}
    for record in records:
        told = record.get("labellers", {})
        for name, source in record.get("labellings", {}).items():
            found[name] = MadeBy(**told[name]) if name in told else _parse_maker(str(source))
    return found


def _parse_maker(source: str) -> MadeBy:
    """The same from the words that versions before 0.2.0 noted down instead."""
    labeller = source.partition(":")[0].strip()
    carried = re.search(r"; (?P<of>\w+) of the T1w scan(?: \((?P<maker>\w+):)?", source)
    maker = (carried["maker"] or carried["of"]) if carried else labeller
    return MadeBy(labeller=labeller, maker=maker, from_intensities=labeller == "atropos")


def read_criteria(records: Sequence[tuple[str, Mapping[str, Any]]], first_score: str) -> tuple[Criteria, Criteria]:
    """Criteria that were in force when the first score was written, and those that are now.

    Parameters
    ----------
    records : sequence of (str, mapping)
        As `dated_records` gives them. Runs of versions that recorded no criteria had the defaults.
    first_score : str
        When that was, as score rows have it (ISO 8601, UTC); empty where there is none.
    """
    found = [(began, Criteria(**record.get("statistics", {}))) for began, record in records] or [("", Criteria())]
    before = [criteria for began, criteria in found if began[:19] <= first_score[:19]]
    return (before if before and first_score else [found[-1][1]])[-1], found[-1][1]


def machine(device: str) -> dict[str, object]:
    """The machine that a run is on, as plain TOML values.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda:N``, which is then told of too.
    """
    found: dict[str, object] = {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": psutil.cpu_count(logical=False) or 0,
        "cpus": os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "device": device,
    }
    if device.startswith("cuda"):
        import torch

        about = torch.cuda.get_device_properties(device)
        found |= {
            "gpu": about.name,
            "gpu_memory_gb": round(about.total_memory / 1e9, 1),
            "cuda": str(torch.version.cuda),
        }
    return found


def _cpu() -> str:
    """Model of the processor; the architecture where the system does not tell it."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        told = ""
    model = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()


def release(text: object) -> tuple[int, ...]:
    """A version's numbers, to be compared; none where it has none.

    Examples
    --------
    >>> release("0.10.2.dev1") > release("0.9"), release(None)
    (True, ())
    """
    numbers = re.match(r"\d+(\.\d+)*", str(text))
    return tuple(map(int, numbers[0].split("."))) if numbers else ()
