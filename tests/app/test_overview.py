from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
import tomli_w

from lumirage_bids.app.cli import main
from lumirage_bids.app.overview import read_overview, tell
from lumirage_bids.output import score_table
from lumirage_bids.output.files import write_json
from lumirage_bids.output.folder import Output

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"sub-{i}_T1w" for i in range(1, 5)]
PAIRS = list(permutations(NAMES, 2))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run of two methods on twelve pairs, of which two are not here, before its first score."""
    arms = {name: {"hash": "h", "name": name, "variant": "default"} for name in ("identity", "syn")}
    get = "datalad get -d /bids sub-9/anat/sub-9_T1w.nii.gz"
    record = {
        "settings": {"command": "lumirage /bids /out participant", "nprocs": 2},
        "plan": {"pairs": 12, "pairs_present": 10, "missing": [{"name": "sub-9_T1w", "get": get}]},
        "arms": arms,
    }
    write_json(
        tmp_path / "dataset_description.json",
        {"Name": "LUMirage evaluation of A study", "Dataset": "A study", "Protocol": "default"},
    )
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "20260101T000000Z-a.toml").write_text(tomli_w.dumps(record))
    write_json(tmp_path / score_table.LATEST, {f"{arm}/manual": "c" for arm in arms})
    return tmp_path


def score(out: Path, method: str, n: int, *, seconds: float, fails: tuple[str, ...] = ()) -> None:
    """Let a method have ended with its first n pairs, the last of them badly."""
    by_moving: dict[str, list[score_table.Row]] = {}
    for place, (moving, fixed) in enumerate(PAIRS[:n]):
        kind = fails[place - n] if n - place <= len(fails) else None
        by_moving.setdefault(moving, []).append(
            {
                **{"variant": "default", "method": method, "labelling": "manual", "moving": moving, "fixed": fixed},
                **{
                    "status": "failed" if kind else "ok",
                    "kind": kind,
                    "reason": kind,
                    "conditions": "c",
                    "runtime_s": 1.0,
                },
                **{"hash": f"{method}{place}", "moving_subject": moving[4], "fixed_subject": fixed[4]},
                "finished": (BEGIN + timedelta(seconds=seconds * place)).isoformat(),
            }
        )
    for moving, rows in by_moving.items():
        subject = moving.split("_", maxsplit=1)[0]
        file = Path(subject) / "anat" / f"{moving.replace('_T1w', '')}_seg-manual_desc-{method}+x_scores.tsv"
        score_table.write_rows(Output(out), file, rows)


def test_what_is_done_failed_missing_and_left(out, capsys):
    score(out, "identity", 10, seconds=1)
    score(out, "syn", 6, seconds=30, fails=("out of memory", "killed"))
    found = read_overview(Output(out))
    assert [(s.arm, s.done, s.failed, s.missing, s.left) for s in found.standings] == [
        ("identity", 10, 0, 2, 0),
        ("syn", 4, 1, 2, 5),  # who was killed is tried again
    ]
    told = tell(found, BEGIN + timedelta(minutes=10))
    assert told.startswith("A study, protocol default: 12 pairs")
    assert "Latest score: 2026-01-01 00:02 UTC, 7.5 min ago" in told
    assert "Failed: 1 of syn, manual: out of memory" in told
    assert "datalad get -d /bids sub-9/anat/sub-9_T1w.nii.gz" in told
    assert "Left: 5 registrations; about 1.2 min with 2 process(es)" in told
    assert "The same command goes on where it was: lumirage /bids /out participant" in told
    assert main(["status", str(out)]) == 0
    assert "Left: 5 registrations" in capsys.readouterr().out


def test_pauses_between_runs_do_not_count(out):
    score(out, "syn", 3, seconds=30)
    file = next(out.glob("sub-1/anat/*_scores.tsv"))
    rows = score_table.read_rows(Output(out), file)
    rows[2]["finished"] = (BEGIN + timedelta(days=3)).isoformat()
    score_table.write_rows(Output(out), file, rows)
    assert next(s for s in read_overview(Output(out)).standings if s.arm == "syn").seconds == 30


def test_before_the_first_score_no_time_is_known(out):
    told = tell(read_overview(Output(out)))
    assert "Left: 20 registrations\n" in told
    assert "No pair of identity, syn is done yet, so its time is not known." in told


def test_when_all_is_done_the_next_step_is_told(out):
    for method in ("identity", "syn"):
        score(out, method, 10, seconds=1)
    assert "Nothing is left to do. The next step is the group level." in tell(read_overview(Output(out)))


def test_pairs_of_a_larger_earlier_run_are_not_counted(out):
    score(out, "syn", 12, seconds=1)
    kept = PAIRS[:2]
    record = out / "config" / "20260101T000000Z-a.toml"
    record.write_text(record.read_text().replace("pairs = 12", "pairs = 2").replace("present = 10", "present = 2"))
    lines = ["moving\tfixed", *("\t".join(pair) for pair in kept)]
    (out / "status.tsv").write_text("\n".join(lines) + "\n")
    (syn,) = (s for s in read_overview(Output(out)).standings if s.arm == "syn")
    assert (syn.done, syn.left) == (2, 0)


def test_pairs_that_no_run_asked_for_are_not_left(out):
    """Two subjects on both sides, then what one more job of an array asks for; an arm of its own asked for all."""
    record = out / "config" / "20260101T000000Z-a.toml"
    text = record.read_text().replace("pairs_present = 10", "pairs_present = 12")
    only = '[settings]\nparticipant_label = ["1", "2"]\nfixed_label = ["1", "2"]\n'
    record.write_text(text.replace("[settings]\n", only))
    rows = ["moving\tfixed\tstatus", *("\t".join((*pair, "pending")) for pair in PAIRS), "sub-9\tn/a\tleft out"]
    (out / "status.tsv").write_text("\n".join(rows) + "\n")
    score(out, "syn", 1, seconds=1)
    assert [(s.arm, s.done, s.left, s.unasked) for s in read_overview(Output(out)).standings] == [
        ("identity", 0, 2, 10),
        ("syn", 1, 1, 10),
    ]
    assert "Besides, 10 pairs of the protocol were not asked for" in tell(read_overview(Output(out)))
    score(out, "syn", 4, seconds=1)  # 1 to 2, 3 and 4; 2 to 1
    score(out, "identity", 4, seconds=1)
    told = tell(read_overview(Output(out)))
    assert "All that was asked for is done. 8 pairs of the protocol were not asked for" in told
    assert "goes on where it was" not in told
    (out / "config" / "20260102T000000Z-b.toml").write_text(text)
    assert [(s.left, s.unasked) for s in read_overview(Output(out)).standings] == [(8, 0), (8, 0)]
    assert "not asked for" not in tell(read_overview(Output(out)))


def test_a_folder_without_output_and_a_wrong_call(tmp_path, capsys):
    assert main(["status", str(tmp_path)]) == 66
    assert "holds no output of 'lumirage BIDS_DIR" in capsys.readouterr().err
    assert main(["status"]) == 64
    assert main(["status", str(tmp_path), "--verbose"]) == 64
