"""What earlier runs left in an output folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lumirage_bids.base.errors import NotNowError
from lumirage_bids.experiment.done import read_done
from lumirage_bids.experiment.plan import EarlierRow
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output

ROW = {
    **{"variant": "default", "method": "greedy", "labelling": "manual", "split": "T1w to T1w"},
    **{"moving": "sub-1_T1w", "moving_subject": "1", "fixed_subject": "2"},
    **{"conditions": "c", "registration_hash": "r", "finished": "2026-01-01T00:00:00.000000+00:00"},
}


def write(output: Output, subject: str, *rows: dict[str, Any]) -> None:
    file = Path(f"sub-{subject}/anat/sub-{subject}_seg-manual_desc-greedy+x_scores.tsv")
    whole = [{**ROW, "fixed": f"sub-{i + 2}_T1w", "moving": f"sub-{subject}_T1w", **row} for i, row in enumerate(rows)]
    score_table.write_rows(output, file, whole)


def test_nothing_is_done_where_there_is_no_folder(tmp_path: Path) -> None:
    done = read_done(Output(tmp_path / "out"), {"1"})
    assert (done.rows, done.failed, done.files, done.notes) == (frozenset(), frozenset(), {}, {})
    assert not (tmp_path / "out").exists()


def test_scored_and_failed_pairs_are_done_and_killed_ones_are_not(tmp_path: Path) -> None:
    output = Output(tmp_path)
    write(
        output,
        "1",
        {"status": "ok", "dice_mean": 0.5, "hash": "scored"},
        {"status": "failed", "kind": "bad data", "reason": "bad data: x", "hash": "bad"},
        {"status": "failed", "kind": "killed", "reason": "killed by SIGKILL", "hash": "killed"},
    )
    write(output, "2", {"status": "ok", "dice_mean": 0.5, "hash": "of another"})
    done = read_done(output, {"1", "2"}, moving={"1"})
    assert done.rows == {"scored", "bad"}
    assert done.failed == {"bad"}
    key = ("default", "greedy", "manual", "sub-1_T1w", "sub-2_T1w")
    assert done.earlier[key] == (EarlierRow("c", "r", "scored", True),)
    assert read_done(output, {"1", "2"}).rows == {"scored", "bad", "of another"}


def test_files_count_by_their_sidecars(tmp_path: Path) -> None:
    output = Output(tmp_path)
    whole, torn = (Path(f"sub-1/anat/sub-1_desc-{name}_dseg.nii.gz") for name in ("whole", "torn"))
    with output.publishing(whole, {"Hash": "h"}) as file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (output / torn).write_bytes(b"x")
    files = read_done(output, {"1"}).files
    assert files.get(whole) == "h"
    assert files.get(torn) is None
    assert read_done(output, {"2"}).files.get(whole) is None


@pytest.mark.parametrize(("hours", "refused"), [(0.5, False), (2, True)])
def test_rows_of_the_future_are_refused(hours: float, refused: bool, tmp_path: Path) -> None:
    """They would win over any that are made now; clocks of two machines may differ a little."""
    output = Output(tmp_path)
    finished = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="microseconds")
    write(output, "1", {"status": "ok", "dice_mean": 0.5, "hash": "h", "finished": finished})
    if refused:
        with pytest.raises(NotNowError, match=r"were finished at .* Set the clock"):
            read_done(output, {"1"})
    else:
        assert read_done(output, {"1"}).rows == {"h"}
