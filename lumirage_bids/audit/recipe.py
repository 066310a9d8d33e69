"""Which paradigm for which problem: what is known, and what this run says about it."""

from __future__ import annotations

import numpy as np

from lumirage_bids.audit.conditions import Conditions
from lumirage_bids.audit.label_rules import MOSTLY_BARE, mean_facts

MIRAGE = "Jena et al. 2024, NeurIPS 37, doi:10.52202/079017-3439"
LUMIRAGE = "Jena et al. 2026, PMLR 315:4134-4165"


def recipe(conditions: Conditions) -> list[str]:
    """Paragraphs on choosing between optimisation and a network, each with its evidence.

    Parameters
    ----------
    conditions : Conditions
        Whose scans' facts tell how much intensities say about the labels here.
    """
    return [
        "Boundary in the labels. A method that sees intensities alone matches labels only as far as intensities tell "
        "them apart: over four brain datasets the Dice of ANTs follows the mutual information of intensity and label "
        f"(r = 0.89, of its logarithm 0.93), and networks trained without labels did no better ({MIRAGE})."
        f"{_here(conditions)}",
        "Supervision. Networks trained with labels of the same protocol and the same data score clearly higher there "
        "(OASIS: LKU-Net 0.904, ANTs 0.787), also where there is no boundary; optimisation cannot use that signal "
        f"({MIRAGE}).",
        "Shift of domain. On four datasets from elsewhere the gain was gone: supervised networks within their domain, "
        f"then optimisation, then supervised networks outside it ({MIRAGE}). LUMIR's networks keep up on T1w and fall "
        f"behind on T2w, T2*w and FLAIR, with effect sizes of 0.7 to 1.5 ({LUMIRAGE}).",
        "So choose a trained network where there is a large labelled dataset and the scans to come are of its "
        "distribution; else optimisation is the more accurate and the safer choice.",
    ]


def _here(c: Conditions) -> str:
    """What the facts of this run's scans say."""
    told = []
    for labelling, scans in c.scans.items():
        shares = [f.mutual_information / f.label_entropy for f in scans.values() if f.label_entropy > 0]
        facts = mean_facts(c, labelling)
        if not facts or not shares:
            continue
        bits = np.mean([f.mutual_information for f in scans.values() if f.label_entropy > 0])
        bare = sum(f.bare >= MOSTLY_BARE for f in facts.values())
        told.append(
            f"{labelling}: {bits:.2f} bits, {100 * np.mean(shares):.0f} % of what there is to know of a voxel's label; "
            f"{bare} of {len(facts)} structures have no contrast along half of their boundary or more"
        )
    return f" Here, {'; '.join(told)}." if told else ""
