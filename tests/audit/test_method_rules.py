"""Methods under conditions that differ."""

from __future__ import annotations

from dataclasses import replace

from lumirage_bids.audit import audit
from tests.audit.made_up import changed, conditions, found, with_facts


def test_unimodal_similarity_on_pairs_of_two_sequences():
    c = conditions(kinds=("MPRAGE", "MP2RAGE"))
    finding = found(c)["unimodal-similarity"]
    assert finding.severity == "serious"
    # Two scans of each sequence: 8 of the 12 ordered pairs cross.
    assert "greedy (lncc): 8 of 12 pairs" in finding.evidence
    assert "unimodal-similarity" not in found(conditions({"similarity": "mind"}, kinds=("MPRAGE", "MP2RAGE")))


def test_a_sequence_that_is_not_known_is_not_another_sequence():
    assert "unimodal-similarity" not in found(conditions(kinds=("MPRAGE", "T1w")))


def test_unimodal_similarity_on_another_contrast_of_the_same_subject():
    c = conditions(rescanned=1)
    rescans = c.pairs["split"] == "same subject"
    other = c.pairs.loc[rescans, "moving"].str.replace("T1w", "T2w")
    assert "unimodal-similarity" not in found(c)
    assert "greedy (lncc): 2 of 20 pairs" in found(changed(c, rescans, moving=other))["unimodal-similarity"].evidence


def test_unequal_start():
    c = conditions()
    of_syn = c.pairs["method"] == "syn"
    finding = found(changed(c, of_syn, start="own"))["unequal-start"]
    assert "syn: own" in finding.evidence
    assert "greedy: aligned" in finding.evidence


def test_another_start_in_another_variant_is_meant():
    c = conditions(variants=("a", "b"))
    assert "unequal-start" not in found(changed(c, c.pairs["variant"] == "b", start="centre_of_mass"))


def test_unequal_input_but_for_the_floor():
    c = conditions()
    assert "syn: 1 mm" in found(changed(c, c.pairs["method"] == "syn", input="1 mm"))["unequal-input"].evidence
    assert "unequal-input" not in found(changed(c, c.pairs["method"] == "identity", input="1 mm"))


def test_registered_below_native():
    c = replace(conditions({"input": "1 mm"}), preparations={"default": {"spacing": 1.0}})
    fine = with_facts(c, spacing=(0.6, 0.6, 2.0))
    finding = found(fine)["registered-below-native"]
    assert "greedy: 1 mm, where 4 of 4 scans are finer, down to 0.6 mm" in finding.evidence
    assert "registered-below-native" not in found(c)


def test_a_networks_own_grid_below_native():
    c = conditions()
    c = with_facts(
        changed(c, c.pairs["method"] == "syn", input="160 × 192 × 144 voxels of 1 mm, RAS"), spacing=(0.6,) * 3
    )
    evidence = found(c)["registered-below-native"].evidence
    assert "syn: 1 mm" in evidence
    assert "greedy" not in evidence


def test_evaluated_below_native():
    c = replace(conditions(), preparations={"default": {"spacing": 1.0}})
    c = replace(c, pairs=c.pairs.assign(dice_prepared=c.pairs["dice_mean"] + 0.05))
    assert "+0.050" in found(with_facts(c, spacing=(0.6,) * 3))["evaluated-below-native"].evidence
    assert "evaluated-below-native" not in found(c)


def test_tuned_on_the_same_pairs():
    c = replace(conditions(), tuned={"greedy": "window chosen on these subjects", "vfa": "not run"})
    assert [f.what for f in audit(c) if f.id == "tuned-on-pairs"] == [
        "Parameters of greedy were chosen by its scores on the pairs that are scored here."
    ]


def test_synthesised_images_are_noted_and_seen_as_what_they_are():
    c = conditions()
    variant = str(c.pairs["variant"].iloc[0])
    flair = c.pairs["moving"].str.replace("T1w", "FLAIR")
    pairs = c.pairs.assign(moving=flair, similarity="lncc")
    across = replace(c, pairs=pairs)
    assert "unimodal-similarity" in found(across)
    made = {"program": "mri_synthsr", "contrasts": ["FLAIR"], "makes": "T1w", "grid": "own"}
    told = found(replace(across, preparations={variant: {**c.preparations[variant], "synthesis": made}}))
    assert told["image-synthesised"].severity == "note"
    assert "(FLAIR) mri_synthsr made T1w images" in told["image-synthesised"].evidence
    assert "unimodal-similarity" not in told
    assert "image-synthesised" not in found(across)
    none = replace(c, preparations={variant: {**c.preparations[variant], "synthesis": made}})
    assert "image-synthesised" not in found(none)  # there is no scan of that contrast
