"""elastix in a process of its own.

Run as a script: ``IMAGES FIELD FINAL_SPACING RESOLUTIONS ITERATIONS SAMPLES SEED``.
"""

from __future__ import annotations

import sys

import numpy as np


def main(images: str, field: str, *told: str) -> None:
    """Register, and save the displacement, mm along the axes, shape (X, Y, Z, 3)."""
    import itk

    final_spacing, resolutions, iterations, samples, seed = map(float, told)
    with np.load(images) as given:
        fixed, moving = (itk.GetImageFromArray(np.ascontiguousarray(given[name].T)) for name in ("fixed", "moving"))
        for image in (fixed, moving):
            image.SetSpacing(given["spacing"].tolist())
    parameters = itk.ParameterObject.New()
    table = parameters.GetDefaultParameterMap("bspline", int(resolutions), final_spacing)
    table["MaximumNumberOfIterations"] = [str(int(iterations))]
    table["NumberOfSpatialSamples"] = [str(int(samples))]
    table["RandomSeed"] = [str(int(seed) + 1)]
    table["WriteResultImage"] = ["false"]
    parameters.AddParameterMap(table)
    made = itk.ElastixRegistrationMethod.New(fixed, moving)
    made.SetParameterObject(parameters)
    made.SetLogToConsole(False)
    made.UpdateLargestPossibleRegion()
    moved = itk.TransformixFilter.New(moving)
    moved.SetTransformParameterObject(made.GetTransformParameterObject())
    moved.SetComputeDeformationField(True)
    moved.UpdateLargestPossibleRegion()
    vectors = itk.GetArrayFromImage(moved.GetOutputDeformationField()).transpose(2, 1, 0, 3)
    np.save(field, np.ascontiguousarray(vectors, dtype=np.float32))


if __name__ == "__main__":
    sys.path.pop(0)  # our own folder, whose modules are called as those of others may be
    main(*sys.argv[1:])
