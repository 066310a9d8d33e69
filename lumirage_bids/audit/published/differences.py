"""In what a run differs from the published evaluation: conditions of the paper against those of the run, one by one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from lumirage_bids.output.fill_in import fill_in

if TYPE_CHECKING:
    import pandas as pd

NETWORKS = frozenset({"vfa"})
"""Methods of the paper that are networks."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known of how a run's scores came about.

    Attributes
    ----------
    preparations, parameters : mapping
        Variant → fields of its preparation; parameters of its alignment and its methods: ``greedy window``.
    sources : mapping of str to str
        Labelling → where its maps come from.
    sloppy : bool
        Whether it was made with ``--sloppy``.
    """

    preparations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    sloppy: bool = False


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition of the published evaluation.

    Attributes
    ----------
    field, value : str
    source : str
        ``text``, ``script`` or ``unknown``.
    holds_for : str
        Kind of method, method, or class of pairs; empty for all.
    variant : str
        Variant that it is limited to; empty for all.
    """

    field: str
    value: str
    source: str
    holds_for: str = ""
    variant: str = ""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A condition that is not that of the paper, or of which that cannot be told.

    Attributes
    ----------
    method : str
    field, published, source : str
        As in `Condition`.
    ours : str
        Value of the run; empty where it is not known.
    """

    method: str
    field: str
    published: str
    source: str
    ours: str

    @property
    def words(self) -> str:
        """The difference in words."""
        here = f"here {self.ours}" if self.ours else "here not known"
        paper = "by the paper and its scripts" if self.source == "unknown" else f"in the paper's {self.source}"
        return f"{self.field}: {here}, {paper} {self.published}"


@cache
def published_conditions(protocol: str) -> tuple[Condition, ...]:
    """Conditions of an experiment of the paper, as ``conditions.toml`` has them."""
    file = resources.files("lumirage_bids.audit.published") / "conditions.toml"
    tables = tomllib.loads(file.read_text("utf-8"))
    table = tables[protocol]
    told = [Condition(holds_for=c.pop("for", ""), **c) for c in table["conditions"]]
    below = published_conditions(table["extends"]) if "extends" in table else ()
    own = {(c.field, c.holds_for) for c in told}
    return (*told, *(c for c in below if (c.field, c.holds_for) not in own))


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Scored rows of one method, variant, labelling and evaluation, and the run that they are of."""

    rows: pd.DataFrame
    method: str
    variant: str
    facts: RunFacts

    def preparation_of(self, key: str) -> Any:
        return self.facts.preparations.get(self.variant, {}).get(key)

    def parameter(self, name: str) -> Any:
        return self.facts.parameters.get(self.variant, {}).get(name)

    @property
    def across(self) -> pd.Series[bool]:
        """Pairs of two sequences."""
        moving, fixed = self.rows["split_moving"], self.rows["split_fixed"]
        return moving.notna() & (moving != fixed)


def differences(rows: pd.DataFrame, protocol: str, facts: RunFacts) -> list[Difference]:
    """Compare every condition that holds for these rows.

    Parameters
    ----------
    rows : DataFrame
        Scored rows of the score table, of one variant, labelling and evaluation; of one method, or of several that are
        told together.
    protocol : str
        A table of ``conditions.toml``.
    facts : RunFacts
    """
    found = []
    for method, mine in fill_in(rows).groupby("method", sort=False):
        variant = str(mine["variant"].iloc[0])
        of = _Rows(rows=mine, method=str(method), variant=variant, facts=facts)
        for condition in published_conditions(protocol):
            if not _holds(condition, of):
                continue
            ours = _tell_ours(condition, of)
            if condition.source == "unknown" or ours != condition.value:
                found.append(
                    Difference(
                        method=str(method),
                        field=_name_of(condition, str(method)),
                        published=condition.value,
                        source=condition.source,
                        ours=ours,
                    )
                )
    return found


def _name_of(condition: Condition, method: str) -> str:
    """Name of a field; parameters of methods with the method."""
    return f"{method} {condition.field}" if condition.field in _PARAMETERS else condition.field


def _holds(condition: Condition, of: _Rows) -> bool:
    # 0.6mm-mind is another way to do what the paper calls 0.6 mm.
    if condition.variant and not (of.variant == condition.variant or of.variant.startswith(f"{condition.variant}-")):
        return False
    network = of.method in NETWORKS
    across = of.across
    return {
        "": True,
        "iterative": not network,
        "network": network,
        "within": not network and not across.all(),
        "across": not network and bool(across.any()),
    }.get(condition.holds_for, condition.holds_for == of.method)


def _tell_ours(condition: Condition, of: _Rows) -> str:
    """Value of the run in the words of the conditions; empty where it is not known."""
    if condition.holds_for in ("within", "across"):
        keep = of.across if condition.holds_for == "across" else ~of.across
        of = _Rows(rows=of.rows[keep], method=of.method, variant=of.variant, facts=of.facts)
    if condition.field in _PARAMETERS:
        return _value(of.parameter(f"{of.method} {condition.field}"))
    return _OURS[condition.field](of)


def _value(value: object) -> str:
    """A parameter in words.

    Examples
    --------
    >>> _value((8, 4, 2)), _value(1.0), _value(None)
    ('8 4 2', '1', '')
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(_value, value))
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _spacing(of: _Rows) -> str:
    if of.variant not in of.facts.preparations:
        return ""
    spacing = of.preparation_of("spacing")
    return "native" if spacing is None else f"{spacing:g} mm"


def _tell_perturbed(of: _Rows) -> str:
    """What the moving images were made worse by."""
    if of.variant not in of.facts.preparations:
        return ""
    worse = of.preparation_of("perturbation")
    return f"{worse['kind']}, size {worse['size']:g}" if worse else "none"


def _tell_synthesised(of: _Rows) -> str:
    """Which scans images were made of, among those that were scored."""
    if of.variant not in of.facts.preparations:
        return ""
    made = of.preparation_of("synthesis") or {}
    scored = {*of.rows["moving_contrast"], *of.rows["fixed_contrast"]}
    if not (contrasts := [c for c in made.get("contrasts", ()) if c in scored]):
        return "none"
    program = made.get("program") or " ".join(made["argv"])
    return f"{made['makes']} images, made of {', '.join(contrasts)} scans by {program}"


def _skull(of: _Rows) -> str:
    strip = of.preparation_of("skull_strip")
    return "" if strip is None else "stripped" if strip else "kept"


def _field_of_view(of: _Rows) -> str:
    """The grid that the method saw: a network's own, else that of the prepared image."""
    if of.method in NETWORKS:
        return _tell_network_grid(of)
    crop = of.preparation_of("crop")
    if crop is None:
        return ""
    margin, multiple = of.preparation_of("margin_mm"), of.preparation_of("multiple")
    padded = f", padded to a multiple of {multiple} voxels" if (multiple or 1) > 1 else ""
    if shape := of.preparation_of("shape"):
        return f"{' × '.join(map(str, shape))} voxels{padded}"
    together = of.preparation_of("grid") == "reference"
    box = (
        f"the box around {'the' if together else 'its'} brain and {margin:g} mm"
        if crop == "brain"
        else "the whole image"
    )
    whose = "of the scan that all are aligned to" if together else "each scan's own"
    return f"{whose}: {box}{padded}"


def _tell_network_grid(of: _Rows) -> str:
    """The grid of a network's input: its own, or the array of the prepared image that it gets."""
    if of.parameter(f"{of.method} input") != "as-given":
        return _list_each(of.rows["input"]) if "input" in of.rows else ""
    shape, spacing = of.parameter(f"{of.method} shape"), of.preparation_of("spacing")
    mm = "native spacing" if spacing is None else f"{spacing:g} mm"
    return f"{' × '.join(map(str, shape))} voxels of {mm}, {of.preparation_of('orientation')}"


def _intensities(of: _Rows) -> str:
    percentiles = of.preparation_of("percentiles")
    if percentiles is None:
        return ""
    as_they_are = of.preparation_of("normalisation") == "none"
    if of.method in NETWORKS:  # the program normalises what it gets
        once = _SCALED.format(1, 99)
        return once if as_they_are else f"{_SCALED.format(*percentiles)}, then again by the program: {once}"
    return "as they are" if as_they_are else _SCALED.format(*percentiles)


_SCALED = "winsorised at percentiles {:g} and {:g}, scaled to [0, 1]"


def _tell_resampling(of: _Rows) -> str:
    """The grid that images are brought onto before registration."""
    if of.variant not in of.facts.preparations:
        return ""
    if of.preparation_of("grid") == "reference":
        return "the grid of the scan that all are aligned to"
    return "none: images stay on their own grids" if of.preparation_of("spacing") is None else "grids of their own"


def _centres(of: _Rows) -> str:
    """What centres of mass are taken of, where they are."""
    if of.parameter("alignment start") != "centre_of_mass":
        return ""
    return {"image": "of the images", "mask": "of the brain masks"}.get(str(of.parameter("alignment on")), "")


def _alignment(of: _Rows) -> str:
    if of.parameter("alignment start") == "centre_of_mass":
        return "translation"
    found = [of.parameter(f"alignment {key}") for key in ("transform", "on")]
    return "" if None in found else f"{found[0]} on the {found[1]}"


def _alignment_voxels(of: _Rows) -> str:
    """What an alignment is left of its images: above so many voxels it averages blocks first."""
    most = of.parameter("alignment max_voxels")
    if most == "all":
        return "all, before its scales"
    return "" if most is None else f"averaged to about {most} where there are more"


def _start(of: _Rows) -> str:
    """Where the method began, with the name of the method whose result it went on from."""
    start = _list_each(of.rows["start"].replace("arrays", "none: array on array"))
    before = _list_each(of.rows["start_from"]) if "start_from" in of.rows else ""
    return f"{start}, then the result of {before}" if before else start


def _list_each(values: pd.Series[Any]) -> str:
    return " and ".join(sorted(map(str, values.dropna().unique())))


def _grid(of: _Rows) -> str:
    grids = {"native": "the fixed scan's native grid", "prepared": "prepared grid"}
    return grids.get(of.rows["grid"].iloc[0], "the reference's grid")


def _sample(of: _Rows) -> str:
    scans = set(of.rows["moving"]) | set(of.rows["fixed"])
    n = len(of.rows.drop_duplicates(["moving", "fixed"]))
    subjects = {*of.rows["moving_subject"], *of.rows["fixed_subject"]}
    return f"{len(subjects)} subjects, {len(scans)} scans, {n} pairs, listed in pairs.tsv"


_PARAMETERS = frozenset(
    {"scales", "iterations", "window", "max_tolerance_iters", "smooth_warp_sigma", "smooth_grad_sigma", "step"}
)
_OURS: dict[str, Callable[[_Rows], str]] = {
    "subjects": _sample,
    "label maps": lambda of: of.facts.sources.get(str(of.rows["labelling"].iloc[0]), ""),
    "effect size": lambda of: "d_z, of the paired differences",
    "voxel size": _spacing,
    "spacing in the headers": lambda of: "kept",
    "images synthesised": _tell_synthesised,
    "images perturbed": _tell_perturbed,
    "skull": _skull,
    "field of view": _field_of_view,
    "intensities": _intensities,
    "normalised": lambda of: "before resampling" if of.preparation_of("grid") == "reference" else "after resampling",
    "files": lambda of: "as downloaded",
    "resampled to": _tell_resampling,
    "orientation": lambda of: str(of.preparation_of("orientation") or ""),
    "start": _start,
    "centres of mass": _centres,
    "alignment": _alignment,
    "alignment to": lambda of: "the reference that the section on methods names",
    "alignment, scales": lambda of: _value(of.parameter("alignment scales")),
    "alignment, iterations": lambda of: _value(of.parameter("alignment iterations")),
    "alignment, voxels": _alignment_voxels,
    "gradient of the loss": lambda of: "exact",
    "pairs that count": lambda of: "all; without these only beside the paper's numbers",
    "alignment, step": lambda of: _value(of.parameter("alignment step")),
    "similarity": lambda of: _list_each(of.rows["similarity"]),
    "labels compared on": _grid,
    "label transfer": lambda of: "nearest" if (of.rows["transfer"] == "nearest").any() else "linear",
    "structures that both maps lack": lambda of: "left out",
}
"""Field of a condition → its value in a run; empty where that is not known."""


def tell_differences(rows: pd.DataFrame, protocol: str, n_published: int, facts: RunFacts) -> Iterator[str]:
    """Differences in words, what makes all numbers different first."""
    n = len(rows.drop_duplicates(["moving", "fixed"]))
    if facts.sloppy:
        yield "sloppy: coarse images, a tenth of the iterations"
    if n != n_published:
        yield f"{n} of {n_published} pairs"
    yield from dict.fromkeys(difference.words for difference in differences(rows, protocol, facts))
