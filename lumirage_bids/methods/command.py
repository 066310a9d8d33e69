"""Any registration program that reads NIfTI images and writes a transform."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from lumirage_bids.base.called_files import called_files, check_depends, files_below, tell_absent
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.parameters import added, aside
from lumirage_bids.methods.base import Cost, Method, OwnInput, Trained
from lumirage_bids.methods.programs.call import made_file, missing_program, run_program, scratch
from lumirage_bids.spatial.grids import mask_on, region_on, resample
from lumirage_bids.spatial.images import Volume, write_image
from lumirage_bids.spatial.itk import read_transform

if TYPE_CHECKING:
    from lumirage_bids.methods.base import Context
    from lumirage_bids.spatial.transforms import Transform

PLACEHOLDERS = (
    "fixed", "moving", "fixed_mask", "moving_mask", "fixed_lesion", "moving_lesion",
    "output", "output_prefix", "threads", "device", "seed", "work_dir",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Command(Method):
    """Runs a program of the user's, which finds the transform from the fixed to the moving image.

    The program is started without a shell in an empty folder that is deleted afterwards. It ends when the pair times
    out.

    Attributes
    ----------
    argv : tuple of str
        Program and arguments, in which these are replaced: ``{fixed}``, ``{moving}`` (prepared images, float32, .nii),
        ``{fixed_mask}``, ``{moving_mask}`` (brain masks, .nii), ``{fixed_lesion}``, ``{moving_lesion}`` (1 in a lesion,
        0 everywhere for a scan without one, .nii), ``{output}``, ``{output_prefix}`` (the same up to the
        first dot), ``{work_dir}``, ``{threads}``, ``{device}``, ``{seed}``. ``{{`` stands for a brace. Other paths must
        be given in full. When the program changes, a file that is given so, or a program or script that a script among
        these calls, the pairs are registered again.
    depends : tuple of str
        Further files, or folders of them, whose change does the same, in full: weights, a library of the program's.
    output : str
        Name of the file, below the folder, in which the program leaves the transform.
    format : str
        Whose conventions that file follows; auto goes by the file.
    grid : str
        ``fixed``: the moving image is resampled (linearly) to the fixed image's grid, with the start, so that any
        program works and voxel displacements are well defined. ``own``: it is handed over as it is with the start in
        its sform, which then may shear; many programs, all that use ITK, refuse that.
    similarity : str
        Name of the similarity measure that the program optimises, for the tables; ``lncc`` warns of pairs across
        contrasts.
    training : Training or str
        What the program has learned from; ``none`` for one that learns nothing. It changes no result.
    """

    name: ClassVar[str] = "command"
    digest_name: ClassVar[str] = "Command"
    revision: ClassVar[int | None] = 1
    summary: ClassVar[str] = "any program: told in argv, called once a pair"
    phrase: ClassVar[str] = "a program that was called for each pair"

    argv: tuple[str, ...] = ()
    output: str = "transform.nii.gz"
    format: Literal["auto", "itk", "learn2reg", "fsl", "ras"] = "auto"
    grid: Literal["fixed", "own"] = "fixed"
    similarity: str = "n/a"
    training: Trained = aside("unknown")
    depends: tuple[str, ...] = added((), since="0.2.0")

    def __post_init__(self) -> None:
        """Refuse placeholders that there are not, and an output elsewhere."""
        for part in self.argv:
            for name in _fields(part):
                if name not in PLACEHOLDERS:
                    raise UsageError(
                        f"argv holds the placeholder {{{name}}} in {part!r}; there are "
                        f"{', '.join(f'{{{p}}}' for p in PLACEHOLDERS)}; write {{{{ for a brace."
                    )
        check_depends(self.depends)
        path = Path(self.output)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise UsageError(f"output is {self.output!r}; it must be the name of a file below the working folder.")

    @property
    def uses_seed(self) -> bool:
        """Whether the program is told the seed."""
        return any("seed" in _fields(part) for part in self.argv)

    @property
    def masks_lesions(self) -> bool:
        """Whether the program is told where lesions are."""
        return any({"fixed_lesion", "moving_lesion"} & {*_fields(part)} for part in self.argv)

    def missing(self, context: Context) -> str | None:
        """The command, or its program."""
        if not self.argv:
            return 'it has no command; say argv = ["program", "{fixed}", "{moving}", "{output}"] in [methods.command]'
        return tell_absent(self.depends) or missing_program(self.argv[0])

    def code(self) -> tuple[Path, ...]:
        """What argv leads to, and what `depends` names."""
        return (*super().code(), *called_files(self.argv), *files_below(self.depends))

    def similarity_for(self, *, multimodal: bool) -> str:
        """Return what the user says of the program."""
        return self.similarity

    @property
    def own_input(self) -> OwnInput | None:
        """On the fixed grid the program sees an interpolated moving image."""
        return OwnInput(words="moving image resampled to the fixed grid") if self.grid == "fixed" else None

    def register(self, fixed: Volume, moving: Volume, context: Context) -> Transform:
        """Register; see `Method.register`."""
        if not self.argv:
            raise UsageError(f"The method 'command' cannot run: {self.missing(context)}.")
        masks = {"fixed_mask": context.fixed_mask, "moving_mask": context.moving_mask}
        if self.grid == "fixed":
            moving = resample(moving, fixed.shape, fixed.affine)
            if masks["moving_mask"]:
                masks["moving_mask"] = Volume(array=mask_on(masks["moving_mask"], fixed), affine=fixed.affine)
        lesions = {
            f"{side}_lesion": replace(image, array=region_on(lesion, image))
            for side, image, lesion in (
                ("fixed", fixed, context.fixed_lesion),
                ("moving", moving, context.moving_lesion),
            )
        }
        with scratch(context) as folder:
            argv = self._fill({"fixed": fixed, "moving": moving, **masks, **lesions}, context, folder)
            (folder / self.output).parent.mkdir(parents=True, exist_ok=True)
            run_program(argv, context, folder)
            return read_transform(made_file(folder / self.output, argv), self.format, fixed=fixed, moving=moving)

    def _fill(self, volumes: dict[str, Volume | None], context: Context, folder: Path) -> list[str]:
        """Write what the program asks for and replace the placeholders."""
        output = folder / self.output
        values = {
            "output": str(output),
            "output_prefix": str(output.with_name(output.name.split(".")[0])),
            "threads": str(context.threads),
            "device": context.device,
            "seed": str(context.seed),
            "work_dir": str(folder),
        }
        for name in {name for part in self.argv for name in _fields(part)} & volumes.keys():
            volume = volumes[name]
            if volume is None:
                raise UsageError(f"argv asks for {{{name}}}, but there is no such mask.")
            write_image(volume, folder / f"{name}.nii", np.uint8 if volume.array.dtype == bool else np.float32)
            values[name] = str(folder / f"{name}.nii")
        return [part.format_map(values) for part in self.argv]

    def cost(self, voxels: int, device: str) -> Cost:
        """Guess: it is not known what the program needs."""
        return Cost(seconds=60, memory_gb=1 + voxels * 300e-9)


def _fields(text: str) -> set[str]:
    """Names of the placeholders in a text.

    Raises
    ------
    UsageError
        If its braces do not match, or a placeholder is more than a name.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise UsageError(f"argv holds {text!r}: {error}; write {{{{ for a brace.") from None
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise UsageError(f"argv holds {text!r}; a placeholder is a name in braces, no more.")
    return {field for _, field, _, _ in parts if field is not None}
