"""From a BIDS dataset to scans."""

from __future__ import annotations

import json
import os
import shlex
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lumirage_bids.base.errors import InvalidDatasetError, NothingSelectedError
from lumirage_bids.bids.choices import Choice, choose, is_magnitude
from lumirage_bids.bids.filters import FILE_KEYS, Filter, check_filter, check_keys, read_filter, selects
from lumirage_bids.bids.foreign import how_to_convert, is_converted
from lumirage_bids.bids.found_maps import GivenDatasets, Layout, Pattern, Source
from lumirage_bids.bids.left_out import NAMED, LeftOut, find_left_out, list_names
from lumirage_bids.bids.look_up_tables import find_lut, read_lut
from lumirage_bids.bids.names import long_name, natural_key, parse_lesion_name, parse_name
from lumirage_bids.bids.pybids import list_tree, open_layout
from lumirage_bids.bids.scans import File, LabelMapFile, Scan
from lumirage_bids.bids.sidecars import read_description, read_species, sequence, truth

__all__ = ["Choice", "Dataset", "Query", "datalad_get_line", "most_sensible", "open_dataset", "read_filter", "read_lut"]

T1W: Filter = {"t1w": {"suffix": "T1w"}}
KNOWN_LABELLINGS = ("manual", "braincolor", "slant", "aparcaseg", "aparc+aseg", "synthseg", "aseg")
"""Those that are taken rather than others, best first."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What the protocol and the command line ask of a dataset.

    Attributes
    ----------
    filters : mapping
        As `read_filter` returns.
    prefer : tuple of mapping
        Entities (short or long names) → value, best first: which of several scans of a subject, session and contrast.
    label_patterns : mapping
        Labelling → path pattern below the dataset, with ``{subject}``, ``{session}``, ``{suffix}`` or any entity.
    mask_pattern, brain_pattern, lesion_pattern : str or None
        The same for brain masks, for skull-stripped images to be used in place of the scans, and for lesion masks.
    derivatives : mapping
        Name → root of derivative datasets, besides those in the dataset's ``derivatives`` folder.
    labellings : tuple of str
        Labellings to look for as ``seg-NAME`` in the derivative datasets.
    layouts : mapping
        Name in `derivatives` → layout of that folder, if it is no BIDS dataset.
    t1w_labellings : tuple of str
        Labellings of sessions' T1w scans that are carried to their other scans.
    instead : bool
        Whether the best labelling that the derivative datasets have is taken, and `labellings` only if they have none.
    """

    filters: Filter
    prefer: tuple[Mapping[str, str], ...] = ()
    label_patterns: Mapping[str, str] = field(default_factory=dict)
    mask_pattern: str | None = None
    brain_pattern: str | None = None
    lesion_pattern: str | None = None
    derivatives: Mapping[str, Path] = field(default_factory=dict)
    labellings: tuple[str, ...] = ()
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    t1w_labellings: tuple[str, ...] = ()
    instead: bool = False


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The scans of a dataset that a query selects.

    Attributes
    ----------
    root : Path
        Absolute.
    name : str
        From ``dataset_description.json``.
    scans : tuple of Scan
        One per subject, session and contrast, sorted by name, whether or not their content is here.
    choices : tuple of Choice
        Where there were several.
    notes : tuple of str
        What the user should know: ambiguous label maps, files left out.
    left_out : tuple of LeftOut
        Subjects of the dataset no image of whom fits the filters.
    offered : mapping
        Labelling that the derivative datasets have → for how many scans.
    taken : str or None
        The one of these that is taken instead of those that the query asks for.
    hints : mapping
        Labelling → which of its files cannot be used, and why.
    derivatives : mapping
        Name → root of the derivative datasets looked through.
    found : mapping
        Labelling → where its label maps were found and for how many scans.
    """

    root: Path
    name: str
    scans: tuple[Scan, ...]
    choices: tuple[Choice, ...]
    notes: tuple[str, ...]
    derivatives: Mapping[str, Path]
    found: Mapping[str, str]
    left_out: tuple[LeftOut, ...] = ()
    offered: Mapping[str, int] = field(default_factory=dict)
    taken: str | None = None
    hints: Mapping[str, str] = field(default_factory=dict)


def open_dataset(root: Path, query: Query, *, database_dir: Path | None = None, validate: bool = True) -> Dataset:
    """Find the scans that a query selects, with the label maps and masks that are there already.

    Parameters
    ----------
    root : Path
        BIDS dataset.
    query : Query
        What to look for.
    database_dir : Path or None
        Keeps PyBIDS' index between runs; it is made anew when the tree has changed.
    validate : bool
        Whether a missing or wrong ``dataset_description.json`` is an error.

    Raises
    ------
    MissingInputError
        There is no such folder, or none that ``derivatives`` names.
    InvalidDatasetError
        ``dataset_description.json`` is missing or wrong, or PyBIDS cannot index the dataset.
    NothingSelectedError
        No image fits the filters.
    UsageError
        An unknown key in the filters or preferences, or a wrong path pattern.
    CannotWriteError
        `database_dir` cannot be written.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 (links in the path stay as the user wrote them)
    name, notes = _name(root, validate)
    datasets, native = _derivative_datasets(query.derivatives, query.layouts)
    filters = check_filter(query.filters, "of the query")
    candidates, t1w, images, more = _candidates(root, filters, database_dir)
    derivatives = GivenDatasets(datasets, native, t1w, images)
    scans, choices = choose(candidates, query.prefer)
    offered = Counter(name for scan in scans for name in derivatives.labellings(scan))
    best = most_sensible(offered) if query.instead else None
    taken = None if best in query.labellings else best
    sources, masks, brain = _sources(query, (taken,) if taken else query.labellings, derivatives)
    scans = [_complete(scan, sources, masks, brain) for scan in scans]
    scans, its_choices, its_notes = _attach_t1w(scans, t1w, query, derivatives)
    choices, more = (*choices, *its_choices), [*more, *its_notes]
    lesions = _lesion_source(root, query, datasets, native, t1w, images)
    scans = [replace(scan, lesion=lesions.find(scan)) for scan in scans]
    if told := lesions.summary(len(scans), "Lesion masks:"):
        more.append(f"{told}.")
    species, unsaid = read_species(root)
    scans = [_set_species(scan, species.get(scan.subject, "")) for scan in scans]
    return Dataset(
        root=root,
        name=name,
        scans=tuple(sorted(scans, key=lambda scan: scan.name)),
        choices=choices,
        notes=(
            *notes,
            *more,
            *_species_notes(unsaid, {scan.subject for scan in scans}),
            *(note for source in (*sources.values(), masks, lesions) for note in source.notes()),
            *_alike_notes(offered),
            *derivatives.tell_without_maps(scans, {path for s in (*sources.values(), masks) for path in s.told}),
        ),
        derivatives=datasets,
        offered=dict(sorted(offered.items())),
        taken=taken,
        hints={name: source.hint for name, source in sources.items() if source.hint},
        left_out=find_left_out(root, filters, {scan.subject for scan in candidates}, images),
        found={name: text for name, source in sources.items() if (text := source.summary(len(scans)))},
    )


def most_sensible(offered: Mapping[str, int]) -> str | None:
    """The labelling to take where nobody says which: of most scans, then the finest that is known by its name.

    Parameters
    ----------
    offered : mapping
        Labelling → number of scans that have it.

    Returns
    -------
    str or None
        None where no pair of scans could be scored.

    Examples
    --------
    >>> most_sensible({"aseg": 9, "aparcaseg": 9, "manual": 3})
    'aparcaseg'
    """

    def rank(name: str) -> tuple[int, int, object]:
        known = KNOWN_LABELLINGS.index(name) if name in KNOWN_LABELLINGS else len(KNOWN_LABELLINGS)
        return -offered[name], known, natural_key(name)

    return min((name for name, n in offered.items() if n > 1), key=rank, default=None)


def _alike_notes(offered: Mapping[str, int]) -> Iterator[str]:
    """Tell of labellings whose names differ in capitals alone: they may be one that was misspelt, or two."""
    for name in sorted(offered):
        alike = sorted(other for other in offered if other.lower() == name.lower())
        if alike[1:] and name == alike[0]:
            each = " and ".join(f"{other} ({offered[other]} scans)" for other in alike)
            yield f"Labellings whose names differ only in capitals are not treated as one: {each}."


def datalad_get_line(root: Path, files: Iterable[File]) -> str:
    """Command that fetches the content of files, to be pasted in a shell.

    Paths are absolute, since DataLad takes relative ones from the current folder. Files of datasets outside `root`
    get a command of their own.

    Examples
    --------
    >>> datalad_get_line(Path("/data"), [File(path=Path("/data/a b.nii"), dataset=Path("/data"))])
    "datalad get -d /data '/data/a b.nii'"
    """
    wanted = {f.path: root if f.path.is_relative_to(root) else f.dataset for f in files}
    commands = []
    for dataset in dict.fromkeys(sorted(wanted.values(), key=lambda d: (d != root, d))):
        paths = sorted((str(p) for p, d in wanted.items() if d == dataset), key=natural_key)
        commands.append(shlex.join(["datalad", "get", "-d", str(dataset), *paths]))
    return " && ".join(commands)


def _name(root: Path, validate: bool) -> tuple[str, list[str]]:
    """Name of the dataset, and what to tell the user."""
    try:
        return str(read_description(root, "BIDS dataset")["Name"]), []
    except InvalidDatasetError as error:
        if validate:
            raise
        return root.name, [f"Accepted all the same: {error}"]


def _derivative_datasets(
    given: Mapping[str, Path], layouts: Mapping[str, Layout]
) -> tuple[dict[str, Path], dict[str, Layout]]:
    """Check the derivative datasets given, and tell the layouts of those that are no BIDS datasets.

    No others are looked through, not even those below ``derivatives/``.
    """
    datasets = {name: Path(os.path.abspath(path)) for name, path in given.items()}  # noqa: PTH100
    native = {n: layouts[n] for n, p in datasets.items() if n in layouts and layouts[n].may_be(p)}
    for name, path in datasets.items():
        if name not in native:
            read_description(path, f"derivative dataset (--derivatives {name})")
    return datasets, native


def _sources(
    query: Query, labellings: Iterable[str], derivatives: GivenDatasets
) -> tuple[dict[str, Source], Source, Pattern | None]:
    """Where label maps, masks and skull-stripped images are to be looked for."""
    patterns = {name: Pattern(text, f"labelling {name!r}") for name, text in query.label_patterns.items()}
    mask = Pattern(query.mask_pattern, "the brain mask") if query.mask_pattern else None
    brain = Pattern(query.brain_pattern, "the skull-stripped image") if query.brain_pattern else None
    names = dict.fromkeys((*labellings, *patterns))
    sources = {name: Source.labels(name, patterns.get(name), derivatives) for name in names}
    return sources, Source.mask(mask, derivatives), brain


def _lesion_source(
    root: Path,
    query: Query,
    datasets: Mapping[str, Path],
    native: Mapping[str, Layout],
    t1w: Sequence[Scan],
    images: Sequence[Path],
) -> Source:
    """Where lesion masks are to be looked for: beside the scans, too."""
    pattern = Pattern(query.lesion_pattern, "the lesion mask") if query.lesion_pattern else None
    everywhere = {"": root, **{name: path for name, path in datasets.items() if name not in native}}
    return Source.lesion(pattern, GivenDatasets(everywhere, t1w=t1w, images=images))


def _candidates(
    root: Path, filters: Filter, database_dir: Path | None
) -> tuple[list[Scan], list[Scan], list[Path], list[str]]:
    """Images that fit one of a filter's queries, without labels and masks.

    Returns
    -------
    found, t1w, images, notes
        Those images; all T1w images, if there are other contrasts among those; paths of all images of anat folders,
        of other formats too, below the root; what to tell the user.
    """
    tree = list_tree(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyBIDS' own: nothing that a user could act on
        layout, kept_notes = open_layout(root, tree, database_dir)
        with closing(layout.session):
            check_keys(filters, layout.get_entities(metadata=True))
            files = {Path(f.path).relative_to(root): f for f in layout.get(extension=[".nii", ".nii.gz"])}
            files = {path: file for path, file in files.items() if not parse_lesion_name(path.name)}
            right = {path: file for path, file in files.items() if _is_in_place(path)}

            def fitting(wanted: Filter) -> list[Scan]:
                return [scan for path, file in right.items() if (scan := _select(path, file, root, wanted))]

            found = fitting(filters)
            t1w = fitting(T1W) if any(scan.suffix != "T1w" for scan in found) else []
    notes = [*kept_notes, *_note_misplaced([path for path in files if path not in right])]
    notes += [*_foreign_note(root, tree.foreign), *_order_note(list(right))]
    if not found:
        suffixes = [path.name.split(".")[0].rpartition("_")[2] for path in right]
        counts = ", ".join(f"{suffixes.count(s)} {s}" for s in sorted(set(suffixes))) or "none"
        images = [*right, *(path.relative_to(root) for path in tree.foreign)]
        none = find_left_out(root, filters, (), images)[:NAMED]
        why = f"Why, of the first subjects: {list_names(none)}. " if none else ""
        raise NothingSelectedError(
            f"No image of {root} fits the filter {json.dumps(filters)}. Anatomical images there: {counts}. "
            f"Check --bids-filter-file. {why}{' '.join(notes)}".rstrip()
        )
    return found, t1w, [*files, *(path.relative_to(root) for path in tree.foreign)], notes


def _is_in_place(relative: Path) -> bool:
    """Whether an image has a BIDS name and lies in the folder that the name says."""
    name = parse_name(relative.name)
    folders = [f"{k}-{name[0][k]}" for k in ("sub", "ses") if k in name[0]] if name else []
    return list(relative.parts[:-1]) == [*folders, "anat"]


def _note_misplaced(misplaced: list[Path]) -> list[str]:
    if not misplaced:
        return []
    return [
        f"Left out: {len(misplaced)} image(s) without a BIDS name, or in a folder of another subject or session: "
        f"{misplaced[0]}{', …' if misplaced[1:] else ''}."
    ]


def _order_note(images: Sequence[Path]) -> list[str]:
    """Tell of names that do not begin with their subject and session, as BIDS has it; they are read all the same."""
    odd = [path for path in images if not path.name.startswith("_".join(path.parts[:-2]))]
    if not odd:
        return []
    return [
        f"Odd, but read: {len(odd)} image(s) whose names do not begin with subject and session, as BIDS has it: "
        f"{odd[0]}{', …' if odd[1:] else ''}."
    ]


def _foreign_note(root: Path, images: Sequence[Path]) -> list[str]:
    foreign = [image for image in images if not is_converted(image)]
    if not foreign:
        return []
    return [
        f"Left out: {len(foreign)} image(s) in other formats than NIfTI: {foreign[0].relative_to(root)}"
        f"{', …' if foreign[1:] else ''}. To convert it: {how_to_convert(foreign[0])}"
    ]


def _select(path: Path, file: Any, root: Path, filters: Filter) -> Scan | None:
    """Make a scan of PyBIDS' file, at this path below the root, if it fits one of the queries."""
    entities, suffix = parse_name(path.name) or ({}, "")
    properties: dict[str, object] = {long_name(key): value for key, value in entities.items()}
    properties |= {"suffix": suffix, "datatype": "anat", "extension": path.name[path.name.index(".") :]}
    # A phase, real or imaginary part is no image by itself, so a query must ask for it.
    queries = [query for query in filters.values() if "part" in query or is_magnitude(entities)]
    by_name = [{k: v for k, v in query.items() if k in FILE_KEYS} for query in queries]
    if not any(selects(query, properties) for query in by_name):
        return None  # before its metadata are fetched, which takes longer
    metadata = file.get_metadata()
    if not any(selects(query, {**metadata, **properties}) for query in queries):
        return None
    return Scan(
        path=root / path,
        dataset=root,
        subject=entities["sub"],
        session=entities.get("ses"),
        suffix=suffix,
        entities=entities,
        sequence=sequence(metadata),
        skull_stripped=truth(metadata.get("SkullStripped")),
    )


def _attach_t1w(
    scans: Sequence[Scan], candidates: Sequence[Scan], query: Query, derivatives: GivenDatasets
) -> tuple[list[Scan], list[Choice], list[str]]:
    """Attach the session's T1w scan for its labels or its mask: one selected, else the one that the preferences choose.

    Returns
    -------
    scans, choices, notes
        All scans; where there were several T1w scans to take from; what to tell the user.
    """
    every, masks, brain = _sources(query, query.t1w_labellings, derivatives)
    sources = {name: every[name] for name in query.t1w_labellings}
    chosen, choices = choose(candidates, query.prefer)
    own = {_session(s): s for s in scans if s.suffix == "T1w"}
    borrowing = {_session(s) for s in scans if s.suffix != "T1w" and (sources or _lacks_mask(s))}
    if not (sources or borrowing):
        return list(scans), [], []
    by_session = {**{_session(s): s for s in chosen if _session(s) in borrowing}, **own}
    t1w = {key: _complete(s, sources, masks, brain) for key, s in by_session.items()}
    notes = [note for source in sources.values() for note in source.notes()]
    alone = [s for s in scans if _session(s) not in t1w]
    if sources:
        notes += _note_lacking(alone, "no labels can be carried to them")
        scans = [replace(s, t1w=t1w.get(_session(s))) for s in scans]
    notes += _note_lacking(
        [s for s in alone if _lacks_mask(s)],
        "a whole head whose brain is not found in its own image gets no mask from there",
    )
    # A mask may come from any T1w scan: from the one that is here, if the preferred one is not.
    here, _ = choose([s for s in candidates if _session(s) in borrowing and s.present], query.prefer)
    instead = {_session(s): _complete(s, {}, masks, brain) for s in here if not t1w[_session(s)].present}
    attached = [replace(s, lender=(t1w | instead).get(_session(s))) if _lacks_mask(s) else s for s in scans]
    return attached, [c for c in choices if (c.subject, c.session) in borrowing - own.keys()], notes


def _lacks_mask(scan: Scan) -> bool:
    """Whether a scan of another contrast than T1w has no brain mask, as far as names and sidecars tell."""
    return scan.suffix != "T1w" and scan.mask is None and scan.brain is None and not scan.skull_stripped


def _note_lacking(scans: Sequence[Scan], so: str) -> list[str]:
    """Note on scans in whose sessions there is no T1w scan, if there are any."""
    first = f"{scans[0].relative}{', …' if scans[1:] else ''}" if scans else ""
    return [f"No T1w scan in the session of {len(scans)} scan(s), so that {so}: {first}."] if scans else []


def _session(scan: Scan) -> tuple[str, str | None]:
    return scan.subject, scan.session


def _species_notes(unsaid: Mapping[str, str], subjects: set[str]) -> list[str]:
    """Note on subjects whose species is named by a word that says nothing, if there are any."""
    said = {subject: word for subject, word in unsaid.items() if subject in subjects}
    if not said:
        return []
    words = " and ".join(f"'{word}'" for word in sorted(set(said.values())))
    return [
        f"The species of {len(said)} subject(s) is {words} in participants.tsv: they count as what the protocol's "
        "[masks] species says, and as humans where it says nothing."
    ]


def _set_species(scan: Scan, species: str) -> Scan:
    """A scan, and the T1w scan that may lend it a mask, of a subject of this species."""
    lender = scan.lender and replace(scan.lender, species=species)
    return replace(scan, species=species, lender=lender) if species else scan


def _complete(scan: Scan, sources: Mapping[str, Source], masks: Source, brain: Pattern | None) -> Scan:
    """Attach label maps, mask and skull-stripped image to a scan."""
    files = {name: file for name, source in sources.items() if (file := source.find(scan))}
    labels = {n: LabelMapFile(path=f.path, dataset=f.dataset, lut=find_lut(f, n)) for n, f in files.items()}
    return replace(scan, labels=labels, mask=masks.find(scan), brain=brain.find(scan) if brain else None)
