"""Compile and cache the kernels, for images with a read-only root: ``python -m lumirage_bids.app.precompile``."""

from __future__ import annotations

import numpy as np

from lumirage_bids import methods
from lumirage_bids.measures import RegisteredPair, measures, take
from lumirage_bids.measures.overlap import scored_structures
from lumirage_bids.measures.pair import ComparedLabels, Deformation
from lumirage_bids.measures.scan_facts import scan_facts
from lumirage_bids.methods.base import Context
from lumirage_bids.spatial.images import Volume
from lumirage_bids.spatial.transforms import DisplacementField, Transform, warp


def precompile() -> None:
    """Use every kernel once, on volumes that are as small as can be."""
    affine, shape = np.eye(4), (32, 32, 32)
    distance = np.linalg.norm(np.indices(shape) - 15.5, axis=0)
    image = Volume(array=np.clip(1.5 - distance / 10, 0, 1).astype(np.float32), affine=affine)
    for name, similarity in (("greedy", "lncc"), ("greedy", "mind"), ("greedy", "mind-lncc"), ("syn", "lncc")):
        methods.method(name, similarity=similarity).sloppy().register(image, image, Context())
    field = DisplacementField(vectors=np.zeros((*shape, 3), np.float32), affine=affine)
    transform = Transform((affine, field, affine))
    segments = Volume(array=(distance < 8).astype(np.int32), affine=affine)
    scan_facts(image, None, segments, {1: "ball"}, threads=1)
    warp(image, transform, image)
    field_part = Deformation(transform=transform, mask=distance < 8, affine=affine)
    structures = scored_structures(segments.array, segments.array, [1])
    for how in ("linear", "nearest"):
        labels = ComparedLabels(
            fixed=segments, moving=segments, transform=transform, start=transform, transfer=how, structures=structures
        )
        take([kind() for kind in measures().values()], RegisteredPair(parts={"labels": labels, "field": field_part}))


if __name__ == "__main__":
    precompile()
