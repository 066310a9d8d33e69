"""Libraries that every node uses, loaded once by the server that processes are forked from."""

# ruff: noqa: F401
import nibabel
import nipype.pipeline.engine
import numpy
import pandas
import scipy.ndimage
import SimpleITK
import torch

import lumirage_bids.preparing
import lumirage_bids.registering
import lumirage_bids.registration._box_sums
import lumirage_bids.registration._run
import lumirage_bids.registration._sampling_kernels
import lumirage_bids.registration._warp_kernels
