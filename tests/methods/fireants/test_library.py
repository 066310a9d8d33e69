"""FireANTs, kept quiet."""

from __future__ import annotations

import logging

import pytest

from lumirage_bids.methods.fireants.library import quiet


def test_fireants_is_quiet_and_leaves_logging_alone(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with caplog.at_level(logging.INFO), quiet():
        logging.getLogger("fireants.registration").warning("noise")
        logging.basicConfig(level=logging.CRITICAL)
        root.addHandler(logging.NullHandler())
        print("more noise")
    assert (root.level, root.handlers) == before
    assert "noise" not in capsys.readouterr().out
    assert not caplog.records
