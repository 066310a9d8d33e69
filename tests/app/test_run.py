"""What every run writes down."""

from __future__ import annotations

from dataclasses import replace

from lumirage_bids.app.run import Run
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.experiment import protocol
from tests.small_plan import asked, dataset, plan, scan


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
