"""Read what the group level is made of: score rows, and what is known of how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from lumirage_bids.audit import AuditedRun, mean_volumes, read_audited_run
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import MissingInputError
from lumirage_bids.bids.look_up_tables import read_lut
from lumirage_bids.experiment.followed import Followed, follow
from lumirage_bids.experiment.software import software_notes
from lumirage_bids.measures.dice import Dice
from lumirage_bids.measures.surface import Surface
from lumirage_bids.output import downstream, paths, placements, score_table
from lumirage_bids.output.downstream import Downstream, nothing
from lumirage_bids.output.fill_in import FACTS, GIVEN, fill_in
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import read_records
from lumirage_bids.spatial.perturbations import kinds
from lumirage_bids.stats.classes import arm_labels, arms_of
from lumirage_bids.stats.ladders import Rung
from lumirage_bids.stats.landmarks import LandmarkScores
from lumirage_bids.stats.tables import Scores

_WORSE = "perturbation"
_KEY = ("variant", "method", "evaluation", "moving", "fixed", "split", "status", *FACTS)


@dataclass(frozen=True, kw_only=True)
class RunRead:
    """What the group level reads of a run.

    Attributes
    ----------
    every : AuditedRun
        All rows, and what is known of how they came about.
    notes : list of str
        What was left out.
    first_score : str
        When scores began.
    followed : Followed or None
        Whether they follow the frozen plan that the folder is held to, if there is one.
    landmarks : LandmarkScores
    surfaces : dict of str to DataFrame
        Labelling → surface distances of structures, where there are any.
    downstream : Downstream
        What was found out of transforms after scoring.
    """

    every: AuditedRun
    notes: list[str]
    first_score: str
    followed: Followed | None
    landmarks: LandmarkScores
    surfaces: dict[str, pd.DataFrame]
    downstream: Downstream = field(default_factory=nothing)

    @cached_property
    def rungs(self) -> dict[str, Rung]:
        """Variants that perturb what methods see."""
        return find_rungs(self.every)

    @cached_property
    def audited(self) -> AuditedRun:
        """What is compared: the run without its perturbed variants, or all of it where there is nothing else."""
        alone = set(self.every.pairs["variant"]) <= set(self.rungs)
        return self.every.leave_out([] if alone else [*self.rungs], "variant")

    @cached_property
    def perturbed_pairs(self) -> pd.DataFrame:
        """Rows of which ladders alone tell."""
        pairs = self.every.pairs
        return pairs[~pairs["variant"].isin(self.audited.pairs["variant"])]

    def scores(self, criteria: Criteria) -> Scores:
        """What the statistics are made from."""
        audited = self.audited
        compared = set(audited.pairs["variant"])
        return Scores(
            pairs=audited.pairs,
            structures=audited.structures,
            surfaces={name: of[of["variant"].isin(compared)] for name, of in self.surfaces.items()},
            luts=audited.luts,
            volumes=mean_volumes(audited),
            criteria=criteria,
            unranked=audited.unranked,
            landmarks=self.landmarks,
            every_pair=self.every.pairs,
            rungs=self.rungs,
            downstream=self.downstream,
        )


def read_run(output: Output) -> RunRead:
    """Collect the rows and what is known of how they came about.

    Raises
    ------
    MissingInputError
        There are none.
    """
    rows, notes = score_table.read_current(output)
    followed = follow(output, rows)
    notes += software_notes(output, rows, None)
    if not rows:
        raise MissingInputError(
            f"{output} holds no scores. Run 'lumirage BIDS_DIR {output} participant' to its end first."
        )
    found = downstream.collect(output)
    rows = {name: found.add_both_ways(table) for name, table in rows.items()}
    tables = [table[list(score_table.COLUMNS)] for table in rows.values()]
    pairs = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    tables_of_names = {name: output / paths.look_up_table(name) for name in rows}
    # A labelling that failed on every scan has rows that say so, and no table.
    luts = {name: read_lut(file) if file.exists() else {} for name, file in tables_of_names.items()}
    every = read_audited_run(output, pairs, _single_structures(rows, Dice.structures), luts)
    drawn = [name for record in read_records(output)[-1:] for name in record["plan"].get("drawn", ())]
    return RunRead(
        every=every,
        notes=[*notes, *tell_lacking(every, found, drawn)],
        first_score=_first_score(rows),
        followed=followed,
        landmarks=LandmarkScores(errors=_landmark_errors(rows), placements=placements.collect(output)),
        surfaces=_single_structures(rows, Surface.structures),
        downstream=found,
    )


def tell_lacking(every: AuditedRun, found: Downstream, drawn: Sequence[str]) -> Iterator[str]:
    """Say of which arms not all transforms among the drawn scans were composed."""
    # Nobody composes what a control does, and of label maps that came carried over there is no transform.
    rows = every.pairs[~every.pairs["method"].isin(every.controls) & (fill_in(every.pairs)["transfer"] != GIVEN)]
    plain = [arm for arm in arms_of(rows) if not every.preparations.get(arm.variant, {}).get(_WORSE)]
    begins = found.chains.groupby(["variant", "method"])["scan"].nunique().to_dict()
    for arm, label in arm_labels(plain).items():
        if (n := int(begins.get(tuple(arm), 0))) < len(drawn):
            yield (
                f"[downstream]: transforms of {label} were composed for {n} of {len(drawn)} drawn scans. The others "
                "wait for transforms, which the participant level makes and composes, or for files that are not here."
            )


def find_rungs(audited: AuditedRun) -> dict[str, Rung]:
    """Variants that perturb what methods see → what they are, and the variant that is the same without, in all else."""
    pairs = audited.pairs[["variant", "evaluation"]].drop_duplicates().groupby("variant")["evaluation"].agg(frozenset)

    def rest(variant: str) -> str:
        """All that makes a ladder besides the perturbation."""
        fields = {k: v for k, v in audited.preparations[variant].items() if k != _WORSE}
        return repr((fields, audited.parameters.get(variant, {}), sorted(pairs.get(variant, ()))))

    plain = {rest(name): name for name, fields in audited.preparations.items() if not fields.get(_WORSE)}
    found = {}
    for variant, fields in audited.preparations.items():
        if worse := fields.get(_WORSE):
            known, same = kinds(), rest(variant)
            found[variant] = Rung(
                kind=worse["kind"],
                size=float(worse["size"]),
                unit=known[worse["kind"]].unit if worse["kind"] in known else "",
                base=plain.get(same, ""),
                ladder=repr((same, worse.get("seed", 0))),
            )
    return found


def _single_structures(rows: Mapping[str, pd.DataFrame], prefix: str) -> dict[str, pd.DataFrame]:
    """Columns of single structures that begin so, by labelling."""
    return {
        name: table[[*_KEY, *(c for c in table.columns if score_table.structure_index(c, prefix) is not None)]]
        for name, table in rows.items()
    }


def _first_score(rows: Mapping[str, pd.DataFrame]) -> str:
    """When the first score was made; empty where none was."""
    firsts = (table["finished"].dropna().min() for table in rows.values())
    return min((str(first) for first in firsts if pd.notna(first)), default="")


def _landmark_errors(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Errors of single landmarks, a row an arm and pair: they are the same in the rows of every labelling."""
    key = [column for column in _KEY if column != "evaluation"]
    tables = [t[[*key, *(c for c in t.columns if score_table.landmark_name(c))]] for t in rows.values()]
    found = pd.concat(tables, ignore_index=True)
    # Of a pair that failed with one labelling, the row of another one has them.
    order = (found.drop(columns=key).isna().all(axis=1)).argsort(kind="stable")
    return found.iloc[order].drop_duplicates(key[:4]).sort_index(kind="stable").reset_index(drop=True)
