"""What a network by TorchScript means by the displacement that it returns: ``lumirage check-model``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lumirage_bids.base.errors import BadDataError, MissingInputError, UsageError
from lumirage_bids.methods import Context

if TYPE_CHECKING:
    from lumirage_bids.methods.networks.conventions import Guess, KnownPair
    from lumirage_bids.methods.torchscript import Torchscript

DESCRIPTION = """\
Find out how to describe a network saved by torch.jit.save in [methods.NAME] of a protocol.

It gets a brain (the MNI152 template's) and the same brain moved by a known warp of some mm, with the axes pointing in
every way that arrays can have them. What it returns is compared with the truth in every order of components and every
unit. Printed are what fits, and the block for the protocol. The file is a program that runs with your rights: take it
from people you trust.
"""
EPILOG = """\
examples:
  a network that was traced for 160 x 192 x 224 voxels of 1 mm:
    lumirage check-model mine.pt
  another grid, and only two ways that its axes may point:
    lumirage check-model mine.pt --shape 128 128 128 --spacing 1.5 --orientations RAS SAR

exit codes: 0 something fits, 64 usage, 65 nothing fits or no such network, 66 input missing
"""
OUTPUTS = range(4)
SHOWN = 5


def define(p: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    from lumirage_bids.methods.networks.grid import Normalisation

    p.description, p.epilog, p.formatter_class = DESCRIPTION, EPILOG, argparse.RawDescriptionHelpFormatter
    p.add_argument("model", type=Path, metavar="MODEL.pt", help="file of torch.jit.save")
    p.add_argument("--shape", type=int, nargs=3, default=(160, 192, 224), help="voxels along the tensors' axes")
    p.add_argument("--spacing", type=float, default=1.0, help="distance of voxel centres, mm (1)")
    p.add_argument("--normalisation", choices=get_args(Normalisation), default="minmax", help="of intensities (minmax)")
    p.add_argument("--orientations", nargs="+", metavar="RAS", help="where its axes may point; all 16 by default")
    p.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    p.add_argument("--threads", type=int, default=1, help="threads that it may use (1)")


def run(arguments: argparse.Namespace) -> int:
    """Try everything, and say what fits."""
    from lumirage_bids.methods.networks.conventions import FITS, NEAR, ORIENTATIONS, best, known_pair

    wanted = [name.upper() for name in arguments.orientations or ORIENTATIONS]
    if unknown := set(wanted) - set(ORIENTATIONS):
        raise UsageError(f"--orientations {' '.join(sorted(unknown))}: unknown. Known: {' '.join(ORIENTATIONS)}.")
    if arguments.threads < 1:
        raise UsageError(f"--threads {arguments.threads}: at least 1.")
    context = Context(device=arguments.device, threads=arguments.threads)
    made = _make_model(arguments, context)
    pair = known_pair(arguments.spacing)
    made, first = _find_call(made, wanted[0], pair, context)
    every = [*first, *(g for name in wanted[1:] for g in _answers(made, name, pair, context))]
    likeliest, _ = best(every)
    swapped = replace(likeliest.method, arguments="fixed,moving")
    every += _answers(swapped, likeliest.method.orientation, pair, context)
    right = [guess for guess in every if guess.sign > 0]
    found, alike = best(right)
    print(_table(sorted(every, key=lambda guess: guess.left)[:SHOWN]))
    least = min(every, key=lambda guess: guess.left)
    if least.left < found.left - NEAR and least.left < FITS:
        raise BadDataError(
            f"{arguments.model}: the opposite of what it returns fits best ({100 * least.left:.0f} % left, "
            f"{_words(least)}). Wrap it so that it returns minus that, and try again."
        )
    if found.left > FITS:
        raise BadDataError(
            f"{arguments.model}: nothing fits; at best {100 * found.left:.0f} % of the known displacement is left "
            f"({_words(found)}). Check --shape, --spacing and --normalisation against what it was trained on, and that "
            "it returns a displacement and no velocity or map."
        )
    print(_story(found, alike, len(wanted)))
    print(_block(found.method))
    return 0


def _make_model(arguments: argparse.Namespace, context: Context) -> Torchscript:
    from lumirage_bids.methods.torchscript import Torchscript

    made = Torchscript(
        model=str(arguments.model.absolute()),
        shape=tuple(arguments.shape),
        spacing=arguments.spacing,
        normalisation=arguments.normalisation,
    )
    if complaint := made.missing(context):
        raise MissingInputError(f"{complaint[0].upper()}{complaint[1:]}.")
    return made


def _find_call(
    made: Torchscript, orientation: str, pair: KnownPair, context: Context
) -> tuple[Torchscript, list[Guess]]:
    """How the network is called, and its first answers.

    Raises
    ------
    BadDataError
        It returns no displacement however it is called; the message is that of two tensors.
    """
    refusals: list[BadDataError] = []
    for stacked, output in product((False, True), OUTPUTS):
        called = replace(made, stacked=stacked, output=output)
        try:
            return called, _answers(called, orientation, pair, context)
        except BadDataError as error:
            refusals.append(error)
    raise refusals[0]


def _answers(made: Torchscript, orientation: str, pair: KnownPair, context: Context) -> list[Guess]:
    from lumirage_bids.methods.networks.conventions import guesses

    found = guesses(made, orientation, pair, context)
    left = min(guess.left for guess in found)
    print(f"{made.arguments} {orientation}: {100 * left:.0f} % left at best", file=sys.stderr)
    return found


def _table(shown: Sequence[Guess]) -> str:
    lines = ["arguments     axes  components  units       left of the known displacement"]
    for guess in shown:
        m, minus = guess.method, "  (times -1)" if guess.sign < 0 else ""
        lines.append(
            f"{m.arguments:13} {m.orientation:5} {m.components:11} {m.units:11} {100 * guess.left:.0f} %{minus}"
        )
    return "\n".join(lines)


def _words(guess: Guess) -> str:
    m = guess.method
    return f"arguments {m.arguments}, axes {m.orientation}, components {m.components}, units {m.units}"


def _story(found: Guess, alike: Sequence[Guess], n_orientations: int) -> str:
    """What fits, and of what it could not be told."""
    from lumirage_bids.methods.networks.conventions import NEAR

    lines = [f"\nIt fits: {100 * found.left:.0f} % of the known displacement is left."]
    level = {found.method.orientation, *(g.method.orientation for g in alike if g.left <= found.left + NEAR)}
    for what in ("arguments", "orientation", "components", "units"):
        mine = getattr(found.method, what)
        others = dict.fromkeys(value for g in alike if (value := getattr(g.method, what)) != mine)
        if what == "orientation" and len(level) == n_orientations > 1:
            lines.append("Where the axes point does not matter to it.")
        elif others:
            lines.append(f"Cannot be told apart: {what} {mine} and {', '.join(others)}. Take what its authors say.")
    return "\n".join(lines)


def _block(made: Torchscript) -> str:
    """What a protocol says of the network: all that is not a default."""
    plain = type(made)()
    told = {f.name: getattr(made, f.name) for f in fields(made) if getattr(made, f.name) != getattr(plain, f.name)}
    values = {"method": "torchscript", **told}
    # What JSON has for texts, numbers, truth and lists is TOML.
    return "\n".join(["", "[methods.NAME]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())])
