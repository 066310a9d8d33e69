"""Which experiments may stand on one page, and what of them may be summed up: the rest is refused or shown apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import BadDataError
from lumirage_bids.output.experiment import Labelled
from lumirage_bids.output.history import Conditions, differences
from lumirage_bids.report.collected.reading import Collected
from lumirage_bids.report.text import and_join, compared_where
from lumirage_bids.stats.classes import grids_of

#: Share of the structures, under the same names, from which two label sets count as one: small datasets lack rare ones.
SAME_SET = 0.95
#: Share of the smaller experiment's pairs, of the same names and the same Dice before any alignment.
SAME_SCANS = 0.5
#: Revisions of steps that mean Dice hangs on.
_STEPS = ("preparation", "alignment", "registration", "score")
_NOT_ON_RECORD = "its conditions are not on record (a version before 0.2.0)"


class ArmKey(NamedTuple):
    """An arm on a labelling of one experiment."""

    experiment: int
    variant: str
    method: str
    labelling: str


class Block(NamedTuple):
    """A labelling and evaluation of one experiment: what has a verdict of its own."""

    experiment: int
    labelling: str
    evaluation: str


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Something of one name that is not the same in all experiments, and so is not summed up.

    Attributes
    ----------
    kind : str
        ``arm``, ``labelling``, ``evaluation``, ``dataset`` (other names, the same scans) or ``name`` (one name, and
        no scores that show the same scans).
    name : str
        What it is called.
    experiments : tuple of tuple of int
        Experiments in which it is the same.
    reasons : tuple of str
        How each but the first differs from the first.
    """

    kind: str
    name: str
    experiments: tuple[tuple[int, ...], ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """What may be summed up.

    Attributes
    ----------
    methods : mapping of ArmKey to str
        What an arm's method is called on the page: with a letter where arms of one name differ.
    groups : mapping of Block to str
        Blocks of one group have the same label set, compared in the same way.
    datasets : sequence of str
        Of each experiment; those of the same scans have the same.
    apart : sequence of Apart
    """

    methods: Mapping[ArmKey, str]
    groups: Mapping[Block, str]
    datasets: Sequence[str]
    apart: Sequence[Apart]


def refuse_mixture(experiments: Sequence[Collected]) -> None:
    """Refuse experiments that cannot stand on one page.

    Raises
    ------
    BadDataError
        Their criteria differ, some are sloppy and others not, or two hold the same results; the message says which.
    """
    if why := [*_criteria(experiments), *_tell_sloppy(experiments), *_same_results(experiments)]:
        raise BadDataError("These results cannot stand on one page:\n" + "\n".join(f"  {reason}" for reason in why))


def _criteria(experiments: Sequence[Collected]) -> Iterator[str]:
    found: dict[Criteria, list[str]] = {}
    for each in experiments:
        found.setdefault(each.about.criteria, []).append(str(each.given))
    if len(found) > 1:
        told = (
            f"margin {c.margin:g}, threshold |d_z| {c.threshold:g}, {c.level} intervals in {and_join(of)}"
            for c, of in found.items()
        )
        yield (
            f"What counts as a difference is not the same: {'; '.join(told)}. Set [statistics] alike in the protocols, "
            "and run both levels again, which takes seconds."
        )


def _tell_sloppy(experiments: Sequence[Collected]) -> Iterator[str]:
    sloppy = [str(each.given) for each in experiments if each.about.sloppy]
    if 0 < len(sloppy) < len(experiments):
        yield f"Made with --sloppy, not for publication, others not: {and_join(sloppy)}. Leave these out."


def _same_results(experiments: Sequence[Collected]) -> Iterator[str]:
    rows = [set(each.tables.pairs["hash"].dropna()) for each in experiments]
    for (a, ours), (b, theirs) in combinations(zip(experiments, rows, strict=True), 2):
        if both := len(ours & theirs):
            yield (
                f"{both} row(s) of {a.given} and {b.given} are the same results (the same digest of images, labels and "
                "parameters). Give one of the two."
            )


def find_comparable(experiments: Sequence[Collected]) -> Comparable:
    """Say what of the experiments is the same thing, and what only has the same name."""
    methods, arms_apart = _arms(experiments)
    groups, sets_apart = _groups(experiments)
    datasets, scans_apart = _datasets(experiments)
    return Comparable(methods=methods, groups=groups, datasets=datasets, apart=(*scans_apart, *sets_apart, *arms_apart))


def _arms(experiments: Sequence[Collected]) -> tuple[dict[ArmKey, str], list[Apart]]:
    """Sort arms of one name by their conditions."""
    named: dict[tuple[str, str], list[tuple[ArmKey, Conditions]]] = {}
    for place, each in enumerate(experiments):
        for arm in each.about.arms:
            key = ArmKey(place, arm.variant, arm.method, arm.labelling)
            named.setdefault((arm.variant, arm.method), []).append((key, _keep_what_counts(arm.conditions)))
    variants = {variant for variant, _ in named}
    methods: dict[ArmKey, str] = {}
    apart = []
    for (variant, method), found in named.items():
        kinds: list[tuple[Conditions, list[ArmKey]]] = []
        for key, facts in found:
            same = next((keys for known, keys in kinds if facts and known == facts), None)
            if same is None:
                kinds.append((facts, [key]))
            else:
                same.append(key)
        for letter, (_, keys) in enumerate(kinds):
            methods |= dict.fromkeys(keys, f"{method} [{_letter(letter)}]" if len(kinds) > 1 else method)
        if len(kinds) > 1:
            first = kinds[0][0]
            told = [differences(first, facts) if facts and first else _NOT_ON_RECORD for facts, _ in kinds[1:]]
            apart.append(
                Apart(
                    kind="arm",
                    name=f"{method} ({variant})" if len(variants) > 1 else method,
                    experiments=tuple(_experiments(keys) for _, keys in kinds),
                    reasons=tuple(told),
                )
            )
    return methods, apart


def _letter(place: int) -> str:
    """A, B, … Z, 27, 28, …: fit to stand behind a name."""
    return chr(ord("A") + place) if place < 26 else str(place + 1)


def _experiments(keys: Sequence[ArmKey]) -> tuple[int, ...]:
    return tuple(sorted({key.experiment for key in keys}))


def _keep_what_counts(facts: Conditions) -> dict[str, Any]:
    """Conditions that mean Dice hangs on: not which further measures were taken, nor where the labels are from."""
    if not facts:
        return {}
    plain = {key: facts.get(key, {}) for key in ("method", "preparation", "alignment", "code")}
    evaluated = {
        key: value for key, value in facts.get("evaluation", {}).items() if key in ("grid", "transfer", "dice")
    }
    revisions = {step: facts.get("revisions", {}).get(step, 1) for step in _STEPS}
    return {**plain, "evaluation": evaluated, "revisions": revisions}


def _groups(experiments: Sequence[Collected]) -> tuple[dict[Block, str], list[Apart]]:
    """Sort label sets of one name by what they hold and how they came about, and by how they are compared."""
    kinds: dict[str, list[tuple[Labelled, Conditions, list[int]]]] = {}
    for place, each in enumerate(experiments):
        for name, labelled in each.about.labellings.items():
            made = next((_tell_making(arm.conditions) for arm in each.about.arms if arm.labelling == name), {})
            of = kinds.setdefault(name, [])
            same = next((at for known, facts, at in of if not _why_other(known, facts, labelled, made)), None)
            if same is None:
                of.append((labelled, made, [place]))
            else:
                same.append(place)
    groups: dict[Block, str] = {}
    apart = []
    for name, found in kinds.items():
        titles = {
            at: f"{name} [{_letter(i)}]" if len(found) > 1 else name for i, (_, _, of) in enumerate(found) for at in of
        }
        grids: dict[str, list[int]] = {}
        where: dict[str, str] = {}
        for place, each in enumerate(experiments):
            rows = each.tables.summary
            for how in rows.loc[rows["labelling"] == name, "evaluation"].unique():
                grids.setdefault(str(how), []).append(place)
                where[str(how)] = compared_where(*grids_of(each.tables.pairs)[how])
                groups[Block(place, name, str(how))] = titles[place] + ("" if how == "native" else f", {how}")
        if len(found) > 1:
            first = found[0]
            told = tuple(_why_other(first[0], first[1], labelled, made) for labelled, made, _ in found[1:])
            apart.append(
                Apart(kind="labelling", name=name, experiments=tuple(tuple(of) for _, _, of in found), reasons=told)
            )
        if len(grids) > 1:
            told = tuple(f"compared {where[how]}" for how in list(grids)[1:])
            apart.append(
                Apart(kind="evaluation", name=name, experiments=tuple(map(tuple, grids.values())), reasons=told)
            )
    return groups, apart


def _tell_making(facts: Conditions) -> Conditions:
    """How label maps come about, without the structures, which are compared by what was scored; empty if not known."""
    if not facts:
        return {}
    made = {key: value for key, value in facts.get("labelling", {}).items() if key != "structures"}
    revision = facts.get("revisions", {}).get("labelling", 1)
    return {"labelling": made, "revisions": {"labelling": revision}, "labeller_code": facts.get("labeller_code", {})}


def _why_other(a: Labelled, made_a: Conditions, b: Labelled, made_b: Conditions) -> str:
    """Why two label sets of one name are not one; empty where they are."""
    told = []
    common = {index for index in a.structures if index in b.structures}
    if renamed := sorted((i for i in common if a.structures[i] != b.structures[i]), key=int):
        i = renamed[0]
        told.append(
            f"{len(renamed)} structure(s) have another name, such as {i}: {a.structures[i]} → {b.structures[i]}"
        )
    every = {*a.structures, *b.structures}
    if every and len(common) < SAME_SET * len(every):
        told.append(f"{len(a.structures)} structures → {len(b.structures)}, {len(common)} in common")
    if a.maker != b.maker:
        told.append(f"made by {a.maker or 'nobody known'} → {b.maker or 'nobody known'}")
    if made_a and made_b and made_a != made_b:
        told.append(differences(made_a, made_b))
    return "; ".join(told)


def _datasets(experiments: Sequence[Collected]) -> tuple[list[str], list[Apart]]:
    """Dataset of each experiment: by its name, and by scans that two of them have in common."""
    names = [each.about.dataset for each in experiments]
    seen = [_pairs_seen(each.tables.pairs) for each in experiments]
    apart, unlike = [], []
    for first, second in combinations(range(len(names)), 2):
        common = len(np.intersect1d(seen[first], seen[second], assume_unique=True))
        alike = common and common >= SAME_SCANS * min(len(seen[first]), len(seen[second]))
        if experiments[first].about.dataset == experiments[second].about.dataset and not alike:
            unlike.append((first, second))
        elif names[first] != names[second] and alike:
            reason = f"{common} pairs have the same names and the same Dice before any alignment"
            apart.append(
                Apart(
                    kind="dataset",
                    name=f"{names[first]} and {names[second]}",
                    experiments=((first, second),),
                    reasons=(reason,),
                )
            )
            old, new = names[second], names[first]
            names = [new if name == old else name for name in names]
    return names, [*apart, *_one_name(experiments, unlike)]


def _one_name(experiments: Sequence[Collected], unlike: Sequence[tuple[int, int]]) -> Iterator[Apart]:
    """Experiments that are one dataset by its name alone, a row a name."""
    found: dict[str, list[tuple[int, int]]] = {}
    for couple in unlike:
        found.setdefault(experiments[couple[0]].about.dataset, []).append(couple)
    for name, couples in found.items():
        scans = [(_scans(experiments[a]), _scans(experiments[b])) for a, b in couples]
        common = max(len(ours & theirs) / min(len(ours), len(theirs)) for ours, theirs in scans)
        reason = "their scores before any alignment are not the same" + ("" if common else ", nor are scans' names")
        everyone = tuple(sorted({place for couple in couples for place in couple}))
        yield Apart(kind="name", name=name, experiments=(everyone,), reasons=(reason,))


def _scans(each: Collected) -> set[str]:
    return {*each.tables.pairs["moving"], *each.tables.pairs["fixed"]}


def _pairs_seen(pairs: pd.DataFrame) -> np.ndarray:
    """Pairs with their Dice before any alignment, which no method changes, as numbers."""
    known = pairs[["moving", "fixed", "dice_initial"]].dropna().drop_duplicates()
    return np.unique(pd.util.hash_pandas_object(known, index=False).to_numpy())
