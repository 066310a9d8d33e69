"""What a change of preparation or parameters does to each method: a resolution ladder, or an ablation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lumirage_bids.report.figures.base import OfLabelling, Shown
from lumirage_bids.report.figures.style import (
    INK,
    WIDTH,
    Sheet,
    arm_colours,
    arm_markers,
    headline,
    interval_words,
    journal_style,
    legend_below,
    tell_pairs,
    two_panels,
)
from lumirage_bids.report.text import and_join, compared_where
from lumirage_bids.stats.classes import Arm, arms_of, grids_of, rows_of_class
from lumirage_bids.stats.variants import changes, ordered_variants, variant_effects

_SPREAD = 0.5  # of a step between variants, over which the methods stand side by side


def variant_effect(
    effects: pd.DataFrame,
    conditions: Mapping[str, Mapping[str, Any]],
    labelling: str,
    split: str,
    *,
    aside: Collection[Arm] = (),
    width: float = WIDTH,
) -> Sheet:
    """Draw each method's mean Dice in every variant, and its difference from the first variant, the base.

    Parameters
    ----------
    effects : DataFrame
        Rows of `lumirage_bids.stats.variants.variant_effects`, at least one method's.
    conditions : mapping
        Variant → what may differ between variants, by name; may be empty.
    labelling, split : str
        What the table is of, for the title.
    aside : collection of Arm
        Arms that are set aside for lacking pairs: the legend says so.
    width : float
        Inches.

    Returns
    -------
    Sheet
        Variants stand in the order of `ordered_variants`; where nothing but the spacing differs, lines
        join the points of a method. Pairs are those that a method scored in all variants.
    """
    order = ordered_variants(list(effects["variant"].unique()), conditions)
    told = [changes(conditions, variant, order[0]) for variant in order]
    ladder = all(set(change) == {"spacing"} for change in told[1:])
    methods = arms_of(effects.assign(variant=""))
    with journal_style():
        figure, (left, right) = two_panels(width)
        for place, arm in enumerate(methods):
            of = effects[effects["method"] == arm.method]
            x = of["variant"].map(order.index) + _SPREAD * ((place + 0.5) / len(methods) - 0.5)
            look = _look(arm, methods, ladder) | {"label": _name_of(arm.method, aside)}
            _points(left, x, of[["mean", "ci_low", "ci_high"]], look)
            _points(right, x, of[["difference", "difference_low", "difference_high"]], look)
        ticks = [_tick(variant, change, variant == order[0]) for variant, change in zip(order, told, strict=True)]
        _finish(left, ticks, "Mean Dice (higher is better)")
        right.axhline(0, color=INK, linewidth=0.6)
        _finish(right, ticks, f"Difference from {order[0]} (above 0: better)")
        what = "Resolution ladder" if ladder else "Dice by variant"
        headline(figure, f"{what}: {labelling}, {split}", _definition(effects))
        legend_below(figure, *left.get_legend_handles_labels())
    return figure


def _name_of(method: str, aside: Collection[Arm]) -> str:
    """Name of a method, with the variants that it is set aside in."""
    out = [arm.variant for arm in aside if arm.method == method]
    return f"{method} (set aside in {', '.join(sorted(out))})" if out else method


def _look(arm: Arm, methods: list[Arm], ladder: bool) -> dict[str, Any]:
    line = {"linestyle": "-" if ladder else "none", "linewidth": 0.9}
    shape = {"marker": arm_markers(methods)[arm], "markersize": 4.5, "markeredgewidth": 1.2}
    return {"color": arm_colours(methods)[arm], "elinewidth": 1.0, "capsize": 2, **line, **shape}


def _points(axes: Axes, x: pd.Series[float], values: pd.DataFrame, look: Mapping[str, Any]) -> None:
    centre, low, high = values.to_numpy(dtype=np.float64).T
    # Without an interval the bars have no length.
    reach = np.nan_to_num(np.array([centre - low, high - centre])).clip(min=0)
    axes.errorbar(x, centre, reach, **look)


def _tick(variant: str, change: Mapping[str, Any], base: bool) -> str:
    parts = [f"{key} {_write(key, value)}" for key, value in change.items()]
    return "\n".join([variant, *(["base"] if base else parts)])


def _write(key: str, value: object) -> str:
    if value is None:
        return "native"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:g} mm" if key == "spacing" else str(value).replace(", ", ",\n")


def _finish(axes: Axes, ticks: list[str], title: str) -> None:
    axes.set_xticks(range(len(ticks)), ticks)
    if max(len(line) for tick in ticks for line in tick.split("\n")) * len(ticks) > 50:
        axes.tick_params(axis="x", rotation=90)
    axes.set_xlim(-0.6, len(ticks) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.set_title(title)


def _definition(effects: pd.DataFrame) -> str:
    return (
        f"{tell_pairs(effects['n'])}, those that a method scored in all its variants. Points: means. "
        f"{interval_words(bool(effects['ci_low'].notna().any()))}"
    )


class Variants(OfLabelling):
    """What each variant does to each method."""

    name: ClassVar[str] = "variants"
    section: ClassVar[str] = "variants"

    def caption(self, shown: Shown, labelling: str) -> str:
        """What the two sides are, and where scores are taken."""
        split = shown.split(labelling)
        return (
            "What each variant does to each method: mean Dice, and its difference from the first variant, the base, on "
            "the same pairs. Under a variant's name stands what it changes. "
            f"{_tell_evaluations(rows_of_class(shown.tables.pairs, labelling, split))}"
        )

    def alt(self, shown: Shown, labelling: str) -> str:
        """What it shows."""
        return f"Mean Dice by variant and method, {labelling}. The table of comparisons has the differences."

    def draw(self, shown: Shown, labelling: str) -> Sheet | None:
        """Draw it where there are two variants of one method."""
        split, conditions = shown.split(labelling), _conditions(shown)
        rows = rows_of_class(shown.tables.pairs, labelling, split)
        if rows["variant"].nunique() < 2:
            return None
        effects = variant_effects(rows, ordered_variants(list(rows["variant"].unique()), conditions))
        if not len(effects):
            return None
        return variant_effect(effects, conditions, labelling, split, aside=shown.aside(labelling), width=shown.width)


def _conditions(shown: Shown) -> Mapping[str, Mapping[str, Any]]:
    """All that may differ between variants, by name: preparation, alignment, methods, evaluation."""
    pairs, preparations = shown.tables.pairs, shown.pictures.preparations
    each = pairs[["variant", "evaluation"]].drop_duplicates()
    evaluations = dict(zip(each["variant"], each["evaluation"], strict=True))
    return {
        variant: {**preparations.get(variant, {}), **shown.parameters.get(variant, {}), "evaluation": evaluation}
        for variant, evaluation in evaluations.items()
    }


def _tell_evaluations(rows: pd.DataFrame) -> str:
    """Where the scores of variants are taken, and what a difference between two evaluations is."""
    where = {how: compared_where(*known) for how, known in grids_of(rows).items()}
    if len(where) == 1:
        return f"Label maps are compared {where.popitem()[1]}, whatever the variant."
    variants = {how: list(rows.loc[rows["evaluation"] == how, "variant"].unique()) for how in where}
    told = [f"{where[how]} ({and_join(of)})" for how, of in variants.items()]
    return (
        f"Label maps are compared {'; '.join(told)}: between these, a difference is what the evaluation does to the "
        "score, and tells nothing of the registration."
    )
