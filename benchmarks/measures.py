"""What each measure takes for one pair: CPU seconds, with what it shares with others apart.

    python benchmarks/measures.py FIXED MOVING FIXED_LABELS MOVING_LABELS [--spacing 1] [--threads 1] [--out FILE.json]

The scans are registered by `greedy` in its sloppy form first. The labels carried over and the Jacobian determinant are
made once for all measures, so they have lines of their own.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import lumirage_bids as lm
from lumirage_bids.measures import measures
from lumirage_bids.measures import pair as parts
from lumirage_bids.spatial.grids import voxel_centres


def main() -> None:
    """Register, take every measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("fixed", "moving", "fixed_labels", "moving_labels"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    context = lm.Context(threads=asked.threads)
    fixed, moving = (lm.read_image(file) for file in (asked.fixed, asked.moving))
    ours, theirs = (lm.read_labels(file) for file in (asked.fixed_labels, asked.moving_labels))
    preparation = lm.Preparation(spacing=asked.spacing)
    transform = lm.register(fixed, moving, lm.method("greedy").sloppy(), preparation=preparation, context=context)
    there, here = (lm.prepare(image, lm.brain_mask(image, context=context), preparation) for image in (fixed, moving))
    indices = np.intersect1d(np.unique(ours.array), np.unique(theirs.array))
    maps = parts.ComparedLabels(
        fixed=ours,
        moving=theirs,
        transform=transform,
        start=lm.Transform(),
        structures=indices[indices > 0].astype(np.int64),
        threads=asked.threads,
    )
    mask = there.mask.array > 0
    points = voxel_centres(mask, there.mask.affine)
    part = mask & (np.arange(mask.shape[0]) < mask.shape[0] // 3)[:, None, None]
    lesion = lm.Volume(array=part.astype(np.float32), affine=there.mask.affine)
    field = parts.Deformation(transform=transform, mask=mask, affine=there.mask.affine, threads=asked.threads)
    names = tuple(map(str, range(32)))
    pair = parts.RegisteredPair(
        parts={
            "labels": maps,
            "prepared": maps,
            "field": field,
            "points": parts.Points(fixed=points[:32], moving=points[:32], transform=transform, names=names),
            "lesions": parts.Lesions(fixed=lesion, moving=None, start=lm.Transform(), transform=transform),
            "images": parts.Images(fixed=there.image, moving=here.image, transform=transform, mask=mask),
            "cost": parts.RunCost(seconds=1, memory_gb=1),
            "detour": parts.Detour(ends=points, meant=points),
        }
    )
    found = {}
    for name, make in (
        ("labels carried over", lambda: maps.moved),
        ("labels at the start", lambda: maps.initial),
        ("Jacobian determinant", lambda: field.determinant),
        *((name, lambda kind=kind: kind().of(pair)) for name, kind in measures().items()),
    ):
        begin = time.process_time()
        make()
        found[name] = round(time.process_time() - begin, 3)
    print(f"{mask.size / 1e6:.1f} million voxels, {len(maps.structures)} structures; CPU seconds")
    for name, seconds in found.items():
        print(f"{name:24} {seconds:.2f}")
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
