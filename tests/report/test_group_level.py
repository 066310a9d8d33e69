"""What the group level says of runs before."""

from __future__ import annotations

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.report.group_level import criteria_note


def test_a_change_of_criteria_is_told_loudly():
    assert criteria_note(Criteria(), Criteria()) == []
    (note,) = criteria_note(Criteria(), Criteria(margin=0.05))
    assert note.startswith("CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under margin 0.01,")
    assert "this page uses margin 0.05, threshold |d_z| 0.2, 95 % intervals." in note
