from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from lumirage_bids import measures as found
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.experiment import evaluation as module
from lumirage_bids.experiment.evaluation import Evaluation, evaluation
from lumirage_bids.measures import measures
from lumirage_bids.measures.folding import Folding


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"no_such": True}, r"\[evaluation\]: unknown parameter 'no_such'. Allowed: grid, transfer, surface"),
        ({"surface": 3}, "surface = 3 is not allowed; it must be true or false"),
        ({"landmarks": "all"}, "landmarks = 'all' is not allowed; it must be true, false or a table"),
        ({"landmarks": {"no_such": 1}}, r"\[evaluation.landmarks\]: unknown parameter 'no_such'"),
        ({"more": []}, "unknown parameter 'more'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        evaluation(table)


def test_what_every_run_takes_is_in_no_digest_and_what_is_asked_for_is_taken() -> None:
    assert evaluation({"landmarks": True, "surface": True}).more == ()
    assert {m.name for m in evaluation({}).taken} == {name for name, kind in measures().items() if kind.always}
    asked = evaluation({name: True for name, kind in measures().items() if not kind.always})
    assert [m.name for m in asked.taken] == list(measures())


def test_a_measure_whose_values_change_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = measures()["folding"]
    before = evaluation({})
    monkeypatch.setattr(kind, "revision", 2)
    assert [(a.name, a.revision) for a in evaluation({}).more] == [("folding", 2)]
    assert before != evaluation({})
    assert evaluation({}).conditions == {**before.conditions, "folding": "revision 2"}


@dataclass(frozen=True, kw_only=True)
class Mine(Folding):
    """A measure that is asked for, with a parameter."""

    name: ClassVar[str] = "mine"
    always: ClassVar[bool] = False
    revision: ClassVar[int] = 1
    side: int = 3


def test_a_measure_that_is_asked_for_is_in_the_digest_with_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**measures(), "mine": Mine}
    for where in (module, found):
        monkeypatch.setattr(where, "measures", lambda: known)
    off, on, other = (evaluation({"mine": value}) for value in (False, True, {"side": 4}))
    assert off == evaluation({}) == Evaluation()
    assert len({digest(each) for each in (off, on, other)}) == 3
    assert digest(evaluation({"mine": {"side": 3}})) == digest(on)
    assert (other.conditions["mine"], Mine(side=4) in other.taken, Mine(side=4) in on.taken) == ("side 4", True, False)
