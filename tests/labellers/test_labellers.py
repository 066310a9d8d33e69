"""Which labeller reads which labels."""

from __future__ import annotations

import numpy as np
import pytest

from lumirage_bids.base.errors import BadDataError
from lumirage_bids.labellers import labellings, layouts, named_structures
from lumirage_bids.testing.small_brain import brain, scan


def test_layouts_are_those_of_the_labellers() -> None:
    assert set(layouts()) == {"slant", "nbest"}
    for layout in layouts().values():
        assert all(labellings()[name].layout is layout for name in layout.labels)


def test_indices_that_the_protocol_does_not_name() -> None:
    _, truth = brain()
    with pytest.raises(BadDataError, match=r"\(2002, 2041\), but 1, 2, 3\. .* 1 = \"NAME\" under \[labellings\.fs\."):
        named_structures(truth, [{2002: "a", 2041: "b"}], scan(), "fs")
    same, names, unnamed = named_structures(truth, [{1: "a", 2: "b", 3: "c"}], scan(), "fs")
    assert (same, names, unnamed) == (truth, {1: "a", 2: "b", 3: "c"}, {})
    _, _, unnamed = named_structures(truth, [{1: "a", 9: "b"}], scan(), "fs")
    assert unnamed == {i: (truth.array == i).sum() for i in (2, 3)}


def test_a_map_of_another_coding_is_renumbered() -> None:
    _, truth = brain()
    codings = [{2: "white", 3: "grey", 24: "CSF"}, {1: "CSF", 2: "grey", 3: "white"}]
    labels, names, unnamed = named_structures(truth, codings, scan(), "fs")
    assert (names, unnamed) == (codings[0], {})
    for index, name in codings[1].items():
        wanted = next(i for i, n in names.items() if n == name)
        np.testing.assert_array_equal(labels.array == wanted, truth.array == index)
