"""A method and a measure of the user's own, in one file, through a whole run."""

from __future__ import annotations

import json
from pathlib import Path

from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.base.test_extensions import METHOD
from tests.conftest import options, run_program

MEASURE = '''

@dataclass(frozen=True, kw_only=True)
class Reach(lm.Measure):
    """How far the furthest corner of the grid goes."""

    name: ClassVar[str] = "reach"
    summary: ClassVar[str] = "how far the grid's corner goes"
    always: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("field",)
    columns: ClassVar[dict[str, lm.Column]] = {
        "reach_mm": lm.Column(
            description="Displacement of the grid's corner", title="Reach, mm", unit="mm", better="none"
        )
    }

    def of(self, pair):
        corner = pair.field.affine[:3, 3]
        return {"reach_mm": float(abs(pair.field.transform.apply(corner) - corner).max())}
'''


def test_a_file_of_code_takes_part_in_every_process(demo_dataset: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "own.py", tmp_path / "out"
    file.write_text(METHOD.format(name="shift") + MEASURE)
    more = ["--extension", file, "--methods", "identity", "shift", "--max-pairs", "1"]
    done = run_program([demo_dataset, out, "participant", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    reached = score_table.collect(Output(out))["demo"].set_index("method")["reach_mm"]
    assert dict(reached) == {"identity": 0, "shift": 1}
    about = json.loads((out / "scores.json").read_text())["reach_mm"]
    assert (about["Units"], about["Description"]) == ("mm", "Displacement of the grid's corner")
    (record,) = (out / "config").glob("*.toml")
    without = run_program([demo_dataset, out, "participant", "--config-file", record, "--dry-run"])
    assert without.code == 64
    assert f"had --extension {file}, which is code" in without.err
