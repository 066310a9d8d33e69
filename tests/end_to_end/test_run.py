"""A whole run on the demo dataset: what is written, that it makes sense, and that a second run does nothing."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from lumirage_bids.app.cli import main
from lumirage_bids.measures.surface import Surface
from lumirage_bids.output import score_table
from lumirage_bids.output.folder import Output
from tests.conftest import options, run_here, run_program


def table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, sep="\t", na_values=["n/a"], keep_default_na=False)


def test_every_pair_and_method_is_scored(finished_run: Path) -> None:
    pairs = table(finished_run / "group" / "pairs.tsv")
    assert list(pairs.columns) == list(score_table.COLUMNS)
    assert len(pairs) == 6 * 2
    assert set(pairs["status"]) == {"ok"}
    assert (pairs["moving"] != pairs["fixed"]).all()
    assert (pairs["brain_at_edge_percent"] == 0).all()


def test_registration_helps(finished_run: Path) -> None:
    pairs = table(finished_run / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"])["dice_mean"]
    initial = table(finished_run / "group" / "pairs.tsv")["dice_initial"].mean()
    assert pairs["identity"].mean() > initial + 0.05
    assert (pairs["greedy"] > pairs["identity"]).all()


def test_summary_is_the_mean_of_the_pairs(finished_run: Path) -> None:
    pairs = table(finished_run / "group" / "pairs.tsv")
    summary = table(finished_run / "group" / "summary.tsv")
    row = summary[(summary["method"] == "greedy") & (summary["split"] == "all")].iloc[0]
    assert row["n_pairs"] == 6
    assert row["mean"] == pytest.approx(pairs.loc[pairs["method"] == "greedy", "dice_mean"].mean(), rel=1e-5)


def test_the_mean_of_a_pair_is_over_its_structures(finished_run: Path) -> None:
    rows = score_table.collect(Output(finished_run))["demo"]
    columns = [c for c in rows.columns if c.startswith("dice_") and c[5:].isdigit()]
    assert len(columns) == 12
    np.testing.assert_allclose(rows[columns].mean(axis=1), rows["dice_mean"], rtol=1e-4)


def test_every_table_has_a_data_dictionary(finished_run: Path) -> None:
    tables = [*(finished_run / "group").glob("*.tsv"), finished_run / "status.tsv", finished_run / "descriptions.tsv"]
    assert len(tables) >= 6
    for file in tables:
        described = json.loads(file.with_suffix(".json").read_text())
        assert set(described) == set(table(file).columns), file
        assert all(entry["Description"] for entry in described.values())


def test_output_is_valid_bids(finished_run: Path) -> None:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([validator, "--json", finished_run], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["issues"]["issues"]
    assert [i for i in found if i["severity"] == "error"] == []


def test_dice_can_be_recomputed_from_the_saved_labels(finished_run: Path, demo_dataset: Path) -> None:
    (moved,) = finished_run.glob("sub-01/anat/*space-02+T1w_seg-demo_desc-greedy_dseg.nii.gz")
    a = np.asarray(nib.load(moved).dataobj)
    truth = nib.load(demo_dataset / "derivatives/truth/sub-02/anat/sub-02_seg-demo_dseg.nii.gz")
    b = np.asarray(truth.dataobj)
    np.testing.assert_allclose(nib.load(moved).affine, truth.affine, atol=1e-3)
    about = json.loads(moved.with_name(moved.name.removesuffix(".nii.gz") + ".json").read_text())
    assert (about["Interpolation"], about["Evaluation"]) == ("linear", "native")
    dice = [2 * ((a == i) & (b == i)).sum() / ((a == i).sum() + (b == i).sum()) for i in range(1, 13)]
    pairs = table(finished_run / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"])
    assert np.mean(dice) == pytest.approx(pairs.loc[("greedy", "sub-01_T1w", "sub-02_T1w"), "dice_mean"], abs=1e-4)


def test_histograms_are_those_of_the_prepared_images(finished_run: Path) -> None:
    anat = finished_run / "sub-02" / "anat"
    counts = json.loads((anat / "sub-02_desc-prepared_T1w.json").read_text())["Histogram"]
    image = np.asarray(nib.load(anat / "sub-02_desc-prepared_T1w.nii.gz").dataobj)
    brain = np.asarray(nib.load(anat / "sub-02_space-T1w_desc-brain_mask.nii.gz").dataobj) > 0
    assert sum(counts) == brain.sum()
    assert sum(counts[32:]) == (image[brain] >= 0.5).sum()


def test_pages_are_whole_and_marked(finished_run: Path) -> None:
    for page in [finished_run / "group" / "report.html", *(finished_run / f"sub-0{i}.html" for i in (1, 2, 3))]:
        text = page.read_text()
        assert text.rstrip().endswith("</html>")
        assert "SLOPPY" in text
        assert "http://" not in text.replace("http://www.w3.org", "")


def test_nothing_temporary_is_left(finished_run: Path) -> None:
    assert not list((finished_run / "work").glob("*"))
    hidden = [p for p in finished_run.rglob(".*") if p.name not in {".bidsignore", ".lumirage"}]
    assert hidden == []


def test_a_second_run_does_nothing(finished_run: Path, demo_dataset: Path) -> None:
    kept = {p: p.stat().st_mtime_ns for p in finished_run.rglob("sub-*") if p.is_file()}
    assert kept
    done = run_program([demo_dataset, finished_run, "participant", *options(demo_dataset)])
    assert done.code == 0, done.said
    assert "12 done already, 0 to do" in done.out
    assert {p: p.stat().st_mtime_ns for p in finished_run.rglob("sub-*") if p.is_file()} == kept


def test_other_plugin_subset_and_graph(demo_dataset: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.yml"
    plugin.write_text("plugin: Linear\n")
    more = ["--methods", "identity", "--use-plugin", plugin, "--max-pairs", "3", "--write-graph", "--seed", "7"]
    done = run_program([demo_dataset, tmp_path / "out", "participant", *options(demo_dataset), *more])
    assert done.code == 0, done.said
    status = table(tmp_path / "out" / "status.tsv")
    assert list(status["status"]) == ["ok"] * 3
    drawn = (tmp_path / "out" / "logs" / "prepare.dot").read_text()
    assert '"prepare_0" -> "align_0";' in drawn


def test_a_dry_run_writes_nothing(demo_dataset: Path, tmp_path: Path) -> None:
    done = run_here([demo_dataset, tmp_path / "out", "participant", *options(demo_dataset), "--dry-run"])
    assert done.code == 0, done.said
    assert "Pairs: 6 in the protocol, 6 asked for, 6 can run" in done.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "more", "code", "said"),
    [
        ("out", ["--stage", "register"], 66, "Give the same command with --stage prepare first."),
        ("file", [], 73, "is a file. Give a folder."),
        ("out", ["--work-dir", "file"], 73, "--work-dir"),
        ("out", ["--participant-label", "03"], 66, "datalad get"),
    ],
)
def test_a_dry_run_ends_as_the_run_would(
    out: str,
    more: list[str],
    code: int,
    said: str,
    demo_dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    bids = tmp_path / "bids"
    shutil.copytree(demo_dataset, bids)
    if "--participant-label" in more:
        image = next((bids / "sub-03").rglob("*_T1w.nii.gz"))
        image.unlink()
        image.symlink_to("../.git/annex/objects/aa/SHA256E-s1--ab/SHA256E-s1--ab")
    more = [str(tmp_path / word) if word == "file" else word for word in more]
    common = [str(bids), str(tmp_path / out), "participant", *map(str, options(bids)), *more]
    assert main([*common, "--dry-run"]) == code
    told = capsys.readouterr().out
    assert "Pairs: 6 in the protocol" in told
    story, refused, why = told.partition("A RUN WOULD BE REFUSED: ")
    assert refused
    assert said in (story if "datalad" in said else why)  # what fetches is told once, with all that is missing
    if "register" not in more:  # which begins, to find what is prepared
        assert main(common) == code
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_runs_by_participant_add_up(finished_run: Path, demo_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = [demo_dataset, out, "participant", *options(demo_dataset)]
    assert run_here([*common, "--stage", "prepare"]).code == 0
    for subject in ("01", "02", "03"):
        done = run_here([*common, "--stage", "register", "--participant-label", subject])
        assert done.code == 0, done.said
    assert run_here([demo_dataset, out, "group"]).code == 0
    exact = [c for c in score_table.COLUMNS if c not in {"runtime_s", "memory_gb"}]
    whole, parts = (table(o / "group" / "pairs.tsv")[exact] for o in (finished_run, out))
    pd.testing.assert_frame_equal(whole, parts)


def test_saved_transforms_are_scored_again_without_registering(finished_run: Path, demo_dataset: Path) -> None:
    common = [demo_dataset, finished_run, "participant", *options(demo_dataset)]
    before = table(finished_run / "group" / "pairs.tsv").set_index(["method", "moving", "fixed"])["dice_mean"]
    for file in finished_run.glob("sub-01/anat/*_desc-greedy+*_scores.tsv"):
        file.unlink()
    damaged, *_ = finished_run.glob("sub-01/anat/*_to-02*_desc-greedy_xfm.h5")
    damaged.write_bytes(b"x")
    # In a process of its own: what its processes say is heard.
    done = run_program([*common, "--participant-label", "01"])
    assert done.code == 0, done.said
    assert done.said.count("It is made again.") == 1
    rows = score_table.collect(Output(finished_run))["demo"].set_index(["method", "moving", "fixed"])
    again = rows.loc[("greedy", "sub-01_T1w"), "dice_mean"]
    np.testing.assert_allclose(again, before.loc["greedy"].loc["sub-01_T1w"], atol=1e-3)
    assert (rows.loc["greedy", "runtime_s"] > 0).all()


TWO_EVALUATIONS = """
description = "two ways to judge"
[preparation]
spacing = 8.0
[methods.greedy]
scales = [1]
iterations = [10]
[variants.own]
[variants.there]
evaluation = { grid = "reference", transfer = "nearest" }
"""


@pytest.mark.slow
def test_a_pair_is_registered_once_and_judged_in_two_ways(demo_dataset: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TWO_EVALUATIONS)
    common = [*options(demo_dataset), "--protocol", mine, "--participant-label", "01", "--save", "labels"]
    done = run_here([demo_dataset, tmp_path / "both", "participant", *common])
    assert done.code == 0, done.said
    assert "0 done already, 4 to do" in done.out
    rows = score_table.collect(Output(tmp_path / "both"))["demo"]
    both = rows.set_index(["variant", "method", "fixed"])
    assert len(both) == 8
    assert (both["status"] == "ok").all()
    # A registration's time is never the same twice.
    assert both.loc["own", "runtime_s"].equals(both.loc["there", "runtime_s"])
    assert (both.loc["own", "dice_mean"] != both.loc["there", "dice_mean"]).all()
    assert len(list((tmp_path / "both").glob("sub-01/**/*desc-there+greedy_dseg.nii.gz"))) == 2
    # The other way was added to a run that had one: what was there stays, and is not made otherwise.
    first = run_here([demo_dataset, tmp_path / "one", "participant", *common, "--variants", "there"])
    assert first.code == 0, first.said
    then = run_here([demo_dataset, tmp_path / "one", "participant", *common])
    assert then.code == 0, then.said
    later = score_table.collect(Output(tmp_path / "one"))["demo"].set_index(["variant", "method", "fixed"])
    pd.testing.assert_series_equal(later["dice_mean"].sort_index(), both["dice_mean"].sort_index())
    assert set(later["hash"]) == set(both["hash"])


def latest_rows(out: Path, key: list[str]) -> pd.DataFrame:
    """The row of each key that was finished last, by that key."""
    rows = score_table.collect(Output(out))["demo"].sort_values("finished")
    return rows.drop_duplicates(key, keep="last").set_index(key)


def test_a_further_measure_registers_nothing_again_where_transforms_were_kept(
    demo_dataset: Path, tmp_path: Path
) -> None:
    mine, out = tmp_path / "mine.toml", tmp_path / "out"
    plain = TWO_EVALUATIONS.partition("[variants.own]")[0]
    mine.write_text(plain)
    common = [demo_dataset, out, "participant", *options(demo_dataset), "--protocol", mine]
    common += ["--participant-label", "01", "--fixed-label", "02"]
    assert run_here([*common, "--save", "transforms"]).code == 0
    key = ["method", "fixed"]
    before = score_table.collect(Output(out))["demo"].set_index(key)
    mine.write_text(f"{plain}[evaluation]\nsurface = true\n")
    told = run_here([*common, "--dry-run"]).out
    assert "of these only scored again, from their saved transforms: 2" in told
    assert "1 row(s) of greedy, variant default, labelling demo: evaluation surface False → True" in told
    assert run_here(common).code == 0
    after = latest_rows(out, key)
    assert after["hd95_mm"].gt(0).all()
    single = [c for c in after if score_table.structure_index(c, Surface.structures) is not None]
    np.testing.assert_allclose(after[single].mean(axis=1), after["hd95_mm"], rtol=1e-4)
    # A registration's time is never the same twice.
    assert after.loc["greedy", "runtime_s"].equals(before.loc["greedy", "runtime_s"])
    np.testing.assert_allclose(after["dice_mean"], before["dice_mean"].reindex(after.index), atol=1e-3)
    # Made again on purpose, the saved transform is not taken for a registration.
    done = run_here([*common, "--redo", "greedy"])
    assert done.code == 0, done.said
    assert "asked for by --redo" in done.said
    redone = latest_rows(out, key)
    assert not redone.loc["greedy", "runtime_s"].equals(after.loc["greedy", "runtime_s"])
    assert redone.loc["identity", "finished"].equals(after.loc["identity", "finished"])
    assert not list(out.glob("sub-*/**/*greedy_xfm.h5"))


COPIED = """
[preparation]
spacing = 8.0
[methods.copy]
method = "command"
argv = ["{script}", "{{output}}"]
output = "shift.nii.gz"
format = "learn2reg"
[variants.a]
[variants.b]
evaluation = {{ transfer = "nearest" }}
"""


def pictures(out: Path, arm: str = "a+copy") -> dict[str, bytes]:
    """Pictures of pairs that are kept of an arm with sub-01 moving, whatever file they lie in."""
    found: dict[str, bytes] = {}
    for file in out.glob(f"sub-01/**/*desc-{arm}+*_slices.npz"):
        with zipfile.ZipFile(file) as members:
            assert not found.keys() & set(members.namelist())
            found |= {name: members.read(name) for name in members.namelist()}
    return found


def test_redo_forgets_all_that_rests_on_a_registration(demo_dataset: Path, tmp_path: Path) -> None:
    script, out = tmp_path / "program", tmp_path / "out"
    write = (
        f"#!{sys.executable}\nimport sys\nimport nibabel as nib\nimport numpy as np\nfixed = nib.load(sys.argv[2])\n"
        "field = np.zeros((*fixed.shape, 1, 3), np.float32)\nfield[..., 0] = float(open({shift!r}).read())\n"
        "nib.save(nib.Nifti1Image(field[..., 0, :], fixed.affine), sys.argv[1])\n"
    )
    shift = tmp_path / "shift.txt"  # data that the program reads and that nobody has named
    shift.write_text("0")
    script.write_text(write.replace("{shift!r}", repr(str(shift))))
    script.chmod(0o755)
    mine = tmp_path / "mine.toml"
    mine.write_text(COPIED.format(script=script).replace('"{output}"', '"{output}", "{fixed}"'))
    common = [demo_dataset, out, "participant", *options(demo_dataset), "--protocol", mine]
    common += ["--methods", "copy", "--participant-label", "01", "--fixed-label", "02", "--save", "transforms"]
    done = run_here(common)
    assert done.code == 0, done.said
    first = score_table.collect(Output(out))["demo"].set_index(["variant", "method"])["dice_mean"]
    before = pictures(out)
    shift.write_text("3")
    assert "18 done already" not in run_here([*common, "--dry-run"]).out
    assert run_here([*common, "--redo", "copy", "--variants", "a"]).code == 0
    part = score_table.collect(Output(out))["demo"].set_index(["variant", "method"])["dice_mean"]
    assert part["a", "copy"] < first["a", "copy"] - 0.1
    assert ("b", "copy") not in part.index
    assert part["b", "identity"] == first["b", "identity"]
    after = pictures(out)
    assert after.keys() == before.keys()
    assert any(after[name] != before[name] for name in after if name.endswith("moved.webp"))
    done = run_here(common)
    assert done.code == 0, done.said
    whole = score_table.collect(Output(out))["demo"].set_index(["variant", "method"])["dice_mean"]
    assert whole["a", "copy"] == part["a", "copy"]
    assert whole["b", "copy"] < first["b", "copy"] - 0.1


def test_pages_without_pictures_show_no_brain(finished_run: Path, demo_dataset: Path, tmp_path: Path) -> None:
    """Also where an earlier page had them."""
    out = tmp_path / "out"
    shutil.copytree(finished_run, out)
    assert list(out.glob("group/figures/pairs-*"))
    for level, more in (("participant", ["--reports-only", *options(demo_dataset)]), ("group", [])):
        done = run_here([demo_dataset, out, level, "--no-pictures", *more])
        assert done.code == 0, done.said
    for page in (*out.glob("sub-*.html"), out / "group" / "report.html"):
        text = page.read_text()
        assert "data:image" not in text, page.name
        assert "Made without pictures" in text
    left = {file.stem for file in out.glob("group/figures/*")}
    assert left
    assert not [name for name in left if name.startswith(("pairs-", "sequences"))]


def test_pictures_of_pairs_are_kept_and_put_on_pages_unless_they_are_refused(
    demo_dataset: Path, tmp_path: Path
) -> None:
    common = ["participant", *options(demo_dataset), "--methods", "identity", "--participant-label", "01"]
    done = run_here([demo_dataset, tmp_path / "none", *common, "--no-pictures"])
    assert done.code == 0, done.said
    assert not list(tmp_path.glob("none/sub-*/**/*_slices.npz"))
    done = run_here([demo_dataset, tmp_path / "some", *common])
    assert done.code == 0, done.said
    kept = pictures(tmp_path / "some", "identity")
    assert {name.partition("/")[0] for name in kept} == {"02+T1w", "03+T1w"}
    assert {name.partition("/")[2] for name in kept} == {
        *("about.json", "fixed.webp", "start.webp", "moved.webp", "grid.png", "jacobian.png", "labels-demo.png"),
    }
    # Nothing deforms here.
    assert kept["02+T1w/moved.webp"] == kept["02+T1w/start.webp"] != kept["02+T1w/fixed.webp"]
    assert max(map(len, kept.values())) < 50_000
    page = (tmp_path / "some" / "sub-01.html").read_text()
    for name in ("fixed.webp", "moved.webp", "labels-demo.png"):
        assert page.count(base64.b64encode(kept[f"03+T1w/{name}"]).decode()) >= 1
