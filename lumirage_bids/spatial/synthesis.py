"""Images of another contrast that a program makes of scans, in their place: of which, how, and on what grid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lumirage_bids.base.called_files import called_files, check_depends, files_below, tell_absent
from lumirage_bids.base.errors import BadDataError, UsageError
from lumirage_bids.base.own_code import code_digest, read_code
from lumirage_bids.base.parameters import aside
from lumirage_bids.spatial.grids import resample
from lumirage_bids.spatial.images import Volume

COMMANDS: dict[str, tuple[str, ...]] = {
    "mri_synthsr": ("mri_synthsr", "--i", "{input}", "--o", "{output}", "--threads", "{threads}", "--cpu")
}
"""How programs are called that are known by name."""
WHERE = {
    "mri_synthsr": "it comes with FreeSurfer, under FreeSurfer's licence "
    "(https://surfer.nmr.mgh.harvard.edu/fswiki/SynthSR)"
}
"""Where they are to be had."""
REFERENCES = {"mri_synthsr": ("iglesias2023",)}
PLACEHOLDERS = ("{input}", "{output}", "{threads}")
_PLACEHOLDER = re.compile(r"(?<!\$)\{[a-z_]+\}")  # ${name} is a shell's
_RUN_ON = re.compile(r"\{(input|output|threads)\}\{")
HELD = 0.95
"""Share of the brain that a synthesised image must hold; less, and its header is another scan's, or none."""


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A program that makes an image of another contrast of scans, before anything else is done with them.

    Attributes
    ----------
    program : str
        ``mri_synthsr``, FreeSurfer's SynthSR on the CPU; empty where ``argv`` says what is called.
    argv : tuple of str
        Program of your own and its arguments, in which these are replaced: ``{input}`` (the native image, .nii.gz),
        ``{output}`` (where it leaves the new one, .nii.gz, in the input's world coordinates), ``{threads}``.
    contrasts : tuple of str
        BIDS suffixes of the scans that it is called for; other scans are taken as they are.
    makes : str
        BIDS suffix of the contrast that it makes. It tells the audit, and changes no result.
    grid : {"native", "own"}
        ``native``: the new image is brought to the scan's own grid, through the headers. ``own``: it keeps its grid, as
        SynthSR's of 1 mm, which shows more than thick slices do. Label maps and scores are the scan's own either way.
    depends : tuple of str
        Files and folders, in full, whose change makes the images anew: weights, say.
    timeout : float
        Seconds that the program may take for a scan; then it is ended, and the same command tries it again.
    """

    program: Literal["", "mri_synthsr"] = ""
    argv: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ("T2w", "T2starw", "FLAIR", "PDw")
    makes: str = aside("T1w")
    grid: Literal["native", "own"] = "native"
    depends: tuple[str, ...] = ()
    timeout: float = aside(3600.0)

    def __post_init__(self) -> None:
        """Refuse no program and two, and commands without a way in or out."""
        if self.program and self.argv:
            raise UsageError(
                f"synthesis has both program = {self.program!r} and argv = {list(self.argv)}; leave one of them out."
            )
        if not (self.program or self.argv):
            raise UsageError("synthesis needs either program or argv: what makes the images.")
        words = " ".join(self.command)
        for needed in ("{input}", "{output}"):
            if needed not in words:
                raise UsageError(f"argv is {list(self.argv)}; it must hold {needed}.")
        if unknown := sorted(set(_PLACEHOLDER.findall(words)).difference(PLACEHOLDERS)):
            raise UsageError(f"argv holds {unknown[0]}, which stands for nothing. Known: {', '.join(PLACEHOLDERS)}.")
        if run_on := [part for part in self.argv if _RUN_ON.search(part)]:
            raise UsageError(f"argv holds {run_on[0]!r}, two values in one word; give each an argument of its own.")
        if not self.contrasts:
            raise UsageError('contrasts is empty; name the BIDS suffixes of the scans: ["T2w", "FLAIR"].')
        check_depends(self.depends)
        if self.timeout <= 0:
            raise UsageError(f"timeout is {self.timeout:g}; it must be a positive number of seconds.")

    @property
    def command(self) -> tuple[str, ...]:
        """Program and arguments, with placeholders."""
        return self.argv or COMMANDS[self.program]

    @property
    def absent(self) -> str:
        """Say what of `depends` is not there; empty where all is."""
        return tell_absent(self.depends)

    @property
    def where(self) -> str:
        """Where the program is to be had, in words; empty for one of the user's own."""
        return WHERE.get(self.program, "")

    def fill_in(self, **values: str) -> list[str]:
        """The command with its placeholders replaced, as they are named."""
        return [_replace(part, values) for part in self.command]

    def code(self) -> str:
        """Digest of the program, of scripts that it calls, and of what it depends on; empty where nothing is found."""
        return code_digest(read_code((*called_files(self.command), *files_below(self.depends))))


def _replace(part: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        part = part.replace(f"{{{name}}}", value)
    return part


def accept_synthesised(made: Volume, image: Volume, mask: Volume, synthesis: Synthesis) -> Volume:
    """Check a synthesised image against the scan that it was made of, and bring it to the grid that is asked for.

    Parameters
    ----------
    made : Volume
        As the program left it; voxels may be not finite.
    image, mask : Volume
        The native image and its brain mask.

    Raises
    ------
    BadDataError
        It has no contrast, or its header places it beside the scan's brain, or it is not finite there.
    """
    array = np.asarray(made.array, dtype=np.float32)
    finite = np.isfinite(array)
    command = " ".join(synthesis.command)
    if array.ndim != 3 or not finite.any() or array[finite].min() == array[finite].max():
        raise BadDataError(
            f"the synthesised image, shape {array.shape}, has no finite values or no contrast; run '{command}' by hand "
            "on this scan and look at it"
        )
    held, known = (
        _share_of(Volume(array=there.astype(np.float32), affine=made.affine), mask)
        for there in (np.ones(array.shape), finite)
    )
    if held < HELD:
        raise BadDataError(
            f"the synthesised image holds {held:.0%} of the scan's brain: its header does not place it where the scan "
            f"is. The output of '{command}' must be in the world coordinates of its input"
        )
    if known < HELD:
        raise BadDataError(
            f"the synthesised image has finite values in {known:.0%} of the scan's brain, the rest is NaN or infinite; "
            f"run '{command}' by hand on this scan and look at it"
        )
    whole = Volume(array=np.where(finite, array, array[finite].min()), affine=made.affine)
    return resample(whole, image.shape, image.affine) if synthesis.grid == "native" else whole


def _share_of(there: Volume, mask: Volume) -> float:
    """Share of a brain where an image of ones and zeros is one."""
    return float(resample(there, mask.shape, mask.affine).array[mask.array > 0].mean())
