"""Numbers and effects in words, the same everywhere on a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lumirage_bids.measures import columns

MISSING = "–"


def fixed(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write a number with fixed decimals and a true minus sign; what rounds to zero has none.

    Examples
    --------
    >>> fixed(0.61549), fixed(-0.2, 2), fixed(0.0041, sign=True), fixed(-0.0004), fixed(float("nan"))
    ('0.615', '−0.20', '+0.004', '0.000', '–')
    """
    if not math.isfinite(value):
        return MISSING
    nothing = round(value, digits) == 0
    return f"{0.0 if nothing else value:{'+' if sign and not nothing else ''}.{digits}f}".replace("-", "−")


#: Decimals with which numbers are written out; smaller ones have an exponent.
_MOST_DECIMALS = 9
#: Differences below this share of the margin are what arithmetic leaves of none.
_NOTHING = 1e-7


def _write(number: float, digits: int, *, sign: bool = False) -> str:
    """Write a number with so many decimals, by an exponent where these are many."""
    if digits <= _MOST_DECIMALS or not number or not math.isfinite(number):
        return fixed(number, min(digits, _MOST_DECIMALS), sign=sign)
    shown = max(0, min(6, digits + math.floor(math.log10(abs(number)))))
    mantissa, exponent = f"{number:{'+' if sign else ''}.{shown}e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How a score is spoken of.

    Attributes
    ----------
    noun : str
        What is scored: ``Dice``, ``HD95``.
    amount : str
        The same as it follows a number, with the unit: ``Dice``, ``mm HD95``.
    mean : str
        The mean of it: ``mean Dice``, ``mean HD95 (mm)``.
    higher_is_better : bool
    digits : int
        Decimals: a tenth of the margin is seen.
    worst : str
        What a pair that failed is scored at worst, in words; empty where nothing is.
    nothing : float
        Differences below this are what arithmetic leaves of none.
    """

    noun: str = "Dice"
    amount: str = "Dice"
    mean: str = "mean Dice"
    higher_is_better: bool = True
    digits: int = 3
    worst: str = "0"
    nothing: float = 0.01 * _NOTHING

    @property
    def highest(self) -> str:
        """The best mean."""
        return "Highest mean" if self.higher_is_better else "Lowest (best) mean"

    @property
    def above(self) -> str:
        """Where the better one stands."""
        return "above" if self.higher_is_better else "below (better than)"

    @property
    def below(self) -> str:
        """Where the worse one stands."""
        return "below" if self.higher_is_better else "above (worse than)"

    def value(self, number: float) -> str:
        """Write a score.

        Examples
        --------
        >>> Wording().value(0.61), Wording(digits=12).value(3.14159e-9)
        ('0.610', '3.142e−9')
        """
        return _write(number, self.digits)

    def size(self, number: float, *, sign: bool = False) -> str:
        """Write a difference; one that would round to nothing gets the digits that it needs.

        Examples
        --------
        >>> Wording().size(0.0214), Wording().size(0.00042), Wording().size(-0.0004, sign=True), Wording().size(-1e-12)
        ('0.021', '0.0004', '−0.0004', '0.000')
        """
        number = 0.0 if abs(number) < self.nothing else number
        tiny = 0 < abs(number) < 0.5 * 10.0**-self.digits
        return _write(number, -math.floor(math.log10(abs(number))) if tiny else self.digits, sign=sign)

    def interval(self, low: float, high: float) -> str:
        """Write an interval of a difference, with signs unless both ends are positive."""
        sign = low <= -self.nothing
        return f"{self.size(low, sign=sign)} to {self.size(high, sign=sign)}"


def wording(column: str, *, higher_is_better: bool, margin: float, worst: float | None) -> Wording:
    """Words for a score column.

    Examples
    --------
    >>> words = wording("hd95_mm", higher_is_better=False, margin=1.0, worst=40.0)
    >>> words.value(3.14159), words.noun, words.amount, words.mean
    ('3.1', 'HD95', 'mm HD95', 'mean HD95 (mm)')
    """
    digits, none = max(0, 1 - math.floor(math.log10(margin))), _NOTHING * margin
    if column == "dice_mean":
        return Wording(digits=max(3, digits), nothing=none)
    told = "" if worst is None else "0" if worst == 0 else f"{_write(worst, digits + 1)} (the worst seen)"
    if worst and abs(worst) >= 0.001:
        told = f"{significant(worst)} (the worst seen)"
    noun, amount, mean = _names(column)
    return Wording(
        noun=noun,
        amount=amount,
        mean=mean,
        higher_is_better=higher_is_better,
        digits=digits,
        worst=told,
        nothing=none,
    )


def _names(column: str) -> tuple[str, str, str]:
    """What a column is called by itself, behind a number, and as a mean; one that is none of ours by its own name."""
    known = columns().get(column)
    if known is None:
        return column, column, column
    unit = known.shown_unit
    if not unit:
        return known.called, f"in {known.called}", f"mean {known.called}"
    return known.called, f"{unit} {known.called}", f"mean {known.called} ({unit})"


def span(low: float, high: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write an interval.

    Examples
    --------
    >>> span(0.1, 0.25), span(float("nan"), float("nan"))
    ('0.100 to 0.250', '–')
    """
    known = math.isfinite(low) and math.isfinite(high)
    return f"{fixed(low, digits, sign=sign)} to {fixed(high, digits, sign=sign)}" if known else MISSING


def compared_where(grid: str, transfer: str) -> str:
    """Tell where label maps are compared, by the columns of score rows of these names.

    Examples
    --------
    >>> compared_where("native", "linear")
    "on the fixed scan's native grid"
    >>> compared_where("reference", "nearest")
    'on the prepared grid of the scan that all are aligned to, carried by nearest neighbour'
    """
    on = "the fixed scan's native grid" if grid == "native" else "the prepared grid of the scan that all are aligned to"
    return f"on {on}{', carried by nearest neighbour' if transfer == 'nearest' else ''}"


def p_value(p: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> p_value(0.0321), p_value(1e-9)
    ('0.032', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else fixed(p)


def count(n: float) -> str:
    """Write a count with a thin space between thousands.

    Examples
    --------
    >>> count(191406)
    '191\u2009406'
    """
    return MISSING if not math.isfinite(n) else f"{int(n):,}".replace(",", "\u2009")


def significant(value: float) -> str:
    """Write a quantity of unknown size with three significant digits; what is below a thousandth as that.

    Examples
    --------
    >>> significant(21.437), significant(0.0123), significant(1234.5), significant(2.8e-5), significant(0)
    ('21.4', '0.0123', '1234', '< 0.001', '0')
    """
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "−")


def voxels(shape: Sequence[int]) -> str:
    """Write the size of a grid.

    Examples
    --------
    >>> voxels((208, 256, 256))
    '208 × 256 × 256 voxels'
    """
    return f"{' × '.join(map(str, shape))} voxels"


def and_join(parts: list[str]) -> str:
    """Join words to a list.

    Examples
    --------
    >>> and_join(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


#: Names that are told of a list in a sentence; the tables have all.
FEW_NAMES = 10


def few(names: Sequence[str]) -> str:
    """Join the first names of a list, and count the rest.

    Examples
    --------
    >>> few(["a", "b"]), few([str(i) for i in range(12)])
    ('a and b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 others')
    """
    more = [f"{len(names) - FEW_NAMES} others"] if len(names) > FEW_NAMES + 1 else []
    return and_join([*(names[:FEW_NAMES] if more else names), *more])


#: How a cell of each kind is written.
WRITERS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        "count": count,
        "index": lambda x: fixed(x, 0),
        "dice": fixed,
        "difference": lambda x: fixed(x, sign=True),
        "effect": lambda x: fixed(x, 2, sign=True),
        "p": p_value,
        "quantity": significant,
    }
)
