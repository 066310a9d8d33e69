"""Made-up experiments of known heterogeneity, and a table of coverage: ``cd tests && python -m stats.experiments``."""

from __future__ import annotations

import sys

import numpy as np

from lumirage_bids.stats.random_effects import FEWEST_TO_PREDICT, Together, combine

#: Subjects of the experiments, in turn.
DESIGNS = {
    "12 subjects each": (12,),
    "5 to 60 subjects": (5, 60, 8, 30, 12),
    "5 subjects each": (5,),
    "4 subjects each": (4,),
}
#: Standard deviation of the true differences, in standard errors of an experiment of 12 subjects.
HETEROGENEITY = {"none": 0.0, "as a standard error": 1.0, "three standard errors": 3.0}


def experiments(n: int, subjects: tuple[int, ...], tau: float, rng: np.random.Generator) -> tuple[Together, float]:
    """One draw of n experiments about 0: what they say together, and the true value of a further one."""
    sizes = np.array([subjects[i % len(subjects)] for i in range(n)])
    error = np.sqrt(12 / sizes)
    estimate = rng.normal(0, tau, n) + rng.normal(0, error)
    se = error * np.sqrt(rng.chisquare(sizes - 1) / (sizes - 1))
    return combine(estimate, se), float(rng.normal(0, tau))


def coverage(n: int, subjects: tuple[int, ...], tau: float, draws: int, seed: int = 0) -> tuple[float, float, float]:
    """Percent of 95 % intervals that hold the mean, the standard deviation, and a further experiment."""
    rng = np.random.default_rng([seed, n, len(subjects), subjects[0], int(tau)])
    held = np.zeros(3)
    for _ in range(draws):
        found, further = experiments(n, subjects, tau, rng)
        held += (
            found.low <= 0 <= found.high,
            found.tau_low <= tau <= found.tau_high,
            found.further_low <= further <= found.further_high,
        )
    mean, spread, next_one = 100 * held / draws
    return float(mean), float(spread), float(next_one) if n >= FEWEST_TO_PREDICT else float("nan")


def main(draws: int) -> None:
    """Print the table."""
    counts = (3, 4, 5, 10, 20)
    print("| experiments of | they differ by |", " | ".join(f"{n} experiments" for n in counts), "|")
    print("|---|---|" + "---|" * len(counts))
    for design, subjects in DESIGNS.items():
        for words, tau in HETEROGENEITY.items():
            cells = [coverage(n, subjects, tau, draws) for n in counts]
            told = [f"{m:.1f}; {s:.1f}" + ("" if np.isnan(f) else f"; {f:.1f}") for m, s, f in cells]
            print(f"| {design} | {words} |", " | ".join(told), "|")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
