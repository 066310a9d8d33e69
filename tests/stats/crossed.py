"""Coverage of the node bootstrap where the truth is known: scores of pairs with effects of both subjects.

The difference of two arms on a pair is mean + effect of the moving subject + effect of the fixed subject + noise.
Run as a script it prints the table of docs/statistics.md::

    cd tests && python -m stats.crossed
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lumirage_bids.stats.effects import MOMENTS, effects, moments
from lumirage_bids.stats.resampling import resampling, standard_error, t_interval

MEAN = 0.5


@dataclass(frozen=True, kw_only=True)
class Design:
    """Which pairs there are, and how large the effects are; `sides` draws the pairs of n subjects."""

    name: str
    moving: float = 1.0
    fixed: float = 1.0
    noise: float = 1.0
    skewed: bool = False
    tied: bool = False
    apart: bool = False
    pairs_a_subject: int = 0

    def sides(self, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if self.apart:
            moving, fixed = np.divmod(np.arange(n * n), n)
            return moving, fixed + n
        moving, fixed = np.nonzero(~np.eye(n, dtype=bool))
        if self.pairs_a_subject:
            kept = random.permutation(len(moving))[: n * self.pairs_a_subject // 2]
            moving, fixed = moving[kept], fixed[kept]
        return moving, fixed

    def scores(self, moving: np.ndarray, fixed: np.ndarray, repeats: int, random: np.random.Generator) -> np.ndarray:
        """Differences, a row per pair, a column per repeat of the experiment."""
        size = (int(fixed.max()) + 1, repeats)
        draw = (lambda: random.exponential(size=size) - 1) if self.skewed else (lambda: random.normal(size=size))
        as_moving = draw()
        as_fixed = as_moving if self.tied else draw()
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
    Design(name="all pairs, skewed effects", skewed=True),
    Design(name="moving and fixed subjects disjoint", apart=True),
    Design(name="only 8 pairs a subject", pairs_a_subject=8),
]


def coverage(design: Design, n: int, repeats: int, *, seed: int = 0, split_sides: bool = False) -> dict[str, float]:
    """Percent of the 95 % intervals that hold the truth, of the mean difference and of d_z.

    `split_sides` draws moving and fixed subjects apart although they are the same: what must not be done.
    """
    random = np.random.default_rng(seed)
    moving, fixed = design.sides(n, random)
    covered: dict[str, list[np.ndarray]] = {"mean": [], "d_z": []}
    for _ in range(0, repeats, 100):
        draw = int(random.integers(2**31))
        drawn = resampling(moving, fixed + 2 * n, seed=draw) if split_sides else resampling(moving, fixed, seed=draw)
        scores = design.scores(moving, fixed, 100, random)
        sums = drawn.sums(lambda part, b=scores: moments(0 * b[part], b[part]).reshape(len(b[part]), -1))
        found = effects(sums.reshape(-1, 100, MOMENTS), 0.0, len(scores))
        estimates = (("mean", found.mean_difference, MEAN), ("d_z", found.d_z, MEAN / design.spread))
        for name, values, truth in estimates:
            low, high = t_interval(values[0], standard_error(values[1:], n), n)
            covered[name].append((low <= truth) & (truth <= high))
    return {name: 100 * float(np.mean(found)) for name, found in covered.items()}


def main() -> None:
    sizes = (10, 20, 50, 100)
    print(f"| design | {' | '.join(f'{n} subjects' for n in sizes)} |\n|---|{'---|' * len(sizes)}")
    for design in DESIGNS:
        found = [coverage(design, n, 4000) for n in sizes]
        cells = [f"{x['mean']:.1f}, {x['d_z']:.1f}" for x in found]
        print(f"| {design.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
