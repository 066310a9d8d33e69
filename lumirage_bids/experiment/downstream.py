"""What is found out of transforms after scoring: whether they agree, and how good the labels are that they fuse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lumirage_bids.base.parameters import digest
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.arms import ArmOfRun
from lumirage_bids.experiment.labels_of_run import LabellingOfRun
from lumirage_bids.experiment.pairs import rank
from lumirage_bids.output import paths

Ends = tuple[str, str]
"""Names of the moving and the fixed scan of a pair."""
FEWEST_SCANS = 3
"""A chain goes over three."""
FEWEST_ATLASES = 3
"""Fewer maps are not fused: two that differ have no majority."""
REVISION = 1
"""Raised when what is found out of the same transforms and labels changes."""


@dataclass(frozen=True, kw_only=True)
class DownstreamJob:
    """What is left to be found out about one of the drawn scans, under one arm.

    Attributes
    ----------
    scan : Scan
        Where chains of transforms begin, and whose labels are made of the others'.
    others : tuple of Scan
        The other drawn scans that are here.
    registrations : mapping
        Names of moving and fixed scan → digest that the pair's transform must have; of all pairs among these scans.
    rows : mapping
        The same → digests of the pair's rows under the arm, by which it is known whether it failed.
    products : mapping
        File to be made, below the output folder → digest of what it is made of where no registration fails.
    labels : tuple of LabellingOfRun
        Labellings whose maps are fused.
    inputs : mapping
        File of a scan that is read, below the output folder → digest that it must have.
    drawn : str
        Digest of which scans were drawn, those too that are not here.
    failed : frozenset of (str, str)
        Pairs that have no transform, as far as that is known.
    """

    scan: Scan
    others: tuple[Scan, ...]
    arm: ArmOfRun
    reference: Scan
    registrations: Mapping[Ends, str]
    rows: Mapping[Ends, Collection[str]]
    products: Mapping[Path, str]
    labels: tuple[LabellingOfRun, ...]
    inputs: Mapping[Path, str]
    drawn: str
    failed: frozenset[Ends] = frozenset()

    @property
    def digests(self) -> dict[Path, str]:
        """File to be made → digest that it will have: another one once a registration is tried again that failed."""
        return {f: digest(value, sorted(self.failed)) if self.failed else value for f, value in self.products.items()}

    @property
    def consistency(self) -> Path:
        """File of the chains of transforms; all others are of fused labels."""
        return paths.consistency(self.scan, self.arm.label)

    def transform(self, moving: str, fixed: str) -> Path:
        """Where the transform of a pair lies, below the output folder."""
        scans = {s.name: s for s in (self.scan, *self.others)}
        return paths.transform(scans[moving], scans[fixed], self.arm.label)

    def mark_failed(self, failed: Collection[str]) -> DownstreamJob:
        """The same where it is known which rows have failed for good."""
        lost = {pair for pair, values in self.rows.items() if all(value in failed for value in values)}
        return replace(self, failed=frozenset(lost))

    def drop_made(self, made: Callable[[str, Path], bool]) -> DownstreamJob:
        """The same with those products alone that are not made yet."""
        digests = self.digests
        return replace(self, products={f: v for f, v in self.products.items() if not made(digests[f], f)})

    def find_lacking(self, noted: Callable[[Path], str | None]) -> list[Ends]:
        """Pairs that have not failed and whose transforms are not there: it cannot be done before they are.

        Parameters
        ----------
        noted : callable
            Path below the output folder → hash noted with the file; None where there is no file.
        """
        wanted = {pair: value for pair, value in self.registrations.items() if pair not in self.failed}
        return [pair for pair, value in wanted.items() if noted(self.transform(*pair)) != value]


def draw(pairs: Sequence[Pair], size: int | None, seed: int) -> tuple[Scan, ...]:
    """Draw scans of different subjects all of whose pairs are among some, in either direction.

    Parameters
    ----------
    pairs : sequence of Pair
    size : int or None
        How many; None for none.
    seed : int

    Returns
    -------
    tuple of Scan
        In the order of the draw; as many as there are where there are not so many. A smaller draw is a part of a
        larger one where all ordered pairs are there. Templates are not drawn.
    """
    if size is None:
        return ()
    both = {(p.moving.name, p.fixed.name) for p in pairs}
    scans = {s.name: s for p in pairs for s in (p.moving, p.fixed) if not s.template}
    order = sorted(scans.values(), key=lambda s: rank(seed, s.name))
    best: list[Scan] = []
    for number in range(len(order)):
        found: list[Scan] = []
        for scan in order[number:]:
            fits = all(s.subject != scan.subject and {(s.name, scan.name), (scan.name, s.name)} <= both for s in found)
            if fits and len(found) < size:
                found.append(scan)
        if len(found) > len(best):
            best = found
        if len(best) == size:
            break
    return tuple(best)


def digest_of_draw(scans: Sequence[Scan]) -> str:
    """What results must share to be summed up together besides the conditions of their arms."""
    return digest(sorted(s.name for s in scans))
