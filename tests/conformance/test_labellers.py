"""What every labeller must do, for all that are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumirage_bids.base.errors import UsageError
from lumirage_bids.labellers import Labeller, labeller, labellers, labellings
from lumirage_bids.methods.base import Context
from lumirage_bids.testing import LabellerLaws
from tests.labellers import standins

NAMES = sorted(labellers())


class TestLabellers(LabellerLaws):
    @pytest.fixture(params=NAMES)
    def made_by(self, request: pytest.FixtureRequest, tmp_path: Path) -> Labeller:
        """Every labeller; FreeSurfer's program is stood in for by one that keeps its contract."""
        parameters = {"synthseg": {"program": standins.synthseg(tmp_path)}, "carried": {"of": "tissue"}}
        found = labeller(request.param, **parameters.get(request.param, {}))
        if not found.reads and (complaint := found.missing(Context())):
            pytest.skip(complaint)
        return found


@pytest.mark.parametrize("name", NAMES)
def test_a_labeller_is_called_by_its_name_and_says_what_is_missing(name: str) -> None:
    kind = labellers()[name]
    assert kind.name == name
    complaint = kind().missing(Context())
    assert complaint is None or complaint.strip()
    assert kind.labelling is None or labellings()[kind.labelling] is kind


@pytest.mark.parametrize("name", NAMES)
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no_such_parameter"):
        labeller(name, no_such_parameter=1)


def test_unknown_labellers_are_refused() -> None:
    with pytest.raises(UsageError, match="atropos"):
        labeller("no_such_labeller")
