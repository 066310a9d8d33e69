"""A dataset laid out as OpenNeuro ds004470: images, points carried by known transforms, three raters; whole runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK

from lumirage_bids.app.cli import main
from lumirage_bids.spatial.images import read_grid
from lumirage_bids.spatial.itk import write_itk
from lumirage_bids.spatial.point_files import read_points
from lumirage_bids.spatial.transforms import DisplacementField, Transform
from tests.conftest import Outcome, run_here

HEAD = "# Markups fiducial file version = 4.10\n# CoordinateSystem = {}\n# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"  # noqa: E501
NAMES = [f"{i} point {i}" for i in range(1, 33)]
SUBJECTS = {"C001": "01", "C002": "02", "C003": "03"}
PROTOCOL = """
extends = "afids"
[alignment]
start = "none"
[labellings.demo]
[methods.identity]
[methods.precomputed]
path = "{}/{{fixed_subject}}_{{moving_subject}}.h5"
"""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A dataset, a protocol, and the error that its transforms leave of each landmark, the same for all pairs."""

    root: Path
    protocol: Path
    errors: np.ndarray

    @property
    def out(self) -> Path:
        return self.root.with_name("out")

    def run(self, *more: object) -> Outcome:
        maps = self.root / "derivatives" / "truth"
        options = ("--protocol", self.protocol, "--derivatives", f"truth={maps}", "--nprocs", "1")
        methods = ("--methods", "identity", "precomputed", "--device", "cpu", "--omp-nthreads", "1")
        return run_here([self.root, self.out, "participant", *options, *methods, *more])


def name(subject: str, what: str) -> str:
    return f"sub-{subject}_acq-MP2RAGE_run-01_{what}"


def write_list(file: Path, points: np.ndarray, system: str) -> None:
    """A list as Slicer 4.10 (``0``) or 5 (``LPS``) writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    places = points * ([-1, -1, 1] if system == "LPS" else [1, 1, 1])
    rows = (f"{i},{x:.6f},{y:.6f},{z:.6f},0,0,0,1,1,1,0,{i},point {i}," for i, (x, y, z) in enumerate(places, 1))
    file.write_text(HEAD.format(system) + "\n".join(rows) + "\n")


def smooth(random: np.random.Generator, shape: tuple[int, int, int], affine: np.ndarray) -> Transform:
    """A turn, a shift, and waves of some mm."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    turn[:3, 3] = random.uniform(-5, 5, 3)
    _, j, k = np.indices(shape)
    waves = [np.sin(0.3 * j + a) + np.cos(0.2 * k + b) for a, b in random.uniform(0, 3, (3, 2))]
    return Transform((DisplacementField(vectors=1.5 * np.stack(waves, axis=-1), affine=affine), turn))


@pytest.fixture(scope="module")
def study(demo_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("afids")
    root, fields, random = folder / "ds004470", folder / "fields", np.random.default_rng(0)
    fields.mkdir()
    for subject, source in SUBJECTS.items():
        anat, maps = (root / p / f"sub-{subject}" / "anat" for p in ("", "derivatives/truth"))
        for target, what in ((anat, "T1w"), (maps, "seg-demo_dseg")):
            given = demo_dataset / ("" if what == "T1w" else "derivatives/truth") / f"sub-{source}" / "anat"
            target.mkdir(parents=True)
            shutil.copy(given / f"sub-{source}_{what}.nii.gz", target / f"{name(subject, what)}.nii.gz")
        (anat / f"{name(subject, 'T1w')}.json").write_text('{"SkullStripped": true}')
    for copied in ("dataset_description.json", "derivatives/truth/dataset_description.json"):
        shutil.copy(demo_dataset / copied, root / copied)
    shutil.copy(demo_dataset / "derivatives/truth/seg-demo_dseg.tsv", root / "derivatives/truth/seg-demo_dseg.tsv")

    # One subject's points go to the others' by a known transform each, and miss them by a known length and direction.
    shape, affine = read_grid(root / "sub-C001" / "anat" / f"{name('C001', 'T1w')}.nii.gz")
    points = {"C001": random.uniform(-35, 35, (32, 3))}
    errors, directions = np.linspace(0.5, 8, 32), random.normal(0, 1, (32, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for subject in ("C002", "C003"):
        known = smooth(random, shape, affine)
        write_itk(known, fields / f"C001_{subject}.h5")
        points[subject] = known.apply(points["C001"]) + errors[:, None] * directions
    for subject, places in points.items():
        system = "0" if subject == "C001" else "LPS"
        noise = random.normal(0, 1, (3, 32, 3))
        files = {"groundtruth": places} | {
            f"rater0{r}": placed for r, placed in enumerate(places + noise - noise.mean(axis=0), 1)
        }
        for who, placed in files.items():
            kind = "groundtruth" if who == "groundtruth" else "rater"
            anat = root / "derivatives" / f"afids_{kind}" / f"sub-{subject}" / "anat"
            write_list(anat / f"{name(subject, f'space-T1w_desc-{who}_afids')}.fcsv", placed, system)
    protocol = folder / "known.toml"
    protocol.write_text(PROTOCOL.format(fields))
    return Study(root=root, protocol=protocol, errors=errors)


@pytest.fixture(scope="module")
def finished(study: Study) -> Study:
    done = study.run("--participant-label", "C002", "C003", "--fixed-label", "C001", "--save", "transforms")
    assert done.code == 0, done.said
    group = run_here([study.root, study.out, "group", "--no-pictures"])
    assert group.code == 0, group.said
    return study


def test_errors_are_the_known_ones(finished: Study) -> None:
    pairs = pd.read_csv(finished.out / "group" / "pairs.tsv", sep="\t")
    known = pairs[pairs["method"] == "precomputed"]
    assert len(known) == 2
    np.testing.assert_allclose(known["tre_mm"], finished.errors.mean(), atol=0.01)
    table = pd.read_csv(finished.out / "group" / "landmarks.tsv", sep="\t", dtype={"landmark": str})
    single = table[(table["method"] == "precomputed") & (table["landmark"] != "all landmarks")]
    by_name = single.set_index("landmark")["mean"].loc[[str(i) for i in range(1, 33)]]
    np.testing.assert_allclose(by_name, finished.errors, atol=0.01)
    assert single.iloc[0]["landmark"] == table[table["method"] == "identity"].iloc[1]["landmark"]
    assert single["ci_low"].isna().all()  # of one fixed subject nobody knows what others would have

    # Raters who err by 1 mm on each axis lie 2.26 mm apart, and their means of three 1.30 mm.
    whole = table[table["landmark"] == "all landmarks"].iloc[0]
    assert whole["raters_mm"] == pytest.approx(4 / np.sqrt(np.pi), rel=0.1)
    assert whole["floor_mm"] == pytest.approx(whole["raters_mm"] / np.sqrt(3), rel=1e-3)


def test_the_page_tells_of_the_worst_landmark_and_of_raters(finished: Study) -> None:
    page = (finished.out / "group" / "report.html").read_text("utf-8")
    assert "Worst landmark by method: precomputed: 32 point 32, 8.00 mm." in page
    assert "mm apart on average over landmarks; if raters err independently" in page
    assert (finished.out / "group" / "figures" / "landmarks.svg").exists()


def test_saved_transforms_carry_points_there_and_back(finished: Study, tmp_path: Path) -> None:
    """As ITK carries them, and back to where they were."""
    saved = next((finished.out / "sub-C002").rglob("*to-C001+T1w*precomputed_xfm.h5"))
    fixed = next((finished.root / "derivatives").rglob("*C001*groundtruth_afids.fcsv"))
    there, back = tmp_path / "there.mrk.json", tmp_path / "back.tsv"
    for arguments in (
        ("points", fixed, there, "--of", "fixed", "--transform", saved),
        ("points", there, back, "--of", "moving", "--transform", saved),
    ):
        assert main(list(map(str, arguments))) == 0
    lps = np.array([-1.0, -1.0, 1.0])
    itk, start = SimpleITK.ReadTransform(str(saved)), read_points(fixed).coordinates
    expected = [np.array(itk.TransformPoint((point * lps).tolist())) * lps for point in start]
    np.testing.assert_allclose(read_points(there).coordinates, expected, atol=1e-4)
    np.testing.assert_allclose(read_points(back).coordinates, start, atol=1e-3)


def test_what_was_placed_is_put_down_beside_the_scores(finished: Study) -> None:
    file = next((finished.out / "sub-C003").rglob("*_placements.json"))
    found = json.loads(file.read_text())
    assert found["Scan"] == name("C003", "T1w")
    assert len(found["Points"]) == 32
    first = found["Points"]["1"]
    assert first["Description"] == "point 1"
    assert set(first["Raters"]) == {"rater01", "rater02", "rater03"}
    np.testing.assert_allclose(np.mean(list(first["Raters"].values()), axis=0), first["Position"], atol=1e-5)


def test_the_same_again_does_nothing_and_other_raters_only_what_is_theirs(finished: Study) -> None:
    arguments = ("--participant-label", "C002", "C003", "--fixed-label", "C001", "--dry-run")
    assert "Preparation: 0 scans to prepare" in finished.run(*arguments).out
    rater = next((finished.root / "derivatives").rglob("*C001*rater03_afids.fcsv"))
    aside = rater.rename(rater.with_suffix(".aside"))
    told = finished.run(*arguments).out
    aside.rename(rater)
    assert "Registrations: 4 done already, 0 to do" in told
    assert "Preparation: 1 scans to prepare" in told


def test_landmarks_that_are_not_here_cost_the_pairs_and_are_told_how_to_get(study: Study) -> None:
    file = next((study.root / "derivatives").rglob("*C001*groundtruth_afids.fcsv"))
    aside = file.rename(file.with_suffix(".aside"))
    file.symlink_to("../../../../.git/annex/objects/aa/SHA256E-s1--ab.fcsv/SHA256E-s1--ab.fcsv")
    try:
        told = study.run("--dry-run")
    finally:
        file.unlink()
        aside.rename(file)
    assert "Missing: the content of 1 scan(s) is not here" in told.out
    assert f"datalad get -d {study.root} {file}" in told.out
