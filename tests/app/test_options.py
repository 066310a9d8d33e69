"""How command lines are read: those of other BIDS-Apps and their wrappers too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.app import resources, values
from lumirage_bids.app.options import settings
from lumirage_bids.app.values import labels
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.experiment.settings import Settings
from tests.conftest import run_program


def read(*more: object, level: str = "participant") -> Settings:
    (only,) = settings(["bids", "out", level, *map(str, more)])
    return only


# What a wrapper writes, and what it must come to.
SPELLINGS: list[tuple[list[str], dict[str, Any]]] = [
    (["--participant_label", "01", "02"], {"participant_label": ("01", "02")}),
    (["--participant-label", "01,sub-02"], {"participant_label": ("01", "02")}),
    (["--participant-label", "01", "--participant-label", "02"], {"participant_label": ("01", "02")}),
    (["--participant_label=01,02"], {"participant_label": ("01", "02")}),
    (["--session-label", "ses-1"], {"session_id": ("1",)}),
    (["--session_label", "1"], {"session_id": ("1",)}),
    (["--session_id", "1"], {"session_id": ("1",)}),
    (["--exclude_participant_label", "sub-03"], {"exclude_participant_label": ("03",)}),
    (["--only", "01", "02"], {"participant_label": ("01", "02"), "fixed_label": ("01", "02")}),
    (["-w", "/scratch/w"], {"work_dir": Path("/scratch/w")}),
    (["--work_dir", "/scratch/w"], {"work_dir": Path("/scratch/w")}),
    (["-d", "a=/x"], {"derivatives": {"a": Path("/x")}}),
    (["--derivatives", "a=/x", "-d", "b=/y"], {"derivatives": {"a": Path("/x"), "b": Path("/y")}}),
    (["--derivatives", "/x/fmriprep"], {"derivatives": {"fmriprep": Path("/x/fmriprep")}}),
    (["--derivatives", "/x/24.1.1"], {"derivatives": {"derivatives_24_1_1": Path("/x/24.1.1")}}),
    (["--skip_bids_validation"], {"skip_bids_validation": True}),
    (["--skip_bids_validator"], {"skip_bids_validation": True}),
    (["--mem_gb", "0.5"], {"mem": 0.5}),
    (["--mem-gb", "0.5"], {"mem": 0.5}),
    (["--mem", "500M"], {"mem": 0.5}),
    (["--mem", "0.5GB"], {"mem": 0.5}),
    (["--mem-mb", "500"], {"mem": 0.5}),
    (["--mem_mb", "500"], {"mem": 0.5}),
    (["--notrack"], {}),
    (["--clean-workdir"], {}),
    (["--stop_on_first_crash"], {"stop_on_first_crash": True}),
    (["--random_seed", "7"], {"seed": 7}),
    (["-v", "-v"], {"verbose": 2}),
    (["--methods", "greedy,syn"], {"methods": ("greedy", "syn")}),
]


@pytest.mark.parametrize(("written", "meant"), SPELLINGS, ids=[" ".join(w) for w, _ in SPELLINGS])
def test_spellings_of_other_apps_are_ours_too(written: list[str], meant: dict[str, Any]) -> None:
    got = read(*written, "--device", "cpu")
    assert {key: getattr(got, key) for key in meant} == meant


def test_both_levels_in_one_call() -> None:
    assert [s.level for s in settings(["bids", "out", "group", "participant", "--seed", "1"])] == [
        "participant",
        "group",
    ]
    with pytest.raises(UsageError, match="session"):
        settings(["bids", "out", "session"])


@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1))
def test_labels_may_be_parted_by_commas_or_not(given_labels: list[str]) -> None:
    once = tuple(dict.fromkeys(given_labels))
    assert labels(given_labels, "sub-") == once
    assert labels([",".join(f"sub-{label}" for label in given_labels)], "sub-") == once


def test_an_empty_label_does_not_mean_all() -> None:
    assert read("--participant-label", "").participant_label == ("",)


def test_only_and_one_side_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="--only"):
        read("--only", "01", "--fixed-label", "02")


def test_derivatives_are_called_like_the_program_that_made_them(tmp_path: Path) -> None:
    about = {"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "sMRIPrep"}]}
    for folder, text in (("a", about), ("b", about), ("c", {"Name": "Brain maps"})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "dataset_description.json").write_text(json.dumps(text))
    got = read("--derivatives", *(tmp_path / folder for folder in "abc"))
    assert list(got.derivatives) == ["smriprep", "smriprep_2", "brain_maps"]
    assert any(str(tmp_path / "c") in note and "brain_maps" in note for note in got.notes)


# Processes, threads, memory

# Cores; nthreads, nprocs, omp_nthreads as given; processes and threads of each.
DIVISIONS = [
    (16, (None, None, None), (16, 1)),
    (16, (8, None, None), (8, 1)),
    (16, (16, None, 8), (2, 8)),
    (16, (None, None, 8), (2, 8)),
    (16, (None, 4, None), (4, 4)),
    (16, (8, 4, None), (4, 2)),
    (16, (None, 4, 2), (4, 2)),
    (2, (None, None, 8), (1, 8)),
    (16, (4, None, 1), (4, 1)),
]


@pytest.mark.parametrize(("cores", "asked", "got"), DIVISIONS)
def test_threads_are_shared_out(
    cores: int, asked: tuple[int | None, int | None, int | None], got: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: cores)
    shares = resources.share_out("cpu", *asked, None)
    assert (shares.nprocs, shares.omp_nthreads) == got
    assert bool(shares.notes) == (got[0] * got[1] > cores)


def test_more_threads_than_cores_are_told_of_and_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 2)
    (note,) = resources.share_out("cpu", None, 16, 8, None).notes
    assert note.startswith("WARNING")
    for word in ("16 process", "128 threads", "2 core", "--nthreads 2"):
        assert word in note
    assert resources.share_out("cpu", None, 16, 8, Path("slurm.yml")).notes == ()


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ((64, None, None), "Give --nthreads 2, or leave --nthreads out."),
        ((None, None, 8), "Give --nthreads 2 alone, or leave --omp-nthreads out."),
        ((None, 4, 8), "Give --nthreads 2 alone, or leave --nprocs and --omp-nthreads out."),
    ],
)
def test_only_options_that_were_given_are_spoken_of(
    given: tuple[int | None, int | None, int | None], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 2)
    (note,) = resources.share_out("cpu", *given, None).notes
    assert note.endswith(advice)
    assert ("fMRIPrep" in note) == (given[1] is not None)


def test_more_threads_than_the_total_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "count_cores", lambda: 16)
    with pytest.raises(UsageError, match="--nthreads 8"):
        resources.share_out("cpu", 8, 4, 4, None)


def test_memory_beyond_the_machine_is_refused_with_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "memory_limit", lambda: 24e9)
    assert resources.check_memory(None, dry_run=False) == resources.check_memory(24, dry_run=False) == ()
    with pytest.raises(UsageError, match=r"24\.0 GB.*--mem 16G, if 16000 MB"):
        resources.check_memory(16000, dry_run=True)
    with pytest.raises(UsageError, match="--mem 24G or less"):
        resources.check_memory(64, dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 1T is more .* Give --mem 24G or less; or leave it out\.$"):
        resources.check_memory(values.gigabytes("1T"), dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 16000 is more .*if 16000 MB are meant"):
        resources.check_memory(values.gigabytes("16000"), dry_run=False)
    with pytest.raises(UsageError, match=r"^--mem 64000M is more .* Give --mem 24G or less"):
        resources.check_memory(values.megabytes("64000"), dry_run=False)
    # A dry run may be on the login node of a larger machine.
    (note,) = resources.check_memory(64, dry_run=True)
    assert "would be refused" in note


# A record, run again


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


# The program as a whole


def test_help_and_commands_answer_without_a_dataset() -> None:
    told = run_program(["--help"])
    assert told.code == 0
    for word in ("--only", "--nthreads", "lumirage demo DIR", "read otherwise than fMRIPrep", "75 interrupted"):
        assert word in told.out
    for command in ("demo", "methods", "labellings", "protocols"):
        about = run_program([command, "--help"])
        assert about.code == 0, about.said
        assert about.out.startswith(f"usage: lumirage {command}")
    wrong = run_program(["demo"])
    assert wrong.code == 64
    assert "lumirage demo --help" in wrong.err


def test_a_current_folder_that_was_deleted_matters_to_relative_paths_alone(demo_dataset: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = [sys.executable, "-m", "lumirage_bids"]
    for out, code in ((str(tmp_path / "out"), 0), ("out", 64)):
        gone.mkdir()
        script = 'cd "$0" && rmdir "$0" && exec "$@"'
        arguments = [*command, str(demo_dataset), out, "participant", "--dry-run"]
        done = subprocess.run(
            ["bash", "-c", script, str(gone), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert (code == 0) != ("current folder has been deleted" in done.stderr)


def test_folders_of_any_name(demo_dataset: Path, tmp_path: Path) -> None:
    """Nipype's configuration takes a % for one of its references; shells and HTML have characters of their own."""
    folder = tmp_path / "My%20study 100% {a} $HOME <b>"
    shutil.copytree(demo_dataset, folder / "bids")
    protocol = tmp_path / "p.toml"
    protocol.write_text('[preparation]\nspacing = 8.0\n[alignment]\nstart = "none"\n[methods.identity]\n')
    options = ["--derivatives", f"truth={folder / 'bids' / 'derivatives' / 'truth'}", "--labellings", "demo"]
    options += ["--protocol", str(protocol), "--participant-label", "02", "--fixed-label", "01", "--nprocs", "1"]
    options += ["--stage", "prepare"]
    done = run_program([folder / "bids", folder / "out", "participant", "-w", folder / "work", *options])
    assert done.code == 0, done.said
    assert list((folder / "out").glob("sub-*/anat/*_xfm.txt"))
    assert not (folder / "work").exists()  # the run made it


def test_a_dry_run_says_which_side_was_named(demo_dataset: Path, tmp_path: Path) -> None:
    """And how many pairs and scans that makes; --only names both, --exclude-participant-label neither."""
    told = {
        what: run_program([demo_dataset, tmp_path / "out", "participant", "group", "--dry-run", *what.split()]).out
        for what in ("--participant-label 02,03", "--only 02 03", "--exclude-participant-label 01 77")
    }
    one, both, neither = told.values()
    assert "6 in the protocol, 4 asked for" in one
    assert "names the moving side: 2 scan(s)" in one
    assert "3 scans are prepared" in one
    assert "the 2 pair(s) among these subjects alone: --only 02 03" in one
    assert "6 in the protocol, 2 asked for" in both
    assert "moving side" not in both
    assert "all are aligned to sub-02" in neither
    assert "2 in the protocol, 2 asked for" in neither
    assert "77: there is no scan of it" in neither
    assert not (tmp_path / "out").exists()
