"""What this installation and machine can do, and what they lack: ``lumirage doctor``."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from lumirage_bids import __file__ as package
from lumirage_bids import labellers, maskers, methods
from lumirage_bids.app import checks, options
from lumirage_bids.app.catalogue import group_of
from lumirage_bids.app.resources import share_out
from lumirage_bids.base.devices import count_cores, count_gpus, has_driver
from lumirage_bids.base.errors import LumirageError, MissingInputError
from lumirage_bids.base.memory import memory_limit, usable_gb
from lumirage_bids.bids.templates import template_home
from lumirage_bids.methods.base import Context
from lumirage_bids.output.record import versions

State = Literal["ok", "absent", "fault"]
SIGNS: Mapping[State, str] = {"ok": "ok", "absent": "-", "fault": "FAULT"}
NEEDED = {"methods": ("identity", "greedy"), "labellings": ("tissue",), "maskers": ("deepbet", "template")}
"""What a run needs where nothing else is asked for."""
PROGRAMS = {
    "sbatch": "submits to SLURM: lumirage sbatch, and --use-plugin with SLURM",
    "datalad": "fetches images that a clone of a dataset lacks",
}
WIDTH = 110


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that was looked at.

    Attributes
    ----------
    part : str
        Heading that it stands under.
    what : str
    state : str
        ``ok``; ``absent``: runs do without it; ``fault``: no run will work, or not as it should.
    text : str
        What was found, and what to do.
    error : LumirageError or None
        What a run would end with, of a fault.
    """

    part: str
    what: str
    state: State
    text: str
    error: LumirageError | None = None


def define(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    parser.epilog = "exit codes: 0 runs will work, 66 something they need is missing, 73 a folder cannot be written"


def run(_: argparse.Namespace) -> int:
    """Look at everything and print it; the return value is the exit code of the first fault, else 0."""
    found: list[Check] = []
    print("\n".join(_about()))
    for part, of in groupby(examine(options.weights()), lambda check: check.part):
        print(f"\n{part}", flush=True)
        for check in of:
            found.append(check)
            print(_line(check), flush=True)
    faults = [check for check in found if check.error is not None]
    told = f"{len(faults)} fault(s): {', '.join(check.what for check in faults)}." if faults else "Runs will work here."
    print(f"\n{told}")
    return next((check.error.exit_code for check in faults if check.error), 0)


def _about() -> Iterator[str]:
    ours, python, *others = versions().items()
    yield f"LUMirage {ours[1]} at {Path(package).parent}, Python {python[1]}"
    text = ", ".join(" ".join(pair) for pair in others)
    yield textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _line(check: Check) -> str:
    head = f"  {SIGNS[check.state]:5} {check.what:16} "
    lines = textwrap.wrap(check.text, WIDTH - len(head), break_on_hyphens=False, break_long_words=False)
    return head + f"\n{' ' * len(head)}".join(lines)


def examine(weights: Path | None) -> Iterator[Check]:
    """Look at the machine, the folders, the programs and all that registers, labels and masks.

    Parameters
    ----------
    weights : Path or None
        Folder of network weights.
    """
    yield from _machine()
    yield from _folders(weights)
    for program, purpose in PROGRAMS.items():
        path = shutil.which(program)
        yield Check(
            part="Programs", what=program, state="ok" if path else "absent", text=path or f"not found; it {purpose}"
        )
    yield from _ready(Context(weights=weights))


def _machine() -> Iterator[Check]:
    shares = share_out("auto", None, None, None, None)
    cores = f"{count_cores()} core(s); a run starts {shares.nprocs} process(es) of {shares.omp_nthreads} thread(s) each"
    yield Check(part="Machine", what="processors", state="ok", text=cores)
    yield Check(
        part="Machine",
        what="memory",
        state="ok",
        text=f"{memory_limit() / 1e9:.1f} GB may be used, a run plans with {usable_gb(None):.1f} GB",
    )
    yield from _gpus()


def _gpus() -> Iterator[Check]:
    if not has_driver():
        yield Check(part="Machine", what="GPU", state="absent", text="no driver of one is here; the CPU does the work")
        return
    import torch

    if not count_gpus():
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs only"
        text = (
            f"there is a driver, but PyTorch {torch.__version__}, made for {build}, finds none; the CPU does the work"
        )
        yield Check(part="Machine", what="GPU", state="absent", text=text)
    for number in range(count_gpus()):
        yield _gpu(f"cuda:{number}")


def _gpu(device: str) -> Check:
    """Use one for a moment."""
    import torch

    about = torch.cuda.get_device_properties(device)
    text = f"{about.name}, {about.total_memory / 1e9:.1f} GB, CUDA {torch.version.cuda}"
    try:
        torch.ones(8, device=device).sum().item()
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        fault = MissingInputError(f"{device} ({text}) cannot be used: {said}. Give --device cpu, or another PyTorch.")
        return Check(part="Machine", what=device, state="fault", text=str(fault), error=fault)
    return Check(part="Machine", what=device, state="ok", text=text)


def _folders(weights: Path | None) -> Iterator[Check]:
    yield _temporary()
    yield _tell_compiled()
    fonts = Path(os.environ.get("MPLCONFIGDIR") or Path.home() / ".cache" / "matplotlib")
    advice = "fonts are searched for anew at every start; MPLCONFIGDIR names another folder"
    yield _cache("fonts", fonts, advice)
    if weights is None:
        text = "LUMIRAGE_WEIGHTS is not set; it names the folder of networks' weights"
        yield Check(part="Folders", what="weights", state="absent", text=text)
    else:
        files = [file for file in weights.rglob("*") if file.is_file()] if weights.is_dir() else []
        text = f"{weights}: {len(files)} file(s)"
        yield Check(part="Folders", what="weights", state="ok" if files else "absent", text=text)
    home = template_home()
    templates = sorted(folder.name for folder in home.glob("tpl-*")) if home.is_dir() else []
    yield Check(
        part="Folders",
        what="TemplateFlow",
        state="ok" if templates else "absent",
        text=f"{home}: {', '.join(templates) or 'nothing; only protocols that name a template need it'}",
    )


def _temporary() -> Check:
    try:
        folder = checks.temporary_folder()
        checks.check_folder_writable("temporary files", Path(folder))
    except LumirageError as error:
        return Check(part="Folders", what="temporary files", state="fault", text=str(error), error=error)
    free = shutil.disk_usage(folder).free / 1e9
    return Check(part="Folders", what="temporary files", state="ok", text=f"{folder}: {free:.1f} GB free")


def _tell_compiled() -> Check:
    """Where numba keeps compiled loops."""
    from lumirage_bids.spatial import kernels

    kept = getattr(getattr(kernels.map_affine, "stats", None), "cache_path", None)
    given = os.environ.get("NUMBA_CACHE_DIR", "")
    if kept is None and os.access(given, os.R_OK | os.X_OK):
        return Check(part="Folders", what="compiled loops", state="ok", text=f"{given}: read-only; runs use a copy")
    if kept is None:
        text = "nowhere to keep them: every run compiles them anew; NUMBA_CACHE_DIR names a folder"
        return Check(part="Folders", what="compiled loops", state="absent", text=text)
    return Check(part="Folders", what="compiled loops", state="ok", text=str(kept))


def _cache(what: str, folder: Path, advice: str) -> Check:
    try:
        checks.check_folder_writable(what, folder)
    except LumirageError:
        return Check(part="Folders", what=what, state="absent", text=f"{folder} cannot be written: {advice}")
    return Check(part="Folders", what=what, state="ok", text=str(folder))


def _ready(context: Context) -> Iterator[Check]:
    made = {name: kind() for name, kind in methods.methods().items()}
    of_package = {name: method for name, method in made.items() if group_of(method) != "yours"}
    yield from _plug_ins("methods", {name: method.missing(context) for name, method in of_package.items()})
    known = labellers.labellings()
    yield from _plug_ins("labellings", {name: kind().missing(context) for name, kind in known.items()})
    finders = {name: kind().missing(context) for name, kind in maskers.maskers().items()}
    yield from _plug_ins("maskers", {**finders, "template": finders["template"] or _lacks_template()})


def _plug_ins(what: str, missing: Mapping[str, str | None]) -> Iterator[Check]:
    """Those that are ready, in one line; then each of the others."""
    part = what.capitalize()
    ready = [name for name, complaint in missing.items() if not complaint]
    yield Check(part=part, what="ready", state="ok", text=", ".join(ready))
    for name, complaint in missing.items():
        if complaint and name in NEEDED[what]:
            yield Check(part=part, what=name, state="fault", text=complaint, error=MissingInputError(complaint))
        elif complaint:
            yield Check(part=part, what=name, state="absent", text=complaint)


def _lacks_template() -> str | None:
    """Why the template for masks, which nilearn carries, cannot be read; None where it can."""
    from lumirage_bids.maskers._template_fit import FINE, load_template

    try:
        load_template(FINE)
    except (ImportError, OSError, ValueError) as error:
        return f"the template that nilearn carries cannot be read: {error}; pip install --force-reinstall nilearn"
    return None
