from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from lumirage_bids.experiment.followed import follow
from lumirage_bids.experiment.freeze import freeze, hold
from lumirage_bids.experiment.plan import Plan, digest_conditions
from lumirage_bids.output import history
from lumirage_bids.output.folder import Output
from tests.frozen_study import PROTOCOL, Study


def rows_of(plan: Plan, output: Output) -> dict[str, pd.DataFrame]:
    """All rows that a plan makes."""
    history.note_conditions(output, plan.conditions)
    (labels,) = plan.labels
    rows = [
        {
            **{"variant": arm.variant, "method": arm.name, "moving": pair.moving.name, "fixed": pair.fixed.name},
            "conditions": digest_conditions(arm, plan.reference, labels),
        }
        for arm, pair in product(plan.arms, plan.pairs)
    ]
    return {labels.name: pd.DataFrame(rows)}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


@pytest.fixture
def output(study: Study) -> Output:
    """Held to a frozen plan."""
    plan, experiment, name, settings = study.found()
    hold(settings.output, freeze(plan, experiment, name, settings))
    return settings.output


def test_a_folder_without_a_frozen_plan_follows_none(study: Study, tmp_path: Path) -> None:
    assert follow(Output(tmp_path / "other"), rows_of(study.found()[0], Output(tmp_path / "other"))) is None


def test_rows_of_the_plan_follow_it(study: Study, output: Output) -> None:
    found = follow(output, rows_of(study.found()[0], output))
    assert found is not None
    assert found.digest == study.freeze().digest
    assert not found.notes
    assert found.words == "every row follows it"


def test_what_is_not_done_is_counted(study: Study, output: Output) -> None:
    found = follow(output, {"manual": rows_of(study.found()[0], output)["manual"].iloc[:5]})
    assert found is not None
    assert found.words == "every row follows it; 7 of its 12 rows are not there"


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("step = 0.5", "step = 0.25", "6 row(s) of greedy, labelling manual: method step 0.5 → 0.25"),
        (
            "[methods.greedy]",
            "[methods.syn]\n[methods.greedy]",
            "6 row(s) of syn, labelling manual: no arm of the plan",
        ),
        ("labellings.manual", "labellings.other", "labelling other: no labelling of the plan"),
    ],
)
def test_rows_of_other_conditions_are_named(study: Study, output: Output, old: str, new: str, note: str) -> None:
    rows = (
        rows_of(study.found(PROTOCOL.replace(old, new), labellings=())[0], output)
        if "labellings" not in old
        else {"other": rows_of(study.found()[0], output)["manual"]}
    )
    found = follow(output, rows)
    assert found is not None
    assert any(note in each for each in found.notes)
    assert found.words.startswith("not followed in ")


def test_rows_whose_conditions_are_not_on_record_are_named(study: Study, output: Output) -> None:
    rows = rows_of(study.found()[0], output)
    (output / history.MADE_UNDER).unlink()
    found = follow(output, rows)
    assert found is not None
    assert "their conditions are not on record" in found.notes[0]


def test_rows_of_other_pairs_are_named(study: Study, output: Output) -> None:
    rows = rows_of(study.found()[0], output)
    rows["manual"].loc[0, "fixed"] = "sub-9_T1w"
    found = follow(output, rows)
    assert found is not None
    assert found.notes == ["NOT AS FROZEN: 1 row(s) of pairs that are not in the plan: sub-1_T1w → sub-9_T1w."]
    assert found.left == 1


def test_other_criteria_are_named(study: Study, output: Output) -> None:
    rows = rows_of(study.found()[0], output)
    (output / "config").mkdir()
    statistics = {"margin": 0.05, "threshold": 0.2, "confidence": 0.95}
    (output / "config" / "20260101T000000Z-a.toml").write_text(tomli_w.dumps({"statistics": statistics}))
    found = follow(output, rows)
    assert found is not None
    assert found.notes == ["NOT AS FROZEN: margin 0.02 → 0.05 in the statistics."]
