"""The first sentences of a verdict: who lacks pairs, and whether anyone is ahead."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.text import FEW_NAMES, and_join, count, few, fixed, p_value
from lumirage_bids.report.verdict.other_measures import mind, objections, tell_agreement
from lumirage_bids.report.verdict.relations import Relation, tell_limit
from lumirage_bids.report.verdict.scene import Scene, Standing

_MOST = 5  # methods that are named with their numbers


def headline(scene: Scene) -> str:
    """Say what lacks pairs, then who leads or why nobody does, then what bounds it."""
    return " ".join([*tell_lacking(scene), *_core(scene), *([] if scene.withheld else scene.caveats)])


def tell_lacking(scene: Scene) -> Iterator[str]:
    """What lacks pairs: the run, arms that are set aside, those not finished, then those that lack a few."""
    if scene.planned is not None and scene.done < scene.planned:
        left = f"{count(scene.planned - scene.done)} of {count(scene.planned)}"
        yield f"Not finished: {left} planned pairs have not been done by any method."
    if scene.absent:
        yield f"Without any pair of this labelling: {few(list(scene.absent))}."
    if scene.unscored:
        every = scene.unscored + max(s.planned for s in scene.standings)
        yield f"{count(scene.unscored)} of {count(every)} pairs have no {scene.words.noun} of any method."
    aside = [s for s in scene.competitors if s.set_aside]
    failing, unfinished = ([s for s in aside if (s.unfinished > s.failed) is wanted] for wanted in (False, True))
    if failing:
        yield f"Set aside, too few scores: {_lacks(failing)}."
    if unfinished:
        yield f"Set aside, not finished: {_lacks(unfinished)}."
    some = [s for s in scene.standings if s.lacking and not s.set_aside]
    if some:
        yield f"Lacking pairs: {_lacks(some)}."


def _lacks(arms: Sequence[Standing]) -> str:
    """What arms lack, those that lack most first where they are many."""
    most = arms if len(arms) <= FEW_NAMES else sorted(arms, key=lambda s: -s.lacking)[:FEW_NAMES]
    more = [f"{len(arms) - len(most)} others"] if len(arms) > len(most) else []
    return "; ".join([*(f"{s.name}, {s.lacks()}" for s in most), *more])


def _core(scene: Scene) -> Iterator[str]:
    ranked, competitors = scene.ranked, scene.competitors
    if not any(s.n or s.scored for s in scene.standings):
        yield "No pair was scored."
    elif scene.withheld:
        yield f"No verdict. {scene.withheld}"
    elif not competitors:
        own = scene.summary.iloc[0]
        n = int(own["n_pairs"] - own["n_failed"])
        over = f"{count(n)} pair{'s' if n != 1 else ''}"
        told = f"{scene.words.mean} {scene.words.value(own['mean'])} over {over}"
        others = [s.name for s in scene.standings if s.control]
        beside = f" beside the control{'s' * (len(others) > 1)} {and_join(others)}" if others else ""
        yield f"Only {own['name']} {_tell_only(scene)}{beside}: {told}. There is no method to compare it with."
    elif not ranked and any(not s.set_aside for s in competitors):
        yield (
            "No winner can be named: no pair was scored by all methods, so their means are over different pairs and "
            "are "
            "not compared; what follows compares them two by two."
        )
    elif not ranked:
        yield "No method scored enough of its pairs to be ranked."
    elif len(ranked) == 1:
        yield _tell_alone(scene, ranked[0])
    else:
        yield _tell_lead(scene, ranked)


def _mean(scene: Scene, s: Standing) -> str:
    return f"{scene.words.mean} {scene.words.value(s.mean)} over {_pairs(scene, s)}"


def _best(scene: Scene, s: Standing) -> str:
    """The best mean of several arms of which none leads, so that none is named."""
    return f"{scene.words.mean} at best {scene.words.value(s.mean)} over {_pairs(scene, s)}"


def _pairs(scene: Scene, s: Standing) -> str:
    """Common pairs of an arm, and of how many subjects they are, moving and fixed together."""
    return f"{count(s.n)} pair{'s' if s.n != 1 else ''} of {count(scene.subjects)} subject{'s' * (scene.subjects != 1)}"


def _tell_only(scene: Scene) -> str:
    """What is told of the only arm: it may have been run beside others, of other labellings or evaluations."""
    return "is here" if scene.elsewhere else "was run"


def _tell_alone(scene: Scene, only: Standing) -> str:
    start = f"Only one method {_tell_only(scene)}," if len(scene.competitors) == 1 else "Only one method can be ranked,"
    floors = [r for r in scene.find_with_unranked() if only.name in r.names()]
    told = f"{start} {only.name}: {_mean(scene, only)}"
    if not floors:
        return f"{told}. There is nothing to compare it with."
    ahead = [r for r in floors if r.ahead and r.better == only.name]
    more = objections(scene, [only.name], ahead) if scene.any_certain else ""
    told += f"; {'; '.join(set_against(scene, only.name, r) for r in floors)}{more}."
    return f"{told}{tell_agreement(scene, ahead)}" if ahead else told


def set_against(scene: Scene, name: str, r: Relation) -> str:
    """How a method stands to one that is not ranked, with as much certainty as there is."""
    other = next(iter(r.names() - {name}))
    other = scene.call(other)
    by = f" by {scene.words.size(r.difference)}"
    if r.ahead or r.kind == "small":
        where = scene.words.above if r.better == name else scene.words.below
        told = f"{name} is {where} {other}{by}{_doubt(scene, [r])}"
        return told if r.ahead else f"{told}; the difference is not shown to matter"
    return {
        "equivalent": f"{name} is equivalent to {other}",
        "identical": f"{name} is the same as {other} in every pair",
        "open": f"that {name} differs from {other} is not certain",
        "turned": f"that {name} differs from {other} is not certain: failures turn it around",
    }.get(r.kind, f"how certain the difference between {name} and {other} is cannot be said: {r.row['refused']}")


def _tell_lead(scene: Scene, ranked: Sequence[Standing]) -> str:
    """Say who leads the methods, or that nobody does."""
    first, rest = ranked[0], ranked[1:]
    found = {s.name: r for s in rest if (r := scene.find_relation(first.name, s.name)) is not None}
    behind = [r for r in found.values() if _leads(first, r)]
    level = [r for r in found.values() if r not in behind]
    if not found or all(r.kind == "unknown" for r in found.values()):
        return _tell_means(scene, ranked, list(found.values()))
    if not level:
        others = "every other that is ranked" if any(s.set_aside for s in scene.competitors) else "every other"
        every = f"{scene.words.above} {others}{_tell_each(scene, behind)}"
        every += f"{objections(scene, [first.name], behind)}.{tell_agreement(scene, behind)}"
        return f"{scene.words.highest}: {first.name}, {_mean(scene, first)}; {every}{_ifs(scene, first, behind)}"
    others = (
        f" {_tell_behind(scene, first.name, level, behind)}"
        if behind
        else mind(scene, [first.name, *_name_others(first.name, level)])
    )
    return f"{_level(scene, first, level, bool(behind))}{others}{_ifs(scene, first, [*level, *behind])}"


def _tell_behind(scene: Scene, name: str, level: Sequence[Relation], behind: Sequence[Relation]) -> str:
    """Who is behind, for certain, all that share the top or the first of them."""
    top = _name_others(name, level)
    theirs = [r for other in top for each in behind if (r := scene.find_relation(other, each.worse)) is not None]
    lower = {each.worse for each in behind}
    everyone = len(theirs) == len(top) * len(behind) and all(r.ahead and r.worse in lower for r in theirs)
    who = "Each of them" if everyone else name
    groups = _sort_by_doubt([*behind, *(theirs * everyone)])
    parts = [f"{few(sorted({r.worse for r in of}))}{_doubt(scene, of)}" for of in groups]
    ahead = [*behind, *(r for r in theirs if r.ahead and r.worse in lower)]
    return f"{who} is {scene.words.above} {'; '.join(parts)}{objections(scene, [name, *top], ahead)}."


def _sort_by_doubt(relations: Sequence[Relation]) -> list[list[Relation]]:
    """Relations by what makes them doubtful, those of one arm behind together, the certain ones first."""
    of_worse: dict[str, list[Relation]] = {}
    for r in relations:
        of_worse.setdefault(r.worse, []).append(r)
    groups: dict[tuple[bool, tuple[str, ...]], list[Relation]] = {}
    for of in of_worse.values():
        key = any(r.lacks_too_much for r in of), tuple(sorted({r.hangs_on for r in of if r.hangs_on}))
        groups.setdefault(key, []).extend(of)
    return [groups[key] for key in sorted(groups)]


def _tell_each(scene: Scene, behind: Sequence[Relation]) -> str:
    """How surely, and by how much; what only some of the differences hang on is told of these alone."""
    groups = _sort_by_doubt(behind)
    if len(groups) == 1:
        return f"{_doubt(scene, behind)}: {_tell_size(scene, behind)}"
    return f": {'; '.join(f'{_tell_size(scene, of)}{_doubt(scene, of)}' for of in groups)}"


def _tell_size(scene: Scene, behind: Sequence[Relation]) -> str:
    parts = [
        f"{r.worse} by {scene.words.size(r.difference)}{interval(scene, r)}{_tell_faint(scene, r)}"
        for r in behind[:_MOST]
    ]
    more = [f"{len(behind) - _MOST} others by more"] if len(behind) > _MOST else []
    return ", ".join([*parts, *more])


def _tell_faint(scene: Scene, r: Relation) -> str:
    """That a difference counts by the margin alone."""
    threshold = scene.criteria.threshold
    return f", d_z {fixed(r.d_z, 2)} below the threshold {threshold:g}" if r.d_z < threshold else ""


def interval(scene: Scene, r: Relation) -> str:
    """Interval of a difference in brackets; empty where there is none."""
    if not r.known:
        return ""
    return f" ({scene.criteria.level} interval {scene.words.interval(r.low, r.high)})"


def _doubt(scene: Scene, relations: Sequence[Relation]) -> str:
    """Whether differences are certain, and what they hang on if not."""
    if any(r.lacks_too_much for r in relations):
        return " on the pairs that all scored, which is not certain where failures differ"
    if hanging := [r for r in relations if r.hangs_on]:
        some = f" over {few([r.worse for r in hanging])}" if len(hanging) < len(relations) else ""
        subjects = and_join(list(dict.fromkeys(r.hangs_on for r in hanging)))
        return f", but not for certain{some}: it hinges on {subjects} alone"
    return tell_reach(scene, relations)


def tell_reach(scene: Scene, relations: Sequence[Relation]) -> str:
    """How far what is certain goes: not beyond few subjects, nor beyond few of the pairs that can be registered."""
    if (fuller := scene.find_fuller(relations)) is not None:
        return f" on these pairs alone ({fuller.name}, set aside, scored {count(fuller.scored)})"
    return f" for certain{tell_limit(relations)}"


def _level(scene: Scene, first: Standing, level: Sequence[Relation], several: bool) -> str:
    """Tell of methods that nobody leads, those apart that are surely behind, though not shown to matter."""
    small = [r for r in level if r.kind == "small"]
    rest = [r for r in level if r.kind != "small"]
    if not small:
        return _tell_undecided(scene, first, rest, several)
    told = _not_shown_to_count(scene, first.name, small)
    if all(r.kind in ("identical", "equivalent") for r in rest):
        alike = f"; {first.name} is equivalent to {few(_name_others(first.name, rest))}" if rest else ""
        return f"No winner: {told}{alike}; {_best(scene, first)}."
    return f"{_tell_undecided(scene, first, rest, several)} {told}."


def _name_others(name: str, relations: Sequence[Relation]) -> list[str]:
    return [next(iter(r.names() - {name})) for r in relations]


def _not_shown_to_count(scene: Scene, name: str, small: Sequence[Relation]) -> str:
    """Tell of differences whose order is shown, but not that they count, and which criterion they miss."""
    largest = max(small, key=lambda r: r.difference)
    by = f"{scene.words.size(largest.difference)}{interval(scene, largest)}"
    criteria = scene.criteria
    missed = [
        *(
            [f"margin {criteria.margin:g} {scene.words.amount}"]
            if any(not criteria.is_beyond(r.difference) for r in small)
            else []
        ),
        *([f"threshold |d_z| = {criteria.threshold:g}"] if any(r.d_z < criteria.threshold for r in small) else []),
    ]
    return (
        f"{name} is {scene.words.above} {few(_name_others(name, small))} by {by}{' at most' * (len(small) > 1)}"
        f"{_doubt(scene, small)}, {'but' if all(r.shown for r in small) else 'and'} the difference is not shown to "
        f"matter ({and_join(missed)})"
    )


def _tell_undecided(scene: Scene, first: Standing, level: Sequence[Relation], several: bool) -> str:
    """Tell of methods of which no order is shown."""
    names = _name_level(scene, first.name, level)
    kinds = {r.kind for r in level}
    largest = max(level, key=lambda r: r.difference)
    size = scene.words.size(largest.difference)
    if largest.known:
        size += f", {scene.criteria.level} interval {scene.words.interval(largest.low, largest.high)}"
    of_what = "largest difference" if len(level) > 1 else "difference"
    margin = f"{scene.criteria.margin:g} {scene.words.amount}"
    if kinds == {"identical"}:
        return f"Identical: {names} have the same score in every pair, {_mean(scene, first)}. No winner."
    if kinds <= {"identical", "equivalent"}:
        tied = _name_others(first.name, [r for r in level if r.kind == "identical"])
        same = f" (the same in every pair: {few([first.name, *tied])})" if tied else ""
        return (
            f"Equivalent{', with no winner' if not several else ''}: {names}, whose means differ by less than {margin} "
            f"{tell_reach(scene, [r for r in level if r.kind == 'equivalent']).strip()}{same}: {of_what} {size}; "
            f"{_best(scene, first)}."
        )
    turned = [r for r in level if r.kind == "turned"]
    why = " With failed pairs scored at worst it turns around." if turned else ""
    if alike := [r for r in level if r.kind == "open" and r.alike]:
        unvaried = all(r.row["tie_percent"] == 100 for r in alike)
        what = "the same in every pair" if unvaried else "equivalent on the pairs"
        why += f" That they are {what} that both scored is not certain: failures differ."
    if largest.known and largest.kind == "open":
        size += f", p = {p_value(largest.row['p_holm'])} after Holm's correction".replace("= <", "<")
    why += tell_hidden(scene, largest)
    return f"No winner: the order of {names} is not certain; {of_what} {size}; {_best(scene, first)}.{why}"


def tell_hidden(scene: Scene, r: Relation) -> str:
    """The one subject that an open difference is hidden by, with what it is without: a caveat, no claim."""
    if not r.hidden_by:
        return ""
    size, p = scene.words.size(r.row["hiding_difference"], sign=True), p_value(r.row["hiding_p"])
    return (
        f" One subject, {r.hidden_by}, makes it so: without that subject {r.row['method_b']} − {r.row['method_a']} "
        "would be "
        f"{size} (p = {p}, corrected for the choice); look at that subject before leaving it out.".replace("= <", "<")
    )


def _name_level(scene: Scene, first: str, level: Sequence[Relation]) -> str:
    """Names of arms level with the first; where two of them are told apart from each other, each with the first."""
    others = _name_others(first, level)
    between = [scene.find_relation(a, b) for a, b in combinations(others, 2)]
    if any(r is not None and r.ahead for r in between):
        return f"{first} and each of {few(others)}"
    return few([first, *others])


def _tell_means(scene: Scene, ranked: Sequence[Standing], found: Sequence[Relation]) -> str:
    """Give the means where no interval can be had."""
    means = ", ".join(f"{s.name} {scene.words.value(s.mean)}" for s in ranked[:_MOST])
    more = f" and {len(ranked) - _MOST} more" if len(ranked) > _MOST else ""
    why = str(found[0].row["refused"]) if found else "no two methods share a scored pair"
    mean = scene.words.mean[0].upper() + scene.words.mean[1:]
    return f"No winner can be named: {why}. {mean} over {_pairs(scene, ranked[0])}: {means}{more}."


def _ifs(scene: Scene, first: Standing, used: Sequence[Relation]) -> str:
    """What a reader must know with the headline: groups left out, no gain over the start, orders that turn."""
    told = list(_two_changed(scene, used))
    if out := list(dict.fromkeys(str(r.row["left_out"]) for r in used if _is_given(r.row["left_out"]))):
        n = max(int(r.row["n_left_out"]) for r in used)
        told.append(f"All of this leaves out the {count(n)} pairs of groups with too few subjects: {and_join(out)}.")
    told += _no_gain(scene, [first.name, *_name_others(first.name, [r for r in used if not _leads(first, r)])])
    told += _tell_one_sided(used)
    told += _tell_better_aside(scene, first)
    told += list(tell_turning(scene))[:2]
    return "".join(f" {sentence}" for sentence in told)


def _leads(first: Standing, r: Relation) -> bool:
    return r.ahead and r.better == first.name


def _no_gain(scene: Scene, top: Sequence[str]) -> Iterator[str]:
    """Who of those at the top is not surely ahead of the start, or of a control."""
    by_name = {name: [r for r in scene.find_with_unranked() if name in r.names()] for name in top}
    told = [
        set_against(scene, name, r)
        for name, found in by_name.items()
        for r in found
        if r.kind != "unknown" and not (r.ahead and r.better == name)
    ]
    if told:
        more = [f"{count(len(told) - _MOST)} more of this kind, below"] if len(told) > _MOST else []
        yield f"Note: {'; '.join([*told[:_MOST], *more])}."


def _two_changed(scene: Scene, used: Sequence[Relation]) -> Iterator[str]:
    """Arms of which two things differ, where no third arm tells which of the two makes a difference."""
    mixed = list(dict.fromkeys(name for r in used if scene.is_confounded(r) for name in (r.better, r.worse)))
    if mixed:
        yield (
            f"Method and variant both differ between {few(mixed)}: which of the two makes the difference cannot be "
            "told."
        )


def _tell_one_sided(used: Sequence[Relation]) -> Iterator[str]:
    """The one subject, moving or fixed, that all pairs share and results hold for."""
    one = {"moving subjects": "fixed", "fixed subjects": "moving"}
    held = [(one[r.row["resampled"]], r.row["holds_for"]) for r in used if r.known and r.row["resampled"] in one]
    for side, subject in dict.fromkeys(held):
        yield f"This holds for one {side} subject only, {subject}."


def _tell_better_aside(scene: Scene, first: Standing) -> Iterator[str]:
    """Arms set aside whose mean is ahead of the first's although what they lack counts as bad as can be."""
    sign = 1 if scene.words.higher_is_better else -1
    for s in scene.competitors:
        ahead = sign * (s.mean_at_worst - first.mean_at_worst)
        if s.set_aside and ahead > 0 and scene.criteria.is_beyond(ahead):
            means = ", ".join(f"{x.name} {scene.words.value(x.mean_at_worst)}" for x in (s, first))
            yield (
                f"Note: {s.name}, which was set aside, still has the better mean: over all pairs, with those without "
                "a score "
                f"counted as {scene.words.worst}, {means} (not tested)."
            )


def _is_given(text: object) -> bool:
    return isinstance(text, str) and bool(text)


def turns(row: Mapping[Hashable, Any], criteria: Criteria) -> bool:
    """Whether an order turns: a difference within the margin is none that turns another around."""
    both = all(criteria.is_beyond(row[f"difference_{i}"]) for i in (1, 2))
    return bool(both and row["p_reversal_page"] < criteria.alpha)


def tell_turning(scene: Scene) -> Iterator[str]:
    """Orders that turn between two cases, by their own test, and by what counts in both."""
    ranked = {s.name for s in scene.ranked}
    for row in scene.interactions.to_dict("records"):
        if not turns(row, scene.criteria) or not row["arms"] <= ranked:
            continue
        sign = 1 if scene.words.higher_is_better else -1
        first, second = (row["b"], row["a"]) if sign * row["difference_1"] > 0 else (row["a"], row["b"])
        sizes = [scene.words.size(abs(row[f"difference_{i}"])) for i in (1, 2)]
        above = scene.words.above
        yield (
            f"The order of {row['a']} and {row['b']} depends on the {row['factor']}: {first} is {above} {second} by "
            f"{sizes[0]} in {row['condition_1']}, {second} is {above} {first} by {sizes[1]} in {row['condition_2']}."
        )
