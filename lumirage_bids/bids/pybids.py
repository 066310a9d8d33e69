"""The anatomical images of a BIDS dataset as PyBIDS indexes them; the only module that knows PyBIDS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lumirage_bids.base.errors import InputOutputError, InvalidDatasetError
from lumirage_bids.bids.index_cache import IndexCache, Tree, read_tree
from lumirage_bids.bids.sidecars import Sidecars, read_sidecars

if TYPE_CHECKING:
    from bids.layout import BIDSLayout

# Everything but JSON files and anat folders of the raw dataset; PyBIDS matches these against "/<path below the root>".
IGNORED = (
    r"^/(?!sub-|[^/]*\.json$)",
    r"^/sub-[^/]*/(?!ses-|anat(/|$)|[^/]*\.json$)",
    r"^/sub-[^/]*/ses-[^/]*/(?!anat(/|$)|[^/]*\.json$)",
    r"/anat/(?!.*\.(nii|nii\.gz|json)$)",
)


def open_layout(root: Path, tree: Tree, database_dir: Path | None) -> tuple[BIDSLayout, tuple[str, ...]]:
    """PyBIDS' layout of the anatomical images, from `database_dir` where it is kept there and still true; and notes."""
    from bids.layout import BIDSLayout

    cache = IndexCache.of(database_dir, root, tree.digest) if database_dir else None
    notes = cache.notes() if cache else None
    if cache and notes is not None:
        return BIDSLayout(root, validate=False, database_path=cache.folder), notes
    config = _config(root)
    sidecars = read_sidecars(tree.sidecars, {str(entity["name"]) for entity in config["entities"]})
    notes = tuple(_note_sidecars(root, sidecars))
    layout = _index(root, config, sidecars)
    if cache:
        with closing(layout.connection_manager.engine.raw_connection()) as connection:
            cache.publish(connection.driver_connection, notes)
    return layout, notes


def list_tree(root: Path) -> Tree:
    """List the files of a dataset that count.

    Raises
    ------
    InputOutputError
        A folder cannot be listed.
    """
    try:
        return read_tree(root)
    except OSError as error:
        raise InputOutputError(f"{error.filename or root} cannot be listed: {error.strerror}.") from None


def _note_sidecars(root: Path, sidecars: Sidecars) -> Iterator[str]:
    """One note per reason, with an example."""
    by_reason: dict[str, list[Path]] = {}
    for path, reason in sidecars.unusable.items():
        by_reason.setdefault(f"Not used: {{n}} JSON file(s), {reason}", []).append(path.relative_to(root))
    for path, reasons in sidecars.repaired.items():
        why = f"Odd, but read: {{n}} JSON file(s) with {'; '.join(reasons)}"
        by_reason.setdefault(why, []).append(path.relative_to(root))
    for reason, paths in by_reason.items():
        yield f"{reason.replace('{n}', str(len(paths)), 1)}: {paths[0]}{', …' if paths[1:] else ''}."


def _index(root: Path, config: Mapping[str, Any], sidecars: Sidecars) -> BIDSLayout:
    """Let PyBIDS index the anatomical images in memory."""
    from bids.exceptions import BIDSConflictingValuesError
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    ignored = [*IGNORED, *(f"^/{re.escape(str(p.relative_to(root)))}$" for p in sidecars.unusable)]
    indexer = BIDSLayoutIndexer(validate=False, ignore=[re.compile(pattern) for pattern in ignored])
    try:
        with _handing_over(sidecars.contents):
            return BIDSLayout(root, validate=False, indexer=indexer, config=[config])
    except (BIDSConflictingValuesError, OSError, ValueError, TypeError) as error:
        raise InvalidDatasetError(f"PyBIDS cannot index {root}: {error}") from None


class _Json:
    """Stands in for the module `json` where PyBIDS reads sidecars, which it takes for UTF-8 and for right."""

    JSONDecodeError = json.JSONDecodeError

    def __init__(self, contents: Mapping[Path, Mapping[str, Any]]) -> None:
        self._contents = {str(path): content for path, content in contents.items()}

    def load(self, handle: Any) -> Mapping[str, Any]:
        return self._contents[handle.name]


@contextmanager
def _handing_over(contents: Mapping[Path, Mapping[str, Any]]) -> Iterator[None]:
    """Let PyBIDS have the sidecars as they were read here."""
    import bids.layout.index as module

    its_own = module.json
    module.json = _Json(contents)
    try:
        yield
    finally:
        module.json = its_own


def _config(root: Path) -> dict[str, Any]:
    """PyBIDS' entities, looked for below the root only: else a folder ``run-3`` above it would be every file's run."""
    import bids.layout

    config = json.loads(Path(bids.layout.__file__).with_name("config").joinpath("bids.json").read_text("utf-8"))
    for entity in config["entities"]:
        entity["pattern"] = f"^{re.escape(str(root))}(?s:/.*?)?{entity['pattern']}"
    return {"name": "bids", "entities": config["entities"]}
