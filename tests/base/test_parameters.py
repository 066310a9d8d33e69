from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import digest, from_table


@dataclass(frozen=True, kw_only=True)
class Example:
    scales: tuple[int, ...] = (4, 2)
    limits: tuple[float, float] = (1.0, 99.0)
    spacing: float | None = None
    kind: Literal["image", "mask"] = "image"
    flag: bool = False

    def __post_init__(self) -> None:
        if self.spacing is not None and self.spacing <= 0:
            raise ValueError(f"spacing = {self.spacing} must be positive")


def test_values_take_the_types_of_the_fields() -> None:
    table = {"scales": [8, 1], "limits": [0, 100], "spacing": 2, "kind": "mask", "flag": True}
    assert from_table(Example, table, "[x]") == Example(
        scales=(8, 1), limits=(0.0, 100.0), spacing=2.0, kind="mask", flag=True
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"scale": [1]}, ["unknown parameter 'scale'", "scales"]),
        ({"scales": 3}, ["scales = 3", "must be a list of whole numbers."]),
        ({"scales": [1.5]}, ["[1.5]"]),
        ({"limits": [1, 2, 3]}, ["limits", "must be a list of 2 numbers."]),
        ({"spacing": "fine"}, ["'fine'", "must be a number, or none."]),
        ({"spacing": True}, ["True"]),
        ({"kind": "brain"}, ["'brain'", "'image' or 'mask'"]),
        ({"flag": 1}, ["true or false"]),
        ({"spacing": -1}, ["must be positive"]),
    ],
)
def test_a_wrong_table_is_refused_by_key_value_and_what_is_allowed(table: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        from_table(Example, table, "[preparation]")
    assert "[preparation]" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["scales", "limits", "spacing", "kind", "flag", "x"]), JSON))
def test_any_table_gives_an_example_or_a_usage_error(table: dict[str, object]) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(from_table(Example, table, "[x]"), Example)


@given(JSON, JSON)
def test_digest_tells_values_apart(a: object, b: object) -> None:
    import json

    assert (digest(a) == digest(b)) == (json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True))


def test_digest_depends_on_the_class_and_its_fields() -> None:
    @dataclass(frozen=True)
    class Other:
        scales: tuple[int, ...] = (4, 2)

    assert digest(Example()) == digest(Example(scales=(4, 2)))
    assert digest(Example()) != digest(Example(scales=(4, 1)))
    assert digest(Other()) != digest({"scales": [4, 2]})
