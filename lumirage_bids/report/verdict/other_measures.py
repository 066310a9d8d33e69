"""What measures besides the one that is judged say of a difference that it shows: nothing is said where it shows none.

So pages of equal methods claim no more for any number of measures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lumirage_bids.measures import compared_columns
from lumirage_bids.report.text import Wording, and_join, count, few, fixed, wording
from lumirage_bids.report.verdict.relations import Relation, Row
from lumirage_bids.report.verdict.scene import Scene
from lumirage_bids.stats.summaries import FOLDING_LIMIT_PERCENT, folds

_MOST = 6  # couples that are told of a measure


def objections(scene: Scene, name: str, behind: Sequence[Relation]) -> str:
    """What is to be said in one breath with an arm being ahead: that it folds, or is worse by another measure."""
    told = [*_folding(scene, name, behind), *_tell_better_elsewhere(scene, name, behind)]
    return f"; but {', and '.join(told)}" if told else ""


def tell_agreement(scene: Scene, behind: Sequence[Relation]) -> str:
    """Which measures of accuracy show the same of the one that is ahead of all, and which do not."""
    agree, silent, told = [], [], []
    for measure, relations in scene.accuracy.items():
        found = [_find_same(relations, r) for r in behind]
        against = [o for r, o in zip(behind, found, strict=True) if o is not None and o.ahead and o.better != r.better]
        if against or not any(found):
            continue  # it stands among the objections; or nobody has it
        yes = [r.worse for r, o in zip(behind, found, strict=True) if o is not None and o.certain]
        no = [r.worse for r in behind if r.worse not in yes]
        if not no:
            agree.append(_name_of(measure))
        elif yes:
            told.append(f"{_name_of(measure)} agrees of {few(yes)}, and does not tell of {few(no)}")
        else:
            silent.append(_name_of(measure))
    if silent:
        told.append(f"{and_join(silent)} {'do' if len(silent) > 1 else 'does'} not tell")
    start = [f"{and_join(agree)} agree{'s' * (len(agree) == 1)}"] if agree else []
    return f" {'; '.join([*start, *told])}." if start or told else ""


def of_difference(scene: Scene, r: Relation) -> str:
    """Whether measures of accuracy agree with a certain difference: one number is weak evidence."""
    parts = []
    for measure, relations in scene.accuracy.items():
        other, called = _find_same(relations, r), _name_of(measure)
        if other is None:
            continue
        size = _words(measure).size(other.difference)
        told = compared_columns()[measure].with_unit(size)
        if other.kind in ("equivalent", "identical"):
            parts.append(f"by {called} they are equivalent ({told})")
        elif other.ahead:
            verb = "agrees" if other.better == r.better else "says the opposite"
            how = "" if other.certain else ", though not for certain"
            parts.append(f"{called} {verb}{how} ({told})")
        else:
            parts.append(f"{called} does not tell")
    return f" Other measures: {', '.join(parts)}." if parts and r.certain else ""


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
    names = ", ".join(_name_of(measure) for measure in scene.accuracy)
    found = {m: [(r, _find_same(relations, r)) for r in certain] for m, relations in scene.accuracy.items()}
    if all(o is not None and o.certain and o.better == r.better for of in found.values() for r, o in of):
        which = "the difference that is" if n == 1 else f"all {count(n)} differences that are"
        also = f"{'is' if n == 1 else 'are'} so by {'it' if len(found) == 1 else 'each of them'}"
        return f"The order holds by every other measure of accuracy ({names}): {which} certain by {noun} {also}."
    which = "the difference that is" if n == 1 else f"the {count(n)} differences that are"
    parts = [f"{_name_of(measure)} {_shows(scene, measure, of)}" for measure, of in found.items()]
    return f"Other measures of accuracy, of {which} certain by {noun}: {'; '.join(parts)}."


def _shows(scene: Scene, measure: str, found: Sequence[tuple[Relation, Relation | None]]) -> str:
    """How many differences a measure shows alike, and which it turns or does not tell."""
    same = [o for r, o in found if o is not None and o.certain and o.better == r.better]
    turned = [o for r, o in found if o is not None and o.certain and o.better != r.better]
    equal = [r for r, o in found if o is not None and o.kind in ("equivalent", "identical")]
    open_ = [r for r, o in found if o is None or not (o.certain or o.kind in ("equivalent", "identical"))]
    parts = [f"shows {'the same' if len(same) == len(found) else f'{count(len(same))} alike'}"] if same else []
    if turned:
        each = [f"{o.better} better than {o.worse} by {_size(scene, measure, o)}" for o in turned[:_MOST]]
        parts.append(f"turns {count(len(turned))} ({'; '.join(each)}{'; …' * (len(turned) > _MOST)})")
    if len(open_) == len(found) > 1:
        return "tells of none"
    for rows, what in ((equal, "finds equivalent"), (open_, "does not tell of")):
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
            f"{of}, the better one by {scene.words.noun} has, for certain: {', '.join(parts)}. None of these tells how "
            "well scans fit."
        )


def _folding(scene: Scene, name: str, behind: Sequence[Relation]) -> Iterator[str]:
    """That an arm folds, beside the others' numbers."""
    rows = {row["name"]: row for row in scene.summary.to_dict("records")}
    own, scored = rows[name], {s.name: s.scored for s in scene.standings}[name]
    if not folds(above=int(own["n_folding"]), scored=scored, mean=float(own["folding_percent_mean"])):
        return
    others = [f"{r.worse} {_percent(rows[r.worse])}" for r in behind[:_MOST]]
    yield (
        f"{name} folds more than {FOLDING_LIMIT_PERCENT:g} % of the brain in {count(own['n_folding'])} of "
        f"{count(scored)} pairs ({_percent(own)} on average; {', '.join(others)})"
    )


def _percent(row: Row) -> str:
    return f"{fixed(float(row['folding_percent_mean']), 2)} %"


def _tell_better_elsewhere(scene: Scene, name: str, behind: Sequence[Relation]) -> Iterator[str]:
    """Measures of accuracy by which one of those behind is better, for certain or by one thing alone not."""
    for measure, relations in scene.accuracy.items():
        found = [o for r in behind if (o := _find_same(relations, r)) is not None and o.ahead and o.worse == name]
        for kind, how in (("certain", ""), ("doubted", ", though not for certain")):
            if better := [o for o in found if o.kind == kind]:
                largest = max(better, key=lambda o: o.difference)
                size = f"{_size(scene, measure, largest)}{' at most' * (len(better) > 1)}"
                who = f"{few([o.better for o in better])} {'are' if len(better) > 1 else 'is'}"
                yield f"{who} better than {name} by {_name_of(measure)}{how} ({size})"


def _find_same(relations: Sequence[Relation], r: Relation) -> Relation | None:
    """What a measure says of the same two arms; None where not both have it."""
    return next((o for o in relations if o.names() == r.names()), None)


def _name_of(measure: str) -> str:
    return compared_columns()[measure].called


def _words(measure: str) -> Wording:
    column = compared_columns()[measure]
    margin = column.margin or 1.0
    return wording(measure, higher_is_better=column.better == "higher", margin=margin, worst=None)


def _size(scene: Scene, measure: str, o: Relation) -> str:
    words, told = _words(measure), ""
    if o.known:
        told = f", {scene.criteria.level} interval {words.interval(o.low, o.high)}"
    return f"{compared_columns()[measure].with_unit(words.size(o.difference))}{told}"
