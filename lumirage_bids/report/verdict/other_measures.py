"""What measures besides the one that is judged say of a difference that it shows: nothing is said where it shows none.

So pages of equal methods claim no more for any number of measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lumirage_bids.measures import compared_columns
from lumirage_bids.report.text import Wording, and_join, count, few, fixed, wording
from lumirage_bids.report.verdict.relations import Relation, Row, tell_limit
from lumirage_bids.report.verdict.scene import Scene
from lumirage_bids.stats.common import MAY_LACK_PERCENT
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT, folds

_MOST = 6  # couples that are told of a measure, arms that fold
_MOST_BESIDE = 5  # arms whose folding is told beside it
#: What a measure says of some of the arms behind, by kind of its relation.
_OF_SOME = (
    *(("certain", "agrees about"), ("identical", "is the same in every pair for"), ("equivalent", "finds equivalent")),
    ("", "is inconclusive about"),
)


def objections(scene: Scene, names: Sequence[str], ahead: Sequence[Relation]) -> str:
    """What is to be said in one breath with arms being ahead: that they fold, or are worse by another measure.

    Parameters
    ----------
    scene : Scene
    names : sequence of str
        Arms at the top.
    ahead : sequence of Relation
        Those of these arms with arms that are behind them.
    """
    told = [*_tell_folding(scene, names, ahead), *_tell_better_elsewhere(scene, names, ahead)]
    return f"; but {', and '.join(told)}" if told else ""


def mind(scene: Scene, names: Sequence[str]) -> str:
    """The same of arms that share the top, and that nobody is behind; a sentence of its own."""
    if not scene.any_certain:
        return ""
    told = [*_tell_folding(scene, names, []), *_tell_better_elsewhere(scene, names, [])]
    return f" Note: {', and '.join(told)}." if told else ""


def tell_agreement(scene: Scene, behind: Sequence[Relation]) -> str:
    """Which measures of accuracy show the same of the one that is ahead of all, and which do not."""
    agree, silent, told = [], [], []
    for measure, relations in scene.accuracy.items():
        found = [_find_same(relations, r) for r in behind]
        against = any(o is not None and o.ahead and o.better != r.better for r, o in zip(behind, found, strict=True))
        if against or not any(found) or _find_above(scene, relations, behind[0].better, certain=False):
            continue  # it stands among the objections; or nobody has it
        called = _call(scene, measure, found)
        kinds = ["certain" if o is not None and o.certain else _tell_alike(o) for o in found]
        of = {kind: [r.worse for r, k in zip(behind, kinds, strict=True) if k == kind] for kind in dict.fromkeys(kinds)}
        if len(of) > 1:
            said = [f"{verb} {few(of[kind])}" for kind, verb in _OF_SOME if kind in of]
            told.append(f"{called} {', and '.join(said)}")
        elif "certain" in of:
            agree.append(called)
        elif "" in of:
            silent.append(called)
        else:
            told.append(
                f"{called} is the same in every pair" if "identical" in of else f"{called} finds them equivalent"
            )
    if silent:
        told.append(f"{and_join(silent)} {'are' if len(silent) > 1 else 'is'} inconclusive")
    start = [f"{and_join(agree)} agree{'s' * (len(agree) == 1)}"] if agree else []
    return f" {'; '.join([*start, *told])}." if start or told else ""


def tell_support(scene: Scene, r: Relation) -> str:
    """Whether measures of accuracy agree with a certain difference: one number is weak evidence."""
    parts = []
    for measure, relations in scene.accuracy.items():
        other, called = _find_same(relations, r), _name_of(measure)
        if other is None:
            continue
        size = f"{compared_columns()[measure].with_unit(_words(measure).size(other.difference))}{_reach(scene, other)}"
        if _tell_alike(other):
            parts.append(f"by {called} they are equivalent ({size})")
        elif other.ahead:
            verb = "agrees" if other.better == r.better else "says the opposite"
            how = "" if other.certain else ", though not for certain"
            above = _find_above(scene, relations, r.better) if other.better == r.better else []
            fooled = f", but confirms nothing: {_name_arms(scene, above)} better than {r.better} by it" if above else ""
            parts.append(f"{called} {verb}{how} ({size}){fooled}")
        else:
            parts.append(f"{called} is inconclusive")
    return f" Other measures: {', '.join(parts)}." if parts and r.certain else ""


def weigh_unranked(scene: Scene, name: str) -> Iterator[tuple[bool, list[str], list[str]]]:
    """By which measures of accuracy an unranked arm is better for certain than which arms, and by which it is worse.

    Yields
    ------
    better : bool
    measures, arms : list of str
    """
    found: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for measure, relations in scene.accuracy.items() if scene.any_certain else ():
        own = [o for o in scene.find_with_unranked(relations) if name in o.names() and o.certain]
        for better in (True, False):
            arms = [o.worse if better else o.better for o in own if (o.better == name) is better]
            if arms:
                found.setdefault((better, tuple(arms)), []).append(_call(scene, measure, own))
    for (better, names), called in sorted(found.items(), key=lambda item: not item[0][0]):
        yield better, called, list(names)


def order(scene: Scene, rows: Sequence[Relation]) -> Iterator[str]:
    """Say whether the order holds by every measure of accuracy or where it turns, and what the better arms pay."""
    certain = [r for r in rows if r.certain]
    if not certain:
        return
    yield _holds(scene, certain)
    yield from _tell_price(scene, certain)


def _holds(scene: Scene, certain: Sequence[Relation]) -> str:
    noun, n = scene.words.noun, len(certain)
    if not scene.accuracy:
        return f"No measure of accuracy besides {noun} was taken: one number is weak evidence."
    found = {m: [(r, _find_same(relations, r)) for r in certain] for m, relations in scene.accuracy.items()}
    names = ", ".join(_call(scene, measure, [o for _, o in of]) for measure, of in found.items())
    if all(_confirms(scene, measure, r, o) for measure, of in found.items() for r, o in of):
        which = "the difference that is" if n == 1 else f"all {count(n)} differences that are"
        also = f"{'is' if n == 1 else 'are'} so by {'it' if len(found) == 1 else 'each of them'}"
        return f"The order holds by every other measure of accuracy ({names}): {which} certain by {noun} {also}."
    which = "the difference that is" if n == 1 else f"the {count(n)} differences that are"
    parts = [
        f"{_call(scene, measure, [o for _, o in of])} {_shows(scene, measure, of)}" for measure, of in found.items()
    ]
    return f"Other measures of accuracy, of {which} certain by {noun}: {'; '.join(parts)}."


def _shows(scene: Scene, measure: str, found: Sequence[tuple[Relation, Relation | None]]) -> str:
    """How many differences a measure shows alike, and which it turns or does not tell."""
    same = [o for r, o in found if _confirms(scene, measure, r, o)]
    fooled = {
        r.better: _find_above(scene, scene.accuracy[measure], r.better) for r, o in found if o is not None and o.certain
    }
    void = [r for r, o in found if o is not None and o.certain and o.better == r.better and o not in same]
    turned = [o for r, o in found if o is not None and o.certain and o.better != r.better]
    equal = [r for r, o in found if _tell_alike(o)]
    open_ = [r for r, o in found if o is None or not (o.certain or _tell_alike(o))]
    parts = [f"shows {'the same' if len(same) == len(found) else f'{count(len(same))} alike'}"] if same else []
    if turned:
        each = [f"{o.better} better than {o.worse} by {_size(scene, measure, o)}" for o in turned[:_MOST]]
        parts.append(f"turns {count(len(turned))} ({'; '.join(each)}{'; …' * (len(turned) > _MOST)})")
    if void:
        each = [
            f"{_name_arms(scene, fooled[name])} better than {name}" for name in dict.fromkeys(r.better for r in void)
        ]
        parts.append(f"confirms nothing about {count(len(void))} ({'; '.join(each)})")
    if len(open_) == len(found) > 1:
        return "is inconclusive about all"
    for rows, what in ((equal, "finds equivalent"), (open_, "is inconclusive about")):
        if rows:
            each = [f"{r.better} and {r.worse}" for r in rows[:_MOST]]
            parts.append(f"{what} {count(len(rows))} ({'; '.join(each)}{'; …' * (len(rows) > _MOST)})")
    return and_join(parts)


def _tell_price(scene: Scene, certain: Sequence[Relation]) -> Iterator[str]:
    """What goes with being better, of the deformation and of cost."""
    parts = []
    for measure, relations in scene.further.items():
        if measure in scene.accuracy:
            continue
        found = [(r, o) for r in certain if (o := _find_same(relations, r)) is not None and o.certain]
        lower = [r for r, o in found if (o.better == r.better) == (compared_columns()[measure].better == "lower")]
        ways = [("higher", len(found) - len(lower)), ("lower", len(lower))]
        told = [f"{way} {_name_of(measure)}{f' in {count(k)}' * (len(certain) > 1)}" for way, k in ways if k]
        parts += [" and ".join(told)] if told else []
    if parts:
        of = f"Of these {count(len(certain))} differences" if len(certain) > 1 else "Of this difference"
        yield (
            f"{of}, the better one by {scene.words.noun} has, for certain: {', '.join(parts)}. None of these says how "
            "well scans fit."
        )


def _tell_folding(scene: Scene, names: Sequence[str], ahead: Sequence[Relation]) -> Iterator[str]:
    """Which arms fold, the first of them beside the others' numbers."""
    rows = {row["name"]: row for row in scene.summary.to_dict("records")}
    scored = {s.name: s.scored for s in scene.standings}
    folding = [
        name
        for name in names
        if folds(
            above=int(rows[name]["n_folding"]),
            scored=scored[name],
            mean=float(rows[name]["folding_percent_mean"]),
        )
    ]
    others = [f"{name} {_percent(rows[name])}" for name in list(dict.fromkeys(r.worse for r in ahead))[:_MOST_BESIDE]]
    for place, name in enumerate(folding[:_MOST]):
        beside = f"; {', '.join(others)}" if others and not place else ""
        yield (
            f"{name} folds more than {FOLDING_LIMIT_PERCENT:g} % of the brain in {count(rows[name]['n_folding'])} of "
            f"{count(scored[name])} pairs ({_percent(rows[name])} on average{beside})"
        )
    if len(folding) > _MOST:
        yield f"{count(len(folding) - _MOST)} more of them fold so"


def _percent(row: Row) -> str:
    return f"{fixed(float(row['folding_percent_mean']), 2)} %"


def _tell_better_elsewhere(scene: Scene, names: Sequence[str], ahead: Sequence[Relation]) -> Iterator[str]:
    """Measures of accuracy by which one behind, or an unranked one, is better, for certain or but for one thing."""
    behind = {name: {r.worse for r in ahead if r.better == name} for name in names}
    for measure, relations in scene.accuracy.items():
        below = scene.find_with_unranked(relations)
        found = [o for o in relations if o.worse in behind and (o.better in behind[o.worse] or o in below)]
        for kind, how in (("certain", ""), ("doubted", ", though not for certain")):
            of_worse = {name: [o for o in found if o.kind == kind and o.worse == name] for name in names}
            groups: dict[tuple[str, ...], list[Relation]] = {}
            for of in filter(None, of_worse.values()):
                groups.setdefault(tuple(o.better for o in of), []).extend(of)
            for better, of in groups.items():
                size = _size(scene, measure, max(of, key=lambda o: o.difference), " at most" * (len(of) > 1))
                worse = few(list(dict.fromkeys(o.worse for o in of)))
                yield f"{_name_arms(scene, better)} better than {worse} by {_name_of(measure)}{how} ({size})"


def _name_arms(scene: Scene, names: Sequence[str]) -> str:
    """Arms and their verb."""
    return f"{few([scene.call(name) for name in names])} {'are' if len(names) > 1 else 'is'}"


def _find_above(scene: Scene, relations: Sequence[Relation], name: str, *, certain: bool = True) -> list[str]:
    """Unranked arms that are better than an arm by a measure, which then confirms nothing of it."""
    own = [o for o in scene.find_with_unranked(relations) if o.worse == name]
    return [o.better for o in own if o.certain or (o.ahead and not certain)]


def _confirms(scene: Scene, measure: str, r: Relation, o: Relation | None) -> bool:
    """Whether a measure shows a difference too, and tells the better arm from those that register nothing."""
    same = o is not None and o.certain and o.better == r.better
    return same and not _find_above(scene, scene.accuracy[measure], r.better)


def _tell_alike(o: Relation | None) -> str:
    """How two arms are shown to be alike; empty where they are not."""
    return o.kind if o is not None and o.kind in ("equivalent", "identical") else ""


def _call(scene: Scene, measure: str, found: Sequence[Relation | None]) -> str:
    """Name of a measure, with how far it reaches where that is less far than the score does."""
    known = [o for o in found if o is not None]
    reach = _reach(scene, min(known, key=lambda o: int(o.row["n"]))) if known else ""
    return f"{_name_of(measure)} ({reach.removeprefix(', ')})" if reach else _name_of(measure)


def _reach(scene: Scene, o: Relation) -> str:
    """Over how many pairs, and from how few subjects, where these are fewer than those of the score."""
    r = next(r for r in scene.relations if r.names() == o.names())
    n = int(o.row["n"])
    if 100 * n >= (100 - MAY_LACK_PERCENT) * r.row["n"]:
        return ""
    return f", over {count(n)} pair{'s' * (n != 1)}{tell_limit([o])}"


def _find_same(relations: Sequence[Relation], r: Relation) -> Relation | None:
    """What a measure says of the same two arms; None where not both have it."""
    return next((o for o in relations if o.names() == r.names()), None)


def _name_of(measure: str) -> str:
    return compared_columns()[measure].called


def _words(measure: str) -> Wording:
    column = compared_columns()[measure]
    margin = column.margin or 1.0
    return wording(measure, higher_is_better=column.better == "higher", margin=margin, worst=None)


def _size(scene: Scene, measure: str, o: Relation, bound: str = "") -> str:
    words, told = _words(measure), bound
    if o.known:
        told += f", {scene.criteria.level} interval {words.interval(o.low, o.high)}"
    return f"{compared_columns()[measure].with_unit(words.size(o.difference))}{told}{_reach(scene, o)}"
