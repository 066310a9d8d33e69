"""Checks of folders and files before anything is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lumirage_bids import derivatives
from lumirage_bids.errors import CannotWriteError, MissingInputError, UsageError
from lumirage_bids.settings import Settings


def check_out_dir(settings: Settings) -> None:
    """Refuse an output folder that would harm the dataset or cannot be written.

    Raises
    ------
    UsageError
        OUT_DIR is the dataset, lies in its raw tree, holds it, or holds something else's derivatives.
    CannotWriteError
        OUT_DIR cannot be written.
    """
    bids, out = settings.bids_dir.resolve(), settings.out_dir.resolve()
    in_derivatives = len(out.parts) > len(bids.parts) + 1 and out.is_relative_to(bids / "derivatives")
    if out == bids or (out.is_relative_to(bids) and not in_derivatives) or bids.is_relative_to(out):
        raise UsageError(
            f"OUT_DIR {out} must not be the dataset {bids}, lie in its raw tree or hold it. Give a folder elsewhere "
            f"or one like {bids / 'derivatives' / 'lumirage'}."
        )
    if out.exists() and not out.is_dir():
        raise CannotWriteError(f"OUT_DIR {out} is a file. Give a folder.")
    about = out / "dataset_description.json"
    if about.exists() and not _is_ours(out):
        raise UsageError(
            f"OUT_DIR {out} holds another dataset ({about.name} is not LUMirage's). Give a folder of its own."
        )
    if not settings.dry_run:
        _check_writable(out)


def _check_writable(folder: Path) -> None:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CannotWriteError(f"OUT_DIR {folder} cannot be written: {error.strerror} at {existing}.") from None


def _is_ours(out_dir: Path) -> bool:
    about = derivatives.read_json(out_dir / "dataset_description.json")
    made_by = about.get("GeneratedBy")
    return isinstance(made_by, list) and any(isinstance(g, dict) and g.get("Name") == "LUMirage" for g in made_by)


def check_same_experiment(settings: Settings, protocol: str, dataset: str) -> None:
    """Refuse to mix protocols, datasets, or sloppy with serious results, in one output folder.

    Raises
    ------
    UsageError
        OUT_DIR was made otherwise.
    """
    about = derivatives.read_json(settings.out_dir / "dataset_description.json")
    if not about:
        return
    if about.get("Protocol") != protocol:
        raise UsageError(
            f"OUT_DIR {settings.out_dir} was made with protocol '{about.get('Protocol')}', this run has '{protocol}'. "
            "Give another output folder, or that protocol."
        )
    name = derivatives.dataset_name(dataset, settings.sloppy)
    if bool(about.get("Sloppy")) == settings.sloppy and about.get("Name") != name:
        raise UsageError(
            f"OUT_DIR {settings.out_dir} holds '{about.get('Name')}', this run makes '{name}'. Give another folder."
        )
    if bool(about.get("Sloppy")) != settings.sloppy:
        was = "with" if about.get("Sloppy") else "without"
        raise UsageError(
            f"OUT_DIR {settings.out_dir} was made {was} --sloppy. Give another output folder, or do the same."
        )


def check_plugin_file(settings: Settings) -> None:
    """Refuse a plugin file that is not there.

    Raises
    ------
    MissingInputError
        There is no such file.
    """
    if settings.use_plugin is not None and not settings.use_plugin.is_file():
        raise MissingInputError(f"--use-plugin {settings.use_plugin}: no such file. Give a Nipype plugin file (YAML).")


def check_participant_output(settings: Settings) -> None:
    """Refuse a group run on a folder that no participant run has written.

    Raises
    ------
    MissingInputError
        OUT_DIR is not there or not ours.
    """
    if not _is_ours(settings.out_dir):
        raise MissingInputError(
            f"OUT_DIR {settings.out_dir} holds no output of 'lumirage BIDS_DIR OUT_DIR participant'. Run that first."
        )
    _check_writable(settings.out_dir)
