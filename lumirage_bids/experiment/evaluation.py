"""Where and how the labels of a pair are compared, and by which measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.own_code import code_digest, own_sources, read_code
from lumirage_bids.base.parameters import added, counted_fields, from_table
from lumirage_bids.measures import Measure, measure, measures


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A measure that a digest tells of: how it is called, its parameters, and what its values follow from."""

    name: str
    measure: Measure
    revision: int
    code: str

    @property
    def words(self) -> str:
        """What is other than usual of it."""
        parts = [f"{key} {value}" for key, value in counted_fields(self.measure).items()]
        parts += [f"revision {self.revision}"] * (self.revision > 1) + [f"source {self.code}"] * bool(self.code)
        return ", ".join(parts) or "taken"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How label maps are compared.

    Attributes
    ----------
    grid : str
        ``native``: moving labels are carried once, from their native grid to the fixed scan's, and compared there.
        ``prepared``: besides, both maps are first resampled to their scans' prepared grids, and compared on the fixed
        one, as published evaluations did.
        ``reference``: both maps are first carried through their scans' alignments to the prepared grid of the scan that
        all are aligned to, and compared there alone, as the LUMIR challenge does in MNI space.
    transfer : str
        ``linear`` (trilinear votes) or ``nearest`` (for comparison only); of every step.
    surface : bool
        Whether surface distances are measured too (some seconds a pair).
    diffeomorphism : bool
        Whether the volume that is not diffeomorphic is measured too (some seconds a pair).
    more : tuple of Asked
        Measures besides those that every run takes as they are.
    """

    digest_name: ClassVar[str] = "Evaluation"
    revision: ClassVar[int] = 1
    """Raised when a score changes for the same transform, so that rows are made again."""

    grid: Literal["native", "prepared", "reference"] = "native"
    transfer: Literal["linear", "nearest"] = "linear"
    surface: bool = False
    diffeomorphism: bool = False
    more: tuple[Asked, ...] = added((), since="0.2.0")

    @property
    def taken(self) -> tuple[Measure, ...]:
        """What is measured, in the order of the columns."""
        given = {asked.name: asked.measure for asked in self.more}
        return tuple(
            given.get(name) or kind()
            for name, kind in measures().items()
            if name in given or kind.always or getattr(self, name, False)
        )

    @property
    def conditions(self) -> dict[str, object]:
        """All that counts, under the names that a protocol has for it.

        Examples
        --------
        >>> evaluation({"surface": True}).conditions
        {'grid': 'native', 'transfer': 'linear', 'surface': True, 'diffeomorphism': False}
        """
        own = {key: value for key, value in counted_fields(self).items() if key != "more"}
        return own | {asked.name: asked.words for asked in self.more}

    @property
    def on(self) -> Literal["native", "reference"]:
        """Grid that the labels behind ``dice_mean`` are compared on; ``prepared`` adds a column to ``native``."""
        return "reference" if self.grid == "reference" else "native"

    @property
    def words(self) -> str:
        """Where and how the labels behind ``dice_mean`` are compared.

        Examples
        --------
        >>> Evaluation().words, Evaluation(grid="reference", transfer="nearest").words
        ('native', 'reference, nearest')
        """
        return self.on if self.transfer == "linear" else f"{self.on}, {self.transfer}"


def evaluation(table: Mapping[str, Any]) -> Evaluation:
    """Read a protocol's ``[evaluation]``.

    Parameters
    ----------
    table : mapping
        ``grid``, ``transfer``, and names of measures: true for one that is not taken in every run, or a table of its
        parameters.

    Raises
    ------
    UsageError
        A key is no measure, or a value is not allowed.
    """
    plain = [f.name for f in fields(Evaluation) if f.name != "more"]
    made = from_table(Evaluation, {key: value for key, value in table.items() if key in plain}, "[evaluation]")
    wanted = {each.name: each for each in made.taken}
    for name, value in table.items():
        if name not in plain and value is not False:
            wanted[name] = _measure(name, value, plain)
    told = (_ask_for(each) for each in wanted.values())
    return replace(made, more=tuple(asked for asked in told if not _is_implied(asked, plain)))


def _measure(name: str, value: object, plain: Sequence[str]) -> Measure:
    """The measure of a key of ``[evaluation]``."""
    optional = [known for known, kind in measures().items() if not kind.always and known not in plain]
    if name not in measures():
        raise UsageError(f"[evaluation]: unknown parameter '{name}'. Allowed: {', '.join([*plain, *optional])}.")
    if value is not True and not isinstance(value, Mapping):
        raise UsageError(
            f"[evaluation]: {name} = {value!r} is not allowed; it must be true, false or a table of its parameters."
        )
    return measure(name, **({} if value is True else value))


def _is_implied(asked: Asked, plain: Sequence[str]) -> bool:
    """Whether rows of versions before `Evaluation.more` have this measure as it is, so that no digest tells of it."""
    kind = measures()[asked.name]
    return (kind.always or asked.name in plain) and asked == Asked(name=asked.name, measure=kind(), revision=1, code="")


def _ask_for(of: Measure) -> Asked:
    return Asked(
        name=of.name, measure=of, revision=of.revision or 1, code=code_digest(read_code(own_sources(type(of))))
    )
