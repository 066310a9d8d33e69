"""What is compared: scans, their label maps, and ordered pairs of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lumirage_bids.base.annex import has_content, key_of_link
from lumirage_bids.bids.splits import SAME_SUBJECT, Ends, split_of


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a dataset, whether or not its content is here.

    Attributes
    ----------
    path : Path
        Where it is, or would be after ``datalad get``.
    dataset : Path
        Root of the (raw or derivative) dataset it belongs to; ``path`` lies below it.
    """

    path: Path
    dataset: Path

    @property
    def present(self) -> bool:
        """Whether the content is here (that of a dangling git-annex link or of a pointer file is not)."""
        return has_content(self.path)

    @property
    def relative(self) -> str:
        """POSIX path below the dataset's root."""
        return self.path.relative_to(self.dataset).as_posix()

    @property
    def fingerprint(self) -> str:
        """What changes when the content does: the git-annex key, or size and modification time."""
        return f"{self.relative}:{key_of_link(self.path) or fingerprint(self.path)}"


def fingerprint(path: Path) -> str:
    """Size and modification time of a file: what changes when the content does."""
    if not has_content(path):
        return "absent"
    stat = path.stat()
    return f"{stat.st_size}:{int(stat.st_mtime)}"


@dataclass(frozen=True, kw_only=True)
class LabelMapFile(File):
    """A label map that somebody else made, with its look-up table.

    Attributes
    ----------
    lut : Path or None
        TSV with columns ``index`` and ``name``.
    """

    lut: Path | None = None


def normalise_sequence(value: str) -> str:
    """Spell a pulse sequence's name one way: ``MP-RAGE`` and ``mprage`` are ``MPRAGE``.

    Examples
    --------
    >>> normalise_sequence("MP-RAGE")
    'MPRAGE'
    """
    return re.sub(r"[^0-9A-Za-z]", "", value).upper()


@dataclass(frozen=True, kw_only=True)
class Scan(File):
    """One image of one subject and session.

    Attributes
    ----------
    subject, session : str
        BIDS labels without ``sub-`` and ``ses-``; session is None where the dataset has none.
    suffix : str
        Contrast as BIDS names it: ``T1w``, ``T2w``, ``FLAIR``, …
    entities : mapping
        All entities of the file name in order, short names (``sub``, ``ses``, ``acq``, …), without suffix.
    sequence : str or None
        Pulse sequence from the sidecar (``PulseSequenceType``), normalised.
    skull_stripped : bool or None
        What the sidecar says; None where it says nothing.
    labels : mapping
        Labelling name → label map found for this scan. Labellings made here are not among them.
    mask : File or None
        Brain mask found for this scan.
    brain : File or None
        Skull-stripped image to be used in place of ``path`` (Ultracortex ships these).
    lesion : File or None
        Lesion mask found for this scan.
    landmarks : File or None
        File of landmarks found for this scan.
    raters : tuple of File
        The same landmarks as single raters placed them.
    template : bool
        Whether it is no subject's scan but a template's.
    t1w : Scan or None
        T1w scan of the same session, with the label maps found for it, where a labelling carries these over; a T1w
        scan's is the scan itself.
    lender : Scan or None
        T1w scan of the same session whose brain mask this one is given where it has none itself, if its content is
        here.
    species : str
        What ``participants.tsv`` says; empty where it says nothing.
    """

    subject: str
    session: str | None
    suffix: str
    entities: Mapping[str, str]
    sequence: str | None = None
    skull_stripped: bool | None = None
    labels: Mapping[str, LabelMapFile] = field(default_factory=lambda: MappingProxyType({}))
    mask: File | None = None
    brain: File | None = None
    lesion: File | None = None
    landmarks: File | None = None
    raters: tuple[File, ...] = ()
    template: bool = False
    t1w: Scan | None = None
    lender: Scan | None = None
    species: str = ""

    @property
    def name(self) -> str:
        """File name without extension; unique in a dataset."""
        return re.sub(r"\.nii(\.gz)?$", "", self.path.name)

    @property
    def key(self) -> str:
        """Subject, session and contrast: a valid BIDS label, unique in a dataset."""
        return "+".join(x for x in (self.subject, self.session, self.suffix) if x)

    @property
    def kind(self) -> str:
        """The sequence where it is known, else the contrast; what splits are made of."""
        return self.sequence or self.suffix

    def needs(self, labellings: tuple[str, ...] = ()) -> list[File]:
        """Files without whose content this scan cannot be registered."""
        files = [*self._list_own(), *filter(None, (self.lesion, self.landmarks))]
        for label_file in (self.labels[name] for name in labellings if name in self.labels):
            files.append(label_file)
            if label_file.lut:
                files.append(File(path=label_file.lut, dataset=label_file.dataset))
        if self.t1w is not None:
            files.extend(self.t1w.needs(tuple(self.t1w.labels)))
        return files

    def wants(self, labellings: tuple[str, ...] = ()) -> list[File]:
        """Files that a registration of this scan reads if they are here.

        What it needs, the lender of its mask, and what raters placed.
        """
        return [*self.needs(labellings), *self._list_lent(), *self.raters]

    @property
    def lends(self) -> bool:
        """Whether there is a lender and its content is here."""
        return self.lender is not None and all(f.present for f in self._list_lent())

    def sources(self) -> list[File]:
        """Files that its image and its brain mask are made from, as far as they are here."""
        return [*self._list_own(), *(self._list_lent() if self.lends else [])]

    def _list_own(self) -> list[File]:
        return [self.brain or self, *([self.mask] if self.mask else [])]

    def _list_lent(self) -> list[File]:
        # Whole heads are aligned, so a lender's own image is read even where it has a skull-stripped one.
        return [] if self.lender is None else list(dict.fromkeys((self.lender, *self.lender._list_own())))

    def __hash__(self) -> int:
        return hash(self.path)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An ordered pair: ``moving`` is registered to ``fixed``."""

    moving: Scan
    fixed: Scan

    def __str__(self) -> str:
        return f"{self.moving.name} → {self.fixed.name}"

    @property
    def split(self) -> str:
        """Class of the pair: ``MPRAGE to MP2RAGE``; ``same subject`` for rescans, ``template to subject`` and back."""
        rescan = self.moving.subject == self.fixed.subject and not (self.moving.template or self.fixed.template)
        return SAME_SUBJECT if rescan else split_of(*self.ends)

    @property
    def ends(self) -> Ends:
        """What splits call the moving and the fixed scan, each by its sequence or contrast."""
        if self.moving.template or self.fixed.template:
            moving, fixed = ("template" if scan.template else "subject" for scan in (self.moving, self.fixed))
            return moving, fixed
        return self.moving.kind, self.fixed.kind

    @property
    def multimodal(self) -> bool:
        """Whether the scans differ in contrast, or in sequence where both are known."""
        sequences = {s.sequence for s in (self.moving, self.fixed) if s.sequence}
        return self.moving.suffix != self.fixed.suffix or len(sequences) > 1
