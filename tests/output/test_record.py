from __future__ import annotations

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output.folder import Output
from lumirage_bids.output.record import dated_records, read_criteria


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
