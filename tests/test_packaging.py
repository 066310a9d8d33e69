"""What is written in several files of the project agrees."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lumirage_bids import __version__
from lumirage_bids.base.publications import publications

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
PINNED = {
    canonicalize_name(name): pinned
    for name, pinned in re.findall(r"^([^#=\s]+)==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
}
OPTIONAL = PROJECT["optional-dependencies"]


NEEDED = [*PROJECT["dependencies"], *OPTIONAL["methods"], *OPTIONAL["test"], *OPTIONAL["lint"], *OPTIONAL["docs"]]


@pytest.mark.parametrize("text", [text for text in NEEDED if not text.startswith("lumirage-bids[")])
def test_every_dependency_is_pinned_within_what_is_allowed(text: str) -> None:
    needed = Requirement(text)
    assert needed.specifier.contains(PINNED[canonicalize_name(needed.name)])


def test_the_image_says_the_version() -> None:
    assert f"\nARG VERSION={__version__}\n" in (REPOSITORY / "Dockerfile").read_text("utf-8")


def test_the_paper_has_one_title() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    papers = [of for of in citation["references"] if of["type"] != "software"]
    assert papers
    for paper in papers:
        entry = publications()[f"{paper['authors'][0]['family-names'].lower()}{paper['year']}"]
        assert paper["title"] in entry.text
        assert f"{paper['start']}" in entry.text
        assert paper["url"] == entry.url


def test_the_address_is_said_everywhere_or_nowhere() -> None:
    """The one setting is [project.urls] in pyproject.toml."""
    address = PROJECT.get("urls", {}).get("Source")
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text("utf-8"))
    assert citation.get("repository-code") == address
    badges = re.findall(r"\[!\[[^\]]*\]\([^)]*\)\]\(([^)]*)\)", (REPOSITORY / "README.md").read_text("utf-8"))
    assert bool(badges) == bool(address)
    if address:
        assert any(badge.startswith(address) for badge in badges)


def test_a_source_distribution_has_all_files(tmp_path: Path) -> None:
    git = ["git", "-C", str(REPOSITORY), "ls-files", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone")
    tree, made = tmp_path / "tree", tmp_path / "made"
    made.mkdir()
    files = [name for name in listed.stdout.split("\0") if (REPOSITORY / name).is_file()]
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, tree / name)
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(made)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=tree, capture_output=True, check=True)
    with tarfile.open(next(made.iterdir())) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in files if name not in packed} <= {".gitignore"}


def test_a_release_waits_for_all_checks_and_never_starts_by_a_branch() -> None:
    config = yaml.safe_load((REPOSITORY / ".circleci" / "config.yml").read_text("utf-8"))
    release = {name: about for job in config["workflows"]["release"]["jobs"] for name, about in job.items()}
    checks = {"test", "image", "packages"}
    assert set(release) - set(config["jobs"]) == {name for name, about in release.items() if "type" in about}

    def waits_for(name: str) -> set[str]:
        needed = set(release[name].get("requires", []))
        return needed.union(*(waits_for(other) for other in needed))

    for name, about in release.items():
        assert about["filters"] == {"tags": {"only": r"/^v\d+\.\d+\.\d+$/"}, "branches": {"ignore": "/.*/"}}
        assert waits_for(name) <= set(release)
        if name.startswith("publish"):
            assert waits_for(name) >= {"test", "packages"}
            assert about["context"]
    assert waits_for("publish-image") >= checks
    assert checks < {job for job in config["workflows"]["all"]["jobs"] if isinstance(job, str)}


@pytest.mark.slow
def test_every_loop_is_compiled_for_the_image(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "lumirage_bids.app.precompile"], env=environment, check=True)
    compiled = {file.name.partition("-")[0] for file in tmp_path.rglob("*.nbi")}
    assert compiled == {
        f"{file.stem}.{function}"
        for file in (REPOSITORY / "lumirage_bids").rglob("*.py")
        for function in re.findall(r"^@compile_loop\ndef (\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
