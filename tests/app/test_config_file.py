"""A record of a run, given back as its options."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w

from lumirage_bids.app.options import settings
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.experiment.settings import Settings


def read(*more: object, level: str = "participant") -> Settings:
    (only,) = settings(["bids", "out", level, *map(str, more)])
    return only


def record(folder: Path, given: Settings, text: str | None = None) -> Path:
    from lumirage_bids.experiment import protocol

    file = folder / "run.toml"
    about = {"name": given.protocol, "text": protocol.load(given.protocol).text if text is None else text}
    file.write_text(tomli_w.dumps({"settings": given.as_table(), "protocol": about}))
    return file


def test_a_record_is_run_again(tmp_path: Path) -> None:
    first = read(
        *(
            "--participant-label",
            "01",
            "02",
            "--derivatives",
            f"a={tmp_path}",
            "--methods",
            "greedy",
            "--device",
            "cpu",
        ),
        *("--max-pairs", "4", "--seed", "3", "--save", "labels", "--mem", "1", "-w", tmp_path / "w", "--no-pictures"),
    )
    file = record(tmp_path, first)
    (again,) = settings(["--config-file", str(file)])
    same = {**vars(first), "command": again.command}
    assert vars(again) == same
    # What else is given counts; a list in place of the record's.
    (other,) = settings(["--config-file", str(file), "x", "--participant-label", "03", "--seed", "4", "--save", "none"])
    changed = {"bids_dir": Path("x").absolute(), "participant_label": ("03",), "seed": 4, "save": "none"}
    assert vars(other) == {**same, **changed, "command": other.command}
    both = settings(["x", "y", "participant", "group", "--device", "cpu"])
    recorded = record(tmp_path, both[0])
    assert [one.level for one in settings(["--config-file", str(recorded)])] == ["participant", "group"]
    (elsewhere, group) = settings(["x", "y", "participant", "group", "--config-file", str(file), "--only", "04"])
    assert (elsewhere.out_dir, group.level) == (Path("y").absolute(), "group")
    assert elsewhere.participant_label == elsewhere.fixed_label == ("04",)


def test_a_record_whose_protocol_has_changed_is_refused(tmp_path: Path) -> None:
    protocol = tmp_path / "p.toml"
    protocol.write_text('description = "one"')
    file = record(tmp_path, read("--protocol", protocol, "--device", "cpu"))
    assert settings(["--config-file", str(file)])[0].protocol == str(protocol)
    protocol.write_text('description = "another"')
    with pytest.raises(UsageError, match="has changed since"):
        settings(["--config-file", str(file)])
    assert settings(["--config-file", str(file), "--protocol", str(protocol)])[0].protocol == str(protocol)
    protocol.unlink()
    with pytest.raises(UsageError, match="save it as a file"):
        settings(["--config-file", str(file)])


WHOLE = '[settings]\nbids_dir = "x"\nout_dir = "y"\nlevel = "group"\n'


@pytest.mark.parametrize(
    "text",
    [
        *("", "[settings", "x = 1", "[settings]\nseed = 1", "settings = 3", WHOLE.replace('"x"', "3")),
        *(WHOLE + more for more in ("methods = 3", "seed = [1]", "derivatives = 1", "sloppy = 1", "methods = [1]")),
    ],
)
def test_what_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(UsageError, match="--config-file"):
        settings(["--config-file", str(tmp_path / "x.toml")])
    with pytest.raises(MissingInputError, match="--config-file"):
        settings(["--config-file", str(tmp_path / "y.toml")])
