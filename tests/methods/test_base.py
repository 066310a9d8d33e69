"""What a method says of itself."""

from __future__ import annotations

import re

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import digest
from lumirage_bids.methods import method, methods
from lumirage_bids.methods.base import Training


def test_what_a_method_was_trained_on_is_a_table_or_a_word_and_changes_no_digest() -> None:
    told = method("command", training={"contrasts": ["T1w"], "datasets": ["IXI"]})
    assert told.training == Training(contrasts=("T1w",), datasets=("IXI",))
    assert digest(told) == digest(method("command")) == digest(method("command", training="none"))
    assert {name: made.training for name in methods() if isinstance((made := method(name)).training, str)} == {
        **dict.fromkeys(
            (
                "ants_syn",
                "ants_syn_quick",
                "convexadam",
                "dipy_syn",
                "elastix",
                "greedy",
                "picsl_greedy",
                "plastimatch",
                "syn",
            ),
            "none",
        ),
        **dict.fromkeys(("curt", "identity"), "none"),
        **dict.fromkeys(("command", "label_maps", "precomputed", "python", "torchscript"), "unknown"),
    }


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"contrast": ["T1w"]}, "training: unknown parameter 'contrast'. Allowed: description, contrasts, species"),
        ({"contrasts": "T1w"}, "training: contrasts = 'T1w' is not allowed; it must be a list of text"),
        (
            "yes",
            "it must be a table of description, contrasts, species, datasets, labels, source or 'none' or 'unknown'",
        ),
    ],
)
def test_a_training_that_says_nothing_is_refused(training: object, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        method("torchscript", training=training)
