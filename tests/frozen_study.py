"""Three scans and a protocol, whose plans are frozen."""

from __future__ import annotations

from pathlib import Path

from lumirage_bids.bids.dataset import Dataset
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.declared import Protocol
from lumirage_bids.experiment.freeze import consider, freeze
from lumirage_bids.experiment.make_plan import make_plan
from lumirage_bids.experiment.plan import Plan
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.output.frozen import Frozen
from tests.small_plan import asked, dataset, scan

PROTOCOL = """
[preparation]
spacing = 2.0
[labellings.manual]
structures = {4 = "Ventricle"}
[methods.identity]
[methods.greedy]
step = 0.5
[statistics]
margin = 0.02
"""
NAMES = ("1", "2", "3")


class Study:
    """What is there, and what runs on it would be held to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "plan.toml"
        self.raw = folder / "bids"
        self.raw.mkdir()
        self.scans = [scan(self.raw, name) for name in NAMES]

    def found(
        self, text: str = PROTOCOL, present: tuple[str, ...] = NAMES, **changes: object
    ) -> tuple[Plan, Protocol, str, Settings]:
        file = self.folder / "mine.toml"
        file.write_text(text)
        more = {"protocol": str(file), "out_dir": self.folder / "out", "freeze": self.file, **changes}
        settings = asked(self.raw, **more)
        there: Dataset = dataset(self.raw, self.scans, present=present)
        experiment = protocol.load(settings.protocol)
        return make_plan(there, experiment, settings), experiment, there.name, settings

    def freeze(self, *given: object, **changes: object) -> Frozen:
        return freeze(*self.found(*given, **changes))

    def run(self, *given: object, **changes: object) -> Frozen | None:
        return consider(*self.found(*given, **changes))[0]
