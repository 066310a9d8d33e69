"""``lumirage judge``: the verdict on any table of scores."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.app.cli import main
from tests.report.situations import fail, of, some, table, verdict

KEYS = ["method", "moving", "fixed"]


def written(pairs, tmp_path, columns=(*KEYS, "dice_mean"), name="scores.tsv"):
    file = tmp_path / name
    pairs[list(columns)].to_csv(file, sep="," if name.endswith("csv") else "\t", index=False)
    return file


@pytest.mark.parametrize("name", ["scores.tsv", "scores.csv"])
def test_the_verdict_is_the_pages(tmp_path, capsys, name):
    pairs = table(subject=0.004)
    assert main(["judge", str(written(pairs, tmp_path, name=name))]) == 0
    told = capsys.readouterr().out
    page = verdict(pairs)
    assert page.headline in told
    for sentence in page.sentences:
        assert f"- {sentence}\n" in told or "By split" in sentence or "headers" in sentence
    assert "132 ordered pairs of 12 subjects. Score: dice_mean, higher is better. Criteria: margin 0.01" in told


def test_a_page_and_its_own_table_are_judged_alike(tmp_path, capsys):
    pairs = fail(
        table(groups={"A": 6, "B": 6}, subject=0.004, rescanned=2),
        of(table(groups={"A": 6, "B": 6}, rescanned=2), "syn"),
    )
    file = tmp_path / "pairs.tsv"
    pairs.to_csv(file, sep="\t", index=False, na_rep="n/a")
    assert main(["judge", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    page = verdict(pairs)
    assert data["verdicts"][0]["headline"] == page.headline
    assert data["verdicts"][0]["sentences"] == list(page.sentences)
    assert data["criteria"] == {"margin": 0.01, "threshold": 0.2, "confidence": 0.95}


def test_json_is_strict_and_has_the_numbers(tmp_path, capsys):
    pairs = table(groups={"T1w": 2})
    assert main(["judge", str(written(pairs, tmp_path)), "--json"]) == 0

    def refuse(constant):
        raise AssertionError(constant)

    data = json.loads(capsys.readouterr().out, parse_constant=refuse)
    (found,) = data["verdicts"]
    assert [s["name"] for s in found["standings"]] == ["identity", "greedy", "syn"]
    assert {r["kind"] for r in found["relations"]} == {"unknown"}
    assert found["relations"][0]["low"] is None


def distances(seed=0):
    """Millimetres, of which fewer are better; syn is better by two."""
    pairs = table({"greedy": 0.0, "syn": 0.2}, subject=0.02, noise=0.02, seed=seed)
    return pairs.assign(hd95_mm=6.0 - 10 * pairs["dice_mean"])


def test_a_score_of_which_less_is_better(tmp_path, capsys):
    file = written(distances(), tmp_path, [*KEYS, "hd95_mm"])
    options = ["--score", "hd95_mm", "--better", "lower", "--margin", "0.5"]
    assert main(["judge", str(file), *options]) == 0
    told = capsys.readouterr().out
    assert re.search(r"Lowest \(best\) mean: syn, mean HD95 \(mm\) [34]\.", told)
    assert "syn is below (better than) greedy by" in told
    assert "Dice" not in told
    out = tmp_path / "out"
    assert main(["judge", str(file), *options, "--out", str(out)]) == 0
    capsys.readouterr()
    assert not [f for f in out.rglob("*") if f.suffix in (".json", ".svg") and "Dice" in f.read_text()]
    swapped = distances()
    swapped["method"] = swapped["method"].map({"syn": "greedy", "greedy": "syn"})
    assert main(["judge", str(written(swapped, tmp_path, [*KEYS, "hd95_mm"])), *options]) == 0
    assert "Lowest (best) mean: greedy" in capsys.readouterr().out


def test_failures_of_a_score_without_a_floor_count_as_the_worst_seen(tmp_path, capsys):
    pairs = distances()
    pairs.loc[of(pairs, "syn") & some(pairs, 0.2), "hd95_mm"] = np.nan
    file = written(pairs, tmp_path, [*KEYS, "hd95_mm"])
    assert main(["judge", str(file), "--score", "hd95_mm", "--better", "lower", "--margin", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "Set aside, too few scores: syn, 26 of 132 pairs failed (19.7 %)." in told
    assert "(the worst seen)" in told


def test_two_score_columns_and_structures_stand_side_by_side(tmp_path, capsys):
    pairs = table(subject=0.002).assign(dice_1=0.5, dice_2=0.5, hd95_mm=3.0)
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "dice_1", "dice_2", "hd95_mm"]))]) == 0
    assert "Highest mean: syn" in capsys.readouterr().out


def test_the_folder_has_tables_with_dictionaries_and_figures(tmp_path, capsys):
    file = written(table(groups={"T1w": 6}, subject=0.004), tmp_path)
    out = tmp_path / "out"
    assert main(["judge", str(file), "--out", str(out)]) == 0
    for name in ("summary", "comparisons", "ranking"):
        assert len(pd.read_csv(out / f"{name}.tsv", sep="\t"))
        assert json.loads((out / f"{name}.json").read_text())
    assert (out / "verdict.txt").read_text() == capsys.readouterr().out
    assert {f.name for f in (out / "figures").iterdir()} >= {"scores-1-scores.svg", "differences-1-scores.png"}
    svg = (out / "figures" / "differences-1-scores.svg").read_text()
    assert "script" not in svg


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "the following arguments are required"),
        (["--better", "larger"], "invalid choice"),
        (["--margin", "-1"], "--margin -1 is not allowed; it must be a positive number"),
        (["--confidence", "95"], "--confidence 95 is not allowed; it must be at least 0.9"),
        (["--better", "lower"], "dice_mean is a Dice, of which higher is better"),
        (["--score", "mine"], "say which scores are better, --better higher or --better lower"),
        (["--score", "mine", "--better", "lower"], "say which difference is of no consequence"),
        (["--score", "hd95_mm", "--better", "higher"], "hd95_mm is a measure, of which lower is better"),
        (["--score", "dice_error"], "say which scores are better, --better higher or --better lower"),
        (["--score", "dice_prepared"], "say which difference is of no consequence"),
        (["--score", "none", "--better", "lower", "--margin", "1"], "no such column; one of: dice_mean"),
        (["--methods", "a"], "unrecognized arguments: --methods"),
    ],
)
def test_a_wrong_call_is_told(tmp_path, capsys, options, told):
    file = written(table(groups={"T1w": 3}), tmp_path)
    assert main(["judge", *([str(file)] if options else []), *options]) == 64
    assert told in capsys.readouterr().err


def test_bad_tables_have_codes_and_no_traceback(tmp_path, capsys):
    assert main(["judge", str(tmp_path / "none.tsv")]) == 66
    bad = tmp_path / "bad.tsv"
    bad.write_text("method\tmoving\n")
    assert main(["judge", str(bad)]) == 65
    told = capsys.readouterr().err
    assert "No table" in told
    assert "lacks column(s) fixed" in told or "no rows" in told
    assert "Traceback" not in told


def test_it_starts_in_a_second_without_torch_and_matplotlib(tmp_path):
    file = written(table(groups={"T1w": 4}), tmp_path)
    code = (
        "import sys; from lumirage_bids.app.cli import main; "
        f"code = main(['judge', {str(file)!r}]); "
        "assert not {'torch', 'matplotlib', 'nipype', 'bids', 'ants', 'nibabel'} & set(sys.modules); sys.exit(code)"
    )
    begin = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.process_time() - begin < 5


def test_few_structures_bound_the_headline(tmp_path, capsys):
    columns = [*KEYS, "dice_mean", "n_structures"]
    for n, bound in ((3, True), (139, False)):
        file = written(table(subject=0.004).assign(n_structures=n), tmp_path, columns)
        assert main(["judge", str(file)]) == 0
        assert (f"The scores are of {n} structure(s) per pair" in capsys.readouterr().out) == bound


def test_labels_from_intensities_get_no_verdict_where_the_table_lies_in_its_output(tmp_path, capsys):
    pairs = table(labellings=("tissue", "manual"), subject=0.004)
    (tmp_path / "out" / "group").mkdir(parents=True)
    config = tmp_path / "out" / "config"
    config.mkdir()
    record = '[settings]\n[labellings]\ntissue = "atropos: three tissues"\nmanual = "existing maps"\n'
    (config / "20260101T000000Z-abc123.toml").write_text(record)
    columns = [*KEYS, "dice_mean", "labelling"]
    for folder, withheld in ((tmp_path / "out" / "group", 1), (tmp_path, 0)):
        assert main(["judge", str(written(pairs, folder, columns, "pairs.tsv"))]) == 0
        told = capsys.readouterr().out
        assert told.count("No verdict. The labels (tissue) are classes of the very intensities") == withheld
        assert told.count("Highest mean: syn") == 2 - withheld
    tissue = pairs[of(pairs, "syn", labelling="tissue") | of(pairs, "greedy", labelling="tissue")]
    tissue = tissue.assign(tre_mm=6 - 5 * tissue["dice_mean"], hd95_mm=6 - 5 * tissue["dice_mean"])
    file = written(tissue, tmp_path / "out" / "group", [*columns, "tre_mm", "hd95_mm"], "pairs.tsv")
    assert main(["judge", str(file), "--score", "tre_mm"]) == 0
    told = capsys.readouterr().out
    assert (
        "Lowest (best) mean: syn, mean TRE (mm) " in told
    )  # landmarks know nothing of labels, and labels confirm nothing
    assert not re.search("No verdict|Dice|HD95", told)


def test_other_measures_of_the_table_agree_or_not(tmp_path, capsys):
    pairs = table(subject=0.004)
    for sign, told in ((-1, "HD95 agrees (0."), (1, "HD95 says the opposite (0.")):
        file = written(
            pairs.assign(hd95_mm=10 + sign * 5 * pairs["dice_mean"]), tmp_path, [*KEYS, "dice_mean", "hd95_mm"]
        )
        assert main(["judge", str(file)]) == 0
        assert told in capsys.readouterr().out


def test_excels_first_line_blank_rows_and_capitals_are_read(tmp_path, capsys):
    pairs = table(subject=0.004)
    lines = written(pairs, tmp_path, name="scores.csv").read_text().replace("identity,", "Identity,").splitlines()
    file = tmp_path / "excel.csv"
    file.write_text("\n".join(["sep=;", *lines[:5], ",,,", " , , , ", "", *lines[5:], ""]).replace(",", ";"))
    assert main(["judge", str(file)]) == 0
    told = capsys.readouterr().out
    assert "Identity is taken for identity, the start without deformation: it is not ranked." in told
    assert verdict(pairs).headline in told
    file.write_text(file.read_text() + "a;b\n")
    assert main(["judge", str(file)]) == 65
    assert f"line {len(lines) + 5}: 2 cells, the header has 4" in capsys.readouterr().err


def test_one_pair_says_that_one_subject_is_too_few(tmp_path, capsys):
    pairs = table()
    one = pairs[(pairs["moving"] == pairs["moving"][0]) & (pairs["fixed"] == pairs["fixed"][0])]
    assert main(["judge", str(written(one, tmp_path))]) == 0
    assert "1 fixed subject takes part, at least 3 are needed" in capsys.readouterr().out


def test_few_structures_that_the_table_names_bound_the_headline(tmp_path, capsys):
    pairs = table(subject=0.004)
    for shift, told in (
        (0.0, "The scores are the mean of the 2 structure(s) that the table"),
        (0.1, "The table names 2 structure(s): if"),
    ):
        named = pairs.assign(dice_1=pairs["dice_mean"] - 0.1, dice_2=pairs["dice_mean"] + 0.1 + shift)
        assert main(["judge", str(written(named, tmp_path, [*KEYS, "dice_mean", "dice_1", "dice_2"]))]) == 0
        assert told in capsys.readouterr().out
    file = written(pairs.assign(dice=pairs["dice_mean"], n_structures=3), tmp_path, [*KEYS, "dice", "n_structures"])
    assert main(["judge", str(file), "--score", "dice"]) == 0
    assert "The scores are of 3 structure(s) per pair" in capsys.readouterr().out


def test_structures_that_do_not_make_up_the_mean_make_no_claim(tmp_path, capsys):
    """The columns given are of some structures only, in one of which the better method is far better."""
    pairs = table(subject=0.002)
    pairs["dice_1"] = 0.5 + 0.3 * (pairs["method"] == "syn")
    pairs["dice_2"] = 0.5
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "dice_1", "dice_2"]))]) == 0
    told = capsys.readouterr().out
    assert "Highest mean: syn" in told
    assert "One structure" not in told
    assert "dice_mean is not the mean of the 2 columns dice_<index>" in told
    pairs["dice_mean"] = (pairs["dice_1"] + pairs["dice_2"]) / 2
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "dice_1", "dice_2"]))]) == 0
    assert "One structure makes most of it: 1, 100 %" in capsys.readouterr().out


def test_failures_without_a_status_count_as_those_with_one(tmp_path, capsys):
    pairs = table({"greedy": 0.6, "syn": 0.62}, subject=0.004)
    hard = of(pairs, "syn") & some(pairs, 0.045)
    pairs.loc[hard, "dice_mean"] = np.nan
    found = []
    for status in ("failed", "ok"):
        states = pairs.assign(status=np.where(hard, status, "ok"))
        assert main(["judge", str(written(states, tmp_path, [*KEYS, "dice_mean", "status"])), "--json"]) == 0
        (verdict_,) = json.loads(capsys.readouterr().out)["verdicts"]
        found.append([r["kind"] for r in verdict_["relations"]])
    assert found[0] == found[1] == ["turned"]


def test_controls_are_not_ranked_by_their_own_name_or_by_the_users(tmp_path, capsys):
    for name, asked in (("curt", []), ("CURT", []), ("shuffled", ["--control", "shuffled"])):
        file = written(table({"identity": 0.4, "syn": 0.6, name: 0.8}), tmp_path)
        assert main(["judge", str(file), *asked, "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["verdicts"]
        assert {s["name"]: s["rank"] for s in found["standings"]} == {"identity": None, "syn": 1, name: None}
        assert f"syn is below the control {name} by 0." in found["headline"]
    assert main(["judge", str(file), "--control", "shufled"]) == 64
    assert (
        "--control shufled: the table has no such method. It has: identity, syn, shuffled." in capsys.readouterr().err
    )


def test_what_is_not_begun_or_not_done_at_all_is_told(tmp_path, capsys):
    pairs = table({"identity": 0.45, "greedy": 0.6, "syn": 0.65}, groups={"T1w": 6}, subject=0.004)
    pairs.loc[of(pairs, "syn"), ["status", "dice_mean"]] = ["pending", np.nan]
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "status"]))]) == 0
    assert "Note: Not one pair is done yet of syn.\n" in capsys.readouterr().out
    pairs["status"] = "pending"
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "status"]))]) == 0
    told = capsys.readouterr().out
    assert "30 ordered pairs, none of them done." in told
    assert "No pair of different scans is done, so there is nothing to say." in told
    assert "Not one pair is done yet" not in told


def test_a_method_alone_in_its_evaluation_was_not_the_only_one_run(tmp_path, capsys):
    pairs = table({"greedy": 0.6, "syn": 0.65}, groups={"T1w": 6}, subject=0.004)
    pairs["evaluation"] = pairs["method"].map({"greedy": "native", "syn": "reference"})
    assert main(["judge", str(written(pairs, tmp_path, [*KEYS, "dice_mean", "evaluation"]))]) == 0
    told = capsys.readouterr().out
    assert "Only one method is here, greedy" in told
    assert "Only one method is here, syn" in told
    assert "was run" not in told


@pytest.mark.parametrize("called", ["dice_mean", "dice"])
def test_dice_is_told_of_as_any_other_measure_where_another_score_is_judged(called, tmp_path, capsys):
    pairs = table(subject=0.002)
    pairs = pairs.assign(tre_mm=3 + 10 * pairs["dice_mean"]).rename(columns={"dice_mean": called})
    file = written(pairs, tmp_path, [*KEYS, called, "tre_mm"])
    assert main(["judge", str(file), "--score", "tre_mm", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"mean: greedy, mean TRE \(mm\) 9\..*; but syn is better than greedy by Dice \(0\.0", told)
    assert "certain by TRE: Dice turns 1" in told
    assert re.search(r"greedy is below \(better than\) syn by 0\.\d\d mm TRE over 132 pairs", told)
    summed = pd.read_csv(tmp_path / "out" / "measures.tsv", sep="\t")
    assert list(summed.groupby("measure", sort=False)["unit"].first().items()) == [("tre_mm", "mm"), ("dice_mean", "1")]
    compared = pd.read_csv(tmp_path / "out" / "agreement.tsv", sep="\t")
    assert compared[["measure_1", "measure_2"]].to_numpy().tolist() == [["tre_mm", "dice_mean"]]
    assert (tmp_path / "out" / "figures" / "scores-1-scores.svg").exists()


def test_pairs_that_nobody_has_the_score_of_are_no_failures(tmp_path, capsys):
    pairs = table(subject=0.002)
    pairs["hd95_mm"] = (12 - 10 * pairs["dice_mean"]).where(~pairs["moving"].isin(pairs["moving"].unique()[:3]))
    for columns in ([*KEYS, "hd95_mm", "dice_mean"], [*KEYS, "status", "hd95_mm", "dice_mean"]):
        assert main(["judge", str(written(pairs, tmp_path, columns)), "--score", "hd95_mm"]) == 0
        told = capsys.readouterr().out
        assert "33 of 132 pairs have no HD95 of any method. Lowest (best) mean: syn" in told
        assert "Lacking" not in told


def test_what_tells_of_a_row_is_no_score(tmp_path, capsys):
    file = written(table().assign(variant=1), tmp_path, [*KEYS, "dice_mean", "variant"])
    assert main(["judge", str(file), "--score", "variant", "--better", "lower", "--margin", "1"]) == 64
    assert "has no such column of scores; one of: dice_mean" in capsys.readouterr().err
