"""Arms: what a run compares, every variant with every method, parameters checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product

from lumirage_bids import methods as registration
from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.base.own_code import Code, code_digest, read_code
from lumirage_bids.base.parameters import counted_fields, digest, from_table
from lumirage_bids.experiment.declared import Protocol, Variant
from lumirage_bids.experiment.evaluation import Evaluation, evaluation
from lumirage_bids.experiment.settings import Settings
from lumirage_bids.methods.alignment import Alignment
from lumirage_bids.methods.base import Context, Method
from lumirage_bids.output import paths
from lumirage_bids.spatial.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class ArmOfRun:
    """What is compared with what: a method under a variant's conditions.

    Attributes
    ----------
    code : mapping
        The user's own code that the method runs, by file.
    """

    variant: str
    name: str
    method: Method
    preparation: Preparation
    alignment: Alignment
    evaluation: Evaluation
    code: Code = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The arm's ``desc-`` label."""
        return paths.description(self.variant, self.name)

    @property
    def registration(self) -> str:
        """Digest of what its registrations depend on; arms that share it differ in their evaluation alone."""
        return digest(self.name, self.method.name, self.method, self.preparation, self.alignment)

    @property
    def hash(self) -> str:
        """Digest of all parameters, of the revisions of the steps, and of the user's own code."""
        conditions = (self.preparation, self.alignment, self.evaluation)
        return digest(self.name, self.method.name, self.method, *conditions, self.revisions, *self.own_code)

    @property
    def revisions(self) -> dict[str, int]:
        """Step → revision of what does it: a step whose results change is made again, and what follows from it."""
        return {
            "preparation": self.preparation.revision,
            "alignment": self.alignment.revision,
            "registration": self.method.revision or 1,
            "score": self.evaluation.revision,
        }

    @property
    def facts(self) -> dict[str, dict[str, object]]:
        """All that counts of the parameters of method, preparation, alignment and evaluation."""
        return {
            "method": {"method": self.method.name, **counted_fields(self.method)},
            "preparation": counted_fields(self.preparation),
            "alignment": counted_fields(self.alignment),
            "evaluation": self.evaluation.facts,
        }

    @property
    def own_code(self) -> tuple[str, ...]:
        """The digest of the user's code, to be one more part of digests; nothing where there is none."""
        return (code_digest(self.code),) if self.code else ()


def choose_arms(protocol: Protocol, settings: Settings) -> tuple[ArmOfRun, ...]:
    """Every variant with every method, `identity` first; parameters checked."""
    names = settings.methods or protocol.default_methods
    names = ("identity", *dict.fromkeys(n for n in names if n != "identity"))
    variants = [protocol.variant(n) for n in settings.variants] or list(protocol.variants)
    arms = tuple(_arm(v, n, sloppy=settings.sloppy) for v, n in product(variants, names))
    if not settings.dry_run:
        _check_can_run(arms, settings.here)
    labels: dict[str, ArmOfRun] = {}
    for arm in arms:
        if arm.label in labels:
            raise UsageError(
                f"Arms {arm.variant} × {arm.name} and {labels[arm.label].variant} × "
                f"{labels[arm.label].name} have the same label '{arm.label}' in file names. Rename a variant."
            )
        labels[arm.label] = arm
    return arms


def _check_can_run(arms: Iterable[ArmOfRun], here: Context) -> None:
    for arm in arms:
        if complaint := arm.method.missing(here):
            raise MissingInputError(f"Method {arm.name} cannot run here: {complaint}")


def _arm(variant: Variant, name: str, *, sloppy: bool) -> ArmOfRun:
    method = _method(name, dict(variant.methods.get(name, {})))
    preparation = from_table(Preparation, _native(variant.preparation), "[preparation]")
    alignment = from_table(Alignment, variant.alignment, "[alignment]")
    evaluated = evaluation(variant.evaluation)
    if sloppy:
        method, preparation, alignment = method.sloppy(), preparation.sloppy(), alignment.sloppy()
    return ArmOfRun(
        variant=variant.name,
        name=name,
        method=method,
        preparation=preparation,
        alignment=alignment,
        evaluation=evaluated,
        code=read_code(method.code()),
    )


def _method(name: str, parameters: dict[str, object]) -> Method:
    """Make the method of a ``[methods.NAME]`` table, whose key ``method`` says which it is where NAME does not."""
    kind = parameters.pop("method", name)
    known = registration.methods()
    if not isinstance(kind, str) or (name in known and kind != name):
        raise UsageError(
            f"[methods.{name}] method = {kind!r} is not allowed; "
            + (f"'{name}' is itself a method: choose another name." if name in known else "name a method.")
        )
    try:
        return registration.method(kind, **parameters)
    except UsageError as error:
        raise error if kind == name else UsageError(f"[methods.{name}]: {error}") from None


def _native(table: Mapping[str, object]) -> Mapping[str, object]:
    return {k: None if (k, v) == ("spacing", "native") else v for k, v in table.items()}
