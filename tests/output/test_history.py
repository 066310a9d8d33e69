from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.output.folder import Output
from lumirage_bids.output.history import differences, note_conditions, note_outdated, read_conditions, read_outdated

FACTS = {
    "method": {"method": "greedy", "scales": (4, 2), "step": 0.5},
    "evaluation": {"surface": False},
    "revisions": {"preparation": 1, "score": 1},
    "code": {"run.sh": "a1"},
    "reference": "sub-1_T1w",
}


def test_what_is_kept_as_json_is_compared_with_what_is_new(tmp_path: Path) -> None:
    note_conditions(Output(tmp_path), {"c1": FACTS})
    note_conditions(Output(tmp_path), {"c2": {**FACTS, "evaluation": {"surface": True, "depth": 3}}})
    old, new = (read_conditions(Output(tmp_path))[c] for c in ("c1", "c2"))
    assert differences(old, FACTS) == "their conditions are others"  # no part of them is
    assert differences(old, new) == "evaluation surface False → True; evaluation depth not set → 3"


def test_what_is_long_or_bears_the_name_of_its_table_is_told_in_short() -> None:
    other = {**FACTS, "method": {**FACTS["method"], "method": "syn", "scales": list(range(50))}}  # type: ignore[dict-item]
    assert differences(FACTS, other) == "method greedy → syn; method scales changed"
    native, coarse = ({"preparation": {"spacing": spacing}} for spacing in (None, 2.0))
    assert differences(native, coarse) == "preparation spacing none → 2.0"


def test_steps_code_and_reference_are_told() -> None:
    later = {**FACTS, "revisions": {"preparation": 2, "score": 1}, "code": {"run.sh": "b2"}, "reference": "sub-2_T1w"}
    assert differences(FACTS, later) == (
        "scans are prepared differently (revision 1 → 2); the program or the source of the method changed: run.sh; "
        "all scans are aligned to sub-2_T1w, formerly to sub-1_T1w"
    )
    assert "not on record" in differences(None, FACTS)


@given(st.dictionaries(st.sampled_from(["step", "scales", "x"]), st.integers() | st.tuples(st.integers()), min_size=1))
def test_every_changed_parameter_is_told_and_no_other(changes: dict[str, object]) -> None:
    told = differences(FACTS, {**FACTS, "method": {**FACTS["method"], **changes}})  # type: ignore[dict-item]
    changed = {k for k, v in changes.items() if v != FACTS["method"].get(k, object())}  # type: ignore[attr-defined]
    assert {part.split()[1] for part in told.split("; ") if part.startswith("method")} == changed


def test_rows_that_became_valid_again_are_no_longer_outdated(tmp_path: Path) -> None:
    note_outdated(Output(tmp_path), {"h1": "an image changed", "h2": "an image changed"}, frozenset({"h3"}))
    note_outdated(Output(tmp_path), {"h3": "it changed back"}, frozenset({"h1"}))
    assert read_outdated(Output(tmp_path)) == {"h2": "an image changed", "h3": "it changed back"}
