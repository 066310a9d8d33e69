"""A run's numbers beside the published ones."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lumirage_bids.audit.published import (
    DIFFERENCES,
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
from lumirage_bids.audit.published.differences import _OURS, _PARAMETERS, published_conditions
from lumirage_bids.experiment import protocol as protocols
from lumirage_bids.experiment.arms import choose_arms
from lumirage_bids.experiment.descriptions import arm_tables
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.report.audit_section import differences_table, published_table

KINDS = {
    "nimh-t1w": [("T1w", "MPRAGE")],
    "nimh-ood": [("T2w", "TSE"), ("T2starw", "GRE"), ("FLAIR", "TSE")],
    "prime-de": [("T1w", "T1w")],
    "ultracortex": [("T1w", "MPRAGE"), ("T1w", "MP2RAGE")],
}


@cache
def run_of(name: str) -> tuple[pd.DataFrame, RunFacts]:
    """What a run of a protocol leaves behind: score rows of all its arms, and the paper's network; and its facts."""
    protocol = protocols.load(name)
    methods = (*protocol.default_methods, "vfa")
    settings = Settings(bids_dir=Path("b"), out_dir=Path("o"), level="participant", methods=methods, dry_run=True)
    scans = [(str(i), suffix, kind) for suffix, kind in KINDS[name] for i in range(3)]
    scans = [(f"{place}{kind}" if name == "ultracortex" else place, suffix, kind) for place, suffix, kind in scans]
    tables, preparations, parameters = [], {}, {}
    for arm in choose_arms(protocol, settings):
        of = arm_tables(arm)
        preparations[arm.variant] = of["preparation"]
        named = {
            f"{table} {k}": v
            for table, x in (("alignment", of["alignment"]), (arm.name, of["method"]))
            for k, v in x.items()
        }
        parameters.setdefault(arm.variant, {}).update(named)
        for labelling in protocol.labellings:
            rows = pairs(scans, {arm.name: 0.7}, variant=arm.variant, labelling=labelling, start=arm.alignment.start)
            across = rows["split"].map(lambda split: len(set(split.split(" to "))) > 1)
            similarity = [arm.method.similarity_for(multimodal=bool(x)) for x in across]
            more = {"dice_prepared": rows["dice_mean"] + 0.05} if arm.evaluation.grid == "prepared" else {}
            seen = str(arm.method.own_input or "as prepared")
            tables.append(rows.assign(similarity=similarity, input=seen, evaluation=arm.evaluation.words, **more))
    sources = dict.fromkeys(protocol.labellings, "existing maps")
    return pd.concat(tables, ignore_index=True), RunFacts(
        preparations=preparations, parameters=parameters, sources=sources
    )


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


@cache
def differences_of(name: str) -> pd.DataFrame:
    table, facts = run_of(name)
    return published_differences(table, name, facts)


def differing(name: str, method: str, variant: str | None = None) -> dict[str, tuple[str, str, str]]:
    found = differences_of(name)
    found = found[(found["evaluation"] == "prepared") & (found["method"] == method)]
    found = found[found["variant"] == variant] if variant else found
    return {row.field: (row.ours, row.published, row.source) for row in found.itertuples()}


def test_what_differs_on_ultracortex():
    found = differing("ultracortex", "greedy", "0.6mm")
    assert set(found) == {"skull", "field of view", "centres of mass", "structures that both maps lack"}
    assert found["field of view"][0] == "each scan's own: the box around its brain and 10 mm"
    assert found["centres of mass"][0] == "of the brain masks"
    assert "manual label maps" in found["centres of mass"][1]
    for similarity in ("lncc", "mind"):
        other = differing("ultracortex", "greedy", f"0.6mm-{similarity}")
        assert other["similarity"] == (similarity, "mind-lncc", "script")
        assert other.keys() - {"similarity"} == found.keys()
    assert found.keys() | {"syn step"} == differing("ultracortex", "syn", "0.6mm").keys()
    network = differing("ultracortex", "vfa", "1mm")
    assert network["start"][:2] == ("centre_of_mass", "none")
    assert network["field of view"][:2] == (
        "160 × 224 × 192 voxels of 1 mm, RAS", "224 × 224 × 160 voxels of 1 mm, RAS",
    )  # fmt: skip


def test_what_differs_on_macaques():
    found = differing("prime-de", "greedy")
    assert {"voxel size", "spacing in the headers", "intensities", "alignment, scales", "effect size"} <= set(found)
    # As in the paper.
    assert not {"alignment", "start", "skull", "orientation", "greedy window", "similarity"} & set(found)
    assert found["voxel size"] == ("native", "0.3 mm, that of the subject that all are aligned to", "script")
    assert found["alignment to"][2] == "unknown"


@pytest.mark.parametrize("name", ["nimh-t1w", "nimh-ood"])
def test_what_differs_on_nimh(name: str):
    found = differing(name, "greedy")
    assert {"intensities", "skull", "field of view", "subjects", "label maps"} <= set(found)
    assert found["intensities"][1:] == ("as they are", "script")
    assert not {"greedy scales", "greedy window", "start", "similarity", "voxel size"} & set(found)
    assert "the same pairs" not in str(found)
    assert differing(name, "vfa")["field of view"][1] == "192 × 160 × 224 voxels of 1 mm, RAS"
    assert ("5000" in found["subjects"][1]) is (name == "nimh-ood")


def test_a_parameter_that_is_not_the_papers_is_told_and_one_that_is_not_known_too():
    table, facts = run_of("nimh-t1w")
    changed = {"default": {**facts.parameters["default"], "greedy window": 9}}
    told = published_differences(table, "nimh-t1w", RunFacts(preparations=facts.preparations, parameters=changed))
    row = told[told["field"] == "greedy window"].iloc[0]
    assert (row["ours"], row["published"], row["source"]) == ("9", "7", "script")
    unknown = published_comparison(table, "nimh-t1w")["conditions"].iloc[0]
    assert "greedy window: here not known, in the paper's script 7" in unknown


def test_every_condition_has_a_source_and_a_way_to_tell_the_runs():
    for name in PROTOCOLS:
        conditions = published_conditions(name)
        assert {c.source for c in conditions} <= {"text", "script", "unknown"}
        once = [(c.field, c.holds_for, c.variant) for c in conditions]
        assert len(set(once)) == len(once)
        assert {c.field for c in conditions} <= {*_OURS, *_PARAMETERS}


def test_the_papers_findings_are_told_whole():
    text = published_findings()
    assert "by DeepAtropos vfa 0.876, greedy 0.872, syn 0.851" in text
    assert "by SLANT greedy 0.729, syn 0.709, vfa 0.595" in text
    tables = paper_tables()
    means = [v[0] for key in ("slant", "deepatropos", "synthseg") for v in tables["table1"][key].values()]
    means += [v[0] for key in ("T2w", "T2starw", "FLAIR") for v in tables["table2"][key].values()]
    assert all(f"{mean:.3f}" in text for mean in means)


def pairs(scans: list[tuple[str, str, str]], methods: dict[str, float], **columns: object) -> pd.DataFrame:
    """All ordered pairs of (subject, suffix, sequence) within a suffix."""
    random = np.random.default_rng(0)
    rows = [
        {
            **{"variant": "default", "method": method, "labelling": "synthseg", "split": f"{m[2]} to {f[2]}"},
            **{"moving": f"sub-{m[0]}_{m[1]}", "fixed": f"sub-{f[0]}_{f[1]}", "status": "ok", "similarity": "lncc"},
            **{"dice_mean": dice + random.normal(0, 0.02), "start": "centre_of_mass", "evaluation": "native"},
        }
        for m, f in permutations(scans, 2)
        if m[1] == f[1]
        for method, dice in methods.items()
    ]
    return pd.DataFrame(rows).assign(**columns)


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
    assert "start: here centre_of_mass, in the paper's script none" in row["conditions"]


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


def test_the_page_says_once_what_differs():
    table, facts = run_of("ultracortex")
    published = published_comparison(table, "ultracortex", facts)
    laid = differences_table(differences_of("ultracortex"))
    texts = [[cell.text for cell in row] for row in laid.rows]
    assert len({(row[0], *row[2:]) for row in texts}) == len(texts)
    others = {row[1]: row[2] for row in texts if row[0] == "similarity"}
    assert others == {"greedy, syn; 0.6mm-mind": "script", "greedy, syn; 0.6mm-lncc": "script"}
    assert len(published_table(published).rows) == len(published)
    assert list(published_differences(table, "default", facts).columns) == list(DIFFERENCES)


def test_trimming_drops_the_lowest_twentieth_rounded_down():
    dice = np.arange(1, 40) / 40
    assert statistics(dice, trimmed=True)["mean"] == pytest.approx(dice[1:].mean())
    assert statistics(dice, trimmed=False)["mean"] == pytest.approx(dice.mean())
    assert np.isnan(statistics(dice[:1], trimmed=True)["std"])
