"""Deep Atropos in a process of its own, so that TensorFlow never shares one with PyTorch.

Run as a script: ``segment IMAGE LABELS FOLDER`` needs no network, ``fetch FOLDER`` downloads what it needs (about
100 MB, from figshare, where ANTsXNet keeps it). Only the standard library is imported before the command is known.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

NETWORKS = ("brainExtractionRobustT1", "sixTissueOctantBrainSegmentationWithPriors1")
IMAGES = ("S_template3", "croppedMni152", "croppedMni152Priors")
"""What ``antspynet.deep_atropos`` reads, by the names that ANTsXNet gives it (antspynet 0.3.2)."""


def list_needed(folder: Path) -> list[Path]:
    """Files that must be in a folder before a scan can be segmented without network."""
    return [folder / f"{name}.h5" for name in NETWORKS] + [folder / f"{name}.nii.gz" for name in IMAGES]


def fetch(folder: Path) -> None:
    """Download what is not there."""
    import antspynet

    antspynet.set_antsxnet_cache_directory(str(folder))
    for name in NETWORKS:
        print(antspynet.get_pretrained_network(name))
    for name in IMAGES:
        print(antspynet.get_antsxnet_data(name))


def segment(image: Path, labels: Path, folder: Path) -> None:
    """Segment a T1w image, raw or skull-stripped, and write its labels."""
    # Threads come as OMP_NUM_THREADS; Keras would write a file of its own below HOME.
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    os.environ.update(
        TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2",
        KERAS_HOME=str(labels.parent),
    )  # fmt: skip
    import ants
    import antspynet

    antspynet.set_antsxnet_cache_directory(str(folder))
    made = antspynet.deep_atropos(ants.image_read(str(image)), do_preprocessing=True, verbose=True)
    ants.image_write(made["segmentation_image"], str(labels))


def main(arguments: list[str]) -> None:
    """Do what is asked for."""
    match arguments:
        case ["fetch", folder]:
            fetch(Path(folder).absolute())
        case ["segment", image, labels, folder]:
            segment(Path(image), Path(labels), Path(folder))
        case _:
            sys.exit(f"Give: fetch FOLDER, or: segment IMAGE LABELS FOLDER; not {arguments}.")


if __name__ == "__main__":
    main(sys.argv[1:])
