"""Student's t with a correction for skewness: intervals and p-values from estimates and standard errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
#: Where the correction for skewness ends: it is an expansion, which does not hold far out.
_FAR = 3.0


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Numbers with what is known of their errors; all arrays of one shape.

    Attributes
    ----------
    estimate, se : array
        Numbers and their standard errors.
    df : array
        Degrees of freedom of the standard errors.
    skewness : array
        Skewness of the estimates' distribution, 0 where it is not known.
    """

    estimate: Floats
    se: Floats
    df: Floats
    skewness: Floats

    def of(self, estimate: npt.ArrayLike) -> Inference:
        """The same errors about other numbers: what was inferred from were their influences."""
        return replace(self, estimate=np.asarray(estimate, dtype=np.float64))

    def at_least(self, se: float, df: float) -> Inference:
        """The same numbers with no error below ``se``, which is known to ``df`` degrees of freedom at most."""
        low = np.asarray(self.se < se)
        return replace(
            self,
            se=np.where(low, se, self.se),
            df=np.where(low, df, self.df),
            skewness=np.where(low, 0.0, self.skewness),
        )

    def interval(self, confidence: float, within: tuple[float, float] | None = None) -> tuple[Floats, Floats]:
        """Ends of the intervals, NaN where there is no standard error.

        Parameters
        ----------
        confidence : float
        within : tuple of float, optional
            Between which the truth lies by definition: intervals end there at the furthest, and cover as much.
        """
        reach = special.stdtrit(self.df, (1 + confidence) / 2)
        low = self.estimate - self.se * _restore_skewness(reach, self.skewness)
        high = self.estimate - self.se * _restore_skewness(-reach, self.skewness)
        if within is None:
            return np.asarray(low), np.asarray(high)
        return np.clip(low, *within), np.clip(high, *within)

    def p(self) -> Floats:
        """Two-sided p-values of zero; NaN where there is no error to measure by."""
        return np.asarray(2 * special.stdtr(self.df, -np.abs(self._t(0.0))))

    def p_within(self, margin: float) -> Floats:
        """P-values of two one-sided tests: small where a number surely lies within ± ``margin``.

        References
        ----------
        Schuirmann 1987, doi:10.1007/BF01068419
        """
        below = special.stdtr(self.df, self._t(margin))
        above = special.stdtr(self.df, -self._t(-margin))
        return np.asarray(np.maximum(below, above))

    def _t(self, value: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (self.estimate - value) / np.where(self.se > 0, self.se, np.nan)
        return _correct_skewness(t, self.skewness)


def _correct_skewness(t: npt.ArrayLike, skewness: Floats) -> Floats:
    """Make a t statistic of skewed values one of symmetric ones.

    References
    ----------
    Hall 1992, Journal of the Royal Statistical Society B 54:221–228: a cubic, always rising, of which the inverse is
    known. Beyond ± 3 the shift found there is kept: strong differences must not lose their strength by chance skewness.
    """
    t = np.asarray(t, dtype=np.float64)
    near = np.clip(t, -_FAR, _FAR)
    return np.asarray(t + skewness * near**2 / 3 + skewness**2 * near**3 / 27 + skewness / 6)


def _restore_skewness(corrected: npt.ArrayLike, skewness: Floats) -> Floats:
    """Inverse of `_correct_skewness`."""
    t = np.asarray(corrected, dtype=np.float64)
    least, most = (_correct_skewness(np.full_like(skewness, end), skewness) for end in (-_FAR, _FAR))
    a = np.where(np.abs(skewness) < 1e-6, np.nan, skewness)
    near = np.where(np.isnan(a), t - skewness / 6 - skewness * t**2 / 3, 3 / a * (np.cbrt(1 + a * (t - a / 6)) - 1))
    return np.asarray(np.where(t > most, t - most + _FAR, np.where(t < least, t - least - _FAR, near)))
