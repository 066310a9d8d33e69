"""Which versions of other people's packages rows were made with, and which rows stand beside rows of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from lumirage_bids import methods
from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import dated_records

if TYPE_CHECKING:
    import pandas as pd

ABSENT = "not installed"
UNKNOWN = "of unknown version"
#: Packages of which only the major version is told apart.
_MAJOR = {"torch"}


def list_versions(packages: Iterable[str]) -> str:
    """Versions of packages as column ``made_with`` has them; those that are not installed are left out."""
    return " ".join(f"{name}={found}" for name, found in versions_here(packages).items())


def versions_here(packages: Iterable[str]) -> dict[str, str]:
    """Versions of packages by name, sorted; those that are not installed are left out."""
    return {name: found for name in sorted(packages) if (found := _version(name))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def software_notes(output: Output, rows: Mapping[str, pd.DataFrame], present: Mapping[str, Any] | None) -> list[str]:
    """Tell of rows whose method ran with other versions of its packages than a run has now.

    Parameters
    ----------
    rows : mapping of str to DataFrame
        Labelling → its rows, as `lumirage_bids.output.score_table.read_current` returns them.
    present : mapping or None
        Package → version now; None for the versions of the latest run on the folder.
    """
    records = dated_records(output)
    if present is None:
        present = records[-1][1].get("versions", {}) if records else {}
    kinds = {name: kind for _, record in records for name, kind in record.get("methods", {}).items()}
    before = {
        record["arms"][label]["name"]: [stage["method"] for stage in stages]
        for _, record in records
        for label, stages in record.get("started", {}).items()
    }
    known = methods.methods()
    counts: dict[tuple[str, str, str], int] = {}
    for table in rows.values():
        for name, mine in table[["method", "made_with", "status", "finished"]].groupby("method", sort=False):
            run = [kinds.get(str(name), str(name)), *before.get(str(name), ())]
            for package in sorted({p for kind in run if kind in known for p in known[kind].packages}):
                now = present.get(package) or _version(package)
                for made, n in _versions(mine, package, records).value_counts().items():
                    if now not in (None, ABSENT) and _shorten(package, made) != _shorten(package, now):
                        key = (str(name), f"{package} {made}", f"{package} {now}")
                        counts[key] = counts.get(key, 0) + int(n)
    told = [
        f"{n} row(s) of {name} were made with {made}, the latest run has {now}: a difference that they take part in "
        f"may be the package's. --redo {name} makes them again."
        for (name, made, now), n in counts.items()
    ]
    return told + [note for labelling in rows for note in _label_notes(output, labelling, present)]


def _label_notes(output: Output, labelling: str, present: Mapping[str, Any]) -> list[str]:
    """Tell of label maps that were made with other versions of their labeller's packages."""
    counts: dict[tuple[str, str], int] = {}
    for file in output.find(f"sub-*/**/*_seg-{labelling}_dseg.json"):
        made_with = output.read_json(file).get("MadeWith", {})
        if isinstance(made_with, str):  # of versions before 0.2.0, as column made_with
            made_with = dict(item.split("=", 1) for item in made_with.split())
        for package, made in made_with.items():
            now = present.get(package) or _version(package)
            if "space" not in paths.entities_of(file) and _shorten(package, made) != _shorten(package, now or made):
                key = (f"{package} {made}", f"{package} {now}")
                counts[key] = counts.get(key, 0) + 1
    return [
        f"{n} label map(s) of {labelling} were made with {made}, the latest run has {now}: scores on them may not be "
        "comparable with those on others."
        for (made, now), n in counts.items()
    ]


def _shorten(package: str, found: object) -> str:
    return str(found).split(".", 1)[0] if package in _MAJOR else str(found)


def _versions(rows: pd.DataFrame, package: str, records: list[tuple[str, dict[str, Any]]]) -> pd.Series[str]:
    """Version of a package for each row that is known: by the row itself, else by the run that it fell into."""
    # Empty where a version before 0.2.0 wrote all rows.
    own = rows["made_with"].astype("string").str.extract(rf"(?:^| ){package}=(\S+)")[0]
    unknown = rows["made_with"].isna() & (rows["status"] == "ok")
    if unknown.any():
        own = own.astype(object)
        own[unknown] = [_find_version(t, package, records) for t in rows.loc[unknown, "finished"]]
    own = own.where(rows["made_with"] != UNKNOWN, UNKNOWN)
    return own[rows["status"] == "ok"].dropna()


def _find_version(finished: str, package: str, records: list[tuple[str, dict[str, Any]]]) -> str | None:
    begun = [record for time, record in records if time <= finished]
    return begun[-1].get("versions", {}).get(package) if begun else None
