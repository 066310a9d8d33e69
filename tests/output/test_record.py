from __future__ import annotations

from dataclasses import replace

from lumirage_bids.app.run import Run
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.experiment import protocol
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import dated_records, read_criteria
from lumirage_bids.report.group_level import criteria_note
from tests.small_plan import asked, dataset, plan, scan


def test_criteria_count_as_changed_once_there_were_scores(tmp_path):
    records = [
        ("2026-01-01T00:00:00+00:00", {"statistics": {"margin": 0.02, "threshold": 0.2, "confidence": 0.95}}),
        ("2026-01-02T00:00:00+00:00", {}),
        ("2026-01-03T00:00:00+00:00", {"statistics": {"margin": 0.05, "threshold": 0.2, "confidence": 0.95}}),
    ]
    now = Criteria(margin=0.05)
    # Between the first and the second run; between the others; and while the third is at work.
    assert read_criteria(records, "2026-01-01T12:00:00.000000+00:00") == (Criteria(margin=0.02), now)
    assert read_criteria(records, "2026-01-02T12:00:00.000000+00:00") == (Criteria(), now)
    assert read_criteria(records, "2026-01-03T00:00:01.000000+00:00") == (now, now)
    assert read_criteria(records, "") == (now, now)
    assert read_criteria([], "") == (Criteria(), Criteria())


def test_a_torn_record_is_none(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "20260101T000000Z-a.toml").write_text("[settings]\ncommand = 'x'\n")
    (tmp_path / "config" / "20260102T000000Z-b.toml").write_text("[settings\n")
    assert [began for began, _ in dated_records(Output(tmp_path))] == ["2026-01-01T00:00:00+00:00"]


def test_a_change_of_criteria_is_told_loudly():
    assert criteria_note(Criteria(), Criteria()) == []
    (note,) = criteria_note(Criteria(), Criteria(margin=0.05))
    assert note.startswith("CRITERIA CHANGED AFTER SCORES EXISTED: the first scores were made under margin 0.01,")
    assert "this page uses margin 0.05, threshold |d_z| 0.2, 95 % intervals." in note


def test_a_run_records_its_criteria(tmp_path):
    scans = [scan(tmp_path, "1"), scan(tmp_path, "2")]
    settings = asked(tmp_path)
    experiment = replace(protocol.load("default"), statistics=Criteria(margin=0.03))
    record = Run(settings, experiment, dataset(tmp_path, scans), plan(tmp_path, scans)).record
    assert record["statistics"] == {"margin": 0.03, "threshold": 0.2, "confidence": 0.95}
    assert (record["plan"]["pairs"], record["plan"]["pairs_present"]) == (2, 2)
    apart = tmp_path / "apart"
    apart.mkdir()
    scans = [scan(apart, "1"), scan(apart, "2"), scan(apart, "3")]
    made = plan(apart, scans, present=["1", "2"])
    assert (len(made.pairs), made.n_present) == (6, 2)
