"""Coverage of the intervals where the truth is known: scores of pairs with effects of both subjects.

The difference of two arms on a pair is mean + effect of the moving subject + effect of the fixed subject + noise.
Run as a script it prints the tables of docs/concepts/coverage.md (a quarter of an hour)::

    cd tests && python -m stats.crossed
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lumirage_bids.stats.crossing import Crossing, design
from lumirage_bids.stats.design import FEWEST_FOR_SIZES
from lumirage_bids.stats.effects import influences, size_intervals

MEAN = 0.5
Sides = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Design:
    """Which pairs there are, and how large the effects are.

    `first` subjects of n are scanned with another sequence than the rest; `spread_of_others` scales the rest's effects.
    `across` keeps the pairs between the two sequences only.
    """

    name: str
    moving: float = 1.0
    fixed: float = 1.0
    noise: float = 1.0
    skewed: bool = False
    tied: bool = False
    apart: bool = False
    pairs_a_subject: int = 0
    pairs: int = 0
    first: int = 0
    spread_of_others: float = 1.0
    across: bool = False

    def sides(self, n: int, random: np.random.Generator) -> Sides:
        if self.apart:
            moving, fixed = np.divmod(np.arange(n * n), n)
            return moving, fixed + n
        moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
        kept = np.ones(len(moving), dtype=bool)
        if self.across:
            kept = (moving < self.first) != (fixed < self.first)
        most = self.pairs or n * self.pairs_a_subject // 2
        if most:
            kept = np.isin(np.arange(len(moving)), random.permutation(len(moving))[:most])
        return moving[kept], fixed[kept]

    def crossing(self, moving: np.ndarray, fixed: np.ndarray) -> Crossing:
        n = int(max(moving.max(), fixed.max())) + 1
        old = (np.arange(n) < self.first).astype(int)
        return Crossing(
            subjects=[str(i) for i in range(n)],
            moving=moving,
            fixed=fixed,
            splits={f"{moving} to {fixed}": (moving, fixed) for moving in "BA" for fixed in "BA"},
            split=2 * old[moving] + old[fixed],
            groups=["BA"[i] for i in old],
        )

    def scores(self, moving: np.ndarray, fixed: np.ndarray, repeats: int, random: np.random.Generator) -> np.ndarray:
        """Differences, a row per pair, a column per repeat of the experiment."""
        size = (int(max(moving.max(), fixed.max())) + 1, repeats)
        draw = (lambda: random.exponential(size=size) - 1) if self.skewed else (lambda: random.normal(size=size))
        scale = np.where(np.arange(size[0]) < self.first, 1.0, self.spread_of_others)[:, None]
        as_moving = scale * draw()
        as_fixed = as_moving if self.tied else scale * draw()
        noise = random.normal(size=(len(moving), repeats))
        return MEAN + self.moving * as_moving[moving] + self.fixed * as_fixed[fixed] + self.noise * noise

    @property
    def spread(self) -> float:
        return float(np.sqrt(self.moving**2 + self.fixed**2 + self.noise**2))


DESIGNS = [
    Design(name="all pairs, both effects"),
    Design(name="all pairs, a subject's two effects equal", tied=True),
    Design(name="all pairs, only the moving subject matters", fixed=0.0),
    Design(name="all pairs, mostly noise", moving=0.3, fixed=0.3),
    Design(name="all pairs, noise only", moving=0.0, fixed=0.0),
    Design(name="all pairs, skewed effects", skewed=True),
    Design(name="moving and fixed subjects disjoint", apart=True),
    Design(name="only 8 pairs a subject", pairs_a_subject=8),
]
SPARSE = [
    (155, Design(name="5000 of the pairs of 155, both effects", pairs=5000)),
    (155, Design(name="5000 of the pairs of 155, noise only", pairs=5000, moving=0.0, fixed=0.0)),
    (438, Design(name="5000 of the 191 406 pairs of 438, both effects", pairs=5000)),
    (438, Design(name="5000 of the 191 406 pairs of 438, noise only", pairs=5000, moving=0.0, fixed=0.0)),
    (438, Design(name="5000 of the 191 406 pairs of 438, skewed effects", pairs=5000, skewed=True)),
]


def merged(first: int, n: int) -> list[Design]:
    """Both directions between two sequences, and all pairs, of first + (n - first) subjects."""
    return [
        Design(
            name=f"{first} + {n - first} subjects, {pairs}, {who}", first=first, across=across, spread_of_others=spread
        )
        for pairs, across in (("both directions", True), ("all pairs", False))
        for who, spread in (("both sides vary alike", 1.0), (f"only the {first} vary", 0.0))
    ]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Percent of the intervals of the mean difference and of d_z that hold the truth, and median half-widths."""

    mean: float
    half: float
    d_z: float
    half_d_z: float
    refused: str | None = None

    def told(self) -> str:
        if self.refused:
            return "refused"
        sizes = "" if np.isnan(self.d_z) else f"; {self.d_z:.1f} ({self.half_d_z:.2f})"
        return f"{self.mean:.1f} ({self.half:.3f}){sizes}"


def coverage(shape: Design, n: int, repeats: int, *, seed: int = 0, sizes: bool = True) -> Coverage:
    """Make up experiments, and count how many of their 95 % intervals hold the truth."""
    random = np.random.default_rng(seed)
    moving, fixed = shape.sides(n, random)
    laid = design(shape.crossing(moving, fixed), np.ones(len(moving), dtype=bool))
    if laid.refused:
        return Coverage(mean=np.nan, half=np.nan, d_z=np.nan, half_d_z=np.nan, refused=laid.refused)
    sizes = sizes and len(laid.group) >= FEWEST_FOR_SIZES
    found: list[tuple[float, ...]] = []
    for _ in range(0, repeats, 100):
        scores = shape.scores(moving, fixed, 100, random)
        low, high = laid.infer(scores).interval(0.95)
        d_low = d_high = np.full(100, np.nan)
        if sizes:
            own = scores[laid.kept]
            moved = np.zeros_like(scores)
            moved[laid.kept] = np.stack([influences(np.zeros(len(own)), column)[:, 0] for column in own.T], axis=1)
            d_low, d_high = size_intervals(laid.infer(moved), own.mean(axis=0) / own.std(axis=0, ddof=1), 0.95)
        found += zip(low, high, d_low, d_high, strict=True)
    low, high, d_low, d_high = np.array(found).T
    true_d = MEAN / shape.spread
    return Coverage(
        mean=100 * float(np.mean((low <= MEAN) & (high >= MEAN))),
        half=float(np.median(high - low)) / 2,
        d_z=100 * float(np.mean((d_low <= true_d) & (d_high >= true_d))) if sizes else float("nan"),
        half_d_z=float(np.median(d_high - d_low)) / 2,
    )


def table(sizes: tuple[int, ...], designs: list[Design], repeats: int) -> None:
    print(f"| design | {' | '.join(f'{n} subjects' for n in sizes)} |\n|---|{'---|' * len(sizes)}")
    for shape in designs:
        print(f"| {shape.name} | {' | '.join(coverage(shape, n, repeats).told() for n in sizes)} |", flush=True)
    print()


def main() -> None:
    table((3, 4, 5, 6, 7, 8, 9), DESIGNS[:6], 4000)
    table((10, 12, 20, 50), DESIGNS, 4000)
    table((100,), DESIGNS, 1000)
    print("| design | coverage |\n|---|---|")
    for n, shape in SPARSE:
        print(f"| {shape.name} | {coverage(shape, n, 1000, sizes=False).told()} |", flush=True)
    for first, n in ((1, 12), (2, 12), (3, 12), (3, 33), (5, 100), (1, 100)):
        for shape in merged(first, n):
            print(f"| {shape.name} | {coverage(shape, n, 4000 if n < 50 else 1000, sizes=False).told()} |", flush=True)


if __name__ == "__main__":
    main()
