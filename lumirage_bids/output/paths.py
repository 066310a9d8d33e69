"""Where everything below the output folder lies: pure functions from scans and arms to paths relative to it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path

from lumirage_bids.bids.scans import Scan

# Order of entities in a derivative's file name (BIDS schema); those of the raw file come first, in their own order.
DERIVED = ("from", "to", "mode", "space", "atlas", "seg", "res", "desc")


def label(text: str) -> str:
    """Turn a name into a BIDS label: letters and digits stay, a decimal point becomes ``p``, the rest goes.

    Examples
    --------
    >>> label("0.6mm"), label("ants_syn")
    ('0p6mm', 'antssyn')
    """
    return re.sub(r"[^0-9a-zA-Z+]", "", re.sub(r"(?<=\d)\.(?=\d)", "p", text))


def description(variant: str, method: str) -> str:
    """``desc-`` label of an arm: the method, after the variant unless that is ``default``.

    Examples
    --------
    >>> description("default", "greedy"), description("0.6mm", "ants_syn")
    ('greedy', '0p6mm+antssyn')
    """
    return label(method) if variant == "default" else f"{label(variant)}+{label(method)}"


def variant_label(variant: str, what: str) -> str:
    """``desc-`` label of something made once per variant: ``prepared``, ``0p6mm+prepared``."""
    return what if variant == "default" else f"{label(variant)}+{what}"


def path(scan: Scan, suffix: str, extension: str, **entities: str | None) -> Path:
    """Path, below the output folder, of a file derived from a scan.

    Parameters
    ----------
    scan : Scan
        Its own entities come first in the name, but those of `DERIVED`, which further ones may replace.
    suffix, extension : str
        ``dseg`` and ``.nii.gz``, say.
    **entities : str or None
        Further entities, from `DERIVED` (``from_`` for ``from``); None leaves one out.

    Examples
    --------
    >>> scan = Scan(path=Path("/d/sub-1/anat/sub-1_T1w.nii"), dataset=Path("/d"), subject="1", session=None,
    ...             suffix="T1w", entities={"sub": "1"})
    >>> path(scan, "dseg", ".nii.gz", seg="tissue", space="T1w").as_posix()
    'sub-1/anat/sub-1_space-T1w_seg-tissue_dseg.nii.gz'
    """
    given = {k.rstrip("_"): v for k, v in entities.items() if v is not None}
    unknown = set(given) - set(DERIVED)
    if unknown:
        raise ValueError(f"unknown entities {sorted(unknown)}; known: {DERIVED}")
    values = {**scan.entities, **given}
    parts = [f"{k}-{values[k]}" for k in (*(k for k in scan.entities if k not in DERIVED), *DERIVED) if k in values]
    folder = Path(f"sub-{scan.subject}", *([f"ses-{scan.session}"] if scan.session else []), "anat")
    return folder / f"{'_'.join([*parts, suffix])}{extension}"


def entities_of(file: Path) -> dict[str, str]:
    """Entities and suffix of a BIDS file name: the inverse of `path`.

    Examples
    --------
    >>> entities_of(Path("sub-1_seg-tissue_desc-greedy_scores.tsv"))
    {'sub': '1', 'seg': 'tissue', 'desc': 'greedy', 'suffix': 'scores'}
    """
    *parts, suffix = file.name.split(".")[0].split("_")
    return {**dict(p.split("-", 1) for p in parts if "-" in p), "suffix": suffix}


def prepared_image(scan: Scan, variant: str) -> Path:
    """Prepared image: reoriented, at the variant's spacing, skull-stripped, scaled, cropped."""
    return path(scan, scan.suffix, ".nii.gz", desc=variant_label(variant, "prepared"))


def is_prepared_image(file: Path) -> bool:
    """Whether a file is some scan's prepared image.

    Examples
    --------
    >>> is_prepared_image(Path("sub-1_desc-1mm+prepared_T1w.nii.gz"))
    True
    >>> is_prepared_image(Path("sub-1_desc-1mm+prepared_T1w.json"))
    False
    """
    return file.name.endswith(".nii.gz") and entities_of(file).get("desc", "").endswith("prepared")


def prepared_mask(scan: Scan, variant: str) -> Path:
    """Brain mask on the grid of the prepared image."""
    return path(scan, "mask", ".nii.gz", space=scan.suffix, desc=variant_label(variant, "brain"))


def label_map(scan: Scan, labelling: str) -> Path:
    """Label map of a scan, on the grid it was made on."""
    return path(scan, "dseg", ".nii.gz", space=scan.suffix, atlas=_atlas(scan, labelling), seg=labelling)


def _atlas(scan: Scan, labelling: str) -> str | None:
    """The atlas that a template's labels are of, which ``seg-`` is not to name; None for labels of subjects."""
    found = scan.labels.get(labelling) if scan.template else None
    return entities_of(found.path).get("atlas") if found else None


def agreement(scan: Scan, labelling: str, reference: str) -> Path:
    """How well a labelling's map of a scan agrees with a reference's of the same scan; a JSON."""
    return path(scan, "agreement", ".json", space=scan.suffix, seg=labelling, desc=reference)


def placements(scan: Scan) -> Path:
    """Landmarks of a scan, as they count and as single raters placed them; a JSON."""
    return path(scan, "placements", ".json", space=scan.suffix)


def look_up_table(labelling: str) -> Path:
    """Names of a labelling's structures."""
    return Path(f"seg-{labelling}_dseg.tsv")


def alignment(scan: Scan, reference: Scan, variant: str) -> Path:
    """ITK affine from the reference's world to the scan's."""
    desc = variant_label(variant, "alignment")
    return path(scan, "xfm", ".txt", from_=scan.suffix, to=reference.key, mode="image", desc=desc)


def scores(moving: Scan, labelling: str, arm: str, digest: str) -> Path:
    """Rows of one batch of pairs."""
    return path(moving, "scores", ".tsv", seg=labelling, desc=f"{arm}+{digest}")


def slices(moving: Scan, arm: str, digest: str) -> Path:
    """Moved labels in three planes of the fixed scan, for figures."""
    return path(moving, "slices", ".npz", desc=f"{arm}+{digest}")


def moved_labels(moving: Scan, fixed: Scan, arm: str, labelling: str) -> Path:
    """Labels of the moving scan on the fixed scan's native grid."""
    return path(moving, "dseg", ".nii.gz", space=fixed.key, atlas=_atlas(moving, labelling), seg=labelling, desc=arm)


def moved_image(moving: Scan, fixed: Scan, arm: str) -> Path:
    """Image of the moving scan on the fixed scan's prepared grid."""
    return path(moving, moving.suffix, ".nii.gz", space=fixed.key, desc=arm)


def transform(moving: Scan, fixed: Scan, arm: str) -> Path:
    """ITK transform from the fixed scan's world to the moving scan's: it resamples moving images on the fixed grid."""
    return path(moving, "xfm", ".h5", from_=moving.suffix, to=fixed.key, mode="image", desc=arm)


def inverse_transform(moving: Scan, fixed: Scan, arm: str) -> Path:
    """ITK transform from the moving scan's world to the fixed scan's."""
    return path(moving, "xfm", ".h5", from_=fixed.key, to=moving.suffix, mode="image", desc=arm)


def files_kept(moving: Scan, fixed: Scan, arm: str, kinds: Container[str], labellings: Iterable[str]) -> list[Path]:
    """What is kept of a pair: labels, images, transforms; without the inverse, which not every method gives."""
    files = []
    if "labels" in kinds:
        files += [moved_labels(moving, fixed, arm, name) for name in labellings]
    if "images" in kinds:
        files.append(moved_image(moving, fixed, arm))
    if "transforms" in kinds:
        files.append(transform(moving, fixed, arm))
    return files


def consistency(scan: Scan, arm: str) -> Path:
    """How far chains of transforms that begin at a scan end from where they ought to."""
    return path(scan, "consistency", ".tsv", desc=arm)


def fusion(scan: Scan, arm: str, labelling: str) -> Path:
    """Scores of a scan's labels that were made of other scans' labels."""
    return path(scan, "fusion", ".tsv", seg=labelling, desc=arm)


def sidecar(file: Path) -> Path:
    """The JSON beside a file."""
    return file.with_name(file.name.split(".")[0] + ".json")


def failure(file: Path) -> Path:
    """Where it is noted that a file could not be made, and why."""
    return Path("logs", "failures", f"{file.name.split('.')[0]}.json")


def raw_uri(scan: Scan) -> str:
    """``bids:raw:`` URI of a scan's image, ``bids:templateflow:`` of a template's."""
    return f"bids:{'templateflow' if scan.template else 'raw'}:{(scan.brain or scan).relative}"
