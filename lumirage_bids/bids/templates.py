"""Templates of TemplateFlow as scans, with their brain masks and atlases as label maps; nothing is downloaded.

Ciric R et al. TemplateFlow: FAIR-sharing of multi-scale, multi-species brain models. Nat Methods 19:1568–1571 (2022).
doi:10.1038/s41592-022-01681-2
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lumirage_bids.base.annex import has_content
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.landmarks import TRUTH, point_files
from lumirage_bids.bids.look_up_tables import find_lut
from lumirage_bids.bids.names import parse_name
from lumirage_bids.bids.scans import File, LabelMapFile, Scan

if TYPE_CHECKING:
    from templateflow.client import TemplateFlowClient

Query = dict[str, str | int | None]

ATLAS_ENTITIES = MappingProxyType(
    {"atlas": "atlas", "seg": "segmentation", "segmentation": "segmentation", "desc": "desc", "scale": "scale"}
)
"""Entities that may choose an atlas → as the client spells them."""
EXACT = MappingProxyType(
    {
        "resolution": "res", "cohort": "cohort", "atlas": "atlas", "segmentation": "seg", "scale": "scale",
        "desc": "desc", "space": "space",
    }
)  # fmt: skip
"""Entities that tell a template's volumes apart, as the client spells them → as file names do."""
LISTED = 12
"""Most files that a message lists."""


def template_scan(
    template: str,
    *,
    resolution: int | None = 1,
    suffix: str = "T1w",
    cohort: int | None = None,
    atlases: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    points: Iterable[Path] = (),
) -> Scan:
    """Find a template, its brain mask and its atlases in the folder ``TEMPLATEFLOW_HOME``.

    Parameters
    ----------
    template : str
        Its identifier: ``MNI152NLin2009cAsym``.
    resolution : int or None
        Number of the resolution (``res-``), which is not a voxel size; None for templates that have just one.
    suffix : str
        Contrast.
    cohort : int or None
        Of templates that have cohorts.
    atlases : mapping
        Labelling → entities of its map: ``{"hospa": {"atlas": "HOSPA", "desc": "th25"}, "aseg": {"seg": "aseg"}}``.
    points : iterable of Path
        Derivative datasets that may have landmarks of it, ``tpl-NAME_…_afids.fcsv`` at the root or in ``tpl-NAME``,
        besides the template's own folder.

    Returns
    -------
    Scan
        The whole head. Its subject is the template's identifier (and cohort: ``MNIInfant+2``), its mask the one called
        ``desc-brain``, where the template has one. All files are here.

    Raises
    ------
    MissingInputError
        Files have not been fetched; the message has the command that fetches them all.
    UsageError
        There is no such image or atlas, or several atlases fit; the message lists those there are.
    """
    if not re.fullmatch(r"[0-9A-Za-z]+", template):
        raise UsageError(f"Template '{template}' is not an identifier of TemplateFlow; give letters and digits only.")
    common: Query = {"resolution": resolution, "cohort": cohort, "extension": ".nii.gz"}
    image: Query = {**common, "suffix": suffix, "desc": None, "atlas": None, "space": None}
    mask: Query = {**common, "suffix": "mask", "desc": "brain", "atlas": None, "space": None}
    maps = {name: {**common, "suffix": "dseg", **_atlas(name, given)} for name, given in atlases.items()}
    archive = _Archive.open(template, [image, mask, *maps.values()])
    head = archive.one(image, f"{suffix} image")
    labels = {name: archive.labels(query, name) for name, query in maps.items()}
    brain = archive.one(mask, "brain mask") if archive.find(mask) else None
    landmarks = archive.landmarks(cohort, points)
    archive.check_fetched()
    subject = template if cohort is None else f"{template}+{cohort}"
    return Scan(
        path=head.path,
        dataset=head.dataset,
        subject=subject,
        session=None,
        suffix=suffix,
        entities={"sub": subject},
        skull_stripped=False,
        labels=labels,
        mask=brain,
        landmarks=landmarks,
        template=True,
    )


def _atlas(labelling: str, given: Mapping[str, str]) -> Query:
    """Entities that choose an atlas, as the client spells them."""
    unknown = sorted(set(given) - set(ATLAS_ENTITIES))
    if unknown or not given:
        raise UsageError(
            f"Atlas '{labelling}' of the template: {', '.join(unknown) or 'nothing'} given; choose it by "
            f"{', '.join(dict.fromkeys(ATLAS_ENTITIES))}."
        )
    return {ATLAS_ENTITIES[key]: value for key, value in given.items()}


def template_home() -> Path:
    """Folder of the archive, as the client finds it."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("TEMPLATEFLOW_HOME") or user_cache_dir("templateflow")).absolute()


@dataclass(frozen=True, kw_only=True)
class _Archive:
    """The files of one template, and those found so far that have not been fetched."""

    template: str
    folder: Path
    client: TemplateFlowClient
    absent: list[Path] = field(default_factory=list)

    @classmethod
    def open(cls, template: str, wanted: list[Query]) -> _Archive:
        """Look into the template's folder alone: to index all templates takes seconds."""
        home = template_home()
        folder = home / f"tpl-{template}"
        # On import the client fills an archive that is empty with placeholders, so this comes first.
        if not folder.is_dir() or not any(folder.iterdir()):
            there = sorted(p.name.removeprefix("tpl-") for p in home.glob("tpl-*") if any(p.iterdir()))
            raise MissingInputError(
                f"There is no template '{template}' in TEMPLATEFLOW_HOME = {home} (there: "
                f"{', '.join(there) or 'none'}). To get it: {_command(home, template, wanted)}"
            )
        from templateflow.client import TemplateFlowClient

        return cls(template=template, folder=folder, client=TemplateFlowClient(root=folder))

    def find(self, query: Query) -> list[Path]:
        """Files that fit a query, downloaded or not; those with fewest entities first."""
        # Entities are compared here: the client takes them from folders above the archive too.
        kind = {key: query[key] for key in ("suffix", "extension")}
        found = self.client.ls(self.template, **kind)
        fitting = (path for path in found if query.items() <= _query_exactly(path).items())
        return sorted(fitting, key=lambda path: (len(_entities(path)), path))

    def one(self, query: Query, what: str) -> File:
        """Find the one file that a query means: the one with fewest entities if several fit."""
        found = self.find(query)
        if not found or (len(found) > 1 and len(_entities(found[0])) == len(_entities(found[1]))):
            raise UsageError(self._complaint(query, what, found))
        self._note(found[0])
        return File(path=found[0], dataset=self.folder)

    def labels(self, query: Query, labelling: str) -> LabelMapFile:
        """Find an atlas and the names of its structures."""
        file = self.one(query, f"atlas '{labelling}'")
        lut = find_lut(file, labelling)
        if lut is not None:
            self._note(lut)
        return LabelMapFile(path=file.path, dataset=file.dataset, lut=lut)

    def landmarks(self, cohort: int | None, datasets: Iterable[Path]) -> File | None:
        """Find landmarks, whose world is the same at every resolution; None where there are none."""
        name = self.folder.name
        own_folder = (self.folder, self.folder)
        for root, folder in (own_folder, *((given, f) for given in datasets for f in (given / name, given))):
            for path, entities in point_files(folder):
                own = f"tpl-{entities.get('tpl')}" == name and entities.get("cohort") == (cohort and str(cohort))
                if own and entities.get("desc") in TRUTH:
                    return File(path=path, dataset=root)
        return None

    def _note(self, path: Path) -> None:
        # The client's placeholder for a file that has not been downloaded is empty.
        if not has_content(path) or path.stat().st_size == 0:
            self.absent.append(path)

    def check_fetched(self) -> None:
        """Refuse what has only a name.

        Raises
        ------
        MissingInputError
            The message has the command that fetches it.
        """
        if self.absent:
            raise MissingInputError(
                f"TemplateFlow's {', '.join(path.name for path in self.absent)} have not been downloaded. To get them: "
                f"{_command(self.folder.parent, self.template, [_query_exactly(path) for path in self.absent])}"
            )

    def _complaint(self, query: Query, what: str, found: list[Path]) -> str:
        asked = ", ".join(f"{key} {value}" for key, value in query.items() if value is not None and key != "extension")
        if found:
            return (
                f"Template {self.template} has several files as {what} ({asked}): {_list_some(found)}. Say which one."
            )
        there = self.client.ls(self.template, suffix=query["suffix"], extension=".nii.gz")
        return (
            f"Template {self.template} has no {what} ({asked}). There are: {_list_some(there)}; 'templateflow update' "
            "brings an old list up to date."
        )


def _entities(path: Path) -> Mapping[str, str]:
    parsed = parse_name(path.name)
    return parsed[0] if parsed else {}


def _query_exactly(path: Path) -> Query:
    """Query that fits this file only."""
    entities = _entities(path)
    texts = {long: entities.get(short) for long, short in EXACT.items()}
    query: Query = {k: int(v) if v is not None and k in {"resolution", "cohort"} else v for k, v in texts.items()}
    stem, _, extension = path.name.partition(".")
    return {**query, "suffix": stem.rpartition("_")[2], "extension": f".{extension}"}


def _list_some(paths: list[Path]) -> str:
    names = sorted(path.name for path in paths)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "none") + more


def _command(home: Path, template: str, queries: list[Query]) -> str:
    """Command for a shell that downloads files where there is network."""

    def text(value: str | int | None) -> str:
        return f'"{value}"' if isinstance(value, str) else str(value)

    def call(query: Query) -> str:
        arguments = [text(template), *(f"{key}={text(value)}" for key, value in query.items())]
        return f"get({', '.join(arguments)})"

    code = f"from templateflow.api import get; {'; '.join(map(call, queries))}"
    return f"TEMPLATEFLOW_HOME={shlex.quote(str(home))} python -c {shlex.quote(code)}"
