"""What counts as a difference: declared in a protocol, before there are scores."""

from __future__ import annotations

from dataclasses import dataclass

MARGIN, THRESHOLD, CONFIDENCE = 0.01, 0.2, 0.95


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """By what a verdict calls methods different, equivalent, or neither.

    Attributes
    ----------
    margin : float
        Differences of the mean score within ± this are of no consequence; methods whose interval lies inside are
        equivalent. In the unit of the score.
    threshold : float
        |d_z| below which a difference counts only if all of its interval is beyond the margin; the published evaluation
        calls it none.
    confidence : float
        Level of the intervals; tests are at one less this.
    """

    margin: float = MARGIN
    threshold: float = THRESHOLD
    confidence: float = CONFIDENCE

    @property
    def alpha(self) -> float:
        """Level of the tests.

        Examples
        --------
        >>> Criteria().alpha
        0.05
        """
        return round(1 - self.confidence, 12)

    def is_beyond(self, difference: float) -> bool:
        """Whether a difference is larger than the margin; one that equals it but for rounding is not.

        Examples
        --------
        >>> Criteria().is_beyond(0.011), Criteria().is_beyond(0.70 - 0.69), Criteria().is_beyond(-0.02)
        (True, False, True)
        """
        return abs(difference) > self.margin * (1 + 1e-9)

    @property
    def level(self) -> str:
        """Level of the intervals in words.

        Examples
        --------
        >>> Criteria().level, Criteria(confidence=0.999).level
        ('95 %', '99.9 %')
        """
        return f"{100 * self.confidence:.6g} %"


def why_not(key: str, value: object) -> str:
    """What is allowed for a criterion that has another value; empty where its value is allowed.

    Examples
    --------
    >>> why_not("margin", 0.02), why_not("margin", -1)
    ('', 'it must be a positive number, in the unit of the score')
    """
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    allowed = {
        "margin": (0 < number < float("inf"), "it must be a positive number, in the unit of the score"),
        "threshold": (0 <= number < float("inf"), "it must be a number, 0 or more"),
        "confidence": (0.9 <= number < 1, "it must be at least 0.9 and below 1, such as 0.95: less is not for certain"),
    }
    fits, words = allowed[key]
    return "" if fits else words
