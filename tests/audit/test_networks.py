"""Data sets that share scans."""

from __future__ import annotations

import pytest

from lumirage_bids.audit.networks import shared_scans


@pytest.mark.parametrize(
    ("dataset", "trained_on", "told"),
    [
        ("IXI", "OpenBHB", "IXI is part of OpenBHB."),
        ("ABIDE II", "LUMIR", "ABIDE is part of OpenBHB, from which LUMIR has scans."),
        ("OpenBHB, quasi-raw", "LUMIR", "OpenBHB is part of LUMIR."),
        ("OpenBHB", "IXI", "IXI is part of OpenBHB."),
        ("Mindboggle-101", "OASIS", "OASIS is part of Mindboggle."),
        ("BrainCOLOR maps", "Mindboggle", "BrainCOLOR and Mindboggle both have scans of OASIS."),
        ("my own study", "my own study", "The name is that of my own study."),
        ("a pixie's brain", "OpenBHB", ""),
        ("binary scans", "LUMIR", ""),
        ("NIMH", "OASIS", ""),
    ],
)
def test_datasets_that_share_scans(dataset, trained_on, told):
    assert shared_scans(dataset, [trained_on]) == told
