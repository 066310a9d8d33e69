"""In what a run differs from the published evaluation: facts of the paper and its scripts against a score table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED_START = {
    "nimh-t1w": "centre_of_mass",
    "nimh-ood": "centre_of_mass",
    "ultracortex": "centre_of_mass",
    "prime-de": "aligned",
}
"""Start of the iterative methods in the authors' scripts; networks got none, but on PRIME-DE."""

ALWAYS = {
    "nimh-t1w": "the paper's 100 subjects are not named",
    "nimh-ood": "the paper's 438 scans a contrast and its 5000 pairs are not named",
    "ultracortex": "",
    "prime-de": "the paper does not say which d it states; affine by the images' masks to one subject",
}
"""What cannot be the same."""


def differing_conditions(rows: pd.DataFrame, protocol: str, n_published: int, *, sloppy: bool) -> str:
    """Say what differs from the paper for these rows.

    Parameters
    ----------
    rows : DataFrame
        Scored rows of the score table, of one variant, labelling and evaluation.
    protocol : str
        A key of `PUBLISHED_START`.
    n_published : int
        Pairs in the paper.
    sloppy : bool
        Whether the run was made with ``--sloppy``.
    """
    n = len(rows.drop_duplicates(["moving", "fixed"]))
    parts = ["sloppy: coarse images, a tenth of the iterations"] if sloppy else []
    if n != n_published:
        parts.append(f"{n} of {n_published} pairs")
    if rows["evaluation"].str.contains("nearest").any():
        parts.append("labels carried over by nearest neighbour, in the paper linearly")
    if rows["evaluation"].str.startswith("native").any():
        parts.append("labels compared on the fixed scan's native grid, in the paper on the prepared one")
    if rows["evaluation"].str.startswith("reference").any():
        parts.append("labels compared on the grid of the reference of the alignment, in the paper on the prepared one")
    network = bool(rows["method"].isin(["vfa"]).all())
    published = "none" if network and protocol != "prime-de" else PUBLISHED_START[protocol]
    starts = sorted({str(s) for s in rows["start"]} - {published})
    if starts:
        parts.append(f"start {' and '.join(starts)}, in the paper {published}")
    if protocol == "ultracortex" and not network:
        parts.extend(_similarity(rows))
    parts.append("structures that a native map lacks are left out, in the paper's scripts " + _absent(network))
    return "; ".join([*parts, *filter(None, [ALWAYS[protocol]])])


def _similarity(rows: pd.DataFrame) -> list[str]:
    """Ultracortex: the paper used LNCC within a sequence and MIND across two."""
    across = rows["split"].map(lambda split: len(set(split.split(" to "))) > 1)
    expected = across.map({True: "mind", False: "lncc"})
    other = sorted(set(rows["similarity"][rows["similarity"] != expected]))
    return (
        [f"similarity {' and '.join(other)} on some splits, in the paper's scripts mind across sequences"]
        if other
        else []
    )


def _absent(network: bool) -> str:
    return "they count 0" if network else "those that both lack count 1"
