"""Laws that plug-ins keep, as tests for pytest: those of this package are held to them, and yours can be.

Each class has the laws of one kind. Derive a class from it whose name pytest collects, and say what is tested::

    # test_nudge.py
    from lumirage_bids.testing import MethodLaws
    from nudge import Nudge

    class TestNudge(MethodLaws):
        method = Nudge(mm=2)

``pytest test_nudge.py`` then runs them. pytest must be installed; nothing else of this package needs it.
"""

import pytest

# Before they are imported, so that a law that is broken shows the values.
pytest.register_assert_rewrite(*(f"{__name__}.{kind}" for kind in ("labellers", "maskers", "measures", "methods")))

from lumirage_bids.testing.labellers import LabellerLaws  # noqa: E402
from lumirage_bids.testing.maskers import MaskerLaws  # noqa: E402
from lumirage_bids.testing.measures import MeasureLaws  # noqa: E402
from lumirage_bids.testing.methods import MethodLaws  # noqa: E402

__all__ = ["LabellerLaws", "MaskerLaws", "MeasureLaws", "MethodLaws"]
