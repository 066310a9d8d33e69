"""What a run does otherwise than the paper."""

from __future__ import annotations

import pytest

from lumirage_bids.audit.published import PROTOCOLS, RunFacts, published_comparison, published_differences
from lumirage_bids.audit.published.differences import _OURS, _PARAMETERS, published_conditions
from lumirage_bids.experiment.protocol import load
from tests.audit.published.docs_tables import table
from tests.audit.published.runs import differences_of, run_of


def differing(name: str, method: str, variant: str | None = None) -> dict[str, tuple[str, str, str]]:
    asked = {v.name for v in load(name).on_request} & {variant}
    found = differences_of(name, *sorted(filter(None, asked)))
    found = found[(found["evaluation"] == "prepared") & (found["method"] == method)]
    found = found[found["variant"] == variant] if variant else found
    return {row.field: (row.ours, row.published, row.source) for row in found.itertuples()}


EXACT = {"gradient of the loss"}
ULTRACORTEX = {"alignment", "skull", "centres of mass", "normalised", "structures that both maps lack"}
NIMH = {"subjects", "pairs that count", "label maps", "files", "skull", "structures that both maps lack"}
MACAQUES = {
    "subjects", "effect size", "spacing in the headers", "field of view", "alignment to",
    "structures that both maps lack",
}  # fmt: skip
STEPS = {
    "0.6mm-published": "0.375", "0.6mm-published-step0.125": "0.125",
    "1mm-published": "0.375", "1mm-published-step0.125": "0.125",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method", "variant", "left"),
    [
        ("nimh-t1w", "greedy", "published", NIMH | EXACT),
        ("nimh-t1w", "vfa", "published", NIMH | {"field of view"}),
        ("nimh-ood", "syn", "published-stripped", NIMH | EXACT | {"effect size"}),
        ("nimh-ood", "vfa", "published-192x160x224", NIMH | {"effect size", "field of view"}),
        ("prime-de", "greedy", "published", MACAQUES | EXACT),
        ("prime-de", "greedy", "published-native", MACAQUES | EXACT | {"voxel size", "resampled to"}),
        ("prime-de", "syn", "published", MACAQUES | EXACT),
        # Its array is on the grid of the start, which so is that of the scripts.
        ("prime-de", "vfa", "published", MACAQUES),
        ("ultracortex", "greedy", "0.6mm-published", ULTRACORTEX | EXACT),
        ("ultracortex", "syn", "0.6mm-published", ULTRACORTEX | EXACT | {"syn step"}),
        ("ultracortex", "syn", "1mm-published-step0.125", ULTRACORTEX | EXACT | {"syn step"}),
        ("ultracortex", "vfa", "1mm-published", ULTRACORTEX),
    ],
)
def test_what_still_differs_where_published_conditions_are_asked_for(
    name: str, method: str, variant: str, left: set[str]
):
    assert set(differing(name, method, variant)) == left


def test_what_cannot_be_told_is_told_of_what_was_run():
    assert differing("nimh-t1w", "greedy", "published")["skull"][0] == "kept"
    assert differing("nimh-t1w", "greedy", "published-stripped")["skull"][0] == "stripped"
    assert "1e-5" in differing("nimh-t1w", "greedy", "published")["files"][1]
    cut = differing("nimh-t1w", "vfa", "published-192x160x224")["field of view"]
    assert cut[:2] == (
        "192 × 160 × 224 voxels of 1 mm, RAS", "192 × 160 × 224 voxels of 1 mm, it is not said of which axes",
    )  # fmt: skip
    steps = {variant: differing("ultracortex", "syn", variant)["syn step"][0] for variant in STEPS}
    assert steps == STEPS
    box = differing("prime-de", "greedy", "published")["field of view"]
    assert box[0] == (
        "of the scan that all are aligned to: the box around the brain and 3 mm, padded to a multiple of 32 voxels"
    )


def test_what_differs_on_ultracortex():
    found = differing("ultracortex", "greedy", "0.6mm")
    assert set(found) == {"resampled to", *ULTRACORTEX, *EXACT, "field of view"} - {"normalised"}
    assert found["resampled to"][:2] == ("grids of their own", "the grid of the scan that all are aligned to")
    assert found["field of view"][0] == "each scan's own: the box around its brain and 10 mm"
    assert found["centres of mass"][0] == "of the brain masks"
    assert "manual label maps" in found["centres of mass"][1]
    for similarity in ("lncc", "mind"):
        other = differing("ultracortex", "greedy", f"0.6mm-{similarity}")
        assert other["similarity"] == (similarity, "mind-lncc", "script")
        assert other.keys() - {"similarity"} == found.keys()
    assert found.keys() | {"syn step"} == differing("ultracortex", "syn", "0.6mm").keys()
    network = differing("ultracortex", "vfa", "1mm")
    assert "start" not in network  # there, images were moved onto sub-3's for the network too
    assert network["resampled to"][0] == "grids of their own"
    assert network["field of view"][:2] == (
        "160 × 224 × 192 voxels of 1 mm, RAS", "224 × 224 × 160 voxels of 1 mm, RAS",
    )  # fmt: skip


def test_what_differs_on_macaques():
    found = differing("prime-de", "greedy")
    assert {"voxel size", "spacing in the headers", "intensities", "alignment, scales", "effect size"} <= set(found)
    # As in the paper.
    assert not {"alignment", "start", "skull", "orientation", "greedy window", "similarity"} & set(found)
    assert found["voxel size"] == ("native", "0.3 mm", "script")
    assert found["resampled to"][0] == "none: images stay on their own grids"
    assert found["alignment to"][2] == "unknown"


@pytest.mark.parametrize("name", ["nimh-t1w", "nimh-ood"])
def test_what_differs_on_nimh(name: str):
    found = differing(name, "greedy")
    assert {"intensities", "skull", "field of view", "subjects", "label maps"} <= set(found)
    assert found["intensities"][1:] == ("as they are", "script")
    assert not {"greedy scales", "greedy window", "start", "similarity", "voxel size"} & set(found)
    assert "the same pairs" not in str(found)
    network = differing(name, "vfa")
    assert network["field of view"][0] == "160 × 224 × 192 voxels of 1 mm, RAS"
    assert network["start"][:2] == ("centre_of_mass", "none: array on array")
    assert network["intensities"][0].endswith("then again by the program: " + network["intensities"][1])
    assert ("5000" in found["subjects"][1]) is (name == "nimh-ood")


def test_a_parameter_that_is_not_the_papers_is_told_and_one_that_is_not_known_too():
    table, facts = run_of("nimh-t1w")
    changed = {"default": {**facts.parameters["default"], "greedy window": 9}}
    told = published_differences(table, "nimh-t1w", RunFacts(preparations=facts.preparations, parameters=changed))
    row = told[told["field"] == "greedy window"].iloc[0]
    assert (row["ours"], row["published"], row["source"]) == ("9", "7", "script")
    unknown = published_comparison(table, "nimh-t1w")["conditions"].iloc[0]
    assert "greedy window: here not known, in the paper's script 7" in unknown


def test_a_shape_that_is_padded_is_told_with_its_multiple():
    table, facts = run_of("nimh-t1w")
    given = {"default": {**facts.preparations["default"], "shape": (100, 120, 90), "multiple": 16}}
    told = published_differences(table, "nimh-t1w", RunFacts(preparations=given, parameters=facts.parameters))
    row = told[(told["field"] == "field of view") & (told["method"] == "greedy")].iloc[0]
    assert row["ours"] == "100 × 120 × 90 voxels, padded to a multiple of 16 voxels"


def test_every_condition_has_a_source_and_a_way_to_tell_the_runs():
    for name in PROTOCOLS:
        conditions = published_conditions(name)
        assert {c.source for c in conditions} <= {"text", "script", "unknown"}
        once = [(c.field, c.holds_for, c.variant) for c in conditions]
        assert len(set(once)) == len(once)
        assert {c.field for c in conditions} <= {*_OURS, *_PARAMETERS}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_docs_set_every_condition_beside_ours(name: str):
    rows = table(name).splitlines()[2:]
    shared = published_conditions("nimh-t1w") if name == "nimh-ood" else ()
    assert len(rows) == sum(c not in shared for c in published_conditions(name))
    for row in rows:
        plain, published, reached = row.strip("| ").split(" | ")[-3:]
        assert plain
        assert published
        assert reached in ("yes", "no", "not known")


def test_synthesised_images_are_a_difference():
    found = differences_of("nimh-ood", "synthesised")
    found = found[found["field"] == "images synthesised"]
    told = {f"T1w images, made of {contrast} scans by mri_synthsr" for contrast in ("T2w", "T2starw", "FLAIR")}
    assert (set(found["ours"]), set(found["published"])) == (told, {"none"})
    assert {"greedy", "syn", "vfa"} <= set(found["method"])
    assert "images synthesised" not in differing("nimh-ood", "vfa", "published")


def test_perturbed_images_are_a_difference():
    table, facts = run_of("nimh-t1w")
    worse = {"kind": "noise", "size": 0.4, "seed": 0}
    given = {"default": {**facts.preparations["default"], "perturbation": worse}}
    told = published_differences(table, "nimh-t1w", RunFacts(preparations=given, parameters=facts.parameters))
    assert set(told[told["field"] == "images perturbed"]["ours"]) == {"noise, size 0.4"}
    assert "images perturbed" not in set(differences_of("nimh-t1w")["field"])
