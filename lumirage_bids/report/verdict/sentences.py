"""What stands below a verdict's headline, a sentence for each thing that the numbers carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

from lumirage_bids.report.text import and_join, count, few, fixed, p_value
from lumirage_bids.report.verdict.certain import MOST, differences, doubts, single_splits, subjects
from lumirage_bids.report.verdict.headline import set_against, tell_hidden, tell_reach, tell_turning, turns
from lumirage_bids.report.verdict.other_measures import order, weigh_unranked
from lumirage_bids.report.verdict.relations import Relation
from lumirage_bids.report.verdict.scene import Scene
from lumirage_bids.stats.classes import FLOOR
from lumirage_bids.stats.ranking import FEWEST_FOR_RANKS
from lumirage_bids.stats.shares import MOST_SUBJECTS
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT

_STORY = 2 / 3  # share of pairs won from which a median is worth telling beside the mean
_FEWEST_FOR_WINS = 6  # subjects
_STRICT = 10  # times stricter than other tests: a win rate is told of every two methods that may well be equal


def sentences(scene: Scene) -> list[str]:
    """Say all that the numbers carry, failures and what is certain first."""
    if scene.withheld:
        return list(failures(scene))
    rows = scene.by_place(r for r in scene.find_of_ranked() if not r.two_changed or scene.is_confounded(r))
    told = [
        *rank_apart(scene),
        *differences(scene, rows),
        *order(scene, rows),
        *islice(tell_turning(scene), MOST),
        *interactions(scene),
        *level(scene, rows),
        *gains(scene),
        *controls(scene),
        *ranks(scene),
        *wins(scene, rows),
        *shares(scene, rows),
        *failures(scene),
    ]
    return [*told, *ceiling(scene), *reach(scene, rows)]


def rank_apart(scene: Scene) -> Iterator[str]:
    """Rank arms that lack too many pairs apart, with what is missing at worst."""
    aside = [s for s in scene.competitors if s.set_aside and s.failed >= s.unfinished and s.scored]
    if not aside or not scene.words.worst:
        return
    sign = 1 if scene.words.higher_is_better else -1
    everyone = sorted(
        (s for s in scene.competitors if not math.isnan(s.mean_at_worst)), key=lambda s: -sign * s.mean_at_worst
    )
    means = ", ".join(f"{s.name} {scene.words.value(s.mean_at_worst)}" for s in everyone)
    names = and_join([s.name for s in aside])
    yield (
        f"Separately, over all pairs, with those without a score counted as {scene.words.worst}, {scene.words.mean}: "
        f"{means}. "
        f"Means of {names} over its own scored pairs alone cannot be compared with any other's."
    )


def interactions(scene: Scene) -> Iterator[str]:
    """Tell where a difference depends on its case without turning around, by its own test."""
    ranked = {s.name for s in scene.ranked}
    rows = [
        row
        for row in scene.interactions.to_dict("records")
        if row["p_page"] < scene.criteria.alpha
        and not turns(row, scene.criteria)
        and row["factor"] not in ("labelling", "evaluation")  # two scales: only an order that turns says something
        and row["arms"] <= ranked
        and scene.criteria.is_beyond(row["interaction"])
    ]
    rows.sort(key=lambda row: -abs(row["interaction"]))
    for row in rows[:MOST]:
        w = scene.words
        yield (
            f"How far {row['b']} and {row['a']} differ depends on the {row['factor']}: {row['b']} − {row['a']} is "
            f"{w.size(row['difference_1'], sign=True)} ({row['condition_1']}) and "
            f"{w.size(row['difference_2'], sign=True)} ({row['condition_2']}). The difference of differences is "
            f"{w.size(row['interaction'], sign=True)}, {scene.criteria.level} interval "
            f"{w.interval(row['ci_low'], row['ci_high'])}."
        )


def level(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Tell what is equivalent, what is not shown to matter, and what is open; certain ones of single splits too."""
    by_kind = {kind: [r for r in rows if r.kind == kind] for kind in ("identical", "equivalent", "small")}
    margin = f"{scene.criteria.margin:g} {scene.words.amount}"
    if by_kind["identical"]:
        yield f"The same score in every pair: {_pairs_of(by_kind['identical'])}."
    if by_kind["equivalent"]:
        yield (
            f"Equivalent, their means differ by less than {margin} {tell_reach(scene, by_kind['equivalent']).strip()} "
            f"(two one-sided tests, Holm's correction): {_pairs_of(by_kind['equivalent'])}."
        )
    yield from _list_each("not shown to matter", [_not_shown_to_count(scene, r) for r in by_kind["small"]])
    undecided = [
        f"Not certain: {_neutral(scene, r)}.{_tell_turned(scene, r)}{tell_hidden(scene, r)}{_tell_in_splits(scene, r)}"
        for r in rows
        if r.kind in ("open", "turned")
    ]
    yield from _list_each("not certain", undecided)
    untested = [f"{_neutral(scene, r)}. No interval: {r.row['refused']}." for r in rows if r.kind == "unknown"]
    yield from _list_each("without an interval", untested)


def _list_each(what: str, told: Sequence[str]) -> Iterator[str]:
    """The first sentences of a kind, and how many more there are."""
    yield from told[:MOST]
    if (more := len(told) - MOST) > 0:
        yield f"{count(more)} further {'differences are' if more > 1 else 'difference is'} {what}; see the table."


def _not_shown_to_count(scene: Scene, r: Relation) -> str:
    threshold = scene.criteria.threshold
    size = f" d_z is {fixed(r.d_z, 2)}, below the threshold {threshold:g}." if r.d_z < threshold else ""
    if not r.shown:
        return f"Neither certain nor shown to matter: {_neutral(scene, r)}.{size}{doubts(scene, r)}"
    told = (
        f"{r.better} is {scene.words.above} {r.worse}{tell_reach(scene, [r])}, but the difference is not shown to "
        "matter"
    )
    return f"{told}: {_neutral(scene, r)}.{size}{doubts(scene, r)}"


def _pairs_of(rows: Sequence[Relation]) -> str:
    names = [
        f"{r.row['method_b']} and {r.row['method_a']}" if r.better == r.worse else _name_both(r) for r in rows[:MOST]
    ]
    return "; ".join([*names, *([f"{len(rows) - MOST} others"] if len(rows) > MOST else [])])


def _name_both(r: Relation) -> str:
    return " and ".join(sorted((r.better, r.worse)))


def _neutral(scene: Scene, r: Relation) -> str:
    """Tell a difference without calling it one: later minus earlier, as in the table."""
    sign = 1 if scene.words.higher_is_better else -1
    signed = r.row["mean_difference"]
    b, a = (r.better, r.worse) if sign * signed >= 0 else (r.worse, r.better)
    what = f"{b} − {a} {scene.words.size(signed, sign=True)} {scene.words.amount} over {_n(r)}"
    if not r.known:
        return what
    ends = (r.row["ci_low"], r.row["ci_high"])
    p = f"p = {p_value(r.row['p_holm'])} after Holm's correction".replace("= <", "<")
    if r.row["p"] < scene.criteria.alpha <= r.row["p_holm"]:
        p += f" for all comparisons, {p_value(r.row['p'])} without"
    return f"{what} ({scene.criteria.level} interval {scene.words.interval(*ends)}, from {subjects(r)}; {p})"


def _n(r: Relation) -> str:
    return f"{count(r.row['n'])} pair{'s' if r.row['n'] != 1 else ''}"


def _tell_turned(scene: Scene, r: Relation) -> str:
    worst = scene.words.size(r.row["worst_case_difference"], sign=True)
    at_worst = f"With failed pairs scored {scene.words.worst}"
    if r.kind == "turned":
        return f" {at_worst} it turns around, to {worst}."
    if not r.alike:
        return ""
    same = "The same" if r.row["tie_percent"] == 100 else "Equivalent"  # nothing was tested where no pair differs
    told = f" {same} on the pairs that both scored, but the two lack scores of different pairs."
    differs = r.row["n_failed"] > 0 and math.isfinite(r.row["worst_case_difference"])
    return f"{told} {at_worst} {r.row['method_b']} − {r.row['method_a']} is {worst}." if differs else told


def _tell_in_splits(scene: Scene, r: Relation) -> str:
    """Single splits in which a difference is certain that is not over all."""
    found = [(n, each) for n, each in single_splits(scene) if each.names() == r.names() and each.certain]
    parts = [
        f"{each.better} is {scene.words.above} {each.worse} by {scene.words.size(each.difference)} in {name}"
        for name, each in found[:MOST]
    ]
    return f" Yet certain in single splits: {'; '.join(parts)}." if parts else ""


def gains(scene: Scene) -> Iterator[str]:
    """Tell what each method gains over the floor of its own variant, and which do harm."""
    own = [r for r in scene.find_with_unranked() if FLOOR in (r.row["method_a"], r.row["method_b"])]
    if not own:
        return
    names = {s.name for s in scene.standings if not s.reference}
    parts = []
    for r in own:
        name = next(iter(r.names() & names))
        better = r.better == name
        size = scene.words.size(r.difference if better == scene.words.higher_is_better else -r.difference, sign=True)
        parts.append(f"{name} {size}{_gain_interval(scene, r, better)}")
    yield f"Against the start without deformation ({FLOOR}), in {scene.words.noun}: {', '.join(parts)}."
    worse = [r for r in own if r.certain and r.worse in names]
    if worse:
        how = tell_reach(scene, worse) if scene.find_fuller(worse) else ", for certain"
        yield f"{and_join([r.worse for r in worse])}: worse than no deformation at all{how}."
    for floor in (s.name for s in scene.standings if s.method == FLOOR):
        for measures, arms in ((measures, arms) for better, measures, arms in weigh_unranked(scene, floor) if better):
            yield f"{few(arms)}: worse than no deformation at all by {and_join(measures)}, for certain."
    none = [r for r in own if r.kind in ("open", "turned", "small", "equivalent", "identical")]
    for r in none[:MOST]:
        name = next(iter(r.names() & names))
        told = set_against(scene, name, r)
        yield f"{told[0].upper() if told.startswith(('that ', 'how ')) else told[0]}{told[1:]}."


def controls(scene: Scene) -> Iterator[str]:
    """Tell of each control which methods it is above, which it is below, and which it is not told apart from."""
    for control in (s for s in scene.standings if s.control):
        own = [r for r in scene.find_with_unranked() if control.name in r.names()]
        above = [r for r in own if r.certain and r.better == control.name]
        below = [r for r in own if r.certain and r.worse == control.name]
        open_ = [r for r in own if not r.certain]
        parts = []
        if above:
            parts.append(
                f"is {scene.words.above} {few([r.worse for r in above])}{tell_reach(scene, above)}: with these labels "
                f"{scene.words.noun} cannot tell registration from it"
            )
        if below:
            parts.append(f"is {scene.words.below} {few([r.better for r in below])}{tell_reach(scene, below)}")
        for better, measures, arms in weigh_unranked(scene, control.name):
            of = f"{few(arms)} by {and_join(measures)}, for certain"
            parts.append(
                f"is better than {of}, so that confirms nothing about them" if better else f"is worse than {of}"
            )
        if open_:
            others = [next(iter(r.names() - {control.name})) for r in open_]
            parts.append(f"cannot be told apart for certain from {few(others)}")
        if parts:
            yield f"{control.name}, a control that registers nothing, {'; it '.join(parts)}."


def _gain_interval(scene: Scene, r: Relation, better: bool) -> str:
    if not r.known or r.kind == "identical":
        return ""
    ends = (r.low, r.high) if better == scene.words.higher_is_better else (-r.high, -r.low)
    return f" ({scene.words.interval(*ends)})"


def ranks(scene: Scene) -> Iterator[str]:
    """Rank by significance and by resampling, where at least one difference between methods is certain."""
    ranked = scene.ranked
    certain = [r for r in scene.find_of_ranked() if r.certain]
    if len(ranked) < 3 or not certain:
        return
    by_rank: dict[int, list[str]] = {}
    for s in ranked:
        by_rank.setdefault(1 + sum(r.worse == s.name for r in certain), []).append(s.name)
    places = [f"{rank}. {few(names)}" for rank, names in sorted(by_rank.items())]
    how = tell_reach(scene, certain) if scene.find_fuller(certain) else " for certain"
    told = f"Ranks, one more than the number of methods ahead{how}: {'; '.join(places)}."
    firsts = [f"{s.name} {s.first_percent:.0f} %" for s in ranked if s.first_percent >= 1]
    alone = len(by_rank.get(1, [])) == 1 and firsts
    if all(math.isnan(s.first_percent) for s in ranked):
        told += f" How often that would be so with other subjects cannot be told from fewer than {FEWEST_FOR_RANKS}."
    yield told + (f" First, had other subjects been drawn: {', '.join(firsts)}." if alone else "")


def wins(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Tell the share of pairs won and the median where they tell another story than the mean.

    It is called certain only beside a difference in the score itself that is: pages of equal methods have none.
    """
    any_certain = any(r.row["p_holm"] < scene.criteria.alpha for r in scene.relations)
    limit = scene.criteria.alpha / (_STRICT * max(1, len(rows)))
    for r in rows:
        win_b, ties = r.row["win_percent"], r.row["tie_percent"]
        sign = 1 if scene.words.higher_is_better else -1
        b_better = sign * r.row["mean_difference"] >= 0
        b, a = (r.better, r.worse) if b_better else (r.worse, r.better)
        most, share = (b, win_b) if win_b >= 100 - win_b - ties else (a, 100 - win_b - ties)
        if not r.row["p_win"] < limit or share < 100 * _STORY or r.row["n_subjects"] < _FEWEST_FOR_WINS:
            continue
        if most == r.better and r.kind not in ("open", "turned"):
            continue
        median = scene.words.size(r.row["median_difference"], sign=True)
        other = next(iter(r.names() - {most}))
        mean = "though not for certain by its mean"
        if most != r.better:
            mean = "but not by its mean: what it loses in the other pairs weighs as much or more"
        of_pairs = f"{share:.0f} % of the pairs"
        told = f"{most} wins {of_pairs} against {other}"
        if any_certain:
            told = f"{most} is better than {other} in {of_pairs} for certain"
        yield f"{told} (median of {b} − {a} {median}), {mean}."


def shares(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Say how many subjects a difference as small as the margin would take, where the order is open."""
    known = [r for r in rows if r.kind in ("open", "small") and r.row["n_for_margin"] > r.row["n_subjects"]]
    if not known:
        return
    r = max(known, key=lambda r: float(r.row["n_for_margin"]))
    parts = [
        f"{what} {r.row[f'{column}_percent']:.0f} %"
        for column, what in (("moving", "moving subject"), ("fixed", "fixed subject"), ("pair", "single pair"))
        if math.isfinite(r.row[f"{column}_percent"])
    ]
    varies = f" The difference between {_name_both(r)} varies with: {', '.join(parts)}." if parts else ""
    needed = float(r.row["n_for_margin"])
    take = f"about {count(math.ceil(needed))}" if math.isfinite(needed) else f"more than {count(MOST_SUBJECTS)}"
    yield (
        f"Seeing a difference of {scene.criteria.margin:g} {scene.words.amount} between any two of them would take "
        f"{take} subjects, each paired with all others; there are "
        f"{count(r.row['n_subjects'])} here.{varies}"
    )


def failures(scene: Scene) -> Iterator[str]:
    """Tell what went wrong with pairs that have a score, method by method; those without stand in the headline."""
    labels = {(s.name): s for s in scene.standings}
    for column, what in (
        ("n_below_identity", f"Pairs that a method left worse than {FLOOR} does"),
        ("n_below_initial", "Pairs worse than where the headers place them"),
        ("n_folding", f"Pairs with more than {FOLDING_LIMIT_PERCENT:g} % of the brain folded"),
    ):
        parts = [
            f"{row['name']} {count(row[column])} of {count(labels[row['name']].scored)}"
            for row in scene.summary[scene.summary[column] > 0].to_dict("records")
            if row["method"] != FLOOR or column != "n_below_identity"
        ]
        if parts:
            yield f"{what}: {', '.join(parts)}."


def ceiling(scene: Scene) -> Iterator[str]:
    """Put the ceiling beside the floor: rescans of one brain, and what label maps of one scan agree in."""
    names = {s.name for s in scene.ranked}
    floor = [f"{s.name} {scene.words.value(s.mean)}" for s in scene.standings if s.method == FLOOR and s.n]
    methods = {s.method for s in scene.competitors}
    rows = scene.rescans[scene.rescans["method"].isin(methods) & (scene.rescans["n_common"] > 0)]
    rows = rows[rows["set_aside"] == False]  # noqa: E712
    parts = []
    if len(rows) and names:
        low, high = rows["mean_common"].min(), rows["mean_common"].max()
        values = dict.fromkeys((scene.words.value(low), scene.words.value(high)))
        n = int(rows["n_common"].max())
        parts.append(
            f"registered rescans of one brain score {' to '.join(values)} ({count(n)} pair{'s' if n != 1 else ''})"
        )
    parts += [
        f"its label maps score {scene.words.value(a.dice)} against {a.reference}'s of the same scans "
        f"({count(a.scans)} scans)"
        for a in scene.agreements
    ]
    if not parts:
        return
    low_end = f"no deformation scores {', '.join(floor)}; " if floor else ""
    yield f"Floor and ceiling, in {scene.words.mean}: {low_end}{'; '.join(parts)}."


def reach(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Say for whom results hold where one side of the pairs is one subject, of every class that a sentence uses."""
    used = [("", r) for r in [*rows, *scene.find_with_unranked()]]
    whole = {r.names(): r.row["n"] for r in scene.relations}
    used += [
        (f" of {name}", r) for name, r in single_splits(scene) if r.kind == "certain" and r.row["n"] < whole[r.names()]
    ]
    one = {"moving subjects": "fixed", "fixed subjects": "moving"}
    bound = [(where, one[r.row["resampled"]], r.row["holds_for"]) for where, r in used if r.row["resampled"] in one]
    for where, side, subject in dict.fromkeys(bound):
        if isinstance(subject, str) and subject:
            yield (
                f"All pairs{where} have the same {side} subject, {subject}: intervals and p-values hold for that "
                "subject, not for others."
            )
