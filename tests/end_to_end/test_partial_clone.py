"""A partial clone of a dataset under git-annex or DataLad: what is missing is told, fetched, and then runs."""

from __future__ import annotations

import csv
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Outcome, options, run_program

pytestmark = pytest.mark.skipif(shutil.which("git-annex") is None, reason="git-annex is not installed")

# As OpenNeuro's datasets have them: images in the annex, text in git.
ATTRIBUTES = "* annex.backend=SHA256E\n*.json annex.largefiles=nothing\n*.tsv annex.largefiles=nothing\n"
LABELS = "derivatives/truth/sub-{0}/anat/sub-{0}_seg-demo_dseg.nii.gz"
IMAGE = "sub-{0}/anat/sub-{0}_T1w.nii.gz"


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A clone, the program on it, and what fetches its content."""

    root: Path
    out: Path

    def run(self, *more: str) -> Outcome:
        arguments = [self.root, self.out, "participant", *options(self.root), "--methods", "identity", *more]
        return run_program(arguments)

    def get(self, files: Sequence[str]) -> None:
        """Fetch what the program printed; with DataLad where it is installed."""
        if shutil.which("datalad"):
            call("datalad", "-C", self.root, "get", *files)
        else:
            call("git", "-C", self.root, "annex", "get", *files)

    def get_as_told(self, message: str) -> None:
        """Do what a message says after ``To get it: ``."""
        command = shlex.split(message.split("To get it: ")[1])
        assert command[:4] == ["datalad", "get", "-d", str(self.root)]
        if shutil.which("datalad"):
            call(*command)
        else:
            self.get(command[4:])

    def states(self) -> dict[tuple[str, str], str]:
        with (self.out / "status.tsv").open() as table:
            return {(row["moving"], row["fixed"]): row["status"] for row in csv.DictReader(table, delimiter="\t")}


def call(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


@pytest.fixture
def published(demo_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo dataset with its images in an annex."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in (("user.name", "A"), ("user.email", "a@example.org"), ("init.defaultBranch", "main")):
        call("git", "config", "--global", name, value)
    root = tmp_path / "published"
    shutil.copytree(demo_dataset, root)
    (root / ".gitattributes").write_text(ATTRIBUTES)
    call("git", "init", root)
    for step in (("annex", "init", "here"), ("annex", "add", "."), ("add", "."), ("commit", "-m", "All")):
        call("git", "-C", root, *step)
    return root


def cloned(published: Path, *configuration: str) -> Clone:
    root = published.parent / "a clone"
    call("git", "clone", *configuration, published, root)
    call("git", "-C", root, "annex", "init", "there")
    return Clone(root=root, out=published.parent / "out")


@pytest.mark.slow
def test_from_a_clone_without_content_to_a_run(published: Path) -> None:
    clone = cloned(published)
    nothing = clone.run()
    assert nothing.code == 66, nothing.said
    assert "each of the 6 pairs" in nothing.err
    assert nothing.err.count(".nii.gz") == 6
    assert not clone.out.exists()

    part = clone.run("--participant-label", "01", "--fixed-label", "02", "--dry-run", "--print-needed-files")
    assert part.code == 0, part.said
    assert "Pairs: 6 in the protocol, 2 asked for" not in part.out
    assert part.out.splitlines() == [
        "derivatives/truth/seg-demo_dseg.tsv",
        *(name.format(subject) for name in (LABELS, IMAGE) for subject in ("01", "02")),
    ]
    clone.get(part.out.splitlines())
    some = clone.run()
    assert some.code == 0, some.said
    assert {pair for pair, state in clone.states().items() if state == "ok"} == {
        ("sub-01_T1w", "sub-02_T1w"),
        ("sub-02_T1w", "sub-01_T1w"),
    }
    assert set(clone.states().values()) == {"ok", "missing"}

    named = clone.run("--participant-label", "03")
    assert named.code == 66, named.said
    clone.get_as_told(named.err)
    rest = clone.run("--participant-label", "03")
    assert rest.code == 0, rest.said
    assert sorted(clone.states().values()) == ["ok"] * 4 + ["pending"] * 2


@pytest.mark.parametrize("how", ["unlocked", pytest.param("no links", marks=pytest.mark.slow)])
def test_pointer_files_are_not_content(how: str, published: Path) -> None:
    clone = cloned(published, *(("-c", "core.symlinks=false") if how == "no links" else ()))
    if how == "unlocked":
        call("git", "-C", clone.root, "annex", "adjust", "--unlock")
    image = clone.root / IMAGE.format("02")
    assert not image.is_symlink()
    assert b"/annex/objects/" in image.read_bytes()

    nothing = clone.run()
    assert nothing.code == 66, nothing.said
    clone.get_as_told(nothing.err)
    assert image.read_bytes() == (published / IMAGE.format("02")).read_bytes()
    assert "Pairs: 6 in the protocol, 6 asked for, 6 can run" in clone.run("--dry-run").out


def test_the_list_is_for_dry_runs_of_participants(demo_dataset: Path, tmp_path: Path) -> None:
    for words in (["participant"], ["group", "--dry-run"]):
        done = run_program([demo_dataset, tmp_path / "out", *words, "--print-needed-files"])
        assert done.code == 64, done.said
        assert "--dry-run" in done.err


def test_derivatives_elsewhere_are_told_but_not_in_the_list(published: Path) -> None:
    clone = cloned(published)
    elsewhere = clone.root.with_name("labels")
    (clone.root / "derivatives" / "truth").rename(elsewhere)
    arguments = [clone.root, clone.out, "participant", "--derivatives", f"truth={elsewhere}", "--labellings", "demo"]
    done = run_program([*arguments, "--dry-run", "--print-needed-files"])
    assert done.out.splitlines() == [IMAGE.format(subject) for subject in ("01", "02", "03")]
    assert f"datalad get -d {elsewhere}" in done.err
