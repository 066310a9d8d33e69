"""What is read of folders of group tables."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.output.experiment import Experiment, Labelled, write_experiment
from lumirage_bids.output.folder import Output
from lumirage_bids.report.collected.reading import read_all
from lumirage_bids.report.collected.summing import sum_up
from lumirage_bids.report.judged import score_tables
from lumirage_bids.stats.tables import statistics
from tests.report.situations import table


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Group tables of an experiment whose variant looks like a number."""
    pairs = table(groups={"T1w": 4}, variants=("0.6",)).assign(hash="h", surface_mm=1.0, hd95_mm=2.0)
    return written(tmp_path_factory.mktemp("out"), pairs)


def written(out, pairs):
    output = Output(out)
    labelled = Labelled(withheld="", caveat="few", agreements=({"reference": "r", "dice": 0.9, "scans": 2},))
    about = Experiment(dataset="D", protocol="p", criteria=Criteria(), labellings={"manual": labelled}, arms=())
    write_experiment(output, about)
    tables = score_tables(pairs, criteria=Criteria())
    output.write_table("group/pairs.tsv", pairs)
    for name, rows in tables.made.items():
        output.write_table(f"group/{name}.tsv", rows)
    return out


@pytest.fixture
def out(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def test_an_output_folder_and_its_group_folder_alone_are_read_alike(out, tmp_path):
    alone = shutil.copytree(out / "group", tmp_path / "sent")
    whole, (single,) = read_all([out])[0], read_all([alone])
    assert whole.about == single.about
    pd.testing.assert_frame_equal(whole.tables.comparisons, single.tables.comparisons)


def test_what_is_read_is_what_was_written(out):
    (found,) = read_all([out])
    assert set(found.tables.pairs["variant"]) == {"0.6"}
    assert set(found.tables.comparisons["variant_a"]) == {"0.6"}
    assert "hd95_mm" in set(found.tables.further_comparisons["measure"])
    assert "surface_mm" not in found.tables.pairs
    assert found.known.caveats == {"manual": "few"}
    assert found.known.agreements["manual"][0].dice == 0.9
    assert found.tables.comparisons["hangs_on_subject"].dtype == bool


@pytest.mark.parametrize("measure", ["tre_mm", "dice_near_lesion"])
def test_a_measure_of_some_scans_alone_has_its_verdict(tmp_path, measure):
    """Arms lack it of the same number of pairs, so that a verdict asks of which."""
    pairs = table(groups={"T1w": 8}).assign(hash="h")
    some = pairs["moving"].isin(sorted(set(pairs["moving"]))[:4])
    (found,) = read_all([written(tmp_path, pairs.assign(**{measure: (1 - pairs["dice_mean"]).where(some)}))])
    (verdict,) = sum_up([found]).verdicts[0]
    assert verdict.headline
    assert measure in found.tables.pairs


def test_nothing_but_group_tables_is_read(out):
    (out / "dataset_description.json").write_text("torn")
    (out / "sub-00").mkdir()
    assert len(read_all([out])) == 1


def test_one_folder_given_twice_is_refused(out, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(out)
    for again in (out, out / "group", link):
        with pytest.raises(UsageError, match=r"twice|one folder"):
            read_all([out, again])


def test_what_has_no_group_tables_says_how_to_make_them(out, tmp_path):
    with pytest.raises(MissingInputError, match="No folder"):
        read_all([tmp_path / "nowhere"])
    (out / "group" / "experiment.json").unlink()
    with pytest.raises(MissingInputError, match=f"lumirage BIDS_DIR {out} group"):
        read_all([out])


@pytest.mark.parametrize(
    "name", ["pairs", "summary", *(n for n in ("comparisons", "interactions") if n in statistics())]
)
def test_a_table_that_is_not_there_or_torn_is_refused(out, name):
    file = out / "group" / f"{name}.tsv"
    file.write_text("variant\tmethod\n")
    with pytest.raises(BadDataError, match=f"{name}.tsv is torn or of another version: it lacks column"):
        read_all([out])
    file.unlink()
    with pytest.raises(BadDataError, match=f"{name}.tsv is not there"):
        read_all([out])


def test_a_table_without_rows_is_refused(out):
    file = out / "group" / "pairs.tsv"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadDataError, match="has no rows"):
        read_all([out])


def edited(out, name, change):
    file = out / "group" / f"{name}.tsv"
    change(pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)).to_csv(file, sep="\t", index=False)


def test_a_word_where_a_number_stands_is_refused(out):
    edited(out, "comparisons", lambda table: table.assign(mean_difference="abc"))
    with pytest.raises(BadDataError, match=r"comparisons.tsv is torn or was edited: mean_difference is 'abc'"):
        read_all([out])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pairs", lambda table: table.iloc[: len(table) // 2]),
        ("comparisons", lambda table: table.assign(mean_difference="0.9")),
        ("further_comparisons", lambda table: table.assign(mean_difference="0.9")),
    ],
)
def test_tables_that_do_not_fit_each_other_are_refused(out, name, change):
    edited(out, name, change)
    with pytest.raises(BadDataError, match="do not fit each other"):
        read_all([out])
