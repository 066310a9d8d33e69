"""Whether a difference between two methods depends on something: a difference of differences over the same subjects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.bids.splits import SAME_SUBJECT
from lumirage_bids.stats.classes import Arm, pair_classes, primary_class
from lumirage_bids.stats.common import FLOORS
from lumirage_bids.stats.crossing import Designs
from lumirage_bids.stats.design import Design
from lumirage_bids.stats.holm import holm_once
from lumirage_bids.stats.layout import Mask
from lumirage_bids.stats.pairing import SideBySide, side_by_side
from lumirage_bids.stats.score import DICE, Score
from lumirage_bids.stats.student import Floats, Inference
from lumirage_bids.stats.summaries import TRIMMED_PERCENT

INTERACTION_COLUMNS = [
    *("labelling", "evaluation", "split", "factor", "condition_1", "condition_2"),
    *("variant_a", "method_a", "variant_b", "method_b", "n_1", "n_2", "n_subjects"),
    *("difference_1", "ci_low_1", "ci_high_1", "p_1", "difference_2", "ci_low_2", "ci_high_2", "p_2"),
    *("interaction", "se", "df", "ci_low", "ci_high", "p", "p_holm", "p_page"),
    *("p_reversal", "p_reversal_page", "refused"),
    *("labelling_1", "labelling_2", "evaluation_1", "evaluation_2", "variant_1", "variant_2"),
]
SAME, OTHER = "within a sequence", "between sequences"
UNTRIMMED, TRIMMED = "all pairs", f"without the worst {TRIMMED_PERCENT} % of each method"
_COUNTS = ("n_1", "n_2", "n_subjects")
_TEXTS = (
    *("labelling", "evaluation", "split", "factor", "condition_1", "condition_2"),
    *("variant_a", "method_a", "variant_b", "method_b", "refused"),
    *("labelling_1", "labelling_2", "evaluation_1", "evaluation_2", "variant_1", "variant_2"),
)
_BOTH = " and "
_CELL = ["labelling", "variant"]

_Row = dict[str, object]
_Key = tuple[str, str, str]  # labelling, variant, method


@dataclass(frozen=True, kw_only=True)
class _Question:
    """Two methods in two cases: scores of b − a, and the pairs that they are over."""

    factor: str
    cases: tuple[str, str]
    where: _Row
    cells: tuple[tuple[str, str], tuple[str, str]]  # labelling and variant of each case
    gate: tuple[frozenset[str], frozenset[str]]  # labellings and variants whose comparisons can back the answer
    methods: tuple[str, str]
    values: tuple[Floats, Floats]
    used: tuple[Mask, Mask]

    @property
    def asked(self) -> tuple[object, ...]:
        """What it is about besides pairs."""
        return self.cells, self.methods


def interactions(
    pairs: pd.DataFrame,
    comparisons: pd.DataFrame,
    *,
    criteria: Criteria | None = None,
    score: Score = DICE,
    unranked: Collection[str] = FLOORS,
) -> pd.DataFrame:
    """Compare the difference between two methods in every two cases.

    Parameters
    ----------
    pairs, criteria, score
        As for `lumirage_bids.stats.comparisons.compare`.
    comparisons : DataFrame
        What that found.
    unranked : collection of str
        Methods that are no competitors; nothing is asked about them.

    Returns
    -------
    DataFrame
        A row per factor × two cases × two methods, with `INTERACTION_COLUMNS`. Cases are splits; pairs
        within and between sequences; variants, of one evaluation or of two; labellings; and all pairs or trimmed ones.
        ``interaction`` is the difference b − a in the second case less that in the first. ``p_reversal`` tests
        that the two have opposite signs. ``p_holm`` is over all rows; ``p_page`` and ``p_reversal_page`` are besides
        never below the smallest ``p_holm`` of the comparisons of the same two methods, so that where no methods differ
        at most one page in twenty (or one less the level of confidence) claims anything, in either table.

    References
    ----------
    Berger 1982, doi:10.1080/00401706.1982.10487790 (a reversal is shown where both differences are).
    """
    criteria = criteria or Criteria()
    rows: list[_Row] = []
    tests: list[tuple[object, ...]] = []
    if len(pairs):
        # Of all labellings together: a labelling's variant is an arm of its own.
        table = side_by_side(pairs.assign(variant=pairs.groupby(_CELL, sort=False).ngroup().astype(str)), score)
        designs = table.crossing.designs
        for question in _questions(pairs, table, score, unranked):
            rows.append(_answer(question, designs, table.step, criteria) | {"p_gate": _gate(question, comparisons)})
            kept = [designs.of(used).kept.tobytes() for used in question.used]
            tests.append((question.factor in ("split", "contrast") or question.factor, *kept, *question.asked))
    found = pd.DataFrame(rows, columns=[*INTERACTION_COLUMNS, "p_gate"])
    numbers = found.columns.difference([*_TEXTS, *_COUNTS], sort=False)
    found = found.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(_COUNTS, "int64"))
    found["p_holm"] = holm_once(found["p"].to_numpy(dtype=np.float64), tests)
    found["p_page"] = np.maximum(found["p_holm"], found["p_gate"])
    turned = holm_once(found["p_reversal"].to_numpy(dtype=np.float64), tests)
    found["p_reversal_page"] = np.maximum(turned, found["p_gate"])
    return found[INTERACTION_COLUMNS]


def _gate(question: _Question, comparisons: pd.DataFrame) -> float:
    """Smallest corrected p-value of the comparisons of the same two methods in either case."""
    labellings, variants = question.gate
    same = comparisons["labelling"].isin(labellings) & (comparisons["variant_a"] == comparisons["variant_b"])
    same &= comparisons["variant_a"].isin(variants)
    same &= (comparisons["method_a"] == question.methods[0]) & (comparisons["method_b"] == question.methods[1])
    least = comparisons.loc[same, "p_holm"].min()
    return 1.0 if pd.isna(least) else float(least)


def _questions(pairs: pd.DataFrame, table: SideBySide, score: Score, unranked: Collection[str]) -> Iterator[_Question]:
    """Everything that is asked of a table."""
    rows = pairs[[*_CELL, "evaluation"]].drop_duplicates(_CELL).itertuples(index=False, name=None)
    evaluations = {(labelling, variant): str(how) for labelling, variant, how in rows}
    cells = list(evaluations)
    keys: dict[_Key, int] = {(*cells[int(arm.variant)], arm.method): i for i, arm in enumerate(table.arms)}
    methods = [m for m in dict.fromkeys(method for _, _, method in keys) if m not in unranked]
    for a, b in combinations(methods, 2):
        both = [cell for cell in evaluations if (*cell, a) in keys and (*cell, b) in keys]
        values = {cell: table.dice[:, keys[*cell, b]] - table.dice[:, keys[*cell, a]] for cell in both}
        for cell in both:
            asked = _Asked(table=table, evaluations=evaluations, methods=(a, b), cells=(cell, cell))
            yield from asked.by_split(values[cell])
            yield from asked.by_trimming(table.dice[:, [keys[*cell, a], keys[*cell, b]]], score)
        for first, second in combinations(both, 2):
            asked = _Asked(table=table, evaluations=evaluations, methods=(a, b), cells=(first, second))
            yield from asked.by_cases(values[first], values[second])


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Questions about two methods; a cell is a labelling and a variant."""

    table: SideBySide
    evaluations: dict[tuple[str, str], str]
    methods: tuple[str, str]
    cells: tuple[tuple[str, str], tuple[str, str]]

    def by_split(self, values: Floats) -> Iterator[_Question]:
        splits = self.table.crossing.splits
        known = np.isfinite(values)
        plain = sorted({s for s in splits if s != SAME_SUBJECT and (known & self.table.of([s])).any()})
        for first, second in combinations(plain, 2):
            used = (known & self.table.of([first]), known & self.table.of([second]))
            yield self._question("split", (first, second), values, values, used, f"{first}{_BOTH}{second}")
        named = {split: ends for split in plain if (ends := splits[split])}
        within = [split for split, (moving, fixed) in named.items() if moving == fixed]
        between = [split for split, (moving, fixed) in named.items() if moving != fixed]
        if within and between and len(plain) > 2:
            used = (known & self.table.of(within), known & self.table.of(between))
            yield self._question("contrast", (SAME, OTHER), values, values, used, self._primary[0])

    def by_trimming(self, scores: Floats, score: Score) -> Iterator[_Question]:
        used = np.asarray(np.isfinite(scores).all(axis=1) & self._primary[1])
        if int(used.sum()) * TRIMMED_PERCENT // 100 == 0:
            return
        a, b = score.sign * scores.T
        values, trimmed = score.sign * (b - a), np.full(len(scores), np.nan)
        trimmed[used] = score.sign * (_trim(b[used]) - _trim(a[used]))
        yield self._question("trimming", (UNTRIMMED, TRIMMED), values, trimmed, (used, used), self._primary[0])

    def by_cases(self, first: Floats, second: Floats) -> Iterator[_Question]:
        """Two variants of a labelling, or two labellings in a variant."""
        (labelling_1, variant_1), (labelling_2, variant_2) = self.cells
        how = [self.evaluations[cell] for cell in self.cells]
        used = np.isfinite(first) & np.isfinite(second) & self._primary[1]
        if labelling_1 == labelling_2:
            factor = "variant" if how[0] == how[1] else "evaluation"
            cases = (variant_1, variant_2) if factor == "variant" else (how[0], how[1])
            yield self._question(factor, cases, first, second, (used, used), self._primary[0])
        elif variant_1 == variant_2 and how[0] == how[1]:
            cases = (labelling_1, labelling_2)
            yield self._question("labelling", cases, first, second, (used, used), self._primary[0])

    @property
    def _primary(self) -> tuple[str, Mask]:
        """Class that a verdict is about, and its pairs."""
        classes = pair_classes(self.table.crossing.splits)
        name = primary_class(classes)
        return name, self.table.of(classes[name])

    def _question(
        self,
        factor: str,
        cases: tuple[str, str],
        first: Floats,
        second: Floats,
        used: tuple[Mask, Mask],
        split: str,
    ) -> _Question:
        (labelling_1, variant_1), (labelling_2, variant_2) = self.cells
        a, b = self.methods
        variant = name_both(variant_1, variant_2)
        where: _Row = {
            "labelling": name_both(labelling_1, labelling_2),
            "evaluation": name_both(*(self.evaluations[cell] for cell in self.cells)),
            "split": split,
            **{f"{what}_a": value for what, value in Arm(variant, a)._asdict().items()},
            **{f"{what}_b": value for what, value in Arm(variant, b)._asdict().items()},
            **{f"labelling_{i}": labelling for i, (labelling, _) in enumerate(self.cells, start=1)},
            **{f"variant_{i}": variant for i, (_, variant) in enumerate(self.cells, start=1)},
            **{f"evaluation_{i}": self.evaluations[cell] for i, cell in enumerate(self.cells, start=1)},
        }
        return _Question(
            factor=factor,
            cases=cases,
            where=where,
            cells=self.cells,
            gate=(frozenset([labelling_1, labelling_2]), frozenset([variant_1, variant_2])),
            methods=(a, b),
            values=(first, second),
            used=used,
        )


def name_both(first: str, second: str) -> str:
    """What a row of two cases is called: by both where they differ."""
    return first if first == second else f"{first}{_BOTH}{second}"


def _trim(values: Floats) -> Floats:
    """Numbers whose mean is the trimmed mean, and whose spread is that of its error: the lowest drawn up, and scaled.

    References
    ----------
    Tukey and McLaughlin 1963, Sankhyā A 25:331–352, https://www.jstor.org/stable/25049278
    """
    n = len(values)
    dropped = n * TRIMMED_PERCENT // 100
    ordered = np.sort(values)
    raised = np.maximum(values, ordered[dropped])
    return np.asarray(ordered[dropped:].mean() + (raised - raised.mean()) * n / (n - dropped))


def _answer(question: _Question, designs: Designs, step: float, criteria: Criteria) -> _Row:
    """Test one question."""
    laid = [designs.of(used) for used in question.used]
    found = [d.infer(v[:, None], step=step) for d, v in zip(laid, question.values, strict=True)]
    row: _Row = {
        **question.where,
        **{"factor": question.factor, "condition_1": question.cases[0], "condition_2": question.cases[1]},
        "n_subjects": min(d.n_subjects for d in laid),
        "refused": next((d.refused for d in laid if d.refused), None),
    }
    for number, (own, one) in enumerate(zip(laid, found, strict=True), start=1):
        low, high = one.interval(criteria.confidence)
        values = {"n": len(own.kept), "difference": one.estimate[0], "ci_low": low[0], "ci_high": high[0]}
        row |= {f"{name}_{number}": value for name, value in (values | {"p": one.p()[0]}).items()}
    if row["refused"]:
        return row
    if laid[0] is laid[1]:
        both = laid[0].infer((question.values[1] - question.values[0])[:, None], step=step)
    else:
        both = _infer_apart(laid, question.values, found)
    low, high = both.interval(criteria.confidence)
    row |= {"interaction": both.estimate[0], "se": both.se[0], "df": both.df[0], "p": both.p()[0]}
    turned = found[0].estimate[0] * found[1].estimate[0] < 0
    reversal = max(float(one.p()[0]) for one in found) if turned else 1.0
    return row | {"ci_low": low[0], "ci_high": high[0], "p_reversal": reversal}


def _infer_apart(laid: Sequence[Design], values: Sequence[Floats], found: Sequence[Inference]) -> Inference:
    """Difference of means over two sets of pairs that have subjects in common: what each subject moves it by."""
    moves: dict[int, float] = {}
    group: dict[int, str] = {}
    for sign, own, column in zip((-1, 1), laid, values, strict=True):
        for unit, of, by in zip(own.units.tolist(), own.group.tolist(), own.contributions(column), strict=True):
            moves[unit] = moves.get(unit, 0.0) + sign * float(by)
            group.setdefault(unit, own.names[of])
    parts, degrees = [], []
    for name in set(group.values()):
        own_moves = np.array([move for unit, move in moves.items() if group[unit] == name])
        n, square = len(own_moves), float((own_moves**2).sum())
        kurtosis = n * float((own_moves**4).sum()) / max(square**2, 1e-300)
        parts.append(square)
        degrees.append(max(1, n - 1) / (1 + max(0.0, kurtosis - 3 * (n - 1) / (n + 1)) / 2))
    variance = np.array(parts)
    df = max(1.0, float(variance.sum() ** 2 / max((variance**2 / degrees).sum(), 1e-300)))
    return Inference(
        estimate=found[1].estimate - found[0].estimate,
        se=np.array([np.sqrt(variance.sum())]),
        df=np.array([df]),
        skewness=np.zeros(1),
    )
