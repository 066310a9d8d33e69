"""What others found about kinds of methods, cited as findings; and what this run's images say. No advice."""

from __future__ import annotations

import numpy as np

from lumirage_bids.audit.audited_run import AuditedRun
from lumirage_bids.audit.label_rules import MOSTLY_BARE, mean_facts

MIRAGE = "Jena et al. 2024, NeurIPS 37, doi:10.52202/079017-3439"
LUMIR = "Chen et al. 2025, arXiv:2505.24160"


def literature(audited: AuditedRun) -> list[str]:
    """Paragraphs on methods that optimise and methods that have learned, each with its source.

    Parameters
    ----------
    audited : AuditedRun
        Whose scans' facts tell how much intensities say about the labels here.
    """
    return [
        "Boundary in the labels. A method that sees intensities alone matches labels only as far as intensities tell "
        "them apart: over four brain datasets the Dice of ANTs followed the mutual information of intensity and label "
        f"(r = 0.89, of its logarithm 0.93), and networks trained without labels did no better ({MIRAGE})."
        f"{_tell_here(audited)}",
        "Supervision. Networks trained with labels of the same protocol and the same data scored higher there (OASIS: "
        "LKU-Net 0.904, ANTs 0.787), also where there is no boundary. On four datasets from elsewhere the order was: "
        f"supervised networks within their domain, optimisation, supervised networks outside it ({MIRAGE}).",
        "LUMIR's organisers found learned methods ahead of several leading optimisation-based ones, on T1w scans of "
        "people who were held out and on most zero-shot tasks (disease, 9.4 T, macaques), with a drop on other "
        f"contrasts ({LUMIR}).",
    ]


def _tell_here(c: AuditedRun) -> str:
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
