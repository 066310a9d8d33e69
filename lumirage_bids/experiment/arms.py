"""Arms: what a run compares, every variant with every method, parameters checked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
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
from lumirage_bids.methods.base import Context, Cost, Method, Trained
from lumirage_bids.output import paths
from lumirage_bids.spatial.preparation import Preparation


@dataclass(frozen=True, kw_only=True)
class ArmOfRun:
    """What is compared with what: a method under a variant's conditions.

    Attributes
    ----------
    code : mapping
        The user's own code that the method runs, by file.
    first : ArmOfRun or None
        What is run before, of the same variant, where the method goes on from the result of another.
    """

    variant: str
    name: str
    method: Method
    preparation: Preparation
    alignment: Alignment
    evaluation: Evaluation
    code: Code = field(default_factory=dict)
    first: ArmOfRun | None = None

    @property
    def stages(self) -> tuple[ArmOfRun, ...]:
        """What is run for a pair, one after the other: what the method goes on from, and the method itself."""
        return (*(self.first.stages if self.first else ()), self)

    def rests_on(self, names: Container[str]) -> bool:
        """Whether the method, or one that it goes on from, is among some."""
        return any(stage.name in names for stage in self.stages)

    def missing(self, here: Context) -> str | None:
        """Say what is missing to run here, of what is run before too, and how to get it; None when nothing is."""
        for stage in self.stages:
            if complaint := stage.method.missing(here):
                return complaint if stage is self else f"it goes on from {stage.name}, which cannot: {complaint}"
        return None

    def cost(self, voxels: int, device: str) -> Cost:
        """Estimate the cost of one pair: the time of all that is run, and the memory of what takes most."""
        costs = [stage.method.cost(voxels, device) for stage in self.stages]
        return Cost(seconds=sum(c.seconds for c in costs), memory_gb=max(c.memory_gb for c in costs))

    @property
    def training(self) -> Trained:
        """What the method has learned from, or what it goes on from has."""
        return next((s.method.training for s in self.stages if s.method.training != "none"), "none")

    @property
    def label(self) -> str:
        """The arm's ``desc-`` label."""
        return paths.description(self.variant, self.name)

    @property
    def registration(self) -> str:
        """Digest of what its registrations depend on; arms that share it differ in their evaluation alone."""
        return digest(self.name, self.method.name, self.method, self.preparation, self.alignment, *self._started)

    @property
    def hash(self) -> str:
        """Digest of all parameters, of the revisions of the steps, and of the user's own code."""
        shared = (self.preparation, self.alignment, self.evaluation)
        own = (self.name, self.method.name, self.method, *shared, self.revisions, *self.own_code)
        return digest(*own, *self._started)

    @property
    def _started(self) -> tuple[object, ...]:
        """What the results of the methods that are run before depend on; nothing where there are none."""
        return tuple((s.method.name, s.method, s.method.revision or 1, *s.own_code) for s in self.stages[:-1])

    @property
    def revisions(self) -> dict[str, int]:
        """Step → revision of what does it: a step whose results change is made again, and what follows from it."""
        return {
            "preparation": self.preparation.revision,
            "alignment": self.alignment.revision,
            "registration": self.method.revision or 1,
            "score": self.evaluation.revision,
            **({"perturbation": worse.revision} if (worse := self.preparation.perturbation) else {}),
        }

    @property
    def conditions(self) -> dict[str, dict[str, object]]:
        """All that counts of the parameters of method, preparation, alignment and evaluation."""
        return {
            "method": {"method": self.method.name, **counted_fields(self.method), **self._conditions_of_start},
            "preparation": counted_fields(self.preparation),
            "alignment": counted_fields(self.alignment),
            "evaluation": self.evaluation.conditions,
        }

    @property
    def _conditions_of_start(self) -> dict[str, object]:
        """Parameters and revisions of what is run before, each behind the name of it."""
        return {
            f"{s.name} {key}": value
            for s in self.stages[:-1]
            for key, value in {
                "method": s.method.name,
                **counted_fields(s.method),
                "revision": s.method.revision or 1,
                **({"code": code_digest(s.code)} if s.code else {}),
            }.items()
        }

    @property
    def is_composed(self) -> bool:
        """Whether transforms are composed where asked for: not of perturbed images, not of controls or label maps."""
        return self.preparation.perturbation is None and not self.method.control and not self.method.carries

    def scores(self, labelling: str) -> bool:
        """Whether its pairs are scored by a labelling: by all, unless its method has label maps of one and no more."""
        return self.method.carries in ("", labelling)

    @property
    def own_code(self) -> tuple[str, ...]:
        """The digest of the user's code, to be one more part of digests; nothing where there is none."""
        return (code_digest(self.code),) if self.code else ()


def choose_arms(protocol: Protocol, settings: Settings) -> tuple[ArmOfRun, ...]:
    """Every variant with every method, `identity` first; parameters checked."""
    names = _list_asked(settings.methods, protocol.default_methods)
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


def _list_asked(methods: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Methods of a run: those that are named, or the protocol's; and those named with a plus.

    Examples
    --------
    >>> _list_asked((), ("greedy",)), _list_asked(("syn",), ("greedy",)), _list_asked(("+syn",), ("greedy",))
    (('greedy',), ('syn',), ('greedy', 'syn'))
    """
    added = tuple(name.removeprefix("+") for name in methods if name.startswith("+"))
    return (*(tuple(name for name in methods if not name.startswith("+")) or default), *added)


def _check_can_run(arms: Iterable[ArmOfRun], here: Context) -> None:
    for arm in arms:
        if complaint := arm.missing(here):
            raise MissingInputError(f"Method {arm.name} cannot run here: {complaint}")


def _arm(variant: Variant, name: str, *, sloppy: bool, after: tuple[str, ...] = ()) -> ArmOfRun:
    """Make an arm and what it goes on from.

    Parameters
    ----------
    after : tuple of str
        Methods that go on from this one, the nearest last.
    """
    method = _method(name, dict(variant.methods.get(name, {})))
    before = method.begins_with
    circle = (*after, name)
    if before in circle:
        raise UsageError(
            f"[methods.{name}] start_from = {before!r} goes in a circle: {' from '.join((*circle, before))}. Name a "
            "method that does not go on from this one."
        )
    if before and before not in variant.methods and before not in registration.methods():
        known = ", ".join(dict.fromkeys(n for n in (*variant.methods, *registration.methods()) if n not in circle))
        raise UsageError(f"[methods.{name}] start_from = {before!r}: there is no such method. Known: {known}.")
    first = _arm(variant, before, sloppy=sloppy, after=circle) if before else None
    if first is not None and first.method.carries:
        raise UsageError(
            f"[methods.{name}] start_from = {before!r}, which has label maps and no transforms. Name a method that has."
        )
    preparation = from_table(Preparation, _read_words(variant.preparation), "[preparation]")
    alignment = from_table(Alignment, variant.alignment, "[alignment]")
    evaluated = evaluation(variant.evaluation)
    if preparation.perturbation is not None and (method.control or not method.computes):
        raise UsageError(
            f"Variant {variant.name} perturbs what methods see, and {name} does not look at it. Leave one of them out: "
            "--methods, --variants."
        )
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
        first=first,
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


def _read_words(table: Mapping[str, object]) -> Mapping[str, object]:
    """A table with what TOML cannot say: "native" and "none" for nothing."""
    nothing = {("spacing", "native"), ("perturbation", "none"), ("synthesis", "none")}
    return {k: None if isinstance(v, str) and (k, v) in nothing else v for k, v in table.items()}
