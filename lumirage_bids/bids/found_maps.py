"""Label maps and masks that are already there, and which of them belong to a scan."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

import numpy as np

from lumirage_bids.base.errors import BadDataError, InputOutputError, MissingInputError, UsageError
from lumirage_bids.bids.foreign import how_to_convert, is_converted, is_foreign
from lumirage_bids.bids.names import ENTITIES, long_name, natural_key, parse_lesion_name, parse_name, same_value
from lumirage_bids.bids.scans import File, Scan
from lumirage_bids.spatial.grids import same_grid
from lumirage_bids.spatial.images import Volume, read_grid

# Entities that say which part of the brain an image shows.
PARTIAL = frozenset({"hemi", "chunk", "roi"})
# What is looked for in derivatives.
KINDS = frozenset({"dseg", "mask"})
# Entities that say what a derivative is, not which image it was made from.
DESCRIBING = frozenset({"seg", "desc", "space"})


def belongs(scan: Scan, entities: Mapping[str, str]) -> bool:
    """Whether a derivative with these entities was made from, or lies on the grid of, this scan.

    All entities that both names share are equal, the subject among them, but those that describe a derivative
    (``desc-``, ``seg-``); ``space-`` is absent or says the scan's own suffix (or its own ``space-``). Maps of a part of
    the brain (``hemi-``) belong to scans of that part alone.

    Parameters
    ----------
    scan : Scan
        The raw image.
    entities : mapping
        Short entity names of the derivative → values.
    """
    if entities.get("sub") != scan.subject or (set(entities) & PARTIAL) - set(scan.entities):
        return False
    if entities.get("space", scan.suffix) not in {scan.suffix, scan.entities.get("space")}:
        return False
    shared = (set(entities) & set(scan.entities)) - DESCRIBING
    return all(same_value(entity, entities[entity], scan.entities[entity]) for entity in shared)


def closeness(scan: Scan, entities: Mapping[str, str]) -> tuple[int, int]:
    """Rank of a derivative that belongs to a scan; smaller is better: most shared entities, then fewest extra ones."""
    shared = set(entities) & ({*scan.entities, "space"})
    return -len(shared), len(set(entities) - shared - DESCRIBING)


class GivenDatasets:
    """Label maps and masks of BIDS derivative datasets, and of folders that programs left.

    Parameters
    ----------
    datasets : mapping
        Name → root, in the order in which they are looked through.
    layouts : mapping
        Name → layout of those that are no BIDS datasets.
    t1w : iterable of Scan
        T1w scans of the subjects, whose are maps that name no contrast.
    images : iterable of Path
        Images of the subjects, selected or not: they tell how many sessions a subject has.
    """

    def __init__(
        self,
        datasets: Mapping[str, Path],
        layouts: Mapping[str, Layout] = MappingProxyType({}),
        t1w: Iterable[Scan] = (),
        images: Iterable[Path] = (),
    ) -> None:
        self.datasets, self.layouts = datasets, layouts
        self.sessions: dict[str, set[str]] = {}
        for entities, _ in filter(None, (parse_name(path.name) for path in images)):
            if "ses" in entities and "sub" in entities:
                self.sessions.setdefault(entities["sub"], set()).add(entities["ses"])
        self.t1w: dict[str, list[Scan]] = {}
        for scan in t1w:
            self.t1w.setdefault(scan.subject, []).append(scan)
        self._images = cache(_images)
        self._grid = cache(_grid)

    def find(self, scan: Scan, suffix: str, entity: str, value: str) -> list[File]:
        """Find the images with this suffix and entity (``seg-tissue``) that belong to a scan, best first.

        Where a name has no ``seg-``, as fMRIPrep's have none, its ``desc-`` stands in for it.
        """
        found = []
        for order, (name, root) in enumerate(self.datasets.items()):
            if name in self.layouts:
                if file := self.layouts[name].find(root, scan, suffix, value):
                    # Found by the scan's whole name, so nothing is closer.
                    found.append(((closeness(scan, scan.entities), False, order, natural_key(file.relative)), file))
                continue
            for path, entities, its_suffix in self._candidates(root, scan):
                if its_suffix == suffix and labelling_of(entities, entity) == value and self.has(scan, path, entities):
                    file = File(path=path, dataset=root)
                    described = entity != "desc" and {entity, "desc"} <= {*entities}
                    rank = (closeness(scan, entities), described, order, natural_key(file.relative))
                    found.append((rank, file))
        # A folder may be given under several names.
        files = {file.path: (rank, file) for rank, file in sorted(found, key=itemgetter(0))}
        if len(files) < 2:  # headers are read only where they decide
            return [file for _, file in files.values()]

        def by_grid(item: tuple[tuple[Any, ...], File]) -> tuple[Any, ...]:
            (close, *others), file = item
            return close, not _may_be_one(self._grid(file.path), self._grid(scan.path)), others

        return [file for _, file in sorted(files.values(), key=by_grid)]

    def find_unusable(self, scan: Scan, suffix: str, entity: str, value: str) -> Iterator[tuple[Path, str]]:
        """Files that fit a scan's name, but are of a part of the brain, of the T1w scan, or no NIfTI; and why not."""
        for name, root in self.datasets.items():
            if name in self.layouts:
                continue
            for path, entities, its_suffix in self._candidates(root, scan, of_any_format=True):
                whole = {k: v for k, v in entities.items() if k not in PARTIAL or k in scan.entities}
                if its_suffix != suffix or labelling_of(entities, entity) != value or not belongs(scan, whole):
                    continue
                if is_foreign(path.name):
                    yield path, f"it is not a NIfTI file; to convert it: {how_to_convert(path)}"
                elif whole != entities:
                    yield path, f"it is of a part of the brain ({', '.join(sorted(entities.keys() - whole.keys()))}-)"
                elif self.is_of_t1w(scan, entities) and not self.has(scan, path, entities):
                    told_so = f"its name says no contrast, so it is of the T1w scan, and {scan.name} has another grid"
                    yield path, f"{told_so}. One that lies on this scan has space-{scan.suffix} in its name"
                elif not self.has(scan, path, entities):
                    number = len(self.sessions[scan.subject])
                    told_so = f"its name says none of the {number} sessions of its subject, and {scan.name} has another"
                    yield path, f"{told_so} grid. One that is of this scan has ses-{scan.session} in its name"

    def labellings(self, scan: Scan) -> set[str]:
        """Names of all labellings of which a scan has a map."""
        found: set[str] = set()
        for name, root in self.datasets.items():
            if name in self.layouts:
                layout = self.layouts[name]
                found.update(labelling for labelling in layout.labels if layout.find(root, scan, "dseg", labelling))
                continue
            maps = ((path, entities) for path, entities, suffix in self._candidates(root, scan) if suffix == "dseg")
            found.update(
                filter(
                    None, (labelling_of(entities, "seg") for path, entities in maps if self.has(scan, path, entities))
                )
            )
        return found

    def tell_without_maps(self, scans: Iterable[Scan], told: Set[Path] = frozenset()) -> Iterator[str]:
        """Say in which datasets there is no label map of any scan, and what there is instead or besides.

        Parameters
        ----------
        scans : iterable of Scan
        told : set of Path
            Files of which it was told why they cannot be used.
        """
        scans = tuple(scans)
        for name, root in self.datasets.items():
            images = [(scan, *image) for scan in scans for image in self._candidates(root, scan, of_any_format=True)]
            there = {path: suffix for scan, path, entities, suffix in images if belongs(scan, entities)}
            foreign = [path for path, suffix in there.items() if suffix in KINDS and is_foreign(path.name)]
            foreign = [path for path in foreign if not is_converted(path)]
            others = f"{len(foreign)} map(s) are not NIfTI files: {foreign[0] if foreign else ''}. To convert it: "
            others = f"{others}{how_to_convert(foreign[0])}" if foreign else ""
            alone = GivenDatasets({name: root}, self.layouts, chain(*self.t1w.values()))
            if any(alone.labellings(s) for s in scans):
                if others and not told & {*foreign}:
                    yield f"Not used from derivatives {name!r}: {others}"
                continue
            masks = [path.name for path, suffix in there.items() if suffix == "mask" and not is_foreign(path.name)]
            lesions = bool(masks) and all(map(parse_lesion_name, masks))
            yield (
                f"No label map (…_dseg.nii.gz) of the {len(scans)} scan(s) is in derivatives {name!r}, {root}"
                + (f"; {'lesion' if lesions else 'brain'} masks are." if masks else ".")
                + (f" {others}" if others else "")
            )

    def has(self, scan: Scan, path: Path, entities: Mapping[str, str]) -> bool:
        """Whether a derivative belongs to a scan: by its name and, if that leaves open which scan, by its grid.

        A name that says no contrast, as fMRIPrep's, says so of the subject's T1w scan, if there is one that it fits;
        one that says no session leaves open which, if the subject has several. Scans of other contrasts, and those of
        several sessions, have the derivative if they lie on its grid, or if that is not known yet.
        """
        if not belongs(scan, entities):
            return False
        is_open = self.is_of_t1w(scan, entities) or self.says_no_session(scan, entities)
        return not is_open or _may_be_one(self._grid(path), self._grid(scan.path))

    def says_no_session(self, scan: Scan, entities: Mapping[str, str]) -> bool:
        """Whether a derivative with these entities is of one of several sessions of a scan's subject, of any."""
        return "ses" not in entities and scan.session is not None and len(self.sessions.get(scan.subject, ())) > 1

    def is_of_t1w(self, scan: Scan, entities: Mapping[str, str]) -> bool:
        """Whether a derivative with these entities is of the T1w scan of a subject rather than of this scan."""
        unsaid = scan.suffix != "T1w" and "space" not in entities
        return unsaid and any(belongs(t1w, entities) for t1w in self.t1w.get(scan.subject, ()))

    def shares(self, scan: Scan, file: File) -> bool:
        """Whether a file that was found for a scan is of the T1w scan, and the grids say that it fits this one too."""
        parsed = None if self.name(file) in self.layouts else parse_name(file.path.name)
        known = parsed and self.is_of_t1w(scan, parsed[0]) and self._grid(file.path) and self._grid(scan.path)
        return bool(known)

    def _candidates(
        self, root: Path, scan: Scan, *, of_any_format: bool = False
    ) -> list[tuple[Path, dict[str, str], str]]:
        subject = root / f"sub-{scan.subject}"
        folders = [subject / "anat"]
        if scan.session is not None:
            folders.append(subject / f"ses-{scan.session}" / "anat")
        images = [image for folder in folders for image in self._images(folder)]
        return images if of_any_format else [image for image in images if not is_foreign(image[0].name)]

    def name(self, file: File) -> str:
        """Name of the dataset that a file was found in."""
        return next(name for name, root in self.datasets.items() if root == file.dataset)

    def tell_where(self, file: File) -> str:
        """The same in words; the raw dataset has no name."""
        return f"derivatives {name!r}" if (name := self.name(file)) else "the dataset itself"


def _grid(path: Path) -> Volume | None:
    """An image's grid without its voxels; None where it cannot be read."""
    try:
        shape, affine = read_grid(path)
    except (BadDataError, MissingInputError, InputOutputError, ValueError):  # whatever is wrong is told when it is read
        return None
    return Volume(array=np.broadcast_to(np.float32(0), shape), affine=affine)


def _may_be_one(a: Volume | None, b: Volume | None) -> bool:
    return a is None or b is None or same_grid(a, b)


def labelling_of(entities: Mapping[str, str], entity: str) -> str | None:
    """What a derivative is, by an entity of its name or, as fMRIPrep's maps have none, by ``desc-``."""
    return entities.get(entity, entities.get("desc"))


def _images(folder: Path) -> list[tuple[Path, dict[str, str], str]]:
    """Images of any format (dangling links too) of a folder with the entities and suffix of their names."""
    names = (name for name in names_in(folder) if re.search(r"\.nii(\.gz)?$", name) or is_foreign(name))
    parsed = ((folder / name, parse_lesion_name(name) or parse_name(name)) for name in names)
    return [(path, *parts) for path, parts in parsed if parts]


def names_in(folder: Path) -> list[str]:
    """Names of what a folder holds, sorted; none where there is no folder."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208 (names, not paths)


class Pattern:
    """A path pattern below a dataset: ``derivatives/masks/sub-{subject}_ses-{session}_mask.nii``.

    Parameters
    ----------
    text : str
        Relative path; placeholders are ``{name}`` (the scan's file name without extension), ``{suffix}`` and entities
        by long or short name.
    what : str
        What the pattern is for, told in errors.

    Raises
    ------
    UsageError
        Broken braces, an unknown placeholder, or a path that leaves the dataset.
    """

    def __init__(self, text: str, what: str) -> None:
        allowed = {*ENTITIES, *ENTITIES.values(), "suffix", "name"}
        try:
            fields = list(Formatter().parse(text))
        except ValueError as error:
            raise UsageError(f"Path pattern {text!r} of {what}: {error}. Write placeholders as {{subject}}.") from None
        for _, name, form, conversion in fields:
            if name is not None and (name not in allowed or form or conversion):
                known = ", ".join(dict.fromkeys(["name", "suffix", *ENTITIES.values()]))
                raise UsageError(f"Path pattern {text!r} of {what}: unknown placeholder {name!r}. Known: {known}.")
        if not text or Path(text).is_absolute() or ".." in Path(text).parts:
            raise UsageError(f"Path pattern {text!r} of {what} must be a path below the dataset, without '..'.")
        self.text = text

    def find(self, scan: Scan, root: Path | None = None) -> File | None:
        """Find the file or link named for a scan, below its own dataset or `root`.

        None where it is not there or the scan lacks an entity.
        """
        root = root or scan.dataset
        path = self._path(scan, root)
        return File(path=path, dataset=root) if path and os.path.lexists(path) else None

    def find_all(self, scan: Scan) -> list[File]:
        """Find the files or links named for a scan, where ``*`` in the pattern's file name stands for anything."""
        path = self._path(scan, scan.dataset)
        names = [name for name in names_in(path.parent) if fnmatchcase(name, path.name)] if path else []
        return [File(path=path.with_name(name), dataset=scan.dataset) for name in names] if path else []

    def _path(self, scan: Scan, root: Path) -> Path | None:
        """Where the pattern points to for a scan; None where the scan lacks an entity."""
        values = {"suffix": scan.suffix, "name": scan.name}
        values |= {name: value for key, value in scan.entities.items() for name in (key, long_name(key))}
        try:
            return root / self.text.format_map(values)
        except KeyError:
            return None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a program leaves label maps and masks below its output folder, which is no BIDS dataset.

    Attributes
    ----------
    name : str
        Name by which such a folder is given: ``--derivatives NAME=FOLDER``.
    labels : mapping
        Labelling → path patterns (see `Pattern`), the first that there is counts.
    masks : tuple of str
        Path patterns of brain masks.
    """

    name: str
    labels: Mapping[str, tuple[str, ...]]
    masks: tuple[str, ...] = ()

    def may_be(self, root: Path) -> bool:
        """Whether a folder may have this layout: it is no BIDS dataset."""
        return root.is_dir() and not os.path.lexists(root / "dataset_description.json")

    def find(self, root: Path, scan: Scan, suffix: str, labelling: str) -> File | None:
        """Find a scan's label map (suffix ``dseg``) or brain mask (suffix ``mask``) in such a folder."""
        texts = self.labels.get(labelling, ()) if suffix == "dseg" else self.masks if suffix == "mask" else ()
        found = (Pattern(text, f"layout {self.name!r}").find(scan, root) for text in texts)
        return next((file for file in found if file), None)


class Source:
    """Where one kind of derivative (a labelling's maps, the brain masks) comes from; remembers what it found.

    Parameters
    ----------
    title : str
        For notes: ``labelling 'tissue'``.
    pattern : Pattern or None
        Where to look first.
    derivatives : GivenDatasets
        Where to look next.
    suffix, entity, value : str
        What to look for there: ``dseg`` with ``seg-tissue``.
    """

    def __init__(
        self, title: str, *, pattern: Pattern | None, derivatives: GivenDatasets, suffix: str, entity: str, value: str
    ) -> None:
        self.title, self.pattern, self.derivatives = title, pattern, derivatives
        self.suffix, self.entity, self.value = suffix, entity, value
        self._counts: Counter[str] = Counter()
        self._ambiguous: list[tuple[Scan, list[File]]] = []
        self._by_grid: list[tuple[Scan, File]] = []
        self._sharing: dict[Path, list[Scan]] = {}
        self._unusable: dict[str, tuple[Path, str]] = {}

    @classmethod
    def labels(cls, name: str, pattern: Pattern | None, derivatives: GivenDatasets) -> Source:
        """Label maps of a labelling."""
        value = re.sub(r"[^0-9A-Za-z+]", "", name)
        title = f"labelling {name!r}"
        return cls(title, pattern=pattern, derivatives=derivatives, suffix="dseg", entity="seg", value=value)

    @classmethod
    def mask(cls, pattern: Pattern | None, derivatives: GivenDatasets) -> Source:
        """Brain masks."""
        return cls("brain mask", pattern=pattern, derivatives=derivatives, suffix="mask", entity="desc", value="brain")

    @classmethod
    def lesion(cls, pattern: Pattern | None, derivatives: GivenDatasets) -> Source:
        """Lesion masks."""
        return cls(
            "lesion mask", pattern=pattern, derivatives=derivatives, suffix="mask", entity="label", value="lesion"
        )

    def find(self, scan: Scan) -> File | None:
        """Find the best file for a scan."""
        if self.pattern and (file := self.pattern.find(scan)):
            self._counts[self.pattern.text] += 1
            return file
        files = self.derivatives.find(scan, self.suffix, self.entity, self.value)
        if not files:
            if first := next(self.derivatives.find_unusable(scan, self.suffix, self.entity, self.value), None):
                self._unusable[scan.name] = first
            return None
        if len(files) > 1:
            self._ambiguous.append((scan, files))
        if self.derivatives.shares(scan, files[0]):
            self._by_grid.append((scan, files[0]))
        self._sharing.setdefault(files[0].path, []).append(scan)
        entity = "desc" if f"_desc-{self.value}_" in files[0].path.name else self.entity
        self._counts[f"{entity}-{self.value} from {self.derivatives.tell_where(files[0])}"] += 1
        return files[0]

    def summary(self, n_scans: int, what: str = "existing maps") -> str:
        """Tell where files were found and for how many scans; empty where none were."""
        total = sum(self._counts.values())
        parts = [f"{text} ({n})" if len(self._counts) > 1 else text for text, n in self._counts.items()]
        return f"{what} {' and '.join(parts)} for {total} of {n_scans} scans" if parts else ""

    @property
    def told(self) -> set[Path]:
        """Files of which notes may tell why they cannot be used."""
        return {path for path, _ in self._unusable.values()}

    @property
    def hint(self) -> str:
        """Tell what lies there but cannot be used, with one example; empty where there is nothing."""
        if not self._unusable:
            return ""
        path, why = next(iter(self._unusable.values()))
        return f"The {self.title} of {len(self._unusable)} scan(s) cannot be used, for example {path}: {why}."

    def notes(self) -> list[str]:
        """Tell what was ambiguous, and what cannot be used, with one example."""
        notes = [self.hint] if self.hint else []
        if len(self._counts) > 1:
            mixed = " and ".join(f"{text} ({n} scans)" for text, n in self._counts.items())
            notes.append(f"The {self.title} comes from several sources: {mixed}.")
        if self._by_grid:
            scan, file = self._by_grid[0]
            notes.append(
                f"The {self.title} of {len(self._by_grid)} scan(s) of other contrasts is the T1w scan's, on whose grid "
                f"they lie: for {scan.name}, {file.path}."
            )
        several = {p: own for p, own in self._sharing.items() if len({scan.session for scan in own}) > 1}
        if several:
            path, own = next(iter(several.items()))
            notes.append(
                f"One file is the {self.title} of scans of several sessions, which its name leaves open and whose "
                f"grids are one, or not known yet, for {len(several)} subject(s): {path} for "
                f"{' and '.join(scan.name for scan in own)}. Put ses- in its name if it is of one of them."
            )
        if self._ambiguous:
            scan, (best, *others) = self._ambiguous[0]
            notes.append(
                f"Several files fit as {self.title} of {len(self._ambiguous)} scan(s). The one is taken that shares "
                "most entities with the scan, then has fewest others, then lies on the scan's grid, then has no "
                "desc- beside its seg-, then comes first in natural order. "
                f"For {scan.name}: {best.path}; not {', '.join(str(file.path) for file in others)}."
            )
        return notes
