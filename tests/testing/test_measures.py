"""Every law of measures is broken by a measure that is wrong in the way that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from lumirage_bids.measures.base import Column, Need, Values
from lumirage_bids.measures.dice import Dice
from lumirage_bids.measures.pair import RegisteredPair
from lumirage_bids.testing import MeasureLaws

MEAN = Dice.columns["dice_mean"]


class Undeclared(Dice):
    def of(self, pair: RegisteredPair) -> Values:
        return {**super().of(pair), "more": 1.0}


class Upside(Dice):
    columns: ClassVar[Mapping[str, Column]] = {**Dice.columns, "dice_mean": replace(MEAN, better="lower")}


class Generous(Dice):
    def of(self, pair: RegisteredPair) -> Values:
        return {name: 1.0 if np.isnan(value) else value for name, value in super().of(pair).items()}


class Random(Dice):
    def of(self, pair: RegisteredPair) -> Values:
        return {name: value + np.random.default_rng().random() for name, value in super().of(pair).items()}


class Greedy(Dice):
    needs: ClassVar[tuple[Need, ...]] = ("images",)


class Unmargined(Dice):
    columns: ClassVar[Mapping[str, Column]] = {**Dice.columns, "dice_mean": replace(MEAN, margin=None)}


BREAK = [
    (Undeclared, "test_what_is_declared_is_what_is_measured"),
    (Upside, "test_no_change_scores_best_and_a_wrong_one_worse"),
    (Generous, "test_what_is_not_there_is_not_a_number"),
    (Random, "test_it_is_the_same_again_and_changes_nothing"),
    (Greedy, "test_it_needs_what_it_says"),
    (Unmargined, "test_description"),
]


@pytest.mark.parametrize(("wrong", "law"), BREAK)
def test_what_is_wrong_breaks_the_law(wrong: type[Dice], law: str) -> None:
    keep = getattr(MeasureLaws(), law)
    keep(Dice())
    with pytest.raises((AssertionError, KeyError)):
        keep(wrong())


def test_every_law_is_broken_above() -> None:
    assert {name for name in dir(MeasureLaws) if name.startswith("test_")} == {law for _, law in BREAK}
