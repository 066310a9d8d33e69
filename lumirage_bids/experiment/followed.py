"""Whether the rows of an output folder follow the frozen plan that it is held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lumirage_bids.output import history
from lumirage_bids.output.frozen import Frozen, held_to, in_words, simplify
from lumirage_bids.output.record import read_records

if TYPE_CHECKING:
    import pandas as pd

    from lumirage_bids.output.folder import Output

_KEY = ("variant", "method", "moving", "fixed")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What became of a frozen plan.

    Attributes
    ----------
    digest : str
    deviations : sequence of str
        What is otherwise than it lays down.
    left : int
        Rows that it lays down and that are not there.
    planned : int
        Rows that it lays down.
    """

    digest: str
    deviations: Sequence[str]
    left: int
    planned: int

    @property
    def words(self) -> str:
        """The outcome, to stand behind the digest."""
        n = len(self.deviations)
        kept = f"not followed in {n} respect{'s' * (n > 1)}, see the notes" if n else "every row follows it"
        return f"{kept}; {self.left} of its {self.planned} rows are not there" if self.left else kept

    @property
    def notes(self) -> list[str]:
        """What a reader of the results must know."""
        return [f"NOT AS FROZEN: {what}." for what in self.deviations]


def follow(output: Output, rows: Mapping[str, pd.DataFrame]) -> Followed | None:
    """Compare the rows of an output folder with the frozen plan that it is held to; None where it is held to none.

    Parameters
    ----------
    rows : mapping of str to DataFrame
        Labelling → its rows, as `lumirage_bids.output.score_table.read_current` returns them.
    """
    frozen = held_to(output)
    if frozen is None:
        return None
    planned = len(frozen.arms) * len(frozen.content["labellings"]) * len(frozen.pairs)
    there = sum(
        (variant, method) in frozen.arms and (moving, fixed) in frozen.pairs
        for name, table in rows.items()
        if name in frozen.content["labellings"]
        for variant, method, moving, fixed in zip(*(table[c] for c in _KEY), strict=True)
    )
    others = [*_criteria(frozen, read_records(output)), *_rows(frozen, rows, history.read_conditions(output))]
    return Followed(digest=frozen.digest, deviations=others, left=planned - there, planned=planned)


def _criteria(frozen: Frozen, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    now = records[-1].get("statistics", {}) if records else {}
    for key, was in frozen.content["statistics"].items():
        if now.get(key, was) != was:
            yield f"{key} {was:g} → {now[key]:g} in the statistics"


def _rows(frozen: Frozen, rows: Mapping[str, pd.DataFrame], full: Mapping[str, history.Conditions]) -> Iterator[str]:
    for name, table in rows.items():
        kinds = Counter(zip(*(table[c].astype(str) for c in ("variant", "method", "conditions")), strict=True))
        for (variant, method, under), n in kinds.items():
            if why := _explain(frozen, (variant, method), name, full.get(under)):
                yield f"{n} row(s) of {in_words(variant, method)}, labelling {name}: {why}"
    pairs = Counter(pair for table in rows.values() for pair in zip(table["moving"], table["fixed"], strict=True))
    if more := sorted(set(pairs) - frozen.pairs):
        named = ", ".join(f"{moving} → {fixed}" for moving, fixed in more[:3]) + ", …" * (len(more) > 3)
        yield f"{sum(pairs[pair] for pair in more)} row(s) of pairs that are not in the plan: {named}"


def _explain(frozen: Frozen, arm: tuple[str, str], labelling: str, made: history.Conditions | None) -> str:
    """What is other in conditions of rows; empty where they are those laid down."""
    if arm not in frozen.arms:
        return "no arm of the plan"
    if labelling not in frozen.content["labellings"]:
        return "no labelling of the plan"
    laid_down = frozen.find_conditions(arm, labelling)
    if made is not None and simplify(made) == laid_down:
        return ""
    return history.differences(laid_down, None if made is None else simplify(made))
