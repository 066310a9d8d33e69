"""A run beside the numbers of the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.audit.published import (
    PROTOCOLS,
    PUBLISHED,
    RunFacts,
    cells,
    paper_tables,
    published_comparison,
    published_differences,
    published_findings,
    statistics,
)
from tests.audit.published.runs import pairs, run_of


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_run_of_a_protocol_stands_beside_every_number_of_its_experiment(name: str):
    table, facts = run_of(name)
    found = published_comparison(table, name, facts)
    printed = {
        (cell.source, cell.pairs, cell.method, cell.labelling, cell.variant, quantity, value)
        for cell in cells(name)
        for quantity, value in cell.values.items()
    }
    columns = ["source", "pairs", "method", "labelling", "variant", "quantity", "published"]
    here = set(map(tuple, found[columns].to_numpy()))
    lacking = {
        row for row in printed if not any(row[:4] == h[:4] and row[4] in ("", h[4]) and row[5:] == h[5:] for h in here)
    }
    assert not lacking
    if name == "prime-de":
        stated = {key: v for key, v in paper_tables()["cohens_d_stated"].items() if key.startswith("PRIME-DE")}
        assert set(found["published"]) == set(stated.values())
        assert set(found["labelling"]) == {"nbest", "nbestsubcortical"}
    assert found["ours"].notna().all() or name == "prime-de"


def test_the_papers_findings_are_told_whole():
    text = published_findings()
    assert "by DeepAtropos vfa 0.876, greedy 0.872, syn 0.851" in text
    assert "by SLANT greedy 0.729, syn 0.709, vfa 0.595" in text
    tables = paper_tables()
    means = [v[0] for key in ("slant", "deepatropos", "synthseg") for v in tables["table1"][key].values()]
    means += [v[0] for key in ("T2w", "T2starw", "FLAIR") for v in tables["table2"][key].values()]
    assert all(f"{mean:.3f}" in text for mean in means)


def test_the_tables_are_whole():
    """As many cells as the paper's tables have: 3 × 3, 3 × 3, 4 × 5; values are Dice."""
    assert paper_tables()["source"].startswith("Jena")
    counts = {protocol: list(cells(protocol)) for protocol in PROTOCOLS}
    assert {p: len(c) for p, c in counts.items()} == {
        "nimh-t1w": 9, "nimh-ood": 9, "prime-de": 0, "ultracortex": 20,
    }  # fmt: skip
    assert all(0 < v < 1 for of in counts.values() for cell in of for v in cell.values.values())
    assert {c.n_pairs for c in counts["ultracortex"]} == {132, 6, 72, 54}


def test_ultracortex_by_class_and_variant():
    scans = [("1", "T1w", "MPRAGE"), ("2", "T1w", "MPRAGE"), ("3", "T1w", "MP2RAGE"), ("4", "T1w", "MP2RAGE")]
    table = pd.concat(
        [
            pairs(scans, {"greedy": 0.7, "identity": 0.3}, labelling="manual", variant=variant)
            for variant in ("0.6mm", "0.6mm-mind", "native")
        ],
        ignore_index=True,
    )
    found = published_comparison(table, "ultracortex")
    assert list(found.columns) == list(PUBLISHED)
    assert set(found["method"]) == {"greedy"}
    assert set(found["variant"]) == {"0.6mm", "0.6mm-mind"}
    both = found[(found["pairs"] == "MPRAGE to MP2RAGE (both directions)") & (found["variant"] == "0.6mm")]
    mean = both[both["quantity"] == "mean"].iloc[0]
    chosen = table[(table["variant"] == "0.6mm") & (table["method"] == "greedy")]
    chosen = chosen[chosen["split"].isin(["MPRAGE to MP2RAGE", "MP2RAGE to MPRAGE"])]
    assert mean["ours"] == pytest.approx(chosen["dice_mean"].mean())
    assert (mean["published"], mean["n_pairs"], mean["n_pairs_published"]) == (0.679, 8, 54)
    assert mean["difference"] == pytest.approx(mean["ours"] - 0.679)
    assert "8 of 54 pairs" in mean["conditions"]


def test_contrasts_are_told_by_the_scans_also_where_splits_name_sequences():
    scans = [(str(i), suffix, "TSE") for suffix in ("T2w", "FLAIR") for i in range(6)]
    table = pairs(scans, {"syn": 0.8, "vfa": 0.5})
    found = published_comparison(table, "nimh-ood")
    assert set(found["pairs"]) == {"T2w", "FLAIR"}
    row = found[(found["pairs"] == "FLAIR") & (found["method"] == "vfa") & (found["quantity"] == "median")].iloc[0]
    assert row["published"] == 0.6907
    own = table[table["moving"].str.endswith("FLAIR") & (table["method"] == "vfa")]["dice_mean"]
    assert row["ours"] == pytest.approx(own.sort_values().iloc[len(own) * 5 // 100 :].median())
    assert "start: here centre_of_mass, in the paper's script none: array on array" in row["conditions"]


def test_scores_on_the_prepared_grid_come_first_where_there_are_any():
    scans = [(str(i), "T1w", "MPRAGE") for i in range(5)]
    table = pairs(scans, {"greedy": 0.8})
    table = table.assign(dice_prepared=table["dice_mean"] + 0.1)
    found = published_comparison(table, "nimh-t1w")
    assert list(found["evaluation"]) == ["prepared"] * 3 + ["native"] * 3
    assert found["ours"].iloc[0] == pytest.approx(found["ours"].iloc[3] + 0.1)
    assert "native grid" in found["conditions"].iloc[3]
    assert "native grid" not in found["conditions"].iloc[0]


def test_effect_sizes_of_prime_de():
    scans = [(str(i), "T1w", "T1w") for i in range(5)]
    table = pairs(scans, {"greedy": 0.8, "vfa": 0.75}, labelling="nbestsubcortical", start="aligned")
    found = published_comparison(table, "prime-de")
    wide = table.pivot(index=["moving", "fixed"], columns="method", values="dice_mean")
    gain = wide["greedy"] - wide["vfa"]
    assert found["ours"].tolist() == pytest.approx([gain.mean() / gain.std()])
    assert found["published"].tolist() == [1.016]
    assert found["n_pairs"].tolist() == [20]


def test_failed_pairs_and_rescans_are_not_compared():
    scans = [(str(i), "T1w", "MPRAGE") for i in range(4)]
    table = pairs(scans, {"greedy": 0.8})
    table.loc[0, "status"] = "failed"
    table.loc[1, "split"] = "same subject"
    assert set(published_comparison(table, "nimh-t1w")["n_pairs"]) == {10}


def test_other_protocols_and_empty_tables_have_nothing_beside_them():
    table = pairs([("1", "T1w", "a"), ("2", "T1w", "a")], {"greedy": 0.8})
    assert published_comparison(table, "default").empty
    assert published_comparison(table[:0], "nimh-t1w").empty
    assert list(published_comparison(table, "default").columns) == list(PUBLISHED)


def test_sloppy_runs_say_so():
    table = pairs([("1", "T1w", "a"), ("2", "T1w", "a")], {"greedy": 0.8})
    assert published_comparison(table, "nimh-t1w", RunFacts(sloppy=True))["conditions"].str.contains("sloppy").all()


def test_trimming_drops_the_lowest_twentieth_rounded_down():
    dice = np.arange(1, 40) / 40
    assert statistics(dice, trimmed=True)["mean"] == pytest.approx(dice[1:].mean())
    assert statistics(dice, trimmed=False)["mean"] == pytest.approx(dice.mean())
    assert np.isnan(statistics(dice[:1], trimmed=True)["std"])


def test_conditions_of_macaques_are_told_without_an_effect_size():
    scans = [(str(i), "T1w", "T1w") for i in range(4)]
    table = pairs(scans, {"greedy": 0.8, "identity": 0.5}, labelling="nbest", start="aligned")
    assert published_comparison(table, "prime-de").empty
    told = published_differences(table, "prime-de")
    assert set(told["method"]) == {"greedy"}
    assert {"spacing in the headers", "effect size"} <= set(told["field"])
