"""Finding methods, and making them from the tables of a protocol."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.methods import method, methods


def test_the_three_methods_are_found_by_name() -> None:
    assert {"identity", "greedy", "syn"} <= set(methods())
    assert list(methods()) == sorted(methods())
    assert all(kind.name == name for name, kind in methods().items())


def test_listing_loads_no_library() -> None:
    code = "import sys; from lumirage_bids.methods import methods; methods(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "fireants", "numba", "ants", "SimpleITK"} & set(loaded)


def test_defaults_are_the_published_parameters() -> None:
    greedy, syn = asdict(method("greedy")), asdict(method("syn"))
    assert greedy["scales"] == (8, 4, 2, 1)
    assert greedy["iterations"] == (200, 100, 50, 20)
    assert (greedy["window"], greedy["step"], greedy["max_tolerance_iters"]) == (7, 0.75, 100)
    assert (greedy["smooth_warp_sigma"], greedy["smooth_grad_sigma"]) == (0.5, 1.0)
    assert syn == greedy | {"step": 0.375}


def test_toml_values_become_the_annotated_types() -> None:
    made = method("greedy", iterations=[1, 2, 3, 4], step=1)
    assert asdict(made)["iterations"] == (1, 2, 3, 4)
    assert isinstance(asdict(made)["step"], float)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("gredy", {}, "Known: ants_syn, ants_syn_quick, command, convexadam, curt, dipy_syn, elastix, greedy"),
        ("identity", {"step": 1}, "Allowed: none"),
        ("greedy", {"step": "fast"}, "method greedy: step = 'fast' is not allowed; it must be a number"),
        ("greedy", {"step": True}, "it must be a number"),
        ("greedy", {"window": 7.5}, "it must be a whole number"),
        ("greedy", {"window": 6}, "odd"),
        ("greedy", {"step": 2}, "at most 1"),
        ("greedy", {"similarity": "mse"}, "it must be 'auto' or 'lncc' or 'mind' or 'mind-lncc' or 'mi'"),
        ("greedy", {"scales": [4, 8, 2, 1]}, "decrease"),
        ("greedy", {"scales": [2, 1]}, "one for each of the 2 scales"),
        ("syn", {"iterations": [10, 10, 10, 0]}, "at least 1"),
        ("syn", {"smooth_warp_sigma": -1}, "at least 0"),
        ("syn", {"max_tolerance_iters": 1}, "at least 2"),
    ],
)
def test_what_is_wrong_is_named(name: str, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        method(name, **parameters)
