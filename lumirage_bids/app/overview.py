"""How far the work on an output folder is: what is done, failed, why, left, and how long that will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.base.progress import duration
from lumirage_bids.experiment.followed import follow
from lumirage_bids.experiment.planned_pairs import Pairs, PlannedPairs, asked_pairs, pairs_of, read_planned
from lumirage_bids.experiment.software import software_notes
from lumirage_bids.experiment.status import is_final
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import read_records
from lumirage_bids.output.root import evaluated_dataset, read_own_description
from lumirage_bids.report.text import count
from lumirage_bids.stats.reasons import count_kinds, tell_kind

#: Pauses between two pairs that are this many times the usual one are between runs, and not of the work.
_PAUSE = 20
_MOST = 10


@dataclass(frozen=True, kw_only=True)
class Tally:
    """One arm and labelling.

    Attributes
    ----------
    arm, labelling : str
    done, failed, missing, left : int
        Pairs: scored; failed for good; whose scans are not here; still to be done, those to be tried again too.
    seconds : float
        Wall time of a pair in one process; NaN where none is known.
    unasked : int
        Pairs besides, which are here and not done, and which no run named the subjects of.
    """

    arm: str
    labelling: str
    done: int
    failed: int
    missing: int
    left: int
    seconds: float
    unasked: int = 0


@dataclass(frozen=True, kw_only=True)
class Overview:
    """How far the work on an output folder is.

    Attributes
    ----------
    name, protocol : str
    pairs : int
        Pairs of the protocol.
    standings : sequence of Tally
    reasons : mapping
        (arm, labelling, why it failed or what is missing) → pairs.
    last : datetime or None
        When the latest score was written.
    nprocs : int
        Processes of the latest run.
    command : str
        Of the latest run.
    gets : sequence of str
        Commands that fetch what is missing.
    """

    name: str
    protocol: str
    pairs: int
    standings: Sequence[Tally]
    reasons: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    last: datetime | None = None
    nprocs: int = 1
    command: str = ""
    gets: Sequence[str] = ()


def read_overview(output: Output) -> Overview:
    """Look at an output folder, whether or not a run is at work on it.

    Raises
    ------
    MissingInputError
        The folder holds no output of a participant run.
    """
    about = read_own_description(output)
    records = read_records(output)
    if not about or not records:
        raise MissingInputError(
            f"{output} holds no output of 'lumirage BIDS_DIR {output} participant'. Give the folder that was OUT_DIR."
        )
    latest = records[-1]
    rows, _ = score_table.read_current(output, structures=False)
    number = int(latest["plan"]["pairs"])
    absent = number - int(latest["plan"].get("pairs_present", number))
    planned = read_planned(output, number)
    found = [
        _standing(arm, name, rows.get(name), planned, absent, _find_unasked(planned, records, arm[0]))
        for arm, name in _list_asked(output, records)
    ]
    times = [max(table["finished"].dropna(), default="") for table in rows.values()]
    return Overview(
        name=evaluated_dataset(about),
        protocol=str(about.get("Protocol", "")),
        pairs=planned.number,
        standings=[standing for standing, _ in found],
        reasons={(s.arm, s.labelling, why): n for s, reasons in found for why, n in reasons.items()},
        last=datetime.fromisoformat(max(times)) if any(times) else None,
        nprocs=int(latest["settings"].get("nprocs", 1)),
        command=str(latest["settings"].get("command", "")),
        gets=list(dict.fromkeys(scan["get"] for scan in latest["plan"].get("missing", []) if scan["get"])),
    )


def _find_unasked(planned: PlannedPairs, records: Sequence[Mapping[str, Any]], arm: str) -> Pairs:
    """Pairs that are here, and that every run with an arm left aside, since it named other subjects."""
    here = (planned.which or frozenset()) - planned.gone
    return here - asked_pairs(here, [r for r in records if arm in r["arms"]])


def _list_asked(output: Output, records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Arms (label, variant, method) and labellings that any run was asked for."""
    arms = {label: (label, str(arm["variant"]), str(arm["name"])) for r in records for label, arm in r["arms"].items()}
    for key in output.read_json(score_table.LATEST):
        label, _, labelling = key.rpartition("/")
        if label in arms:
            yield arms[label], labelling


def _standing(
    arm: tuple[str, str, str],
    labelling: str,
    rows: pd.DataFrame | None,
    planned: PlannedPairs,
    absent: int,
    unasked: Pairs,
) -> tuple[Tally, dict[str, int]]:
    _, variant, method = arm
    name = method if variant == "default" else f"{method} ({variant})"
    if rows is None:
        aside = len(unasked)
        none = Tally(
            arm=name,
            labelling=labelling,
            done=0,
            failed=0,
            missing=absent,
            left=planned.number - absent - aside,
            seconds=float("nan"),
            unasked=aside,
        )
        return none, {}
    mine = rows[(rows["variant"] == variant) & (rows["method"] == method)]
    if planned.which is not None:
        wanted = [pair in planned.which for pair in zip(mine["moving"], mine["fixed"], strict=True)]
        mine = mine.loc[mine.index[wanted]] if wanted else mine
    states = list(zip(mine["status"], mine["kind"], strict=True))
    done = sum(state == "ok" for state, _ in states)
    failed = sum(state != "ok" and is_final(state, kind) for state, kind in states)
    # A row of such a pair was asked for by a run whose record is gone.
    aside = len(unasked - pairs_of(mine))
    standing = Tally(
        arm=name,
        labelling=labelling,
        done=done,
        failed=failed,
        missing=absent,
        left=max(0, planned.number - absent - done - failed - aside),
        seconds=_seconds(mine),
        unasked=aside,
    )
    reasons = Counter[str]()
    for why in count_kinds(mine[mine["status"] != "ok"]).to_dict("records"):
        reasons[tell_kind(why)] += int(why["n"])
    return standing, reasons


def _seconds(rows: pd.DataFrame) -> float:
    """Wall time of a pair: between the ends of two in a row of one moving scan; else of the registration alone."""
    times = pd.to_datetime(rows["finished"], format="ISO8601", utc=True)
    ended = pd.Series([time.timestamp() for time in times], index=rows.index, dtype="float64").sort_values()
    between = ended.groupby(rows["moving"]).diff().dropna()
    usual = between[between <= _PAUSE * between.quantile(interpolation="lower")]
    return float(usual.mean() if len(usual) else pd.to_numeric(rows["runtime_s"]).mean())


def tell(overview: Overview, now: datetime | None = None) -> str:
    """Put it in words, for a terminal."""
    return "\n".join(_lines(overview, now or datetime.now(UTC)))


def _lines(o: Overview, now: datetime) -> Iterator[str]:
    yield f"{o.name}, protocol {o.protocol}: {count(o.pairs)} pairs"
    if o.last is not None:
        ago = duration(max(0.0, (now - o.last).total_seconds()))
        yield f"Latest score: {o.last:%Y-%m-%d %H:%M} UTC, {ago} ago"
    yield from _table(o.standings)
    reasons = sorted(o.reasons.items(), key=lambda item: -item[1])
    for (arm, labelling, why), n in reasons[:_MOST]:
        yield f"Failed: {count(n)} of {arm}, {labelling}: {why}"
    if len(reasons) > _MOST:
        yield f"… and {len(reasons) - _MOST} more reasons, in status.tsv"
    if any(s.missing for s in o.standings):
        yield f"Missing: the scans of {count(max(s.missing for s in o.standings))} pairs are not here. To get them:"
        yield from (f"  {get}" for get in o.gets)
    yield from _tell_left(o)


def _table(standings: Sequence[Tally]) -> Iterator[str]:
    head = ("method", "labelling", "done", "failed", "missing", "left")
    body = [(s.arm, s.labelling, *map(count, (s.done, s.failed, s.missing, s.left))) for s in standings]
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
    for row in (head, *body):
        words = [f"{cell:{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*words, *numbers])


def _tell_left(o: Overview) -> Iterator[str]:
    """What is left, and how long it takes: of the labellings of an arm, which share registrations, the slowest one."""
    left: dict[str, Tally] = {}
    for s in o.standings:
        if s.left and (s.arm not in left or s.left > left[s.arm].left):
            left[s.arm] = s
    aside = max((s.unasked for s in o.standings), default=0)
    not_asked = f"{count(aside)} pairs of the protocol were not asked for: runs named other subjects"
    if not left:
        if aside:
            yield f"All that was asked for is done. {not_asked}; a run that names none does them too."
        yield f"{'Else the' if aside else 'Nothing is left to do. The'} next step is the group level."
        return
    known = [s for s in left.values() if s.seconds >= 0]
    seconds = sum(s.left * s.seconds for s in known) / max(1, o.nprocs)
    time = f"; about {duration(seconds)} with {o.nprocs} process(es), as in the latest run" if known else ""
    yield f"Left: {count(sum(s.left for s in left.values()))} registrations{time}"
    if unknown := [s.arm for s in left.values() if s not in known]:
        rest = " and not counted" if known else ""
        yield f"No pair of {', '.join(unknown)} is done yet, so its time is not known{rest}."
    if aside:
        yield f"Besides, {not_asked}."
    yield f"The same command goes on where it was: {o.command}"


def show(output: Output) -> int:
    """Print how far the work on an output folder is."""
    print(tell(read_overview(output)))
    rows, notes = score_table.read_current(output, structures=False)
    followed = follow(output, rows)
    if followed:
        print(f"Frozen plan: digest {followed.digest}: {followed.words}")
    for note in (*(followed.notes if followed else ()), *notes, *software_notes(output, rows, None)):
        print(note)
    return 0
